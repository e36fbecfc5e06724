#if canImport(Glibc)
  import Glibc
#endif
import Seams

/// A bound unix socket (unix(7)): made for its owner and the group `docker`, and taken away at the end.
struct UnixSocket: Sendable {
  let descriptor: Int32
  let path: String
  private let inode: UInt64

  /// Throws `EngineError`: somebody serves the path, something else lies there, it is too long.
  init(path: String) throws {
    let refuse = { (reason: String) in
      EngineError(.unavailable, "can't create unix socket \(path): \(reason)")
    }
    var info = stat()
    if lstat(path, &info) == 0 {
      guard info.st_mode & S_IFMT == S_IFSOCK else { throw refuse("there is something else than a socket") }
      if let holder = try UnixSocket.holder(of: path) {
        throw refuse("is in use by \(holder)")
      }
      unlink(path)
    } else {
      UnixSocket.makeFolder(of: path)
    }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw refuse(String(cString: strerror(errno))) }
    // Nobody shall come in between bind and chmod: on Linux the file takes its mode from the socket. (umask(2) is the
    // whole process's, and other threads make files meanwhile.)
    fchmod(descriptor, 0o600)
    let isBound = try UnixSocket.withAddress(path) { bind(descriptor, $0, $1) == 0 }
    let reason = String(cString: strerror(errno))
    guard isBound, lstat(path, &info) == 0 else {
      close(descriptor)
      throw refuse("bind: \(reason)")
    }
    if geteuid() == 0, let group = getgrnam("docker") { chown(path, 0, group.pointee.gr_gid) }
    chmod(path, 0o660)
    (self.descriptor, self.path, inode) = (descriptor, path, UInt64(info.st_ino))
  }

  /// Takes the path away, if it is still ours.
  func remove() {
    var info = stat()
    if lstat(path, &info) == 0, UInt64(info.st_ino) == inode { unlink(path) }
  }

  /// Who serves the socket: `dockerd (process 123)`; nil when nobody does.
  static func holder(of path: String) throws -> String? {
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return nil }
    defer { close(probe) }
    guard try withAddress(path, { connect(probe, $0, $1) == 0 }) else {
      // A full queue is a sign of life, too.
      return errno == EAGAIN ? "a process that is busy" : nil
    }
    // struct ucred: process, user, group.
    var peer: (pid_t, uid_t, gid_t) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: peer))
    guard getsockopt(probe, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0, peer.0 > 0 else { return "a process" }
    return "\(name(of: peer.0)) (process \(peer.0))"
  }

  private static func name(of process: pid_t) -> String {
    let file = open("/proc/\(process)/comm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "another program" }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = buffer.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    return String(decoding: buffer[..<max(0, count)].prefix { $0 != 10 }, as: UTF8.self)
  }

  private static func withAddress<T>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T) throws -> T {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw EngineError(.invalidArgument, "unix socket path \"\(path)\" is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  private static func makeFolder(of path: String) {
    var folder = ""
    for component in path.split(separator: "/").dropLast() {
      folder += (path.hasPrefix("/") || !folder.isEmpty ? "/" : "") + component
      mkdir(folder, 0o755)
    }
  }
}
