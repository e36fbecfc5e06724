import Archive
import OCISpec
import Runtime
import Seams
import Synchronization

/// containerd's overlayfs snapshotter on the simulated host: a folder `fs` (and `work`) for each snapshot.
///
/// A layer is parsed once in the life of the process: a snapshot stands on the tree, which never changes, and makes
/// inodes of it only as somebody looks.
public struct SimSnapshotDriver: SnapshotDriver {
  /// Where the snapshots are.
  public static let root = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
  private let kernel: SimKernel

  public init(_ kernel: SimKernel) { self.kernel = kernel }

  private func folder(_ id: Int, _ rest: String = "") -> String {
    PathText.joined([SimSnapshotDriver.root, "/", String(id), rest])
  }

  private func asRoot<R: Sendable>(_ what: String, _ body: (KernelState) throws(Errno) -> R) throws -> R {
    do {
      return try kernel.locked { state throws(Errno) in
        state.current = state.initProcess
        return try body(state)
      }
    } catch {
      throw EngineError(
        error == .EEXIST ? .alreadyExists : error == .ENOENT ? .notFound : .unknown, "\(what): \(error)")
    }
  }

  public func create(_ id: Int, parents: [Int]) async throws {
    let path = folder(id)
    let parent = parents.first.map { folder($0) + "/fs" }
    try asRoot("mkdir \(path)") { state throws(Errno) in
      try state.mkdirs(SimSnapshotDriver.root, mode: 0o700)
      try state.mkdir(KernelPath(path), mode: 0o700)
      try state.mkdir(KernelPath(path + "/fs"), mode: 0o755)
      try state.mkdir(KernelPath(path + "/work"), mode: 0o711)
      // The root of a snapshot belongs to whom its parent's does.
      if let parent, let above = try? state.resolve(parent).inode, let made = try? state.resolve(path + "/fs").inode {
        try made.setMode(above.mode)
        try made.setOwner(uid: above.uid, gid: above.gid)
      }
    }
  }

  public func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    guard let nearest = parents.first else {
      return [MountRecord(type: "bind", source: folder(id, "/fs"), options: [readOnly ? "ro" : "rw", "rbind"])]
    }
    if readOnly, parents.count == 1 {
      return [MountRecord(type: "bind", source: folder(nearest, "/fs"), options: ["ro", "rbind"])]
    }
    var options = ["index=off"]
    let root = SimSnapshotDriver.root
    if !readOnly {
      let name = String(id)
      options.append(PathText.joined(["workdir=", root, "/", name, "/work"]))
      options.append(PathText.joined(["upperdir=", root, "/", name, "/fs"]))
    }
    var lower = ["lowerdir="]
    for (index, parent) in parents.enumerated() { lower += [index == 0 ? "" : ":", root, "/", String(parent), "/fs"] }
    options.append(PathText.joined(lower))
    return [MountRecord(type: "overlay", source: "overlay", options: options)]
  }

  public func remove(_ id: Int) async throws {
    let path = folder(id)
    try asRoot("remove \(path)") { state throws(Errno) in try state.removeAll(path) }
  }

  public func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    let path = folder(id) + "/fs"
    let usage = try? asRoot(path) { state throws(Errno) -> Usage in
      let total: (bytes: Int64, inodes: Int64) = (try state.resolve(path).inode as? MemoryInode)?.total() ?? (0, 0)
      return Usage(bytes: total.bytes, inodes: total.inodes)
    }
    return (usage?.bytes ?? 0, usage?.inodes ?? 0)
  }

  private struct Usage: Sendable {
    var bytes: Int64
    var inodes: Int64
  }

  // MARK: Layers

  public func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    let layer: LayerCache.Layer
    if await store.size(blob) != nil, let known = LayerCache.layer(blob) {
      layer = known
    } else {
      layer = try await parse(blob, mediaType, store)
      LayerCache.keep(blob, layer)
    }
    let path = folder(id) + "/fs"
    try asRoot("apply layer \(blob)") { state throws(Errno) in
      guard let root = try state.resolve(path).inode as? MemoryInode else { throw .EINVAL }
      if try root.isEmpty() { root.stand(on: layer.root) } else { try root.merge(layer.root) }
    }
    return AppliedLayer(diffID: layer.diffID, size: layer.size)
  }

  private func parse(_ blob: Digest, _ mediaType: String, _ store: any BlobStore) async throws -> LayerCache.Layer {
    var bytes: [UInt8] = []
    while true {
      let piece = try await store.read(blob, offset: Int64(bytes.count), count: 1 << 20)
      if piece.isEmpty { break }
      bytes += piece
    }
    if mediaType.hasSuffix("zstd") {
      throw EngineError(.notImplemented, "failed to get stream processor for \(mediaType): no processor for media-type")
    }
    do throws(ArchiveError) {
      let archive = Gzip.isGzip(bytes) ? try Gzip.decompress(bytes) : bytes
      let (root, size) = try LayerNode.tree(of: archive)
      return LayerCache.Layer(root: root, diffID: Digest(sha256: archive), size: size)
    } catch {
      throw EngineError(.unknown, "failed to extract layer \(blob): \(error)")
    }
  }

  public func diff(_ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter) async throws
    -> AppliedLayer
  {
    let paths = ([id] + parents).map { folder($0) + "/fs" }
    let (archive, size) = try asRoot("diff \(paths[0])") { state throws(Errno) -> ([UInt8], Int64) in
      var comparison = try SnapshotComparison(state, paths)
      defer { comparison.close() }
      return try comparison.archive()
    }
    try await writer.append(mediaType.hasSuffix("gzip") ? Gzip.compress(archive) : archive)
    return AppliedLayer(diffID: Digest(sha256: archive), size: size)
  }

  public func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    let paths = ([id] + parents).map { folder($0) + "/fs" }
    return try asRoot("diff \(paths[0])") { state throws(Errno) in
      let comparison = try SnapshotComparison(state, paths)
      defer { comparison.close() }
      return try comparison.changes()
    }
  }
}

/// Layers that have been parsed, by the digest of their blobs: for all simulated hosts of the process.
private enum LayerCache {
  struct Layer: Sendable {
    let root: LayerNode
    let diffID: Digest
    let size: Int64
  }
  private struct State {
    var layers: [Digest: Layer] = [:]
    var order: [Digest] = []
  }
  private static let state = Mutex(State())
  private static let limit = 1024

  static func layer(_ digest: Digest) -> Layer? { state.withLock { $0.layers[digest] } }

  static func keep(_ digest: Digest, _ layer: Layer) {
    state.withLock { state in
      if state.layers.updateValue(layer, forKey: digest) == nil { state.order.append(digest) }
      if state.order.count > limit { state.layers[state.order.removeFirst()] = nil }
    }
  }
}

/// A snapshot's own folder beside what its parents show together.
private struct SnapshotComparison {
  private let kernel: KernelState
  private let upper: Inode
  /// Nil without parents.
  private let lower: Inode?
  private var writer = TarWriter()
  private var size: Int64 = 1024

  init(_ kernel: KernelState, _ paths: [String]) throws(Errno) {
    self.kernel = kernel
    var places: [Path] = []
    for path in paths { places.append(try kernel.resolve(path)) }
    upper = places[0].inode
    lower =
      places.count == 1
      ? nil
      : OverlayFileSystem(
        kernel, upper: nil, work: nil, lowers: Array(places.dropFirst()), options: [], userNamespace: kernel.initUser
      ).makeRoot()
  }

  /// The view of the parents goes again.
  func close() { if let lower { FileSystem.drop(lower) } }

  // MARK: docker diff

  func changes() throws(Errno) -> [SnapshotChange] {
    var found: [SnapshotChange] = []
    try compare(upper, lower, "", &found, depth: 0)
    return found.sorted { $0.path < $1.path }
  }

  private func compare(
    _ folder: Inode, _ below: Inode?, _ path: String, _ found: inout [SnapshotChange], depth: Int
  ) throws(Errno) {
    guard depth < 256 else { throw .ELOOP }
    let isOpaque = folder.xattr("trusted.overlay.opaque") != nil
    for name in try folder.names() {
      guard let child = try folder.lookup(name) else { continue }
      let here = path + "/" + name
      let old = try below?.lookup(name)
      if child.isWhiteout {
        if old != nil { found.append(SnapshotChange(kind: 2, path: here)) }
        continue
      }
      guard let old else {
        found.append(SnapshotChange(kind: 1, path: here))
        if child.isDirectory { try compare(child, nil, here, &found, depth: depth + 1) }
        continue
      }
      let before = found.count
      if child.isDirectory { try compare(child, old.isDirectory ? old : nil, here, &found, depth: depth + 1) }
      // A folder counts as changed when something in it is.
      if found.count > before || differs(child, old) { found.append(SnapshotChange(kind: 0, path: here)) }
    }
    if isOpaque, let below {
      for name in try below.names() where try folder.lookup(name) == nil {
        found.append(SnapshotChange(kind: 2, path: path + "/" + name))
      }
    }
  }

  private func differs(_ a: Inode, _ b: Inode) -> Bool {
    if a.kind != b.kind { return true }
    if !a.isImplied, a.mode != b.mode || a.uid != b.uid || a.gid != b.gid { return true }
    return !a.isDirectory && (a.modified != b.modified || a.size != b.size || a.device != b.device)
  }

  // MARK: A layer

  mutating func archive() throws(Errno) -> (bytes: [UInt8], size: Int64) {
    try add(upper, lower, "", depth: 0)
    return (writer.finish(), size)
  }

  private mutating func add(_ folder: Inode, _ below: Inode?, _ path: String, depth: Int) throws(Errno) {
    guard depth < 256 else { throw .ELOOP }
    if folder.xattr("trusted.overlay.opaque") != nil { put(ArchiveEntry(path: join(path, ".wh..wh..opq"), mode: 0)) }
    for name in try folder.names() {
      guard let child = try folder.lookup(name) else { continue }
      let here = join(path, name)
      let old = try below?.lookup(name)
      if child.isWhiteout {
        if old != nil { put(ArchiveEntry(path: join(path, ".wh." + name), mode: 0, modified: child.modified)) }
        continue
      }
      // Copied up and then left alone: no change.
      if let old, !child.isDirectory, !differs(child, old) { continue }
      if child.isDirectory, let old, old.isDirectory, !differs(child, old),
        try !hasChanges(child, old, depth: depth + 1)
      {
        continue
      }
      guard var entry = try kernel.archiveEntry(child, here) else { continue }
      entry.xattrs["trusted.overlay.opaque"] = nil
      put(entry)
      if child.isDirectory { try add(child, old?.isDirectory ?? false ? old : nil, here, depth: depth + 1) }
    }
  }

  private func hasChanges(_ folder: Inode, _ below: Inode, depth: Int) throws(Errno) -> Bool {
    var found: [SnapshotChange] = []
    try compare(folder, below, "", &found, depth: depth)
    return !found.isEmpty
  }

  private mutating func put(_ entry: ArchiveEntry) {
    writer.add(entry)
    size += 512 + (entry.size + 511) / 512 * 512
  }

  private func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : path + "/" + name }
}
