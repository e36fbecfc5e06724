import Glibc
import Runtime

/// Small files of the host: procfs, cgroups, the bundle, the notes.
enum HostFile {
  /// What can stand in the way of reading a file.
  enum Refusal: Error {
    case errno(Runtime.Errno)
    /// It is no regular file (only asked where `regular` is).
    case irregular
    /// It is longer than the limit.
    case large
  }

  /// Everything that a file holds. At most `limit` bytes are ever kept. `regular`: anything but a regular file is
  /// refused before a byte is read. `noFollow`: a link is refused (ELOOP).
  static func read(
    _ path: String, at directory: Int32 = AT_FDCWD, limit: Int = 1 << 20, regular: Bool = false,
    noFollow: Bool = false
  ) throws(Refusal) -> [UInt8] {
    let flags = O_RDONLY | O_CLOEXEC | (regular ? O_NONBLOCK | O_NOCTTY : 0) | (noFollow ? O_NOFOLLOW : 0)
    let descriptor = openat(directory, path, flags)
    guard descriptor >= 0 else { throw .errno(.last) }
    defer { close(descriptor) }
    var size = 4096
    if regular {
      var info = stat()
      guard fstat(descriptor, &info) == 0 else { throw .errno(.last) }
      guard info.st_mode & S_IFMT == S_IFREG else { throw .irregular }
      guard info.st_size <= limit else { throw .large }
      size = Int(info.st_size) + 1
    }
    return try read(descriptor, size: size, limit: limit)
  }

  /// Everything from a descriptor up to its end: `size` bytes are expected, more than `limit` are refused.
  static func read(_ descriptor: Int32, size: Int = 4096, limit: Int) throws(Refusal) -> [UInt8] {
    var bytes: [UInt8] = []
    var capacity = max(256, min(size, limit + 1))
    while true {
      var (failure, isAtEnd): (Int32, Bool) = (0, false)
      let part = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        while count < capacity {
          let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, capacity - count)
          if got > 0 {
            count += got
          } else if got == 0 {
            isAtEnd = true
            return
          } else if Glibc.errno != Glibc.EINTR {
            failure = Glibc.errno
            return
          }
        }
      }
      if failure != 0 { throw .errno(Errno(number: failure)) }
      if bytes.isEmpty { bytes = part } else { bytes += part }
      guard bytes.count <= limit else { throw .large }
      if isAtEnd { return bytes }
      capacity = min(max(4096, bytes.count), limit + 1 - bytes.count)
    }
  }

  /// A small text file, or nil when it cannot be read; bytes that are no UTF-8 become U+FFFD.
  static func text(_ path: String, at directory: Int32 = AT_FDCWD) -> String? {
    guard let bytes = try? read(path, at: directory) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes all bytes, whatever the kernel takes at once.
  static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) throws(Runtime.Errno) {
    let bytes = Array(bytes)
    var start = 0
    while start < bytes.count {
      let got = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + start }, bytes.count - start)
      }
      if got < 0 {
        if Glibc.errno == Glibc.EINTR { continue }
        throw .last
      }
      start += got
    }
  }

  /// Writes a file of the kernel's (cgroups, procfs) that exists, in one write(2).
  static func writeExisting(_ path: String, _ contents: String) throws(Runtime.Errno) {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    defer { close(descriptor) }
    try write(contents.utf8, to: descriptor)
  }

  /// The names in a folder, without `.` and `..`, sorted; nil when it cannot be read.
  static func names(in path: String) -> [String]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The folders in a folder, links left out.
  static func folders(in path: String) -> [String] {
    (names(in: path) ?? []).map { "\(path)/\($0)" }.filter { path in
      var info = stat()
      return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }
  }

  /// What stands at a path, links followed; nil when nothing does (or it cannot be seen).
  static func kind(_ path: String) -> HostFileKind? {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    switch info.st_mode & S_IFMT {
    case S_IFDIR: return .directory
    case S_IFREG: return .file
    default: return .other
    }
  }

  /// Makes a folder and those above it, as `mkdir -p` does.
  static func makeFolders(_ path: String, mode: mode_t) throws(Runtime.Errno) {
    if mkdir(path, mode) == 0 { return }
    switch Glibc.errno {
    case Glibc.EEXIST: return
    case Glibc.ENOENT:
      guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.utf8.startIndex else {
        throw .ENOENT
      }
      try makeFolders(String(path[..<slash]), mode: mode)
      if mkdir(path, mode) != 0, Glibc.errno != Glibc.EEXIST { throw .last }
    default: throw .last
    }
  }
}
