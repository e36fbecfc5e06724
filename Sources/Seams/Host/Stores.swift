import JSONTree
import OCISpec
import Runtime

/// Where containerd keeps blobs. Metadata (labels, leases) is the core's.
public protocol BlobStore: Sendable {
  /// Bytes of a blob (in trace mode fewer than its descriptor's size says: layers are models).
  func read(_ digest: Digest) async throws -> [UInt8]
  func contains(_ digest: Digest) async -> Bool
  /// Commits a blob whose digest has been verified; `size` is the descriptor's.
  func put(_ digest: Digest, size: Int64, _ bytes: [UInt8]) async throws
  func remove(_ digest: Digest) async throws
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
  /// What to mount to see the snapshot.
  func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord]
  func remove(_ id: Int) async throws
  /// Bytes and inodes of this snapshot alone.
  func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64)
  /// Applies a layer (tar, as in the blob store; whiteouts are translated). `size` is the layer's declared size
  /// uncompressed. The answer is the diff id.
  func apply(_ layer: [UInt8], mediaType: String, to id: Int) async throws -> Digest
  /// What snapshot `id` changes of `parents`, as a layer's tar, and as a list.
  func diff(_ id: Int, parents: [Int]) async throws -> (layer: [UInt8], changes: [SnapshotChange])
}
