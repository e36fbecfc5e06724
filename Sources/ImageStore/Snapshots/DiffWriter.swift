import Archive
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
  /// By inode: the name in the layer that others are linked to, and how many of those may come.
  private var linked: [UInt64: (path: FilePath, left: UInt64)] = [:]
  /// By inode: unchanged names that are written if a changed one comes.
  private var unchanged: [UInt64: [(path: FilePath, entry: LayerStack.Entry, ancestors: [Ancestor])]] = [:]

  init(_ comparison: SnapshotComparison, into ring: ChunkRing) { (self.comparison, self.ring) = (comparison, ring) }

  func run() throws {
    try walk(comparison.new.root, comparison.oldRoot, "", ancestors: [])
    try put(TarHeaderWriter.end)
    flush()
  }

  /// A folder on the way down, for the entry it gets when something in it is written.
  private final class Ancestor {
    let path: FilePath
    let entry: LayerStack.Entry
    var isWritten: Bool

    init(_ path: FilePath, _ entry: LayerStack.Entry, isWritten: Bool) {
      (self.path, self.entry, self.isWritten) = (path, entry, isWritten)
    }
  }

  private func walk(
    _ folder: LayerStack.Folder, _ below: LayerStack.Folder?, _ path: FilePath, ancestors: [Ancestor]
  ) throws {
    try comparison.forEachPair(folder, below) { pair in
      let here = path.appending(pair.name)
      guard let entry = pair.new else {
        try include(ancestors)
        return try put(TarHeaderWriter.header(.whiteout(path, pair.name), .go))
      }
      let isSame = try comparison.isSame(pair, folder, below)
      if !isSame {
        try write(here, entry, folder, pair.name, ancestors)
      } else if entry.folder == nil, entry.status.st_nlink > 1 {
        try noteUnchanged(here, entry, ancestors)
      }
      if let inside = entry.folder {
        try walk(inside, pair.old?.folder, here, ancestors: ancestors + [Ancestor(here, entry, isWritten: !isSame)])
      }
    }
  }

  private func include(_ ancestors: [Ancestor]) throws {
    for ancestor in ancestors where !ancestor.isWritten {
      try writeHeader(ancestor.path, ancestor.entry)
      ancestor.isWritten = true
    }
  }

  private func write(
    _ path: FilePath, _ entry: LayerStack.Entry, _ folder: LayerStack.Folder, _ name: FilePath, _ ancestors: [Ancestor]
  ) throws {
    if entry.status.kind == S_IFSOCK { return }
    try include(ancestors)
    let inode = UInt64(entry.status.st_ino)
    let isLinked = entry.folder == nil && entry.status.st_nlink > 1
    if isLinked, let first = link(to: inode) { return try writeHeader(path, entry, linkedTo: first) }
    try writeHeader(path, entry)
    if entry.status.isFile, entry.status.st_size > 0 {
      try copy(try comparison.new.openFile(entry, in: folder, name), Int64(entry.status.st_size), path)
    }
    guard isLinked else { return }
    linked[inode] = (path, UInt64(entry.status.st_nlink) - 1)
    for other in unchanged.removeValue(forKey: inode) ?? [] {
      try include(other.ancestors)
      try writeHeader(other.path, other.entry, linkedTo: link(to: inode) ?? path)
    }
  }

  /// The first name of a file with several; forgotten when as many have come as there are.
  private func link(to inode: UInt64) -> FilePath? {
    guard let (path, left) = linked[inode] else { return nil }
    linked[inode] = left > 1 ? (path, left - 1) : nil
    return path
  }

  /// Unchanged itself; but when another name of it is new, both belong into the layer, one as a link.
  private func noteUnchanged(_ path: FilePath, _ entry: LayerStack.Entry, _ ancestors: [Ancestor]) throws {
    let inode = UInt64(entry.status.st_ino)
    if let first = link(to: inode) {
      try include(ancestors)
      try writeHeader(path, entry, linkedTo: first)
    } else if unchanged[inode, default: []].count + 1 == Int(entry.status.st_nlink) {
      // All its names are, and none is new.
      unchanged[inode] = nil
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
      modified: TarTime(seconds: Int64(status.st_mtim.tv_sec)),
      link: try first.map { Array($0.bytes) } ?? (kind == .symlink ? comparison.new.linkTarget(entry) : []),
      deviceMajor: isDevice ? clinux_major(UInt(status.st_rdev)) : 0,
      deviceMinor: isDevice ? clinux_minor(UInt(status.st_rdev)) : 0,
      xattrs: Dictionary(try comparison.new.xattrs(entry).map { ($0.name, $0.value) }) { $1 })
    try put(TarHeaderWriter.header(header, .go))
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
      name: Array(hidden.bytes), kind: .file, mode: 0, uid: 0, gid: 0, modified: TarTime(seconds: 0))
  }
}
