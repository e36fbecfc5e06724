import Engine
import Handoff
import Seams

/// The stack `docker`: client → dockerd → containerd → shim → runC → kernel.
public final class DockerStack: SimStack {
  public let name = "docker"
  public let clientNames: [String] = []
  public let client: (any StackClient)? = nil
  public let breakable = ["dockerd", "containerd", "shim", "runc", "registry"]
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  public let remote: (any RemoteAPI)?
  private let dockerd: Dockerd
  private let containerd: Containerd

  public var parties: [String] {
    ["client", "dockerd", "containerd", "shim"] + SimMachine.runtimes + ["kernel", "registry"]
  }

  public init(_ parts: SimParts) {
    let kernel = parts.kernel
    let (files, fifos) = (SimHostFiles(kernel), SimFIFOs(kernel))
    let shims = TracedShimLauncher(
      ShimFactory(
        world: parts.world, runtime: RuntimeTable(parts, caller: .shim), files: files, fifos: fifos,
        processes: kernel),
      exec: parts.tap(.containerd, .shim, .exec), ttrpc: parts.tap(.containerd, .shim, .ttrpc))
    containerd = Containerd(
      world: parts.world,
      registry: TracedDistributionAPI(parts.registries, tap: parts.tap(.containerd, .registry, .https)), shims: shims,
      blobs: parts.blobs, snapshots: SimSnapshotDriver(kernel), files: files, fifos: fifos, store: MemoryStateStore())
    var configuration = DaemonConfiguration()
    configuration.defaultRuntime = parts.runtime ?? "runc"
    configuration.runtimes = ["io.containerd.runc.v2": "runc"]
    for runtime in SimMachine.runtimes { configuration.runtimes[runtime] = runtime }
    let daemon = Daemon(
      world: parts.world,
      containerd: TracedContainerdAPI(containerd, tap: parts.tap(.dockerd, .containerd, .grpc)),
      registry: TracedDistributionAPI(parts.registries, tap: parts.tap(.dockerd, .registry, .https)),
      runtime: RuntimeTable(parts, caller: .dockerd), files: files, fifos: fifos, processes: kernel,
      network: TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { kernel.networkNamespace(of: $0) }),
        tap: parts.tap(.dockerd, .kernel, .syscall)),
      store: MemoryStateStore(), configuration: configuration)
    let (images, volumes) = (ImageService(daemon: daemon), VolumeService(daemon: daemon))
    let (networks, containers) = (NetworkService(daemon: daemon), ContainerService(daemon: daemon))
    daemon.link(images: images, volumes: volumes, networks: networks, containers: containers)
    dockerd = Dockerd(
      daemon: daemon, services: [SystemService(daemon: daemon), images, volumes, networks, containers])
    untraced = dockerd
    let local = HijackLatency(next: dockerd, world: parts.world)
    self.daemon = TracedRemoteAPI(local, tap: parts.tap(.client, .dockerd, .http))
    remote = TracedRemoteAPI(local, tap: parts.tap(.client, .dockerd, .https))
    let world = parts.world
    // The kernel does not hold the stack that stands on it. The socket's file is there since the host booted.
    try? kernel.listen(local: EngineSocket.path) { [weak self] connection in
      if let self { await EngineSocket(daemon: self.daemon, world: world).serve(connection) }
    }
  }

  public func start() async throws {
    try await containerd.start()
    try await dockerd.start()
  }

  public var runtime: String { dockerd.daemon.configuration.defaultRuntime }

  public func use(runtime: String) -> String? {
    dockerd.daemon.reload { $0.defaultRuntime = runtime }
    return nil
  }
}
