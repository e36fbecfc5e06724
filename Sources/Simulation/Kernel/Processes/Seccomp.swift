import OCISpec
import Runtime

/// A seccomp filter (seccomp(2)), as libseccomp would have compiled it from a profile.
final class SeccompFilter {
  let profile: RuntimeSpec.Seccomp
  /// Rules by system call.
  private let rules: [String: [RuntimeSpec.Seccomp.Rule]]

  init(_ profile: RuntimeSpec.Seccomp) {
    self.profile = profile
    var rules: [String: [RuntimeSpec.Seccomp.Rule]] = [:]
    for rule in profile.syscalls { for name in rule.names { rules[name, default: []].append(rule) } }
    self.rules = rules
  }

  /// What becomes of a system call: nothing, an errno, or death (`ENOSYS` of nobody: see `Verdict`).
  enum Verdict: Hashable {
    case allow
    case fail(Errno)
    case kill
  }

  func verdict(_ call: String, _ arguments: [UInt64] = []) -> Verdict {
    for rule in rules[call] ?? [] where rule.args.allSatisfy({ SeccompFilter.holds($0, arguments) }) {
      return SeccompFilter.verdict(rule.action, rule.errnoRet)
    }
    return SeccompFilter.verdict(profile.defaultAction, profile.defaultErrnoRet)
  }

  private static func holds(_ argument: RuntimeSpec.Seccomp.Argument, _ arguments: [UInt64]) -> Bool {
    let index = Int(argument.index)
    let value = index < arguments.count ? arguments[index] : 0
    return switch argument.op {
    case .notEqual: value != argument.value
    case .less: value < argument.value
    case .lessOrEqual: value <= argument.value
    case .equal: value == argument.value
    case .greaterOrEqual: value >= argument.value
    case .greater: value > argument.value
    case .maskedEqual: value & argument.value == argument.valueTwo
    }
  }

  private static func verdict(_ action: RuntimeSpec.Seccomp.Action, _ number: UInt32?) -> Verdict {
    switch action {
    case .allow, .log: .allow
    case .errno: .fail(Errno.named(Int32(clamping: number ?? 1)))
    case .trace: .fail(number.map { Errno.named(Int32(clamping: $0)) } ?? .ENOSYS)
    case .notify: .fail(.ENOSYS)
    case .kill, .killProcess, .killThread, .trap: .kill
    }
  }
}

extension KernelState {
  /// The filter of a profile. Containers share the few profiles that there are.
  func seccompFilter(_ profile: RuntimeSpec.Seccomp) -> SeccompFilter {
    if let known = seccompCache.first(where: { $0.profile == profile }) { return known }
    let filter = SeccompFilter(profile)
    if seccompCache.count >= 16 { seccompCache.removeFirst() }
    seccompCache.append(filter)
    return filter
  }

  /// Asks the filter of `current` about a system call.
  func admit(_ call: String, _ arguments: [UInt64] = []) throws(Errno) {
    guard let process = current, let filter = process.seccomp else { return }
    switch filter.verdict(call, arguments) {
    case .allow: return
    case .fail(let error): throw error
    case .kill:
      signal(process, Signal.sys, from: nil, force: true)
      if process.isAlive { terminate(process, Signal.sys) }
      throw .EPERM
    }
  }
}

extension Errno {
  private static let known: [Int32: Errno] = Dictionary(
    uniqueKeysWithValues: [
      EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST,
      EXDEV,
      ENODEV, ENOTDIR, EISDIR, EINVAL, EMFILE, ETXTBSY, EFBIG, ENOSPC, EROFS, EPIPE, ERANGE, ENAMETOOLONG, ENOSYS,
      ENOTEMPTY,
      ELOOP, EOPNOTSUPP, EADDRINUSE, EADDRNOTAVAIL, ENETUNREACH, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH,
    ].map { ($0.code, $0) })

  /// The error of a number; those without a name here are told by it.
  static func named(_ code: Int32) -> Errno { known[code] ?? Errno(code, "E\(code)", "errno \(code)") }
}
