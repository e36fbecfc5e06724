import Engine
import JSONTree
import Seams
import Testing

@Suite("States of a container, and what is refused in each")
struct ContainerStateTests {
  private func running(_ body: @escaping @Sendable (ContainersFixture, String) async throws -> Void) throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      try await body(fixture, id)
    }
  }

  @Test("No such container")
  func missing() throws {
    let fixture = try ContainersFixture()
    try fixture.world.run { () async throws in
      for op in [
        "GET /containers/{id}/json", "POST /containers/{id}/start", "POST /containers/{id}/stop",
        "POST /containers/{id}/wait", "POST /containers/{id}/pause", "POST /containers/{id}/attach",
        "DELETE /containers/{id}", "POST /containers/{id}/restart", "GET /containers/{id}/top",
      ] {
        #expect(try await fixture.outcome(op, "nope") == "404 No such container: nope")
      }
      #expect(
        try await fixture.outcome("POST /containers/{id}/kill", "nope")
          == "404 cannot kill container: nope: No such container: nope")
    }
  }

  @Test("By id, by prefix, by name with and without a slash; a prefix of two is refused")
  func lookUp() throws {
    let fixture = try ContainersFixture()
    try fixture.world.run { () async throws in
      var ids: [String] = []
      for number in 0..<40 { ids.append(try await fixture.create("c\(number)")) }
      #expect(try await fixture.inspect(String(ids[7].prefix(12)))["Name"] == "/c7")
      #expect(try await fixture.inspect("/c9")["Id"]?.string == ids[9])
      // Forty ids have two with the same first digit.
      let first = Dictionary(grouping: ids, by: { $0.first! }).first { $0.value.count > 1 }!.key
      #expect(
        try await fixture.outcome("GET /containers/{id}/json", String(first))
          == "400 multiple IDs found with provided prefix: \(first)")
    }
  }

  @Test("created → running → exited: starting twice and stopping twice change nothing")
  func startAndStop() throws {
    try running { (fixture, id) async throws in
      #expect(try await fixture.state(id) == "running")
      #expect(try await fixture.start(id) == "304")
      #expect(try await fixture.outcome("POST /containers/{id}/stop", id) == "204")
      #expect(try await fixture.state(id) == "exited")
      #expect(try await fixture.outcome("POST /containers/{id}/stop", id) == "304")
      #expect(
        try await fixture.outcome("POST /containers/{id}/kill", "web")
          == "409 cannot kill container: web: container \(id) is not running")
      #expect(try await fixture.outcome("GET /containers/{id}/top", "web") == "409 container \(id) is not running")
      #expect(
        try await fixture.outcome("POST /containers/{id}/resize", "web", query: [("h", "24"), ("w", "80")])
          == "409 container \(id) is not running")
      #expect(try await fixture.start(id) == "204")
    }
  }

  @Test("running ↔ paused")
  func pause() throws {
    try running { (fixture, id) async throws in
      #expect(try await fixture.outcome("POST /containers/{id}/unpause", "web") == "500 Container \(id) is not paused")
      #expect(try await fixture.outcome("POST /containers/{id}/pause", "web") == "204")
      #expect(try await fixture.state(id) == "paused")
      #expect(
        try await fixture.outcome("POST /containers/{id}/pause", "web") == "409 container \(id) is already paused")
      #expect(
        try await fixture.start(id) == "409 cannot start a paused container, try unpause instead")
      #expect(
        try await fixture.outcome("POST /containers/{id}/attach", "web")
          == "409 container web is paused, unpause the container before attach")
      #expect(
        try await fixture.outcome("POST /containers/{id}/exec", "web", body: ["Cmd": ["ls"]])
          == "409 Container web is paused, unpause the container before exec")
      #expect(
        try await fixture.outcome("DELETE /containers/{id}", "web")
          == "409 cannot remove container \"web\": container is paused and must be unpaused first")
      #expect(try await fixture.outcome("POST /containers/{id}/unpause", "web") == "204")
      #expect(try await fixture.state(id) == "running")
      #expect(fixture.events.actions.suffix(2) == ["pause", "unpause"])
    }
  }

  @Test("A paused container is thawed when it is stopped")
  func stopPaused() throws {
    try running { (fixture, id) async throws in
      _ = try await fixture.outcome("POST /containers/{id}/pause", id)
      fixture.containerd.clear()
      #expect(try await fixture.outcome("POST /containers/{id}/stop", id) == "204")
      #expect(fixture.containerd.operations.prefix(2) == ["Tasks/Kill", "Tasks/Resume"])
      #expect(try await fixture.state(id) == "exited")
    }
  }

  @Test("A running container is not removed without force")
  func remove() throws {
    try running { (fixture, id) async throws in
      #expect(
        try await fixture.outcome("DELETE /containers/{id}", "web")
          == "409 cannot remove container \"web\": container is running: stop the container before removing or force "
          + "remove")
      #expect(try await fixture.outcome("DELETE /containers/{id}", "web", query: [("force", "1")]) == "204")
      #expect(try await fixture.outcome("GET /containers/{id}/json", id) == "404 No such container: \(id)")
    }
  }

  @Test("A container that cannot be removed is dead, and says why; later it can")
  func dead() throws {
    let fixture = try ContainersFixture()
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      fixture.containerd.fail("Leases/Delete", EngineError(.unavailable, "containerd is down"))
      let waiting = try await fixture.send("POST /containers/{id}/wait", id, query: [("condition", "removed")])
      #expect(
        try await fixture.outcome("DELETE /containers/{id}", "web")
          == "500 cannot remove container \"web\": containerd is down")
      guard case .stream(let body) = waiting.body else { throw ContainersTestWorld.Stuck() }
      #expect(
        try JSON(parsing: await body.readAll())
          == ["StatusCode": 0, "Error": ["Message": "containerd is down"]])
      #expect(try await fixture.state(id) == "dead")
      #expect(try await fixture.start(id) == "409 container is marked for removal and cannot be started")
      fixture.containerd.fail("Leases/Delete", nil)
      #expect(try await fixture.outcome("DELETE /containers/{id}", "web") == "204")
    }
  }

  @Test("restart: a new process; a container that does not run is started")
  func restart() throws {
    try running { (fixture, id) async throws in
      let first = try await fixture.inspect(id)["State"]?["Pid"]?.int
      #expect(try await fixture.outcome("POST /containers/{id}/restart", "web", query: [("t", "2")]) == "204")
      let second = try await fixture.inspect(id)["State"]?["Pid"]?.int
      #expect(first != second)
      _ = try await fixture.outcome("POST /containers/{id}/stop", id)
      #expect(try await fixture.outcome("POST /containers/{id}/restart", "web") == "204")
      #expect(try await fixture.state(id) == "running")
      #expect(fixture.events.actions.suffix(2) == ["start", "restart"])
    }
  }

  @Test("A container with --rm that is restarted is not removed")
  func restartAutoRemove() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web", host: ["AutoRemove": true])
      try await fixture.start(id)
      #expect(try await fixture.outcome("POST /containers/{id}/restart", id) == "204")
      #expect(try await fixture.state(id) == "running")
      _ = try await fixture.outcome("POST /containers/{id}/kill", id)
      #expect(try await fixture.outcome("GET /containers/{id}/json", id) == "404 No such container: \(id)")
    }
  }

  @Test("Names: taken, malformed, changed")
  func rename() throws {
    try running { (fixture, id) async throws in
      let other = try await fixture.create("db")
      let conflict =
        "409 Error when allocating new name: Conflict. The container name \"/db\" is already in use by container "
        + "\"\(other)\". You have to remove (or rename) that container to be able to reuse that name."
      func rename(_ name: String) async throws -> String {
        try await fixture.outcome("POST /containers/{id}/rename", "web", query: [("name", name)])
      }
      #expect(try await rename("db") == conflict)
      #expect(try await rename("") == "400 Neither old nor new names may be empty")
      #expect(try await rename("web") == "400 Renaming a container with the same name as its current name")
      #expect(
        try await rename("a b")
          == "400 Error when allocating new name: Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
      )
      #expect(try await rename("www") == "204")
      #expect(try await fixture.inspect("www")["Id"]?.string == id)
      // The old name is free again.
      _ = try await fixture.create("web")
      #expect(fixture.events.all.last { $0["Action"] == "rename" }?["Actor"]?["Attributes"]?["oldName"] == "/web")
    }
  }

  @Test("Status words of docker ps")
  func statusWords() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      func status() async throws -> String? {
        try await fixture.json("GET /containers/json", query: [("all", "1")])[0]?["Status"]?.string
      }
      #expect(try await status() == "Created")
      try await fixture.start(id)
      #expect(try await status() == "Up Less than a second")
      try await fixture.world.sleep(90_000_000_000)
      #expect(try await status() == "Up About a minute")
      _ = try await fixture.outcome("POST /containers/{id}/pause", id)
      #expect(try await status() == "Up About a minute (Paused)")
      _ = try await fixture.outcome("POST /containers/{id}/unpause", id)
      _ = try await fixture.outcome("POST /containers/{id}/stop", id)
      try await fixture.world.sleep(3 * 3600 * 1_000_000_000)
      #expect(try await status() == "Exited (143) 3 hours ago")
    }
  }
}
