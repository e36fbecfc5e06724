import Engine
import JSONTree
import Seams
import Synchronization

/// Which pod a container is in.
final class PodTable: Sendable {
  private let find = Mutex<(@Sendable (String) -> String?)?>(nil)

  func use(_ find: @escaping @Sendable (String) -> String?) { self.find.withLock { $0 = find } }
  func pod(of container: String) -> String? { find.withLock { $0 }?(container) }
}

/// Containers have the network of their pod.
struct PodNetworks: NetworkLookup {
  let next: any NetworkLookup
  let pods: PodTable

  func state(_ containerID: String) async -> SandboxState? {
    if let state = await next.state(containerID) { return state }
    guard let pod = pods.pod(of: containerID) else { return nil }
    return await next.state(pod)
  }
  func check(_ names: [String]) async throws { try await next.check(names) }
  func connect(_ sandbox: NetworkSandbox) async throws -> SandboxState { try await next.connect(sandbox) }
  func connect(_ sandbox: NetworkSandbox, network: String, settings: JSON) async throws -> SandboxState {
    try await next.connect(sandbox, network: network, settings: settings)
  }
  func disconnect(_ containerID: String, network: String, force: Bool) async throws -> SandboxState {
    try await next.disconnect(containerID, network: network, force: force)
  }
  func release(_ containerID: String) async { await next.release(containerID) }
  func networkName(_ nameOrID: String) async throws -> (id: String, name: String) {
    try await next.networkName(nameOrID)
  }
}

/// A pod's containers are on its networks before they are created.
struct PodNamespaces: NetworkNamespaces {
  func make(for containerID: String) async throws -> Int? { nil }
  func remove(for containerID: String) async {}
}
