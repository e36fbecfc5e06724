import Encodings
import JSONTree
import OCISpec
import Seams

/// A repository that a search found (Docker's index, `GET /v1/search`).
public struct RegistrySearchResult: Codable, Hashable, JSONWritable {
  public var name: String
  public var description: String
  public var starCount: Int
  public var isOfficial: Bool
  public var isAutomated: Bool
  enum CodingKeys: String, CodingKey {
    case name, description
    case starCount = "star_count"
    case isOfficial = "is_official"
    case isAutomated = "is_automated"
  }
  public init(name: String, description: String, starCount: Int, isOfficial: Bool, isAutomated: Bool = false) {
    (self.name, self.description, self.starCount) = (name, description, starCount)
    (self.isOfficial, self.isAutomated) = (isOfficial, isAutomated)
  }
}

extension RegistryClient {
  /// Tries credentials, as `docker login` does: asks `/v2/`, and signs in as the registry wants it. The answer is an
  /// identity token to keep instead of the password; empty where the registry gives none.
  ///
  /// Throws `Get "https://…/v2/": unauthorized: incorrect username or password`,
  /// `login attempt to https://…/v2/ failed with status: 401 Unauthorized`.
  ///
  /// - Parameter server: as users type it or docker's configuration has it: `registry.example:5000`,
  ///   `https://index.docker.io/v1/`, empty for Docker Hub.
  public func login(_ server: String, _ credentials: RegistryCredentials) async throws -> String {
    let domain =
      server.isEmpty
      ? "docker.io" : RegistryURL(server.contains("://") ? server : "//" + server, relativeTo: "https", "").host
    let host = RegistryHosts.apiHost(domain)
    let endpoint = RegistryEndpoint(scheme: hosts.scheme(of: host), host: host, mirrored: nil)
    let request = RegistryRequest(
      "GET", scheme: endpoint.scheme, host: host, "/v2/", headers: [NameValue("User-Agent", userAgent)])
    let authorizer = authorizer(credentials)
    let ping = try await named(request) { try await self.api.send(request) }
    ping.discard()
    if ping.status == 200 { return "" }

    var signed = request
    var identityToken = ""
    let challenges = ping.challenges
    if ping.status == 401, let bearer = challenges.first(where: { $0.scheme == "bearer" }),
      let realm = bearer.parameters["realm"]
    {
      let url = RegistryURL(realm, relativeTo: endpoint.scheme, host)
      if endpoint.scheme == "https", url.scheme != "https" {
        throw EngineError(.permissionDenied, "refusing to send credentials for \(host) in the clear to \(url.host)")
      }
      let answer = try await named(request) {
        try await authorizer.fetchToken(
          url, service: bearer.parameters["service"] ?? "",
          scopes: (bearer.parameters["scope"] ?? "").split(separator: " ").map(String.init), offline: true)
      }
      identityToken = answer.refreshToken
      signed.headers.append(NameValue("Authorization", "Bearer " + answer.token))
    } else if ping.status == 401, challenges.contains(where: { $0.scheme == "basic" }) {
      signed.headers.append(
        NameValue("Authorization", "Basic " + Base64.encode("\(credentials.username):\(credentials.password)".utf8)))
    } else {
      throw failedLogin(request, ping.status)
    }
    let response = try await named(request) { try await self.api.send(signed) }
    response.discard()
    guard response.status == 200 else { throw failedLogin(request, response.status) }
    return identityToken
  }

  private func failedLogin(_ request: RegistryRequest, _ status: Int) -> EngineError {
    EngineError(
      status == 401 ? .unauthenticated : .unknown,
      "login attempt to \(request.scheme)://\(request.host)/v2/ failed with status: \(statusText(status))")
  }

  /// Puts the request's name before what went wrong, as Go's HTTP client does.
  private func named<T: Sendable>(_ request: RegistryRequest, _ body: () async throws -> T) async throws -> T {
    do { return try await body() } catch let error as EngineError {
      throw EngineError(error.code, "\(RegistryClient.named(request)): \(error.message)")
    }
  }

  /// Searches Docker's index, or that of the registry that the term names (`registry.example/term`).
  public func search(_ term: String, limit: Int = 25, credentials: RegistryCredentials? = nil) async throws
    -> [RegistrySearchResult]
  {
    var host = "index.docker.io"
    var words = term
    if let slash = term.firstIndex(of: "/") {
      let first = String(term[..<slash])
      if first.contains(where: { $0 == "." || $0 == ":" }) || first == "localhost" {
        words = String(term[term.index(after: slash)...])
        if first != "docker.io" && first != "index.docker.io" { host = first }
      }
    }
    var headers = [NameValue("User-Agent", userAgent), NameValue("X-Docker-Token", "true")]
    if let credentials, !credentials.username.isEmpty {
      headers.append(
        NameValue("Authorization", "Basic " + Base64.encode("\(credentials.username):\(credentials.password)".utf8)))
    }
    let request = RegistryRequest(
      "GET", scheme: hosts.scheme(of: host), host: host, "/v1/search",
      query: [NameValue("q", words), NameValue("n", "\(limit)")], headers: headers)
    let response = try await named(request) { try await self.api.send(request) }
    guard response.status == 200 else {
      response.discard()
      throw EngineError(
        response.status == 401 ? .unauthenticated : response.status >= 500 ? .unavailable : .unknown,
        "Unexpected status code \(response.status)")
    }
    let body = try await response.collect(limit: 4 << 20)
    guard let results = (try? JSON(parsing: body))?["results"]?.array else {
      throw EngineError(.unknown, "error decoding registry search results")
    }
    return results.prefix(max(limit, 0)).map { result in
      RegistrySearchResult(
        name: result["name"]?.string ?? "", description: result["description"]?.string ?? "",
        starCount: result["star_count"]?.int ?? 0, isOfficial: result["is_official"]?.bool ?? false,
        isAutomated: result["is_automated"]?.bool ?? false)
    }
  }
}
