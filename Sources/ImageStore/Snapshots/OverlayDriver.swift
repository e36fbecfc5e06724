import Glibc
import OCISpec
import Seams

/// containerd's overlayfs snapshotter: each snapshot is a folder with what it changes, and mounts stack them.
public final class OverlayDriver: SnapshotDriver {
  private let work: SnapshotWork
  private var folders: SnapshotFolders { work.folders }
  /// What every mount gets: `index=off` where the kernel knows it, `userxattr` in a user namespace.
  private let options: [String]

  /// Opens the snapshots in the folder `root` (absolute), making what is missing, and removes what was being made or
  /// removed when a process died, or not on the disk yet when the power went. Blocks.
  public init(_ root: String, pool: BlockingPool = .shared, limits: UnpackLimits = .init()) throws {
    work = try SnapshotWork(root, pool, limits)
    options =
      (work.privileges.isInUserNamespace ? ["userxattr"] : [])
      + (access("/sys/module/overlay/parameters/index", F_OK) == 0 ? ["index=off"] : [])
  }

  /// The xattr prefix of overlayfs' own marks.
  private var marks: String { work.privileges.isInUserNamespace ? "user.overlay." : "trusted.overlay." }

  public func create(_ id: Int, parents: [Int]) async throws {
    try await work.create(id) { [folders] made, fs in
      try made.makeFolder("work", mode: 0o711)
      // The root of a snapshot belongs to whom its parent's does.
      guard let parent = parents.first else { return }
      let status = try folders.open(parent).status()
      guard fchown(fs.fd, status.st_uid, status.st_gid) == 0 else { throw FileError(errno, "chown") }
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

  public func remove(_ id: Int) async throws { try await work.remove(id) }

  /// Removes the folders of snapshots that nobody knows: what is left when a process dies between a folder and its
  /// record.
  ///
  /// - Returns: known ones that have no folder (any more): their records have to go, and those of what lies on them.
  @discardableResult
  public func removeAll(except known: Set<Int>) async throws -> [Int] { try await work.removeAll(except: known) }

  /// Waits until everything that was applied is on the disk, so that it outlives a loss of power.
  public func settle() async { await work.settle() }

  public func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    await work.usage { [folders] in try SnapshotFolders.usage(of: folders.open(id)) }
  }

  public func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    try await work.apply(
      blob, mediaType, from: store, to: id, parents: parents.map { FilePath(folders.tree($0)) },
      .overlay(opaque: marks + "opaque"))
  }

  public func diff(
    _ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter
  ) async throws -> AppliedLayer {
    try await writeDiff(mediaType, into: writer) { try self.comparison(id, parents) }
  }

  public func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    try await work.changes { try self.comparison(id, parents) }
  }

  private func comparison(_ id: Int, _ parents: [Int]) throws -> SnapshotComparison {
    let roots = try ([id] + parents).map { try folders.open($0) }
    return SnapshotComparison(
      new: LayerStack(roots, marks: marks),
      old: parents.isEmpty ? nil : LayerStack(Array(roots.dropFirst()), marks: marks))
  }
}
