import JSONTree
import OCISpec
import Seams
import Synchronization

/// `containerd.services.images.v1.Images`: names, and what they point at. Every image is a root of garbage collection.
final class ImageMetadata: Sendable {
  private struct State {
    var images: [String: ImageRecord] = [:]
    /// Names by what they point at.
    var names: [Digest: Set<String>] = [:]
  }
  private let namespace: String
  private let core: ContainerdCore
  private let graph: ResourceGraph
  private let state = Mutex(State())
  private let bucket: String

  init(_ namespace: String, core: ContainerdCore, graph: ResourceGraph) {
    (self.namespace, self.core, self.graph) = (namespace, core, graph)
    bucket = "containerd/\(namespace)/images"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Images.Get.self) { .init(image: try $1.images.get($0.name)) }
    handlers.on(Images.List.self) { .init(images: try $1.images.list($0.filters)) }
    handlers.on(Images.Create.self) { .init(image: try $1.images.create($0.image)) }
    handlers.on(Images.Update.self) { .init(image: try $1.images.update($0.image)) }
    handlers.on(Images.Delete.self) {
      try $1.images.delete($0.name)
      await $1.collectGarbage()
      return Empty()
    }
  }

  func load() throws {
    for (name, value) in try core.store.load(bucket) {
      guard let image: ImageRecord = try? value.decode() else { continue }
      state.withLock { ImageMetadata.enter(name, image, &$0) }
      graph.replace([], with: ImageMetadata.references(image))
    }
  }

  var isEmpty: Bool { state.withLock { $0.images.isEmpty } }

  private static func enter(_ name: String, _ image: ImageRecord?, _ state: inout State) {
    if let old = state.images[name] {
      state.names[old.target.digest]?.remove(name)
      if state.names[old.target.digest]?.isEmpty == true { state.names[old.target.digest] = nil }
    }
    state.images[name] = image
    if let image { state.names[image.target.digest, default: []].insert(name) }
  }

  private static func references(_ image: ImageRecord) -> [GarbageResource] {
    [.content(image.target.digest)] + garbageReferences(of: image.labels)
  }

  func find(_ name: String) -> ImageRecord? { state.withLock { $0.images[name] } }

  func get(_ name: String) throws -> ImageRecord {
    guard let image = find(name) else { throw notFound("image \"\(name)\"") }
    return image
  }

  private func list(_ filters: [String]) throws -> [ImageRecord] {
    let filter = try ContainerdFilters(filters)
    let found = state.withLock { state in
      if let names = filter.values(requiredOf: "name") { return Set(names).compactMap { state.images[$0] } }
      if let digests = filter.values(requiredOf: "target.digest") {
        return Set(digests).compactMap { Digest($0) }.flatMap { state.names[$0] ?? [] }
          .compactMap { state.images[$0] }
      }
      return Array(state.images.values)
    }
    return found.filter { image in
      filter.match { path in
        switch path {
        case ["name"]: image.name
        case ["target", "digest"]: image.target.digest.description
        case ["target", "mediatype"]: image.target.mediaType
        default: labelField(path, image.labels)
        }
      }
    }.sorted { $0.name < $1.name }
  }

  private func validate(_ image: ImageRecord) throws {
    guard !image.name.isEmpty else { throw invalidArgument("image name must not be empty") }
    guard !image.target.mediaType.isEmpty else { throw invalidArgument("image target media type must not be empty") }
    guard image.target.size >= 0 else { throw invalidArgument("image target size must not be negative") }
    try validateLabels(image.labels)
  }

  func create(_ given: ImageRecord) throws -> ImageRecord {
    try validate(given)
    guard find(given.name) == nil else { throw alreadyExists("image \"\(given.name)\"") }
    var image = given
    image.createdAt = core.world.unixTime
    image.updatedAt = image.createdAt
    try core.store.put(bucket, image.name, image)
    let stored = image
    state.withLock { ImageMetadata.enter(stored.name, stored, &$0) }
    graph.replace([], with: ImageMetadata.references(image))
    core.events.publish("/images/create", namespace, ["name": .string(stored.name), "labels": JSON(stored.labels)])
    return image
  }

  /// Target and labels become the given ones.
  func update(_ given: ImageRecord) throws -> ImageRecord {
    try validate(given)
    let old = try get(given.name)
    var image = given
    image.createdAt = old.createdAt
    image.updatedAt = core.world.unixTime
    try core.store.put(bucket, image.name, image)
    let stored = image
    state.withLock { ImageMetadata.enter(stored.name, stored, &$0) }
    graph.replace(ImageMetadata.references(old), with: ImageMetadata.references(image))
    core.events.publish("/images/update", namespace, ["name": .string(stored.name), "labels": JSON(stored.labels)])
    return image
  }

  private func delete(_ name: String) throws {
    let image = try get(name)
    try core.store.remove(bucket, name)
    state.withLock { ImageMetadata.enter(name, nil, &$0) }
    graph.replace(ImageMetadata.references(image), with: [])
    core.events.publish("/images/delete", namespace, ["name": .string(name)])
  }
}
