import CLinux
import Glibc
import Runtime

/// The root and the working directory of the calling process.
extension LinuxKernel {
  /// pivot_root(2). With `.` for both, the working directory is the old root afterwards: what follows means that one
  /// (`mount(".", MS_SLAVE)`, `umount2(".", MNT_DETACH)`), until the next chdir.
  func pivotRoot(_ new: String, _ old: String) throws(Errno) {
    let before = try open("/", Linux.oPath | O_DIRECTORY)
    try system(with: new) { new in
      old.withCString { clinux_call(Int(SYS_pivot_root), new, Int(bitPattern: $0), 0, 0, 0, 0) }
    }
    if old == "." { try system(SYS_fchdir, Int(before.raw)) }
    // Other folders are `/` now.
    kept.withLock { $0.forget() }
    let raw = before.release()
    kept.withLock { $0.oldRoot = raw }
  }

  /// To the root before pivot_root.
  func enterOldRoot() throws(Errno) {
    let raw = kept.withLock { $0.oldRoot }
    if raw < 0 { throw .EBADF }
    try system(SYS_fchdir, Int(raw))
  }

  func chroot(_ path: String) throws(Errno) {
    try system(with: path) { clinux_call(Int(SYS_chroot), $0, 0, 0, 0, 0, 0) }
    kept.withLock { $0.forget() }
  }

  /// The folder is opened without magic links of procfs, and must be reachable from the root afterwards, or ENOENT: a
  /// descriptor that leaked from outside is no way out (CVE-2024-21626).
  func chdir(_ path: String) throws(Errno) {
    let folder = try openBelow(
      Int32(Linux.atFDCWD), path, Linux.oPath | O_DIRECTORY, resolve: Linux.resolveNoMagicLinks)
    try system(SYS_fchdir, Int(folder.raw))
    _ = try workingDirectory()
    kept.withLock { if $0.oldRoot >= 0 { $0.oldRoot = -1 } }
  }

  func umask(_ mask: UInt32) { _ = Glibc.umask(mode_t(mask & 0o777)) }
}
