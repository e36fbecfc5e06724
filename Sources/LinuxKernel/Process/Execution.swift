import CLinux
import Glibc
import Runtime

extension LinuxKernel {
  /// execve(2), or execveat(2) of an open file: comes back only when it is refused. EINVAL when a string holds a NUL:
  /// the program would see another, shorter one.
  public static func execute(
    _ path: String, _ arguments: [String], _ environment: [String], file: Int32? = nil
  ) -> Errno {
    do throws(Errno) {
      let argv = try vector(arguments)
      defer { free(argv) }
      let envp = try vector(environment)
      defer { free(envp) }
      try system(with: path) { path in
        if let file {
          clinux_call(
            Int(SYS_execveat), Int(file), path, Int(bitPattern: argv), Int(bitPattern: envp), Linux.atEmptyPath, 0)
        } else {
          clinux_call(Int(SYS_execve), path, Int(bitPattern: argv), Int(bitPattern: envp), 0, 0, 0)
        }
      }
      return .EIO
    } catch { return error }
  }

  /// close_range(2) from `first` on: closes, or has execve close.
  public static func closeDescriptors(from first: Int, onExecute: Bool) {
    let result = clinux_call(Int(SYS_close_range), first, Int(UInt32.max), onExecute ? closeRangeCloexec : 0, 0, 0, 0)
    guard result < 0 else { return }
    // Before Linux 5.9 (5.11 for the flag), or behind a filter that does not know it: one by one.
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let end = Int(min(limit.rlim_cur, 65_536))
    for descriptor in first..<max(first, end) {
      if onExecute { _ = fcntl(Int32(descriptor), F_SETFD, FD_CLOEXEC) } else { _ = Glibc.close(Int32(descriptor)) }
    }
  }
  private static let closeRangeCloexec = 4

  /// prctl(2) PR_SET_DUMPABLE. Not dumpable: nobody without CAP_SYS_PTRACE over this process's user namespace looks
  /// into it or its descriptors (CVE-2016-9962).
  public static func setDumpable(_ dumpable: Bool) {
    _ = clinux_call(Int(SYS_prctl), 4, dumpable ? 1 : 0, 0, 0, 0, 0)
  }

  /// prctl(2) PR_SET_CHILD_SUBREAPER: orphans below this process become its children.
  public static func becomeSubreaper() { _ = clinux_call(Int(SYS_prctl), 36, 1, 0, 0, 0, 0) }
}

extension LinuxKernel {
  /// prctl(2) PR_SET_PDEATHSIG: the process is killed when its parent ends.
  public static func dieWithParent(_ does: Bool) {
    _ = clinux_call(Int(SYS_prctl), 1, does ? Int(SIGKILL) : 0, 0, 0, 0, 0)
  }

  /// ioctl(2) TIOCSCTTY: stdin becomes the session's controlling terminal.
  public static func takeControllingTerminal() throws(Errno) {
    try system(SYS_ioctl, 0, 0x540e, 0)
  }

  /// Whether the calling process may execute a file, by its effective ids (faccessat2(2) AT_EACCESS): ENOENT, EACCES,
  /// EISDIR for a folder, EACCES for what is no regular file.
  public static func checkExecutable(_ path: String) throws(Errno) {
    if path.utf8.contains(0) { throw .EINVAL }
    var status = stat()
    if stat(path, &status) != 0 { throw Errno(number: errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .EISDIR
    default: throw .EACCES
    }
    if faccessat(AT_FDCWD, path, X_OK, 0x200) != 0 { throw Errno(number: errno) }
  }

  /// stdin, stdout and stderr belong to the user that the process is to become, so that it can open them again by
  /// `/dev/stdout` and the like. /dev/null stays as it is. What cannot be given away is not.
  public static func giveStdio(to uid: UInt32) {
    for descriptor: Int32 in 0...2 {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_uid != uid else { continue }
      if status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == 0x103 { continue }
      _ = fchown(descriptor, uid, status.st_gid)
    }
  }

  /// A regular file's bytes, at most `limit`, in a tree that somebody else has filled: never waits for a FIFO or a
  /// device. Nil when it cannot be read.
  public static func regularContents(of path: String, limit: Int) -> [UInt8]? {
    guard let file = open(file: path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) else { return nil }
    defer { _ = Glibc.close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else { return nil }
    let size = Int(status.st_size)
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let result = Glibc.read(file, buffer.baseAddress.map { $0 + count }, size - count)
        if result < 0, errno == EINTR { continue }
        if result < 0 { failed = true }
        if result <= 0 { break }
        count += result
      }
    }
    return failed ? nil : bytes
  }
}
