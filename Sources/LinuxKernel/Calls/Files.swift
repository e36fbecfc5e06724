import CLinux
import Glibc
import Runtime

/// Files, folders, links and nodes.
extension LinuxKernel {
  func mkdir(_ path: KernelPath, _ mode: UInt32) throws(Errno) {
    try at(path) { clinux_call(Int(SYS_mkdirat), $0, $1, Int(mode), 0, 0, 0) }
  }

  func remove(_ path: KernelPath, folder: Bool) throws(Errno) {
    try at(path) { clinux_call(Int(SYS_unlinkat), $0, $1, folder ? Int(AT_REMOVEDIR) : 0, 0, 0, 0) }
  }

  /// mknodat(2). `kind`: `c`, `u` (as `c`), `b`, `p`.
  func mknod(_ path: KernelPath, _ kind: String, _ mode: UInt32, major: UInt32, minor: UInt32) throws(Errno) {
    let type: mode_t
    switch kind {
    case "c", "u": type = S_IFCHR
    case "b": type = S_IFBLK
    case "p": type = S_IFIFO
    default: throw .EINVAL
    }
    let device = type == S_IFIFO ? 0 : LinuxKernel.device(major, minor)
    // The kernel cuts the mode by the umask; chmod follows where that matters.
    try at(path) { clinux_call(Int(SYS_mknodat), $0, $1, Int(type | mode_t(mode & 0o7777)), device, 0, 0) }
  }

  /// A device number as system calls take it (new_encode_dev).
  static func device(_ major: UInt32, _ minor: UInt32) -> Int {
    Int((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12))
  }

  func symlink(_ target: String, _ path: KernelPath) throws(Errno) {
    if target.utf8.contains(0) { throw .EINVAL }
    try at(path) { directory, name in
      target.withCString { clinux_call(Int(SYS_symlinkat), Int(bitPattern: $0), directory, name, 0, 0, 0) }
    }
  }

  /// Links are followed, within the root.
  func chown(_ path: KernelPath, _ uid: UInt32, _ gid: UInt32) throws(Errno) {
    let file = try open(path, Linux.oPath)
    try withEmptyPath { (empty) throws(Errno) in
      try system(SYS_fchownat, Int(file.raw), empty, Int(uid), Int(gid), Linux.atEmptyPath)
    }
  }

  /// Links are followed, within the root. fchmod(2) takes no O_PATH descriptor, and opening a device otherwise could
  /// have effects: fchmodat2(2) (Linux 6.6), and before it the descriptor's link in procfs.
  func chmod(_ path: KernelPath, _ mode: UInt32) throws(Errno) {
    let file = try open(path, Linux.oPath)
    do throws(Errno) {
      try withEmptyPath { (empty) throws(Errno) in
        try system(LinuxKernel.fchmodat2, Int(file.raw), empty, Int(mode), Linux.atEmptyPath)
      }
    } catch {
      guard error == .ENOSYS || error == .EPERM else { throw error }
      // Some seccomp filters answer EPERM to calls that they do not know: procfs will tell.
      try system(with: "/proc/self/fd/\(file.raw)") {
        clinux_call(Int(SYS_fchmodat), Linux.atFDCWD, $0, Int(mode), 0, 0, 0)
      }
    }
  }
  private static let fchmodat2: Int32 = 452

  /// An empty file. EEXIST when something is there; a link that leads nowhere is followed, within the root.
  func createFile(_ path: KernelPath, _ mode: UInt32) throws(Errno) {
    let flags = O_CREAT | O_NOCTTY | O_NONBLOCK
    do throws(Errno) { _ = try open(path, flags | O_EXCL, mode: mode) } catch {
      guard error == .EEXIST, !exists(path) else { throw error }
      _ = try open(path, flags, mode: mode)
    }
  }

  /// open, write, close. The contents go in one write(2): the kernel's own files take them whole or not at all.
  func writeFile(_ path: KernelPath, _ contents: String) throws(Errno) {
    if path.root == nil, let below = LinuxKernel.belowProc(path.path) {
      try writeProc(below, contents)
      return
    }
    try write(contents, to: try open(path, O_WRONLY | O_NOCTTY | O_TRUNC))
  }

  func write(_ contents: String, to file: borrowing Descriptor) throws(Errno) {
    let raw = file.raw
    var contents = contents
    let result = contents.withUTF8 { bytes -> Int in
      var done = 0
      repeat {
        // An empty write is a write, too: it is how some files are reset.
        let count = Glibc.write(raw, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        if count < 0 {
          if errno == EINTR { continue }
          return -Int(errno)
        }
        if count == 0 { break }
        done += count
      } while done < bytes.count
      return 0
    }
    try checked(result)
  }
}

/// The empty path that AT_EMPTY_PATH takes, as an address.
@discardableResult
func withEmptyPath(_ body: (Int) throws(Errno) -> Int) throws(Errno) -> Int {
  var empty: CChar = 0
  return try withUnsafePointer(to: &empty) { (pointer) throws(Errno) in try body(Int(bitPattern: pointer)) }
}
