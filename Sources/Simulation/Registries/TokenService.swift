import JSONTree
import Seams
import Synchronization

/// A token service (distribution project, "Token Authentication Specification"): gives bearer tokens that say what
/// their holder may do, and knows them again until they expire.
final class TokenService: Sendable {
  /// What a token stands for.
  struct Grant: Sendable {
    /// Nil for an anonymous user.
    var account: RegistryAccounts.Account?
    /// Signed in with a token that can pull only.
    var isReadOnly: Bool
    /// Actions by repository.
    var access: [String: Set<String>]
    /// Nanoseconds since 1970.
    var expires: UInt64
  }

  /// What a repository's scope asks for, and what of it is granted.
  typealias Policy =
    @Sendable (
      _ account: RegistryAccounts.Account?, _ isReadOnly: Bool, _ repository: String, _ actions: [String]
    ) -> Set<String>

  private let world: any World
  private let accounts: [RegistryAccounts.Account]
  private let policy: Policy
  /// Seconds.
  private let lifetime: UInt64
  private let wrongPassword: RegistryResponse
  private let grants = Mutex<[String: Grant]>([:])

  init(
    world: any World, accounts: [RegistryAccounts.Account], lifetime: UInt64, wrongPassword: RegistryResponse,
    policy: @escaping Policy
  ) {
    (self.world, self.accounts, self.lifetime) = (world, accounts, lifetime)
    (self.wrongPassword, self.policy) = (wrongPassword, policy)
  }

  /// Answers a GET with basic authentication or without any.
  func get(_ request: RegistryRequest) -> RegistryResponse {
    var match: RegistryAccounts.Match?
    if request.header("Authorization") != nil {
      guard let (name, password) = request.basicCredentials,
        let found = RegistryAccounts.match(accounts, name, password)
      else { return wrongPassword }
      match = found
    }
    let token = issue(match, request.query.filter { $0.name == "scope" }.map(\.value))
    return answer(["token": .string(token), "access_token": .string(token)])
  }

  /// Answers an OAuth 2 POST with user name and password (distribution project, "OAuth2 Token Authentication").
  func post(_ request: RegistryRequest) -> RegistryResponse {
    let form = request.form
    guard form["grant_type"] == "password",
      let match = RegistryAccounts.match(accounts, form["username"] ?? "", form["password"] ?? "")
    else { return wrongPassword }
    let scope = form["scope"] ?? ""
    return answer([
      "access_token": .string(issue(match, scope.split(separator: " ").map(String.init))), "scope": .string(scope),
    ])
  }

  private func answer(_ token: JSONObject) -> RegistryResponse {
    var body = token
    body["expires_in"] = JSON(lifetime)
    body["issued_at"] = .string(Moment(nanoseconds: world.unixTime).text)
    return .json(200, .object(body))
  }

  /// Scopes are `repository:NAME:pull,push`.
  private func issue(_ match: RegistryAccounts.Match?, _ scopes: [String]) -> String {
    var isReadOnly = false
    if case .readOnly = match { isReadOnly = true }
    var grant = Grant(account: match?.account, isReadOnly: isReadOnly, access: [:], expires: 0)
    for scope in scopes {
      let parts = scope.split(separator: ":").map(String.init)
      guard parts.count == 3, parts[0] == "repository" else { continue }
      let actions = parts[2].split(separator: ",").map(String.init)
      grant.access[parts[1], default: []].formUnion(policy(grant.account, isReadOnly, parts[1], actions))
    }
    let now = world.unixTime
    grant.expires = now + lifetime * Duration64.second
    let token = "eyJ" + world.hexID(61)
    grants.withLock { grants in
      if grants.count > 256 { grants = grants.filter { $0.value.expires > now } }
      grants[token] = grant
    }
    return token
  }

  /// The grant behind a token; nil when nobody gave it or it has expired.
  func grant(_ token: String) -> Grant? {
    let now = world.unixTime
    return grants.withLock { $0[token] }.flatMap { $0.expires > now ? $0 : nil }
  }

  /// Whether a request may go on to `route`: nil when it may, else the refusal with its challenge.
  func refusal(
    _ request: RegistryRequest, _ route: DistributionRoute, realm: String, service: String,
    words: (_ name: String, _ actions: [String], TokenService.Grant?) -> RegistryResponse
  ) -> RegistryResponse? {
    let actions = route.actions(request.method)
    let grant = request.bearerToken.flatMap { self.grant($0) }
    var challenge = "Bearer realm=\"\(realm)\",service=\"\(service)\""
    if let name = route.name {
      if let grant, Set(actions).isSubset(of: grant.access[name] ?? []) { return nil }
      challenge += ",scope=\"repository:\(name):\(actions.joined(separator: ","))\""
    } else if route == .catalog {
      challenge += ",scope=\"registry:catalog:*\""
    } else if grant != nil {
      return nil
    }
    if request.bearerToken != nil {
      // A token that can pull only is no mistake of the client's, which another token would mend.
      if grant == nil { challenge += ",error=\"invalid_token\"" }
      if let grant, !grant.isReadOnly { challenge += ",error=\"insufficient_scope\"" }
    }
    var response = words(route.name ?? "", actions, grant)
    response.headers += [NameValue("WWW-Authenticate", challenge), DistributionService.version]
    return request.method == "HEAD" ? response.withoutBody : response
  }
}
