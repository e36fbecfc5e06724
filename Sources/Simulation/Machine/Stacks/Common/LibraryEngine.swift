import Engine
import Handoff
import JSONTree
import Seams

/// dockerd's and containerd's cores as libraries of another engine, which is one process (podman, CRI-O, the docker
/// daemon of before 1.11) or none that is seen (the docker client's words on ctr and Fargate): images, storage,
/// containers' records, logs and networks are kept alike, and the seams that the real stack has are traced around them.
final class LibraryEngine: Sendable {
  let containerd: Containerd
  let dockerd: Dockerd
  let daemon: Daemon
  let containers: ContainerService
  let networks: NetworkService

  /// What differs from one stack to the next.
  struct Plan {
    /// Who asks the registry.
    var registry: any DistributionAPI
    var shims: any ShimLauncher
    /// The runtime as the engine itself executes it (`--version`).
    var runtime: any RuntimeCLI
    var network: any NetworkHost
    var snapshots: any SnapshotDriver
    var files: any HostFiles
    /// What stands between the two cores.
    var seam: (any ContainerdAPI) -> any ContainerdAPI = { $0 }
    /// What stands around the networks.
    var networks: (any NetworkLookup) -> any NetworkLookup = { $0 }
    var daemon: (inout DaemonConfiguration) -> Void = { _ in }
    var containerd: (inout ContainerdConfiguration) -> Void = { _ in }
  }

  init(_ parts: SimParts, _ plan: Plan) {
    let fifos = SimFIFOs(parts.kernel)
    var settings = ContainerdConfiguration()
    plan.containerd(&settings)
    containerd = Containerd(
      world: parts.world, registry: plan.registry, shims: plan.shims, blobs: parts.blobs, snapshots: plan.snapshots,
      files: plan.files, fifos: fifos, store: MemoryStateStore(), configuration: settings)
    var configuration = DaemonConfiguration()
    configuration.defaultRuntime = parts.runtime ?? "runc"
    configuration.runtimes = [:]
    for runtime in SimMachine.runtimes { configuration.runtimes[runtime] = runtime }
    plan.daemon(&configuration)
    daemon = Daemon(
      world: parts.world, containerd: plan.seam(containerd), registry: plan.registry, runtime: plan.runtime,
      files: plan.files, fifos: fifos, processes: parts.kernel, network: plan.network, store: MemoryStateStore(),
      configuration: configuration)
    let (images, volumes) = (ImageService(daemon: daemon), VolumeService(daemon: daemon))
    (networks, containers) = (NetworkService(daemon: daemon), ContainerService(daemon: daemon))
    daemon.link(images: images, volumes: volumes, networks: plan.networks(networks), containers: containers)
    dockerd = Dockerd(
      daemon: daemon, services: [SystemService(daemon: daemon), images, volumes, networks, containers])
  }

  func start() async throws {
    try await containerd.start()
    try await dockerd.start()
  }

  var runtime: String { daemon.configuration.defaultRuntime }
  func use(runtime: String) { daemon.reload { $0.defaultRuntime = runtime } }

  /// Asks the Engine API without a trace; the JSON of a success.
  func ask(_ request: APIRequest) async throws -> APIResponse {
    let response = try await dockerd.send(request)
    if let message = response.errorMessage { throw EngineError(EngineError.code(http: response.status), message) }
    return response
  }
}

extension EngineError {
  /// The kind of failure that an HTTP status stands for.
  static func code(http status: Int) -> Code {
    switch status {
    case 304: .notModified
    case 400: .invalidArgument
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .notFound
    case 409: .conflict
    case 429: .resourceExhausted
    case 501: .notImplemented
    case 503: .unavailable
    default: .unknown
    }
  }
}

extension APIResponse {
  /// The JSON of the body; null when it has none.
  var json: JSON {
    if case .json(let json) = body { return json }
    return .null
  }
}
