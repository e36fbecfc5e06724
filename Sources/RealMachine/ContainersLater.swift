import Engine
import Handoff
import JSONTree
import Seams

/// The ends that only containers need, before the engine can run any on this machine: every request for them is
/// refused, with words that say so (501 at the API).
struct ContainersLater: ShimLauncher, FIFOs, Processes, NetworkHost, RuntimeCLI, DockerdService {
  private static func refusal(_ what: String) -> EngineError {
    EngineError(
      .notImplemented,
      "\(what) comes with containers in real mode, which this version of drydockd cannot run yet: it does all that "
        + "images need; use --mode trace to run containers in a simulated engine")
  }

  // MARK: DockerdService

  /// In place of the operations that would make something to run or to run in.
  func register(in router: inout Router) {
    router.on("POST /containers/create") { _ in throw ContainersLater.refusal("creating containers") }
    router.on("POST /networks/create") { _ in throw ContainersLater.refusal("creating networks") }
  }
  func start() async throws {}
  func shutdown() async {}

  // MARK: ShimLauncher

  func start(_ invocation: ShimInvocation) async throws -> any ShimAPI { throw ContainersLater.refusal("the shim") }
  func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult {
    throw ContainersLater.refusal("the shim")
  }

  // MARK: RuntimeCLI

  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    throw ContainersLater.refusal("executing \(command.name)")
  }

  // MARK: FIFOs

  func make(_ path: String) throws { throw ContainersLater.refusal("the FIFO \(path)") }
  func channel(_ path: String) -> ByteChannel? { nil }
  func remove(_ path: String) {}

  // MARK: Processes: there are none of ours

  func wait(_ pid: Int) async -> Int { 255 }
  func wasOOMKilled(_ pid: Int) -> Bool { false }
  func members(cgroup path: String) -> [Int] { [] }
  func info(_ pid: Int) -> HostProcessInfo? { nil }
  func spawnPart(_ name: String, arguments: [String]) -> Int { 0 }
  func endPart(_ pid: Int) {}

  // MARK: NetworkHost

  func createBridge(_ bridge: BridgeRecord) async throws { throw ContainersLater.refusal("the bridge \(bridge.name)") }
  func deleteBridge(_ name: String) async throws { throw ContainersLater.refusal("the bridge \(name)") }
  func attach(_ endpoint: EndpointRecord, pid: Int) async throws { throw ContainersLater.refusal("an endpoint") }
  func detach(_ endpoint: EndpointRecord, pid: Int) async throws { throw ContainersLater.refusal("an endpoint") }
  func setDefaultRoute(_ gateway: String, pid: Int) async throws { throw ContainersLater.refusal("a route") }
  func publish(_ binding: PortBinding) async throws -> PortBinding { throw ContainersLater.refusal("a published port") }
  func unpublish(_ binding: PortBinding) async throws { throw ContainersLater.refusal("a published port") }
  func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    throw ContainersLater.refusal("the embedded DNS server")
  }
  func stopDNS(pid: Int) async {}
}

/// Networks as long as none can be made: they answer questions (there are none), and nothing is made at the start.
struct UnstartedNetworks: DockerdService {
  private let networks: NetworkService
  init(_ networks: NetworkService) { self.networks = networks }
  func register(in router: inout Router) { networks.register(in: &router) }
  func start() async throws {}
  func shutdown() async {}
}
