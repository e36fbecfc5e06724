import JSONTree
import OCISpec
import Seams
import Synchronization

/// dockerd's requests to containerd's image and content stores.
///
/// Every look-up is a handoff, as in genuine Docker; what is saved is the parsing: documents are addressed by content,
/// so a parsed one stays true as long as the process lives.
struct ImageStore: Sendable {
  let daemon: Daemon
  private let documents = Documents()

  init(daemon: Daemon) { self.daemon = daemon }

  /// The snapshotter of images and containers.
  var snapshotter: String { daemon.configuration.snapshotter }
  /// The label by which the classic builder names an image's parent.
  static let parentLabel = "org.mobyproject.image.parent"
  private static let danglingPrefix = "moby-dangling@"

  private func call<O: ContainerdOperation>(_ operation: O) async throws -> O.Answer {
    try await daemon.containerd.call(operation, namespace: daemon.configuration.namespace)
  }

  /// Nil instead of a notFound.
  private func found<T>(_ body: () async throws -> T) async throws -> T? {
    do { return try await body() } catch let error as EngineError where error.code == .notFound { return nil }
  }

  // MARK: Names

  /// The name that keeps an image without tags from garbage collection.
  static func danglingName(_ digest: Digest) -> String { danglingPrefix + digest.description }
  static func isDangling(_ record: ImageRecord) -> Bool { record.name == danglingName(record.target.digest) }
  static func isDanglingName(_ name: String) -> Bool { name.hasPrefix(danglingPrefix) }

  /// The name as users type it; a dangling image's digest.
  static func familiarName(_ record: ImageRecord) -> String {
    if isDangling(record) { return record.target.digest.description }
    return (try? ImageReference(record.name))?.familiar ?? record.name
  }

  // MARK: containerd.services.images.v1

  func get(_ name: String) async throws -> ImageRecord? {
    try await found { try await call(Images.Get(name: name)).image }
  }
  func list(_ filters: [String] = []) async throws -> [ImageRecord] {
    try await call(Images.List(filters: filters)).images.sorted { $0.name < $1.name }
  }
  /// Every name of what `digest` addresses.
  func names(of digest: Digest) async throws -> [ImageRecord] { try await list(["target.digest==\(digest)"]) }
  /// Every tag of a repository (`docker.io/library/nginx`).
  func tags(of repository: String) async throws -> [ImageRecord] {
    let pattern = "^" + quotedPattern(repository) + ":[\\w][\\w.-]{0,127}$"
    return try await list(["name~=\(quotedGo(pattern))"])
  }
  /// The parent that the classic builder or commit wrote down for an image; empty when none.
  func parent(of digest: Digest) async throws -> String {
    let records = try await list(["target.digest==\(digest),labels.\(Self.parentLabel)"])
    return records.lazy.compactMap { $0.labels[Self.parentLabel] }.first ?? ""
  }
  /// The images whose parent is `digest`.
  func children(of digest: Digest) async throws -> [ImageRecord] {
    try await list(["labels.\"\(Self.parentLabel)\"==\(digest)"])
  }
  /// False when the name is taken.
  func create(_ record: ImageRecord) async throws -> Bool {
    do {
      _ = try await call(Images.Create(image: record))
      return true
    } catch let error as EngineError where error.code == .alreadyExists { return false }
  }
  func update(_ record: ImageRecord) async throws { _ = try await call(Images.Update(image: record)) }
  /// False when there was no such name.
  @discardableResult
  func delete(_ name: String, sync: Bool = false) async throws -> Bool {
    try await found { _ = try await call(Images.Delete(name: name, sync: sync)) } != nil
  }

  // MARK: containerd.services.content.v1

  func info(_ digest: Digest) async throws -> ContentInfo? {
    try await found { try await call(Content.Info(digest: digest)).info }
  }

  /// The bytes of a blob: its size is asked for first, as containerd's client does.
  func read(_ digest: Digest) async throws -> [UInt8] {
    let info = try await call(Content.Info(digest: digest)).info
    return try await call(Content.Read(digest: digest, offset: 0, size: info.size)).data.bytes
  }

  /// A part of a blob; fewer than `count` bytes only at its end.
  func read(_ digest: Digest, offset: Int64, count: Int64) async throws -> [UInt8] {
    try await call(Content.Read(digest: digest, offset: offset, size: count)).data.bytes
  }

  /// Writes a blob and commits it; one that is there already stays as it is.
  func write(_ bytes: [UInt8], digest: Digest, size: Int64? = nil, ref: String, labels: [String: String] = [:])
    async throws
  {
    do {
      _ = try await call(
        Content.Write(
          ref: ref, data: Blob(bytes), total: size ?? Int64(bytes.count), expected: digest, commit: true,
          labels: labels))
    } catch let error as EngineError where error.code == .alreadyExists {
    } catch {
      // Another attempt begins anew.
      await abort(ref)
      throw error
    }
  }

  /// Adds to an ingest; where it ends now.
  func append(_ bytes: [UInt8], at offset: Int64, to ref: String) async throws -> Int64 {
    try await call(Content.Write(ref: ref, offset: offset, data: Blob(bytes))).offset
  }

  /// Ends an ingest; its digest. A blob that is there already stays as it is.
  func commit(_ ref: String, at offset: Int64, expected: Digest?, labels: [String: String] = [:]) async throws -> Digest
  {
    do {
      let answer = try await call(
        Content.Write(
          ref: ref, offset: offset, data: Blob([]), total: offset, expected: expected, commit: true, labels: labels))
      guard let digest = answer.digest else { throw EngineError(.unknown, "content ref \(ref): not committed") }
      return digest
    } catch let error as EngineError where error.code == .alreadyExists {
      // `content sha256:…: already exists`.
      let words = error.message.split(whereSeparator: { $0 == " " }).map { $0.hasSuffix(":") ? $0.dropLast() : $0 }
      guard let digest = expected ?? words.lazy.compactMap({ Digest(String($0)) }).first else { throw error }
      await abort(ref)
      return digest
    }
  }

  /// Gives an ingest up.
  func abort(_ ref: String) async { _ = try? await call(Content.Abort(ref: ref)) }

  /// Adds labels to a blob.
  func label(_ info: ContentInfo, _ labels: [String: String]) async throws {
    var info = info
    info.labels.merge(labels) { $1 }
    _ = try await call(Content.Update(info: info))
  }

  func deleteContent(_ digest: Digest) async throws -> Bool {
    try await found { _ = try await call(Content.Delete(digest: digest)) } != nil
  }

  // MARK: Documents

  func index(_ digest: Digest) async throws -> ImageIndex {
    if let known = documents.index(digest) {
      _ = try await read(digest)
      return known
    }
    return try documents.add(digest, index: decode(ImageIndex.self, try await read(digest)))
  }

  func manifest(_ digest: Digest) async throws -> ImageManifest {
    if let known = documents.manifest(digest) {
      _ = try await read(digest)
      return known
    }
    return try documents.add(digest, manifest: decode(ImageManifest.self, try await read(digest)))
  }

  /// A config with the chain ids of its layers, the uppermost last.
  func config(_ digest: Digest) async throws -> (config: ImageConfig, chain: [Digest]) {
    if let known = documents.config(digest) {
      _ = try await read(digest)
      return known
    }
    return documents.add(digest, config: try decode(ImageConfig.self, try await read(digest)))
  }

  private func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws -> T {
    do { return try JSON(parsing: bytes).decode(type) } catch {
      throw EngineError(.unknown, "could not deserialize image config: \(error)")
    }
  }

  /// What a manifest or an index refers to; nothing for other blobs (containerd's `images.Children`).
  func children(_ descriptor: Descriptor) async throws -> [Descriptor] {
    if MediaType.isIndex(descriptor.mediaType) { return try await index(descriptor.digest).manifests }
    if MediaType.isManifest(descriptor.mediaType) {
      let manifest = try await manifest(descriptor.digest)
      return [manifest.config] + manifest.layers
    }
    return []
  }

  /// Calls `body` for everything below and including `target` that is here, each before what it refers to.
  func walkPresent(_ target: Descriptor, _ body: (Descriptor, ContentInfo) async throws -> Void) async throws {
    guard let info = try await info(target.digest) else { return }
    try await body(target, info)
    guard let children = try await found({ try await children(target) }) else { return }
    for child in children { try await walkPresent(child, body) }
  }

  // MARK: containerd.services.snapshots.v1

  /// Bytes of one layer's snapshot; nil when it is not unpacked.
  func usage(_ chainID: Digest) async throws -> Int64? {
    try await found {
      try await call(Snapshots.Usage(snapshotter: snapshotter, key: chainID.description)).size
    }
  }

  /// Bytes of all snapshots from `chainID` down; 0 when it is not unpacked.
  func totalUsage(_ chainID: Digest) async throws -> Int64 {
    var total: Int64 = 0
    var key = chainID.description
    while !key.isEmpty {
      let name = key
      guard
        let size = try await found({
          try await call(Snapshots.Usage(snapshotter: snapshotter, key: name)).size
        }),
        let info = try await found({
          try await call(Snapshots.Stat(snapshotter: snapshotter, key: name)).info
        })
      else { break }
      total += size
      key = info.parent
    }
    return total
  }

  /// Unpacks a manifest's layers where they are not yet: prepare, apply and commit a snapshot for each.
  func unpack(_ manifest: ImageManifest, diffIDs: [Digest]) async throws {
    guard manifest.layers.count == diffIDs.count else {
      throw EngineError(
        .unknown, "number of layers and diffIDs don't match: \(manifest.layers.count) != \(diffIDs.count)")
    }
    var parent = ""
    var applied: [Digest] = []
    for (layer, diffID) in zip(manifest.layers, diffIDs) {
      applied.append(diffID)
      let name = chainID(of: applied)?.description ?? ""
      let isThere = try await found {
        try await call(Snapshots.Stat(snapshotter: snapshotter, key: name))
      }
      if isThere == nil {
        let key = "extract-\(daemon.world.hexID(9)) \(name)"
        let mounts = try await call(
          Snapshots.Prepare(snapshotter: snapshotter, key: key, parent: parent)
        ).mounts
        do {
          let done = try await call(Diff.Apply(diff: layer, mounts: mounts)).applied
          guard done.digest == diffID else {
            throw EngineError(.unknown, "wrong diff id calculated on extraction \"\(done.digest)\"")
          }
          _ = try await call(Snapshots.Commit(snapshotter: snapshotter, name: name, key: key))
        } catch {
          _ = try? await call(Snapshots.Remove(snapshotter: snapshotter, key: key))
          throw error
        }
      }
      parent = name
    }
    // What the image refers to is not garbage: the config holds the uppermost snapshot, and that those below.
    if !parent.isEmpty, let info = try await info(manifest.config.digest) {
      try await label(info, ["containerd.io/gc.ref.snapshot.\(snapshotter)": parent])
    }
  }

  // MARK: containerd.services.leases.v1

  /// Runs `body` under a lease of its own, so that nothing it brings is collected as garbage meanwhile.
  func leased<T: Sendable>(labels: [String: String] = [:], _ body: (String) async throws -> T) async throws -> T {
    let id = try await call(Leases.Create(id: daemon.world.hexID(12), labels: labels)).id
    do {
      let result = try await ContainerdLease.$current.withValue(id) { try await body(id) }
      _ = try? await call(Leases.Delete(id: id))
      return result
    } catch {
      // Also when this task has been cancelled.
      await daemon.world.spawn { _ = try? await call(Leases.Delete(id: id)) }.value
      throw error
    }
  }

  /// Puts a blob and what it refers to under a lease.
  func lease(_ id: String, _ target: Descriptor) async throws {
    guard try await info(target.digest) != nil else { return }
    _ = try await call(Leases.AddResource(id: id, resourceId: target.digest.description, resourceType: "content"))
    guard let children = try await found({ try await children(target) }) else { return }
    for child in children { try await lease(id, child) }
  }

  /// What interrupted pulls left under leases is given up (`image prune`).
  func pruneLeases() async throws {
    let ids = try await call(Leases.List(filters: ["labels.\"moby/prune.images\""])).ids
    for (index, id) in ids.enumerated() {
      _ = try await found { try await call(Leases.Delete(id: id, sync: index == ids.count - 1)) }
    }
  }
}

/// The parsed documents of the content store.
private final class Documents: Sendable {
  private struct State {
    var indexes: [Digest: ImageIndex] = [:]
    var manifests: [Digest: ImageManifest] = [:]
    var configs: [Digest: (config: ImageConfig, chain: [Digest])] = [:]
  }
  private let state = Mutex(State())

  func index(_ digest: Digest) -> ImageIndex? { state.withLock { $0.indexes[digest] } }
  func manifest(_ digest: Digest) -> ImageManifest? { state.withLock { $0.manifests[digest] } }
  func config(_ digest: Digest) -> (config: ImageConfig, chain: [Digest])? { state.withLock { $0.configs[digest] } }

  func add(_ digest: Digest, index: ImageIndex) -> ImageIndex {
    state.withLock { $0.indexes[digest] = index }
    return index
  }
  func add(_ digest: Digest, manifest: ImageManifest) -> ImageManifest {
    state.withLock { $0.manifests[digest] = manifest }
    return manifest
  }
  func add(_ digest: Digest, config: ImageConfig) -> (config: ImageConfig, chain: [Digest]) {
    var chain: [Digest] = []
    for diffID in config.rootfs.diffIDs {
      chain.append(chain.last.map { Digest(sha256: Array("\($0) \(diffID)".utf8)) } ?? diffID)
    }
    let known = (config, chain)
    state.withLock { $0.configs[digest] = known }
    return known
  }
}

/// `text` as a pattern that matches exactly it (Go's regexp.QuoteMeta).
func quotedPattern(_ text: String) -> String {
  var out = ""
  for character in text {
    if "\\.+*?()|[]{}^$".contains(character) { out.append("\\") }
    out.append(character)
  }
  return out
}

/// `text` in double quotes (Go's strconv.Quote, for printable text).
func quotedGo(_ text: String) -> String {
  var out = "\""
  for character in text {
    if character == "\"" || character == "\\" { out.append("\\") }
    out.append(character)
  }
  return out + "\""
}
