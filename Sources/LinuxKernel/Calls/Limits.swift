import CLinux
import Glibc
import Runtime

/// Resource limits (prlimit(2)).
extension LinuxKernel {
  /// `pid` 0: the calling process. EINVAL for a name that is no limit.
  func prlimit(_ pid: Int, _ name: String, soft: UInt64, hard: UInt64) throws(Errno) {
    guard let resource = LinuxKernel.resources[name] else { throw .EINVAL }
    var limits = (soft, hard)
    _ = try withUnsafeMutablePointer(to: &limits) { (pointer) throws(Errno) in
      try system(SYS_prlimit64, pid, resource, Int(bitPattern: pointer), 0)
    }
  }

  /// asm-generic/resource.h.
  private static let resources: [String: Int] = [
    "RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
  ]
}
