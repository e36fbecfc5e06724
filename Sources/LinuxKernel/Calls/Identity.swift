import CCap
import CLinux
import Glibc
import Runtime

/// Users, groups, capabilities and the flags of prctl(2).
extension LinuxKernel {
  func setgroups(_ groups: [UInt32]) throws(Errno) {
    let result = groups.withUnsafeBufferPointer {
      clinux_call(Int(SYS_setgroups), $0.count, Int(bitPattern: $0.baseAddress), 0, 0, 0, 0)
    }
    try checked(result)
  }

  // MARK: Capabilities

  /// The number of a capability, as libcap knows it; nil for a name that is none.
  static func capability(_ name: String) -> Int32? {
    if name.utf8.contains(0) { return nil }
    var value: cap_value_t = 0
    return cap_from_name(name, &value) == 0 ? value : nil
  }

  /// How many capabilities the running kernel has: CAP_LAST_CAP and one.
  public static var capabilityCount: Int32 { cap_max_bits() }

  /// The numbers of those that the running kernel has; a runtime passes over the others (config.md, "Linux Process").
  private static func capabilities(_ names: [String]) -> [cap_value_t] {
    let count = capabilityCount
    return names.compactMap { capability($0) }.filter { $0 < count }
  }

  /// PR_CAPBSET_DROP for each, and for those that the kernel has but nobody knows a name of yet.
  func dropBounding(_ names: [String]) throws(Errno) {
    let count = LinuxKernel.capabilityCount
    for value in LinuxKernel.capabilities(names) where cap_drop_bound(value) != 0 { throw Errno(number: errno) }
    for value in cap_value_t(CapabilityNames.all.count)..<max(count, cap_value_t(CapabilityNames.all.count))
    where cap_drop_bound(value) != 0 { throw Errno(number: errno) }
  }

  /// capset(2): exactly these.
  func capset(_ sets: CapabilitySets) throws(Errno) {
    guard let state = cap_init() else { throw .ENOMEM }
    defer { cap_free(UnsafeMutableRawPointer(state)) }
    for (flag, names) in [
      (CAP_EFFECTIVE, sets.effective), (CAP_PERMITTED, sets.permitted), (CAP_INHERITABLE, sets.inheritable),
    ] {
      let values = LinuxKernel.capabilities(names)
      if values.isEmpty { continue }
      guard cap_set_flag(state, flag, Int32(values.count), values, CAP_SET) == 0 else { throw Errno(number: errno) }
    }
    guard cap_set_proc(state) == 0 else { throw Errno(number: errno) }
  }

  /// The ambient set: exactly these. Each must be permitted and inheritable, or EPERM.
  func setAmbient(_ names: [String]) throws(Errno) {
    guard cap_reset_ambient() == 0 else { throw Errno(number: errno) }
    for value in LinuxKernel.capabilities(names) where cap_set_ambient(value, CAP_SET) != 0 {
      throw Errno(number: errno)
    }
  }

  // MARK: prctl

  func prctl(_ option: String, _ value: UInt64) throws(Errno) {
    guard let number = LinuxKernel.options[option] else { throw .EINVAL }
    try system(SYS_prctl, number, Int(truncatingIfNeeded: value))
  }

  /// PR_SET_NAME.
  func setName(_ name: String) throws(Errno) {
    try system(with: name) { clinux_call(Int(SYS_prctl), 15, $0, 0, 0, 0, 0) }
  }

  private static let options: [String: Int] = [
    "PR_SET_PDEATHSIG": 1, "PR_SET_DUMPABLE": 4, "PR_SET_KEEPCAPS": 8, "PR_SET_SECUREBITS": 28,
    "PR_SET_CHILD_SUBREAPER": 36, "PR_SET_NO_NEW_PRIVS": 38,
  ]
}
