import Engine
import Handoff
import JSONTree
import Seams

/// The stack `containerd`: ctr → containerd → shim → runC → kernel, in containerd's namespace `default`.
///
/// The docker client's words become what ctr would ask; ctr's own command line is `Ctr`.
public final class ContainerdStack: SimStack {
  public let name = "containerd"
  public let clientNames = ["ctr"]
  public let client: (any StackClient)?
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  private let engine: LibraryEngine
  private let kernel: SimKernel

  public var parties: [String] {
    ["ctr", "containerd", "shim", "cni"] + SimMachine.runtimes + ["kernel", "registry"]
  }
  public var breakable: [String] { ["containerd", "shim", "cni", "runc", "registry"] }
  static let namespace = "default"

  public init(_ parts: SimParts) {
    kernel = parts.kernel
    let kernel = parts.kernel
    let tap = parts.tap(.ctr, .containerd, .grpc)
    let shims = TracedShimLauncher(
      ShimFactory(
        world: parts.world, runtime: RuntimeTable(parts, caller: .shim), files: SimHostFiles(kernel),
        fifos: SimFIFOs(kernel), processes: kernel),
      exec: parts.tap(.containerd, .shim, .exec), ttrpc: parts.tap(.containerd, .shim, .ttrpc))
    let network = LazyBridge(
      TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { kernel.networkNamespace(of: $0) }),
        tap: parts.tap(.cni, .kernel, .syscall)), bridge: "cni0")
    let plugin = parts.tap(.ctr, .cni, .exec)
    var plan = LibraryEngine.Plan(
      registry: TracedDistributionAPI(parts.registries, tap: parts.tap(.containerd, .registry, .https)), shims: shims,
      runtime: RuntimeTable(parts, caller: .ctr), network: network, snapshots: SimSnapshotDriver(kernel),
      files: SimHostFiles(kernel))
    plan.seam = { next in
      ClientSeam(
        next, tap: tap, world: parts.world,
        spec: { id, spec in
          spec.change("linux") { $0["cgroupsPath"] = .string("/\(ContainerdStack.namespace)/\(id)") }
        })
    }
    plan.networks = { next in
      // `ctr run --cni`.
      NetworkPlugins(
        next: next, tap: plugin, setup: "cni ADD", teardown: "cni DEL",
        arguments: { verb, id in
          [
            "argv": ["/opt/cni/bin/bridge"],
            "env": [
              "CNI_COMMAND": .string(String(verb.dropFirst(4))),
              "CNI_CONTAINERID": .string("\(ContainerdStack.namespace)-\(id)"), "CNI_IFNAME": "eth0",
            ],
          ]
        })
    }
    plan.daemon = { (configuration: inout DaemonConfiguration) in
      configuration.dataRoot = "/var/lib/ctr"
      configuration.execRoot = "/run/containerd/fifo"
      configuration.namespace = ContainerdStack.namespace
      configuration.bridgeName = "cni0"
      configuration.bridgeSubnet = "10.88.0.0/16"
    }
    engine = LibraryEngine(parts, plan)
    untraced = engine.dockerd
    let wire = TracedContainerdAPI(engine.containerd, tap: tap)
    let runtime: @Sendable () -> String = { [engine] in engine.runtime }
    client = Ctr(parts, wire: wire, quiet: engine.containerd, runtime: runtime)
    daemon = ContainerdStack.front(parts, engine, wire)
  }

  /// What is about one container, which may be one that ctr has made.
  private static let foreignOperations =
    [
      "start", "stop", "kill", "restart", "pause", "unpause", "wait", "attach", "exec", "rename", "update",
    ].map { "POST /containers/{id}/\($0)" } + ["logs", "top", "stats"].map { "GET /containers/{id}/\($0)" } + [
      "DELETE /containers/{id}"
    ]

  private static func front(_ parts: SimParts, _ engine: LibraryEngine, _ wire: any ContainerdAPI) -> StackFront {
    let core = engine.dockerd
    var front = StackFront(next: core)
    let (link, faults) = (parts.wire, parts.faults)
    front.before = { request in
      try await link.departing(from: .ctr, to: .containerd, via: .grpc, op: request.op)
    }
    front.checksHandlers = false
    front.isDown = { faults.kind("containerd") == .down }
    // What is only asked.
    func asks(_ op: String, _ ask: @escaping @Sendable (any ContainerdAPI, APIRequest) async throws -> Void) {
      front.handlers[op] = { request in
        try await ask(wire, request)
        return try await core.send(request)
      }
    }
    for op in ["HEAD /_ping", "GET /_ping", "GET /version", "GET /info"] {
      asks(op) { wire, _ in _ = try await wire.call(ContainerdVersion.Version(), namespace: namespace) }
    }
    let foreign = ForeignContainers(engine: engine, wire: wire, world: parts.world)
    front.handlers["GET /containers/json"] = { try await foreign.list($0) }
    front.handlers["GET /containers/{id}/json"] = { request in
      if let answer = try await foreign.answer(request) { return answer }
      let answer = try await core.send(request)
      if let id = answer.json["Id"]?.string { _ = try? await wire.call(Containers.Get(id: id), namespace: namespace) }
      return answer
    }
    for op in foreignOperations {
      front.handlers[op] = { request in
        if let answer = try await foreign.answer(request) { return answer }
        return try await core.send(request)
      }
    }
    asks("GET /images/json") { wire, _ in _ = try await wire.call(Images.List(), namespace: namespace) }
    asks("GET /images/{name}/json") { wire, request in
      let image = try? await engine.daemon.images.image(request.parameters["name"] ?? "")
      guard let image else { return }
      _ = try? await wire.call(Images.Get(name: image.storeName), namespace: namespace)
      _ = try? await wire.call(Content.Read(digest: image.configDescriptor.digest), namespace: namespace)
    }
    front.words = { $0.replacing("failed to create task for container: ", with: "") }
    front.identify(
      as: .init(
        name: "containerd", version: "v2.2.0",
        components: [("containerd", "v2.2.0"), ("runc", "1.3.3")], storageDriver: "overlayfs",
        root: "/var/lib/containerd"))
    return front
  }

  public func start() async throws {
    _ = kernel.spawnPart("containerd", arguments: ["/usr/bin/containerd"])
    try await engine.start()
  }
  public var runtime: String { engine.runtime }
  public func use(runtime: String) -> String? {
    engine.use(runtime: runtime)
    return nil
  }
}
