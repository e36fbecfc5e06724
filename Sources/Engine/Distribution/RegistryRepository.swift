import JSONTree
import OCISpec
import Seams
import Synchronization

/// One repository of a registry, for the length of one pull or push: its tokens are fetched once and shared by all
/// requests.
public final class RegistryRepository: Sendable {
  public let reference: ImageReference
  let client: RegistryClient
  private let own: RegistryAuthorizer
  /// Mirrors never see the credentials of the registry that they mirror.
  private let anonymous: RegistryAuthorizer
  private let limit = Mutex<RegistryRateLimit?>(nil)

  init(client: RegistryClient, reference: ImageReference, credentials: RegistryCredentials?) {
    (self.client, self.reference) = (client, reference)
    own = client.authorizer(credentials)
    anonymous = client.authorizer(nil)
  }

  /// What the registry last said about how many pulls it lets through still.
  public var rateLimit: RegistryRateLimit? { limit.withLock { $0 } }

  /// The host of the distribution API.
  public var host: String { RegistryHosts.apiHost(reference.domain) }

  /// What requests to this repository ask of a token service.
  func scopes(_ action: RegistryAction, mountingFrom source: String? = nil) -> [String] {
    var scopes = ["repository:\(reference.path):\(action == .push ? "pull,push" : "pull")"]
    if let source { scopes.append("repository:\(source):pull") }
    return scopes
  }

  /// One request below `/v2/{name}` at one endpoint; `host` and `name` are filled in.
  func send(
    _ method: String, _ template: String, _ parameters: [String: String] = [:], at endpoint: RegistryEndpoint,
    query: [NameValue] = [], headers: [NameValue] = [], body: [UInt8] = [], upload: ByteChannel? = nil,
    action: RegistryAction = .pull, mountingFrom source: String? = nil
  ) async throws -> RegistryResponse {
    var parameters = parameters
    if template.contains("{name}") { parameters["name"] = reference.path }
    let request = RegistryRequest(
      method, scheme: endpoint.scheme, host: endpoint.host, template, parameters,
      query: query + (endpoint.mirrored.map { [NameValue("ns", $0)] } ?? []), headers: headers, body: body,
      upload: upload)
    let response = try await client.perform(
      request, at: endpoint, scopes: scopes(action, mountingFrom: source),
      authorizer: endpoint.mirrored == nil ? own : anonymous, isRepeatable: upload == nil)
    if let seen = RegistryRateLimit(response) { limit.withLock { $0 = seen } }
    return response
  }

  /// Asks mirrors and the registry in turn until one answers as `body` wants it; the registry's own error counts.
  func asking<T: Sendable>(
    pushing: Bool = false, _ body: (RegistryEndpoint) async throws -> T
  ) async throws -> T {
    let endpoints = client.hosts.endpoints(for: reference.domain, pushing: pushing)
    for endpoint in endpoints.dropLast() {
      if let answer = try? await body(endpoint) { return answer }
      try Task.checkCancellation()
    }
    return try await body(endpoints[endpoints.count - 1])
  }

  /// A refusal in Docker's words.
  func refusal(
    _ response: RegistryResponse, _ method: String, _ path: String, action: RegistryAction = .pull
  ) async -> EngineError {
    let body = method == "HEAD" ? [] : (try? await response.collect(limit: 65_536)) ?? []
    return registryError(
      response.status, body: body, challenges: response.challenges, for: reference, to: action,
      request: "\(method) request to \(client.hosts.scheme(of: host))://\(host)/v2/\(reference.path)/\(path)")
  }
}
