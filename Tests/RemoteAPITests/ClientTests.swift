import DaemonClient
import JSONTree
import RemoteAPI
import Seams
import Testing

/// The wire client against the wire server.
@Suite struct DaemonClientTests {
  @Test("the first request agrees on a version")
  func negotiation() async throws {
    let engine = FakeEngine { _ in APIResponse(200, .json([])) }
    try await WireFixture.with(engine) { fixture in
      let client = fixture.client
      let response = try await client.send(APIRequest("GET", "/containers/json", query: [NameValue("all", "1")]))
      #expect(response.status == 200 && client.version == "1.50")
      #expect(engine.requests.map(\.op) == ["HEAD /_ping", "GET /containers/json"])
      #expect(engine.last?.query("all") == "1")
    }
  }

  @Test("names with slashes, blanks and percent signs arrive as they are")
  func names() async throws {
    let engine = FakeEngine { _ in APIResponse(204) }
    try await WireFixture.with(engine) { fixture in
      let name = "localhost:5000/a b/c%20d?e#f"
      _ = try await fixture.client.send(
        APIRequest(
          "POST", "/images/{name}/tag", ["name": name], query: [NameValue("repo", "ü &=+")],
          registryAuth: ["password": "p??>>"]))
      #expect(engine.last?.parameters["name"] == name && engine.last?.query("repo") == "ü &=+")
      #expect(engine.last?.registryAuth == ["password": "p??>>"])
    }
  }

  @Test("a raw stream with half-close in both directions")
  func hijack() async throws {
    let engine = FakeEngine { request in
      let mine = Duplex(input: ByteChannel(), output: ByteChannel())
      Task {
        // Says nothing before the client has said everything.
        let all = await mine.input.readAll()
        await mine.output.write(Array("got \(all.count)".utf8))
        mine.output.closeWriting()
      }
      return request.hijack ? APIResponse(101, .hijacked(mine.flipped)) : APIResponse(200)
    }
    try await WireFixture.with(engine) { fixture in
      let response = try await fixture.client.send(
        APIRequest("POST", "/containers/{id}/attach", ["id": "a"], hijack: true))
      guard case .hijacked(let duplex) = response.body else {
        Issue.record("no raw stream")
        return
      }
      for _ in 0..<50 { #expect(await duplex.output.write([UInt8](repeating: 1, count: 20_000))) }
      duplex.output.closeWriting()
      #expect(String(decoding: await duplex.input.readAll(), as: UTF8.self) == "got 1000000")
    }
  }

  @Test("who stops reading ends the stream at the daemon's")
  func stop() async throws {
    let stream = ByteChannel()
    let gone = ByteChannel()
    stream.whenUnread { gone.closeWriting() }
    let engine = FakeEngine { request in
      // The client asks for the version first.
      request.template == "/events" ? APIResponse(200, .stream(stream)) : APIResponse(200, .text("OK"))
    }
    try await WireFixture.with(engine) { fixture in
      stream.push([1])
      let response = try await fixture.client.send(APIRequest("GET", "/events"))
      guard case .stream(let mine) = response.body else {
        Issue.record("no stream")
        return
      }
      let first = await mine.read()
      #expect(first == [1])
      mine.closeReading()
      _ = await gone.readAll()
    }
  }

  @Test("nobody listens")
  func nobody() async throws {
    let client = DaemonClient(.unix("/nonexistent/docker.sock"))
    await #expect {
      try await client.send(APIRequest("GET", "/info"))
    } throws: {
      ($0 as? EngineError)?.code == .unavailable
        && "\($0)"
          == "Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock. Is the docker daemon running?"
    }
  }

  @Test("over TCP, with refusals in the daemon's words")
  func tcp() async throws {
    let server = RemoteAPIServer(identity: WireFixture.identity)
    let engine = FakeEngine { _ in throw EngineError(.notFound, "No such container: x") }
    let port = try await server.listen(host: "127.0.0.1", port: 0, engine)
    let response = try await DaemonClient(.tcp(host: "127.0.0.1", port: port)).send(
      APIRequest("GET", "/containers/{id}/json", ["id": "x"]))
    #expect(response.status == 404 && response.errorMessage == "No such container: x")
    await server.shutdown(within: 0)
  }

  @Test(
    "hosts",
    arguments: [
      ("unix:///a/b.sock", "unix:///a/b.sock"), ("unix://", "unix:///var/run/docker.sock"),
      ("tcp://h:1", "tcp://h:1"), ("tcp://h", "tcp://h:2375"), ("tcp://[::1]:5", "tcp://[::1]:5"), ("ssh://h", nil),
      ("tcp://h:x", nil), ("h", nil),
    ] as [(String, String?)])
  func hosts(_ text: String, _ expected: String?) { #expect(DaemonHost(text)?.description == expected) }
}
