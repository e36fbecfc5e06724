import Glibc
import Seams

/// A snapshot beside what its parents show together: the two trees that containerd's walking diff and `docker diff`
/// compare. What overlayfs shows of the parents unchanged is not looked at.
struct SnapshotComparison {
  let new: LayerStack
  /// Nil without parents.
  let old: LayerStack?
  /// In the overlay form the new tree is the old one under a folder more: its layers are counted from one on.
  private let sharesLayers: Bool

  init(new: LayerStack, old: LayerStack?, sharesLayers: Bool = true) {
    (self.new, self.old, self.sharesLayers) = (new, old, sharesLayers)
  }

  /// A name that one of the trees has, or both.
  struct Pair {
    var name: FilePath
    var new: LayerStack.Entry?
    var old: LayerStack.Entry?
  }

  var oldRoot: LayerStack.Folder? { old?.root }

  /// Tells of the names in two folders at the same path that may differ, sorted bytewise. Some at a time are looked
  /// at, so that a folder of a million names takes little more memory than the names.
  func forEachPair(
    _ folder: LayerStack.Folder?, _ below: LayerStack.Folder?, _ body: (Pair) throws -> Void
  ) throws {
    var onlyHighest = false
    if let folder, let below, sharesLayers {
      let rest = folder.places.dropFirst().map { LayerStack.Place(layer: $0.layer - 1, path: $0.path) }
      // Only what the snapshot's own folder has can differ.
      onlyHighest = folder.places.first?.layer == 0 && rest == below.places
    }
    var names = try folder.map { try new.names($0, onlyHighest: onlyHighest) } ?? []
    if !onlyHighest, let old, let below {
      names = SnapshotComparison.merged(names, try old.names(below))
    }
    for start in stride(from: 0, to: names.count, by: 256) {
      let some = names[start..<min(start + 256, names.count)]
      let nothing = [LayerStack.Entry?](repeating: nil, count: some.count)
      let upper = try folder.map { try new.entries(some, in: $0, onlyHighest: onlyHighest) } ?? nothing
      var lower = nothing
      if let old, let below { lower = try old.entries(some, in: below) }
      for (name, (new, old)) in zip(some, zip(upper, lower)) where new != nil || old != nil {
        try body(Pair(name: name, new: new, old: old))
      }
    }
  }

  /// Two sorted lists as one, each name once.
  private static func merged(_ a: [FilePath], _ b: [FilePath]) -> [FilePath] {
    if a.isEmpty { return b }
    var merged: [FilePath] = []
    merged.reserveCapacity(max(a.count, b.count))
    var (i, j) = (0, 0)
    while i < a.count, j < b.count {
      if a[i] == b[j] {
        merged.append(a[i])
        (i, j) = (i + 1, j + 1)
      } else if a[i].bytes.lexicographicallyPrecedes(b[j].bytes) {
        merged.append(a[i])
        i += 1
      } else {
        merged.append(b[j])
        j += 1
      }
    }
    return merged + a[i...] + b[j...]
  }

  private func isSameInode(_ a: LayerStack.Entry, _ b: LayerStack.Entry) -> Bool {
    sharesLayers && a.place.layer == b.place.layer + 1 && a.place.path == b.place.path && a.folder == nil
  }

  /// Whether containerd's diff leaves a file out: the same owner, mode, device, capabilities, size, and time, or, where
  /// times are whole seconds and may have been cut, the same content (continuity, fs.Changes).
  func isSame(_ pair: Pair, _ folder: LayerStack.Folder, _ below: LayerStack.Folder?) throws -> Bool {
    guard let a = pair.new, let b = pair.old, let old, let below else { return false }
    if isSameInode(a, b) { return true }
    guard hasSameOwnerAndMode(a.status, b.status), try hasSameXattrs(a, b) else { return false }
    if a.status.isFolder { return true }
    let (time, oldTime) = (a.status.st_mtim, b.status.st_mtim)
    guard a.status.st_size == b.status.st_size, time.tv_sec == oldTime.tv_sec else { return false }
    guard time.tv_nsec == 0, oldTime.tv_nsec == 0 else { return time.tv_nsec == oldTime.tv_nsec }
    if a.status.isSymlink { return try new.linkTarget(a) == old.linkTarget(b) }
    if !a.status.isFile || a.status.st_size == 0 { return true }
    return try hasSameContent(
      try new.openFile(a, in: folder, pair.name), try old.openFile(b, in: below, pair.name))
  }

  private func hasSameOwnerAndMode(_ a: stat, _ b: stat) -> Bool {
    a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_rdev == b.st_rdev
  }

  private func hasSameXattrs(_ a: LayerStack.Entry, _ b: LayerStack.Entry) throws -> Bool {
    guard let old else { return false }
    return try new.xattrs(a).elementsEqual(old.xattrs(b)) { $0.name == $1.name && $0.value == $1.value }
  }

  private func hasSameContent(_ a: OpenFile, _ b: OpenFile) throws -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)
    defer { buffer.deallocate() }
    let (left, right) = (
      UnsafeMutableRawBufferPointer(rebasing: buffer[..<(1 << 16)]),
      UnsafeMutableRawBufferPointer(rebasing: buffer[(1 << 16)...])
    )
    var offset: Int64 = 0
    while true {
      let count = try a.read(into: left, at: offset)
      guard try b.read(into: right, at: offset) == count else { return false }
      if count == 0 { return true }
      guard let first = left.baseAddress, let second = right.baseAddress, memcmp(first, second, count) == 0 else {
        return false
      }
      offset += Int64(count)
    }
  }

  // MARK: docker diff

  /// What `docker diff` lists, by path: folders count as changed when something in them is.
  func changes() throws -> [SnapshotChange] {
    var found: [SnapshotChange] = []
    try compare(new.root, oldRoot, "", &found)
    return found.sorted { $0.path < $1.path }
  }

  private func compare(
    _ folder: LayerStack.Folder, _ below: LayerStack.Folder?, _ path: String, _ found: inout [SnapshotChange]
  ) throws {
    try forEachPair(folder, below) { pair in
      let here = "\(path)/\(pair.name)"
      guard let entry = pair.new else { return found.append(SnapshotChange(kind: 2, path: here)) }
      guard let old = pair.old else {
        found.append(SnapshotChange(kind: 1, path: here))
        if let inside = entry.folder { try compare(inside, nil, here, &found) }
        return
      }
      let count = found.count
      if let inside = entry.folder { try compare(inside, old.folder, here, &found) }
      if try found.count > count || differs(entry, old) { found.append(SnapshotChange(kind: 0, path: here)) }
    }
  }

  /// moby's rule: no contents are read, and of folders size and time do not count.
  private func differs(_ a: LayerStack.Entry, _ b: LayerStack.Entry) throws -> Bool {
    if isSameInode(a, b) { return false }
    guard hasSameOwnerAndMode(a.status, b.status), try hasSameXattrs(a, b) else { return true }
    if a.status.isFolder { return false }
    let (time, oldTime) = (a.status.st_mtim, b.status.st_mtim)
    let isSameTime =
      time.tv_sec == oldTime.tv_sec && (time.tv_nsec == oldTime.tv_nsec || time.tv_nsec == 0 || oldTime.tv_nsec == 0)
    return a.status.st_size != b.status.st_size || !isSameTime
  }
}
