import JSONTree
import OCISpec
import Seams

/// The client of the OCI distribution API, over whatever carries one request to a registry and brings its answer back.
///
/// containerd pulls with it, dockerd pushes, searches and signs in. It knows where a registry is (`RegistryHosts`), how
/// to sign in to it, what to try again and what its refusals are called. What is pulled or pushed in one go shares a
/// `RegistryRepository`, which keeps its tokens.
public final class RegistryClient: Sendable {
  let world: any World
  let api: any DistributionAPI
  public let hosts: RegistryHosts
  /// The `User-Agent` header.
  let userAgent: String
  /// The `client_id` at token services.
  let clientID: String
  /// How often a request is sent that fails for reasons that may pass (docker: `max-download-attempts`).
  static let maxAttempts = 5

  public init(
    world: any World, api: any DistributionAPI, hosts: RegistryHosts = .init(), userAgent: String = "containerd/v2.2.0",
    clientID: String = "containerd-client"
  ) {
    (self.world, self.api, self.hosts) = (world, api, hosts)
    (self.userAgent, self.clientID) = (userAgent, clientID)
  }

  /// The repository of a reference, signed in to with `credentials` when it asks for them.
  public func repository(_ reference: ImageReference, credentials: RegistryCredentials? = nil) -> RegistryRepository {
    RegistryRepository(client: self, reference: reference, credentials: credentials)
  }

  func authorizer(_ credentials: RegistryCredentials?) -> RegistryAuthorizer {
    RegistryAuthorizer(world: world, api: api, credentials: credentials, clientID: clientID, userAgent: userAgent)
  }

  /// `Head "https://…/v2/library/nginx/manifests/latest"`: how Go's HTTP client names a request that failed.
  static func named(_ request: RegistryRequest) -> String {
    let verb = request.method.prefix(1) + request.method.dropFirst().lowercased()
    return "\(verb) \"\(request.scheme)://\(request.host)\(request.path)\""
  }

  // MARK: One request, with all that may come between

  /// Sends `request` signed in, follows redirects, and tries again what may pass. The answer is the registry's last
  /// word, refusals too; throws when it cannot be reached.
  ///
  /// - Parameter isRepeatable: false for uploads whose body can be read once only.
  func perform(
    _ request: RegistryRequest, at endpoint: RegistryEndpoint, scopes: [String], authorizer: RegistryAuthorizer,
    isRepeatable: Bool = true
  ) async throws -> RegistryResponse {
    var refusals = 0
    var attempt = 1
    while true {
      try Task.checkCancellation()
      var signed = request
      signed.headers.append(NameValue("User-Agent", userAgent))
      let sent: RegistryAuthorizer.Authorization?
      do {
        sent = try await authorizer.authorization(for: endpoint.host, scopes: scopes)
        if let sent { signed.headers.append(NameValue("Authorization", sent.value)) }
      } catch let error as EngineError {
        throw EngineError(error.code, "\(RegistryClient.named(request)): \(error.message)")
      }
      var response: RegistryResponse
      do {
        response = try await api.send(signed)
      } catch let error as EngineError {
        throw EngineError(error.code, "\(RegistryClient.named(request)): \(error.message)")
      }
      if request.method == "GET" || request.method == "HEAD" { response = try await follow(response, of: signed) }

      if response.status == 401, refusals < 2 {
        refusals += 1
        do {
          if try authorizer.learn(response.challenges, from: endpoint, after: sent), isRepeatable || sent == nil {
            response.discard()
            continue
          }
        } catch let error as EngineError {
          throw EngineError(error.code, "\(RegistryClient.named(request)): \(error.message)")
        }
      }
      guard isRepeatable, attempt < RegistryClient.maxAttempts,
        let pause = RegistryClient.pause(before: attempt + 1, response, now: world.unixTime)
      else { return response }
      response.discard()
      attempt += 1
      try await world.sleep(pause)
    }
  }

  /// How long to wait before a request is sent for the `attempt`th time, in nanoseconds; nil: it is no use.
  static func pause(before attempt: Int, _ response: RegistryResponse, now: UInt64) -> UInt64? {
    let asked = retryAfter(response.header("Retry-After"), now: now)
    // A registry that wants more patience than a minute wants to be asked again by the user.
    if let asked, asked > 60 { return nil }
    switch response.status {
    case 408, 500, 502, 503, 504: return asked.map { $0 * Duration64.second } ?? backoff(attempt)
    case 429: return asked.map { max($0, 1) * Duration64.second }
    default: return nil
    }
  }

  /// 250 ms, 500 ms, 1 s, 2 s, … before the second, third, … attempt.
  static func backoff(_ attempt: Int) -> UInt64 {
    250 * Duration64.millisecond << UInt64(min(max(attempt - 2, 0), 8))
  }

  /// Follows up to ten redirects. Credentials go to nobody but the host that they were meant for.
  private func follow(_ first: RegistryResponse, of request: RegistryRequest) async throws -> RegistryResponse {
    var response = first
    var current = request
    for _ in 0..<10 {
      guard [301, 302, 303, 307, 308].contains(response.status), let location = response.header("Location") else {
        return response
      }
      response.discard()
      let url = RegistryURL(location, relativeTo: current.scheme, current.host)
      guard url.scheme == "https" || url.scheme == "http", !url.host.isEmpty else {
        throw EngineError(.unknown, "\(RegistryClient.named(request)): unsupported protocol scheme \"\(url.scheme)\"")
      }
      let isElsewhere = url.host != current.host || url.scheme != current.scheme
      let headers = current.headers.filter { header in
        let name = header.name.lowercased()
        return !(isElsewhere && (name == "authorization" || name == "cookie"))
      }
      current = RegistryRequest(
        current.method, scheme: url.scheme, host: url.host, "/{location}",
        ["location": String(url.path.drop { $0 == "/" })], query: url.query, headers: headers)
      do {
        response = try await api.send(current)
      } catch let error as EngineError {
        throw EngineError(error.code, "\(RegistryClient.named(current)): \(error.message)")
      }
    }
    response.discard()
    throw EngineError(.unknown, "\(RegistryClient.named(request)): stopped after 10 redirects")
  }
}
