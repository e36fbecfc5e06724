import CLinux
import Glibc
import JSONTree
import OCISpec
import Runtime

/// A profile, compiled.
public struct SeccompFilter: Sendable {
  let program: [FilterInstruction]
  /// Of seccomp(2).
  let flags: Int
  public let notifies: Bool

  /// How many instructions; the kernel takes 4096.
  public var count: Int { program.count }

  /// EINVAL, with `words`, for what must not be asked for.
  public init(_ profile: RuntimeSpec.Seccomp, words: inout String?) throws(Errno) {
    if profile.defaultAction == .notify {
      words = "SCMP_ACT_NOTIFY cannot be used as default action"
      throw .EINVAL
    }
    notifies = profile.syscalls.contains { $0.action == .notify }
    // The descriptor could not be passed on any more.
    if profile.syscalls.contains(where: { $0.action == .notify && $0.names.contains("write") }) {
      words = "SCMP_ACT_NOTIFY cannot be used for the write syscall"
      throw .EINVAL
    }
    flags = SeccompFilter.flags(profile.flags, notifies: notifies)
    let rules = FilterRules(profile)
    let compiler = FilterCompiler(rules: rules)
    if rules.isPlain {
      let program = compiler.program()
      if program.count <= SeccompFilter.longest {
        self.program = program
        return
      }
    }
    program = compiler.prologue() + (try FilterLibrary.program(profile))
    if program.count > SeccompFilter.longest {
      words = "the filter is longer than the kernel takes"
      throw .EINVAL
    }
  }
  private static let longest = 4096

  private static func flags(_ names: [String], notifies: Bool) -> Int {
    var flags = 0
    for name in names {
      switch name {
      case "SECCOMP_FILTER_FLAG_TSYNC": flags |= 1
      case "SECCOMP_FILTER_FLAG_LOG": flags |= 2
      case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": flags |= 4
      case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": flags |= 32
      default: break
      }
    }
    // Without any, as runc: no mitigations against speculation that the profile does not ask for.
    if names.isEmpty { flags = 4 }
    if notifies {
      flags |= 8
      // NEW_LISTENER and TSYNC together need TSYNC_ESRCH: both want to say something by the result.
      if flags & 1 != 0 { flags |= 16 }
    } else {
      // WAIT_KILLABLE_RECV is for listeners: without one the kernel refuses it.
      flags &= ~32
    }
    return flags
  }
}

extension LinuxKernel {
  /// Compiles the profile for the `seccomp` call to come, in this process or in one forked from it.
  public func prepare(_ profile: RuntimeSpec.Seccomp) throws(Errno) {
    var words: String?
    do throws(Errno) {
      let filter = try SeccompFilter(profile, words: &words)
      kept.withLock { $0.filter = (profile, filter) }
    } catch {
      kept.withLock { [words] in $0.detail = words }
      throw error
    }
  }

  /// seccomp(2) SECCOMP_SET_MODE_FILTER. The result is the notify descriptor when a rule has SCMP_ACT_NOTIFY, else 0.
  func seccomp(_ profile: RuntimeSpec.Seccomp) throws(Errno) -> Int {
    var filter = kept.withLock { $0.filter?.profile == profile ? $0.filter?.filter : nil }
    if filter == nil {
      try prepare(profile)
      filter = kept.withLock { $0.filter?.filter }
    }
    guard let filter else { throw .EINVAL }
    let result = filter.program.withUnsafeBufferPointer { program -> Int in
      // struct sock_fprog: a length, a pointer.
      var header = (UInt(program.count), UInt(bitPattern: program.baseAddress))
      return withUnsafeMutablePointer(to: &header) {
        clinux_call(Int(SYS_seccomp), 1, filter.flags, Int(bitPattern: $0), 0, 0, 0)
      }
    }
    return try checked(result)
  }
}
