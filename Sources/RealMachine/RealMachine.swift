import Engine
import Handoff
import ImageStore
import LinuxHost
import OCISpec
import Registry
import Seams
import StateDatabase

/// The engine on its real ends: dockerd and containerd in one process, registries over HTTP, blobs and snapshots on
/// disk, state in SQLite. The twin of trace mode's `DockerStack`; the core between the ends is the same.
///
///     DATA-ROOT/lock          whose the folder is
///               state.db      what containerd and dockerd know
///               content/      blobs by digest
///               overlayfs/    snapshots (native/ where overlayfs is not to be had)
///               volumes/
public final class RealMachine: Sendable {
  /// Where a machine keeps what it has, and how it reaches registries.
  public struct Options: Sendable {
    public var dataRoot = "/var/lib/drydock"
    public var execRoot = "/run/drydock"
    /// Registries to which plain HTTP is spoken; loopback is always among them.
    public var insecureRegistries: [String] = []
    /// Registries to ask first, by domain (daemon.json `registry-mirrors` are those of `docker.io`).
    public var mirrors: [String: [String]] = [:]
    /// Folders of certificates, and proxies.
    public var registries = HTTPDistribution.Options()
    /// Layers fetched at the same time, of one pull.
    public var maxConcurrentDownloads = 3
    /// Snapshots are plain copies, also where overlayfs could be had.
    public var copiesSnapshots = false
    public init() {}
  }

  public static let engineVersion = "0.1.0"

  public let options: Options
  public let recorder: Recorder
  /// The header of a trace of this machine.
  public let header: TraceHeader
  /// The daemon as a client on a Unix socket reaches it, traced.
  public let daemon: any RemoteAPI
  /// The same for clients over TCP with TLS.
  public let remote: any RemoteAPI
  /// The same without a trace.
  public var untraced: any RemoteAPI { dockerd }
  /// Why snapshots are plain copies; nil when they are not.
  public let overlayObstacle: String?
  public let world = SystemWorld()

  /// containerd without a trace: for tests that do dockerd's part.
  package var containerdAPI: any ContainerdAPI { containerd }

  private let dockerd: Dockerd
  private let containerd: Containerd
  private let distribution: HTTPDistribution
  private let database: StateDatabase
  private let lock: FolderLock

  /// Takes the data root and opens everything in it. Blocks for a moment: not for Swift's concurrency pool once
  /// requests are served. Throws `EngineError` that says what stands in the way.
  public convenience init(_ options: Options = .init()) throws { try self.init(options) { $0 } }

  /// `observe` stands between the core and its state: for tests that want to be there at every change.
  package init(_ options: Options, observe: (any StateStore) -> any StateStore) throws {
    self.options = options
    let root = options.dataRoot
    let files = LinuxFiles()
    for folder in [root, options.execRoot] {
      do { try files.makeDirectory(folder, mode: 0o711) } catch {
        throw EngineError(.permissionDenied, "mkdir \(folder): \(error)")
      }
    }
    lock = try FolderLock(root)
    database = try StateDatabase(path: "\(root)/state.db")
    let store = observe(database)

    let world = world
    let recorder = Recorder(clock: { world.now })
    self.recorder = recorder
    func tap(_ from: Party, _ to: Party, _ via: Via) -> Tap { Tap(from: from, to: to, via: via, recorder: recorder) }
    func registry(asked party: Party, _ api: any DistributionAPI) -> any DistributionAPI {
      SchemedDistribution(
        https: TracedDistributionAPI(api, tap: tap(party, .registry, .https)),
        http: TracedDistributionAPI(api, tap: tap(party, .registry, .http)))
    }

    let snapshots = try RealMachine.snapshots(options)
    overlayObstacle = snapshots.obstacle
    distribution = HTTPDistribution(options.registries)
    let later = ContainersLater()
    let facts = HostFacts.current()
    var containerdConfiguration = ContainerdConfiguration()
    containerdConfiguration.state = "\(options.execRoot)/containerd"
    containerdConfiguration.snapshotter = snapshots.name
    let certificates = options.registries.certificates
    let hasCertificates: @Sendable (String) -> Bool = { HTTPDistribution.hasCertificates(for: $0, in: certificates) }
    containerdConfiguration.hosts = RegistryHosts(
      insecure: options.insecureRegistries, mirrors: options.mirrors, hasCertificates: hasCertificates)
    containerdConfiguration.maxConcurrentDownloads = options.maxConcurrentDownloads
    containerdConfiguration.ownsClients = true
    containerd = Containerd(
      world: world, registry: registry(asked: .containerd, distribution),
      shims: TracedShimLauncher(
        later, exec: tap(.containerd, .shim, .exec), ttrpc: tap(.containerd, .shim, .ttrpc)),
      blobs: try DiskBlobStore("\(root)/content"), snapshots: snapshots.driver, files: files, fifos: later,
      store: store, configuration: containerdConfiguration)

    var configuration = DaemonConfiguration()
    (configuration.dataRoot, configuration.execRoot) = (root, options.execRoot)
    configuration.hostname = facts.hostname
    configuration.insecureRegistries += options.insecureRegistries
    configuration.hasCertificates = hasCertificates
    (configuration.kernelVersion, configuration.operatingSystem) = (facts.kernelVersion, facts.operatingSystem)
    (configuration.osVersion, configuration.machine) = (facts.osVersion, facts.machine)
    (configuration.cpus, configuration.memory) = (facts.cpus, facts.memory)
    configuration.limits = RealMachine.limits(facts)
    configuration.logDrivers = ["json-file", "local"]
    configuration.containerdAddress = ""
    configuration.proxies = options.registries.proxies.shown
    configuration.mirrors = options.mirrors["docker.io"] ?? []
    configuration.cgroupVersion = facts.cgroupVersion
    (configuration.hasSeccomp, configuration.hasAppArmor) = (facts.hasSeccomp, facts.hasAppArmor)
    configuration.hasTimeNamespaces = facts.hasTimeNamespaces
    configuration.snapshotter = snapshots.name
    let daemon = Daemon(
      world: world, containerd: TracedContainerdAPI(containerd, tap: tap(.dockerd, .containerd, .inproc)),
      registry: registry(asked: .dockerd, distribution),
      runtime: TracedRuntimeCLI(later, tap: tap(.dockerd, .runc, .exec)), files: files, fifos: later, processes: later,
      network: TracedNetworkHost(later, tap: tap(.dockerd, .kernel, .syscall)), store: store,
      configuration: configuration, codec: StreamCodec())
    let (images, volumes) = (ImageService(daemon: daemon), VolumeService(daemon: daemon))
    let (networks, containers) = (NetworkService(daemon: daemon), ContainerService(daemon: daemon))
    daemon.link(images: images, volumes: volumes, networks: networks, containers: containers)
    dockerd = Dockerd(
      daemon: daemon,
      services: [SystemService(daemon: daemon), images, volumes, UnstartedNetworks(networks), containers, later])
    self.daemon = TracedRemoteAPI(dockerd, tap: tap(.client, .dockerd, .http))
    remote = TracedRemoteAPI(dockerd, tap: tap(.client, .dockerd, .https))
    header = TraceHeader(
      mode: "real", stack: "docker", runtime: "drydock-runc", engine: "drydock \(RealMachine.engineVersion)",
      started: RFC3339Time.text(world.unixTime - world.now))
  }

  private static func limits(_ facts: HostFacts) -> HostLimits {
    var limits = HostLimits()
    (limits.memory, limits.swap) = (facts.limits.memory, facts.limits.swap)
    limits.oomKillDisable = facts.limits.oomKillDisable
    (limits.cpuShares, limits.cpuQuota) = (facts.limits.cpuShares, facts.limits.cpuQuota)
    (limits.cpuset, limits.pids, limits.forwardsIPv4) = (facts.limits.cpuset, facts.limits.pids, facts.forwardsIPv4)
    return limits
  }

  private static func snapshots(
    _ options: Options
  ) throws -> (driver: any SnapshotDriver, name: String, obstacle: String?) {
    let overlay = "\(options.dataRoot)/overlayfs"
    let obstacle = options.copiesSnapshots ? "plain copies were asked for" : OverlayDriver.obstacle(in: overlay)
    guard let obstacle else { return (try OverlayDriver(overlay), "overlayfs", nil) }
    return (try CopyDriver("\(options.dataRoot)/native"), "native", obstacle)
  }

  /// Puts in order what an earlier process left that died, and loads what it knew. Before the first request.
  public func start() async throws {
    try await containerd.start()
    try await dockerd.start()
  }

  /// Ends the services and closes everything.
  public func shutdown() async {
    await dockerd.shutdown()
    await distribution.shutdown()
    database.close()
  }
}

/// Which protocol a request to a registry really goes by decides the name that its handoff has.
private struct SchemedDistribution: DistributionAPI {
  let https: any DistributionAPI
  let http: any DistributionAPI

  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    try await request.scheme == "http" ? http.send(request) : https.send(request)
  }
}
