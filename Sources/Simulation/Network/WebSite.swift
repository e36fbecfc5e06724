import Seams

/// What a web server of the simulated internet answers.
struct WebSite: Sendable {
  private enum Kind: Sendable { case example, named(String), packages, registry(service: String, realm: String) }
  private var kind: Kind

  /// example.com's page.
  static let example = WebSite(kind: .example)
  /// A page that only says whose it is.
  static func named(_ name: String) -> WebSite { WebSite(kind: .named(name)) }
  /// A mirror of a distribution's packages.
  static let packages = WebSite(kind: .packages)
  /// A registry: `/v2/` asks for a token.
  static func registry(_ service: String, _ realm: String) -> WebSite {
    WebSite(kind: .registry(service: service, realm: realm))
  }

  private init(kind: Kind) { self.kind = kind }

  /// Answers the requests of one connection.
  func serve(_ connection: Duplex, world: any World) async {
    var pending: [UInt8] = []
    while let request = await HTTPRequest.read(from: connection, pending: &pending) {
      let response = answer(request)
      await connection.output.write(
        response.encoded(date: httpDate(world.unixTime / Duration64.second), isHead: request.method == "HEAD"))
      if !request.keepsAlive { return }
    }
  }

  private func answer(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" || request.method == "HEAD" else {
      return HTTPResponse(405, [("Allow", "GET, HEAD")], "")
    }
    let path = request.path.prefix { $0 != "?" }
    switch kind {
    case .example:
      return HTTPResponse(200, [("Content-Type", "text/html"), ("Cache-Control", "max-age=86000")], Self.examplePage)
    case .named(let name):
      guard path == "/" else { return HTTPResponse.notFound }
      return HTTPResponse(
        200, [("Content-Type", "text/html; charset=utf-8")],
        "<!doctype html><html><head><title>\(name)</title></head><body><h1>\(name)</h1></body></html>\n")
    case .packages:
      guard path == "/" || path.hasSuffix("/") || path.hasSuffix("InRelease") || path.hasSuffix("APKINDEX.tar.gz")
      else { return HTTPResponse.notFound }
      return HTTPResponse(200, [("Content-Type", "text/plain")], "Origin: simulated mirror\nSuite: stable\n")
    case .registry(let service, let realm):
      guard path == "/v2/" || path.hasPrefix("/v2/") else { return HTTPResponse.notFound }
      return HTTPResponse(
        401,
        [
          ("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0"),
          ("Www-Authenticate", "Bearer realm=\"\(realm)\",service=\"\(service)\""),
        ],
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}\n")
    }
  }

  private static let examplePage = """
    <!doctype html>
    <html>
    <head>
        <title>Example Domain</title>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
    </head>
    <body>
    <div>
        <h1>Example Domain</h1>
        <p>This domain is for use in illustrative examples in documents. You may use this
        domain in literature without prior coordination or asking for permission.</p>
        <p><a href="https://www.iana.org/domains/example">More information...</a></p>
    </div>
    </body>
    </html>

    """
}
