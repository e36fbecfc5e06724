import JSONTree
import OCISpec
import Seams
import Synchronization

/// What dockerd stands on: its neighbours over the seams, its host, and its services for one another.
///
/// Built once by whoever assembles an engine; `link` closes the circle of services before the first request.
public final class Daemon: Sendable {
  public let world: any World
  public let containerd: any ContainerdAPI
  /// dockerd itself talks to registries for push, search and login.
  public let registry: any DistributionAPI
  /// dockerd executes `runc --version` for `docker info`.
  public let runtime: any RuntimeCLI
  public let files: any HostFiles
  public let fifos: any FIFOs
  public let processes: any Processes
  public let network: any NetworkHost
  public let store: any StateStore
  /// Unpacks what `load` and `import` are given.
  public let codec: any ArchiveCodec
  public let events: EventBus
  private let settings: Mutex<DaemonConfiguration>
  private let links = Mutex<Links?>(nil)
  private let ownNamespaces = Mutex<(any NetworkNamespaces)?>(nil)

  private struct Links {
    var images: any ImageLookup
    var volumes: any VolumeLookup
    var networks: any NetworkLookup
    var containers: any ContainerLookup
  }

  public init(
    world: any World, containerd: any ContainerdAPI, registry: any DistributionAPI, runtime: any RuntimeCLI,
    files: any HostFiles, fifos: any FIFOs, processes: any Processes, network: any NetworkHost,
    store: any StateStore, configuration: DaemonConfiguration, codec: (any ArchiveCodec)? = nil
  ) {
    (self.world, self.containerd, self.registry, self.runtime) = (world, containerd, registry, runtime)
    (self.files, self.fifos, self.processes, self.network) = (files, fifos, processes, network)
    self.store = store
    self.codec = codec ?? MemoryCodec()
    settings = Mutex(configuration)
    events = EventBus(world: world)
  }

  /// The settings as they stand now.
  public var configuration: DaemonConfiguration { settings.withLock { $0 } }

  /// Changes settings while the daemon runs (SIGHUP makes dockerd read daemon.json again; `default-runtime` is one of
  /// those that may change then). What exists already keeps what it was made with.
  public func reload(_ change: (inout DaemonConfiguration) -> Void) { settings.withLock { change(&$0) } }

  /// Makes the services known to one another.
  public func link(
    images: any ImageLookup, volumes: any VolumeLookup, networks: any NetworkLookup, containers: any ContainerLookup
  ) {
    links.withLock { $0 = Links(images: images, volumes: volumes, networks: networks, containers: containers) }
  }

  /// Containers get their network namespaces from `namespaces` from now on, before they are created.
  public func use(namespaces: any NetworkNamespaces) { ownNamespaces.withLock { $0 = namespaces } }
  /// Nil: containers have the network namespaces that the runtime makes.
  public var namespaces: (any NetworkNamespaces)? { ownNamespaces.withLock { $0 } }

  private var linked: Links {
    guard let links = links.withLock({ $0 }) else { preconditionFailure("Daemon.link comes before the first request") }
    return links
  }
  public var images: any ImageLookup { linked.images }
  public var volumes: any VolumeLookup { linked.volumes }
  public var networks: any NetworkLookup { linked.networks }
  public var containers: any ContainerLookup { linked.containers }
}

/// dockerd's settings (daemon.json).
public struct DaemonConfiguration: Sendable {
  public var dataRoot = "/var/lib/docker"
  public var execRoot = "/var/run/docker"
  /// The containerd namespace of Docker's containers.
  public var namespace = "moby"
  public var defaultRuntime = "runc"
  /// Names for `--runtime` and the executable behind each.
  public var runtimes: [String: String] = ["runc": "runc", "io.containerd.runc.v2": "runc"]
  public var hostname = "drydock"
  public var platform = Platform.host
  /// Plain HTTP is tried for these registries; loopback is always among them.
  public var insecureRegistries: [String] = ["127.0.0.0/8"]
  /// Says of a registry on the loopback that TLS is spoken to it: there are certificates for it.
  public var hasCertificates: @Sendable (String) -> Bool = { _ in false }
  public var labels: [String] = []
  public var defaultStopTimeout = 10
  public var shutdownTimeout = 15
  public var kernelVersion = "6.12.0"
  public var operatingSystem = "Drydock OS (simulated)"
  public var osVersion = ""
  /// uname(1)'s name of the machine; empty for that of `platform`.
  public var machine = ""
  public var cpus = 4
  public var memory: Int64 = 8 << 30
  /// 1 or 2: which cgroup hierarchy the host mounts. Decides the default cgroup namespace and what limits there are.
  public var cgroupVersion = 2
  /// The kernel has seccomp filters: containers get Docker's default profile.
  public var hasSeccomp = true
  /// AppArmor is enabled: containers get the profile `docker-default`.
  public var hasAppArmor = false
  /// The kernel has time namespaces (since 5.6).
  public var hasTimeNamespaces = true
  /// What the machine can limit containers by.
  public var limits = HostLimits()
  /// Log drivers, as `docker info` lists them.
  public var logDrivers = [
    "awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "splunk", "syslog",
  ]
  /// The socket of containerd; empty when it is a part of this process.
  public var containerdAddress = "/run/containerd/containerd.sock"
  /// Proxies that the daemon goes through, without passwords.
  public var proxies = (http: "", https: "", no: "")
  /// `registry-mirrors` of Docker Hub.
  public var mirrors: [String] = []
  /// What `--init` puts in front of the command (`/sbin/docker-init` in the container).
  public var initPath = "/usr/bin/docker-init"
  /// Every container gets an init without asking for it.
  public var usesInit = false
  public var defaultLogDriver = "json-file"
  public var defaultLogOptions: [String: String] = [:]
  /// Bytes of `/dev/shm`.
  public var defaultShmSize: Int64 = 64 << 20
  /// `private` or `shareable`.
  public var defaultIpcMode = "private"
  /// For containers without `--dns`; empty means the host's `/etc/resolv.conf`.
  public var dns: [String] = []
  public var dnsOptions: [String] = []
  public var dnsSearch: [String] = []
  /// Ulimits of every container, `nofile` → soft and hard.
  public var defaultUlimits: [String: (soft: Int64, hard: Int64)] = [:]
  /// Containers go on when the daemon ends.
  public var liveRestore = false
  /// The default bridge; an empty subnet takes the first free one.
  public var bridgeName = "docker0"
  public var bridgeSubnet = ""
  /// Name of the snapshotter, as `docker info` shows it under Storage Driver.
  public var snapshotter = "overlayfs"
  public init() {}
}

/// What a machine can limit containers by: what of `docker info` is about that.
public struct HostLimits: Sendable, Hashable {
  public var memory = true
  public var swap = true
  /// Nil as long as only the cgroup version says: version 1 can.
  public var oomKillDisable: Bool?
  public var cpuShares = true
  public var cpuQuota = true
  public var cpuset = true
  public var pids = true
  public var forwardsIPv4 = true
  public init() {}
}

/// Other parts of dockerd that containers need: images.
public protocol ImageLookup: Sendable {
  /// Finds a local image by reference, id or prefix of one. Throws notFound `No such image: NAME`.
  func image(_ name: String) async throws -> LocalImage
  /// The same for one platform (`--platform`); nil for the host's, or any when that is not here. Throws notFound
  /// `image with reference NAME was found but does not provide the specified platform (linux/arm64)`.
  func image(_ name: String, platform: Platform?) async throws -> LocalImage
  /// The name to show for an image id (first tag), or the id.
  func displayName(_ id: Digest) async -> String
}

extension ImageLookup {
  public func image(_ name: String, platform: Platform?) async throws -> LocalImage { try await image(name) }
}

/// An image that is here, for one platform.
public struct LocalImage: Sendable {
  /// The id: the digest of what the name points at (index or manifest), as Docker with the containerd store has it.
  public var id: Digest
  /// The reference as typed, tagged; empty when it was found by id.
  public var reference: String
  /// The name in containerd's image store: `docker.io/library/nginx:latest`.
  public var storeName: String
  public var manifestDescriptor: Descriptor
  public var manifest: ImageManifest
  public var configDescriptor: Descriptor
  public var config: ImageConfig
  /// The chain id of all its layers: the snapshot that containers start from.
  public var chainID: Digest?
  public init(
    id: Digest, reference: String, storeName: String, manifestDescriptor: Descriptor, manifest: ImageManifest,
    configDescriptor: Descriptor, config: ImageConfig, chainID: Digest?
  ) {
    (self.id, self.reference, self.storeName) = (id, reference, storeName)
    (self.manifestDescriptor, self.manifest) = (manifestDescriptor, manifest)
    (self.configDescriptor, self.config, self.chainID) = (configDescriptor, config, chainID)
  }
}

/// Other parts of dockerd that containers need: volumes.
public protocol VolumeLookup: Sendable {
  /// The volume of that name, created when missing; an empty name makes an anonymous one (64 hex digits).
  /// `use` counts the container as a user until `release`.
  func use(name: String, driver: String, labels: [String: String], options: [String: String], container: String)
    async throws -> VolumeUse
  func release(name: String, container: String) async
  /// Removes an anonymous volume with its container (`rm -v`, `--rm`).
  func removeAnonymous(name: String) async
}

/// A volume for a container.
public struct VolumeUse: Sendable, Hashable {
  public var name: String
  /// `/var/lib/docker/volumes/NAME/_data`.
  public var mountpoint: String
  public var driver: String
  /// It holds nothing yet: the image's content at the mount point is copied up.
  public var isNew: Bool
  public var isAnonymous: Bool
  public init(name: String, mountpoint: String, driver: String, isNew: Bool, isAnonymous: Bool) {
    (self.name, self.mountpoint, self.driver) = (name, mountpoint, driver)
    (self.isNew, self.isAnonymous) = (isNew, isAnonymous)
  }
}

/// Other parts of dockerd that containers need: networks.
public protocol NetworkLookup: Sendable {
  /// Checks that a `NetworkMode` and the endpoints asked for can be had; network names or ids.
  /// Throws notFound `network NAME not found`.
  func check(_ names: [String]) async throws
  /// Allocates addresses, and makes the endpoints in the sandbox of `container.pid`: veth pairs, DNS, ports.
  /// Endpoint settings are those of the Engine API (`EndpointSettings`: Aliases, IPAMConfig, …), by network name.
  func connect(_ sandbox: NetworkSandbox) async throws -> SandboxState
  /// Adds one network to a running (or created) sandbox.
  func connect(_ sandbox: NetworkSandbox, network: String, settings: JSON) async throws -> SandboxState
  func disconnect(_ containerID: String, network: String, force: Bool) async throws -> SandboxState
  /// Gives everything back when the container has ended.
  func release(_ containerID: String) async
  /// What `inspect` shows as `NetworkSettings` for a container's networks; nil when it has none now.
  func state(_ containerID: String) async -> SandboxState?
  /// `ls`-like name of a network by name or id prefix.
  func networkName(_ nameOrID: String) async throws -> (id: String, name: String)
}

/// A container as its networks see it.
public struct NetworkSandbox: Sendable {
  public var containerID: String
  /// Without the slash.
  public var name: String
  public var hostname: String
  public var domainname: String
  /// A process in the network namespace; 0 while it is only created.
  public var pid: Int
  /// `bridge`, `host`, `none`, `container:ID`, or a network's name.
  public var mode: String
  /// Engine API `EndpointsConfig`, in the order asked for.
  public var endpoints: [(network: String, settings: JSON)]
  /// Engine API `PortBindings`: `80/tcp` → `[{HostIp, HostPort}]`.
  public var portBindings: JSON
  /// `80/tcp`, of the image and `--expose`.
  public var exposedPorts: [String]
  public var publishAll: Bool
  public init(
    containerID: String, name: String, hostname: String, domainname: String = "", pid: Int, mode: String,
    endpoints: [(network: String, settings: JSON)], portBindings: JSON, exposedPorts: [String], publishAll: Bool
  ) {
    (self.containerID, self.name, self.hostname, self.domainname) = (containerID, name, hostname, domainname)
    (self.pid, self.mode, self.endpoints) = (pid, mode, endpoints)
    (self.portBindings, self.exposedPorts, self.publishAll) = (portBindings, exposedPorts, publishAll)
  }
}

/// What a container's networks came to.
public struct SandboxState: Sendable, Hashable {
  /// 64 hex digits.
  public var sandboxID: String
  /// Engine API `EndpointSettings` by network name, in the order of joining.
  public var networks: JSONObject
  /// Engine API `Ports`: `80/tcp` → null or `[{HostIp, HostPort}]`.
  public var ports: JSONObject
  /// The first address, for `/etc/hosts`.
  public var primaryAddress: String
  public init(sandboxID: String, networks: JSONObject, ports: JSONObject, primaryAddress: String) {
    (self.sandboxID, self.networks, self.ports, self.primaryAddress) = (sandboxID, networks, ports, primaryAddress)
  }
}

/// What other parts of dockerd need of containers.
public protocol ContainerLookup: Sendable {
  /// Engine API `inspect` objects of all containers, newest first.
  func all() async -> [ContainerSummary]
  /// One container by id, prefix or name. Throws notFound `No such container: X`.
  func find(_ nameOrID: String) async throws -> ContainerSummary
  /// The container as a sandbox for `network connect`/`disconnect`.
  func sandbox(_ nameOrID: String) async throws -> NetworkSandbox
  /// Told after `network connect`/`disconnect` changed a container.
  func networksChanged(_ id: String, _ state: SandboxState) async
  /// Removes every stopped container that `accept` accepts (`container prune`); the ids and bytes reclaimed.
  func prune(_ accept: @Sendable (ContainerSummary) -> Bool) async throws -> (ids: [String], bytes: Int64)
}

/// The few things of a container that images, networks and volumes ask for.
public struct ContainerSummary: Sendable, Hashable {
  public var id: String
  /// Without the slash.
  public var name: String
  /// `running`, `exited`, …
  public var state: String
  /// `Up 3 minutes`, `Exited (0) 2 seconds ago`.
  public var status: String
  /// The image as typed at creation, and its id.
  public var image: String
  public var imageID: Digest
  public var labels: [String: String]
  public var command: String
  /// Nanoseconds since 1970.
  public var createdAt: UInt64
  /// Names of the networks and volumes that it uses.
  public var networks: [String]
  public var volumes: [String]
  /// Bytes of the writable layer.
  public var sizeRw: Int64
  public init(
    id: String, name: String, state: String, status: String, image: String, imageID: Digest, labels: [String: String],
    command: String, createdAt: UInt64, networks: [String], volumes: [String], sizeRw: Int64
  ) {
    (self.id, self.name, self.state, self.status) = (id, name, state, status)
    (self.image, self.imageID, self.labels, self.command) = (image, imageID, labels, command)
    (self.createdAt, self.networks, self.volumes, self.sizeRw) = (createdAt, networks, volumes, sizeRw)
  }
}
