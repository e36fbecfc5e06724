import Glibc
import Runtime
import Seams
import Synchronization
import Threads

/// dockerd's network work on Linux: bridges, veth pairs, addresses and routes by rtnetlink(7), rules by libnftables(3),
/// names by a DNS server of the engine's own. Neither `ip` nor `iptables` nor `nft` is executed.
///
/// All of it happens on two threads: one makes, one removes interfaces, for which the kernel takes ten times as long.
public final class LinuxNetwork: NetworkHost {
  public struct Options: Sendable {
    /// The nftables table, and what the aliases of our interfaces begin with. Engines on one host have each their own.
    public var name = "drydock"
    /// Where the host's name servers stand, for names that no network knows.
    public var resolvConf = "/etc/resolv.conf"
    public init() {}
  }

  private let maker: SerialThread
  private let remover: SerialThread
  private let machinery: Mutex<Machinery?>
  private let options: Options
  private let ways = WaysOut()
  private let dns: DNSServer

  /// - Throws: `NoThread`. Whether the host allows what is to come shows with the first request.
  public init(_ options: Options = Options()) throws {
    self.options = options
    maker = try SerialThread()
    remover = try SerialThread()
    machinery = Mutex(nil)
    dns = DNSServer(ways: ways, resolvConf: options.resolvConf)
  }

  /// Performs `body` on the thread that makes.
  private func make<R: Sendable>(_ body: @escaping @Sendable (inout Machinery) throws -> R) async throws -> R {
    try await maker.run { [self] in
      try machinery.withLock { machinery in
        // Here, since sockets and nft belong to the namespace of the thread that opens them.
        if machinery == nil { machinery = .some(try Machinery.make(options, ways: ways)) }
        guard machinery != nil else { throw Errno.ENXIO }
        return try body(&machinery!)
      }
    }
  }

  /// Removes interfaces on the thread that removes. Those that have gone by themselves are no error.
  private func remove(_ names: [String]) async throws {
    try await remover.run {
      let socket = try NetlinkSocket()
      for name in names { try socket.remove(name) }
    }
  }

  public func reconcile(_ known: KnownNetworks) async throws {
    let strays = try await make { try $0.reconcile(known) }
    if !strays.isEmpty { try await remove(strays) }
  }

  public func usedSubnets() async -> [String] {
    let found = try? await make { machinery in
      let own = Set(machinery.bridges.keys)
      let ownIndexes = Set(try machinery.route.links().filter { own.contains($0.name) }.map(\.index))
      return try machinery.route.routes().filter { !ownIndexes.contains($0.index) }.map(\.block.description)
    }
    return found ?? []
  }

  public func createBridge(_ bridge: BridgeRecord) async throws { try await make { try $0.createBridge(bridge) } }
  public func deleteBridge(_ name: String) async throws { try await make { try $0.deleteBridge(name) } }

  public func attach(_ endpoint: EndpointRecord, pid: Int) async throws {
    try await make { try $0.attach(endpoint, pid: pid) }
  }

  /// Waits for the interface to be gone from a container that runs on. When the container has ended, nobody can see the
  /// interface any more: its port in the bridge is shut at once, and the kernel's 10 to 30 ms are nobody's.
  public func detach(_ endpoint: EndpointRecord, pid: Int) async throws {
    let mustWait = try await make { try $0.shut(endpoint, pid: pid) }
    if mustWait {
      do { try await remove([endpoint.vethName]) } catch {
        throw EngineError(.unknown, "failed to delete interface \(endpoint.vethName): \(error)")
      }
    } else {
      remover.submit { _ = try? NetlinkSocket().remove(endpoint.vethName) }
    }
  }

  public func setDefaultRoute(_ gateway: String, pid: Int) async throws {
    try await make { try $0.setDefaultRoute(gateway, pid: pid) }
  }

  public func publish(_ binding: PortBinding) async throws -> PortBinding {
    try await make { try $0.publish(binding) }
  }
  public func unpublish(_ binding: PortBinding) async throws { try await make { try $0.unpublish(binding) } }

  /// Waits for the interfaces whose containers have ended to be gone.
  public func drain() async { try? await remover.run {} }

  // MARK: Names

  public func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    let sockets = try await make { try $0.openDNS(pid) }
    do { try dns.serve(DNSService(pid: pid, sockets: sockets, servers: nil, resolve: resolve)) } catch {
      close(sockets.udp)
      close(sockets.tcp)
      throw EngineError(.unknown, "failed to start the embedded DNS server: \(error)")
    }
  }

  public func stopDNS(pid: Int) async {
    dns.stop(pid)
    // With the container's end its rules have gone.
    guard (try? NetworkNamespace(pid: pid)) != nil else { return }
    try? await remover.run { [options] in NamespaceDNS.close(pid, table: options.name) }
  }
}
