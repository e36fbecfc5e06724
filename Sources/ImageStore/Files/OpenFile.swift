import CLinux
import Glibc

/// A descriptor, closed with its last reference.
final class OpenFile: Sendable {
  let fd: Int32

  init(_ fd: Int32) { self.fd = fd }
  deinit { if fd >= 0 { close(fd) } }

  /// How openat2(2) may walk.
  struct Walk: OptionSet, Sendable {
    let rawValue: UInt64
    static let noMounts = Walk(rawValue: UInt64(RESOLVE_NO_XDEV))
    static let noSymlinks = Walk(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
    /// As if the start were `/`: links and `..` stay inside.
    static let inRoot = Walk(rawValue: UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV))
    /// Names only: no link is followed, no mount entered.
    static let plain = Walk(rawValue: UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV))
  }

  static let folder = O_DIRECTORY | O_RDONLY
  /// A place to start from, not to read.
  static let place = O_DIRECTORY | CLINUX_O_PATH

  /// openat2(2) from this folder. Always close-on-exec; an empty path is the folder itself.
  func open(_ path: FilePath, _ flags: Int32, mode: UInt32 = 0, _ walk: Walk) throws(FileError) -> OpenFile {
    let path = path.isEmpty ? "." : path
    while true {
      let result = path.withCString {
        clinux_openat2(fd, $0, UInt64(flags | O_CLOEXEC), UInt64(mode), walk.rawValue)
      }
      if result >= 0 { return OpenFile(Int32(result)) }
      // Somebody renames elsewhere on the machine while `..` is resolved.
      if result == -Int(EAGAIN) || result == -Int(EINTR) { continue }
      throw FileError(result: result, "open \(path)")
    }
  }

  /// openat(2) from this folder, for one name that may be created. A link at its end is never followed.
  func create(_ name: FilePath, _ flags: Int32, mode: UInt32) throws(FileError) -> OpenFile {
    let result = name.withCString { clinux_openat(fd, $0, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode) }
    guard result >= 0 else { throw FileError(result: result, "open \(name)") }
    return OpenFile(Int32(result))
  }

  /// A folder by its path from the outside, made with its parents when it is not there.
  static func folder(at path: FilePath, making mode: UInt32? = nil) throws(FileError) -> OpenFile {
    let result = path.withCString { clinux_openat(AT_FDCWD, $0, folder | O_CLOEXEC, 0) }
    if result >= 0 { return OpenFile(Int32(result)) }
    guard result == -Int(ENOENT), let mode, let (parent, _) = FilePath.cleaned(path.bytes) else {
      throw FileError(result: result, "open \(path)")
    }
    let above: FilePath =
      path.bytes.first == UInt8(ascii: "/")
      ? FilePath([UInt8(ascii: "/")] + parent.bytes) : parent.isEmpty ? "." : parent
    _ = try folder(at: above, making: mode)
    if path.withCString({ Glibc.mkdir($0, mode) }) != 0, errno != EEXIST { throw FileError(errno, "mkdir \(path)") }
    return try folder(at: path)
  }

  func status() throws(FileError) -> stat {
    var status = stat()
    guard fstat(fd, &status) == 0 else { throw FileError(errno, "fstat") }
    return status
  }

  /// Of a name in this folder, a link itself; nil when there is none.
  func status(of name: FilePath) throws(FileError) -> stat? {
    var status = stat()
    if name.withCString({ fstatat(fd, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 { return status }
    if errno == ENOENT { return nil }
    throw FileError(errno, "lstat \(name)")
  }

  func makeFolder(_ name: FilePath, mode: UInt32) throws(FileError) {
    guard name.withCString({ mkdirat(fd, $0, mode) }) == 0 else { throw FileError(errno, "mkdir \(name)") }
  }

  func unlink(_ name: FilePath, isFolder: Bool = false) throws(FileError) {
    guard name.withCString({ unlinkat(fd, $0, isFolder ? AT_REMOVEDIR : 0) }) == 0 else {
      throw FileError(errno, "remove \(name)")
    }
  }

  func rename(_ name: FilePath, to folder: OpenFile, _ newName: FilePath) throws(FileError) {
    let result = name.withCString { old in newName.withCString { renameat(fd, old, folder.fd, $0) } }
    guard result == 0 else { throw FileError(errno, "rename \(name) \(newName)") }
  }

  func readLink(_ name: FilePath) throws(FileError) -> [UInt8] {
    // No link is longer than a page.
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = name.withCString { name in
      buffer.withUnsafeMutableBytes { buffer -> Int in
        guard let base = buffer.baseAddress else { return -1 }
        return readlinkat(fd, name, base.assumingMemoryBound(to: CChar.self), buffer.count)
      }
    }
    guard count >= 0 else { throw FileError(errno, "readlink \(name)") }
    return Array(buffer.prefix(count))
  }

  func synchronize() throws(FileError) {
    guard fsync(fd) == 0 else { throw FileError(errno, "fsync") }
  }

  /// Everything on the file system that this lies on.
  func synchronizeFileSystem() throws(FileError) {
    let result = clinux_syncfs(fd)
    if result < 0 { throw FileError(result: result, "syncfs") }
  }

  // MARK: Bytes

  /// As many bytes as there are, up to the buffer's size; fewer only at the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
    var count = 0
    while count < buffer.count {
      let result = pread(fd, buffer.baseAddress?.advanced(by: count), buffer.count - count, off_t(offset) + count)
      if result == 0 { break }
      if result < 0 {
        if errno == EINTR { continue }
        throw FileError(errno, "read")
      }
      count += result
    }
    return count
  }

  /// All of it, behind what was written before.
  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let result = Glibc.write(fd, bytes.baseAddress?.advanced(by: done), bytes.count - done)
      if result < 0 {
        if errno == EINTR { continue }
        throw FileError(errno, "write")
      }
      done += result
    }
  }

  /// All of it, at a place.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let result = pwrite(fd, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset) + done)
      if result < 0 {
        if errno == EINTR { continue }
        throw FileError(errno, "write")
      }
      done += result
    }
  }

  // MARK: Folders

  /// The names in this folder, without `.` and `..`, in no order.
  func names(atMost limit: Int = .max) throws(FileError) -> [FilePath] {
    // A stream closes its descriptor, and reading moves it: it gets one of its own.
    let other = clinux_openat(fd, ".", OpenFile.folder | O_CLOEXEC, 0)
    guard other >= 0 else { throw FileError(result: other, "open") }
    guard let stream = fdopendir(Int32(other)) else {
      let failure = errno
      close(Int32(other))
      throw FileError(failure, "opendir")
    }
    defer { closedir(stream) }
    var names: [FilePath] = []
    while names.count < limit {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw FileError(errno, "readdir") }
        return names
      }
      let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
      let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
      let bytes = UnsafeBufferPointer(start: name, count: strlen(UnsafePointer<CChar>(OpaquePointer(name))))
      if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { continue }
      names.append(FilePath(bytes))
    }
    return names
  }
}

extension stat {
  var kind: UInt32 { st_mode & S_IFMT }
  var isFolder: Bool { kind == S_IFDIR }
  var isSymlink: Bool { kind == S_IFLNK }
  var isFile: Bool { kind == S_IFREG }
  /// Overlayfs' mark of what is not there any more: a character device 0:0.
  var isWhiteout: Bool { kind == S_IFCHR && st_rdev == 0 }
}
