import CLinux
import Glibc
import Runtime

/// Writes to /proc that cannot be led astray (CVE-2019-16884, CVE-2019-19921, CVE-2025-52881): the file is opened below
/// a descriptor that is procfs for certain, without crossing a mount point or following a magic link.
extension LinuxKernel {
  /// What is below /proc; nil when `path` is elsewhere.
  static func belowProc(_ path: String) -> String? {
    guard path.hasPrefix("/proc/") else { return nil }
    return String(path.dropFirst(6))
  }

  func writeProc(_ path: String, _ contents: String) throws(Errno) {
    // `self/fd` and the like lead out of procfs and are nobody's to write.
    do throws(Errno) { try write(contents, to: openProc(path, O_WRONLY | O_NOCTTY)) } catch {
      // /proc itself may be read-only, hidden or missing in the container: a procfs of our own is not.
      guard [Errno.EROFS, .EXDEV, .ENOENT, .ENOTDIR].contains(error), keepOwnProcfs() else { throw error }
      try write(contents, to: openProc(path, O_WRONLY | O_NOCTTY))
    }
  }

  /// A file of procfs. EXDEV when something is mounted over it.
  public func openProc(_ path: String, _ flags: Int32) throws(Errno) -> Descriptor {
    let procfs = try self.procfs()
    return try openBelow(
      procfs, path, flags,
      resolve: Linux.resolveBeneath | Linux.resolveNoXdev | Linux.resolveNoMagicLinks)
  }

  /// The root of a procfs, kept. /proc, if that is its type and its root, or one mounted nowhere.
  private func procfs() throws(Errno) -> Int32 {
    let known = kept.withLock { $0.procfs }
    if known >= 0 { return known }
    do throws(Errno) {
      let folder = try open("/proc", Linux.oPath | O_DIRECTORY | O_NOFOLLOW)
      guard try LinuxKernel.isProcfsRoot(folder.raw) else { throw .ENOENT }
      return keep(procfs: folder.release())
    } catch {
      guard keepOwnProcfs() else { throw error }
      return kept.withLock { $0.procfs }
    }
  }

  private func keep(procfs raw: Int32) -> Int32 {
    kept.withLock { $0.procfs = raw }
    return raw
  }

  /// Whether a descriptor is the root of a procfs: its magic number, and its inode, which is always 1.
  static func isProcfsRoot(_ descriptor: Int32) throws(Errno) -> Bool {
    guard try fileSystemType(descriptor) == Linux.procSuperMagic else { return false }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw Errno(number: errno) }
    return status.st_ino == 1
  }

  /// f_type of fstatfs(2).
  static func fileSystemType(_ descriptor: Int32) throws(Errno) -> Int {
    // struct statfs has 15 words on 64-bit machines; the first is f_type.
    try withUnsafeTemporaryAllocation(of: Int.self, capacity: 16) { (words) throws(Errno) in
      words.initialize(repeating: 0)
      try system(SYS_fstatfs, Int(descriptor), Int(bitPattern: words.baseAddress))
      return words[0]
    }
  }

  /// A new procfs of the calling process's PID namespace, mounted nowhere. False where that is not allowed.
  private func keepOwnProcfs() -> Bool {
    do throws(Errno) {
      let tree = try fileSystem(type: "proc", source: "proc", options: [], attributes: [.nosuid, .nodev, .noexec])
      _ = keep(procfs: tree.release())
      return true
    } catch { return false }
  }
}
