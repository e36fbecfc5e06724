import JSONTree

extension Command {
  static let containerTop = Command(
    "top", usage: "CONTAINER [ps OPTIONS]", short: "Display the running processes of a container",
    spellings: "docker container top, docker top", rule: .atLeast(1), interspersed: false,
    completes: [.runningContainers, .nothing]
  ) { invocation in
    let options = invocation.arguments.dropFirst().joined(separator: " ")
    let processes = try await invocation.session.json(
      request(
        "GET", "/containers/{id}/top", ["id": invocation.argument], query: options.isEmpty ? [] : [("ps_args", options)]
      ))
    var text = (processes["Titles"]?.strings ?? []).joined(separator: "\t") + "\n"
    for process in processes["Processes"]?.array ?? [] {
      text += (process.strings ?? []).joined(separator: "\t") + "\n"
    }
    try await invocation.out(TabWriter.align(text, minimum: 20))
    return 0
  }
}
