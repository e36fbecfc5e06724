import Engine
import JSONTree
import Seams
import Testing

@Suite("The life of a container")
struct ContainerRunTests {
  @Test("docker run --rm hands over what genuine Docker hands over, in its order, and leaves nothing behind")
  func runRM() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script { process in
      process.print("hi\n")
      return 0
    }
    fixture.containerd.clear()
    let (output, wait) = try fixture.world.run { () async throws in
      let id = try await fixture.create("", host: ["AutoRemove": true])
      #expect(
        fixture.containerd.operations == [
          "Snapshots/Stat", "Leases/Create", "Snapshots/Prepare", "Snapshots/Commit", "Snapshots/Prepare",
          "Snapshots/Mounts",
        ])
      fixture.containerd.clear()
      let attached = try await fixture.send(
        "POST /containers/{id}/attach", id, query: [("stream", "1"), ("stdout", "1"), ("stderr", "1")], hijack: true)
      guard case .hijacked(let connection) = attached.body else { throw ContainersTestWorld.Stuck() }
      let waiting = try await fixture.send("POST /containers/{id}/wait", id, query: [("condition", "removed")])
      #expect(try await fixture.start(id) == "204")
      let output = demultiplexed(await connection.input.readAll())
      guard case .stream(let body) = waiting.body else { throw ContainersTestWorld.Stuck() }
      return (output, try JSON(parsing: await body.readAll()))
    }
    #expect(output.map(\.text) == ["hi\n"] && output.map(\.stream) == [1])
    #expect(wait == ["StatusCode": 0])
    #expect(
      fixture.containerd.operations == [
        "Snapshots/Mounts", "Leases/Create", "Images/Get", "Containers/Create", "Leases/Delete", "Containers/Get",
        "Containers/Get", "Tasks/Create", "Tasks/Start", "Tasks/Get", "Tasks/Get", "Tasks/Delete", "Tasks/Get",
        "Containers/Get", "Containers/Delete", "Leases/Delete",
      ])
    #expect(fixture.events.actions == ["create", "attach", "start", "die", "destroy"])
    #expect(fixture.containerd.snapshots == [ContainersFixture.chain.description])
    #expect(fixture.containerd.leases.isEmpty && fixture.containerd.containers.isEmpty)
    #expect(fixture.fifos.paths.isEmpty && fixture.files.mounts.isEmpty)
    #expect(fixture.files.paths(below: "/var/lib/docker/containers").isEmpty)
    #expect(fixture.store.load("containers").isEmpty)
    #expect(fixture.networks.connected.withLock { $0.isEmpty })
  }

  @Test("A command that is not there: 400, exit code 127, and the words of runC")
  func badCommand() throws {
    let fixture = try ContainersFixture()
    let message =
      "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
      + "error during container init: exec: \"nosuch\": executable file not found in $PATH"
    fixture.containerd.fail("Tasks/Create", EngineError(.unknown, message))
    fixture.containerd.clear()
    let (outcome, json) = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Cmd": ["nosuch"]])
      fixture.containerd.clear()
      return (try await fixture.start(id), try await fixture.inspect(id))
    }
    #expect(outcome == "400 failed to create task for container: \(message)")
    #expect(json["State"]?["Status"] == "created" && json["State"]?["ExitCode"] == 127)
    #expect(json["State"]?["Error"]?.string == "failed to create task for container: \(message)")
    // As captured: no task was made, so none is deleted.
    #expect(
      fixture.containerd.operations.suffix(4) == ["Tasks/Create", "Tasks/Get", "Containers/Get", "Containers/Delete"])
    #expect(fixture.files.mounts.isEmpty && fixture.fifos.paths.isEmpty)
  }

  @Test(
    "Exit codes of starts that fail",
    arguments: [
      ("exec: \"/etc\": is a directory", 126, ": permission denied"),
      ("exec: \"/x\": permission denied", 126, ""),
      (
        "mount: not a directory", 127,
        ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the "
          + "specified host path exists and is the expected type"
      ),
      ("something else", 128, ""),
    ])
  func startFailures(_ message: String, _ exitCode: Int, _ addition: String) throws {
    let fixture = try ContainersFixture()
    fixture.containerd.fail("Tasks/Start", EngineError(.unknown, message))
    let (outcome, json) = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      return (try await fixture.start(id), try await fixture.inspect(id))
    }
    #expect(outcome == "\(exitCode == 128 ? 500 : 400) \(message)\(addition)")
    #expect(json["State"]?["ExitCode"]?.int == exitCode)
    // The task that had been made is taken back.
    #expect(fixture.containerd.operations.contains("Tasks/Delete") && fixture.containerd.containers.isEmpty)
  }

  @Test("A network that cannot be had leaves the container created")
  func networkFailure() throws {
    let fixture = try ContainersFixture()
    fixture.networks.fail(
      EngineError(.unknown, "driver failed programming external connectivity: port is already allocated"))
    let (outcome, json) = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      let outcome = try await fixture.start(id)
      return (outcome, try await fixture.inspect(id))
    }
    #expect(
      outcome
        == "500 failed to set up container networking: driver failed programming external connectivity: port is already "
        + "allocated")
    #expect(json["State"]?["Status"] == "created")
  }

  @Test("stop: SIGTERM, ten seconds, SIGKILL: two Kills, as captured")
  func stop() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.stubborn)
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      fixture.containerd.clear()
      let before = fixture.world.now
      #expect(try await fixture.outcome("POST /containers/{id}/stop", "web") == "204")
      #expect(fixture.world.now - before == 10_000_000_000)
      #expect(
        fixture.containerd.operations == [
          "Tasks/Kill", "Tasks/Kill", "Tasks/Get", "Tasks/Get", "Tasks/Delete", "Tasks/Get", "Containers/Get",
          "Containers/Delete",
        ])
      let json = try await fixture.inspect(id)
      #expect(json["State"]?["Status"] == "exited" && json["State"]?["ExitCode"] == 137)
      fixture.containerd.clear()
      #expect(try await fixture.outcome("DELETE /containers/{id}", "web") == "204")
      #expect(fixture.containerd.operations == ["Leases/Delete"])
    }
    #expect(fixture.events.actions == ["create", "start", "kill", "kill", "die", "stop", "destroy"])
  }

  @Test("A signal and a time of one's own; the image's stop signal")
  func stopOptions() throws {
    let fixture = try ContainersFixture()
    fixture.addImage("nginx", .init(cmd: ["nginx"], stopSignal: "SIGQUIT"))
    fixture.containerd.script { process in 128 + (await process.nextSignal()) }
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Image": "nginx"])
      try await fixture.start(id)
      #expect(try await fixture.outcome("POST /containers/{id}/stop", "web") == "204")
      #expect(try await fixture.inspect(id)["State"]?["ExitCode"] == 131)
      try await fixture.start(id)
      let query = [("signal", "HUP"), ("t", "1")]
      #expect(try await fixture.outcome("POST /containers/{id}/stop", "web", query: query) == "204")
      #expect(try await fixture.inspect(id)["State"]?["ExitCode"] == 129)
      #expect(
        try await fixture.outcome("POST /containers/{id}/kill", "web", query: [("signal", "NOPE")])
          == "400 cannot kill container: web: invalid signal: NOPE")
    }
  }

  @Test("wait: not-running, next-exit, removed, and nothing else")
  func wait() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script { _ in 7 }
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      #expect(try await fixture.json("POST /containers/{id}/wait", id) == ["StatusCode": 0])
      let next = try await fixture.send("POST /containers/{id}/wait", id, query: [("condition", "next-exit")])
      try await fixture.start(id)
      guard case .stream(let body) = next.body else { throw ContainersTestWorld.Stuck() }
      #expect(try JSON(parsing: await body.readAll()) == ["StatusCode": 7])
      #expect(
        try await fixture.outcome("POST /containers/{id}/wait", id, query: [("condition", "tomorrow")])
          == "400 invalid condition: \"tomorrow\"")
    }
  }

  @Test("Standard input: what was typed before the start arrives, its end closes it at containerd")
  func stdin() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script { process in
      let bytes = await process.stdin?.readAll() ?? []
      process.print(String(decoding: bytes, as: UTF8.self).uppercased())
      return 0
    }
    let output = try fixture.world.run { () async throws in
      let id = try await fixture.create("cat", ["OpenStdin": true, "StdinOnce": true, "AttachStdin": true])
      let query = [("stream", "1"), ("stdin", "1"), ("stdout", "1")]
      let attached = try await fixture.send("POST /containers/{id}/attach", id, query: query, hijack: true)
      guard case .hijacked(let connection) = attached.body else { throw ContainersTestWorld.Stuck() }
      await connection.output.write(Array("one ".utf8))
      try await fixture.start(id)
      await connection.output.write(Array("two".utf8))
      connection.output.closeWriting()
      return demultiplexed(await connection.input.readAll())
    }
    #expect(output.map(\.text) == ["ONE TWO"])
    #expect(fixture.containerd.operations.contains("Tasks/CloseIO"))
  }

  @Test("The detach keys of a terminal let the container run on")
  func detach() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    try fixture.world.run { () async throws in
      let id = try await fixture.create("sh", ["Tty": true, "OpenStdin": true])
      let query = [("stream", "1"), ("stdin", "1"), ("stdout", "1"), ("detachKeys", "ctrl-x,q")]
      let attached = try await fixture.send("POST /containers/{id}/attach", id, query: query, hijack: true)
      guard case .hijacked(let connection) = attached.body else { throw ContainersTestWorld.Stuck() }
      try await fixture.start(id)
      await connection.output.write([24, UInt8(ascii: "q")])
      #expect(await connection.input.readAll() == [])
      #expect(try await fixture.state(id) == "running")
      try await fixture.send("POST /containers/{id}/kill", id).errorMessage.map { _ = $0 }
    }
    #expect(fixture.events.actions.contains("detach"))
  }

  @Test("OOM: the event, and what inspect says")
  func oom() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    let json = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      fixture.containerd.publish("/tasks/oom", ["containerID": .string(id)])
      _ = try await fixture.outcome("POST /containers/{id}/kill", id)
      return try await fixture.inspect(id)
    }
    #expect(json["State"]?["OOMKilled"] == true)
    #expect(fixture.events.actions.contains("oom"))
  }

  @Test("/etc/hosts, /etc/hostname and /etc/resolv.conf")
  func networkFiles() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    let (folder, hosts, hostname, legacy, userDefined) = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Hostname": "box"], host: ["ExtraHosts": ["db:10.0.0.9"]])
      try await fixture.start(id)
      let folder = "/var/lib/docker/containers/\(id)"
      let other = try await fixture.create("db", host: ["NetworkMode": "back"])
      try await fixture.start(other)
      return (
        folder, fixture.files.text("\(folder)/hosts") ?? "", fixture.files.text("\(folder)/hostname"),
        fixture.files.text("\(folder)/resolv.conf") ?? "",
        fixture.files.text("/var/lib/docker/containers/\(other)/resolv.conf") ?? ""
      )
    }
    #expect(hostname == "box\n")
    #expect(hosts.hasPrefix("127.0.0.1\tlocalhost\n"))
    #expect(hosts.hasSuffix("ff02::2\tip6-allrouters\n10.0.0.9\tdb\n172.17.0.2\tbox\n"))
    #expect(legacy.contains("nameserver 192.0.2.53\nsearch example.net\n"))
    #expect(userDefined.contains("nameserver 127.0.0.11\nsearch example.net\noptions ndots:0\n"))
    #expect(userDefined.contains("# ExtServers: [192.0.2.53]\n"))
    #expect(fixture.files.paths(below: folder).contains("\(folder)/hosts"))
  }

  @Test("A network that is joined later adds its line to /etc/hosts; one that is left takes it away")
  func hostsFollowNetworks() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    @Sendable func networks(_ addresses: [(String, String)]) -> SandboxState {
      SandboxState(
        sandboxID: "s", networks: JSONObject(addresses.map { .init($0.0, ["IPAddress": .string($0.1)]) }), ports: [:],
        primaryAddress: addresses[0].1)
    }
    let (joined, left) = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Hostname": "box"])
      try await fixture.start(id)
      let path = "/var/lib/docker/containers/\(id)/hosts"
      await fixture.service.networksChanged(id, networks([("bridge", "172.17.0.2"), ("back", "172.18.0.3")]))
      let joined = fixture.files.text(path) ?? ""
      await fixture.service.networksChanged(id, networks([("back", "172.18.0.3")]))
      return (joined, fixture.files.text(path) ?? "")
    }
    #expect(joined.hasSuffix("ff02::2\tip6-allrouters\n172.17.0.2\tbox\n172.18.0.3\tbox\n"))
    #expect(left.hasSuffix("ff02::2\tip6-allrouters\n172.18.0.3\tbox\n"))
  }

  @Test("Volumes: copy-up of what the image has, --rm takes anonymous ones along, named ones stay")
  func volumes() throws {
    let fixture = try ContainersFixture()
    fixture.addImage("db", .init(cmd: ["db"], volumes: ["/data"]))
    fixture.files.putInImage("/data/seed.sql", "create")
    let (named, anonymous) = try fixture.world.run { () async throws in
      let id = try await fixture.create("db", ["Image": "db"], host: ["AutoRemove": true, "Binds": ["logs:/var/log"]])
      let mounts = try await fixture.inspect(id)["Mounts"]?.array ?? []
      #expect(mounts.compactMap { $0["Destination"]?.string } == ["/var/log", "/data"])
      let anonymous = mounts[1]["Name"]?.string ?? ""
      #expect(fixture.files.text("/var/lib/docker/volumes/\(anonymous)/_data/seed.sql") == "create")
      let gone = try await fixture.send("POST /containers/{id}/wait", id, query: [("condition", "removed")])
      try await fixture.start(id)
      guard case .stream(let body) = gone.body else { throw ContainersTestWorld.Stuck() }
      _ = await body.readAll()
      return (fixture.volumes.users.withLock { $0["logs"] }, anonymous)
    }
    #expect(named == [])
    #expect(fixture.volumes.removed.withLock { $0 } == [anonymous])
  }
}
