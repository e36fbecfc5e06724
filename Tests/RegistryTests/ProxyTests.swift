import Testing

@testable import Registry

@Suite("Proxies from the environment")
struct ProxyTests {
  static let proxies = Proxies(environment: [
    "HTTPS_PROXY": "http://me:s3cret@proxy.example:3128/", "http_proxy": "plain.example",
    "NO_PROXY": "internal.example, .corp.example,registry.example:5000,*.wild.example",
  ])

  @Test(
    "who goes through which proxy",
    arguments: [
      ("https", "registry-1.docker.io", "proxy.example"), ("https", "registry-1.docker.io:443", "proxy.example"),
      ("http", "registry.example", "plain.example"), ("https", "internal.example", nil),
      ("https", "a.internal.example", nil), ("https", "notinternal.example", "proxy.example"),
      ("https", "a.corp.example:5000", nil), ("https", "registry.example:5000", nil),
      ("https", "registry.example:5001", "proxy.example"), ("https", "x.wild.example", nil),
      ("http", "localhost:5000", nil), ("http", "127.0.0.1:5000", nil), ("http", "[::1]:5000", nil),
      ("https", "INTERNAL.example", nil),
    ] as [(String, String, String?)])
  func choice(scheme: String, host: String, proxy: String?) {
    #expect(Self.proxies.server(for: scheme, host)?.host == proxy)
  }

  @Test("a proxy's URL has user, password and port")
  func url() throws {
    let server = try #require(Self.proxies.https)
    #expect(server.port == 3128)
    #expect(server.user == "me")
    #expect(server.password == "s3cret")
    #expect(Proxies.Server("[::1]:8080")?.host == "::1")
    #expect(Proxies.Server("[::1]:8080")?.port == 8080)
    #expect(Proxies.Server("") == nil)
    #expect(Proxies.Server("https://proxy") == nil)
  }

  @Test("NO_PROXY=* sends nobody through a proxy")
  func all() {
    #expect(Proxies(environment: ["HTTPS_PROXY": "p:1", "NO_PROXY": "*"]).server(for: "https", "x.y") == nil)
  }
}
