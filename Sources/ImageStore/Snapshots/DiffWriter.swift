import CLinux
import Glibc
import Seams

/// Writes what a snapshot changes as a layer: the members, their order and their times as containerd's walking diff
/// has them (whole seconds, a folder before what is in it, one whiteout for a folder that has gone).
final class DiffWriter {
  private let comparison: SnapshotComparison
  private let ring: ChunkRing
  private var room: UnsafeMutableRawBufferPointer?
  private var filled = 0
  /// Folders that the layer has an entry of.
  private var written: Set<FilePath> = [""]
  /// By inode: the name in the layer that others are linked to, and unchanged names that will be if one comes.
  private var linked: [UInt64: FilePath] = [:]
  private var unchanged: [UInt64: [(path: FilePath, entry: LayerStack.Entry, ancestors: [Ancestor])]] = [:]

  init(_ comparison: SnapshotComparison, into ring: ChunkRing) { (self.comparison, self.ring) = (comparison, ring) }

  func run() throws {
    try walk(comparison.new.root, comparison.oldRoot, "", ancestors: [])
    try put(TarHeaderWriter.end)
    flush()
  }

  /// A folder on the way down, for the entry it gets when something in it is written.
  private struct Ancestor {
    var path: FilePath
    var entry: LayerStack.Entry
  }

  private func walk(
    _ folder: LayerStack.Folder, _ below: LayerStack.Folder?, _ path: FilePath, ancestors: [Ancestor]
  ) throws {
    for pair in try comparison.pairs(folder, below) {
      let here = path.appending(pair.name)
      guard let entry = pair.new else {
        try include(ancestors)
        try put(TarHeaderWriter.header(.whiteout(path, pair.name)))
        continue
      }
      if try comparison.isSame(pair, folder, below) {
        if entry.folder == nil, entry.status.st_nlink > 1 { try noteUnchanged(here, entry, ancestors) }
      } else {
        try write(here, entry, folder, pair.name, ancestors)
      }
      if let inside = entry.folder {
        try walk(inside, pair.old?.folder, here, ancestors: ancestors + [Ancestor(path: here, entry: entry)])
      }
    }
  }

  private func include(_ ancestors: [Ancestor]) throws {
    for ancestor in ancestors where !written.contains(ancestor.path) {
      try writeHeader(ancestor.path, ancestor.entry)
    }
  }

  private func write(
    _ path: FilePath, _ entry: LayerStack.Entry, _ folder: LayerStack.Folder, _ name: FilePath, _ ancestors: [Ancestor]
  ) throws {
    if entry.status.kind == S_IFSOCK { return }
    try include(ancestors)
    let inode = UInt64(entry.status.st_ino)
    let isLinked = entry.folder == nil && entry.status.st_nlink > 1
    if isLinked, let first = linked[inode] { return try writeHeader(path, entry, linkedTo: first) }
    try writeHeader(path, entry)
    if entry.status.isFile, entry.status.st_size > 0 {
      try copy(try comparison.new.openFile(entry, in: folder, name), Int64(entry.status.st_size), path)
    }
    guard isLinked else { return }
    linked[inode] = path
    for other in unchanged.removeValue(forKey: inode) ?? [] {
      try include(other.ancestors)
      try writeHeader(other.path, other.entry, linkedTo: path)
    }
  }

  /// Unchanged itself; but when another name of it is new, both belong into the layer, one as a link.
  private func noteUnchanged(_ path: FilePath, _ entry: LayerStack.Entry, _ ancestors: [Ancestor]) throws {
    let inode = UInt64(entry.status.st_ino)
    if let first = linked[inode] {
      try include(ancestors)
      try writeHeader(path, entry, linkedTo: first)
    } else {
      unchanged[inode, default: []].append((path, entry, ancestors))
    }
  }

  private func writeHeader(_ path: FilePath, _ entry: LayerStack.Entry, linkedTo first: FilePath? = nil) throws {
    let status = entry.status
    let kind: TarEntry.Kind =
      switch status.kind {
      case _ where first != nil: .hardLink
      case S_IFDIR: .directory
      case S_IFLNK: .symlink
      case S_IFIFO: .fifo
      case S_IFCHR: .characterDevice
      case S_IFBLK: .blockDevice
      default: .file
      }
    let size = kind == .file ? Int64(status.st_size) : 0
    let isDevice = kind == .characterDevice || kind == .blockDevice
    let header = TarEntry(
      name: Array(path.bytes) + (kind == .directory ? [UInt8(ascii: "/")] : []), kind: kind,
      mode: status.st_mode & 0o7777, uid: status.st_uid, gid: status.st_gid, size: size, stored: size,
      modified: Timestamp(seconds: Int64(status.st_mtim.tv_sec)),
      link: try first.map { Array($0.bytes) } ?? (kind == .symlink ? comparison.new.linkTarget(entry) : []),
      deviceMajor: isDevice ? clinux_major(UInt(status.st_rdev)) : 0,
      deviceMinor: isDevice ? clinux_minor(UInt(status.st_rdev)) : 0,
      xattrs: try comparison.new.xattrs(entry).map { .init(name: $0.name, value: $0.value) })
    try put(TarHeaderWriter.header(header))
    if kind == .directory { written.insert(path) }
  }

  // MARK: Bytes

  /// The next room to fill; throws when nobody reads any more.
  private func space() throws -> UnsafeMutableRawBufferPointer {
    if let room {
      if filled < room.count { return UnsafeMutableRawBufferPointer(rebasing: room[filled...]) }
      flush()
    }
    guard let next = ring.claim() else { throw CancellationError() }
    (room, filled) = (next, 0)
    return next
  }

  private func flush() {
    if filled > 0 { ring.publish(filled) }
    (room, filled) = (nil, 0)
  }

  private func put(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let space = try space()
      let part = rest.prefix(space.count)
      space.copyBytes(from: part)
      filled += part.count
      rest = rest.dropFirst(part.count)
    }
  }

  /// As many bytes as the header says: who still writes into the file must not break the archive.
  private func copy(_ file: OpenFile, _ size: Int64, _ path: FilePath) throws {
    var offset: Int64 = 0
    while offset < size {
      let space = try space()
      let part = UnsafeMutableRawBufferPointer(rebasing: space.prefix(Int(min(Int64(space.count), size - offset))))
      let count = try file.read(into: part, at: offset)
      if count == 0 { throw EngineError(.unknown, "failed to copy: \(path): short write copying file") }
      filled += count
      offset += Int64(count)
    }
    try put(TarHeaderWriter.padding(size))
  }
}

extension TarEntry {
  /// Has neither owner nor mode, and is as old as time.
  fileprivate static func whiteout(_ folder: FilePath, _ name: FilePath) -> TarEntry {
    let hidden = folder.appending(FilePath(Array(".wh.".utf8) + name.bytes))
    return TarEntry(
      name: Array(hidden.bytes), kind: .file, mode: 0, uid: 0, gid: 0, size: 0, stored: 0,
      modified: Timestamp(seconds: 0), link: [], deviceMajor: 0, deviceMinor: 0, xattrs: [])
  }
}
