import JSONTree

extension Command {
  static let containerPort = Command(
    "port", usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
    short: "List port mappings or a specific mapping for the container",
    spellings: "docker container port, docker port", rule: .atLeast(1), completes: [.runningContainers, .nothing]
  ) { invocation in
    guard invocation.arguments.count <= 2 else {
      throw CommandError(
        "docker: '\(invocation.path)' requires at most 2 arguments\n\nUsage:  "
          + Help.usageLine(invocation.command, path: invocation.path)
          + "\n\nRun '\(invocation.path) --help' for more information")
    }
    let container = try await invocation.session.json(
      request("GET", "/containers/{id}/json", ["id": invocation.argument]))
    let ports = container["NetworkSettings"]?["Ports"]?.object?.members ?? []
    func address(_ binding: JSON) -> String {
      let ip = binding.text("HostIp")
      return (ip.contains(":") ? "[\(ip)]" : ip) + ":" + binding.text("HostPort")
    }
    if invocation.arguments.count == 2 {
      let wanted = invocation.arguments[1]
      let parts = wanted.parts("/")
      let key = parts.count == 1 ? "\(wanted)/tcp" : wanted
      let bindings = parts.count <= 2 ? ports.first { $0.key == key }?.value.array ?? [] : []
      guard !bindings.isEmpty else {
        throw CommandError("Error: No public port '\(wanted)' published for \(invocation.argument)")
      }
      for binding in bindings { try await invocation.line(address(binding)) }
      return 0
    }
    var lines: [String] = []
    for port in ports { for binding in port.value.array ?? [] { lines.append("\(port.key) -> \(address(binding))") } }
    for line in lines.sorted(by: Show.naturalOrder) { try await invocation.line(line) }
    return 0
  }
}
