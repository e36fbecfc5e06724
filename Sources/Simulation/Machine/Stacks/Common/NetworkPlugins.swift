import Engine
import Handoff
import JSONTree
import Seams
import Synchronization

/// Networks that are set up by a program which the engine executes for each container: netavark, or CNI plugins. Inside
/// of it the same work is done that dockerd does itself.
struct NetworkPlugins: NetworkLookup {
  let next: any NetworkLookup
  /// Engine → program, exec.
  let tap: Tap
  /// What the execution is called: `cni ADD`, `netavark setup`.
  let setup: String
  let teardown: String
  /// The command line, or the environment, that says what is wanted.
  let arguments: @Sendable (_ verb: String, _ container: String) -> JSON

  func connect(_ sandbox: NetworkSandbox) async throws -> SandboxState {
    guard !["host", "none"].contains(sandbox.mode), !sandbox.mode.hasPrefix("container:") else {
      return try await next.connect(sandbox)
    }
    return try await tap.carry(
      setup, arguments(setup, sandbox.containerID),
      outcome: { .success(JSON.object(["networks": .object($0.networks)])) }
    ) { try await next.connect(sandbox) }
  }

  func connect(_ sandbox: NetworkSandbox, network: String, settings: JSON) async throws -> SandboxState {
    guard sandbox.pid != 0 else { return try await next.connect(sandbox, network: network, settings: settings) }
    return try await tap.carry(
      setup, arguments(setup, sandbox.containerID),
      outcome: { .success(JSON.object(["networks": .object($0.networks)])) }
    ) { try await next.connect(sandbox, network: network, settings: settings) }
  }

  func release(_ containerID: String) async {
    guard let state = await next.state(containerID), !state.networks.keys.allSatisfy({ ["host", "none"].contains($0) })
    else { return await next.release(containerID) }
    // What a broken plugin leaves behind, its owner's end takes away.
    do {
      try await tap.carry(
        teardown, arguments(teardown, containerID), outcome: { (_: Void) in .success(Empty()) }
      ) { await next.release(containerID) }
    } catch { await next.release(containerID) }
  }

  func check(_ names: [String]) async throws { try await next.check(names) }
  func disconnect(_ containerID: String, network: String, force: Bool) async throws -> SandboxState {
    try await next.disconnect(containerID, network: network, force: force)
  }
  func state(_ containerID: String) async -> SandboxState? { await next.state(containerID) }
  func networkName(_ nameOrID: String) async throws -> (id: String, name: String) {
    try await next.networkName(nameOrID)
  }
}

/// A host's network whose default bridge is made with the first container, as plugins do.
final class LazyBridge: NetworkHost {
  private let next: any NetworkHost
  private let name: String
  private let waiting = Mutex<BridgeRecord?>(nil)

  init(_ next: any NetworkHost, bridge name: String) { (self.next, self.name) = (next, name) }

  func createBridge(_ bridge: BridgeRecord) async throws {
    guard bridge.name == name else { return try await next.createBridge(bridge) }
    waiting.withLock { $0 = bridge }
  }
  func deleteBridge(_ name: String) async throws { try await next.deleteBridge(name) }
  func attach(_ endpoint: EndpointRecord, pid: Int) async throws {
    if endpoint.bridge == name {
      let bridge = waiting.withLock { waiting in
        defer { waiting = nil }
        return waiting
      }
      if let bridge { try await next.createBridge(bridge) }
    }
    try await next.attach(endpoint, pid: pid)
  }
  func detach(_ endpoint: EndpointRecord, pid: Int) async throws { try await next.detach(endpoint, pid: pid) }
  func setDefaultRoute(_ gateway: String, pid: Int) async throws { try await next.setDefaultRoute(gateway, pid: pid) }
  func publish(_ binding: PortBinding) async throws -> PortBinding { try await next.publish(binding) }
  func unpublish(_ binding: PortBinding) async throws { try await next.unpublish(binding) }
  func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    try await next.serveDNS(pid: pid, resolve: resolve)
  }
  func stopDNS(pid: Int) async { await next.stopDNS(pid: pid) }
}
