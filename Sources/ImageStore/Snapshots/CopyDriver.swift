import Glibc
import OCISpec
import Seams

/// Snapshots as whole copies, where overlayfs is not to be had: containerd's native snapshotter. Each costs what its
/// parents hold, unless the file system shares blocks (btrfs, XFS).
public final class CopyDriver: SnapshotDriver {
  private let folders: SnapshotFolders
  private let pool: BlockingPool
  private let limits: UnpackLimits
  private let privileges: FilePrivileges

  /// Opens the snapshots in the folder `root` (absolute), making what is missing, and removes what was being made or
  /// removed when a process died.
  public init(_ root: String, pool: BlockingPool = .shared, limits: UnpackLimits = .init()) throws {
    (self.pool, self.limits) = (pool, limits)
    privileges = .current()
    do { folders = try SnapshotFolders(root) } catch { throw engineError(error, "failed to open snapshots of \(root)") }
  }

  public func create(_ id: Int, parents: [Int]) async throws {
    try await pool.run {
      do {
        try self.folders.create(id) { made, fs in
          guard let parent = parents.first else { return }
          // For `usage`: what the parent has costs nothing here.
          guard symlinkat("../\(parent)/fs", made.fd, "parent") == 0 else { throw FileError(errno, "symlink parent") }
          let copy = TreeCopy(from: try self.folders.open(parent), to: fs, isRoot: self.privileges.isRoot)
          try copy.run { try self.limits.check(fs) }
        }
      } catch {
        throw engineError(error, "failed to create snapshot")
      }
    }
  }

  public func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    let source = readOnly ? parents.first ?? id : id
    return [MountRecord(type: "bind", source: folders.tree(source), options: [readOnly ? "ro" : "rw", "rbind"])]
  }

  public func remove(_ id: Int) async throws {
    try await pool.run {
      do { try self.folders.remove(id) } catch { throw engineError(error, "failed to remove snapshot") }
    }
  }

  /// Removes the folders of snapshots that nobody knows.
  public func removeAll(except known: Set<Int>) async throws {
    try await pool.run {
      do { for id in try self.folders.ids() where !known.contains(id) { try self.folders.remove(id) } } catch {
        throw engineError(error, "failed to remove snapshot")
      }
    }
  }

  public func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    let usage = try? await pool.run { () throws -> (bytes: Int64, inodes: Int64) in
      let tree = try self.folders.open(id)
      let snapshot = try self.folders.folder.open(FilePath("\(id)"), OpenFile.place, .plain)
      guard let link = try? snapshot.readLink("parent"), let parent = Int(FilePath(link).components[1].description)
      else {
        return try SnapshotFolders.usage(of: tree)
      }
      return try self.comparison(tree, parent).usage()
    }
    return usage ?? (0, 0)
  }

  public func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    try await unpack(blob, mediaType, from: store, limits: limits, on: pool) { archive in
      let unpacker = try LayerUnpacker(
        root: try self.folders.open(id), parents: [], whiteouts: .removal, limits: self.limits,
        privileges: self.privileges)
      try unpacker.unpack(archive)
    }
  }

  public func diff(
    _ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter
  ) async throws -> AppliedLayer {
    try await writeDiff(mediaType, into: writer, on: pool) {
      try self.comparison(try self.folders.open(id), parents.first)
    }
  }

  public func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    try await pool.run {
      do { return try self.comparison(try self.folders.open(id), parents.first).changes() } catch {
        throw engineError(error, "failed to compare snapshots")
      }
    }
  }

  private func comparison(_ tree: OpenFile, _ parent: Int?) throws -> SnapshotComparison {
    SnapshotComparison(
      new: LayerStack([tree], marks: nil), old: try parent.map { LayerStack([try folders.open($0)], marks: nil) },
      sharesLayers: false)
  }
}

extension SnapshotComparison {
  /// Bytes and inodes of what the new tree has and the old one has not, or not so.
  fileprivate func usage() throws -> (bytes: Int64, inodes: Int64) {
    var linked: Set<UInt64> = []
    let root = try new.open(LayerStack.Place(layer: 0, path: ""), OpenFile.folder).status()
    var usage = (bytes: Int64(root.st_blocks) * 512, inodes: Int64(1))
    var left: [(LayerStack.Folder, LayerStack.Folder?)] = [(new.root, oldRoot)]
    while let (folder, below) = left.popLast() {
      for pair in try pairs(folder, below) {
        guard let entry = pair.new else { continue }
        if let inside = entry.folder { left.append((inside, pair.old?.folder)) }
        if try isSame(pair, folder, below) { continue }
        let status = entry.status
        if !status.isFolder, status.st_nlink > 1, !linked.insert(UInt64(status.st_ino)).inserted { continue }
        usage.bytes += Int64(status.st_blocks) * 512
        usage.inodes += 1
      }
    }
    return usage
  }
}
