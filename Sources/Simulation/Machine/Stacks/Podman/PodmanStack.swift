import Engine
import Handoff
import JSONTree
import Seams

/// The stack `podman`: podman → conmon → crun → kernel, and no daemon.
///
/// The client is the engine: images, storage, networks and records are dealt with in its own process (libpod,
/// containers/image, containers/storage), so the first handoff that a command makes is an execution or a request to a
/// registry. Sources: libpod/oci_conmon_common.go, libpod/container_internal.go, libpod/networking_linux.go.
public final class PodmanStack: SimStack {
  public let name = "podman"
  public let clientNames = ["podman"]
  public let client: (any StackClient)? = nil
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  private let engine: LibraryEngine

  public var parties: [String] { ["podman", "conmon", "netavark"] + SimMachine.runtimes + ["kernel", "registry"] }
  public var breakable: [String] { ["podman", "conmon", "netavark", "runc", "registry"] }

  private static let storage = "/var/lib/containers/storage"
  private static let run = "/run/containers/storage"

  public init(_ parts: SimParts) {
    let kernel = parts.kernel
    let pins = PinnedNamespaces(kernel: kernel, tap: parts.tap(.podman, .kernel, .syscall))
    let namespaces = PodmanNamespaces(world: parts.world, pins: pins)
    let conmon = Conmon(parts, style: PodmanStack.style)
    let network = LazyBridge(
      TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { pins.network($0) }),
        tap: parts.tap(.netavark, .kernel, .syscall)), bridge: "podman0")
    let plugin = parts.tap(.podman, .netavark, .exec)
    var plan = LibraryEngine.Plan(
      registry: PingingRegistry(TracedDistributionAPI(parts.registries, tap: parts.tap(.podman, .registry, .https))),
      shims: conmon, runtime: RuntimeTable(parts, caller: .podman), network: network,
      snapshots: SimSnapshotDriver(kernel), files: SimHostFiles(kernel))
    plan.seam = { next in
      EngineSeam(
        next: next,
        spec: { id, spec in
          spec.change("linux") { $0["cgroupsPath"] = .string("/libpod_parent/libpod-\(id)") }
          spec.change("annotations") { $0["io.container.manager"] = "libpod" }
          if let path = pins[id]?.paths[.network] { spec.join(namespace: "network", path: path) }
        })
    }
    plan.networks = { next in
      NetworkPlugins(
        next: next, tap: plugin, setup: "netavark setup", teardown: "netavark teardown",
        arguments: { verb, id in
          let path = pins[id]?.paths[.network] ?? ""
          let line = "/usr/libexec/podman/netavark --config /run/containers/networks \(verb.dropFirst(9)) \(path)"
          return ["argv": JSON(words(line))]
        })
    }
    plan.daemon = { configuration in
      configuration.defaultRuntime = parts.runtime ?? "crun"
      configuration.dataRoot = PodmanStack.storage
      configuration.execRoot = "/run/libpod"
      configuration.namespace = "libpod"
      configuration.bridgeName = "podman0"
      configuration.bridgeSubnet = "10.88.0.0/16"
    }
    plan.containerd = { configuration in
      configuration.bundle = { _, id in "\(PodmanStack.storage)/overlay-containers/\(id)/userdata" }
    }
    engine = LibraryEngine(parts, plan)
    engine.daemon.use(namespaces: namespaces)
    let own = engine.daemon
    conmon.beforeDeletion { id in
      await own.networks.release(id)
      await namespaces.remove(for: id)
    }
    untraced = engine.dockerd
    var front = StackFront(next: engine.dockerd)
    // The shell executes podman; that is no handoff between two parts, but a podman that is not there cannot be had.
    let wire = parts.wire
    front.before = { request in
      try await wire.departing(from: .client, to: .podman, via: .exec, op: request.op)
    }
    let engine = engine
    front.words = { message in
      guard let failure = CreateFailure(message) else { return message }
      guard failure.message.contains("not found in $PATH") else {
        return "OCI runtime error: \(engine.runtime): \(failure.message)"
      }
      // In the runtimes' lower case the docker client knows it for what it is.
      return
        "\(engine.runtime): \(failure.message.replacing("No such file", with: "no such file")): OCI runtime attempted to "
        + "invoke a command that was not found"
    }
    front.identify(
      as: .init(
        name: "linux/amd64", version: "5.6.2",
        components: [("Podman Engine", "5.6.2"), ("Conmon", "2.1.13"), ("OCI Runtime (crun)", "1.24")],
        root: PodmanStack.storage))
    daemon = front
  }

  private static let style = Conmon.Style(
    engine: .podman,
    arguments: { id, bundle, runtime in
      let userdata = "\(run)/overlay-containers/\(id)/userdata"
      return words(
        """
        /usr/bin/conmon --api-version 1 -c \(id) -u \(id) -r /usr/bin/\(runtime) -b \(bundle) -p \(userdata)/pidfile \
        -n \(id.prefix(12)) --exit-dir /run/libpod/exits --persist-dir /run/libpod/persist/\(id) --full-attach \
        -l k8s-file:\(bundle)/ctr.log --log-level warning --syslog --runtime-arg --log-format=json --runtime-arg --log \
        --runtime-arg=\(userdata)/oci-log --conmon-pidfile \(userdata)/conmon.pid --exit-command /usr/bin/podman
        """) + cleanUp(id).dropFirst().flatMap { ["--exit-command-arg", $0] }
    },
    execArguments: { id, session, runtime in
      let folder = "\(storage)/overlay-containers/\(id)/userdata/\(session)"
      return words(
        """
        /usr/bin/conmon --api-version 1 -c \(id) -u \(session) -r /usr/bin/\(runtime) -b \(folder) \
        -p \(folder)/exec_pid -n \(id.prefix(12)) --exit-dir \(folder)/exit --persist-dir \(folder)/persist/\(session) \
        --full-attach -l none --log-level warning --syslog --runtime-arg --log-format=json --runtime-arg --log \
        --runtime-arg=\(folder)/oci-log -e --exec-attach --exec-process-spec \(folder)/exec-process
        """)
    },
    globals: { _, bundle, byConmon in
      byConmon ? ["--log-format=json", "--log", "\(bundle)/oci-log"] : []
    },
    cleanUp: { cleanUp($0) })

  private static func cleanUp(_ id: String) -> [String] {
    words(
      """
      /usr/bin/podman --root \(storage) --runroot \(run) --log-level warning --cgroup-manager cgroupfs \
      --tmpdir /run/libpod --storage-driver overlay --events-backend journald container cleanup --stopped-only \(id)
      """)
  }

  public func start() async throws { try await engine.start() }
  public var runtime: String { engine.runtime }
  public func use(runtime: String) -> String? {
    engine.use(runtime: runtime)
    return nil
  }
}

/// podman makes a container's network namespace before anything else of it, and pins it in `/run/netns`.
private struct PodmanNamespaces: NetworkNamespaces {
  let world: SimWorld
  let pins: PinnedNamespaces

  func make(for containerID: String) async throws -> Int? {
    try pins.make(
      for: containerID, [(.network, "/run/netns/netns-\(world.uuid())")], program: ["podman", "container", "start"]
    ).handle
  }
  func remove(for containerID: String) async { pins.remove(for: containerID) }
}
