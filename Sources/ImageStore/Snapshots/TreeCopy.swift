import CLinux
import Glibc

/// Copies what is in a folder into another one, which is empty: owners, modes, times, xattrs, hard links, holes,
/// devices. Blocks are shared where the file system can.
final class TreeCopy {
  private let source: OpenFile
  private let target: OpenFile
  private let isRoot: Bool
  /// By inode: the first copy of a file with several names, and how many of those are to come.
  private var linked: [UInt64: (path: FilePath, left: UInt64)] = [:]
  private var canClone = true
  private var canCopyRanges = true

  init(from source: OpenFile, to target: OpenFile, isRoot: Bool) {
    (self.source, self.target, self.isRoot) = (source, target, isRoot)
  }

  /// - Parameter check: asked before each folder whether to go on.
  func run(check: () throws -> Void) throws {
    try folder("", check)
    try attributes(of: source, try source.status(), on: target, "")
  }

  /// Goes down when a folder's own names are done and its descriptors closed: depth costs none.
  private func folder(_ path: FilePath, _ check: () throws -> Void) throws {
    try check()
    for (name, status) in try names(path) {
      let path = path.appending(name)
      try folder(path, check)
      try attributes(
        of: try source.open(path, OpenFile.folder | O_NOFOLLOW, .plain), status,
        on: try target.open(path, OpenFile.folder | O_NOFOLLOW, .plain), path)
    }
  }

  /// Copies what is in a folder, and makes the folders in it, which it returns.
  private func names(_ path: FilePath) throws -> [(name: FilePath, status: stat)] {
    let from = try source.open(path, OpenFile.folder, .plain)
    let to = try target.open(path, OpenFile.folder, .plain)
    var folders: [(name: FilePath, status: stat)] = []
    for name in try from.names() {
      guard let status = try from.status(of: name), status.kind != S_IFSOCK else { continue }
      let path = path.appending(name)
      if !status.isFolder, status.st_nlink > 1, try link(status, to, name, path) { continue }
      switch status.kind {
      case S_IFDIR:
        try to.makeFolder(name, mode: 0o700)
        folders.append((name, status))
      case S_IFREG:
        let original = try from.open(name, O_RDONLY | O_NOFOLLOW, .plain)
        let copy = try to.create(name, O_WRONLY | O_EXCL, mode: 0o600)
        try contents(original, copy, Int64(status.st_size), path)
        try attributes(of: original, status, on: copy, path)
      default: try other(from, to, name, status, path)
      }
    }
    return folders
  }

  /// Links to the copy of another name, when there is one.
  private func link(_ status: stat, _ to: OpenFile, _ name: FilePath, _ path: FilePath) throws -> Bool {
    let inode = UInt64(status.st_ino)
    guard let (first, left) = linked[inode] else {
      linked[inode] = (path, UInt64(status.st_nlink) - 1)
      return false
    }
    linked[inode] = left > 1 ? (first, left - 1) : nil
    let result = first.withCString { first in name.withCString { linkat(target.fd, first, to.fd, $0, 0) } }
    guard result == 0 else { throw FileError(errno, "link \(path)") }
    return true
  }

  private func attributes(of original: OpenFile, _ status: stat, on copy: OpenFile, _ path: FilePath) throws {
    if isRoot, fchown(copy.fd, status.st_uid, status.st_gid) != 0 { throw FileError(errno, "chown \(path)") }
    for (name, value) in try Xattrs.all(of: original) where !name.hasPrefix("trusted.") {
      try Xattrs.set(name, value, on: copy, path)
    }
    guard fchmod(copy.fd, status.st_mode & 0o7777) == 0 else { throw FileError(errno, "chmod \(path)") }
    guard futimens(copy.fd, [status.st_atim, status.st_mtim]) == 0 else { throw FileError(errno, "chtimes \(path)") }
  }

  private func other(_ from: OpenFile, _ to: OpenFile, _ name: FilePath, _ status: stat, _ path: FilePath) throws {
    let result: Int32
    if status.isSymlink {
      let target = FilePath(try from.readLink(name))
      result = target.withCString { target in name.withCString { symlinkat(target, to.fd, $0) } }
    } else {
      result = name.withCString { mknodat(to.fd, $0, status.st_mode, status.st_rdev) }
    }
    guard result == 0 else { throw FileError(errno, "mknod \(path)") }
    if isRoot {
      let result = name.withCString { fchownat(to.fd, $0, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) }
      guard result == 0 else { throw FileError(errno, "chown \(path)") }
    }
    if !status.isSymlink {
      let result = name.withCString { fchmodat(to.fd, $0, status.st_mode & 0o7777, AT_SYMLINK_NOFOLLOW) }
      guard result == 0 else { throw FileError(errno, "chmod \(path)") }
    }
    let times = [status.st_atim, status.st_mtim]
    guard name.withCString({ utimensat(to.fd, $0, times, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      throw FileError(errno, "chtimes \(path)")
    }
  }

  // MARK: Bytes

  private func contents(_ from: OpenFile, _ to: OpenFile, _ size: Int64, _ path: FilePath) throws {
    if size == 0 { return }
    if canClone {
      if clinux_clone_file(to.fd, from.fd) == 0 { return }
      canClone = false
    }
    var offset: Int64 = 0
    while offset < size {
      let start = clinux_seek_data(from.fd, Int(offset), 0)
      // Only holes from here on.
      if start == -Int(ENXIO) { break }
      if start < 0 { throw FileError(result: start, "lseek \(path)") }
      let end = clinux_seek_data(from.fd, start, 1)
      if end < 0 { throw FileError(result: end, "lseek \(path)") }
      try range(from, to, Int64(start)..<Int64(max(start, end)), path)
      offset = Int64(end)
    }
    guard ftruncate(to.fd, off_t(size)) == 0 else { throw FileError(errno, "truncate \(path)") }
  }

  private func range(_ from: OpenFile, _ to: OpenFile, _ range: Range<Int64>, _ path: FilePath) throws {
    var offset = range.lowerBound
    while canCopyRanges, offset < range.upperBound {
      let count = clinux_copy_range(from.fd, to.fd, Int(offset), Int(range.upperBound - offset))
      if count == 0 { return }
      if count < 0 {
        guard [EXDEV, EOPNOTSUPP, ENOSYS, EINVAL].contains(Int32(-count)) else {
          throw FileError(result: count, "copy \(path)")
        }
        canCopyRanges = false
      } else {
        offset += Int64(count)
      }
    }
    if offset == range.upperBound { return }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    defer { buffer.deallocate() }
    while offset < range.upperBound {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(Int64(buffer.count), range.upperBound - offset))])
      let count = try from.read(into: part, at: offset)
      if count == 0 { return }
      try to.write(UnsafeRawBufferPointer(rebasing: part[..<count]), at: offset)
      offset += Int64(count)
    }
  }
}
