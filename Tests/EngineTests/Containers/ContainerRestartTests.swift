import Engine
import JSONTree
import Seams
import Synchronization
import Testing

@Suite("Restart policies")
struct ContainerRestartTests {
  /// When each run began, in milliseconds since the first, of a container that ends at once with `status`.
  private func starts(_ policy: JSON, status: Int, lasting: UInt64 = 0, within: UInt64) throws -> (
    milliseconds: [UInt64], state: JSON
  ) {
    let fixture = try ContainersFixture()
    let times = Mutex<[UInt64]>([])
    let world = fixture.world
    fixture.containerd.script { _ in
      times.withLock { $0.append(world.now) }
      if lasting > 0 { try? await world.sleep(lasting) }
      return status
    }
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", host: ["RestartPolicy": policy])
      try await fixture.start(id)
      return id
    }
    fixture.world.advance(within)
    let state = try fixture.world.run { try await fixture.inspect(id) }
    let all = times.withLock { $0 }
    return (all.map { ($0 - all[0]) / 1_000_000 }, state)
  }

  @Test("always: the delay doubles from 100 ms, to a minute at most")
  func backoff() throws {
    let (times, state) = try starts(["Name": "always"], status: 0, within: 300_000_000_000)
    #expect(
      times == [0, 100, 300, 700, 1500, 3100, 6300, 12700, 25500, 51100, 102_300, 162_300, 222_300, 282_300])
    #expect(state["RestartCount"]?.int == times.count)
    #expect(state["State"]?["Status"] == "restarting")
  }

  @Test("A container that ran ten seconds starts over with 100 ms")
  func stable() throws {
    let (times, _) = try starts(
      ["Name": "always"], status: 0, lasting: 10_000_000_000, within: 31_000_000_000)
    #expect(times == [0, 10_100, 20_200, 30_300])
  }

  @Test("on-failure:3 gives up after the third restart; success ends it")
  func onFailure() throws {
    let (failing, state) = try starts(
      ["Name": "on-failure", "MaximumRetryCount": 3], status: 1, within: 60_000_000_000)
    #expect(failing == [0, 100, 300, 700])
    #expect(state["State"]?["Status"] == "exited" && state["State"]?["ExitCode"] == 1)
    #expect(try starts(["Name": "on-failure"], status: 0, within: 60_000_000_000).milliseconds == [0])
  }

  @Test("Stopping ends the policy, also between two runs")
  func stopped() throws {
    let fixture = try ContainersFixture()
    let runs = Mutex(0)
    fixture.containerd.script { _ in
      runs.withLock { $0 += 1 }
      return 1
    }
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", host: ["RestartPolicy": ["Name": "unless-stopped"]])
      try await fixture.start(id)
      try await fixture.world.sleep(50_000_000)
      #expect(try await fixture.state(id) == "restarting")
      #expect(
        try await fixture.outcome("POST /containers/{id}/exec", "web", body: ["Cmd": ["ls"]])
          == "409 Container \(id) is restarting, wait until the container is running")
      #expect(
        try await fixture.outcome("DELETE /containers/{id}", "web")
          == "409 cannot remove container \"web\": container is restarting: stop the container before removing or force "
          + "remove")
      #expect(try await fixture.outcome("POST /containers/{id}/stop", id) == "204")
      #expect(try await fixture.state(id) == "exited")
      return id
    }
    fixture.world.advance(60_000_000_000)
    #expect(runs.withLock { $0 } == 1)
    // By hand it starts, and its policy holds again.
    try fixture.world.run { _ = try await fixture.start(id) }
    fixture.world.advance(250_000_000)
    #expect(runs.withLock { $0 } == 3)
  }

  @Test("update changes the policy of a running container")
  func update() throws {
    let fixture = try ContainersFixture()
    let runs = Mutex(0)
    fixture.containerd.script { process in
      runs.withLock { $0 += 1 }
      return 128 + (await process.nextSignal())
    }
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      #expect(
        try await fixture.outcome(
          "POST /containers/{id}/update", id, body: ["RestartPolicy": ["Name": "always"]]) == "200")
      // It ends by itself, as far as dockerd can see.
      _ = try? await fixture.containerd.call(Tasks.Kill(containerId: id, signal: 11), namespace: "moby")
      try await fixture.world.sleep(200_000_000)
      #expect(try await fixture.state(id) == "running")
      #expect(try await fixture.inspect(id)["RestartCount"] == 1)
    }
    #expect(runs.withLock { $0 } == 2)
  }

  @Test("After a restart of the daemon: always is started, unless-stopped as it was, others are not")
  func daemonRestart() throws {
    let before = try ContainersFixture()
    before.containerd.script(ContainersFixture.server)
    try before.world.run { () async throws in
      for (name, policy) in [
        ("always", "always"), ("kept", "unless-stopped"), ("stopped", "unless-stopped"), ("no", "no"),
      ] {
        let id = try await before.create(name, host: ["RestartPolicy": ["Name": .string(policy)]])
        try await before.start(id)
      }
      _ = try await before.outcome("POST /containers/{id}/stop", "stopped")
      _ = try await before.outcome("POST /containers/{id}/stop", "always")
      await before.api.shutdown()
    }
    let after = try ContainersFixture(after: before)
    let states = try after.world.run { () async throws in
      var states: [String: String] = [:]
      for item in try await after.json("GET /containers/json", query: [("all", "1")]).array ?? [] {
        states[item["Names"]?[0]?.string ?? ""] = item["State"]?.string
      }
      return states
    }
    #expect(states == ["/always": "running", "/kept": "running", "/stopped": "exited", "/no": "exited"])
  }

  @Test("A daemon that died finds its running containers again: their shims held them")
  func crash() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      return id
    }
    let second = try ContainersFixture(after: fixture)
    try second.world.run { () async throws in
      #expect(try await second.state(id) == "running")
      #expect(try await second.inspect("web")["Id"]?.string == id)
      #expect(try await second.outcome("POST /containers/{id}/stop", id) == "204")
      #expect(try await second.inspect(id)["State"]?["ExitCode"] == 143)
    }
  }

  @Test("A container that ended while no daemon was there: 255 when nobody can tell")
  func endedMeanwhile() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      return id
    }
    fixture.containerd.fail("Containers/Get", EngineError(.notFound, "container not found"))
    let second = try ContainersFixture(after: fixture)
    let state = try second.world.run { () async throws in try await second.inspect(id)["State"] }
    #expect(state?["Status"] == "exited" && state?["ExitCode"] == 255)
  }
}
