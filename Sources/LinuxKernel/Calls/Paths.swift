import CLinux
import Glibc
import Runtime

/// What is at a path.
public enum FileKind: Sendable, Hashable { case file, directory, link, device, other }

/// How paths are resolved: within a root by the kernel itself (openat2(2) RESOLVE_IN_ROOT), links included, and what was
/// opened is then used by its descriptor.
extension LinuxKernel {
  /// openat2(2). Within a root no link leads out of it, and no magic link of procfs is followed.
  func open(_ path: KernelPath, _ flags: Int32, mode: UInt32 = 0) throws(Errno) -> Descriptor {
    guard let root = path.root else {
      let result = try system(with: path.path) {
        clinux_call(Int(SYS_openat), Linux.atFDCWD, $0, Int(flags | O_CLOEXEC), Int(mode), 0, 0)
      }
      return Descriptor(Int32(result))
    }
    let directory = try self.root(root)
    return try openBelow(
      directory, path.path, flags, mode: mode, resolve: Linux.resolveInRoot | Linux.resolveNoMagicLinks)
  }

  /// openat2(2), again when it was disturbed by a change of the tree (EAGAIN).
  func openBelow(
    _ directory: Int32, _ path: String, _ flags: Int32, mode: UInt32 = 0, resolve: UInt64
  ) throws(Errno) -> Descriptor {
    let path = path.isEmpty ? "." : path
    if path.utf8.contains(0) { throw .EINVAL }
    var result = 0
    for _ in 0..<256 {
      result = path.withCString {
        clinux_openat2(directory, $0, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode), resolve)
      }
      if result != -Int(EAGAIN), result != -Int(EINTR) { break }
    }
    return Descriptor(Int32(try checked(result)))
  }

  /// The descriptor of a root (O_PATH), kept for the next path. It must not be closed.
  func root(_ path: String) throws(Errno) -> Int32 {
    let known = kept.withLock { $0.rootPath == path ? $0.root : nil }
    if let known { return known }
    let raw = try open(KernelPath(path), Linux.oPath | O_DIRECTORY).release()
    kept.withLock { $0.set(root: path, raw) }
    return raw
  }

  /// The place where something is to be made or removed: the folder is resolved, the name in it is not. `body` gets
  /// both, the name as an address, and answers with -errno.
  ///
  /// EEXIST for a name that cannot be anything new (`/`, `.`, `..`).
  @discardableResult
  func at(_ path: KernelPath, _ body: (_ directory: Int, _ name: Int) -> Int) throws(Errno) -> Int {
    guard let root = path.root else { return try system(with: path.path) { body(Linux.atFDCWD, $0) } }
    var bytes = Substring(path.path).utf8
    while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    let name = String(Substring(slash.map { bytes[bytes.index(after: $0)...] } ?? bytes))
    if name.isEmpty || name == "." || name == ".." { throw .EEXIST }
    let folder = slash.map { String(Substring(bytes[..<$0])) } ?? ""
    if folder.isEmpty {
      let directory = Int(try self.root(root))
      return try system(with: name) { body(directory, $0) }
    }
    let directory = try open(KernelPath(root: root, folder), Linux.oPath | O_DIRECTORY)
    return try system(with: name) { body(Int(directory.raw), $0) }
  }

  /// What is at `path`, as the calling process sees it. Links are followed, within the root when there is one, unless
  /// only the path's own last component is asked for.
  public func kind(of path: KernelPath, followingLinks follow: Bool = true) throws(Errno) -> FileKind {
    var status = stat()
    if path.root == nil {
      try system(with: path.path) { name in
        withUnsafeMutablePointer(to: &status) {
          clinux_call(
            Int(SYS_newfstatat), Linux.atFDCWD, name, Int(bitPattern: $0), follow ? 0 : Int(AT_SYMLINK_NOFOLLOW), 0, 0)
        }
      }
    } else {
      let file = try open(path, Linux.oPath | (follow ? 0 : O_NOFOLLOW))
      status = try self.status(of: file.raw)
    }
    return FileKind(mode: status.st_mode)
  }

  /// Whether anything is at `path`.
  public func exists(_ path: KernelPath, followingLinks follow: Bool = true) -> Bool {
    (try? kind(of: path, followingLinks: follow)) != nil
  }

  /// fstat(2); the descriptor may be an O_PATH one.
  func status(of descriptor: Int32) throws(Errno) -> stat {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw Errno(number: errno) }
    return status
  }

  /// Whether a step's condition on paths holds; nil for conditions on other steps.
  ///
  /// What is to be removed is looked at itself; otherwise links are followed, within the root.
  public func holds(_ condition: Step.Condition, for call: KernelCall) -> Bool? {
    switch condition {
    case .always: return true
    case .previousRefused, .refused, .previousDone: return nil
    case .missing(let path): return !exists(path)
    case .missingOnWay(let path, let goal): return !exists(goal) && !exists(path)
    case .exists(let path):
      if case .unlink = call { return exists(path, followingLinks: false) }
      return exists(path)
    case .nonDirectory(let path): return (try? kind(of: path)).map { $0 != .directory } ?? false
    case .directory(let path): return (try? kind(of: path)) == .directory
    }
  }
}

extension FileKind {
  init(mode: mode_t) {
    self =
      switch mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      case S_IFLNK: .link
      case S_IFCHR, S_IFBLK: .device
      default: .other
      }
  }
}
