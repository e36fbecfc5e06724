import CLinux
import Glibc
import JSONTree
import Runtime

/// Calls that a plan has by name only.
extension LinuxKernel {
  func perform(other name: String, _ arguments: JSON) throws(Errno) {
    switch name {
    case "umask":
      guard let mask = UInt32(arguments["mask"]?.string ?? "", radix: 8) else { throw .EINVAL }
      umask(mask)
    case "fchdir": try enterOldRoot()
    case "close_range":
      let first = arguments["first"]?.int ?? 3
      let flags = arguments["flags"]?.string == "CLOSE_RANGE_CLOEXEC" ? 4 : 0
      try system(SYS_close_range, Int(first), Int(UInt32.max), flags)
    case "keyctl":
      guard let name = arguments["name"]?.string else { throw .EINVAL }
      try system(with: name) { clinux_call(Int(SYS_keyctl), 1 /* JOIN_SESSION_KEYRING */, $0, 0, 0, 0, 0) }
    case "prctl":
      guard arguments["option"]?.string == "PR_SET_NAME", let name = arguments["name"]?.string else {
        throw .EINVAL
      }
      try setName(name)
    default: throw .ENOSYS
    }
  }
}
