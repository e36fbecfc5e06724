import Foundation
import NIOSSL
import RegistryHarness
import Seams
import Synchronization
import Testing

@testable import Registry

@Suite("HTTP to registries")
struct HTTPDistributionTests {
  /// Runs `body` with a server and a client, which both end whatever happens.
  private func with(
    _ handle: @escaping @Sendable (LoopbackServer.Request) -> LoopbackServer.Answer, tls: TLSConfiguration? = nil,
    options: HTTPDistribution.Options = .init(),
    _ body: (HTTPDistribution, LoopbackServer) async throws -> Void
  ) async throws {
    let server = try await LoopbackServer(tls: tls, handle)
    let client = HTTPDistribution(options)
    let result: Result<Void, any Error>
    do { result = .success(try await body(client, server)) } catch { result = .failure(error) }
    await client.shutdown()
    await server.close()
    try result.get()
  }

  @Test("path, query and headers go out as they were meant; the answer comes back whole")
  func exchange() async throws {
    let seen = Mutex<LoopbackServer.Request?>(nil)
    try await with({ request in
      seen.withLock { $0 = request }
      return .init(status: 202, headers: [("Docker-Content-Digest", "sha256:ab")], body: Array("hello".utf8))
    }) { client, server in
      let answer = try await client.send(
        RegistryRequest(
          "GET", scheme: "http", host: server.host, "/v2/{name}/manifests/{reference}",
          ["name": "team/my app", "reference": "sha256:00ff"],
          query: [NameValue("scope", "repository:a/b:pull,push"), NameValue("x", "a&b")],
          headers: [NameValue("Accept", "application/json")]))
      #expect(answer.status == 202)
      #expect(answer.header("docker-content-digest") == "sha256:ab")
      #expect(await answer.stream?.readAll() == Array("hello".utf8))
    }
    let request = try #require(seen.withLock { $0 })
    #expect(request.method == "GET")
    #expect(
      request.uri == "/v2/team/my%20app/manifests/sha256:00ff?scope=repository:a/b:pull%2Cpush&x=a%26b")
    #expect(request.headers.first(name: "Accept") == "application/json")
  }

  @Test("refusals are answers, redirects are not followed, HEAD has no body")
  func statuses() async throws {
    try await with({ request in
      switch request.uri {
      case "/v2/": .init(status: 401, headers: [("WWW-Authenticate", "Bearer realm=\"x\"")])
      case "/v2/r": .init(status: 307, headers: [("Location", "http://elsewhere.example/")])
      default: .init(body: Array("body".utf8))
      }
    }) { client, server in
      func send(_ method: String, _ path: String) async throws -> RegistryResponse {
        try await client.send(RegistryRequest(method, scheme: "http", host: server.host, path))
      }
      let refused = try await send("GET", "/v2/")
      #expect(refused.status == 401)
      #expect(refused.header("WWW-Authenticate") == "Bearer realm=\"x\"")
      let redirected = try await send("GET", "/v2/r")
      #expect(redirected.status == 307)
      let head = try await send("HEAD", "/v2/blob")
      #expect(head.status == 200)
      #expect(head.header("Content-Length") == "4")
      #expect(head.stream == nil)
    }
  }

  @Test("an upload streams: with its length where that is known, in chunks where not", arguments: [true, false])
  func upload(isKnown: Bool) async throws {
    let seen = Mutex<LoopbackServer.Request?>(nil)
    let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try await with({ request in
      seen.withLock { $0 = request }
      return .init(status: 201)
    }) { client, server in
      let channel = ByteChannel()
      let writing = Task {
        for start in stride(from: 0, to: content.count, by: 70_000) {
          await channel.write(Array(content[start..<min(start + 70_000, content.count)]))
        }
        channel.closeWriting()
      }
      let headers = isKnown ? [NameValue("Content-Length", String(content.count))] : []
      let answer = try await client.send(
        RegistryRequest(
          "PUT", scheme: "http", host: server.host, "/v2/up", query: [NameValue("digest", "sha256:ab")],
          headers: headers, upload: channel))
      await writing.value
      #expect(answer.status == 201)
    }
    let request = try #require(seen.withLock { $0 })
    #expect(request.body == content)
    #expect(request.headers.first(name: "Content-Length") == (isKnown ? "300000" : nil))
    #expect(request.headers.first(name: "Transfer-Encoding") == (isKnown ? nil : "chunked"))
  }

  @Test("an empty POST says that it is empty: registries want a Content-Length")
  func emptyPost() async throws {
    let seen = Mutex<LoopbackServer.Request?>(nil)
    try await with({ request in
      seen.withLock { $0 = request }
      return .init(status: 202)
    }) { client, server in
      _ = try await client.send(RegistryRequest("POST", scheme: "http", host: server.host, "/v2/a/blobs/uploads/"))
    }
    #expect(seen.withLock { $0 }?.headers.first(name: "Content-Length") == "0")
  }

  @Test("a body that breaks off ends early, and the next request goes through")
  func brokenBody() async throws {
    try await with({ request in
      request.uri == "/cut"
        ? .init(body: [UInt8](repeating: 7, count: 100_000), cut: 60_000) : .init(body: Array("ok".utf8))
    }) { client, server in
      let broken = try await client.send(RegistryRequest("GET", scheme: "http", host: server.host, "/cut"))
      #expect(broken.header("Content-Length") == "100000")
      #expect(await broken.stream?.readAll().count ?? 0 < 100_000)
      let next = try await client.send(RegistryRequest("GET", scheme: "http", host: server.host, "/ok"))
      #expect(await next.stream?.readAll() == Array("ok".utf8))
    }
  }

  @Test("a reader that takes its time does not make the client hold the whole body")
  func backpressure() async throws {
    let body = [UInt8](repeating: 1, count: 64 << 20)
    try await with({ _ in .init(body: body) }) { client, server in
      let answer = try await client.send(RegistryRequest("GET", scheme: "http", host: server.host, "/blob"))
      let stream = try #require(answer.stream)
      var count = 0
      while let part = await stream.read(1 << 16) { count += part.count }
      #expect(count == body.count)
    }
  }

  @Test("nobody listens, and nobody has that name: Go's words")
  func unreachable() async throws {
    let server = try await LoopbackServer { _ in .init() }
    let port = server.port
    await server.close()
    let client = HTTPDistribution()
    func message(_ scheme: String, _ host: String) async -> String {
      do {
        _ = try await client.send(RegistryRequest("GET", scheme: scheme, host: host, "/v2/"))
        return "answered"
      } catch { return (error as? EngineError)?.message ?? "\(error)" }
    }
    let refused = await message("http", "127.0.0.1:\(port)")
    #expect(refused == "dial tcp 127.0.0.1:\(port): connect: connection refused")
    #expect(
      await message("https", "no-such-host.invalid").hasPrefix("dial tcp: lookup no-such-host.invalid"))
    await client.shutdown()
  }

  // MARK: TLS

  @Test("certs.d: an authority of one's own, a client's certificate; without them the words say what is wrong")
  func tls() async throws {
    let certificates = try Certificates()
    defer { certificates.remove() }
    let (folder, path) = (certificates.folder, certificates.path)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(path("server.pem")).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(file: path("server.key"), format: .pem)))
    configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path("ca.pem")))
    configuration.certificateVerification = .noHostnameVerification
    var options = HTTPDistribution.Options()
    options.certificates = [path("certs.d")]
    try await with({ _ in .init(body: Array("secret".utf8)) }, tls: configuration, options: options) { client, server in
      func get() async throws -> RegistryResponse {
        try await client.send(RegistryRequest("GET", host: server.host, "/v2/"))
      }
      // Nobody vouches for the server.
      await #expect {
        _ = try await get()
      } throws: { "\($0)".contains("x509: certificate signed by unknown authority") }

      let own = folder.appendingPathComponent("certs.d/\(server.host)")
      try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
      func place(_ name: String, _ target: String) throws {
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent(name), to: own.appendingPathComponent(target))
      }
      try place("ca.pem", "ca.crt")
      try place("client.pem", "client.cert")
      // A certificate without its key is refused before anything is sent.
      await #expect {
        _ = try await get()
      } throws: { "\($0)".contains("missing key client.key for client certificate") }

      try place("client.key", "client.key")
      #expect(await (try await get()).stream?.readAll() == Array("secret".utf8))
    }
  }

  @Test("a registry without TLS, asked with TLS, is told apart")
  func plainServer() async throws {
    try await with({ _ in .init() }) { client, server in
      await #expect {
        _ = try await client.send(RegistryRequest("GET", scheme: "https", host: server.host, "/v2/"))
      } throws: { "\($0)" == "http: server gave HTTP response to HTTPS client" }
    }
  }
}
