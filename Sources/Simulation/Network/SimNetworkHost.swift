import Runtime
import Seams

/// dockerd's network work, done on the simulated network.
public struct SimNetworkHost: NetworkHost {
  private let network: SimNetwork
  private let namespaceOf: @Sendable (Int) -> Int?

  /// - Parameter namespaceOf: the network namespace of a process, by its host pid; nil when it is gone.
  public init(network: SimNetwork, namespaceOf: @escaping @Sendable (Int) -> Int?) {
    (self.network, self.namespaceOf) = (network, namespaceOf)
  }

  public func createBridge(_ bridge: BridgeRecord) async throws { try network.createBridge(bridge) }
  public func deleteBridge(_ name: String) async throws { try network.deleteBridge(name) }
  public func attach(_ endpoint: EndpointRecord, pid: Int) async throws {
    guard let namespace = namespaceOf(pid) else { throw Errno.ESRCH }
    try network.attach(endpoint, to: namespace)
  }
  public func detach(_ endpoint: EndpointRecord, pid: Int) async throws { network.detach(endpoint) }
  public func setDefaultRoute(_ gateway: String, pid: Int) async throws {
    guard let namespace = namespaceOf(pid) else { throw Errno.ESRCH }
    try network.setDefaultRoute(gateway, in: namespace)
  }
  public func publish(_ binding: PortBinding) async throws -> PortBinding { try network.publish(binding) }
  public func unpublish(_ binding: PortBinding) async throws { network.unpublish(binding) }
  public func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    guard let namespace = namespaceOf(pid) else { throw Errno.ESRCH }
    network.serveDNS(in: namespace, resolve: resolve)
  }
  public func stopDNS(pid: Int) async {
    if let namespace = namespaceOf(pid) { network.stopDNS(in: namespace) }
  }
}
