import Seams

/// Capabilities of containers (capabilities(7); moby's caps).
enum ContainerCapabilities {
  /// What every container gets.
  static let defaults = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
  ]

  /// All that Linux has, by number.
  static let all = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]

  private static let known = Set(all)

  /// Upper case, with `CAP_`; `ALL` stays. Refuses `unknown capability: "CAP_X"`.
  static func normalise(_ names: [String]) throws(EngineError) -> [String] {
    var normal: [String] = []
    for name in names {
      var name = name.uppercased()
      if name != "ALL" {
        if !name.hasPrefix("CAP_") { name = "CAP_" + name }
        guard known.contains(name) else {
          throw EngineError(.invalidArgument, "unknown capability: \"\(name)\"")
        }
      }
      normal.append(name)
    }
    return normal
  }

  /// The defaults with what is added and dropped.
  static func tweak(add: [String], drop: [String], privileged: Bool) throws(EngineError) -> [String] {
    if privileged { return all }
    if add.isEmpty, drop.isEmpty { return defaults }
    let (drop, add) = (try normalise(drop), try normalise(add))
    if add.contains("ALL") { return all.filter { !drop.contains($0) } }
    if drop.contains("ALL") { return add }
    return defaults.filter { !drop.contains($0) } + add
  }
}
