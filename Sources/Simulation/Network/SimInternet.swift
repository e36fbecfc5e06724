import Seams
import Synchronization

/// A machine of the simulated internet.
public struct InternetHost: Sendable {
  /// Its names (`example.com`), and its addresses.
  public var names: [String]
  public var addresses: [String]
  /// Nanoseconds from the host's gateway, one way.
  public var latency: UInt64
  /// Answers DNS questions on port 53.
  public var isResolver: Bool
  /// What listens, by TCP port. TLS itself is not modelled: on 443 the bytes are those inside the TLS session.
  public var services: [Int: @Sendable (Duplex) async -> Void]

  public init(
    names: [String], addresses: [String], latency: UInt64, isResolver: Bool = false,
    services: [Int: @Sendable (Duplex) async -> Void] = [:]
  ) {
    (self.names, self.addresses, self.latency) = (names, addresses, latency)
    (self.isResolver, self.services) = (isResolver, services)
  }
}

/// The small internet behind the simulated host: a few names, their machines, and what they answer.
public final class SimInternet: Sendable {
  private struct State {
    var byAddress: [String: InternetHost] = [:]
    var byName: [String: [String]] = [:]
  }
  private let state = Mutex(State())
  private let world: any World

  init(world: any World) {
    self.world = world
    for host in Self.standardHosts(world: world) { add(host) }
  }

  /// Adds a machine; its names and addresses replace others' of the same.
  public func add(_ host: InternetHost) {
    state.withLock { state in
      for address in host.addresses { state.byAddress[address] = host }
      for name in host.names { state.byName[name.lowercased()] = host.addresses }
    }
  }

  /// The machine at an address.
  public func host(at address: String) -> InternetHost? { state.withLock { $0.byAddress[address] } }

  /// The A records of a name; empty is NXDOMAIN. ECR registries have names for every account and region.
  public func addresses(of name: String) -> [String] {
    let name = name.lowercased()
    return state.withLock { state in
      if let known = state.byName[name] { return known }
      if name.contains(".dkr.ecr.") || name.hasPrefix("api.ecr."), name.hasSuffix(".amazonaws.com") {
        return state.byName["ecr.amazonaws.com"] ?? []
      }
      return []
    }
  }

  // MARK: The machines

  private static func standardHosts(world: any World) -> [InternetHost] {
    func web(_ names: [String], _ address: String, _ milliseconds: UInt64, _ site: WebSite) -> InternetHost {
      let serve: @Sendable (Duplex) async -> Void = { await site.serve($0, world: world) }
      return InternetHost(
        names: names, addresses: [address], latency: milliseconds * Duration64.millisecond,
        services: [80: serve, 443: serve])
    }
    func resolver(_ names: [String], _ address: String, _ milliseconds: UInt64) -> InternetHost {
      InternetHost(
        names: names, addresses: [address], latency: milliseconds * Duration64.millisecond, isResolver: true)
    }
    return [
      InternetHost(names: [], addresses: [SimNetwork.hostGateway], latency: 100_000),
      InternetHost(names: [], addresses: [SimNetwork.hostResolver], latency: 400_000, isResolver: true),
      resolver(["dns.google"], "8.8.8.8", 4), resolver([], "8.8.4.4", 4),
      resolver(["one.one.one.one"], "1.1.1.1", 3), resolver([], "1.0.0.1", 3),
      resolver(["dns.quad9.net"], "9.9.9.9", 6),
      web(["example.com", "www.example.com", "example.org", "example.net"], "93.184.215.14", 45, .example),
      web(["google.com", "www.google.com"], "142.250.74.46", 8, .named("Google")),
      web(["github.com"], "140.82.121.4", 12, .named("GitHub")),
      web(["www.docker.com", "docker.com", "docs.docker.com"], "13.32.99.71", 10, .named("Docker")),
      web(["dl-cdn.alpinelinux.org"], "151.101.2.132", 6, .packages),
      web(["deb.debian.org", "security.debian.org"], "151.101.130.132", 6, .packages),
      web(["archive.ubuntu.com", "security.ubuntu.com"], "185.125.190.81", 14, .packages),
      web(
        ["registry-1.docker.io", "docker.io", "index.docker.io"], "44.208.254.194", 48,
        .registry("registry.docker.io", "https://auth.docker.io/token")),
      web(["auth.docker.io"], "44.193.57.117", 48, .named("auth.docker.io")),
      web(["hub.docker.com"], "44.221.37.199", 48, .named("Docker Hub")),
      web(["production.cloudflare.docker.com"], "104.16.98.215", 5, .named("production.cloudflare.docker.com")),
      web(["ghcr.io"], "140.82.121.34", 12, .registry("ghcr.io", "https://ghcr.io/token")),
      web(["quay.io"], "34.224.196.162", 48, .registry("quay.io", "https://quay.io/v2/auth")),
      web(["registry.k8s.io"], "34.96.108.209", 9, .named("registry.k8s.io")),
      web(["mcr.microsoft.com"], "150.171.70.10", 7, .named("Microsoft Artifact Registry")),
      web(
        ["ecr.amazonaws.com", "public.ecr.aws"], "75.101.190.14", 47,
        .registry("ecr.amazonaws.com", "https://public.ecr.aws/token/")),
    ]
  }
}
