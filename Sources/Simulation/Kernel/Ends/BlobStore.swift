import OCISpec
import Seams
import Synchronization

/// containerd's content store in memory.
public final class MemoryBlobStore: BlobStore {
  fileprivate struct Ingest {
    var bytes: [UInt8] = []
    var startedAt: UInt64
    var updatedAt: UInt64
  }
  private struct State {
    var blobs: [Digest: [UInt8]] = [:]
    var ingests: [String: Ingest] = [:]
  }
  private let state = Mutex(State())
  fileprivate let world: any World

  public init(world: any World) { self.world = world }

  public func size(_ digest: Digest) async -> Int64? {
    state.withLock { $0.blobs[digest].map { Int64($0.count) } }
  }

  public func read(_ digest: Digest, offset: Int64, count: Int) async throws -> [UInt8] {
    let bytes = state.withLock { $0.blobs[digest] }
    guard let bytes else { throw EngineError(.notFound, "content \(digest): not found") }
    guard offset >= 0, count >= 0 else { throw EngineError(.invalidArgument, "invalid range: invalid argument") }
    guard offset < bytes.count else { return [] }
    let start = Int(offset)
    let end = start + min(count, bytes.count - start)
    return start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end])
  }

  public func remove(_ digest: Digest) async throws { state.withLock { $0.blobs[digest] = nil } }

  public func writer(_ ref: String) async throws -> any BlobWriter {
    let now = world.unixTime
    let bytes = state.withLock { state -> [UInt8] in
      if let known = state.ingests[ref] { return known.bytes }
      state.ingests[ref] = Ingest(startedAt: now, updatedAt: now)
      return []
    }
    return MemoryBlobWriter(store: self, ref: ref, resuming: bytes)
  }

  public func ingests() async -> [BlobIngest] {
    state.withLock { state in
      state.ingests.sorted { $0.key < $1.key }.map {
        BlobIngest(
          ref: $0.key, offset: Int64($0.value.bytes.count), startedAt: $0.value.startedAt, updatedAt: $0.value.updatedAt
        )
      }
    }
  }

  public func abort(_ ref: String) async throws { state.withLock { $0.ingests[ref] = nil } }

  fileprivate func change(_ ref: String, _ body: (inout [UInt8]) -> Void) throws {
    let now = world.unixTime
    let isThere = state.withLock { state -> Bool in
      guard state.ingests[ref] != nil else { return false }
      body(&state.ingests[ref, default: Ingest(startedAt: now, updatedAt: now)].bytes)
      state.ingests[ref]?.updatedAt = now
      return true
    }
    if !isThere { throw EngineError(.notFound, "ingest \"\(ref)\": not found") }
  }

  fileprivate func count(_ ref: String) -> Int { state.withLock { $0.ingests[ref]?.bytes.count ?? 0 } }

  fileprivate func commit(_ ref: String, as digest: Digest) throws {
    let isThere = state.withLock { state -> Bool in
      guard let ingest = state.ingests.removeValue(forKey: ref) else { return false }
      if state.blobs[digest] == nil { state.blobs[digest] = ingest.bytes }
      return true
    }
    if !isThere { throw EngineError(.notFound, "ingest \"\(ref)\": not found") }
  }

  fileprivate func content(_ ref: String) -> [UInt8] { state.withLock { $0.ingests[ref]?.bytes ?? [] } }
}

/// One ingest, hashed on the way.
private final class MemoryBlobWriter: BlobWriter {
  private let store: MemoryBlobStore
  private let ref: String
  private let hash: Mutex<SHA256>

  init(store: MemoryBlobStore, ref: String, resuming bytes: [UInt8]) {
    (self.store, self.ref) = (store, ref)
    var hash = SHA256()
    hash.update(bytes)
    self.hash = Mutex(hash)
  }

  func offset() async -> Int64 { Int64(store.count(ref)) }

  func append(_ bytes: [UInt8]) async throws {
    try store.change(ref) { $0 += bytes }
    hash.withLock { $0.update(bytes) }
  }

  func truncate(_ size: Int64) async throws {
    guard size >= 0 else { throw EngineError(.invalidArgument, "invalid size \(size): invalid argument") }
    try store.change(ref) { bytes in
      if size < bytes.count { bytes.removeLast(bytes.count - Int(size)) }
    }
    let rest = store.content(ref)
    hash.withLock { hash in
      hash = SHA256()
      hash.update(rest)
    }
  }

  func digest() async throws -> Digest {
    var copy = hash.withLock { $0 }
    return Digest(sha256Digest: copy.finalize())
  }

  @discardableResult
  func commit(_ expected: Digest?) async throws -> Digest {
    let actual = try await digest()
    if let expected, expected != actual {
      throw EngineError(
        .failedPrecondition, "unexpected commit digest \(actual), expected \(expected): failed precondition")
    }
    try store.commit(ref, as: actual)
    return actual
  }

  func close() async {}
}
