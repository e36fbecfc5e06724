import JSONTree
import Seams
import Testing

@testable import Engine

@Suite("docker exec")
struct ContainerExecTests {
  private func fixture() throws -> (fixture: ContainersFixture, id: String) {
    let fixture = try ContainersFixture()
    fixture.containerd.script { process in
      switch process.arguments.first {
      case "ps":
        process.print("PID\n")
        process.complain("warning\n")
        return 3
      case "cat":
        process.print(String(decoding: await process.stdin?.readAll() ?? [], as: UTF8.self))
        return 0
      default: return await ContainersFixture.server(process)
      }
    }
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Env": ["A=1"], "User": "www", "WorkingDir": "/srv"])
      try await fixture.start(id)
      return id
    }
    return (fixture, id)
  }

  private func exec(_ fixture: ContainersFixture, _ body: JSONObject) async throws -> String {
    try await fixture.json("POST /containers/{id}/exec", "web", body: .object(body))["Id"]?.string ?? ""
  }

  @Test("The handoffs of the capture; both streams; the exit code afterwards")
  func run() throws {
    let (fixture, id) = try fixture()
    fixture.containerd.clear()
    let (output, json) = try fixture.world.run { () async throws in
      let exec = try await exec(
        fixture, ["Cmd": ["ps", "-ef"], "AttachStdout": true, "AttachStderr": true, "Env": ["B=2"]])
      let response = try await fixture.send("POST /exec/{id}/start", exec, body: ["Detach": false], hijack: true)
      guard response.status == 101, case .hijacked(let connection) = response.body else {
        throw ContainersTestWorld.Stuck()
      }
      let output = demultiplexed(await connection.input.readAll())
      let json = try await fixture.json("GET /exec/{id}/json", exec)
      try await fixture.world.sleep(1)
      return (output, json)
    }
    #expect(output.first { $0.stream == 1 }?.text == "PID\n" && output.first { $0.stream == 2 }?.text == "warning\n")
    #expect(json["ExitCode"] == 3 && json["Running"] == false && json["ContainerID"]?.string == id)
    #expect(
      fixture.containerd.operations == [
        "Containers/Get", "Tasks/Exec", "Tasks/Start", "Tasks/Get", "Tasks/DeleteProcess",
      ])
    let spec = fixture.containerd.payload("Tasks/Exec")?["spec"]
    #expect(spec?["args"]?.strings == ["ps", "-ef"] && spec?["cwd"] == "/srv")
    #expect(spec?["user"]?["uid"] == 33)
    #expect((spec?["env"]?.strings ?? []).suffix(2) == ["A=1", "B=2"])
    #expect(
      fixture.events.actions.filter { $0.hasPrefix("exec") } == [
        "exec_create: ps -ef", "exec_start: ps -ef", "exec_die",
      ])
  }

  @Test("Standard input")
  func stdin() throws {
    let (fixture, _) = try fixture()
    let output = try fixture.world.run { () async throws in
      let exec = try await exec(fixture, ["Cmd": ["cat"], "AttachStdin": true, "AttachStdout": true])
      let response = try await fixture.send("POST /exec/{id}/start", exec, body: [:], hijack: true)
      guard case .hijacked(let connection) = response.body else { throw ContainersTestWorld.Stuck() }
      await connection.output.write(Array("typed".utf8))
      connection.output.closeWriting()
      return demultiplexed(await connection.input.readAll())
    }
    #expect(output.map(\.text) == ["typed"])
  }

  @Test("A command that is not there: its words on the connection, 127 afterwards; detached: a refusal")
  func badCommand() throws {
    let (fixture, _) = try fixture()
    let message =
      "OCI runtime exec failed: exec failed: unable to start container process: exec: \"x\": executable file not found in "
      + "$PATH"
    fixture.containerd.fail("Tasks/Start", EngineError(.unknown, message))
    try fixture.world.run { () async throws in
      let one = try await exec(fixture, ["Cmd": ["x"], "AttachStdout": true])
      let response = try await fixture.send("POST /exec/{id}/start", one, body: [:], hijack: true)
      guard case .hijacked(let connection) = response.body else { throw ContainersTestWorld.Stuck() }
      #expect(demultiplexed(await connection.input.readAll()).map(\.text) == [message + "\r\n"])
      #expect(try await fixture.json("GET /exec/{id}/json", one)["ExitCode"] == 127)
      let two = try await exec(fixture, ["Cmd": ["x"]])
      #expect(try await fixture.outcome("POST /exec/{id}/start", two, body: ["Detach": true]) == "400 \(message)")
    }
    #expect(fixture.fifos.paths.count == 2)
  }

  @Test("What is refused")
  func refusals() throws {
    let (fixture, id) = try fixture()
    try fixture.world.run { () async throws in
      #expect(
        try await fixture.outcome("POST /containers/{id}/exec", "web", body: [:]) == "400 No exec command specified")
      #expect(
        try await fixture.outcome("POST /containers/{id}/exec", "web", body: ["Cmd": ["x"], "User": "nobody"])
          == "400 unable to find user nobody: no matching entries in passwd file")
      #expect(try await fixture.outcome("GET /exec/{id}/json", "abc") == "404 No such exec instance: abc")
      #expect(try await fixture.outcome("POST /exec/{id}/start", "abc") == "404 No such exec instance: abc")
      let exec = try await exec(fixture, ["Cmd": ["ps"]])
      #expect(try await fixture.outcome("POST /exec/{id}/start", exec, body: ["Detach": true]) == "200")
      #expect(
        try await fixture.outcome("POST /exec/{id}/start", exec, body: ["Detach": true])
          .hasPrefix("409 exec command \(exec) "))
      _ = try await fixture.outcome("POST /containers/{id}/kill", id)
      #expect(
        try await fixture.outcome("POST /containers/{id}/exec", "web", body: ["Cmd": ["x"]])
          == "409 container \(id) is not running")
    }
  }

  @Test("With the container its exec sessions are forgotten")
  func forgotten() throws {
    let (fixture, _) = try fixture()
    try fixture.world.run { () async throws in
      let exec = try await exec(fixture, ["Cmd": ["ps"]])
      _ = try await fixture.outcome("POST /exec/{id}/start", exec, body: ["Detach": true])
      try await fixture.world.sleep(1)
      #expect(try await fixture.json("GET /exec/{id}/json", exec)["ExitCode"] == 3)
      _ = try await fixture.outcome("DELETE /containers/{id}", "web", query: [("force", "1")])
      #expect(try await fixture.outcome("GET /exec/{id}/json", exec) == "404 No such exec instance: \(exec)")
      #expect(fixture.service.execs[exec] == nil)
    }
  }

  @Test("--privileged and --user change the process, nothing of the container")
  func privileged() throws {
    let (fixture, _) = try fixture()
    try fixture.world.run { () async throws in
      let exec = try await exec(fixture, ["Cmd": ["ps"], "Privileged": true, "User": "0:40", "WorkingDir": "/"])
      _ = try await fixture.outcome("POST /exec/{id}/start", exec, body: ["Detach": true])
    }
    let spec = fixture.containerd.payload("Tasks/Exec")?["spec"]
    #expect(spec?["capabilities"]?["bounding"]?.strings?.count == 41)
    #expect(spec?["user"] == ["uid": 0, "gid": 40, "additionalGids": [40]])
    #expect(spec?["cwd"] == "/")
  }
}
