import OCISpec

/// The capabilities of Linux 6 (capabilities(7)), in the order of their numbers.
public enum CapabilityNames {
  public static let all: [String] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]

  /// Those of `names` that Linux knows: a runtime warns of the others and goes on (config.md, "Linux Process").
  static func existing(_ names: [String]) -> [String] {
    names.allSatisfy(all.contains) ? names : names.filter(all.contains)
  }

  /// The five sets as far as they can be had: names that Linux knows; effective and ambient ones must be permitted,
  /// ambient ones inheritable too, inheritable ones bounding (capset(2), PR_CAP_AMBIENT). The bounding set is as given.
  static func granted(_ sets: RuntimeSpec.Capabilities) -> RuntimeSpec.Capabilities {
    var granted = sets
    granted.permitted = existing(sets.permitted)
    granted.effective = existing(sets.effective).filter(granted.permitted.contains)
    granted.inheritable = existing(sets.inheritable).filter(sets.bounding.contains)
    granted.ambient = existing(sets.ambient).filter {
      granted.permitted.contains($0) && granted.inheritable.contains($0)
    }
    return granted
  }

  /// Whether every name is one that Linux knows.
  public static func areKnown(_ sets: RuntimeSpec.Capabilities) -> Bool {
    sets.bounding.allSatisfy(all.contains) && sets.permitted.allSatisfy(all.contains)
      && sets.effective.allSatisfy(all.contains) && sets.inheritable.allSatisfy(all.contains)
      && sets.ambient.allSatisfy(all.contains)
  }

  /// What a configuration asks for and `granted` leaves out, for a warning (config.md, "Linux Process"); sorted.
  public static func refused(_ sets: RuntimeSpec.Capabilities) -> [String] {
    let granted = granted(sets)
    var refused = Set(sets.bounding.filter { !all.contains($0) })
    for (asked, given) in [
      (sets.permitted, granted.permitted), (sets.effective, granted.effective),
      (sets.inheritable, granted.inheritable), (sets.ambient, granted.ambient),
    ] { refused.formUnion(asked.filter { !given.contains($0) }) }
    return refused.sorted()
  }

  /// Every capability that is not among `names`: what is dropped from the bounding set that keeps them.
  static func except(_ names: [String]) -> [String] {
    all.filter { !names.contains($0) }
  }
}
