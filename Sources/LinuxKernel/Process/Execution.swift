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
