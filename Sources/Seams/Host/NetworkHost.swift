import JSONTree
import Runtime

/// A bridge network on the host.
public struct BridgeRecord: Codable, Hashable, JSONWritable {
  /// `docker0`, `br-1f0c…`.
  public var name: String
  public var networkID: String
  /// `172.17.0.0/16`.
  public var subnet: String
  /// `172.17.0.1`.
  public var gateway: String
  /// No way out of the network.
  public var isInternal: Bool
  public var mtu: Int
  /// Containers may talk to each other (com.docker.network.bridge.enable_icc).
  public var icc: Bool
  /// Whether what goes out of the network carries the host's address
  /// (com.docker.network.bridge.enable_ip_masquerade); nil when nobody has said no.
  public var masquerade: Bool?
  public init(
    name: String, networkID: String, subnet: String, gateway: String, isInternal: Bool = false, mtu: Int = 1500,
    icc: Bool = true, masquerade: Bool? = nil
  ) {
    (self.name, self.networkID, self.subnet, self.gateway) = (name, networkID, subnet, gateway)
    (self.isInternal, self.mtu, self.icc, self.masquerade) = (isInternal, mtu, icc, masquerade)
  }
}

/// One end of a veth pair in a container's network namespace, the other in a bridge.
public struct EndpointRecord: Codable, Hashable, JSONWritable {
  public var endpointID: String
  public var bridge: String
  /// The host's end: `veth1a2b3c4`.
  public var vethName: String
  /// The container's end: `eth0`.
  public var interface: String
  public var address: String
  public var prefixLength: Int
  public var macAddress: String
  /// The default gateway goes through this endpoint; empty when not.
  public var gateway: String
  public init(
    endpointID: String, bridge: String, vethName: String, interface: String, address: String, prefixLength: Int,
    macAddress: String, gateway: String
  ) {
    (self.endpointID, self.bridge, self.vethName, self.interface) = (endpointID, bridge, vethName, interface)
    (self.address, self.prefixLength, self.macAddress, self.gateway) = (address, prefixLength, macAddress, gateway)
  }
}

/// A published port.
public struct PortBinding: Codable, Hashable, JSONWritable {
  /// `tcp`, `udp`, `sctp`.
  public var proto: String
  public var hostIP: String
  /// 0 asks for an ephemeral one.
  public var hostPort: Int
  public var containerIP: String
  public var containerPort: Int
  public init(proto: String, hostIP: String, hostPort: Int, containerIP: String, containerPort: Int) {
    (self.proto, self.hostIP, self.hostPort) = (proto, hostIP, hostPort)
    (self.containerIP, self.containerPort) = (containerIP, containerPort)
  }
}

/// What dockerd knows of its networks when it starts: whatever else of its own the host has belongs to nobody.
public struct KnownNetworks: Sendable {
  /// An endpoint of a container that runs as far as dockerd knows.
  public struct Endpoint: Sendable {
    public var record: EndpointRecord
    /// The container's first process.
    public var pid: Int
    public init(record: EndpointRecord, pid: Int) { (self.record, self.pid) = (record, pid) }
  }
  public var bridges: [BridgeRecord]
  public var endpoints: [Endpoint]
  public var bindings: [PortBinding]
  public init(bridges: [BridgeRecord] = [], endpoints: [Endpoint] = [], bindings: [PortBinding] = []) {
    (self.bridges, self.endpoints, self.bindings) = (bridges, endpoints, bindings)
  }
}

/// dockerd's network work on its host: bridges, veth pairs, nft rules, the embedded DNS server.
public protocol NetworkHost: Sendable {
  /// dockerd starts: what an earlier one has left behind and nobody owns goes, what a restart of the host has taken
  /// comes again (bridges), published ports are held again. Before anything else is asked.
  func reconcile(_ known: KnownNetworks) async throws
  /// Blocks of addresses that the host has routes to, which new networks had better not take.
  func usedSubnets() async -> [String]
  func createBridge(_ bridge: BridgeRecord) async throws
  func deleteBridge(_ name: String) async throws
  /// A veth pair between the bridge and the network namespace of `pid` (a process in it).
  func attach(_ endpoint: EndpointRecord, pid: Int) async throws
  func detach(_ endpoint: EndpointRecord, pid: Int) async throws
  /// The default route of the network namespace of `pid` goes over `gateway` from now on.
  func setDefaultRoute(_ gateway: String, pid: Int) async throws
  /// The answer carries the port that was taken. Throws `EngineError`
  /// `Bind for 0.0.0.0:8080 failed: port is already allocated`.
  func publish(_ binding: PortBinding) async throws -> PortBinding
  func unpublish(_ binding: PortBinding) async throws
  /// Serves 127.0.0.11 in the network namespace of `pid`: `resolve` knows the names of the container's networks,
  /// nil sends the question on to the host's resolver.
  func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws
  func stopDNS(pid: Int) async
}

/// A host that begins empty, and has no networks but dockerd's.
extension NetworkHost {
  public func reconcile(_ known: KnownNetworks) async throws {}
  public func usedSubnets() async -> [String] { [] }
}

/// Records dockerd's requests to the kernel's network stack.
public struct TracedNetworkHost: NetworkHost {
  private let next: any NetworkHost
  private let tap: Tap
  public init(_ next: any NetworkHost, tap: Tap) { (self.next, self.tap) = (next, tap) }

  public func reconcile(_ known: KnownNetworks) async throws { try await next.reconcile(known) }
  public func usedSubnets() async -> [String] { await next.usedSubnets() }
  public func createBridge(_ bridge: BridgeRecord) async throws {
    try await carry("RTM_NEWLINK bridge", bridge) { try await next.createBridge(bridge) }
  }
  public func deleteBridge(_ name: String) async throws {
    try await carry("RTM_DELLINK bridge", JSON.object(["name": .string(name)])) { try await next.deleteBridge(name) }
  }
  public func attach(_ endpoint: EndpointRecord, pid: Int) async throws {
    try await carry("RTM_NEWLINK veth", endpoint) { try await next.attach(endpoint, pid: pid) }
  }
  public func detach(_ endpoint: EndpointRecord, pid: Int) async throws {
    try await carry("RTM_DELLINK veth", endpoint) { try await next.detach(endpoint, pid: pid) }
  }
  public func setDefaultRoute(_ gateway: String, pid: Int) async throws {
    let arguments: JSON = ["dst": "default", "gateway": .string(gateway), "netns": .string("/proc/\(pid)/ns/net")]
    try await carry("RTM_NEWROUTE default", arguments) { try await next.setDefaultRoute(gateway, pid: pid) }
  }
  public func publish(_ binding: PortBinding) async throws -> PortBinding {
    try await tap.carry("NFT_MSG_NEWRULE dnat", binding, outcome: { .success($0) }) { try await next.publish(binding) }
  }
  public func unpublish(_ binding: PortBinding) async throws {
    try await carry("NFT_MSG_DELRULE dnat", binding) { try await next.unpublish(binding) }
  }
  public func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    try await carry("bind 127.0.0.11:53", JSON.object(["netns": .string("/proc/\(pid)/ns/net")])) {
      try await next.serveDNS(pid: pid, resolve: resolve)
    }
  }
  public func stopDNS(pid: Int) async { await next.stopDNS(pid: pid) }

  private func carry(_ op: String, _ args: any JSONWritable, _ body: () async throws -> Void) async throws {
    try await tap.carry(op, args, outcome: { (_: Void) in .success(Empty()) }, body)
  }
}
