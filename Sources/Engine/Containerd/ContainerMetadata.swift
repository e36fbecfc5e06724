import JSONTree
import Seams
import Synchronization

/// `containerd.services.containers.v1.Containers`: what shall run, not that it runs.
final class ContainerMetadata: Sendable {
  private let namespace: String
  private let core: ContainerdCore
  private let graph: ResourceGraph
  private let containers = Mutex<[String: ContainerRecord]>([:])
  private let bucket: String

  init(_ namespace: String, core: ContainerdCore, graph: ResourceGraph) {
    (self.namespace, self.core, self.graph) = (namespace, core, graph)
    bucket = "containerd/\(namespace)/containers"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Containers.Get.self) { .init(container: try $1.containers.get($0.id)) }
    handlers.on(Containers.List.self) { .init(containers: try $1.containers.list($0.filters)) }
    handlers.on(Containers.Create.self) { .init(container: try $1.containers.create($0.container)) }
    handlers.on(Containers.Update.self) { .init(container: try $1.containers.update($0.container)) }
    handlers.on(Containers.Delete.self) {
      if $1.tasks.exists($0.id) { throw failedPrecondition("cannot delete running task \($0.id)") }
      try $1.containers.delete($0.id)
      await $1.collectGarbage()
      return Empty()
    }
  }

  func load() throws {
    for (id, value) in try core.store.load(bucket) {
      guard let container: ContainerRecord = try? value.decode() else { continue }
      containers.withLock { $0[id] = container }
      graph.replace([], with: ContainerMetadata.references(container))
    }
  }

  var isEmpty: Bool { containers.withLock { $0.isEmpty } }

  private static func references(_ container: ContainerRecord) -> [GarbageResource] {
    let labelled = garbageReferences(of: container.labels)
    return container.snapshotKey.isEmpty ? labelled : [.snapshot(container.snapshotKey)] + labelled
  }

  func get(_ id: String) throws -> ContainerRecord {
    guard let container = containers.withLock({ $0[id] }) else {
      throw notFound("container \"\(id)\" in namespace \"\(namespace)\"")
    }
    return container
  }

  private func list(_ filters: [String]) throws -> [ContainerRecord] {
    let filter = try ContainerdFilters(filters)
    return containers.withLock { containers in
      if let ids = filter.values(requiredOf: "id") { return Set(ids).compactMap { containers[$0] } }
      return Array(containers.values)
    }.filter { container in
      filter.match { path in
        switch path {
        case ["id"]: container.id
        case ["image"]: container.image
        case ["runtime", "name"]: container.runtime
        default: labelField(path, container.labels)
        }
      }
    }.sorted { $0.id < $1.id }
  }

  private func validate(_ container: ContainerRecord) throws {
    do { try validateIdentifier(container.id) } catch let error as EngineError {
      throw EngineError(error.code, "container.ID: \(error.message)")
    }
    try validateLabels(container.labels)
    guard !container.runtime.isEmpty else { throw invalidArgument("container.Runtime.Name must be set") }
    guard !container.spec.isNull else { throw invalidArgument("container.Spec must be set") }
    guard container.snapshotKey.isEmpty || !container.snapshotter.isEmpty else {
      throw invalidArgument("container.Snapshotter must be set if container.SnapshotKey is set")
    }
  }

  private func create(_ given: ContainerRecord) throws -> ContainerRecord {
    try validate(given)
    var container = given
    container.createdAt = core.world.unixTime
    container.updatedAt = container.createdAt
    let stored = container
    try containers.withLock { containers in
      guard containers[stored.id] == nil else { throw alreadyExists("container \"\(stored.id)\"") }
      containers[stored.id] = stored
    }
    try core.store.put(bucket, stored.id, stored)
    graph.replace([], with: ContainerMetadata.references(stored))
    core.events.publish(
      "/containers/create", namespace,
      ["id": .string(stored.id), "image": .string(stored.image), "runtime": ["name": .string(stored.runtime)]])
    return stored
  }

  private func update(_ given: ContainerRecord) throws -> ContainerRecord {
    try validate(given)
    let old = try get(given.id)
    guard old.snapshotter == given.snapshotter else {
      throw invalidArgument("container.Snapshotter field is immutable")
    }
    guard old.runtime == given.runtime else { throw invalidArgument("container.Runtime.Name field is immutable") }
    var container = given
    container.createdAt = old.createdAt
    container.updatedAt = core.world.unixTime
    let stored = container
    containers.withLock { $0[stored.id] = stored }
    try core.store.put(bucket, stored.id, stored)
    graph.replace(ContainerMetadata.references(old), with: ContainerMetadata.references(stored))
    core.events.publish(
      "/containers/update", namespace,
      [
        "id": .string(stored.id), "image": .string(stored.image), "labels": JSON(stored.labels),
        "snapshot_key": .string(stored.snapshotKey),
      ])
    return stored
  }

  private func delete(_ id: String) throws {
    guard let container = containers.withLock({ $0.removeValue(forKey: id) }) else {
      throw notFound("container \"\(id)\" in namespace \"\(namespace)\"")
    }
    try core.store.remove(bucket, id)
    graph.replace(ContainerMetadata.references(container), with: [])
    core.events.publish("/containers/delete", namespace, ["id": .string(id)])
  }
}
