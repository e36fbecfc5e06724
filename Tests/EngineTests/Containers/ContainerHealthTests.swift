import Engine
import JSONTree
import Seams
import Synchronization
import Testing

@Suite("Health checks")
struct ContainerHealthTests {
  /// A server whose check ends with what `results` say, in turn; the last one for ever.
  private func fixture(_ results: [Int], lasting: UInt64 = 0) throws -> ContainersFixture {
    let fixture = try ContainersFixture()
    let world = fixture.world
    let rest = Mutex(results)
    fixture.containerd.script { process in
      guard process.arguments.first == "/check" || process.arguments.first == "/bin/sh" else {
        return await ContainersFixture.server(process)
      }
      process.print("checked")
      let status = rest.withLock { rest in rest.count > 1 ? rest.removeFirst() : rest[0] }
      guard lasting > 0 else { return status }
      // Longer than its time, unless it is killed.
      let end = Mutex<Int?>(nil)
      let sleeper = world.spawn { if (try? await world.sleep(lasting)) != nil { process.send(0) } }
      let signal = await process.nextSignal()
      end.withLock { $0 = signal }
      sleeper.cancel()
      return signal == 0 ? status : 128 + signal
    }
    return fixture
  }

  private func start(_ fixture: ContainersFixture, _ check: JSONObject) throws -> String {
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Healthcheck": .object(check)])
      try await fixture.start(id)
      return id
    }
  }

  private func health(_ fixture: ContainersFixture, _ id: String) throws -> JSON {
    try fixture.world.run { try await fixture.inspect(id)["State"]?["Health"] ?? .null }
  }

  @Test("starting → healthy; an event; the status column")
  func healthy() throws {
    let fixture = try fixture([0])
    let id = try start(fixture, ["Test": ["CMD", "/check"], "Interval": 1_000_000_000])
    #expect(try health(fixture, id)["Status"] == "starting")
    let status = try fixture.world.run { () async throws in
      try await fixture.json("GET /containers/json")[0]?["Status"]?.string
    }
    #expect(status == "Up Less than a second (health: starting)")
    fixture.world.advance(1_500_000_000)
    let health = try health(fixture, id)
    #expect(health["Status"] == "healthy" && health["FailingStreak"] == 0)
    #expect(health["Log"]?[0]?["Output"] == "checked" && health["Log"]?[0]?["ExitCode"] == 0)
    #expect(fixture.events.actions.filter { $0.hasPrefix("health_status") } == ["health_status: healthy"])
    #expect(fixture.events.actions.contains("exec_create: /check"))
    #expect(fixture.events.actions.contains("exec_die"))
  }

  @Test("Unhealthy after as many failures as there are retries; five results are kept; it recovers")
  func unhealthy() throws {
    let fixture = try fixture([1, 1, 1, 1, 1, 1, 0])
    let id = try start(fixture, ["Test": ["CMD-SHELL", "curl x"], "Interval": 1_000_000_000, "Retries": 3])
    fixture.world.advance(2_500_000_000)
    #expect(try health(fixture, id)["Status"] == "starting")
    fixture.world.advance(1_000_000_000)
    #expect(try health(fixture, id)["Status"] == "unhealthy")
    fixture.world.advance(3_000_000_000)
    let failing = try health(fixture, id)
    #expect(failing["FailingStreak"] == 6 && failing["Log"]?.array?.count == 5)
    fixture.world.advance(1_000_000_000)
    #expect(try health(fixture, id)["Status"] == "healthy")
    #expect(
      fixture.events.actions.filter { $0.hasPrefix("health_status") } == [
        "health_status: unhealthy", "health_status: healthy",
      ])
    // The shell form runs in the shell.
    #expect(fixture.containerd.payload("Tasks/Exec")?["spec"]?["args"]?.strings == ["/bin/sh", "-c", "curl x"])
  }

  @Test("Failures within the start period do not count; it is checked more often meanwhile")
  func startPeriod() throws {
    let fixture = try fixture([1])
    let id = try start(
      fixture,
      [
        "Test": ["CMD", "/check"], "Interval": 10_000_000_000, "StartPeriod": 5_000_000_000,
        "StartInterval": 1_000_000_000, "Retries": 1,
      ])
    fixture.world.advance(4_500_000_000)
    let during = try health(fixture, id)
    #expect(during["Status"] == "starting" && during["FailingStreak"] == 0 && during["Log"]?.array?.count == 4)
    fixture.world.advance(20_000_000_000)
    #expect(try health(fixture, id)["Status"] == "unhealthy")
  }

  @Test("A check that takes too long is killed, and fails")
  func timeout() throws {
    let fixture = try fixture([0], lasting: 60_000_000_000)
    let id = try start(
      fixture, ["Test": ["CMD", "/check"], "Interval": 1_000_000_000, "Timeout": 2_000_000_000, "Retries": 1])
    fixture.world.advance(4_000_000_000)
    let health = try health(fixture, id)
    #expect(health["Status"] == "unhealthy")
    #expect(health["Log"]?[0]?["ExitCode"] == -1)
    #expect(health["Log"]?[0]?["Output"] == "Health check exceeded timeout (2s): checked")
    #expect(fixture.containerd.payload("Tasks/Kill")?["signal"] == 9)
  }

  @Test("No checks while it is paused, none after its end, none with NONE")
  func monitoring() throws {
    let fixture = try fixture([0])
    let id = try start(fixture, ["Test": ["CMD", "/check"], "Interval": 1_000_000_000])
    fixture.world.advance(1_500_000_000)
    func checks() -> Int { fixture.events.actions.count { $0 == "exec_create: /check" } }
    #expect(checks() == 1)
    try fixture.world.run { _ = try await fixture.outcome("POST /containers/{id}/pause", id) }
    fixture.world.advance(5_000_000_000)
    #expect(checks() == 1)
    try fixture.world.run { _ = try await fixture.outcome("POST /containers/{id}/unpause", id) }
    fixture.world.advance(1_500_000_000)
    #expect(checks() == 2)
    try fixture.world.run { _ = try await fixture.outcome("POST /containers/{id}/stop", id) }
    #expect(fixture.world.sleepers == 0)
    let none = try start_(fixture, ["Test": ["NONE"]])
    #expect(try health(fixture, none).isNull)
  }

  private func start_(_ fixture: ContainersFixture, _ check: JSONObject) throws -> String {
    try fixture.world.run { () async throws in
      let id = try await fixture.create("other", ["Healthcheck": .object(check)])
      try await fixture.start(id)
      return id
    }
  }
}
