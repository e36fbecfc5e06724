import Glibc
import OCISpec
import Seams

/// containerd's overlayfs snapshotter: each snapshot is a folder with what it changes, and mounts stack them.
public final class OverlayDriver: SnapshotDriver {
  private let folders: SnapshotFolders
  private let pool: BlockingPool
  private let limits: UnpackLimits
  private let privileges: FilePrivileges
  /// What every mount gets: `index=off` where the kernel knows it, `userxattr` in a user namespace.
  private let options: [String]

  /// Opens the snapshots in the folder `root` (absolute), making what is missing, and removes what was being made or
  /// removed when a process died.
  public init(_ root: String, pool: BlockingPool = .shared, limits: UnpackLimits = .init()) throws {
    (self.pool, self.limits) = (pool, limits)
    privileges = .current()
    do { folders = try SnapshotFolders(root) } catch { throw engineError(error, "failed to open snapshots of \(root)") }
    options =
      (privileges.isInUserNamespace ? ["userxattr"] : [])
      + (access("/sys/module/overlay/parameters/index", F_OK) == 0 ? ["index=off"] : [])
  }

  /// The xattr prefix of overlayfs' own marks.
  private var marks: String { privileges.isInUserNamespace ? "user.overlay." : "trusted.overlay." }

  public func create(_ id: Int, parents: [Int]) async throws {
    try await pool.run {
      do {
        try self.folders.create(id) { made, fs in
          try made.makeFolder("work", mode: 0o711)
          // The root of a snapshot belongs to whom its parent's does.
          guard let parent = parents.first else { return }
          let status = try self.folders.open(parent).status()
          guard fchown(fs.fd, status.st_uid, status.st_gid) == 0 else { throw FileError(errno, "chown") }
        }
      } catch {
        throw engineError(error, "failed to create snapshot")
      }
    }
  }

  public func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    guard let nearest = parents.first else {
      return [MountRecord(type: "bind", source: folders.tree(id), options: [readOnly ? "ro" : "rw", "rbind"])]
    }
    if readOnly, parents.count == 1 {
      return [MountRecord(type: "bind", source: folders.tree(nearest), options: ["ro", "rbind"])]
    }
    var options = options
    if !readOnly { options += ["workdir=\(folders.path)/\(id)/work", "upperdir=\(folders.tree(id))"] }
    options.append("lowerdir=" + parents.map(folders.tree).joined(separator: ":"))
    return [MountRecord(type: "overlay", source: "overlay", options: options)]
  }

  public func remove(_ id: Int) async throws {
    try await pool.run {
      do { try self.folders.remove(id) } catch { throw engineError(error, "failed to remove snapshot") }
    }
  }

  /// Removes the folders of snapshots that nobody knows: what is left when a process dies between a folder and its
  /// record, or the other way round.
  public func removeAll(except known: Set<Int>) async throws {
    try await pool.run {
      do { for id in try self.folders.ids() where !known.contains(id) { try self.folders.remove(id) } } catch {
        throw engineError(error, "failed to remove snapshot")
      }
    }
  }

  public func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    let usage = try? await pool.run { try SnapshotFolders.usage(of: self.folders.open(id)) }
    return usage ?? (0, 0)
  }

  public func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    try await unpack(blob, mediaType, from: store, limits: limits, on: pool) { archive in
      let unpacker = try LayerUnpacker(
        root: try self.folders.open(id), parents: parents.map { FilePath(self.folders.tree($0)) },
        whiteouts: .overlay(opaque: self.marks + "opaque"), limits: self.limits, privileges: self.privileges)
      try unpacker.unpack(archive)
    }
  }

  public func diff(
    _ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter
  ) async throws -> AppliedLayer {
    try await writeDiff(mediaType, into: writer, on: pool) { try self.comparison(id, parents) }
  }

  public func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    try await pool.run {
      do { return try self.comparison(id, parents).changes() } catch {
        throw engineError(error, "failed to compare snapshots")
      }
    }
  }

  private func comparison(_ id: Int, _ parents: [Int]) throws -> SnapshotComparison {
    let roots = try ([id] + parents).map { try folders.open($0) }
    return SnapshotComparison(
      new: LayerStack(roots, marks: marks),
      old: parents.isEmpty ? nil : LayerStack(Array(roots.dropFirst()), marks: marks))
  }
}

/// Unpacks a blob of any store; `consume` writes the members, on a thread of the pool.
func unpack(
  _ blob: Digest, _ mediaType: String, from store: any BlobStore, limits: UnpackLimits, on pool: BlockingPool,
  _ consume: @escaping @Sendable (TarStream) throws -> Void
) async throws -> AppliedLayer {
  let pipeline = LayerPipeline(mediaType: mediaType, limits: limits)
  do {
    return try await withTaskCancellationHandler {
      if let store = store as? DiskBlobStore {
        return try await pool.run { try pipeline.run(FileSource(try store.open(blob)), consume) }
      }
      guard await store.size(blob) != nil else { throw EngineError(.notFound, "content \(blob): not found") }
      let source = PumpedSource()
      async let pumping: Void = source.pump(blob, from: store)
      let result = await Task {
        defer { source.abandon() }
        return try await pool.run { try pipeline.run(source, consume) }
      }.result
      await pumping
      return try result.get()
    } onCancel: {
      pipeline.cancel()
    }
  } catch {
    throw engineError(error, "failed to extract layer \(blob)")
  }
}
