import DaemonClient
import Foundation
import JSONTree
import RemoteAPI
import Seams
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The wire server, byte by byte, in front of a small engine.
@Suite struct ServerTests {
  private static let host = "Host: d\r\n"

  @Test("a request becomes its operation, and the answer says who answers")
  func translation() async throws {
    let engine = FakeEngine { _ in APIResponse(200, .json(["a": 1])) }
    try await WireFixture.with(engine) { fixture in
      let text = try await fixture.raw(
        "GET /v1.50/images/docker.io%2Flibrary/alpine:3/json?filters=%7B%7D&x=a+b HTTP/1.1\r\n\(Self.host)"
          + "X-Registry-Auth: eyJ1c2VybmFtZSI6ImEifQ==\r\nConnection: close\r\n\r\n")
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("\r\n\r\n{\"a\":1}\n"))
      for header in [
        "Api-Version: 1.52", "Docker-Experimental: false", "Ostype: linux", "Server: Docker/29.0.0 (linux)",
        "Content-Type: application/json", "Content-Length: 8",
      ] { #expect(text.contains("\r\n\(header)\r\n"), "\(header)") }
      let request = try #require(engine.last)
      #expect(request.op == "GET /images/{name}/json")
      #expect(request.parameters == ["name": "docker.io/library/alpine:3"])
      #expect(request.query("filters") == "{}" && request.query("x") == "a b")
      #expect(request.registryAuth?["username"]?.string == "a")
    }
  }

  @Test("versions too old and too new are refused in Docker's words")
  func versions() async throws {
    try await WireFixture.with(FakeEngine { _ in APIResponse(200) }) { fixture in
      let old = try await fixture.raw("GET /v1.23/info HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n")
      #expect(old.hasPrefix("HTTP/1.1 400 Bad Request"))
      #expect(
        old.contains(
          "{\"message\":\"client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client "
            + "to a newer version\"}"))
      let new = try await fixture.raw("GET /v1.99/info HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n")
      #expect(new.contains("client version 1.99 is too new. Maximum supported API version is 1.52"))
      for version in ["1.24", "1.41", "1.52"] {
        let fine = try await fixture.raw("GET /v\(version)/info HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n")
        #expect(fine.hasPrefix("HTTP/1.1 200 OK"))
      }
    }
  }

  @Test("a connection is used again, and HEAD has no body")
  func keepAlive() async throws {
    try await WireFixture.with(FakeEngine { APIResponse(200, .text($0.method)) }) { fixture in
      let text = try await fixture.raw(
        "HEAD /_ping HTTP/1.1\r\n\(Self.host)\r\nPOST /a HTTP/1.1\r\n\(Self.host)Content-Length: 2\r\n"
          + "Content-Type: application/json; charset=utf-8\r\n\r\n{}"
          + "GET /b HTTP/1.1\r\n\(Self.host)Connection: close\r\n\r\n")
      let parts = text.components(separatedBy: "HTTP/1.1 200 OK\r\n")
      #expect(parts.count == 4)
      #expect(parts[1].contains("Content-Length: 4") && parts[1].hasSuffix("\r\n\r\n"))
      #expect(parts[2].hasSuffix("\r\n\r\nPOST") && parts[3].hasSuffix("\r\n\r\nGET"))
    }
  }

  @Test(
    "bodies that are no JSON are refused",
    arguments: [
      ("application/json", "{", 400, "invalid JSON"),
      ("text/plain", "{}", 400, "unsupported Content-Type header (text/plain): must be 'application/json'"),
      ("", "{}", 400, "malformed Content-Type header (): mime: no media type"),
    ])
  func badBodies(_ type: String, _ body: String, _ status: Int, _ words: String) async throws {
    let engine = FakeEngine { _ in APIResponse(200) }
    try await WireFixture.with(engine) { fixture in
      let header = type.isEmpty ? "" : "Content-Type: \(type)\r\n"
      let text = try await fixture.raw(
        "POST /containers/create HTTP/1.1\r\n\(Self.host)\(header)Content-Length: \(body.utf8.count)\r\n"
          + "Connection: close\r\n\r\n\(body)")
      #expect(text.hasPrefix("HTTP/1.1 \(status) ") && text.contains("{\"message\":\"") && text.contains(words))
      #expect(engine.requests.isEmpty)
    }
  }

  @Test(
    "what is no request is refused and the connection ends",
    arguments: [
      ("NONSENSE\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/3.0\r\nHost: d\r\n\r\n", 505),
      ("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
      ("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999\r\n\r\n", 413),
      ("GET / HTTP/1.1\r\nHost: d\r\nExpect: wonders\r\n\r\n", 417),
    ])
  func malformed(_ request: String, _ status: Int) async throws {
    try await WireFixture.with(FakeEngine { _ in APIResponse(200) }) { fixture in
      let text = try await fixture.raw(request)
      #expect(text.hasPrefix("HTTP/1.1 \(status) ") && text.contains("Connection: close"))
    }
  }

  @Test("Expect: 100-continue is answered before the body comes")
  func expect() async throws {
    let engine = FakeEngine { APIResponse(200, .json($0.body ?? .null)) }
    try await WireFixture.with(engine) { fixture in
      let path = fixture.path
      let text = try await blocking {
        let descriptor = try RawSocket.connect(path)
        defer { close(descriptor) }
        RawSocket.send(
          descriptor,
          "POST /x HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
            + "Connection: close\r\n\r\n")
        let first = RawSocket.receive(descriptor, until: "\r\n\r\n")
        RawSocket.send(descriptor, "{\"b\":2}")
        return first + RawSocket.receive(descriptor)
      }
      #expect(text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))
      #expect(text.hasSuffix("{\"b\":2}\n"))
    }
  }

  @Test("a stream's pieces go out as they come, and a client that goes ends it")
  func streams() async throws {
    let stream = ByteChannel()
    let gone = ByteChannel()
    stream.whenUnread { gone.closeWriting() }
    try await WireFixture.with(FakeEngine { _ in APIResponse(200, .stream(stream)) }) { fixture in
      let path = fixture.path
      let descriptor = try RawSocket.connect(path)
      RawSocket.send(descriptor, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
      await stream.write(Array("one".utf8))
      let first = try await blocking { RawSocket.receive(descriptor, until: "one\r\n") }
      #expect(first.contains("Transfer-Encoding: chunked") && first.hasSuffix("\r\n\r\n3\r\none\r\n"))
      close(descriptor)
      // Nothing is written meanwhile: the end of the connection itself must end the stream.
      _ = await gone.readAll()
      #expect(await !stream.write([1]))
    }
  }

  @Test("a client that goes calls off what only waits")
  func cancelled() async throws {
    let (begun, ended) = (ByteChannel(), ByteChannel())
    let engine = FakeEngine { _ in
      begun.closeWriting()
      try? await Task.sleep(for: .seconds(600))
      ended.closeWriting()
      return APIResponse(200)
    }
    try await WireFixture.with(engine) { fixture in
      let descriptor = try RawSocket.connect(fixture.path)
      RawSocket.send(descriptor, "GET /slow HTTP/1.1\r\nHost: d\r\n\r\n")
      _ = await begun.readAll()
      close(descriptor)
      _ = await ended.readAll()
    }
  }

  @Test("HTTP/1.0 gets a stream without chunks, ended by the connection")
  func old() async throws {
    let engine = FakeEngine { _ in
      let stream = ByteChannel()
      stream.push(Array("abc".utf8))
      stream.closeWriting()
      return APIResponse(200, .stream(stream))
    }
    try await WireFixture.with(engine) { fixture in
      let text = try await fixture.raw("GET /events HTTP/1.0\r\n\r\n")
      #expect(text.hasSuffix("\r\n\r\nabc") && !text.contains("chunked"))
    }
  }

  /// An engine whose raw streams say back what they get, and then how it ended.
  private static let echo = FakeEngine { request in
    guard request.hijack else { return APIResponse(409, .json(["message": "no"])) }
    let mine = Duplex(input: ByteChannel(), output: ByteChannel())
    Task {
      var all: [UInt8] = []
      while let bytes = await mine.input.read() {
        all += bytes
        await mine.output.write(bytes)
      }
      await mine.output.write(Array("|\(all.count) bytes".utf8))
      mine.output.closeWriting()
    }
    return APIResponse(101, .hijacked(mine.flipped), headers: [NameValue("Content-Type", "x/multiplexed")])
  }

  @Test("a hijacked connection: head, data and end in one write, with and without Upgrade, on a used connection")
  func hijack() async throws {
    try await WireFixture.with(Self.echo) { fixture in
      let upgraded = try await fixture.raw(
        "POST /v1.50/containers/a/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly",
        halfClose: true)
      #expect(upgraded.hasPrefix("HTTP/1.1 101 UPGRADED\r\n") && upgraded.contains("Content-Type: x/multiplexed\r\n"))
      #expect(upgraded.contains("Connection: Upgrade\r\nUpgrade: tcp\r\n"))
      #expect(upgraded.hasSuffix("\r\n\r\nearly|5 bytes"))
      let plain = try await fixture.raw(
        "GET /x HTTP/1.1\r\nHost: d\r\n\r\nPOST /v1.41/exec/e/start HTTP/1.1\r\nHost: d\r\n"
          + "Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"Detach\":false}typed",
        halfClose: true)
      #expect(plain.contains("HTTP/1.1 409 Conflict"))
      #expect(
        plain.hasSuffix(
          "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\ntyped|5 bytes"))
    }
  }

  @Test("a refused upgrade is an ordinary answer")
  func refusedUpgrade() async throws {
    let engine = FakeEngine { _ in APIResponse(404, .json(["message": "No such container: a"])) }
    try await WireFixture.with(engine) { fixture in
      let text = try await fixture.raw(
        "POST /containers/a/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", until: "}\n")
      #expect(text.hasPrefix("HTTP/1.1 404 Not Found") && text.contains("{\"message\":\"No such container: a\"}"))
    }
  }

  @Test("an upload comes as it is sent, and waits for a slow engine")
  func upload() async throws {
    let engine = FakeEngine { request in
      var (count, most) = (0, 0)
      while let bytes = await request.upload?.read() {
        count += bytes.count
        most = max(most, bytes.count)
      }
      return APIResponse(200, .json(["count": JSON(count), "small": .bool(most <= 1 << 18)]))
    }
    try await WireFixture.with(engine) { fixture in
      let body = ByteChannel()
      Task {
        for _ in 0..<100 { await body.write([UInt8](repeating: 7, count: 100_000)) }
        body.closeWriting()
      }
      let response = try await fixture.client.send(APIRequest("POST", "/images/load", upload: body))
      guard case .json(let json) = response.body else {
        Issue.record("no JSON")
        return
      }
      #expect(json["count"]?.int == 10_000_000 && json["small"]?.bool == true)
    }
  }

  @Test("an upload that nobody wants is answered, and the connection ends")
  func unwanted() async throws {
    let engine = FakeEngine { _ in APIResponse(404, .json(["message": "No such container: a"])) }
    try await WireFixture.with(engine) { fixture in
      let body = ByteChannel()
      Task {
        while await body.write([UInt8](repeating: 7, count: 100_000)) {}
      }
      let response = try await fixture.client.send(
        APIRequest("PUT", "/containers/{id}/archive", ["id": "a"], upload: body))
      #expect(response.status == 404 && response.errorMessage == "No such container: a")
    }
  }

  @Test("300 connections at once")
  func many() async throws {
    let stream = ByteChannel()
    let engine = FakeEngine {
      $0.template == "/events" ? APIResponse(200, .stream(stream)) : APIResponse(200, .text("OK"))
    }
    try await WireFixture.with(engine) { fixture in
      let open = try (0..<300).map { _ in try RawSocket.connect(fixture.path) }
      defer { for descriptor in open { close(descriptor) } }
      for descriptor in open { RawSocket.send(descriptor, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n") }
      let answers = try await blocking { open.map { RawSocket.receive($0, until: "OK") } }
      #expect(answers.allSatisfy { $0.hasPrefix("HTTP/1.1 200 OK") })
    }
  }

  @Test("the socket is for owner and group, a stale one is replaced, a served one refused with who serves it")
  func socketFile() async throws {
    let engine = FakeEngine { _ in APIResponse(200) }
    try await WireFixture.with(engine) { fixture in
      var info = stat()
      #expect(stat(fixture.path, &info) == 0 && info.st_mode & 0o777 == 0o660)
      let second = RemoteAPIServer(identity: WireFixture.identity)
      await #expect {
        try await second.listen(unix: fixture.path, engine)
      } throws: { "\($0)".contains("is in use by") && "\($0)".contains("process \(getpid())") }
      let stale = fixture.folder + "/stale.sock"
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(stale.utf8)) }
      withUnsafePointer(to: &address) { pointer in
        _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      close(descriptor)
      try await second.listen(unix: stale, engine)
      await second.shutdown(within: 0)
      #expect(stat(stale, &info) != 0)
      let file = fixture.folder + "/file"
      #expect(FileManager.default.createFile(atPath: file, contents: nil))
      await #expect(throws: EngineError.self) { try await second.listen(unix: file, engine) }
    }
  }
}
