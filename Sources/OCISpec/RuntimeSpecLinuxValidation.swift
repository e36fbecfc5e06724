import JSONTree

extension RuntimeSpec.Config {
  private typealias Invalid = RuntimeSpec.Invalid

  /// The member `linux` by itself.
  func validate(_ linux: RuntimeSpec.Linux, _ around: RuntimeSpec.Surroundings) throws(RuntimeSpec.Invalid) {
    for (index, namespace) in linux.namespaces.enumerated() {
      if linux.namespaces[..<index].contains(where: { $0.type == namespace.type }) {
        throw Invalid("", "malformed spec file: duplicated ns \(quoted(namespace.type.rawValue))")
      }
      guard namespace.path.isEmpty || namespace.path.utf8.first == UInt8(ascii: "/") else {
        throw Invalid("linux.namespaces[\(index)].path", "must be an absolute path, not \(quoted(namespace.path))")
      }
    }
    if !linux.rootfsPropagation.isEmpty {
      guard let flags = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation) else {
        throw Invalid("", "rootfsPropagation=\(linux.rootfsPropagation) is not supported")
      }
      if around.noPivot, flags.contains(.private) {
        throw Invalid("", "rootfsPropagation of [r]private is not safe without pivot_root")
      }
    }
    try validate(devices: linux.devices)
    if let resources = linux.resources { try validate(resources, around) }
    if around.systemdCgroup, !linux.cgroupsPath.isEmpty,
      linux.cgroupsPath.split(separator: ":", omittingEmptySubsequences: false).count != 3
    {
      throw Invalid(
        "",
        "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \(quoted(linux.cgroupsPath)) instead"
      )
    }
    for (name, paths) in [("maskedPaths", linux.maskedPaths), ("readonlyPaths", linux.readonlyPaths)] {
      for (index, path) in paths.enumerated() where path.utf8.first != UInt8(ascii: "/") {
        throw Invalid("linux.\(name)[\(index)]", "must be an absolute path, not \(quoted(path))")
      }
    }
    if let personality = linux.personality, personality.domain != "LINUX", personality.domain != "LINUX32" {
      throw Invalid("", "invalid personality domain \(personality.domain)")
    }
    try validateMemoryPolicy(linux)
    try validateIntelRdt(linux, around)
    try linux.seccomp?.validate()
    for (index, device) in linux.devices.enumerated() { try refuseNUL(device.path, "linux.devices[\(index)].path") }
    for (index, namespace) in linux.namespaces.enumerated() {
      try refuseNUL(namespace.path, "linux.namespaces[\(index)].path")
    }
    for path in linux.maskedPaths + linux.readonlyPaths { try refuseNUL(path, "linux.maskedPaths or readonlyPaths") }
    for (name, value) in linux.sysctl { try refuseNUL(name + value, "linux.sysctl") }
    try refuseNUL(linux.cgroupsPath, "linux.cgroupsPath")
    try refuseNUL(linux.mountLabel, "linux.mountLabel")
  }

  /// The kernel would see another, shorter string.
  func refuseNUL(_ text: String, _ field: String) throws(RuntimeSpec.Invalid) {
    if text.holdsNUL { throw Invalid(field, "invalid argument: contains nul byte (\\x00)") }
  }

  private func validate(devices: [RuntimeSpec.Device]) throws(RuntimeSpec.Invalid) {
    for (index, device) in devices.enumerated() {
      guard !device.path.isEmpty else { throw Invalid("linux.devices[\(index)].path", "must be specified") }
      guard ["c", "b", "u", "p"].contains(device.type) else {
        throw Invalid("", "invalid device type \(quoted(device.type))")
      }
      guard device.type == "p" || (UInt32(exactly: device.major) != nil && UInt32(exactly: device.minor) != nil) else {
        throw Invalid("linux.devices[\(index)]", "\(device.major):\(device.minor) is no device number")
      }
      guard !devices[..<index].contains(where: { $0.path == device.path }) else {
        throw Invalid("linux.devices[\(index)].path", "\(quoted(device.path)) is given twice")
      }
    }
  }

  private func validate(
    _ resources: RuntimeSpec.Resources, _ around: RuntimeSpec.Surroundings
  ) throws(RuntimeSpec.Invalid) {
    for (index, device) in resources.devices.enumerated() {
      guard !device.access.isEmpty else {
        throw Invalid("", "device access at \(index) field cannot be empty")
      }
      guard device.access.utf8.allSatisfy({ "rwm".utf8.contains($0) }) else {
        throw Invalid("linux.resources.devices[\(index)].access", "\(quoted(device.access)) is not made of r, w and m")
      }
      guard ["", "a", "b", "c"].contains(device.type) else {
        throw Invalid("", "invalid cgroup device type \(quoted(device.type))")
      }
    }
    try resources.validate(unifiedCgroups: around.unifiedCgroups)
  }

  private func validateMemoryPolicy(_ linux: RuntimeSpec.Linux) throws(RuntimeSpec.Invalid) {
    guard let policy = linux.memoryPolicy else { return }
    guard RuntimeSpec.MemoryPolicy.modes.contains(policy.mode) else {
      throw Invalid("", "invalid memory policy mode \(quoted(policy.mode))")
    }
    guard policy.nodes.isEmpty || RuntimeSpec.isIDList(policy.nodes) else {
      throw Invalid("", "invalid memory policy nodes \(quoted(policy.nodes)): invalid list of nodes")
    }
    for flag in policy.flags where !RuntimeSpec.MemoryPolicy.flagNames.contains(flag) {
      throw Invalid("", "invalid memory policy flag \(quoted(flag))")
    }
    switch policy.mode {
    case "MPOL_DEFAULT", "MPOL_LOCAL":
      guard policy.nodes.isEmpty else {
        throw Invalid("", "memory policy mode requires 0 nodes but got \(policy.nodes)")
      }
    case "MPOL_PREFERRED": break
    default:
      guard !policy.nodes.isEmpty else {
        throw Invalid("", "memory policy mode requires at least one node but got 0")
      }
    }
  }

  private func validateIntelRdt(
    _ linux: RuntimeSpec.Linux, _ around: RuntimeSpec.Surroundings
  ) throws(RuntimeSpec.Invalid) {
    guard let rdt = linux.intelRdt else { return }
    guard around.hasIntelRdt else {
      throw Invalid("", "intelRdt is specified in config, but Intel RDT is not enabled")
    }
    if rdt.closID == "." || rdt.closID == ".." || (rdt.closID.utf8.count > 1 && rdt.closID.contains("/")) {
      throw Invalid("", "invalid intelRdt.ClosID \(quoted(rdt.closID))")
    }
  }
}

extension RuntimeSpec.Resources {
  /// What a cgroup cannot be asked for; also checked by `update`.
  public func validate(unifiedCgroups: Bool) throws(RuntimeSpec.Invalid) {
    if !unified.isEmpty {
      guard unifiedCgroups else { throw .init("", "invalid configuration: cannot use unified on cgroup v1") }
      for key in unified.keys.sorted() {
        guard !key.contains("/") else {
          throw .init("", "unified resource \(quoted(key)) must be a file name (no slashes)")
        }
        guard key.contains(".") else {
          throw .init("", "unified resource \(quoted(key)) must be in the form CONTROLLER.PARAMETER")
        }
      }
    }
    if unifiedCgroups {
      _ = try memory.swapOfV2()
    } else if let swappiness = memory.swappiness, swappiness > 100 {
      throw .init("", "invalid memory swappiness value: \(swappiness) (valid range is 0-100)")
    }
  }
}

extension RuntimeSpec.Memory {
  /// `memory.swap.max` of cgroup v2, which counts swap alone; nil leaves it as it is, -1 is unlimited.
  public func swapOfV2() throws(RuntimeSpec.Invalid) -> Int64? {
    let (memory, swap) = (limit ?? 0, swap ?? 0)
    if memory == -1, swap == 0 { return -1 }
    if swap == 0 { return nil }
    if swap == -1 || memory == -1 { return swap }
    if memory == 0 { throw .init("", "unable to set swap limit without memory limit") }
    if memory < 0 { throw .init("", "invalid memory value: \(memory)") }
    if swap < memory { throw .init("", "memory+swap limit should be >= memory limit") }
    return swap - memory
  }
}

extension RuntimeSpec.Seccomp {
  /// What the kernel or the specification does not allow, in runc's words where it has some.
  func validate() throws(RuntimeSpec.Invalid) {
    if defaultAction == .notify { throw .init("", "SCMP_ACT_NOTIFY cannot be used as default action") }
    if listenerPath.isEmpty {
      if uses(.notify) { throw .init("", "listenerPath is not set and at least one action is SCMP_ACT_NOTIFY") }
      guard listenerMetadata.isEmpty else {
        throw .init("linux.seccomp.listenerMetadata", "must not be set without listenerPath")
      }
    }
    // MAX_ERRNO: what is larger the kernel would cut off to it.
    let largest: UInt32 = 4095
    if let defaultErrnoRet, defaultErrnoRet > largest {
      throw .init("linux.seccomp.defaultErrnoRet", "\(defaultErrnoRet) is no errno")
    }
    if defaultErrnoRet != nil, !defaultAction.hasErrno {
      throw .init("linux.seccomp.defaultErrnoRet", "\(defaultAction.rawValue) does not return an errno")
    }
    // Linux returns no larger one (MAX_ERRNO): the program would take it for a result.
    if let errno = defaultErrnoRet, errno > 4095 {
      throw .init("linux.seccomp.defaultErrnoRet", "\(errno) is no errno")
    }
    for (index, rule) in syscalls.enumerated() {
      if let errno = rule.errnoRet, errno > 4095 {
        throw .init("linux.seccomp.syscalls[\(index)].errnoRet", "\(errno) is no errno")
      }
      if rule.action == .notify, rule.names.contains("write") {
        throw .init("", "SCMP_ACT_NOTIFY cannot be used for the write syscall")
      }
      if rule.action == .errno, let errno = rule.errnoRet, errno > largest {
        throw .init("linux.seccomp.syscalls[\(index)].errnoRet", "\(errno) is no errno")
      }
      if rule.errnoRet != nil, !rule.action.hasErrno {
        throw .init("linux.seccomp.syscalls[\(index)].errnoRet", "\(rule.action.rawValue) does not return an errno")
      }
    }
  }

  /// Whether anything ends in this action.
  public func uses(_ action: Action) -> Bool { defaultAction == action || syscalls.contains { $0.action == action } }
}
