import Engine
import JSONTree
import OCISpec
import Seams
import Synchronization
import Testing

/// dockerd's containers over neighbours that the test writes; time is the test's.
struct ContainersFixture: Sendable {
  let world: ContainersTestWorld
  let fifos = ContainersFakeFIFOs()
  let files: ContainersFakeFiles
  let containerd: ContainersFakeContainerd
  let images: ContainersFakeImages
  let networks: ContainersFakeNetworks
  let volumes: ContainersFakeVolumes
  let store: MemoryStateStore
  let daemon: Daemon
  let service: ContainerService
  let api: Dockerd
  /// `ACTION` of each event, with the value of an attribute for some.
  let events = EventRecord()

  final class EventRecord: Sendable {
    private let list = Mutex<[JSON]>([])
    func add(_ event: JSON) { list.withLock { $0.append(event) } }
    var all: [JSON] { list.withLock { $0 } }
    var actions: [String] {
      all.filter { $0["Type"]?.string == "container" }.compactMap { $0["Action"]?.string }
    }
  }

  static let chain = Digest(sha256: Array("layer".utf8))

  init(store: MemoryStateStore = MemoryStateStore(), configure: (inout DaemonConfiguration) -> Void = { _ in }) throws {
    world = ContainersTestWorld()
    (files, images, networks) = (ContainersFakeFiles(), ContainersFakeImages(), ContainersFakeNetworks())
    containerd = ContainersFakeContainerd(world: world, fifos: fifos)
    volumes = ContainersFakeVolumes(files: files, world: world)
    self.store = store
    var configuration = DaemonConfiguration()
    configuration.platform = Platform(architecture: "amd64")
    configure(&configuration)
    daemon = Daemon(
      world: world, containerd: containerd, registry: ContainersNoRegistry(), runtime: ContainersNoRuntime(),
      files: files, fifos: fifos, processes: ContainersFakeProcesses(), network: ContainersFakeNetworkHost(),
      store: store, configuration: configuration)
    service = ContainerService(daemon: daemon)
    daemon.link(images: images, volumes: volumes, networks: networks, containers: service)
    api = Dockerd(daemon: daemon, services: [service])
    let record = events
    _ = daemon.events.subscribe { record.add($0) }
    files.put("/etc/resolv.conf", "nameserver 192.0.2.53\nsearch example.net\n")
    files.putInImage("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/var/www:/bin/false\n")
    files.putInImage("/etc/group", "root:x:0:\nwww:x:34:\nweb:x:40:www,other\n")
    addImage("alpine", .init(env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], cmd: ["sh"]))
    containerd.add(snapshot: Self.chain.description, parent: "")
    let api = api
    try world.run { try await api.start() }
  }

  /// The same host and containerd with another dockerd, as after a crash of the first.
  ///
  /// It has FIFOs of its own: the first one's tasks, which a crash would have ended, still read the old ones.
  init(after crashed: ContainersFixture) throws {
    (world, containerd, volumes, store) = (crashed.world, crashed.containerd, crashed.volumes, crashed.store)
    (files, images, networks) = (crashed.files, crashed.images, crashed.networks)
    daemon = Daemon(
      world: world, containerd: containerd, registry: ContainersNoRegistry(), runtime: ContainersNoRuntime(),
      files: files, fifos: fifos, processes: ContainersFakeProcesses(), network: ContainersFakeNetworkHost(),
      store: store, configuration: crashed.daemon.configuration)
    service = ContainerService(daemon: daemon)
    daemon.link(images: images, volumes: volumes, networks: networks, containers: service)
    api = Dockerd(daemon: daemon, services: [service])
    let api = api
    try world.run { try await api.start() }
  }

  /// An image of one layer.
  func addImage(
    _ name: String, _ execution: ImageConfig.Execution, platform: Platform = Platform(architecture: "amd64")
  ) {
    let layer = Descriptor(mediaType: MediaType.ociLayerGzip, digest: Self.chain, size: 5)
    let config = ImageConfig(platform: platform, config: execution, rootfs: .init(diffIDs: [Self.chain]))
    let configBytes = Array(config.json.text.utf8)
    let configDescriptor = Descriptor(
      mediaType: MediaType.ociConfig, digest: containerd.put(configBytes), size: Int64(configBytes.count))
    let manifest = ImageManifest(config: configDescriptor, layers: [layer])
    let bytes = Array(manifest.json.text.utf8)
    let descriptor = Descriptor(
      mediaType: MediaType.ociManifest, digest: containerd.put(bytes), size: Int64(bytes.count))
    let storeName = "docker.io/library/\(name):latest"
    containerd.put(ImageRecord(name: storeName, target: descriptor))
    images.put(
      name,
      LocalImage(
        id: descriptor.digest, reference: "\(name):latest", storeName: storeName, manifestDescriptor: descriptor,
        manifest: manifest, configDescriptor: configDescriptor, config: config, chainID: Self.chain))
  }

  // MARK: Requests

  func send(
    _ op: String, _ id: String = "", query: [(String, String)] = [], body: JSON? = nil, upload: [UInt8]? = nil,
    hijack: Bool = false
  ) async throws -> APIResponse {
    let parts = op.split(separator: " ").map(String.init)
    var channel: ByteChannel?
    if let upload {
      channel = ByteChannel(capacity: .max)
      channel?.push(upload)
      channel?.closeWriting()
    }
    return try await api.send(
      APIRequest(
        parts[0], parts[1], id.isEmpty ? [:] : ["id": id], query: query.map { NameValue($0.0, $0.1) }, body: body,
        upload: channel, hijack: hijack))
  }

  /// Creates a container; `body` goes over `Image: alpine`.
  func create(_ name: String = "web", _ body: JSONObject = [:], host: JSONObject = [:]) async throws -> String {
    var request: JSONObject = ["Image": "alpine", "Cmd": ["sleep", "300"]]
    for member in body.members { request[member.key] = member.value }
    if !host.isEmpty { request["HostConfig"] = .object(host) }
    let response = try await send(
      "POST /containers/create", query: name.isEmpty ? [] : [("name", name)], body: .object(request))
    guard case .json(let json) = response.body, let id = json["Id"]?.string else {
      throw EngineError(.unknown, response.errorMessage ?? "no id")
    }
    return id
  }

  /// Status and message of a refusal, `201` and the like for others.
  func outcome(_ op: String, _ id: String = "", query: [(String, String)] = [], body: JSON? = nil) async throws
    -> String
  {
    let response = try await send(op, id, query: query, body: body)
    return response.errorMessage.map { "\(response.status) \($0)" } ?? "\(response.status)"
  }

  /// What creating a container with this comes to.
  func creation(_ body: JSONObject = [:], host: JSONObject = [:], name: String = "web", image: String = "alpine")
    async throws -> String
  {
    var request: JSONObject = ["Image": .string(image), "Cmd": ["true"]]
    for member in body.members { request[member.key] = member.value }
    if !host.isEmpty { request["HostConfig"] = .object(host) }
    return try await outcome("POST /containers/create", query: [("name", name)], body: .object(request))
  }

  @discardableResult
  func start(_ id: String) async throws -> String { try await outcome("POST /containers/{id}/start", id) }

  func inspect(_ id: String) async throws -> JSON {
    guard case .json(let json) = try await send("GET /containers/{id}/json", id).body else { return .null }
    return json
  }

  func state(_ id: String) async throws -> String { try await inspect(id)["State"]?["Status"]?.string ?? "gone" }

  /// The JSON of an answer.
  func json(_ op: String, _ id: String = "", query: [(String, String)] = [], body: JSON? = nil) async throws -> JSON {
    switch try await send(op, id, query: query, body: body).body {
    case .json(let json): return json
    case .stream(let channel): return (try? JSON(parsing: await channel.readAll())) ?? .null
    default: return .null
    }
  }

  /// The text of a streamed answer.
  func text(_ op: String, _ id: String, query: [(String, String)] = []) async throws -> String {
    let response = try await send(op, id, query: query)
    guard case .stream(let channel) = response.body else { return response.errorMessage ?? "" }
    return String(decoding: await channel.readAll(), as: UTF8.self)
  }

  /// A script that lives until it is signalled; SIGTERM and SIGKILL end it.
  static let server: ContainersFakeContainerd.Script = { process in
    while true {
      let signal = await process.nextSignal()
      if signal == 15 || signal == 9 { return 128 + signal }
    }
  }

  /// Like PID 1 without handlers: only SIGKILL ends it.
  static let stubborn: ContainersFakeContainerd.Script = { process in
    while await process.nextSignal() != 9 {}
    return 137
  }
}

/// Splits Docker's framing of two streams.
func demultiplexed(_ bytes: [UInt8]) -> [(stream: UInt8, text: String)] {
  var frames: [(stream: UInt8, text: String)] = []
  var rest = bytes[...]
  while rest.count >= 8 {
    let header = Array(rest.prefix(8))
    let length = header[4..<8].reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(8)
    frames.append((header[0], String(decoding: rest.prefix(length), as: UTF8.self)))
    rest = rest.dropFirst(length)
  }
  return frames
}
