import OCISpec
import Seams
import Synchronization

/// The registries of trace mode, and the distances to them: Docker Hub, a `registry:2` on this machine and one behind a
/// password, ECR, and Harbor. Each answers as the genuine one does, with its words, its way of signing in and its limits.
///
/// Who can sign in where: `RegistryAccounts`.
public final class RegistryWorld: DistributionAPI {
  /// Open to everybody, empty at first, plain HTTP.
  public static let localHost = "localhost:5000"
  /// A `registry:2` behind an htpasswd file; it holds `shop/web` and `shop/api`.
  public static let privateHost = "registry.example.com"
  public static let ecrHost = ElasticContainerRegistry.host
  public static let harborHost = Harbor.host
  public static let hubHost = DockerHub.api

  private let world: any World
  private let hub: DockerHub
  private let local: PrivateRegistry
  private let behindPassword: PrivateRegistry
  private let harbor: Harbor
  /// ECR has a registry for each account and region.
  private let ecr = Mutex<[String: ElasticContainerRegistry]>([:])

  public init(world: any World) {
    self.world = world
    hub = DockerHub(world: world)
    local = PrivateRegistry(world: world, accounts: nil)
    behindPassword = PrivateRegistry(
      world: world, store: RegistryStore([Catalogue.shop]), accounts: RegistryAccounts.privateRegistry)
    harbor = Harbor(world: world)
  }

  public func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    guard let (registry, distance) = find(request.host) else { throw unreachable(request.host) }
    if registry is PrivateRegistry, distance == .here, request.scheme == "https" {
      throw EngineError(.unavailable, "http: server gave HTTP response to HTTPS client")
    }
    if distance != .here, request.scheme == "http" {
      // Whoever sends clear text to a TLS port is told so.
      return RegistryResponse(
        400, headers: [NameValue("Content-Type", "text/plain; charset=utf-8")],
        body: Array("Client sent an HTTP request to an HTTPS server.\n".utf8))
    }
    let up = request.header("Content-Length").flatMap { Int64($0) } ?? Int64(request.body.count)
    try await world.sleep(distance.time(for: up))
    let response = await registry.answer(request)
    if !response.body.isEmpty {
      let down = response.header("Content-Length").flatMap { Int64($0) } ?? Int64(response.body.count)
      try await world.sleep(distance.time(for: down) - distance.roundTrip)
    }
    return response
  }

  /// How far away a host is.
  private enum Distance: Sendable, Hashable {
    case here, nearby, far

    /// Nanoseconds.
    var roundTrip: UInt64 {
      switch self {
      case .here: 400 * Duration64.microsecond
      case .nearby: 9 * Duration64.millisecond
      case .far: 38 * Duration64.millisecond
      }
    }
    /// Nanoseconds for one round trip and `bytes`.
    func time(for bytes: Int64) -> UInt64 {
      let perSecond: UInt64 =
        switch self {
        case .here: 800_000_000
        case .nearby: 100_000_000
        case .far: 40_000_000
        }
      let bytes = UInt64(min(max(bytes, 0), 1 << 42))
      return roundTrip + bytes * 1_000_000 / (perSecond / 1000)
    }
  }

  private func find(_ host: String) -> (any RegistryHost, Distance)? {
    switch host {
    case DockerHub.api, DockerHub.tokens, DockerHub.index, "docker.io": return (hub, .far)
    case DockerHub.cdn: return (hub, .nearby)
    case RegistryWorld.localHost, "127.0.0.1:5000", "[::1]:5000": return (local, .here)
    case RegistryWorld.privateHost, RegistryWorld.privateHost + ":443": return (behindPassword, .nearby)
    case Harbor.host, Harbor.host + ":443": return (harbor, .nearby)
    default: return ecrHost(for: host).map { (ecrRegistry($0), .far) }
    }
  }

  /// ECR's registry behind a host of its own, of its API or of its bucket.
  private func ecrHost(for host: String) -> String? {
    if ElasticContainerRegistry.parts(host) != nil { return host }
    let labels = host.split(separator: ".").map(String.init)
    if labels.count == 5, labels[0] == "api", labels[1] == "ecr", labels[3] == "amazonaws" {
      return "123456789012.dkr.ecr.\(labels[2]).amazonaws.com"
    }
    if labels.count == 5, labels[0].hasSuffix("-starport-layer-bucket"), labels[1] == "s3" {
      return ecr.withLock { $0.keys.filter { $0.contains(".ecr.\(labels[2]).") }.sorted().first }
    }
    return nil
  }

  private func ecrRegistry(_ host: String) -> ElasticContainerRegistry {
    ecr.withLock { registries in
      if let registry = registries[host] { return registry }
      let registry = ElasticContainerRegistry(world: world, host: host)
      registries[host] = registry
      return registry
    }
  }

  private func unreachable(_ host: String) -> EngineError {
    let isHere = ["localhost", "127.0.0.1", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
    let name = String(host.prefix { $0 != ":" })
    let port = host.contains(":") ? String(host.reversed().prefix { $0 != ":" }.reversed()) : "443"
    return EngineError(
      .unavailable,
      isHere
        ? "dial tcp 127.0.0.1:\(port): connect: connection refused" : "dial tcp: lookup \(name): no such host")
  }
}

// MARK: Questions of lessons

extension RegistryWorld {
  private func store(_ host: String) -> RegistryStore? {
    switch host {
    case "docker.io", DockerHub.api: hub.store
    case RegistryWorld.localHost: local.store
    case RegistryWorld.privateHost: behindPassword.store
    case Harbor.host: harbor.store
    default: ElasticContainerRegistry.parts(host).map { _ in ecrRegistry(host).store }
    }
  }

  /// The registries' domains, as references name them.
  public var domains: [String] {
    ["docker.io", RegistryWorld.localHost, RegistryWorld.privateHost, RegistryWorld.ecrHost, RegistryWorld.harborHost]
  }

  /// The repositories of a registry, sorted; empty when there is no such registry.
  public func repositories(_ domain: String) -> [String] { store(domain)?.names ?? [] }

  /// The tags of a repository, sorted; empty when there is no such repository.
  public func tags(_ domain: String, _ repository: String) -> [String] { store(domain)?.tags(repository) ?? [] }

  /// What a tag (`latest` without one) or digest points at; nil when it is not there.
  public func digest(_ reference: ImageReference) -> Digest? {
    store(reference.domain)?.manifest(
      reference.path, reference.digest?.description ?? reference.tag ?? "latest")?.digest
  }

  /// How many pulls Docker Hub still lets through: for an account, or for the anonymous users of this machine. Nil for
  /// an account without a limit.
  public func pullsLeft(account name: String? = nil) -> Int? {
    guard let name else { return hub.pullsLeft(nil) }
    guard let account = RegistryAccounts.hub.first(where: { $0.name == name }) else { return nil }
    return account.pullLimit == nil ? nil : hub.pullsLeft(account)
  }

  /// A new ECR password, as `aws ecr get-login-password` prints it: good for twelve hours.
  public func ecrPassword(_ host: String = RegistryWorld.ecrHost) -> String { ecrRegistry(host).issuePassword() }

  /// What Harbor's scanner finds in an image, gravest first; nil when Harbor has no such image.
  public func harborFindings(_ repository: String, _ reference: String) -> [Vulnerability]? {
    harbor.store.manifest(repository, reference).map { HarborScanner.findings(harbor.store, repository, $0) }
  }
}
