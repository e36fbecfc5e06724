import Engine
import Handoff
import JSONTree
import Seams

/// The stack `docker-1.10`: client → docker daemon → kernel, before the split of version 1.11.
///
/// One process does it all: it asks the registry, keeps layers by its graph driver, and makes containers by libcontainer,
/// a library. Both are drawn as parties of their own, reached `inproc`.
public final class MonolithStack: SimStack {
  public let name = "docker-1.10"
  public let clientNames: [String] = []
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  public let remote: (any RemoteAPI)?
  private let engine: LibraryEngine
  private let library: Libcontainer

  public var parties: [String] { ["client", "dockerd", "graphdriver", "libcontainer", "kernel", "registry"] }
  /// Nothing stands between the daemon and the kernel that could break by itself.
  public var breakable: [String] { ["dockerd", "registry"] }

  public init(_ parts: SimParts) {
    let kernel = parts.kernel
    library = Libcontainer(parts)
    let driver = parts.tap(.dockerd, .graphdriver, .inproc)
    let root = "/var/lib/docker"
    var plan = LibraryEngine.Plan(
      registry: PingingRegistry(TracedDistributionAPI(parts.registries, tap: parts.tap(.dockerd, .registry, .https))),
      shims: library, runtime: NoRuntime(),
      network: TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { kernel.networkNamespace(of: $0) }),
        tap: parts.tap(.dockerd, .kernel, .syscall)),
      snapshots: GraphDriver(next: SimSnapshotDriver(kernel), tap: driver),
      files: GraphFiles(next: SimHostFiles(kernel), tap: driver, roots: "\(root)/rootfs/overlayfs"))
    plan.seam = { EngineSeam(next: $0) }
    plan.daemon = { (configuration: inout DaemonConfiguration) in
      configuration.defaultRuntime = "runc"
      configuration.runtimes = ["runc": "runc"]
      configuration.dataRoot = root
      configuration.namespace = "docker"
      configuration.cgroupVersion = 1
      configuration.hasTimeNamespaces = false
    }
    plan.containerd = { (configuration: inout ContainerdConfiguration) in
      configuration.bundle = { _, id in "/run/docker/execdriver/native/\(id)" }
    }
    engine = LibraryEngine(parts, plan)
    var front = StackFront(next: engine.dockerd)
    for (op, version) in MonolithStack.later {
      front.refusals[op] = "404 page not found: Docker 1.10 has no \(op), which came with \(version)"
    }
    front.words = { message in
      guard let failure = CreateFailure(message) else { return message }
      // libcontainer's own words, behind those of the runtime that it became.
      guard let start = failure.message.firstRange(of: "exec: \"")?.lowerBound else { return failure.message }
      let cause = String(failure.message[start...])
      guard cause.contains("executable file not found") else { return cause }
      let command = cause.split(separator: "\"").dropFirst().first ?? ""
      return "Container command '\(command)' not found or does not exist: \(cause)"
    }
    front.identify(
      as: .init(
        name: "Docker", version: "1.10.3", api: "1.22", components: [("docker", "1.10.3")], root: root))
    untraced = front
    let world = parts.world
    daemon = TracedRemoteAPI(HijackLatency(next: front, world: world), tap: parts.tap(.client, .dockerd, .http))
    remote = TracedRemoteAPI(HijackLatency(next: front, world: world), tap: parts.tap(.client, .dockerd, .https))
  }

  /// What later versions of the Remote API have brought.
  private static let later: [String: String] = [
    "POST /containers/prune": "1.13", "POST /images/prune": "1.13", "POST /networks/prune": "1.13",
    "POST /volumes/prune": "1.13", "GET /system/df": "1.13", "GET /distribution/{name}/json": "17.06",
  ]

  public func start() async throws {
    library.boot()
    try await engine.start()
  }
  public var runtime: String { "libcontainer" }
  public func use(runtime: String) -> String? {
    "docker 1.10 has no OCI runtime to choose: libcontainer, a library inside the daemon, does the work of runC"
  }
}

/// Nothing is executed.
private struct NoRuntime: RuntimeCLI {
  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    throw EngineError(.notFound, "there is no runtime: libcontainer is a library inside the daemon")
  }
}
