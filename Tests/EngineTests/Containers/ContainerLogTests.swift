import Archive
import JSONTree
import Seams
import Testing

@testable import Engine

@Suite("Logs")
struct ContainerLogTests {
  /// Runs a container that writes `output`, to its end.
  private func ran(
    _ host: JSONObject = [:], _ config: JSONObject = [:], _ script: @escaping ContainersFakeContainerd.Script
  ) throws -> (fixture: ContainersFixture, id: String) {
    let fixture = try ContainersFixture()
    fixture.containerd.script(script)
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", config, host: host)
      let waiting = try await fixture.send("POST /containers/{id}/wait", id, query: [("condition", "next-exit")])
      try await fixture.start(id)
      guard case .stream(let body) = waiting.body else { throw ContainersTestWorld.Stuck() }
      _ = await body.readAll()
      return id
    }
    return (fixture, id)
  }

  private func logs(_ fixture: ContainersFixture, _ id: String, _ query: [(String, String)]) throws -> [(
    stream: UInt8, text: String
  )] {
    try fixture.world.run { () async throws in
      let response = try await fixture.send("GET /containers/{id}/logs", id, query: query)
      guard case .stream(let channel) = response.body else { throw ContainersTestWorld.Stuck() }
      return demultiplexed(await channel.readAll())
    }
  }

  private let both = [("stdout", "1"), ("stderr", "1")]

  @Test("json-file: a line each, as Docker writes it")
  func jsonFile() throws {
    let (fixture, id) = try ran { process in
      process.print("hi \"you\"\n")
      process.print("no newline")
      return 0
    }
    let file = fixture.files.text("/var/lib/docker/containers/\(id)/\(id)-json.log") ?? ""
    #expect(
      file == """
        {"log":"hi \\"you\\"\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}
        {"log":"no newline","stream":"stdout","time":"2026-01-01T00:00:00Z"}

        """)
    let inspected = try fixture.world.run { try await fixture.inspect(id)["LogPath"]?.string }
    #expect(inspected == "/var/lib/docker/containers/\(id)/\(id)-json.log")
  }

  @Test("Both streams, one of them, the last lines, timestamps")
  func reading() throws {
    let (fixture, id) = try ran { process in
      process.print("one\ntwo\n")
      process.complain("bad\n")
      process.print("three\n")
      return 0
    }
    #expect(try logs(fixture, id, both).map(\.text).sorted() == ["bad\n", "one\n", "three\n", "two\n"])
    #expect(try logs(fixture, id, [("stderr", "1")]).map(\.stream) == [2])
    #expect(try logs(fixture, id, [("stdout", "1"), ("tail", "1")]).map(\.text) == ["three\n"])
    #expect(try logs(fixture, id, [("stdout", "1"), ("tail", "all")]).count == 3)
    #expect(
      try logs(fixture, id, [("stderr", "1"), ("timestamps", "1")]).map(\.text)
        == ["2026-01-01T00:00:00.000000000Z bad\n"])
  }

  @Test("since and until")
  func moments() throws {
    let fixture = try ContainersFixture()
    let world = fixture.world
    fixture.containerd.script { process in
      for number in 0..<4 {
        process.print("\(number)\n")
        try? await world.sleep(10_000_000_000)
      }
      return 0
    }
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      return id
    }
    fixture.world.advance(60_000_000_000)
    let start = ContainersTestWorld.epoch / 1_000_000_000
    #expect(
      try logs(fixture, id, [("stdout", "1"), ("since", "\(start + 5)"), ("until", "\(start + 25)")]).map(\.text)
        == ["1\n", "2\n"])
    #expect(try logs(fixture, id, [("stdout", "1"), ("since", "\(start + 20).000000001")]).map(\.text) == ["3\n"])
  }

  @Test("follow: what was, what comes, and the end")
  func follow() throws {
    let fixture = try ContainersFixture()
    let world = fixture.world
    fixture.containerd.script { process in
      process.print("first\n")
      try? await world.sleep(2_000_000_000)
      process.print("second\n")
      return 0
    }
    let text = try fixture.world.run { () async throws in
      let id = try await fixture.create()
      try await fixture.start(id)
      try await fixture.world.sleep(1_000_000_000)
      let response = try await fixture.send(
        "GET /containers/{id}/logs", id, query: [("stdout", "1"), ("follow", "1"), ("tail", "1")])
      guard case .stream(let channel) = response.body else { throw ContainersTestWorld.Stuck() }
      return demultiplexed(await channel.readAll()).map(\.text)
    }
    #expect(text == ["first\n", "second\n"])
  }

  @Test("A terminal's log is one stream, unframed")
  func terminal() throws {
    let (fixture, id) = try ran([:], ["Tty": true]) { process in
      process.print("raw\r\n")
      return 0
    }
    #expect(
      try fixture.world.run { try await fixture.text("GET /containers/{id}/logs", id, query: [("stdout", "1")]) }
        == "raw\r\n")
  }

  @Test("Rotation: max-size and max-file; compressed ones are read as well")
  func rotation() throws {
    for compress in [false, true] {
      var options: JSONObject = ["max-size": "1k", "max-file": "3"]
      if compress { options["compress"] = "true" }
      let (fixture, id) = try ran(["LogConfig": ["Type": "json-file", "Config": .object(options)]]) { process in
        for number in 100..<160 { process.print("line \(number)\n") }
        return 0
      }
      let folder = "/var/lib/docker/containers/\(id)"
      let suffix = compress ? ".gz" : ""
      let names = fixture.files.paths(below: folder).filter { $0.contains("json.log") }
      #expect(
        names == [
          "\(folder)/\(id)-json.log", "\(folder)/\(id)-json.log.1\(suffix)", "\(folder)/\(id)-json.log.2\(suffix)",
        ])
      let lines = try logs(fixture, id, both).map(\.text)
      // The oldest have gone; the rest are whole and in order.
      #expect(lines.last == "line 159\n" && lines.count < 60 && lines.count > 20)
      #expect(lines == (0..<lines.count).map { "line \(160 - lines.count + $0)\n" })
    }
  }

  @Test("The local driver reads what it writes; none cannot be read")
  func drivers() throws {
    let (fixture, id) = try ran(["LogConfig": ["Type": "local"]]) { process in
      process.print("ok\npart")
      return 0
    }
    #expect(try logs(fixture, id, both).map(\.text) == ["ok\n", "part"])
    #expect(fixture.files.stat("/var/lib/docker/containers/\(id)/local-logs/container.log") != nil)
    let (silent, other) = try ran(["LogConfig": ["Type": "none"]]) { _ in 0 }
    #expect(
      try silent.world.run { try await silent.outcome("GET /containers/{id}/logs", other, query: both) }
        == "501 configured logging driver does not support reading")
  }

  @Test("Options that cannot be are said at the start; drivers without a receiver too")
  func badOptions() throws {
    let fixture = try ContainersFixture()
    try fixture.world.run { () async throws in
      func start(_ driver: String, _ options: JSONObject) async throws -> String {
        let id = try await fixture.create(
          "", host: ["LogConfig": ["Type": .string(driver), "Config": .object(options)]])
        return try await fixture.start(id)
      }
      let prefix = "500 failed to create task for container: failed to initialize logging driver: "
      #expect(try await start("json-file", ["max-size": "big"]) == prefix + "invalid size: 'big'")
      #expect(try await start("json-file", ["max-file": "0"]) == prefix + "max-file cannot be less than 1")
      #expect(
        try await start("json-file", ["compress": "true"])
          == prefix + "compress cannot be true when max-file is less than 2 or max-size is not set")
      #expect(try await start("syslog", [:]) == prefix + "Unix syslog delivery error")
      #expect(
        try await fixture.outcome("GET /containers/{id}/logs", "x")
          == "400 must specify at least one of 'stdout' or 'stderr'")
    }
  }

  @Test("labels, env and tag of --log-opt are the details of each line")
  func details() throws {
    let options: JSONObject = ["labels": "tier", "env": "MODE", "tag": "{{.Name}}/{{.ID}}"]
    let (fixture, id) = try ran(
      ["LogConfig": ["Type": "json-file", "Config": .object(options)]],
      ["Labels": ["tier": "front", "x": "y"], "Env": ["MODE=a b"]]
    ) { process in
      process.print("x\n")
      return 0
    }
    #expect(
      try logs(fixture, id, both + [("details", "1")]).map(\.text)
        == ["MODE=a+b,tag=web%2F\(id.prefix(12)),tier=front x\n"])
  }

  @Test("Lines are kept together over chunks; long ones are broken at 16 KiB")
  func lines() {
    var lines = LogLines()
    #expect(lines.add(Array("whole\n".utf8)) == [Array("whole\n".utf8)])
    #expect(lines.add(Array("pa".utf8)) == [])
    #expect(lines.add(Array("rt\nnext".utf8)) == [Array("part\n".utf8)])
    let long = [UInt8](repeating: 0x61, count: 40_000)
    #expect(lines.add(long).map(\.count) == [16_384, 16_384])
    #expect(lines.finish()?.count == 40_000 + 4 - 2 * 16_384)
    #expect(lines.finish() == nil)
  }
}
