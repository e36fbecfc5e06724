import Glibc

/// A failed system call of the harness itself: what was done to what, and why it failed.
struct SystemError: Error, CustomStringConvertible {
  let doing: String
  let code: Int32

  init(_ doing: String, _ code: Int32 = errno) {
    self.doing = doing
    self.code = code
  }

  var description: String { "\(doing): \(String(cString: strerror(code)))" }
}

/// Files of the host, by path.
enum Files {
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  static func status(_ path: String) throws -> stat {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw SystemError("stat \(path)") }
    return status
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw SystemError("open \(path)") }
    defer { close(fd) }
    return try bytes(of: fd, named: path)
  }

  static func bytes(of fd: Int32, named name: String) throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(fd, &buffer, buffer.count)
      if count == 0 { return all }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError("read \(name)")
      }
      all += buffer[..<count]
    }
  }

  static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

  /// The text, or nil when it cannot be read.
  static func textIfAny(_ path: String) -> String? { try? text(path) }

  static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
    try write(Array(text.utf8), to: path, mode: mode)
  }

  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
    let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard fd >= 0 else { throw SystemError("create \(path)") }
    defer { close(fd) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
      guard count >= 0 else { throw SystemError("write \(path)") }
      rest = rest.dropFirst(count)
    }
    _ = fchmod(fd, mode)
  }

  static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw SystemError("mkdir \(path)") }
    _ = chmod(path, mode)
  }

  static func link(_ target: String, at path: String) throws {
    guard symlink(target, path) == 0 else { throw SystemError("symlink \(path)") }
  }

  /// The names in a folder, sorted; none when it cannot be read.
  static func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func target(ofLink path: String) throws -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    guard count >= 0 else { throw SystemError("readlink \(path)") }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Copies one regular file.
  static func copy(_ from: String, to path: String, mode: mode_t) throws {
    try write(bytes(from), to: path, mode: mode)
  }

  /// Changes the owner of a folder and of everything in it.
  static func own(_ path: String, by id: UInt32) {
    _ = lchown(path, id, id)
    guard let status = try? status(path), status.st_mode & S_IFMT == S_IFDIR else { return }
    for name in names(in: path) { own("\(path)/\(name)", by: id) }
  }

  /// Removes a tree; never through a link or onto another file system.
  static func removeTree(_ path: String, device: dev_t? = nil) {
    guard let status = try? status(path) else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      if let device, device != status.st_dev { return }
      for name in names(in: path) { removeTree("\(path)/\(name)", device: status.st_dev) }
      _ = rmdir(path)
    } else {
      _ = unlink(path)
    }
  }

  /// Whether something executable of this name is in one of the folders where system programs lie.
  static func program(_ name: String) -> String? {
    for folder in ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"]
    where access("\(folder)/\(name)", X_OK) == 0 {
      return "\(folder)/\(name)"
    }
    return nil
  }
}

/// Calls `body` until it gives a value; nil after `seconds`.
func eventually<T>(within seconds: Double = 10, _ body: () throws -> T?) rethrows -> T? {
  let deadline = monotonic() + UInt64(seconds * 1e9)
  var pause: UInt32 = 1000
  while true {
    if let value = try body() { return value }
    if monotonic() > deadline { return nil }
    usleep(pause)
    pause = min(pause * 2, 20000)
  }
}

/// Calls `condition` until it holds; false after `seconds`.
func becomesTrue(within seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
  try eventually(within: seconds) { try condition() ? true : nil } ?? false
}

/// Nanoseconds of the monotonic clock.
func monotonic() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension String {
  /// The lines, without the empty one after the last newline.
  var lines: [String] {
    var lines = split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  /// The words between blanks and tabs.
  var words: [String] { split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).map(String.init) }

  /// Without blanks and newlines at both ends.
  var trimmed: String {
    var rest = Substring(self)
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
