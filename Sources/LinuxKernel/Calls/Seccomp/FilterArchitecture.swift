import CSeccomp
import OCISpec

/// An architecture of a profile: one of the ABIs whose system calls a filter tells apart.
struct FilterArchitecture: Hashable {
  /// libseccomp's token.
  var token: UInt32

  init(token: UInt32) { self.token = token }

  /// Nil for one that this libseccomp does not know: it is not this machine's, so it needs no rule.
  init?(_ name: String) {
    let prefix = "SCMP_ARCH_"
    guard name.hasPrefix(prefix) else { return nil }
    token = seccomp_arch_resolve_name(name.dropFirst(prefix.utf8.count).lowercased())
    if token == 0 { return nil }
  }

  static var native: FilterArchitecture { .init(token: seccomp_arch_native()) }

  static let x86 = FilterArchitecture(token: 0x4000_0003)
  static let x86_64 = FilterArchitecture(token: 0xc000_003e)
  static let x32 = FilterArchitecture(token: 0x4000_003e)
  static let arm = FilterArchitecture(token: 0x4000_0028)
  static let aarch64 = FilterArchitecture(token: 0xc000_00b7)
  static let s390 = FilterArchitecture(token: 0x16)
  static let s390x = FilterArchitecture(token: 0x8000_0016)

  /// What the kernel calls it (AUDIT_ARCH_…): x32 is x86-64 with bit 30 in its numbers.
  var kernelToken: UInt32 { self == .x32 ? FilterArchitecture.x86_64.token : token }
  /// Bit 30 of x32's numbers.
  static let x32Bit: UInt32 = 0x4000_0000

  var has64BitArguments: Bool { self == .x86_64 || self == .aarch64 }

  /// The number of a system call; nil when there is none of that name, negative when it has none here (libseccomp's
  /// pseudo numbers).
  func number(of name: UnsafePointer<CChar>) -> Int32? {
    let number = seccomp_syscall_resolve_name_arch(token, name)
    return number == -1 ? nil : number
  }

  /// The architectures of a profile: those that it names, and always the machine's own.
  static func all(of profile: RuntimeSpec.Seccomp) -> [FilterArchitecture] {
    var all: [FilterArchitecture] = [native]
    for name in profile.architectures {
      if let architecture = FilterArchitecture(name), !all.contains(architecture) { all.append(architecture) }
    }
    return all
  }
}

/// System calls that have come since libseccomp's table was made: their numbers are the same on every architecture here.
enum RecentCalls {
  static func number(_ name: String, _ architecture: FilterArchitecture) -> Int32? {
    guard let index = names.firstIndex(of: name) else { return nil }
    let number = Int32(452 + index)
    switch architecture {
    case .x86, .x86_64, .arm, .aarch64: return number
    case .x32: return number | Int32(FilterArchitecture.x32Bit)
    default: return nil
    }
  }
  private static let names = [
    "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
    "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat", "listxattrat",
    "removexattrat", "open_tree_attr", "file_getattr", "file_setattr",
  ]
}

/// i386's calls that also come through one number, with the call in the first argument (socketcall(2), ipc(2)).
enum MultiplexedCalls {
  /// From libseccomp's pseudo number: the multiplexer's number, the call's number in it, and its own number, if any.
  static func call(_ pseudo: Int32) -> (multiplexer: UInt32, argument: UInt64, number: UInt32?)? {
    switch pseudo {
    case -120 ... -101: (102, UInt64(-pseudo - 100), socket[-pseudo - 100])
    case -224 ... -201: (117, UInt64(-pseudo - 200), ipc[-pseudo - 200])
    default: nil
    }
  }
  private static let socket: [Int32: UInt32] = [
    1: 359, 2: 361, 3: 362, 4: 363, 6: 367, 7: 368, 8: 360, 11: 369, 12: 371, 13: 373, 14: 366, 15: 365, 16: 370,
    17: 372, 18: 364, 19: 337, 20: 345,
  ]
  private static let ipc: [Int32: UInt32] = [
    2: 393, 3: 394, 11: 400, 12: 401, 13: 399, 14: 402, 21: 397, 22: 398, 23: 395, 24: 396,
  ]
}
