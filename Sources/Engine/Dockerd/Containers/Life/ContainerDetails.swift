import JSONTree
import OCISpec
import Seams

/// All that is known of a container and outlives the daemon.
struct ContainerDetails: Sendable, JSONWritable {
  let id: String
  /// Nanoseconds since 1970.
  let created: UInt64
  /// Without the slash.
  var name: String
  /// What is executed: the first of entrypoint and command.
  var path: String
  var args: [String]
  var imageID: Digest?
  var imagePlatform: Platform
  var manifestDescriptor: Descriptor?
  /// In containerd's image store.
  var imageStoreName = ""
  @SharedValue var config: ContainerConfig
  @SharedValue var hostConfig: HostConfig
  var security = SecurityOptions()
  /// Engine API `EndpointsConfig` by network, in the order asked for.
  var endpoints = JSONObject()
  /// In the order in which they were asked for.
  var mounts: [MountPoint] = []
  /// Legacy links: alias → container id.
  var links: [String: String] = [:]
  var state = ContainerState()
  var health: HealthState?
  var restartCount = 0
  var hasBeenStarted = false
  var wasManuallyStopped = false
  var wasManuallyRestarted = false
  /// The container whose `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` this one shares (`--network container:`).
  var networkFilesOf: String?
  /// There is a writable layer.
  var hasLayer = false

  init(
    id: String, created: UInt64, name: String, config: ContainerConfig, hostConfig: HostConfig, platform: Platform
  ) {
    (self.id, self.created, self.name) = (id, created, name)
    _config = SharedValue(wrappedValue: config)
    _hostConfig = SharedValue(wrappedValue: hostConfig)
    imagePlatform = platform
    let arguments = config.arguments
    path = arguments.first ?? ""
    args = Array(arguments.dropFirst())
  }

  /// Reads what `json` wrote; nil when it is no container.
  init?(stored json: JSON) {
    guard let id = json["ID"]?.string, let config = json["Config"]?.object, let host = json["HostConfig"]?.object,
      let config = try? ContainerConfig(config, path: "Config"),
      let host = try? HostConfig(host, path: "HostConfig")
    else { return nil }
    self.init(
      id: id, created: UInt64(clamping: json["Created"]?.int ?? 0), name: json["Name"]?.string ?? "", config: config,
      hostConfig: host, platform: json["Platform"]?.string.flatMap(Platform.init) ?? .host)
    imageID = json["Image"]?.string.flatMap(Digest.init)
    manifestDescriptor = try? json["ImageManifest"]?.decode(Descriptor.self)
    imageStoreName = json["ImageStoreName"]?.string ?? ""
    security = SecurityOptions(stored: json["Security"] ?? .null)
    endpoints = json["Endpoints"]?.object ?? JSONObject()
    mounts = (json["Mounts"]?.array ?? []).compactMap(MountPoint.init(stored:))
    for member in json["Links"]?.object?.members ?? [] { links[member.key] = member.value.string }
    state = ContainerState(stored: json["State"] ?? .null)
    health = json["Health"].flatMap(HealthState.init(stored:))
    restartCount = json["RestartCount"]?.int ?? 0
    hasBeenStarted = json["HasBeenStarted"]?.bool ?? false
    wasManuallyStopped = json["HasBeenManuallyStopped"]?.bool ?? false
    networkFilesOf = json["NetworkFilesOf"]?.string
    hasLayer = json["HasLayer"]?.bool ?? true
  }

  /// As the state store keeps it.
  var json: JSON {
    [
      "ID": .string(id), "Created": JSON(created), "Name": .string(name), "Image": JSON(imageID?.description),
      "Platform": .string(imagePlatform.description),
      "ImageManifest": manifestDescriptor?.json ?? .null, "ImageStoreName": .string(imageStoreName),
      "Config": config.json, "HostConfig": hostConfig.json, "Security": security.stored,
      "Endpoints": .object(endpoints), "Mounts": .array(mounts.map(\.stored)), "Links": JSON(links),
      "State": state.stored, "Health": health?.json ?? .null, "RestartCount": JSON(restartCount),
      "HasBeenStarted": .bool(hasBeenStarted), "HasBeenManuallyStopped": .bool(wasManuallyStopped),
      "NetworkFilesOf": JSON(networkFilesOf), "HasLayer": .bool(hasLayer),
    ]
  }

  func write(to writer: inout JSONWriter) { writer.write(json) }

  /// The signal that `stop` sends.
  var stopSignal: Int { (try? SignalName.parse(config.stopSignal)) ?? SignalName.SIGTERM }

  /// The environment that dockerd adds, with the container's own in its place (moby's CreateDaemonEnvironment).
  func environment(tty: Bool, links: [String] = []) -> [String] {
    var defaults = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=\(config.hostname)"]
    if tty { defaults.append("TERM=xterm") }
    return EnvironmentList.replaceOrAppend(defaults + links, config.env ?? [])
  }

  /// Puts `mount` in the place of one with the same destination, or at the end; the one that was there.
  @discardableResult
  mutating func addMount(_ mount: MountPoint) -> MountPoint? {
    if let index = mounts.firstIndex(where: { $0.destination == mount.destination }) {
      defer { mounts[index] = mount }
      return mounts[index]
    }
    mounts.append(mount)
    return nil
  }
}
