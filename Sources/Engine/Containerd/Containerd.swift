import JSONTree
import OCISpec
import Seams
import Synchronization

/// containerd: content, images, snapshots, leases, containers, tasks and transfers, each in namespaces of their own.
///
/// Where is what containerd does at `Tasks/Create`? In `TaskManager`, and so on for every noun of its API. What must
/// outlive the process is written to the state store before a call is answered.
public final class Containerd: ContainerdAPI {
  let core: ContainerdCore
  private let handlers: OperationTable<ContainerdNamespace>
  private let tenants = Mutex<[String: ContainerdNamespace]>([:])

  public init(
    world: any World, registry: any DistributionAPI, shims: any ShimLauncher, blobs: any BlobStore,
    snapshots: any SnapshotDriver, files: any HostFiles, fifos: any FIFOs, store: any StateStore,
    configuration: ContainerdConfiguration = .init()
  ) {
    core = ContainerdCore(
      world: world, registry: registry, shims: shims, blobs: blobs, driver: snapshots, files: files, fifos: fifos,
      store: store, configuration: configuration)
    var handlers = OperationTable<ContainerdNamespace>()
    ContentStore.register(in: &handlers)
    ImageMetadata.register(in: &handlers)
    Snapshotter.register(in: &handlers)
    LeaseManager.register(in: &handlers)
    Differ.register(in: &handlers)
    ContainerMetadata.register(in: &handlers)
    TaskManager.register(in: &handlers)
    TransferService.register(in: &handlers)
    Introspector.register(in: &handlers)
    self.handlers = handlers
  }

  /// Reads what the state store holds, before the first call. Tasks whose shims are gone are cleaned up.
  public func start() async throws {
    try core.load()
    for (name, value) in try core.store.load("containerd/namespaces") {
      let tenant = ContainerdNamespace(name, core: core, labels: value["labels"].flatMap { try? $0.decode() } ?? [:])
      try tenant.load()
      tenants.withLock { $0[name] = tenant }
    }
    try await recover()
    for tenant in all { await tenant.tasks.restore() }
    for tenant in all { await tenant.collectGarbage() }
  }

  public func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    let tenant = try tenant(namespace)
    if let handler = handlers.handler(for: O.self) { return try await handler.run(operation, tenant) }
    // What is about the namespaces themselves.
    if let answer = try namespaces(operation) as? O.Answer { return answer }
    throw EngineError(.notImplemented, "unknown method \(O.name): not implemented")
  }

  public func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    _ = try tenant(namespace)
    return core.events.subscribe(namespace)
  }

  /// The namespace, made when it is new.
  private func tenant(_ name: String) throws -> ContainerdNamespace {
    if let tenant = tenants.withLock({ $0[name] }) { return tenant }
    guard !name.isEmpty else {
      throw EngineError(.failedPrecondition, "namespace is required: failed precondition")
    }
    try validateIdentifier(name)
    let tenant = try tenants.withLock { tenants in
      if let tenant = tenants[name] { return tenant }
      try core.store.put("containerd/namespaces", name, JSON.object(["labels": [:]]))
      let tenant = ContainerdNamespace(name, core: core, labels: [:])
      tenants[name] = tenant
      return tenant
    }
    return tenant
  }

  var all: [ContainerdNamespace] {
    tenants.withLock { tenants in tenants.sorted { $0.key < $1.key }.map(\.value) }
  }

  /// `containerd.services.namespaces.v1.Namespaces`; nil for any other operation.
  private func namespaces(_ operation: any ContainerdOperation) throws -> (any JSONWritable)? {
    switch operation {
    case is Namespaces.List:
      return Namespaces.List.Answer(namespaces: all.map(\.name))
    case let get as Namespaces.Get:
      guard let tenant = tenants.withLock({ $0[get.name] }) else { throw notFound("namespace \"\(get.name)\"") }
      return Namespaces.Get.Answer(name: tenant.name, labels: tenant.labels)
    case let create as Namespaces.Create:
      try validateIdentifier(create.name)
      try validateLabels(create.labels)
      try tenants.withLock { tenants in
        guard tenants[create.name] == nil else { throw alreadyExists("namespace \"\(create.name)\"") }
        try core.store.put("containerd/namespaces", create.name, JSON.object(["labels": JSON(create.labels)]))
        tenants[create.name] = ContainerdNamespace(create.name, core: core, labels: create.labels)
      }
      core.events.publish("/namespaces/create", create.name, ["name": .string(create.name)])
      return Empty()
    case let delete as Namespaces.Delete:
      try tenants.withLock { tenants in
        guard let tenant = tenants[delete.name] else { throw notFound("namespace \"\(delete.name)\"") }
        let leftovers = tenant.leftovers
        guard leftovers.isEmpty else {
          throw EngineError(
            .failedPrecondition,
            "namespace \"\(delete.name)\" must be empty, but it still has \(leftovers.joined(separator: ", ")): "
              + "failed precondition")
        }
        try core.store.remove("containerd/namespaces", delete.name)
        tenants[delete.name] = nil
      }
      core.events.publish("/namespaces/delete", delete.name, ["name": .string(delete.name)])
      return Empty()
    default:
      return nil
    }
  }
}

/// containerd's settings (config.toml).
public struct ContainerdConfiguration: Sendable {
  public var version = "v2.2.0"
  public var revision = "1c4457e00facac03ce1d75f7b6777a7a851e5c41"
  /// Bundles live below it.
  public var state = "/run/containerd"
  /// Where the bundle of a task is, when not in `state`: by namespace and id.
  public var bundle: (@Sendable (_ namespace: String, _ id: String) -> String)?
  public var address = "/run/containerd/containerd.sock"
  public var snapshotter = "overlayfs"
  public var platform = Platform.host
  public var hosts = RegistryHosts()
  /// Blobs fetched at the same time, of one pull (`max_concurrent_downloads`).
  public var maxConcurrentDownloads = 3
  /// Whoever asks lives in the same process, and died with it: at the start nobody goes on with what was half done.
  /// Half unpacked snapshots go, and leases that belong to no container end a day after they were made.
  public var ownsClients = false
  /// Finds a shim again that outlived containerd; without one, or when it answers nil, the shim counts as dead.
  public var reconnect: (@Sendable (ShimInvocation) async -> (any ShimAPI)?)?
  public init() {}
}

/// What all of containerd's services stand on.
final class ContainerdCore: Sendable {
  let world: any World
  let registry: RegistryClient
  let shims: any ShimLauncher
  let blobs: any BlobStore
  let driver: any SnapshotDriver
  let files: any HostFiles
  let fifos: any FIFOs
  let store: any StateStore
  let configuration: ContainerdConfiguration
  let events: EventExchange
  private let state = Mutex(State())

  private struct State {
    var uuid = ""
    var nextSnapshot = 1
    /// In how many namespaces a blob is known.
    var blobUsers: [Digest: Int] = [:]
  }

  init(
    world: any World, registry: any DistributionAPI, shims: any ShimLauncher, blobs: any BlobStore,
    driver: any SnapshotDriver, files: any HostFiles, fifos: any FIFOs, store: any StateStore,
    configuration: ContainerdConfiguration
  ) {
    (self.world, self.shims, self.blobs, self.driver) = (world, shims, blobs, driver)
    (self.files, self.fifos, self.store, self.configuration) = (files, fifos, store, configuration)
    self.registry = RegistryClient(
      world: world, api: registry, hosts: configuration.hosts, userAgent: "containerd/\(configuration.version)")
    events = EventExchange(world: world)
  }

  func load() throws {
    let uuid = try store.load("containerd/server").first { $0.key == "uuid" }?.value.string
    if let uuid { state.withLock { $0.uuid = uuid } }
  }

  /// The server's UUID, made the first time that it is needed.
  var uuid: String {
    let known = state.withLock { $0.uuid }
    if !known.isEmpty { return known }
    let hex = Array(world.hexID(32))
    let made = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
    try? store.put("containerd/server", "uuid", JSON.string(made))
    state.withLock { $0.uuid = made }
    return made
  }

  /// A number for the folders of a new snapshot.
  func snapshotID() -> Int {
    state.withLock { state in
      defer { state.nextSnapshot += 1 }
      return state.nextSnapshot
    }
  }

  /// `id` is taken by a snapshot from before.
  func reserve(snapshotID id: Int) { state.withLock { $0.nextSnapshot = max($0.nextSnapshot, id + 1) } }

  func use(_ blob: Digest) { state.withLock { $0.blobUsers[blob, default: 0] += 1 } }

  /// True when no namespace knows the blob any more.
  func disuse(_ blob: Digest) -> Bool {
    state.withLock { state in
      let users = (state.blobUsers[blob] ?? 1) - 1
      state.blobUsers[blob] = users > 0 ? users : nil
      return users <= 0
    }
  }
}

func notFound(_ what: String) -> EngineError { EngineError(.notFound, "\(what): not found") }
func alreadyExists(_ what: String) -> EngineError { EngineError(.alreadyExists, "\(what): already exists") }
func invalidArgument(_ what: String) -> EngineError { EngineError(.invalidArgument, "\(what): invalid argument") }
func failedPrecondition(_ what: String) -> EngineError {
  EngineError(.failedPrecondition, "\(what): failed precondition")
}

/// containerd's identifiers: letters and digits, joined by `.`, `_` or `-`; at most 76 characters.
func validateIdentifier(_ text: String) throws {
  guard !text.isEmpty else { throw invalidArgument("identifier must not be empty") }
  guard text.utf8.count <= 76 else {
    throw invalidArgument("identifier \"\(text)\" greater than maximum length (76 characters)")
  }
  var mayJoin = false
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: mayJoin = true
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      guard mayJoin else { return try refuse() }
      mayJoin = false
    default: return try refuse()
    }
  }
  guard mayJoin else { return try refuse() }

  func refuse() throws {
    throw invalidArgument("identifier \"\(text)\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$")
  }
}

/// A label's key and value together have at most 4096 bytes.
func validateLabels(_ labels: [String: String]) throws {
  for (key, value) in labels where key.utf8.count + value.utf8.count > 4096 {
    throw invalidArgument(
      "label key and value length (\(key.utf8.count + value.utf8.count) bytes) greater than maximum size (4096 bytes), "
        + "key: \(key.prefix(64))")
  }
}
