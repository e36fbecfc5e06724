import JSONTree

extension Command {
  static let containerDiff = Command(
    "diff", usage: "CONTAINER", short: "Inspect changes to files or directories on a container's filesystem",
    spellings: "docker container diff, docker diff", rule: .exactly(1), completes: [.containers]
  ) { invocation in
    guard !invocation.argument.isEmpty else { throw CommandError("Container name cannot be empty") }
    let changes = try await invocation.session.json(
      request("GET", "/containers/{id}/changes", ["id": invocation.argument]))
    for change in changes.array ?? [] {
      let kind =
        switch change.number("Kind") {
        case 0: "C"
        case 1: "A"
        default: "D"
        }
      try await invocation.line("\(kind) \(change.text("Path"))")
    }
    return 0
  }
}
