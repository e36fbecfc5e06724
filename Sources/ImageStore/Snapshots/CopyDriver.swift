import Glibc
import OCISpec
import Seams

/// Snapshots as whole copies, where overlayfs is not to be had: containerd's native snapshotter. Each costs what its
/// parents hold, unless the file system shares blocks (btrfs, XFS).
public final class CopyDriver: SnapshotDriver {
  private let work: SnapshotWork
  private var folders: SnapshotFolders { work.folders }

  /// Opens the snapshots in the folder `root` (absolute), making what is missing, and removes what was being made or
  /// removed when a process died, or not on the disk yet when the power went. Blocks.
  public init(_ root: String, pool: BlockingPool = .shared, limits: UnpackLimits = .init()) throws {
    work = try SnapshotWork(root, pool, limits)
  }

  public func create(_ id: Int, parents: [Int]) async throws {
    try await work.create(id) { [work] made, fs in
      guard let parent = parents.first else { return }
      // For `usage`: what the parent has costs nothing here.
      guard symlinkat("../\(parent)/fs", made.fd, "parent") == 0 else { throw FileError(errno, "symlink parent") }
      let copy = TreeCopy(from: try work.folders.open(parent), to: fs, isRoot: work.privileges.isRoot)
      try copy.run { try work.limits.check(fs) }
    }
  }

  public func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    let source = readOnly ? parents.first ?? id : id
    return [MountRecord(type: "bind", source: folders.tree(source), options: [readOnly ? "ro" : "rw", "rbind"])]
  }

  public func remove(_ id: Int) async throws { try await work.remove(id) }

  /// Removes the folders of snapshots that nobody knows.
  ///
  /// - Returns: known ones that have no folder (any more): their records have to go, and those of what lies on them.
  @discardableResult
  public func removeAll(except known: Set<Int>) async throws -> [Int] { try await work.removeAll(except: known) }

  /// Waits until everything that was applied is on the disk, so that it outlives a loss of power.
  public func settle() async { await work.settle() }

  public func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    await work.usage { [folders] in
      let tree = try folders.open(id)
      let snapshot = try folders.folder.open(FilePath("\(id)"), OpenFile.place, .plain)
      guard let link = try? FilePath(snapshot.readLink("parent")), link.components.count == 3,
        let parent = Int(link.components[1].description)
      else {
        return try SnapshotFolders.usage(of: tree)
      }
      return try self.comparison(tree, parent).usage()
    }
  }

  public func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    try await work.apply(blob, mediaType, from: store, to: id, parents: [], .removal)
  }

  public func diff(
    _ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter
  ) async throws -> AppliedLayer {
    try await writeDiff(mediaType, into: writer) { try self.comparison(try self.folders.open(id), parents.first) }
  }

  public func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    try await work.changes { try self.comparison(try self.folders.open(id), parents.first) }
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
      try forEachPair(folder, below) { pair in
        guard let entry = pair.new else { return }
        if let inside = entry.folder { left.append((inside, pair.old?.folder)) }
        if try isSame(pair, folder, below) { return }
        let status = entry.status
        if !status.isFolder, status.st_nlink > 1, !linked.insert(UInt64(status.st_ino)).inserted { return }
        usage.bytes += Int64(status.st_blocks) * 512
        usage.inodes += 1
      }
    }
    return usage
  }
}
