import CLinux
import Glibc
import Runtime
import Seams

/// The host's files and mounts, as Linux has them. Every call blocks for as long as its system calls take; dockerd
/// uses them for what is small (volumes' folders, files of containers).
public struct LinuxFiles: HostFiles {
  public init() {}

  private static var last: Errno { Errno(number: errno) }

  // MARK: Looking

  public func stat(_ path: String) -> HostFileInfo? { LinuxFiles.info(path, following: true) }
  public func lstat(_ path: String) -> HostFileInfo? { LinuxFiles.info(path, following: false) }

  private static func info(_ path: String, following: Bool) -> HostFileInfo? {
    var status = Glibc.stat()
    guard fstatat(AT_FDCWD, path, &status, following ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    let format = status.st_mode & S_IFMT
    var info = HostFileInfo(
      kind: .other, mode: status.st_mode & 0o7777, size: Int64(status.st_size), uid: status.st_uid, gid: status.st_gid,
      modified: Int64(status.st_mtim.tv_sec))
    switch format {
    case S_IFREG: info.kind = .file
    case S_IFDIR: info.kind = .directory
    case S_IFLNK:
      info.kind = .symlink
      info.linkTarget = (try? readLink(path)) ?? ""
    case S_IFCHR, S_IFBLK:
      info.device = HostDevice(
        type: format == S_IFCHR ? "c" : "b", major: Int64(clinux_major(UInt(status.st_rdev))),
        minor: Int64(clinux_minor(UInt(status.st_rdev))))
    case S_IFIFO: info.device = HostDevice(type: "p", major: 0, minor: 0)
    default: break
    }
    return info
  }

  private static func readLink(_ path: String) throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { readlink(path, $0.assumingMemoryBound(to: CChar.self), bytes.count) } ?? -1
    }
    guard count >= 0 else { throw last }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  public func list(_ path: String) throws(Errno) -> [String] {
    guard let folder = opendir(path) else { throw LinuxFiles.last }
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

  public func usage(_ path: String) -> Int64 {
    var seen: Set<UInt64> = []
    var total: Int64 = 0
    var left = [path]
    while let path = left.popLast() {
      var status = Glibc.stat()
      guard fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        left += ((try? list(path)) ?? []).map { "\(path)/\($0)" }
      } else if status.st_nlink < 2 || seen.insert(UInt64(status.st_ino)).inserted {
        total += Int64(status.st_size)
      }
    }
    return total
  }

  public func resolve(_ path: String, root: String) throws(Errno) -> String {
    var done: [String] = []
    var left = path.split(separator: "/").map(String.init).reversed() as [String]
    var links = 0
    while let part = left.popLast() {
      switch part {
      case ".": continue
      case "..": _ = done.popLast()
      default:
        let here = root + "/" + (done + [part]).joined(separator: "/")
        guard LinuxFiles.info(here, following: false)?.kind == .symlink else {
          done.append(part)
          continue
        }
        links += 1
        // As the kernel counts (MAXSYMLINKS).
        guard links <= 40 else { throw .ELOOP }
        let target = try LinuxFiles.readLink(here)
        if target.hasPrefix("/") { done = [] }
        left += target.split(separator: "/").map(String.init).reversed()
      }
    }
    return done.isEmpty ? root : root + "/" + done.joined(separator: "/")
  }

  // MARK: Reading and writing

  public func read(_ path: String) throws(Errno) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw LinuxFiles.last }
    defer { close(file) }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw LinuxFiles.last
      }
      if count == 0 { return all }
      all += buffer.prefix(count)
    }
  }

  /// By a temporary name and a rename: whoever reads sees the old file or the new one.
  public func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) {
    let temporary = "\(path).new-\(getpid())"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
    guard file >= 0 else { throw LinuxFiles.last }
    do throws(Errno) {
      defer { close(file) }
      guard fchmod(file, mode_t(mode)) == 0 else { throw LinuxFiles.last }
      try LinuxFiles.write(bytes, to: file)
      guard fsync(file) == 0 else { throw LinuxFiles.last }
    } catch {
      unlink(temporary)
      throw error
    }
    guard Glibc.rename(temporary, path) == 0 else {
      let error = LinuxFiles.last
      unlink(temporary)
      throw error
    }
  }

  public func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw LinuxFiles.last }
    defer { close(file) }
    try LinuxFiles.write(bytes, to: file)
  }

  private static func write(_ bytes: [UInt8], to file: Int32) throws(Errno) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + offset }, $0.count - offset) }
      if count < 0 {
        if errno == EINTR { continue }
        throw last
      }
      offset += count
    }
  }

  public func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      if mkdir(made, mode_t(mode)) != 0, errno != EEXIST { throw LinuxFiles.last }
    }
    guard LinuxFiles.info(path, following: true)?.kind == .directory else { throw .ENOTDIR }
  }

  public func rename(_ path: String, to: String) throws(Errno) {
    guard Glibc.rename(path, to) == 0 else { throw LinuxFiles.last }
  }

  public func symlink(target: String, _ path: String) throws(Errno) {
    guard Glibc.symlink(target, path) == 0 else { throw LinuxFiles.last }
  }

  public func removeAll(_ path: String) throws(Errno) {
    guard let info = LinuxFiles.info(path, following: false) else { return }
    if info.kind == .directory {
      for name in try list(path) { try removeAll("\(path)/\(name)") }
      guard rmdir(path) == 0 || errno == ENOENT else { throw LinuxFiles.last }
    } else {
      guard unlink(path) == 0 || errno == ENOENT else { throw LinuxFiles.last }
    }
  }

  // MARK: Mounts

  private static let flags: [String: (set: UInt, clear: UInt)] = [
    "ro": (1, 0), "rw": (0, 1), "nosuid": (2, 0), "suid": (0, 2), "nodev": (4, 0), "dev": (0, 4), "noexec": (8, 0),
    "exec": (0, 8), "sync": (16, 0), "async": (0, 16), "remount": (32, 0), "mand": (64, 0), "nomand": (0, 64),
    "dirsync": (128, 0), "noatime": (1024, 0), "atime": (0, 1024), "nodiratime": (2048, 0), "diratime": (0, 2048),
    "bind": (4096, 0), "rbind": (4096 | 16384, 0), "relatime": (1 << 21, 0), "norelatime": (0, 1 << 21),
    "strictatime": (1 << 24, 0), "nostrictatime": (0, 1 << 24), "defaults": (0, 0),
  ]

  /// mount(2). Options are flags or the file system's own.
  public func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    var flags: UInt = type == "bind" ? 4096 : 0
    var data: [String] = []
    for option in options {
      if let known = LinuxFiles.flags[option] {
        flags = flags & ~known.clear | known.set
      } else if !option.isEmpty {
        data.append(option)
      }
    }
    guard Glibc.mount(source, target, type == "bind" ? nil : type, flags, data.joined(separator: ",")) == 0 else {
      throw LinuxFiles.last
    }
    // A bind takes its other flags only by a second call.
    if flags & 4096 != 0, flags & ~(4096 | 16384) != 0 {
      guard Glibc.mount(nil, target, nil, flags | 32, nil) == 0 else {
        let error = LinuxFiles.last
        umount2(target, Int32(MNT_DETACH))
        throw error
      }
    }
  }

  public func unmount(_ path: String) throws(Errno) {
    if umount2(path, Int32(MNT_DETACH)) != 0, errno != EINVAL, errno != ENOENT { throw LinuxFiles.last }
  }

  // MARK: Archives; they come with containers

  public func archive(_ path: String, root: String) throws(Errno) -> [UInt8] { throw .ENOSYS }
  public func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) { throw .ENOSYS }
}
