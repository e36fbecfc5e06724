import Encodings
import JSONTree
import Seams
import Synchronization

/// Signs in to the hosts of one registry session: learns from challenges how a host wants it, fetches tokens and keeps
/// them until they expire (distribution project, "Token Authentication"; containerd's `docker` resolver).
final class RegistryAuthorizer: Sendable {
  /// How a host wants to be signed in to.
  private struct Handler {
    var isBearer: Bool
    var realm: RegistryURL
    var service: String
    /// Those that the challenge named.
    var scopes: [String]
  }
  private struct Token {
    var value: String
    /// Nanoseconds since 1970.
    var expires: UInt64
  }
  private struct State {
    var handlers: [String: Handler] = [:]
    var tokens: [String: Token] = [:]
    var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]
  }
  /// What goes into the `Authorization` header.
  struct Authorization: Sendable {
    var value: String
    /// The token's place in the cache; nil for basic.
    var key: String?
    /// Fetched for this very request: when it is refused, another one will be too.
    var isFresh: Bool
  }

  private let state = Mutex(State())
  private let world: any World
  private let api: any DistributionAPI
  let credentials: RegistryCredentials?
  /// `client_id` at token services.
  private let clientID: String
  private let userAgent: String

  init(
    world: any World, api: any DistributionAPI, credentials: RegistryCredentials?, clientID: String, userAgent: String
  ) {
    (self.world, self.api, self.credentials) = (world, api, credentials)
    (self.clientID, self.userAgent) = (clientID, userAgent)
  }

  private var hasPassword: Bool { credentials.map { !$0.username.isEmpty || !$0.password.isEmpty } ?? false }
  private var identityToken: String? {
    credentials.flatMap { $0.identityToken.isEmpty ? nil : $0.identityToken }
  }

  /// What to send along to `host`; nil as long as it has not asked for anything.
  func authorization(for host: String, scopes: [String]) async throws -> Authorization? {
    guard let handler = state.withLock({ $0.handlers[host] }) else { return nil }
    guard handler.isBearer else {
      return Authorization(value: basic, key: nil, isFresh: true)
    }
    let scopes = Set(handler.scopes + scopes).sorted()
    let key = ([host, handler.realm.host + handler.realm.path, handler.service] + scopes).joined(separator: "\n")
    while true {
      if let token = state.withLock({ $0.tokens[key] }), token.expires > world.unixTime {
        return Authorization(value: "Bearer " + token.value, key: key, isFresh: false)
      }
      // Layers are fetched at the same time, a token only once.
      if state.withLock({ $0.waiting[key] == nil }) { break }
      await withCheckedContinuation { continuation in
        let now = state.withLock { state -> Bool in
          guard state.waiting[key] != nil else { return true }
          state.waiting[key]?.append(continuation)
          return false
        }
        if now { continuation.resume() }
      }
    }
    state.withLock { $0.waiting[key] = [] }
    defer {
      let waiting = state.withLock { $0.waiting.removeValue(forKey: key) ?? [] }
      for continuation in waiting { continuation.resume() }
    }
    let answer = try await fetchToken(handler.realm, service: handler.service, scopes: scopes, offline: false)
    state.withLock { $0.tokens[key] = Token(value: answer.token, expires: answer.expires) }
    return Authorization(value: "Bearer " + answer.token, key: key, isFresh: true)
  }

  /// Takes in what a 401 says. True when it is worth asking again.
  func learn(_ challenges: [AuthChallenge], from endpoint: RegistryEndpoint, after sent: Authorization?) throws -> Bool
  {
    if let sent {
      guard let key = sent.key, !sent.isFresh else { return false }
      // A token that was taken before it expired (its key was changed, a clock is wrong): once more with a new one.
      state.withLock { $0.tokens[key] = nil }
      return true
    }
    if let bearer = challenges.first(where: { $0.scheme == "bearer" }), let realm = bearer.parameters["realm"] {
      let url = RegistryURL(realm, relativeTo: endpoint.scheme, endpoint.host)
      if credentials != nil, endpoint.scheme == "https", url.scheme != "https" {
        throw EngineError(
          .permissionDenied, "refusing to send credentials for \(endpoint.host) in the clear to \(url.host)")
      }
      let scopes = (bearer.parameters["scope"] ?? "").split(separator: " ").map(String.init)
      state.withLock {
        $0.handlers[endpoint.host] = Handler(
          isBearer: true, realm: url, service: bearer.parameters["service"] ?? "", scopes: scopes)
      }
      return true
    }
    if challenges.contains(where: { $0.scheme == "basic" }) {
      guard hasPassword else { throw EngineError(.unauthenticated, "no basic auth credentials") }
      state.withLock {
        $0.handlers[endpoint.host] = Handler(
          isBearer: false, realm: RegistryURL("", relativeTo: endpoint.scheme, endpoint.host), service: "", scopes: [])
      }
      return true
    }
    return false
  }

  private var basic: String {
    "Basic " + Base64.encode("\(credentials?.username ?? ""):\(credentials?.password ?? "")".utf8)
  }

  struct TokenAnswer: Sendable {
    var token: String
    /// Nanoseconds since 1970.
    var expires: UInt64
    var refreshToken: String
  }

  /// Asks a token service. With a secret by POST (OAuth 2), as containerd does, and where a service does not know that,
  /// by GET with basic authentication; `offline` asks for a refresh token too, by GET, as `docker login` does.
  func fetchToken(_ realm: RegistryURL, service: String, scopes: [String], offline: Bool) async throws -> TokenAnswer {
    if !offline, identityToken != nil || hasPassword {
      let response = try await api.send(oauthRequest(realm, service: service, scopes: scopes))
      switch response.status {
      case 200..<300: return try await parse(response, realm)
      case 400, 401, 404, 405: if identityToken != nil { return try await parse(response, realm) }
      default: return try await parse(response, realm)
      }
    }
    var query = realm.query
    if !service.isEmpty { query.append(NameValue("service", service)) }
    query += scopes.map { NameValue("scope", $0) }
    var headers = [NameValue("User-Agent", userAgent)]
    if hasPassword {
      query.append(NameValue("account", credentials?.username ?? ""))
      headers.append(NameValue("Authorization", basic))
    }
    if offline { query += [NameValue("client_id", clientID), NameValue("offline_token", "true")] }
    return try await parse(
      try await api.send(
        RegistryRequest("GET", scheme: realm.scheme, host: realm.host, realm.path, query: query, headers: headers)),
      realm)
  }

  private func oauthRequest(_ realm: RegistryURL, service: String, scopes: [String]) -> RegistryRequest {
    var form = [("client_id", clientID), ("scope", scopes.joined(separator: " ")), ("service", service)]
    if let identityToken {
      form += [("grant_type", "refresh_token"), ("refresh_token", identityToken)]
    } else {
      form += [
        ("grant_type", "password"), ("username", credentials?.username ?? ""),
        ("password", credentials?.password ?? ""),
      ]
    }
    let body = form.sorted { $0.0 < $1.0 }.map { "\($0.0)=\(formEncoded($0.1))" }.joined(separator: "&")
    return RegistryRequest(
      "POST", scheme: realm.scheme, host: realm.host, realm.path, query: realm.query,
      headers: [
        NameValue("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        NameValue("User-Agent", userAgent),
      ], body: Array(body.utf8))
  }

  private func parse(_ response: RegistryResponse, _ realm: RegistryURL) async throws -> TokenAnswer {
    let body = try await response.collect(limit: 1 << 20)
    let tree = try? JSON(parsing: body)
    guard (200..<300).contains(response.status) else {
      let error = RegistryErrorBody.first(in: body)
      let detail = error?.message ?? tree?["details"]?.string ?? tree?["error_description"]?.string
      switch response.status {
      case 400, 401, 403:
        throw EngineError(.unauthenticated, "unauthorized: \(detail ?? "authentication required")")
      case 429:
        throw EngineError(.resourceExhausted, "toomanyrequests: \(detail ?? "too many requests")")
      default:
        throw EngineError(
          response.status >= 500 ? .unavailable : .unknown,
          "failed to fetch token: unexpected status from token service \(realm.scheme)://\(realm.host)\(realm.path): "
            + statusText(response.status))
      }
    }
    guard let token = [tree?["token"], tree?["access_token"]].compactMap({ $0?.string }).first(where: { !$0.isEmpty })
    else {
      throw EngineError(.unknown, "authorization server did not include a token in the response")
    }
    // A minute is the least that the specification lets a token live.
    let lifetime = min(max(tree?["expires_in"]?.int ?? 60, 1), 365 * 86_400)
    return TokenAnswer(
      token: token, expires: world.unixTime &+ UInt64(lifetime) &* Duration64.second,
      refreshToken: tree?["refresh_token"]?.string ?? "")
  }
}
