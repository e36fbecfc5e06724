import Archive
import Client
#if canImport(Glibc)
  import Glibc
#endif

/// The user's own files, as the docker client reads and writes them.
struct UserFiles: ClientFiles {
  /// No writing: what a session did before is being done again (`undo`).
  var isReadOnly: @Sendable () -> Bool = { false }

  func kind(_ path: String) -> ClientFileKind? {
    var info = Glibc.stat()
    guard stat(path, &info) == 0 else { return nil }
    switch info.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  func read(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw UserFiles.failure("open", path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw UserFiles.failure("read", path)
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws {
    if isReadOnly() { return }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode_t(mode))
    guard descriptor >= 0 else { throw UserFiles.failure("open", path) }
    let isWritten = Terminal.write(descriptor, bytes)
    let reason = errno
    guard close(descriptor) == 0, isWritten else {
      errno = reason
      throw UserFiles.failure("write", path)
    }
  }

  func makeDirectory(_ path: String, mode: UInt32) throws {
    if isReadOnly() { return }
    if mkdir(path, mode_t(mode)) != 0, errno != EEXIST { throw UserFiles.failure("mkdir", path) }
  }

  func list(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  // MARK: Archives

  func archive(_ path: String) throws -> [UInt8] {
    var writer = TarWriter()
    try add(path, as: UserFiles.name(path), to: &writer, depth: 0)
    return writer.finish()
  }

  private func add(_ path: String, as name: String, to writer: inout TarWriter, depth: Int) throws {
    guard depth < 256 else { throw ClientFileError("archive \(path): folders are nested too deep") }
    var info = Glibc.stat()
    guard lstat(path, &info) == 0 else { throw UserFiles.failure("lstat", path) }
    var entry = ArchiveEntry(
      path: name, mode: UInt32(info.st_mode & 0o7777), uid: info.st_uid, gid: info.st_gid,
      modified: Int64(info.st_mtim.tv_sec))
    switch info.st_mode & S_IFMT {
    case S_IFREG:
      entry.content = try read(path)
      writer.add(entry)
    case S_IFDIR:
      entry.kind = .directory
      writer.add(entry)
      for child in list(path) { try add(path + "/" + child, as: name + "/" + child, to: &writer, depth: depth + 1) }
    case S_IFLNK:
      var target = [UInt8](repeating: 0, count: 4096)
      let count = target.withUnsafeMutableBytes { bytes in
        bytes.baseAddress.map { readlink(path, $0, bytes.count) } ?? -1
      }
      guard count >= 0 else { throw UserFiles.failure("readlink", path) }
      entry.kind = .symlink
      entry.linkTarget = String(decoding: target[..<count], as: UTF8.self)
      writer.add(entry)
    default: break  // Sockets, devices: docker leaves them out as well.
    }
  }

  func extract(_ archive: [UInt8], into path: String) throws {
    if isReadOnly() { return }
    let root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard root >= 0 else { throw UserFiles.failure("open", path) }
    defer { close(root) }
    var reader = TarReader(archive)
    while let entry = try reader.next() {
      let components = entry.path.split(separator: "/").map(String.init).filter { $0 != "." }
      guard let name = components.last, !components.contains("..") else {
        throw ClientFileError("extract \(entry.path): the name leads out of the folder")
      }
      let folder = try UserFiles.openFolder(root, components.dropLast(), of: entry.path)
      defer { close(folder) }
      try UserFiles.make(entry, named: name, in: folder)
    }
  }

  /// Opens the folder that `components` lead to below `root`, making what is missing; no link is followed.
  private static func openFolder(_ root: Int32, _ components: ArraySlice<String>, of path: String) throws -> Int32 {
    var current = dup(root)
    for component in components {
      let next = openat(current, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      if next < 0, errno == ENOENT, mkdirat(current, component, 0o755) == 0 {
        let made = openat(current, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        close(current)
        current = made
      } else {
        let reason = errno
        close(current)
        errno = reason
        current = next
      }
      guard current >= 0 else { throw failure("open", path) }
    }
    return current
  }

  private static func make(_ entry: ArchiveEntry, named name: String, in folder: Int32) throws {
    switch entry.kind {
    case .directory:
      if mkdirat(folder, name, mode_t(entry.mode & 0o777)) != 0, errno != EEXIST { throw failure("mkdir", entry.path) }
    case .symlink:
      unlinkat(folder, name, 0)
      guard symlinkat(entry.linkTarget, folder, name) == 0 else { throw failure("symlink", entry.path) }
    case .file:
      unlinkat(folder, name, 0)
      let descriptor = openat(
        folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(entry.mode & 0o777))
      guard descriptor >= 0 else { throw failure("open", entry.path) }
      let isWritten = Terminal.write(descriptor, entry.content)
      let reason = errno
      close(descriptor)
      errno = reason
      guard isWritten else { throw failure("write", entry.path) }
    default: break  // Hard links and devices of a container mean nothing among the user's files.
    }
  }

  private static func name(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? "."
  }

  private static func failure(_ verb: String, _ path: String) -> ClientFileError {
    ClientFileError("\(verb) \(path): \(String(cString: strerror(errno)).lowercased())")
  }
}
