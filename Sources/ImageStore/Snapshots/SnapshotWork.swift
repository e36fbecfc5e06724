import Glibc
import OCISpec
import Seams

/// What the snapshot drivers have in common: folders, threads, limits, and the ways from and to layers. Only how
/// snapshots lie on each other is a driver's own.
struct SnapshotWork: Sendable {
  let folders: SnapshotFolders
  let pool: BlockingPool
  let limits: UnpackLimits
  let privileges = FilePrivileges.current()

  init(_ root: String, _ pool: BlockingPool, _ limits: UnpackLimits) throws {
    (self.pool, self.limits) = (pool, limits)
    do { folders = try SnapshotFolders(root) } catch { throw engineError(error, "failed to open snapshots of \(root)") }
  }

  private func blocking<R: Sendable>(
    _ what: String, _ body: @escaping @Sendable () throws -> R
  ) async throws -> R {
    try await pool.run { do { return try body() } catch { throw engineError(error, what) } }
  }

  /// Makes the folders of a snapshot.
  func create(_ id: Int, fill: @escaping @Sendable (_ made: OpenFile, _ fs: OpenFile) throws -> Void) async throws {
    try await blocking("failed to create snapshot") { try folders.create(id, fill: fill) }
  }

  func remove(_ id: Int) async throws {
    try await blocking("failed to remove snapshot") { try folders.remove(id) }
  }

  func removeAll(except known: Set<Int>) async throws -> [Int] {
    try await blocking("failed to remove snapshot") {
      let found = try folders.ids()
      for id in found where !known.contains(id) { try folders.remove(id) }
      return known.subtracting(found).sorted()
    }
  }

  func settle() async { _ = try? await pool.run { folders.marks.settle() } }

  func usage(_ body: @escaping @Sendable () throws -> (bytes: Int64, inodes: Int64)) async -> (
    bytes: Int64, inodes: Int64
  ) {
    (try? await pool.run(body)) ?? (0, 0)
  }

  /// - Parameter parents: the trees that lie below, nearest first.
  func apply(
    _ blob: Digest, _ mediaType: String, from store: any BlobStore, to id: Int, parents: [FilePath],
    _ whiteouts: WhiteoutForm
  ) async throws -> AppliedLayer {
    try await unpack(blob, mediaType, from: store, limits: limits) { archive in
      try folders.marks.mark(id)
      let unpacker = try LayerUnpacker(
        root: try folders.open(id), parents: parents, whiteouts: whiteouts, limits: limits, privileges: privileges)
      try unpacker.unpack(archive)
      folders.marks.written(id)
    }
  }

  func changes(_ comparison: @escaping @Sendable () throws -> SnapshotComparison) async throws -> [SnapshotChange] {
    try await blocking("failed to compare snapshots") { try comparison().changes() }
  }
}
