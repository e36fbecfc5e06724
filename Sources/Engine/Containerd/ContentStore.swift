import JSONTree
import OCISpec
import Seams
import Synchronization

/// `containerd.services.content.v1.Content`: blobs by digest, with their labels.
///
/// A blob is written under an ingest reference and becomes visible when it is committed. The size of a blob is what
/// its descriptor claims: in trace mode a layer is a model with fewer bytes than that.
final class ContentStore: Sendable {
  private struct Ingest {
    /// Nil after a failure: who goes on opens the ingest again.
    var writer: (any BlobWriter)?
    var isBusy: Bool
    var total: Int64
    var expected: Digest?
    var startedAt: UInt64
    var updatedAt: UInt64
    var offset: Int64
  }
  private struct State {
    var blobs: [Digest: ContentInfo] = [:]
    var ingests: [String: Ingest] = [:]
  }
  private let namespace: String
  private let core: ContainerdCore
  private let graph: ResourceGraph
  private let leases: LeaseManager
  private let state = Mutex(State())
  private let bucket: String

  init(_ namespace: String, core: ContainerdCore, graph: ResourceGraph, leases: LeaseManager) {
    (self.namespace, self.core, self.graph, self.leases) = (namespace, core, graph, leases)
    bucket = "containerd/\(namespace)/content"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Content.Info.self) { .init(info: try $1.content.info($0.digest)) }
    handlers.on(Content.List.self) { .init(infos: try $1.content.list($0.filters)) }
    handlers.on(Content.Update.self) { .init(info: try $1.content.update($0.info.digest, labels: $0.info.labels)) }
    handlers.on(Content.Delete.self) {
      try await $1.content.remove($0.digest)
      await $1.collectGarbage()
      return Empty()
    }
    handlers.on(Content.Read.self) { .init(data: Blob(try await $1.content.read($0.digest, $0.offset, $0.size))) }
    handlers.on(Content.Write.self) { try await $1.content.write($0) }
    handlers.on(Content.Status.self) { .init(status: try $1.content.status($0.ref)) }
    handlers.on(Content.ListStatuses.self) { .init(statuses: try $1.content.statuses($0.filters)) }
    handlers.on(Content.Abort.self) {
      try await $1.content.abort($0.ref)
      return Empty()
    }
  }

  func load() throws {
    for (key, value) in try core.store.load(bucket) {
      guard let digest = Digest(key), let info: ContentInfo = try? value.decode() else { continue }
      state.withLock { $0.blobs[digest] = info }
      core.use(digest)
      graph.appear(.content(digest), referringTo: garbageReferences(of: info.labels, ownedBy: .content(digest)))
    }
  }

  var isEmpty: Bool { state.withLock { $0.blobs.isEmpty } }

  /// All blobs of the namespace.
  var digests: [Digest] { state.withLock { Array($0.blobs.keys) } }

  // MARK: Metadata

  func find(_ digest: Digest) -> ContentInfo? { state.withLock { $0.blobs[digest] } }

  func info(_ digest: Digest) throws -> ContentInfo {
    guard let info = find(digest) else { throw notFound("content digest \(digest)") }
    return info
  }

  private func list(_ filters: [String]) throws -> [ContentInfo] {
    let filter = try ContainerdFilters(filters)
    let found = state.withLock { state in
      if let digests = filter.values(requiredOf: "digest") {
        return Set(digests).compactMap { Digest($0) }.compactMap { state.blobs[$0] }
      }
      return Array(state.blobs.values)
    }
    return found.filter { info in
      filter.match { path in
        switch path {
        case ["digest"]: info.digest.description
        case ["size"]: String(info.size)
        default: labelField(path, info.labels)
        }
      }
    }.sorted { $0.digest < $1.digest }
  }

  @discardableResult
  func update(_ digest: Digest, labels: [String: String]) throws -> ContentInfo {
    try change(digest) { $0 = labels }
  }

  /// Adds labels, or replaces those of the same keys.
  func addLabels(_ digest: Digest, _ labels: [String: String]) throws {
    if labels.isEmpty { return }
    try change(digest) { $0.merge(labels) { $1 } }
  }

  @discardableResult
  private func change(_ digest: Digest, _ body: (inout [String: String]) -> Void) throws -> ContentInfo {
    var info = try info(digest)
    let old = info.labels
    body(&info.labels)
    if info.labels == old { return info }
    try validateLabels(info.labels)
    info.updatedAt = core.world.unixTime
    try core.store.writeSoon([.put(bucket, digest.description, info)])
    state.withLock { $0.blobs[digest] = info }
    graph.replace(
      garbageReferences(of: old, ownedBy: .content(digest)),
      with: garbageReferences(of: info.labels, ownedBy: .content(digest)))
    return info
  }

  /// Forgets a blob; its bytes go when no other namespace knows it.
  func remove(_ digest: Digest) async throws {
    guard let info = state.withLock({ $0.blobs.removeValue(forKey: digest) }) else {
      throw notFound("content digest \(digest)")
    }
    graph.vanish(.content(digest), referringTo: garbageReferences(of: info.labels, ownedBy: .content(digest)))
    let isLast = core.disuse(digest)
    do { try core.store.remove(bucket, digest.description) } catch {
      // A full disk may not have room even for that: what the blob holds makes some.
      guard isLast else { throw error }
      try await core.blobs.remove(digest)
      try core.store.remove(bucket, digest.description)
    }
    if isLast { try await core.blobs.remove(digest) }
    core.events.publish("/content/delete", namespace, ["digest": .string(digest.description)])
  }

  // MARK: Reading

  /// `size` bytes from `offset`; 0 means to the end.
  func read(_ digest: Digest, _ offset: Int64 = 0, _ size: Int64 = 0) async throws -> [UInt8] {
    let info = try info(digest)
    guard offset >= 0, size >= 0, offset <= info.size else {
      throw EngineError(.invalidArgument, "read past object length \(info.size) bytes: out of range")
    }
    return try await core.blobs.read(digest, offset: offset, count: size == 0 ? .max : Int(clamping: size))
  }

  // MARK: Writing

  private func write(_ operation: Content.Write) async throws -> Content.Write.Answer {
    guard !operation.ref.isEmpty else { throw invalidArgument("ref must not be empty") }
    guard operation.offset >= 0, operation.total >= 0 else { throw invalidArgument("negative offset or size") }
    try validateLabels(operation.labels)
    if let expected = operation.expected, find(expected) != nil { throw try held(expected) }

    let writer = try await take(operation.ref, total: operation.total, expected: operation.expected)
    var isDone = false
    defer { letGo(operation.ref, isDone: isDone) }
    let offset = await writer.offset()
    if !operation.data.bytes.isEmpty {
      guard operation.offset == offset else {
        throw EngineError(
          .invalidArgument, "write @offset \(operation.offset) != current offset \(offset): out of range")
      }
      try await writer.append(operation.data.bytes)
    }
    let end = offset + Int64(operation.data.bytes.count)
    noteOffset(operation.ref, end)
    guard operation.commit else { return .init(offset: end, digest: nil) }
    let digest = try await commit(
      writer, ref: operation.ref, size: operation.total, expected: operation.expected, labels: operation.labels)
    isDone = true
    return .init(offset: end, digest: digest)
  }

  /// The writer of an ingest, for one caller at a time.
  private func take(_ ref: String, total: Int64, expected: Digest?) async throws -> any BlobWriter {
    let locked = EngineError(.unavailable, "ref \(namespace)/\(ref) locked: unavailable")
    let now = core.world.unixTime
    let (isKnown, known): (Bool, (any BlobWriter)?) = try state.withLock { state in
      guard let ingest = state.ingests[ref] else {
        state.ingests[ref] = Ingest(
          writer: nil, isBusy: true, total: total, expected: expected, startedAt: now, updatedAt: now, offset: 0)
        return (false, nil)
      }
      if ingest.isBusy { throw locked }
      state.ingests[ref]?.isBusy = true
      state.ingests[ref]?.updatedAt = now
      return (true, ingest.writer)
    }
    if let known { return known }
    do {
      let writer = try await core.blobs.writer("\(namespace)/\(ref)")
      let offset = await writer.offset()
      state.withLock { state in
        state.ingests[ref]?.writer = writer
        state.ingests[ref]?.offset = offset
      }
      return writer
    } catch {
      letGo(ref, isDone: !isKnown)
      throw error
    }
  }

  /// The same, waiting while somebody else writes it, as containerd's clients do: two pulls may share a layer. Nil when
  /// the blob is here by then.
  private func wait(_ ref: String, _ descriptor: Descriptor) async throws -> (any BlobWriter)? {
    var pause = 16 * Duration64.millisecond
    while true {
      do {
        return try await take(ref, total: descriptor.size, expected: descriptor.digest)
      } catch let error as EngineError where error.code == .unavailable {
        try await core.world.sleep(pause)
        pause = min(2 * pause, 2 * Duration64.second)
        if find(descriptor.digest) != nil { return nil }
      }
    }
  }

  private func letGo(_ ref: String, isDone: Bool) {
    state.withLock { state in
      if isDone { state.ingests[ref] = nil } else { state.ingests[ref]?.isBusy = false }
    }
  }

  private func noteOffset(_ ref: String, _ offset: Int64) {
    state.withLock { $0.ingests[ref]?.offset = offset }
  }

  /// Verifies and publishes an ingest. `size` is what the descriptor claims, 0 when nothing was claimed: it must be
  /// that of the bytes, unless the expected digest shows that fewer bytes are a model of it.
  private func commit(
    _ writer: any BlobWriter, ref: String, size: Int64, expected: Digest?, labels: [String: String]
  ) async throws -> Digest {
    let offset = await writer.offset()
    if size > 0, offset > size || (offset < size && expected == nil) {
      throw failedPrecondition("unexpected commit size \(offset), expected \(size)")
    }
    let digest = try await writer.commit(expected)
    guard find(digest) == nil else { throw try held(digest) }
    try enter(digest, size: max(size, offset), labels: labels)
    return digest
  }

  /// That a blob is here already. The lease in force holds it from now on: whoever wanted to write it needs it.
  private func held(_ digest: Digest) throws -> EngineError {
    try leases.hold(.content(digest))
    return alreadyExists("content \(digest)")
  }

  private func enter(_ digest: Digest, size: Int64, labels: [String: String]) throws {
    let now = core.world.unixTime
    let info = ContentInfo(digest: digest, size: size, labels: labels, createdAt: now, updatedAt: now)
    try core.store.writeSoon([.put(bucket, digest.description, info)])
    try leases.hold(.content(digest))
    let isNew = state.withLock { state -> Bool in
      if state.blobs[digest] != nil { return false }
      state.blobs[digest] = info
      return true
    }
    guard isNew else { return }
    core.use(digest)
    graph.appear(.content(digest), referringTo: garbageReferences(of: labels, ownedBy: .content(digest)))
    core.events.publish(
      "/content/create", namespace, ["digest": .string(digest.description), "size": .int(size)])
  }

  /// Writes what a descriptor describes by what `body` writes; nothing when it is here already. The lease in force
  /// holds it, in either case.
  ///
  /// - Returns: false when it was here.
  @discardableResult
  func ingest(
    _ descriptor: Descriptor, labels: [String: String] = [:], _ body: (any BlobWriter) async throws -> Void
  ) async throws -> Bool {
    let ref = ingestRef(descriptor)
    guard find(descriptor.digest) == nil, let writer = try await wait(ref, descriptor) else {
      try leases.hold(.content(descriptor.digest))
      try addLabels(descriptor.digest, labels)
      return false
    }
    var isDone = false
    defer { letGo(ref, isDone: isDone) }
    do {
      try await body(writer)
      try await writer.commit(descriptor.digest)
    } catch {
      // What came so far stays, for the next attempt to go on from; with a writer of its own, for this one may have
      // failed for good (a full disk).
      let offset = await writer.offset()
      await writer.close()
      state.withLock { state in
        state.ingests[ref]?.offset = offset
        state.ingests[ref]?.writer = nil
      }
      throw error
    }
    isDone = true
    try enter(descriptor.digest, size: descriptor.size, labels: labels)
    return true
  }

  /// The same for a document that is whole already.
  @discardableResult
  func put(_ descriptor: Descriptor, _ bytes: [UInt8], labels: [String: String] = [:]) async throws -> Bool {
    try await ingest(descriptor, labels: labels) { writer in
      if await writer.offset() > 0 { try await writer.truncate(0) }
      try await writer.append(bytes)
    }
  }

  /// Enters a blob that a snapshot driver has written; the writer is committed here.
  func enter(_ writer: any BlobWriter, labels: [String: String]) async throws -> (digest: Digest, size: Int64) {
    let size = await writer.offset()
    let digest = try await writer.commit(nil)
    if find(digest) == nil {
      try enter(digest, size: size, labels: labels)
    } else {
      try leases.hold(.content(digest))
      try addLabels(digest, labels)
    }
    return (digest, size)
  }

  // MARK: Ingests

  private func status(_ ref: String) throws -> IngestStatus {
    guard let status = state.withLock({ state in state.ingests[ref].map { ContentStore.status(ref, $0) } }) else {
      throw notFound("ingest key \(ref)")
    }
    return status
  }

  private static func status(_ ref: String, _ ingest: Ingest) -> IngestStatus {
    IngestStatus(
      ref: ref, offset: ingest.offset, total: ingest.total, expected: ingest.expected, startedAt: ingest.startedAt,
      updatedAt: ingest.updatedAt)
  }

  private func statuses(_ filters: [String]) throws -> [IngestStatus] {
    let filter = try ContainerdFilters(filters)
    return state.withLock { state in state.ingests.map { ContentStore.status($0.key, $0.value) } }
      .filter { status in filter.match { $0 == ["ref"] ? status.ref : nil } }
      .sorted { $0.ref < $1.ref }
  }

  private func abort(_ ref: String) async throws {
    let ingest = try state.withLock { state in
      if state.ingests[ref]?.isBusy == true {
        throw EngineError(.unavailable, "ref \(namespace)/\(ref) locked: unavailable")
      }
      return state.ingests.removeValue(forKey: ref)
    }
    guard let ingest else { throw notFound("ingest key \(ref)") }
    await ingest.writer?.close()
    try await core.blobs.abort("\(namespace)/\(ref)")
  }
}
