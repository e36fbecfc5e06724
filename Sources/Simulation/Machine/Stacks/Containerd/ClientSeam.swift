import Engine
import Handoff
import JSONTree
import OCISpec
import Seams
import Synchronization

/// The docker client's words on a client of containerd's own (ctr, the Fargate agent): dockerd's core asks its usual
/// questions here, and what goes to containerd is what that client would ask in order to do the same.
///
/// Order and number of the calls are those of `ctr run` and `ctr images pull` (captures of containerd 2.4).
final class ClientSeam: ContainerdAPI {
  /// containerd, without a trace: for what only dockerd's core wants to know or do.
  let quiet: any ContainerdAPI
  /// containerd over the wire.
  let wire: any ContainerdAPI
  private let tap: Tap
  private let world: any World
  /// Changes a container's config.json into that which the client would write.
  private let spec: @Sendable (_ id: String, _ spec: inout JSONObject) -> Void
  /// Credentials for a registry that the client has of itself.
  private let credentials: @Sendable (_ host: String) async throws -> RegistryCredentials?

  private struct State {
    /// What containers' snapshots are made on, until they are.
    var parents: [String: String] = [:]
    /// Snapshots that the client makes only when it creates the container's metadata, but the core has needed before.
    var early: [String: (parent: String, mounts: [MountRecord])] = [:]
    /// The leases under which containers are being created.
    var leases: [String: String] = [:]
    /// Containers that containerd still has though dockerd's core believes them deleted: they are only when removed.
    var kept: Set<String> = []
  }
  /// The client makes a container in one go, when it starts it (the Fargate agent).
  private let createsAtStart: Bool
  private let state = Mutex(State())

  init(
    _ containerd: any ContainerdAPI, tap: Tap, world: any World, createsAtStart: Bool = false,
    spec: @escaping @Sendable (String, inout JSONObject) -> Void,
    credentials: @escaping @Sendable (String) async throws -> RegistryCredentials? = { _ in nil }
  ) {
    (quiet, wire, self.tap, self.world) = (containerd, TracedContainerdAPI(containerd, tap: tap), tap, world)
    (self.spec, self.credentials, self.createsAtStart) = (spec, credentials, createsAtStart)
  }

  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    try await quiet.events(namespace: namespace)
  }

  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    switch operation {
    case let prepare as Snapshots.Prepare:
      return try answer(try await self.prepare(prepare, namespace))
    case let create as Containers.Create:
      return try answer(try await self.create(create, namespace))
    case let create as Tasks.Create:
      return try answer(try await self.create(create, namespace))
    case let delete as Containers.Delete:
      // The client deletes a container when it is removed, not when it has ended.
      state.withLock { _ = $0.kept.insert(delete.id) }
      return try answer(Empty())
    case let delete as Leases.Delete where isContainer(delete.id):
      await remove(delete.id, namespace)
      return try await quiet.call(operation, namespace: namespace)
    case let transfer as Transfer.Transfer:
      return try answer(try await self.transfer(transfer, namespace))
    case is Snapshots.Commit, is Snapshots.Mounts, is Snapshots.Stat, is Snapshots.List, is Snapshots.Usage,
      is Leases.Create, is Leases.Delete, is Leases.List, is Leases.AddResource, is Leases.ListResources,
      is Images.Get, is Images.List, is Content.Info, is Content.Read, is Content.List, is Content.Update,
      is Content.ListStatuses, is Content.Status, is Containers.Get, is Containers.List,
      is Introspection.Plugins, is Introspection.Server, is ContainerdVersion.Version:
      return try await quiet.call(operation, namespace: namespace)
    default:
      return try await wire.call(operation, namespace: namespace)
    }
  }

  // MARK: Creating

  /// The client makes a container's snapshot on the image's own; dockerd's `-init` layer it does not know.
  private func prepare(_ operation: Snapshots.Prepare, _ namespace: String) async throws -> Snapshots.Prepare.Answer {
    let key = operation.key
    if key.hasSuffix("-init-key") {
      state.withLock { $0.parents[String(key.dropLast(9))] = operation.parent }
      return try await quiet.call(operation, namespace: namespace)
    }
    guard isContainer(key) else { return try await wire.call(operation, namespace: namespace) }
    let parent = state.withLock { $0.parents.removeValue(forKey: key) } ?? operation.parent
    var operation = operation
    operation.parent = parent
    if createsAtStart {
      let answer = try await quiet.call(operation, namespace: namespace)
      state.withLock { $0.early[key] = (parent, answer.mounts) }
      return answer
    }
    return try await prepare(operation, namespace, over: wire)
  }

  /// The calls up to a container's snapshot; the last one over `last`.
  @discardableResult
  private func prepare(
    _ operation: Snapshots.Prepare, _ namespace: String, over last: any ContainerdAPI
  ) async throws -> Snapshots.Prepare.Answer {
    _ = try await wire.call(Introspection.Server(), namespace: namespace)
    try await ask(about: operation.parent, namespace)
    let lease = "\(world.unixTime)-\(world.hexID(4))"
    _ = try await wire.call(Leases.Create(id: lease), namespace: namespace)
    state.withLock { $0.leases[operation.key] = lease }
    _ = try? await wire.call(Namespaces.Get(name: namespace), namespace: namespace)
    _ = try await wire.call(
      Introspection.Plugins(filters: ["type==io.containerd.snapshotter.v1"]), namespace: namespace)
    return try await last.call(operation, namespace: namespace)
  }

  /// What a client asks of an image before it makes a container of it: its name, its documents, whether it is unpacked.
  private func ask(about chain: String, _ namespace: String) async throws {
    guard !chain.isEmpty else { return }
    _ = try? await wire.call(Namespaces.Get(name: namespace), namespace: namespace)
    _ = try await wire.call(Snapshots.Stat(snapshotter: "overlayfs", key: chain), namespace: namespace)
  }

  private func create(_ operation: Containers.Create, _ namespace: String) async throws -> Containers.Create.Answer {
    var record = operation.container
    let id = record.id
    (record.labels, record.snapshotter, record.snapshotKey) = ([:], "overlayfs", id)
    record.runtimeOptions["root"] = nil
    record.spec = rewritten(record.spec) { spec in
      // The shim mounts the root where the bundle has it.
      spec.change("root") { $0["path"] = "rootfs" }
      self.spec(id, &spec)
    }
    if state.withLock({ $0.kept.remove(id) != nil }) {
      // It is there from an earlier run; what dockerd's core would have otherwise is brought up to date unseen.
      let answer = try await quiet.call(Containers.Update(container: record), namespace: namespace)
      return .init(container: answer.container)
    }
    if let early = state.withLock({ $0.early.removeValue(forKey: id) }) {
      try await prepare(
        Snapshots.Prepare(snapshotter: "overlayfs", key: id, parent: early.parent), namespace,
        over: TracedContainerdAPI(MadeSnapshot(next: quiet, mounts: early.mounts), tap: tap))
    }
    if !record.image.isEmpty { try await readDocuments(of: record.image, namespace) }
    let answer = try await wire.call(Containers.Create(container: record), namespace: namespace)
    if let lease = state.withLock({ $0.leases.removeValue(forKey: id) }) {
      _ = try await wire.call(Leases.Delete(id: lease), namespace: namespace)
    }
    return answer
  }

  /// Index, manifest and config, as the client reads them for the command and environment.
  private func readDocuments(of image: String, _ namespace: String) async throws {
    let record = try await wire.call(Images.Get(name: image), namespace: namespace).image
    try await ImageDocuments(wire, namespace).read(record.target)
  }

  private func create(_ operation: Tasks.Create, _ namespace: String) async throws -> Tasks.Create.Answer {
    let id = operation.containerId
    _ = try await wire.call(Containers.Get(id: id), namespace: namespace)
    var operation = operation
    operation.rootfs = try await wire.call(Snapshots.Mounts(snapshotter: "overlayfs", key: id), namespace: namespace)
      .mounts
    _ = try await wire.call(Containers.Get(id: id), namespace: namespace)
    return try await wire.call(operation, namespace: namespace)
  }

  // MARK: Removing

  /// The client's `Delete(WithSnapshotCleanup)`.
  private func remove(_ id: String, _ namespace: String) async {
    if let lease = state.withLock({ $0.leases.removeValue(forKey: id) }) {
      _ = try? await wire.call(Leases.Delete(id: lease), namespace: namespace)
    }
    // What the client has never made it need not remove.
    if state.withLock({ $0.early.removeValue(forKey: id) != nil }) { return }
    let isKept = state.withLock { $0.kept.remove(id) != nil }
    if isKept {
      _ = try? await wire.call(Tasks.Get(containerId: id), namespace: namespace)
      _ = try? await wire.call(Containers.Get(id: id), namespace: namespace)
    }
    _ = try? await wire.call(Snapshots.Remove(snapshotter: "overlayfs", key: id), namespace: namespace)
    if isKept { _ = try? await wire.call(Containers.Delete(id: id), namespace: namespace) }
  }

  // MARK: Pulling and pushing

  private func transfer(_ operation: Transfer.Transfer, _ namespace: String) async throws -> Empty {
    var operation = operation
    switch (operation.source, operation.destination) {
    case (.registry(let reference, let auth), _):
      operation.source = .registry(reference: reference, auth: try await own(auth, reference))
    case (_, .registry(let reference, let auth)):
      operation.destination = .registry(reference: reference, auth: try await own(auth, reference))
    default: return try await wire.call(operation, namespace: namespace)
    }
    _ = try await wire.call(Introspection.Server(), namespace: namespace)
    let lease = "\(world.unixTime)-\(world.hexID(4))"
    _ = try await wire.call(Leases.Create(id: lease), namespace: namespace)
    do {
      for name in ["progress", "auth"] { try await openStream(name) }
      let answer = try await ContainerdLease.$current.withValue(lease) {
        try await wire.call(operation, namespace: namespace)
      }
      _ = try await wire.call(Leases.Delete(id: lease), namespace: namespace)
      return answer
    } catch {
      _ = try? await wire.call(Leases.Delete(id: lease), namespace: namespace)
      throw error
    }
  }

  private func own(_ auth: RegistryCredentials?, _ reference: String) async throws -> RegistryCredentials? {
    if let auth { return auth }
    return try await credentials(reference.split(separator: "/").first.map(String.init) ?? "")
  }

  /// Progress and questions for credentials come over streams beside the call.
  private func openStream(_ name: String) async throws {
    try await tap.carry(
      "containerd.services.streaming.v1.Streaming/Stream", JSON.object(["id": .string("\(name)-\(world.hexID(8))")]),
      outcome: { (_: Void) in .success(Empty()) }
    ) {}
  }
}

/// containerd, where a snapshot that is asked for has been made already.
private struct MadeSnapshot: ContainerdAPI {
  let next: any ContainerdAPI
  let mounts: [MountRecord]
  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    guard operation is Snapshots.Prepare else { return try await next.call(operation, namespace: namespace) }
    return try answer(Snapshots.Prepare.Answer(mounts: mounts))
  }
  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    try await next.events(namespace: namespace)
  }
}

/// An image's documents in the content store, read as containerd's client does: what is known of each, then its bytes.
struct ImageDocuments: Sendable {
  private let api: any ContainerdAPI
  private let namespace: String
  init(_ api: any ContainerdAPI, _ namespace: String) { (self.api, self.namespace) = (api, namespace) }

  /// From an index or manifest to the config of the host's platform.
  @discardableResult
  func read(_ target: Descriptor) async throws -> (manifest: ImageManifest, config: ImageConfig) {
    var descriptor = target
    for _ in 0..<8 {
      let bytes = try await read(descriptor.digest)
      if MediaType.isIndex(descriptor.mediaType) {
        let index: ImageIndex = try JSON(parsing: bytes).decode()
        guard let child = index.candidates(for: Platform.host).first else { throw ImageIndex.noMatch(Platform.host) }
        descriptor = child
        continue
      }
      let manifest: ImageManifest = try JSON(parsing: bytes).decode()
      return (manifest, try JSON(parsing: try await read(manifest.config.digest)).decode())
    }
    throw EngineError(.invalidArgument, "index \(target.digest) is nested too deep: invalid argument")
  }

  private func read(_ digest: Digest) async throws -> [UInt8] {
    let info = try await api.call(Content.Info(digest: digest), namespace: namespace).info
    return try await api.call(Content.Read(digest: digest, size: info.size), namespace: namespace).data.bytes
  }
}
