import Engine
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

/// dockerd's image, volume, network and system services over neighbours that keep everything in memory.
struct DockerdFixture {
  let world = DockerdTestWorld()
  let containerd = DockerdFakeContainerd()
  let registry = DockerdFakeRegistry()
  let runtime = DockerdFakeRuntime()
  let files = DockerdFakeFiles()
  let host = DockerdFakeNetworkHost()
  let store = MemoryStateStore()
  let containers = DockerdFakeContainers()
  let daemon: Daemon
  let images: ImageService
  let volumes: VolumeService
  let networks: NetworkService
  let api: Dockerd

  init(store: MemoryStateStore? = nil, configure: (inout DaemonConfiguration) -> Void = { _ in }) async throws {
    var configuration = DaemonConfiguration()
    configuration.platform = Platform(architecture: "amd64")
    configure(&configuration)
    daemon = Daemon(
      world: world, containerd: containerd, registry: registry, runtime: runtime, files: files,
      fifos: DockerdNoFIFOs(), processes: DockerdNoProcesses(), network: host, store: store ?? self.store,
      configuration: configuration)
    images = ImageService(daemon: daemon)
    volumes = VolumeService(daemon: daemon)
    networks = NetworkService(daemon: daemon)
    daemon.link(images: images, volumes: volumes, networks: networks, containers: containers)
    api = Dockerd(daemon: daemon, services: [images, volumes, networks, SystemService(daemon: daemon)])
    try await api.start()
    containerd.clearOperations()
    host.clearOperations()
  }

  /// Sends a request; its status and what came back as JSON.
  func send(
    _ method: String, _ template: String, _ parameters: [String: String] = [:], query: [(String, String)] = [],
    body: JSON? = nil, upload: [UInt8]? = nil, auth: JSON? = nil
  ) async throws -> (status: Int, json: JSON) {
    let response = try await raw(
      method, template, parameters, query: query, body: body, upload: upload, auth: auth)
    switch response.body {
    case .json(let json): return (response.status, json)
    case .stream(let channel): return (response.status, .array(Self.messages(await channel.readAll())))
    case .text(let text): return (response.status, .string(text))
    default: return (response.status, .null)
    }
  }

  func raw(
    _ method: String, _ template: String, _ parameters: [String: String] = [:], query: [(String, String)] = [],
    body: JSON? = nil, upload: [UInt8]? = nil, auth: JSON? = nil
  ) async throws -> APIResponse {
    var channel: ByteChannel?
    if let upload {
      channel = ByteChannel(capacity: .max)
      channel?.push(upload)
      channel?.closeWriting()
    }
    return try await api.send(
      APIRequest(
        method, template, parameters, query: query.map { NameValue($0.0, $0.1) }, body: body, upload: channel,
        registryAuth: auth))
  }

  /// The bytes of a streamed answer.
  func bytes(_ method: String, _ template: String, _ parameters: [String: String] = [:], query: [(String, String)] = [])
    async throws -> [UInt8]
  {
    guard case .stream(let channel) = try await raw(method, template, parameters, query: query).body else { return [] }
    return await channel.readAll()
  }

  static func messages(_ bytes: [UInt8]) -> [JSON] {
    bytes.split(separator: 0x0a).compactMap { line in
      try? JSON(parsing: Array(line.filter { $0 != 0x0d }))
    }
  }

  /// `status` of each message, with the id before it.
  static func lines(_ json: JSON) -> [String] {
    (json.array ?? []).map { message in
      let text =
        message["status"]?.string ?? message["stream"]?.string ?? message["error"]?.string.map { "error: \($0)" }
        ?? message.text
      return (message["id"]?.string.map { $0 + ": " } ?? "") + text
    }
  }
}

/// A clock that stands still until it is moved, and ids that count.
final class DockerdTestWorld: World {
  private let state = Mutex<(now: UInt64, seed: UInt64)>((0, 0))
  static let start: UInt64 = 1_767_225_600_000_000_000

  var now: UInt64 { state.withLock { $0.now } }
  var unixTime: UInt64 { Self.start + now }
  func sleep(_ nanoseconds: UInt64) async throws { state.withLock { $0.now += nanoseconds } }
  func advance(seconds: UInt64) { state.withLock { $0.now += seconds * 1_000_000_000 } }
  @discardableResult
  func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> { Task { await body() } }
  func randomBytes(_ count: Int) -> [UInt8] {
    state.withLock { state in
      state.seed += 1
      return Array(SHA256.hash(Array("\(state.seed)".utf8)).prefix(count))
    }
  }
}

/// containerd's image, content, snapshot and lease stores.
final class DockerdFakeContainerd: ContainerdAPI {
  struct State {
    var images: [String: ImageRecord] = [:]
    var blobs: [Digest: (bytes: [UInt8], info: ContentInfo)] = [:]
    var snapshots: [String: (info: SnapshotInfo, size: Int64)] = [:]
    var leases: [String: [String: String]] = [:]
    var operations: [String] = []
    var transfer: (@Sendable (Transfer.Transfer) async throws -> Void)?
    var applied: [Digest: Digest] = [:]
    /// The sizes that writes claimed.
    var written: [Digest: Int64] = [:]
  }
  let state = Mutex(State())

  var operations: [String] { state.withLock { $0.operations } }
  func clearOperations() { state.withLock { $0.operations = [] } }
  var names: [String] { state.withLock { $0.images.keys.sorted() } }

  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    let name = O.name.split(separator: ".").last.map(String.init) ?? O.name
    state.withLock { $0.operations.append(name) }
    if let transfer = operation as? Transfer.Transfer {
      try await state.withLock { $0.transfer }?(transfer)
      return try cast(Empty())
    }
    return try cast(try answer(operation))
  }

  private func cast<T>(_ value: any Sendable) throws -> T {
    guard let value = value as? T else { throw EngineError(.notImplemented, "\(T.self)") }
    return value
  }

  private func answer(_ operation: any ContainerdOperation) throws -> any Sendable {
    try state.withLock { state -> any Sendable in
      switch operation {
      case let get as Images.Get:
        guard let image = state.images[get.name] else {
          throw EngineError(.notFound, "image \"\(get.name)\": not found")
        }
        return Images.Get.Answer(image: image)
      case let list as Images.List:
        let matches = state.images.values.filter { image in
          list.filters.isEmpty || list.filters.contains { Self.matches(image, $0) }
        }
        return Images.List.Answer(images: matches)
      case let create as Images.Create:
        if state.images[create.image.name] != nil { throw EngineError(.alreadyExists, "already exists") }
        state.images[create.image.name] = create.image
        return Images.Create.Answer(image: create.image)
      case let update as Images.Update:
        state.images[update.image.name] = update.image
        return Images.Update.Answer(image: update.image)
      case let delete as Images.Delete:
        guard state.images.removeValue(forKey: delete.name) != nil else {
          throw EngineError(.notFound, "image \"\(delete.name)\": not found")
        }
        if delete.sync { Self.collect(&state) }
        return Empty()
      case let info as Content.Info: return Content.Info.Answer(info: try Self.blob(state, info.digest).info)
      case let read as Content.Read:
        let bytes = try Self.blob(state, read.digest).bytes
        let start = min(Int(read.offset), bytes.count)
        let end = read.size == 0 ? bytes.count : min(bytes.count, start + Int(clamping: read.size))
        return Content.Read.Answer(data: Blob(Array(bytes[start..<end])))
      case let write as Content.Write:
        let digest = Digest(sha256: write.data.bytes)
        if let expected = write.expected, expected != digest {
          throw EngineError(.failedPrecondition, "unexpected commit digest \(digest), expected \(expected)")
        }
        state.written[digest] = write.total
        guard state.blobs[digest] == nil else { throw EngineError(.alreadyExists, "content \(digest): already exists") }
        state.blobs[digest] = (
          write.data.bytes, ContentInfo(digest: digest, size: Int64(write.data.bytes.count), labels: write.labels)
        )
        return Content.Write.Answer(offset: Int64(write.data.bytes.count), digest: digest)
      case let update as Content.Update:
        let blob = try Self.blob(state, update.info.digest)
        state.blobs[update.info.digest] = (blob.bytes, update.info)
        return Content.Update.Answer(info: update.info)
      case let delete as Content.Delete:
        _ = try Self.blob(state, delete.digest)
        state.blobs[delete.digest] = nil
        return Empty()
      default: return try Self.rest(operation, &state)
      }
    }
  }

  private static func rest(_ operation: any ContainerdOperation, _ state: inout State) throws -> any Sendable {
    switch operation {
    case let stat as Snapshots.Stat: return Snapshots.Stat.Answer(info: try snapshot(state, stat.key).info)
    case let usage as Snapshots.Usage:
      return Snapshots.Usage.Answer(size: try snapshot(state, usage.key).size, inodes: 1)
    case let prepare as Snapshots.Prepare:
      state.snapshots[prepare.key] = (
        SnapshotInfo(name: prepare.key, parent: prepare.parent, kind: .active), 0
      )
      return Snapshots.Prepare.Answer(mounts: [MountRecord(type: "overlay", source: prepare.key)])
    case let commit as Snapshots.Commit:
      let active = try snapshot(state, commit.key)
      state.snapshots[commit.key] = nil
      state.snapshots[commit.name] = (
        SnapshotInfo(name: commit.name, parent: active.info.parent, kind: .committed), 500
      )
      return Empty()
    case let remove as Snapshots.Remove:
      state.snapshots[remove.key] = nil
      return Empty()
    case let apply as Diff.Apply:
      _ = try blob(state, apply.diff.digest)
      let diffID = state.applied[apply.diff.digest] ?? apply.diff.digest
      return Diff.Apply.Answer(
        applied: Descriptor(mediaType: MediaType.ociLayer, digest: diffID, size: apply.diff.size))
    case let create as Leases.Create:
      state.leases[create.id] = create.labels
      return Leases.Create.Answer(id: create.id)
    case let delete as Leases.Delete:
      state.leases[delete.id] = nil
      return Empty()
    case let list as Leases.List:
      guard list.filters == ["labels.\"moby/prune.images\""] else {
        throw EngineError(.invalidArgument, "filters: parse error")
      }
      return Leases.List.Answer(
        ids: state.leases.filter { $0.value["moby/prune.images"] != nil }.keys.sorted())
    case is Leases.AddResource: return Empty()
    case is ContainerdVersion.Version: return ContainerdVersion.Version.Answer(version: "v2.2.0", revision: "abc123")
    default: throw EngineError(.notImplemented, "\(type(of: operation))")
    }
  }

  private static func blob(_ state: State, _ digest: Digest) throws -> (bytes: [UInt8], info: ContentInfo) {
    guard let blob = state.blobs[digest] else {
      throw EngineError(.notFound, "content \(digest): not found")
    }
    return blob
  }

  private static func snapshot(_ state: State, _ key: String) throws -> (info: SnapshotInfo, size: Int64) {
    guard let snapshot = state.snapshots[key] else {
      throw EngineError(.notFound, "snapshot \(key) does not exist: not found")
    }
    return snapshot
  }

  /// Removes the blobs that no image refers to, and the snapshots when there is no image left.
  private static func collect(_ state: inout State) {
    var live: Set<Digest> = []
    func mark(_ digest: Digest, _ blobs: [Digest: (bytes: [UInt8], info: ContentInfo)]) {
      guard live.insert(digest).inserted, let json = try? JSON(parsing: blobs[digest]?.bytes ?? []) else { return }
      var children = json["manifests"]?.array ?? json["layers"]?.array ?? []
      if let config = json["config"] { children.append(config) }
      for child in children { if let digest = child["digest"]?.string.flatMap(Digest.init) { mark(digest, blobs) } }
    }
    for image in state.images.values { mark(image.target.digest, state.blobs) }
    state.blobs = state.blobs.filter { live.contains($0.key) }
    if state.images.isEmpty { state.snapshots = [:] }
  }

  /// The filters that dockerd sends.
  private static func matches(_ image: ImageRecord, _ filter: String) -> Bool {
    // The patterns have commas of their own.
    let conditions = filter.contains("~=") ? [filter[...]] : filter.split(separator: ",")
    return conditions.allSatisfy { condition in
      func value(after prefix: String) -> String? {
        guard condition.hasPrefix(prefix) else { return nil }
        let text = String(condition.dropFirst(prefix.count))
        guard text.hasPrefix("\"") else { return text }
        return String(text.dropFirst().dropLast()).replacing("\\\\", with: "\\")
      }
      if let digest = value(after: "target.digest==") { return image.target.digest.description == digest }
      if let name = value(after: "name==") { return image.name == name }
      if let pattern = value(after: "target.digest~="), let regex = try? Regex(pattern) {
        return image.target.digest.description.contains(regex)
      }
      if let pattern = value(after: "name~="), let regex = try? Regex(pattern) { return image.name.contains(regex) }
      if let parent = value(after: "labels.\"org.mobyproject.image.parent\"==") {
        return image.labels["org.mobyproject.image.parent"] == parent
      }
      if condition == "labels.org.mobyproject.image.parent" {
        return image.labels["org.mobyproject.image.parent"] != nil
      }
      return false
    }
  }

  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> { AsyncStream { $0.finish() } }
}

/// A registry that answers what the test says, and remembers what it was asked.
final class DockerdFakeRegistry: DistributionAPI {
  private let state = Mutex<(handler: (@Sendable (RegistryRequest) async -> RegistryResponse)?, seen: [String])>(
    (nil, []))
  var seen: [String] { state.withLock { $0.seen } }
  func answer(_ handler: @escaping @Sendable (RegistryRequest) async -> RegistryResponse) {
    state.withLock { $0.handler = handler }
  }
  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    let handler = state.withLock { state in
      state.seen.append("\(request.method) \(request.path)")
      return state.handler
    }
    guard let handler else { throw EngineError(.unavailable, "dial tcp: lookup \(request.host): no such host") }
    return await handler(request)
  }
}

final class DockerdFakeRuntime: RuntimeCLI {
  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    guard command.argv == ["runc", "--version"] else { return RuntimeResult(status: 1) }
    return RuntimeResult(stdout: "runc version 1.5.0\ncommit: v1.5.0-0-gdeadbee\nspec: 1.3.0\n")
  }
}

/// Containers as the test says.
final class DockerdFakeContainers: ContainerLookup {
  let summaries = Mutex<[ContainerSummary]>([])
  let sandboxes = Mutex<[String: NetworkSandbox]>([:])
  let changes = Mutex<[(id: String, state: SandboxState)]>([])

  func add(
    _ id: String, name: String, state: String = "running", image: String = "", imageID: Digest? = nil, sizeRw: Int64 = 0
  ) {
    let digest = imageID ?? Digest(sha256: [])
    summaries.withLock {
      $0.append(
        ContainerSummary(
          id: id, name: name, state: state, status: "", image: image, imageID: digest, labels: [:], command: "sh",
          createdAt: DockerdTestWorld.start, networks: [], volumes: [], sizeRw: sizeRw))
    }
  }

  func all() async -> [ContainerSummary] { summaries.withLock { $0 } }
  func find(_ nameOrID: String) async throws -> ContainerSummary {
    guard let found = summaries.withLock({ $0.first { $0.id.hasPrefix(nameOrID) || $0.name == nameOrID } }) else {
      throw EngineError(.notFound, "No such container: \(nameOrID)")
    }
    return found
  }
  func sandbox(_ nameOrID: String) async throws -> NetworkSandbox {
    guard let found = sandboxes.withLock({ all in all[nameOrID] ?? all.values.first { $0.containerID == nameOrID } })
    else {
      throw EngineError(.notFound, "No such container: \(nameOrID)")
    }
    return found
  }
  func networksChanged(_ id: String, _ state: SandboxState) async {
    changes.withLock { $0.append((id, state)) }
    sandboxes.withLock { all in
      for (name, sandbox) in all where sandbox.containerID == id && sandbox.pid == 0 {
        all[name]?.endpoints = state.networks.members.map { (network: $0.key, settings: $0.value) }
      }
    }
  }
  func prune(_ accept: @Sendable (ContainerSummary) -> Bool) async throws -> (ids: [String], bytes: Int64) { ([], 0) }
}

struct DockerdNoFIFOs: FIFOs {
  func make(_ path: String) throws {}
  func channel(_ path: String) -> ByteChannel? { nil }
  func remove(_ path: String) {}
}

struct DockerdNoProcesses: Processes {
  func wait(_ pid: Int) async -> Int { 0 }
  func wasOOMKilled(_ pid: Int) -> Bool { false }
  func members(cgroup path: String) -> [Int] { [] }
  func info(_ pid: Int) -> HostProcessInfo? { nil }
  func spawnPart(_ name: String, arguments: [String]) -> Int { 0 }
  func endPart(_ pid: Int) {}
}

/// Folders and files of a host, and what is mounted where.
final class DockerdFakeFiles: HostFiles {
  private struct State {
    var folders: Set<String> = []
    var files: [String: [UInt8]] = [:]
    var mounts: [String: String] = [:]
    var refusesMounts = false
  }
  private let state = Mutex(State())

  var mounts: [String: String] { state.withLock { $0.mounts } }
  func refuseMounts() { state.withLock { $0.refusesMounts = true } }
  func put(_ path: String, _ bytes: [UInt8]) { state.withLock { $0.files[path] = bytes } }

  func stat(_ path: String) -> HostFileInfo? {
    state.withLock { state in
      if state.folders.contains(path) { return HostFileInfo(kind: .directory, mode: 0o755, size: 0) }
      return state.files[path].map { HostFileInfo(kind: .file, mode: 0o644, size: Int64($0.count)) }
    }
  }
  func read(_ path: String) throws(Errno) -> [UInt8] {
    guard let bytes = state.withLock({ $0.files[path] }) else { throw .ENOENT }
    return bytes
  }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) { put(path, bytes) }
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    state.withLock { $0.files[path, default: []] += bytes }
  }
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno) { state.withLock { _ = $0.folders.insert(path) } }
  func list(_ path: String) throws(Errno) -> [String] {
    state.withLock { $0.files.keys.filter { $0.hasPrefix(path + "/") }.sorted() }
  }
  func removeAll(_ path: String) throws(Errno) {
    state.withLock { state in
      state.folders = state.folders.filter { $0 != path && !$0.hasPrefix(path + "/") }
      state.files = state.files.filter { !$0.key.hasPrefix(path + "/") }
    }
  }
  func rename(_ path: String, to: String) throws(Errno) {}
  func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    if state.withLock({ $0.refusesMounts }) { throw .ENOENT }
    state.withLock { $0.mounts[target] = "\(type) \(source) \(options.joined(separator: ","))" }
  }
  func unmount(_ path: String) throws(Errno) { state.withLock { $0.mounts[path] = nil } }
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8] { [] }
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) {}
  func usage(_ path: String) -> Int64 {
    state.withLock { state in
      state.files.filter { $0.key.hasPrefix(path + "/") }.reduce(0) { $0 + Int64($1.value.count) }
    }
  }
}

/// The host's network: remembers what it was asked, refuses ports that are taken and what the test says.
final class DockerdFakeNetworkHost: NetworkHost {
  private struct State {
    var operations: [String] = []
    var ports: Set<String> = []
    var ephemeral = 32767
    var refused: String?
    var resolvers: [Int: @Sendable (String) -> [String]?] = [:]
  }
  private let state = Mutex(State())

  var operations: [String] { state.withLock { $0.operations } }
  func clearOperations() { state.withLock { $0.operations = [] } }
  func refuse(_ operation: String?) { state.withLock { $0.refused = operation } }
  var takenPorts: [String] { state.withLock { $0.ports.sorted() } }
  func resolve(_ name: String, pid: Int) -> [String]? { state.withLock { $0.resolvers[pid] }?(name) }

  private func note(_ operation: String, _ text: String) throws {
    try state.withLock { state in
      if state.refused == operation { throw EngineError(.unknown, "operation not permitted") }
      state.operations.append("\(operation) \(text)")
    }
  }

  func createBridge(_ bridge: BridgeRecord) async throws {
    try note("bridge+", "\(bridge.name) \(bridge.subnet) \(bridge.gateway)\(bridge.isInternal ? " internal" : "")")
  }
  func deleteBridge(_ name: String) async throws { try note("bridge-", name) }
  func attach(_ endpoint: EndpointRecord, pid: Int) async throws {
    try note("attach", "\(endpoint.interface) \(endpoint.address)/\(endpoint.prefixLength) via \(endpoint.gateway)")
  }
  func detach(_ endpoint: EndpointRecord, pid: Int) async throws { try note("detach", endpoint.interface) }
  func setDefaultRoute(_ gateway: String, pid: Int) async throws { try note("route", gateway) }
  func publish(_ binding: PortBinding) async throws -> PortBinding {
    try note("publish", "\(binding.hostIP):\(binding.hostPort) \(binding.containerIP):\(binding.containerPort)")
    return try state.withLock { state in
      var binding = binding
      if binding.hostPort == 0 {
        state.ephemeral += 1
        binding.hostPort = state.ephemeral
      }
      guard state.ports.insert("\(binding.hostIP):\(binding.hostPort)/\(binding.proto)").inserted else {
        throw EngineError(
          .permissionDenied, "Bind for \(binding.hostIP):\(binding.hostPort) failed: port is already allocated")
      }
      return binding
    }
  }
  func unpublish(_ binding: PortBinding) async throws {
    state.withLock { _ = $0.ports.remove("\(binding.hostIP):\(binding.hostPort)/\(binding.proto)") }
  }
  func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {
    try note("dns+", "\(pid)")
    state.withLock { $0.resolvers[pid] = resolve }
  }
  func stopDNS(pid: Int) async { state.withLock { $0.resolvers[pid] = nil } }
}
