import JSONTree
import OCISpec
import Runtime

/// Where containerd keeps blobs by digest. Metadata (sizes as descriptors claim them, labels, leases) is the core's.
///
/// In trace mode a layer is a model: its blob has fewer bytes than its descriptor's size says. Nothing here looks at
/// descriptors; every size and offset counts the bytes that are really there.
public protocol BlobStore: Sendable {
  /// The bytes of a blob; nil when it is not there.
  func size(_ digest: Digest) async -> Int64?
  /// At most `count` bytes from `offset`: fewer only at the end, empty behind it.
  /// Throws `EngineError` notFound `content sha256:…: not found`.
  func read(_ digest: Digest, offset: Int64, count: Int) async throws -> [UInt8]
  /// Nothing there is no error.
  func remove(_ digest: Digest) async throws
  /// Opens the ingest `ref`, a new one or where an earlier writer left it. The core sees to it that a ref has one
  /// writer at a time.
  func writer(_ ref: String) async throws -> any BlobWriter
  /// The ingests that were begun and neither committed nor given up, by ref.
  func ingests() async -> [BlobIngest]
  /// Gives an ingest up and forgets its bytes. Nothing there is no error.
  func abort(_ ref: String) async throws
  /// Removes every committed blob but these: what is left when a process dies between a blob and its record.
  /// For the core, before the first call.
  func removeAll(except known: Set<Digest>) async throws
}

extension BlobStore {
  /// A store that dies with its process has nothing left over.
  public func removeAll(except known: Set<Digest>) async throws {}

  /// A whole blob: for documents, never for layers.
  public func read(_ digest: Digest) async throws -> [UInt8] { try await read(digest, offset: 0, count: .max) }
}

/// Writes one blob: hashed while it is written, visible to nobody before `commit`.
public protocol BlobWriter: Sendable {
  /// How many bytes have been written so far, by earlier writers of the ref too.
  func offset() async -> Int64
  func append(_ bytes: [UInt8]) async throws
  /// Forgets everything from `size` on.
  func truncate(_ size: Int64) async throws
  /// The digest (SHA-256) of what has been written so far.
  func digest() async throws -> Digest
  /// Makes the blob visible under its digest, durably and at once or not at all. The ingest is over, also when the
  /// blob was there already (then this one is dropped without an error). Throws `EngineError` failedPrecondition
  /// `unexpected commit digest sha256:…, expected sha256:…: failed precondition`, after which the ingest remains.
  @discardableResult
  func commit(_ expected: Digest?) async throws -> Digest
  /// Lets go of an ingest that stays where it is, to be resumed. Not needed after `commit`.
  func close() async
}

/// An ingest that is not committed.
public struct BlobIngest: Sendable, Hashable, Codable, JSONWritable {
  public var ref: String
  public var offset: Int64
  /// Nanoseconds since 1970.
  public var startedAt: UInt64
  public var updatedAt: UInt64
  public init(ref: String, offset: Int64, startedAt: UInt64 = 0, updatedAt: UInt64 = 0) {
    (self.ref, self.offset, self.startedAt, self.updatedAt) = (ref, offset, startedAt, updatedAt)
  }
}

/// A change between a snapshot and its parent: what `docker diff` prints.
public struct SnapshotChange: Sendable, Hashable, Codable {
  /// 0 modified, 1 added, 2 deleted (Engine API).
  public var kind: Int
  public var path: String
  public init(kind: Int, path: String) { (self.kind, self.path) = (kind, path) }
}

/// The file system side of a snapshotter (overlayfs). Keys, parents, labels and rules are the core's.
public protocol SnapshotDriver: Sendable {
  /// Makes the folders of a new active snapshot (or view) on top of `parents`, nearest first.
  func create(_ id: Int, parents: [Int]) async throws
  /// What to mount to see the snapshot. The same arguments give the same mounts; no two active snapshots have the same.
  func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord]
  func remove(_ id: Int) async throws
  /// Bytes and inodes of this snapshot alone.
  func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64)
  /// Applies the layer `blob` of `store` (a tar, compressed as `mediaType` says; whiteouts are translated), reading it
  /// piece by piece. `parents` are those of `create`.
  func apply(_ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]) async throws
    -> AppliedLayer
  /// Writes what snapshot `id` changes of `parents` as a layer (tar, compressed as `mediaType` says) into `writer`,
  /// which it neither commits nor closes.
  func diff(_ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter) async throws -> AppliedLayer
  /// The same as a list, by path.
  func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange]
  /// Removes every snapshot but these: what is left when a process dies between a folder and its record. For the core,
  /// before the first call. The answer are those of them that are not there (any more).
  func removeAll(except known: Set<Int>) async throws -> [Int]
}

extension SnapshotDriver {
  /// Folders that die with their process leave nothing.
  public func removeAll(except known: Set<Int>) async throws -> [Int] { [] }
}

/// The uncompressed form of a layer.
public struct AppliedLayer: Sendable, Hashable {
  /// The digest of the uncompressed tar.
  public var diffID: Digest
  /// Its bytes, as the files claim them.
  public var size: Int64
  public init(diffID: Digest, size: Int64) { (self.diffID, self.size) = (diffID, size) }
}
