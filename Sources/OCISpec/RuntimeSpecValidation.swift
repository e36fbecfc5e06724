import JSONTree

extension RuntimeSpec {
  /// What a configuration is checked against besides itself.
  public struct Surroundings: Sendable, Hashable {
    /// The runtime is not root (of its user namespace).
    public var rootless: Bool
    /// Cgroup v2 alone, without v1 hierarchies.
    public var unifiedCgroups: Bool
    /// `--no-pivot`.
    public var noPivot: Bool
    /// `--systemd-cgroup`.
    public var systemdCgroup: Bool
    public var hasSELinux: Bool
    public var hasIntelRdt: Bool
    public init(
      rootless: Bool = false, unifiedCgroups: Bool = true, noPivot: Bool = false, systemdCgroup: Bool = false,
      hasSELinux: Bool = false, hasIntelRdt: Bool = false
    ) {
      (self.rootless, self.unifiedCgroups, self.noPivot) = (rootless, unifiedCgroups, noPivot)
      (self.systemdCgroup, self.hasSELinux, self.hasIntelRdt) = (systemdCgroup, hasSELinux, hasIntelRdt)
    }
  }

  private static func refuse(_ message: String) -> Invalid { Invalid("", message) }
}

extension RuntimeSpec.Process {
  /// What every process must have, in runc's words.
  public func validate(hasSELinux: Bool = false) throws(RuntimeSpec.Invalid) {
    guard !cwd.isEmpty else { throw .init("", "Cwd property must not be empty") }
    guard cwd.utf8.first == UInt8(ascii: "/") else { throw .init("", "Cwd must be an absolute path") }
    guard !args.isEmpty else { throw .init("", "args must not be empty") }
    if !selinuxLabel.isEmpty, !hasSELinux {
      throw .init("", "selinux label is specified in config, but selinux is disabled or not supported")
    }
    for (index, argument) in args.enumerated() where argument.holdsNUL {
      throw .init("process.args[\(index)]", "invalid argument: contains nul byte (\\x00)")
    }
    // setresuid(2) and setresgid(2) take it for "as it is": the program would stay root.
    for (name, id) in [("uid", user.uid), ("gid", user.gid)] where id == .max {
      throw .init("process.user.\(name)", "\(id) is nobody's id")
    }
    for field in [cwd, apparmorProfile, selinuxLabel] where field.holdsNUL {
      throw .init("process", "invalid argument: contains nul byte (\\x00)")
    }
    for entry in env {
      let name = entry.utf8.prefix { $0 != UInt8(ascii: "=") }
      guard name.count < entry.utf8.count else { throw .init("", "invalid environment variable: missing '='") }
      guard !name.isEmpty else { throw .init("", "invalid environment variable: name cannot be empty") }
      if entry.holdsNUL {
        throw .init("", "invalid environment variable \(quoted(String(Substring(name)))): contains nul byte (\\x00)")
      }
    }
    for rlimit in rlimits {
      guard RuntimeSpec.Rlimit.types.contains(rlimit.type) else {
        throw .init("", "wrong rlimit value: \(rlimit.type)")
      }
    }
    for (index, rlimit) in rlimits.enumerated() where rlimits[..<index].contains(where: { $0.type == rlimit.type }) {
      throw .init("", "duplicated rlimit \(rlimit.type)")
    }
    try validateScheduling()
  }

  private func validateScheduling() throws(RuntimeSpec.Invalid) {
    if let scheduler {
      guard !scheduler.policy.isEmpty else { throw .init("", "scheduler policy is required") }
      guard RuntimeSpec.Scheduler.policies.contains(scheduler.policy) else {
        throw .init("", "invalid scheduler policy: \(scheduler.policy)")
      }
      if scheduler.policy == "SCHED_OTHER" || scheduler.policy == "SCHED_BATCH", !(-20...19).contains(scheduler.nice) {
        throw .init("", "invalid scheduler.nice: \(scheduler.nice) when scheduler.policy is \(scheduler.policy)")
      }
      if scheduler.priority != 0, scheduler.policy != "SCHED_FIFO", scheduler.policy != "SCHED_RR" {
        throw .init("", "scheduler.priority can only be specified for SchedFIFO or SchedRR policy")
      }
      if scheduler.policy != "SCHED_DEADLINE",
        scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0
      {
        throw .init("", "scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
      }
      for flag in scheduler.flags where !RuntimeSpec.Scheduler.flagNames.contains(flag) {
        throw .init("", "invalid scheduler flag: \(flag)")
      }
    }
    if let ioPriority {
      guard (0...7).contains(ioPriority.priority) else {
        throw .init("", "invalid ioPriority.Priority: \(ioPriority.priority)")
      }
      guard RuntimeSpec.IOPriority.classes.contains(ioPriority.type) else {
        throw .init("", "invalid ioPriority.Class: \(quoted(ioPriority.type))")
      }
    }
    if let execCPUAffinity {
      for (name, list) in [("initial", execCPUAffinity.initial), ("final", execCPUAffinity.final)] where !list.isEmpty {
        guard RuntimeSpec.isIDList(list) else { throw .init("", "bad CPUAffinity.\(name): invalid CPU list \(list)") }
      }
    }
  }
}

extension RuntimeSpec.Config {
  private typealias Invalid = RuntimeSpec.Invalid

  /// Checks every rule of the specification and runc's own that need nothing of the host but `surroundings`.
  /// The words are runc's.
  public func validate(_ surroundings: RuntimeSpec.Surroundings = .init()) throws(RuntimeSpec.Invalid) {
    guard let process else { throw Invalid("", "process property must not be empty") }
    try process.validate(hasSELinux: surroundings.hasSELinux)
    guard !ociVersion.isEmpty else { throw Invalid("ociVersion", "must be specified") }
    guard RuntimeSpec.isVersion(ociVersion) else {
      throw Invalid("ociVersion", "\(quoted(ociVersion)) is not in SemVer v2.0.0 format")
    }
    guard ociVersion.utf8.first == UInt8(ascii: "1"), ociVersion.utf8.dropFirst().first == UInt8(ascii: ".") else {
      throw Invalid("ociVersion", "version \(quoted(ociVersion)) is not supported: this runtime knows 1.0.0 to 1.3.0")
    }
    guard let root, !root.path.isEmpty else { throw Invalid("", "root must be specified") }
    for (field, text) in [("root.path", root.path), ("hostname", hostname), ("domainname", domainname)] {
      try refuseNUL(text, field)
    }
    for (index, mount) in mounts.enumerated() { try validate(mount, index) }
    try validateHooks()
    if annotations[""] != nil { throw Invalid("annotations", "keys must not be an empty string") }
    if let linux { try validate(linux, surroundings) }
    try validateNamespaces(surroundings)
    for mount in mounts { try validateIDMap(mount, surroundings) }
  }

  private func validate(_ mount: RuntimeSpec.Mount, _ index: Int) throws(RuntimeSpec.Invalid) {
    guard !mount.destination.isEmpty else { throw Invalid("mounts[\(index)].destination", "must be specified") }
    for field in [mount.destination, mount.source, mount.type] + mount.options where field.holdsNUL {
      throw Invalid("", "invalid mount \(mount.destination): mount field contains null byte")
    }
    let options = mount.parsedOptions
    if options.flags.contains(.bind) {
      guard options.data.isEmpty else {
        throw Invalid(
          "",
          "invalid mount \(mount.destination): bind mounts cannot have any filesystem-specific options applied")
      }
    }
    if options.tmpcopyup, mount.type != "tmpfs" {
      throw Invalid("", "invalid mount \(mount.destination): tmpcopyup can be used only with tmpfs")
    }
  }

  private func validateIDMap(_ mount: RuntimeSpec.Mount, _ around: RuntimeSpec.Surroundings) throws(RuntimeSpec.Invalid)
  {
    let options = mount.parsedOptions
    guard options.idmap || !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty else { return }
    let prefix = "invalid mount \(mount.destination): "
    guard options.flags.contains(.bind) else {
      throw Invalid("", prefix + "id-mapped mounts are only supported for bind-mounts")
    }
    guard !around.rootless else {
      throw Invalid("", prefix + "id-mapped mounts are not supported for rootless containers")
    }
    let ofContainer = linux?.namespace(.user) != nil && mount.uidMappings.isEmpty && mount.gidMappings.isEmpty
    guard ofContainer || (!mount.uidMappings.isEmpty && !mount.gidMappings.isEmpty) else {
      throw Invalid("", prefix + "id-mapped mounts must have both uid and gid mappings specified")
    }
  }

  private func validateHooks() throws(RuntimeSpec.Invalid) {
    for stage in RuntimeSpec.HookStage.allCases {
      for (index, hook) in hooks[stage].enumerated() {
        let path = "hooks.\(stage.rawValue)[\(index)]"
        guard hook.path.utf8.first == UInt8(ascii: "/") else {
          throw Invalid(path + ".path", "must be an absolute path, not \(quoted(hook.path))")
        }
        for text in [hook.path] + hook.args + hook.env { try refuseNUL(text, path) }
        if let timeout = hook.timeout, timeout <= 0 {
          throw Invalid(path + ".timeout", "must be greater than zero")
        }
      }
    }
  }

  private func validateNamespaces(_ around: RuntimeSpec.Surroundings) throws(RuntimeSpec.Invalid) {
    let linux = linux ?? RuntimeSpec.Linux()
    let has = { (kind: RuntimeSpec.NamespaceKind) -> Bool in linux.namespace(kind) != nil }
    if !linux.netDevices.isEmpty {
      guard has(.network) else { throw Invalid("", "unable to move network devices without a NET namespace") }
      guard !around.rootless else {
        throw Invalid("", "network devices are not supported for rootless containers")
      }
      for (name, new) in linux.netDevices.sorted(by: { $0.key < $1.key }) {
        for name in [name, new.isEmpty ? name : new] where !RuntimeSpec.isInterfaceName(name) {
          throw Invalid("", "invalid network device name \(quoted(name))")
        }
      }
    }
    if !hostname.isEmpty, !has(.uts) {
      throw Invalid("", "unable to set hostname without a private UTS namespace")
    }
    if !domainname.isEmpty, !has(.uts) {
      throw Invalid("", "unable to set domainname without a private UTS namespace")
    }
    if !linux.maskedPaths.isEmpty || !linux.readonlyPaths.isEmpty, !has(.mount) {
      throw Invalid("", "unable to restrict sys entries without a private MNT namespace")
    }
    let mapped = !linux.uidMappings.isEmpty || !linux.gidMappings.isEmpty
    if let user = linux.namespace(.user) {
      if user.path.isEmpty, !mapped {
        throw Invalid("", "user namespaces enabled, but no namespace path to join nor mappings to apply specified")
      }
    } else if mapped {
      throw Invalid("", "user namespace mappings specified, but user namespace isn't enabled in the config")
    }
    if !linux.timeOffsets.isEmpty {
      guard let time = linux.namespace(.time) else {
        throw Invalid("", "time namespace offsets specified, but time namespace isn't enabled in the config")
      }
      guard time.path.isEmpty else {
        throw Invalid(
          "",
          "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one")
      }
      for (clock, offset) in linux.timeOffsets {
        guard clock == "monotonic" || clock == "boottime" else {
          throw Invalid("linux.timeOffsets", "clock \(quoted(clock)) is neither monotonic nor boottime")
        }
        guard offset.nanosecs < 1_000_000_000 else {
          throw Invalid("linux.timeOffsets.\(clock).nanosecs", "must be below 1000000000")
        }
      }
    }
    for key in linux.sysctl.keys.sorted() { try validate(sysctl: key, linux) }
    if around.rootless { try validateRootless(linux) }
  }

  private func validateRootless(_ linux: RuntimeSpec.Linux) throws(RuntimeSpec.Invalid) {
    guard let user = linux.namespace(.user) else {
      throw Invalid("", "rootless container requires user namespaces")
    }
    if user.path.isEmpty {
      guard !linux.uidMappings.isEmpty else {
        throw Invalid("", "rootless containers requires at least one UID mapping")
      }
      guard !linux.gidMappings.isEmpty else {
        throw Invalid("", "rootless containers requires at least one GID mapping")
      }
    }
    for mount in mounts {
      for option in mount.parsedOptions.data.split(separator: ",") {
        let maps: [RuntimeSpec.IDMapping]
        if option.hasPrefix("uid=") {
          maps = linux.uidMappings
        } else if option.hasPrefix("gid=") {
          maps = linux.gidMappings
        } else {
          continue
        }
        guard let id = UInt32(option.dropFirst(4)), RuntimeSpec.hostID(id, maps) == nil else { continue }
        throw Invalid(
          "",
          "cannot specify \(option) mount option for rootless container: container id \(id) cannot be mapped to a host id"
        )
      }
    }
    if let groups = process?.user.additionalGids, !groups.isEmpty {
      throw Invalid("", "cannot set any additional groups in a rootless container")
    }
  }

  /// A sysctl must belong to a namespace that the container has for itself.
  private func validate(sysctl key: String, _ linux: RuntimeSpec.Linux) throws(RuntimeSpec.Invalid) {
    let name = RuntimeSpec.dotted(sysctl: key)
    let has = { (kind: RuntimeSpec.NamespaceKind) -> Bool in linux.namespace(kind) != nil }
    guard !name.isEmpty, !RuntimeSpec.hasTwoDots(key) else {
      throw Invalid("", "sysctl \(quoted(key)) is not in a separate kernel namespace")
    }
    switch name {
    case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
      "kernel.shmmni", "kernel.shm_rmid_forced":
      guard has(.ipc) else { throw Invalid("", "sysctl \(quoted(name)) is not allowed in the hosts ipc namespace") }
      return
    case "kernel.domainname" where has(.uts): return
    case "kernel.hostname" where has(.uts):
      throw Invalid("", "sysctl \(quoted(name)) is not allowed as it conflicts with the OCI \"hostname\" field")
    default: break
    }
    if name.hasPrefix("fs.mqueue.") {
      guard has(.ipc) else { throw Invalid("", "sysctl \(quoted(name)) is not allowed in the hosts ipc namespace") }
    } else if name.hasPrefix("net.") {
      guard has(.network) else {
        throw Invalid("", "sysctl \(quoted(name)) not allowed in host network namespace")
      }
    } else if name.hasPrefix("user.") {
      guard has(.user) else {
        throw Invalid("", "setting ucounts without a user namespace not allowed: \(name)")
      }
    } else {
      throw Invalid("", "sysctl \(quoted(name)) is not in a separate kernel namespace")
    }
  }
}

extension RuntimeSpec {
  /// A sysctl's name with dots between its parts, whichever separator it was written with (sysctl.d(5)).
  public static func dotted(sysctl name: String) -> String {
    guard let separator = name.utf8.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }),
      separator == UInt8(ascii: "/")
    else { return name }
    return swapped(name)
  }

  /// The path of a sysctl below `/proc/sys/`.
  public static func path(sysctl name: String) -> String { swapped(dotted(sysctl: name)) }

  /// Dots for slashes and slashes for dots.
  private static func swapped(_ name: String) -> String {
    let (dot, slash) = (UInt8(ascii: "."), UInt8(ascii: "/"))
    return String(decoding: name.utf8.lazy.map { $0 == dot ? slash : $0 == slash ? dot : $0 }, as: UTF8.self)
  }

  /// The id outside that `id` inside is mapped to; nil when it is not mapped.
  public static func hostID(_ id: UInt32, _ mappings: [IDMapping]) -> UInt32? {
    for mapping in mappings where id >= mapping.containerID && id - mapping.containerID < mapping.size {
      return mapping.hostID.addingReportingOverflow(id - mapping.containerID).partialValue
    }
    return nil
  }

  /// Whether two dots follow one another: such a sysctl's path would lead elsewhere.
  static func hasTwoDots(_ name: String) -> Bool {
    var wasDot = false
    for byte in name.utf8 {
      let isDot = byte == UInt8(ascii: ".")
      if isDot, wasDot { return true }
      wasDot = isDot
    }
    return false
  }

  /// What the kernel takes for an interface's name (net/core/dev.c).
  static func isInterfaceName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 15 && name != "." && name != ".."
      && !name.utf8.contains {
        $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: " ") || $0 == 0
      }
  }

  /// SemVer v2.0.0: three numbers without leading zeros, then perhaps a pre-release and build metadata.
  static func isVersion(_ text: String) -> Bool {
    let whole = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = whole[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    func isNumber(_ text: Substring) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
    guard numbers.count == 3, numbers.allSatisfy({ isNumber($0) && ($0.utf8.count == 1 || $0.utf8.first != 0x30) })
    else { return false }
    for identifiers in parts.dropFirst() + whole.dropFirst() {
      for identifier in identifiers.split(separator: ".", omittingEmptySubsequences: false) {
        guard !identifier.isEmpty,
          identifier.utf8.allSatisfy({ byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
              || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
              || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "-")
          })
        else { return false }
      }
    }
    return true
  }

  /// A list of CPUs or memory nodes: `0-3,7`.
  static func isIDList(_ list: String) -> Bool {
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2 else { return false }
      var last: UInt32 = 0
      for end in ends {
        guard let value = UInt32(end), value >= last else { return false }
        last = value
      }
    }
    return true
  }
}

extension String {
  /// Whether a byte of it is 0: every string of a configuration is looked at.
  var holdsNUL: Bool {
    let bytes = utf8.span
    for index in bytes.indices where bytes[index] == 0 { return true }
    return false
  }
}
