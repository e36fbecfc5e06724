import Engine
import Handoff
import JSONTree
import Runtime
import Seams

/// The stack `cri-o`: crictl (for the kubelet) → CRI-O → conmon → runC → kernel.
///
/// The docker client's words become the calls of the CRI that do the same: `docker run` runs a pod with one container.
public final class CRIOStack: SimStack {
  public let name = "cri-o"
  public let clientNames = ["crictl"]
  public let client: (any StackClient)?
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  private let engine: LibraryEngine
  private let kernel: SimKernel

  public var parties: [String] {
    ["crictl", "crio", "pinns", "cni", "conmon"] + SimMachine.runtimes + ["kernel", "registry"]
  }
  public var breakable: [String] { ["crio", "pinns", "cni", "conmon", "runc", "registry"] }

  static let storage = "/var/lib/containers/storage"
  private static let run = "/run/containers/storage"
  static func cgroup(_ id: String) -> String { "/crio/crio-\(id)" }

  public init(_ parts: SimParts) {
    kernel = parts.kernel
    let kernel = parts.kernel
    let pins = PinnedNamespaces(kernel: kernel, tap: parts.tap(.pinns, .kernel, .syscall))
    let conmon = Conmon(parts, style: CRIOStack.style)
    let network = LazyBridge(
      TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { pins.network($0) }),
        tap: parts.tap(.cni, .kernel, .syscall)), bridge: "cni0")
    let pods = PodTable()
    let plugin = parts.tap(.crio, .cni, .exec)
    var plan = LibraryEngine.Plan(
      registry: PingingRegistry(TracedDistributionAPI(parts.registries, tap: parts.tap(.crio, .registry, .https))),
      shims: conmon, runtime: RuntimeTable(parts, caller: .crio), network: network,
      snapshots: SimSnapshotDriver(kernel), files: SimHostFiles(kernel))
    plan.seam = { next in
      EngineSeam(
        next: next, spec: { id, spec in CRIOStack.change(&spec, id, pod: pods.pod(of: id), pins: pins) },
        removing: { await conmon.deleteEnded($0) })
    }
    plan.networks = { next in
      PodNetworks(
        next: NetworkPlugins(
          next: next, tap: plugin, setup: "cni ADD", teardown: "cni DEL",
          arguments: { verb, id in
            [
              "argv": ["/opt/cni/bin/bridge"],
              "env": [
                "CNI_COMMAND": .string(String(verb.dropFirst(4))), "CNI_CONTAINERID": .string(id),
                "CNI_NETNS": .string(pins[id]?.paths[.network] ?? ""), "CNI_IFNAME": "eth0",
              ], "network": "crio", "plugins": ["bridge", "portmap"],
            ]
          }), pods: pods)
    }
    plan.daemon = { (configuration: inout DaemonConfiguration) in
      configuration.dataRoot = CRIOStack.storage
      configuration.execRoot = "/run/crio"
      configuration.namespace = "crio"
      configuration.bridgeName = "cni0"
      configuration.bridgeSubnet = "10.85.0.0/16"
    }
    plan.containerd = { (configuration: inout ContainerdConfiguration) in
      configuration.bundle = { _, id in "\(CRIOStack.run)/overlay-containers/\(id)/userdata" }
    }
    engine = LibraryEngine(parts, plan)
    engine.daemon.use(namespaces: PodNamespaces())
    let service = CRIService(parts, engine: engine, pins: pins, conmon: conmon)
    pods.use { service.podID(of: $0) }
    let api = TracedCRI(
      next: service, grpc: parts.tap(.crictl, .crio, .grpc), http: parts.tap(.crictl, .crio, .http))
    untraced = engine.dockerd
    daemon = CRIFront(parts, service: service, api: api).api
    client = Crictl(world: parts.world, api: api, untraced: service, kernel: kernel)
  }

  /// What CRI-O writes into a container's config.json.
  private static func change(_ spec: inout JSONObject, _ id: String, pod: String?, pins: PinnedNamespaces) {
    spec.change("linux") { $0["cgroupsPath"] = .string(cgroup(id)) }
    guard let pod, let shared = pins[pod] else { return }
    for (kind, name) in [(NamespaceKind.network, "network"), (.ipc, "ipc"), (.uts, "uts")] {
      if let path = shared.paths[kind] { spec.join(namespace: name, path: path) }
    }
    spec.change("annotations") { annotations in
      annotations["io.container.manager"] = "cri-o"
      annotations["io.kubernetes.cri-o.ContainerID"] = .string(id)
      annotations["io.kubernetes.cri-o.ContainerType"] = "container"
      annotations["io.kubernetes.cri-o.SandboxID"] = .string(pod)
    }
  }

  private static let style = Conmon.Style(
    engine: .crio,
    arguments: { id, bundle, runtime in
      words(
        """
        /usr/libexec/crio/conmon -b \(bundle) -c \(id) --exit-dir /var/run/crio/exits \
        -l \(storage)/overlay-containers/\(id)/userdata/ctr.log --log-level info -n \(id.prefix(12)) \
        -P \(bundle)/conmon-pidfile -p \(bundle)/pidfile --persist-dir \(storage)/overlay-containers/\(id)/userdata \
        -r /usr/libexec/crio/\(runtime) --runtime-arg --root=/run/\(runtime) --socket-dir-path /var/run/crio \
        --syslog -u \(id)
        """)
    },
    execArguments: { id, session, runtime in
      let pidFile = "/tmp/pidfile-\(session.prefix(10))"
      return words(
        """
        /usr/libexec/crio/conmon -c \(id) -n \(id.prefix(12)) -r /usr/libexec/crio/\(runtime) -p \(pidFile) -e \
        -l /tmp/log-\(session.prefix(10)) --socket-dir-path /var/run/crio --log-level info --sync \
        --exec-process-spec /tmp/exec-\(session.prefix(10)) --runtime-arg --root=/run/\(runtime)
        """)
    },
    globals: { runtime, _, byConmon in byConmon ? ["--root=/run/\(runtime)"] : ["--root", "/run/\(runtime)"] },
    deletesAtRemoval: true, execsItself: true)

  public func start() async throws {
    _ = kernel.spawnPart("crio", arguments: ["/usr/bin/crio"])
    try Crictl.putExamples(SimHostFiles(kernel))
    try await engine.start()
  }
  public var runtime: String { engine.runtime }
  public func use(runtime: String) -> String? {
    engine.use(runtime: runtime)
    return nil
  }
}
