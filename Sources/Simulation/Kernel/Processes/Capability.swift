import Runtime

/// The capabilities of Linux by number (capabilities(7)).
enum Capability: UInt8, CaseIterable, Sendable {
  case chown, dacOverride, dacReadSearch, fowner, fsetid, kill, setgid, setuid, setpcap, linuxImmutable
  case netBindService, netBroadcast, netAdmin, netRaw, ipcLock, ipcOwner, sysModule, sysRawio, sysChroot, sysPtrace
  case sysPacct, sysAdmin, sysBoot, sysNice, sysResource, sysTime, sysTtyConfig, mknod, lease, auditWrite
  case auditControl, setfcap, macOverride, macAdmin, syslog, wakeAlarm, blockSuspend, auditRead, perfmon, bpf
  case checkpointRestore

  /// `CAP_SYS_ADMIN`, by number.
  static let names = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]
  private static let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, UInt8($0)) })

  init?(name: String) {
    guard let number = Capability.numbers[name] else { return nil }
    self.init(rawValue: number)
  }
}

/// A set of capabilities, as `/proc/PID/status` writes it.
struct CapabilityMask: Sendable, Hashable {
  var bits: UInt64
  static let none = CapabilityMask(bits: 0)
  static let all = CapabilityMask(bits: (1 << 41) - 1)

  init(bits: UInt64) { self.bits = bits }
  /// EINVAL for a name that the kernel does not know.
  init(names: [String]) throws(Errno) {
    bits = 0
    for name in names {
      guard let capability = Capability(name: name) else { throw .EINVAL }
      bits |= 1 << UInt64(capability.rawValue)
    }
  }
  func contains(_ capability: Capability) -> Bool { bits & 1 << UInt64(capability.rawValue) != 0 }
  func isSubset(of other: CapabilityMask) -> Bool { bits & ~other.bits == 0 }
  static func & (a: Self, b: Self) -> Self { Self(bits: a.bits & b.bits) }
  static func | (a: Self, b: Self) -> Self { Self(bits: a.bits | b.bits) }
  /// 16 hexadecimal digits.
  var hex: String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
  /// By number.
  var names: [String] { Capability.allCases.filter(contains).map { Capability.names[Int($0.rawValue)] } }
}

/// Who a process is and what it may do (credentials(7)); ids are the kernel's own.
struct Credentials {
  var ruid: UInt32 = 0
  var euid: UInt32 = 0
  var suid: UInt32 = 0
  var rgid: UInt32 = 0
  var egid: UInt32 = 0
  var sgid: UInt32 = 0
  var groups: [UInt32] = []
  var bounding = CapabilityMask.all
  var effective = CapabilityMask.all
  var permitted = CapabilityMask.all
  var inheritable = CapabilityMask.none
  var ambient = CapabilityMask.none
  /// PR_SET_KEEPCAPS.
  var keepsCapabilities = false
  var noNewPrivileges = false
  var userNamespace: UserNamespace

  /// Whether the process has a capability over what `namespace` owns: its effective set counts in its own user namespace
  /// and those below it; who made a namespace has all in it.
  func has(_ capability: Capability, in namespace: UserNamespace) -> Bool {
    var here = namespace
    while true {
      if here === userNamespace { return effective.contains(capability) }
      guard here.level > userNamespace.level, let above = here.above else { return false }
      if above === userNamespace, here.creator == euid { return true }
      here = above
    }
  }

  func isMember(of group: UInt32) -> Bool { egid == group || groups.contains(group) }

  /// setresuid(2) with one number for all three: what becomes of the capabilities when root is given up.
  mutating func setUser(_ id: UInt32) {
    let root = userNamespace.kernelUser(0)
    let wasRoot = ruid == root || euid == root || suid == root
    let wasEffective = euid == root
    (ruid, euid, suid) = (id, id, id)
    if wasRoot, id != root {
      if !keepsCapabilities { permitted = .none }
      ambient = .none
    }
    if wasEffective, id != root { effective = .none }
    if !wasEffective, id == root { effective = permitted }
    if !keepsCapabilities, wasRoot, id != root { effective = .none }
  }

  mutating func setGroup(_ id: UInt32) { (rgid, egid, sgid) = (id, id, id) }

  /// capset(2).
  mutating func capset(_ sets: CapabilitySets) throws(Errno) {
    let newEffective = try CapabilityMask(names: sets.effective)
    let newPermitted = try CapabilityMask(names: sets.permitted)
    let newInheritable = try CapabilityMask(names: sets.inheritable)
    guard newPermitted.isSubset(of: permitted), newEffective.isSubset(of: newPermitted) else { throw .EPERM }
    let mayAdd = has(.setpcap, in: userNamespace)
    guard newInheritable.isSubset(of: inheritable | (mayAdd ? bounding : permitted & bounding)) else { throw .EPERM }
    (effective, permitted, inheritable) = (newEffective, newPermitted, newInheritable)
    ambient = ambient & permitted & inheritable
  }

  mutating func dropBounding(_ names: [String]) throws(Errno) {
    let mask = try CapabilityMask(names: names)
    guard has(.setpcap, in: userNamespace) else { throw .EPERM }
    bounding.bits &= ~mask.bits
  }

  mutating func setAmbient(_ names: [String]) throws(Errno) {
    let mask = try CapabilityMask(names: names)
    guard mask.isSubset(of: permitted & inheritable) else { throw .EPERM }
    ambient = mask
  }

  /// What execve(2) makes of the sets (capabilities(7), "Transformation of capabilities during execve()").
  ///
  /// - Parameter file: the executable's owner and mode, and its `security.capability`, as far as they count (no nosuid).
  mutating func executed(setuid: UInt32?, setgid: UInt32?, file: FileCapabilities?) {
    let root = userNamespace.kernelUser(0)
    if let setuid { (euid, suid) = (setuid, setuid) } else { suid = euid }
    if let setgid { (egid, sgid) = (setgid, setgid) } else { sgid = egid }
    var filePermitted = file?.permitted ?? .none
    var fileInheritable = file?.inheritable ?? .none
    var fileEffective = file?.effective ?? false
    // Root's files have everything, unless they say otherwise and only the effective user is root.
    if ruid == root || euid == root {
      filePermitted = .all
      fileInheritable = .all
    }
    if euid == root { fileEffective = true }
    let isPrivileged = file != nil || setuid != nil || setgid != nil
    let newAmbient = isPrivileged ? CapabilityMask.none : ambient
    permitted = (inheritable & fileInheritable) | (filePermitted & bounding) | newAmbient
    effective = fileEffective ? permitted : newAmbient
    ambient = newAmbient
    keepsCapabilities = false
  }
}

/// `security.capability` of an executable (linux/capability.h, vfs_cap_data revisions 2 and 3).
struct FileCapabilities {
  var permitted: CapabilityMask
  var inheritable: CapabilityMask
  var effective: Bool

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 20 else { return nil }
    func word(_ index: Int) -> UInt64 {
      (0..<4).reduce(0) { $0 | UInt64(bytes[index * 4 + $1]) << UInt64($1 * 8) }
    }
    let magic = word(0)
    guard [0x0200_0000, 0x0300_0000].contains(magic & 0xff00_0000) else { return nil }
    effective = magic & 1 != 0
    permitted = CapabilityMask(bits: word(1) | word(3) << 32)
    inheritable = CapabilityMask(bits: word(2) | word(4) << 32)
  }
}
