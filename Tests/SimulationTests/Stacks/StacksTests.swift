import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("Stacks beside one another")
struct StacksTests {
  static let names = ["docker", "cri-o", "containerd", "podman", "fargate", "docker-1.10"]

  @Test("every party of a handoff is one of the stack's, and what can be broken is one of them", arguments: names)
  func parties(_ name: String) throws {
    let stack = try StackFixture(name)
    try stack.pull("alpine")
    let id = try stack.run("alpine", ["sleep", "1000"], detached: true).id
    try stack.exec(id, ["true"])
    for template in ["/containers/json", "/images/json", "/version", "/info"] { try stack.send("GET", template) }
    for template in ["/containers/{id}/json", "/containers/{id}/logs"] {
      try stack.send("GET", template, ["id": id], ["stdout": "1"])
    }
    try stack.send("POST", "/containers/{id}/stop", ["id": id], ["t": "0"])
    try stack.send("DELETE", "/containers/{id}", ["id": id])
    try stack.send("DELETE", "/images/{name}", ["name": "alpine"])
    var met: Set<String> = []
    for record in stack.keeper.records {
      if case .call(let call) = record.event { met.formUnion([call.from.rawValue, call.to.rawValue]) }
    }
    #expect(met.subtracting(stack.machine.parties).isEmpty)
    #expect(Set(stack.machine.breakable).isSubset(of: stack.machine.parties))
    #expect(try stack.send("GET", "/images/json").json.array?.isEmpty == true)
  }

  @Test("each stack is on a host of its own, with images and containers of its own")
  func hosts() throws {
    let stack = try StackFixture("docker")
    try stack.pull("alpine")
    let ports: JSONObject = ["PortBindings": ["80/tcp": [["HostPort": "8080"]]]]
    try stack.run("alpine", ["sleep", "1000"], detached: true, name: "web", host: ports)
    try stack.machine.use(stack: "podman")
    #expect(try stack.send("GET", "/images/json").json.array?.isEmpty == true)
    try stack.pull("alpine")
    try stack.run("alpine", ["sleep", "1000"], detached: true, name: "web", host: ports)
    #expect(stack.processes.contains { $0.hasPrefix("/usr/bin/conmon") })
    try stack.machine.use(stack: "docker")
    #expect(stack.processes.contains { $0.hasPrefix("containerd-shim-runc-v2") })
    #expect(try stack.send("GET", "/containers/json").json.array?.count == 1)
    #expect(throws: EngineError.self) { try stack.machine.use(stack: "rkt") }
    #expect(stack.machine.stack == "docker")
  }

  @Test("the runtime can be chosen on each but the monolith", arguments: names.filter { $0 != "docker-1.10" })
  func runtimes(_ name: String) throws {
    let stack = try StackFixture(name)
    try stack.pull("alpine")
    for runtime in SimMachine.runtimes {
      #expect(stack.machine.use(runtime: runtime) == nil)
      #expect(try stack.run("alpine", ["true"], rm: true).status == 0)
      #expect(stack.handoffs().contains { $0.hasSuffix("\(runtime) create") })
    }
  }

  @Test("standard input reaches the process, and a terminal is one", arguments: names)
  func streams(_ name: String) throws {
    let stack = try StackFixture(name)
    try stack.pull("alpine")
    let text = try stack.command("docker run -i alpine cat") { daemon in
      let created = try await daemon.send(
        APIRequest(
          "POST", "/containers/create",
          body: [
            "Image": "alpine", "Cmd": ["sh", "-c", "cat; tty || true"], "OpenStdin": true, "StdinOnce": true,
            "AttachStdin": true, "AttachStdout": true,
          ])
      ).checked()
      let id = created.json["Id"]?.string ?? ""
      let attached = try await daemon.send(
        APIRequest(
          "POST", "/containers/{id}/attach", ["id": id],
          query: ["stream", "stdin", "stdout"].map { NameValue($0, "1") }, hijack: true))
      guard case .hijacked(let connection) = attached.body else { return "" }
      _ = try await daemon.send(APIRequest("POST", "/containers/{id}/start", ["id": id])).checked()
      await connection.output.write(Array("typed\n".utf8))
      connection.output.closeWriting()
      return demultiplexed(await connection.input.readAll())
    }
    #expect(text == "typed\nnot a tty\n")
  }
}
