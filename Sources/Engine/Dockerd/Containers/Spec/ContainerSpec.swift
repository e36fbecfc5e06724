import JSONTree
import OCISpec
import Seams

/// The OCI runtime spec (config.json) that dockerd hands down for a container: moby's createSpec, member by member.
struct ContainerSpec: Sendable {
  static let initDestination = "/sbin/docker-init"

  let details: ContainerDetails
  let configuration: DaemonConfiguration
  /// Where the root file system is mounted.
  var root: String
  var user = UserLookup.User()
  /// What is mounted besides the defaults.
  var mounts: [SpecMount] = []
  /// Processes whose namespaces are joined (`--network container:x`), by kind: `network`, `ipc`, `pid`.
  var joined: [String: Int] = [:]
  /// Devices made in the container, and what its cgroup may do with them.
  var devices = DeviceRules()
  /// Major and minor numbers of the block devices that limits name.
  var blockDevices: [String: HostDevice] = [:]

  init(details: ContainerDetails, configuration: DaemonConfiguration, root: String) {
    (self.details, self.configuration, self.root) = (details, configuration, root)
  }

  /// The whole document.
  func json() throws(EngineError) -> JSON {
    let host = details.hostConfig
    let capabilities = try ContainerCapabilities.tweak(
      add: host.capAdd ?? [], drop: host.capDrop ?? [], privileged: host.privileged)
    let (mounts, rootPropagation) = try mountMembers()
    var spec: JSONObject = [
      "ociVersion": "1.3.0", "process": process(capabilities), "root": rootMember,
    ]
    if host.utsMode != "host" { spec.members.append(.init("hostname", .string(details.config.hostname))) }
    spec.members.append(.init("mounts", mounts))
    if !host.annotations.isEmpty { spec.members.append(.init("annotations", JSON(host.annotations))) }
    spec.members.append(.init("linux", try linux(capabilities, rootPropagation)))
    return .object(spec)
  }

  private var rootMember: JSON {
    details.hostConfig.readonlyRootfs ? ["path": .string(root), "readonly": true] : ["path": .string(root)]
  }

  /// `--init`, where the container has a PID namespace of its own.
  var usesInit: Bool {
    details.hostConfig.pidMode.isPrivate && (details.hostConfig.usesInit ?? configuration.usesInit)
  }

  // MARK: process

  private func process(_ capabilities: [String]) -> JSON {
    let (config, host) = (details.config, details.hostConfig)
    var process = JSONObject()
    func add(_ key: String, _ value: JSON) { process.members.append(.init(key, value)) }
    if config.tty {
      add("terminal", true)
      if host.consoleSize.height > 0 || host.consoleSize.width > 0 {
        add("consoleSize", ["height": JSON(host.consoleSize.height), "width": JSON(host.consoleSize.width)])
      }
    }
    add("user", ContainerSpec.json(user))
    let arguments = [details.path] + details.args
    add("args", JSON(usesInit ? [ContainerSpec.initDestination, "--"] + arguments : arguments))
    add("env", JSON(details.environment(tty: config.tty)))
    add("cwd", .string(config.workingDir.isEmpty ? "/" : config.workingDir))
    add("capabilities", ContainerSpec.json(capabilities: capabilities))
    let limits = ulimits
    if !limits.isEmpty {
      add(
        "rlimits",
        .array(
          limits.map {
            ["type": .string("RLIMIT_" + $0.name.uppercased()), "hard": rlimit($0.hard), "soft": rlimit($0.soft)]
          }))
    }
    if details.security.noNewPrivileges { add("noNewPrivileges", true) }
    if configuration.hasAppArmor { add("apparmorProfile", .string(appArmorProfile)) }
    add("oomScoreAdj", .int(host.oomScoreAdj))
    return .object(process)
  }

  static func json(_ user: UserLookup.User) -> JSON {
    [
      "uid": JSON(user.uid), "gid": JSON(user.gid), "additionalGids": .array(user.additionalGids.map { JSON($0) }),
    ]
  }

  private static let defaultCapabilities = setsOf(ContainerCapabilities.defaults)

  /// The sets that containers get: bounding, effective and permitted.
  static func json(capabilities: [String]) -> JSON {
    capabilities == ContainerCapabilities.defaults ? defaultCapabilities : setsOf(capabilities)
  }

  private static func setsOf(_ capabilities: [String]) -> JSON {
    let names = JSON(capabilities)
    return ["bounding": names, "effective": names, "permitted": names]
  }

  /// The container's own, and the daemon's where it has none.
  private var ulimits: [Ulimit] {
    let own = details.hostConfig.resources.ulimits
    guard !configuration.defaultUlimits.isEmpty else { return own }
    let names = Set(own.map(\.name))
    return own
      + configuration.defaultUlimits.sorted { $0.key < $1.key }.filter { !names.contains($0.key) }.map {
        Ulimit(name: $0.key, soft: $0.value.soft, hard: $0.value.hard)
      }
  }

  /// -1 is "unlimited": all bits set, which a JSON number of Go's uint64 says in full.
  private func rlimit(_ value: Int64) -> JSON { value < 0 ? .double(Double(UInt64.max)) : .int(value) }

  var appArmorProfile: String {
    let own = details.security.appArmorProfile
    return !own.isEmpty ? own : details.hostConfig.privileged ? "unconfined" : "docker-default"
  }

  // MARK: linux

  private static let defaultMaskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
  ]
  private static let defaultReadonlyPaths = [
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  ]

  /// What containers cannot see and not write, unless they are privileged or say otherwise.
  static let defaultPaths = (masked: defaultMaskedPaths, readonly: defaultReadonlyPaths)
  private static let defaultPathMembers = (masked: JSON(defaultMaskedPaths), readonly: JSON(defaultReadonlyPaths))

  private func linux(_ capabilities: [String], _ rootPropagation: String?) throws(EngineError) -> JSON {
    let host = details.hostConfig
    var linux = JSONObject()
    func add(_ key: String, _ value: JSON) { linux.members.append(.init(key, value)) }
    let sysctls = self.sysctls
    if !sysctls.isEmpty { add("sysctl", JSON(sysctls)) }
    add("resources", resources)
    add("cgroupsPath", .string(cgroupsPath))
    add("namespaces", namespaces)
    if !devices.nodes.isEmpty { add("devices", .array(devices.nodes)) }
    if let profile = try seccomp(capabilities) { add("seccomp", profile) }
    if let rootPropagation { add("rootfsPropagation", .string(rootPropagation)) }
    if !host.privileged || host.maskedPaths != nil {
      let paths = host.maskedPaths ?? ContainerSpec.defaultMaskedPaths
      if !paths.isEmpty {
        add(
          "maskedPaths",
          paths == ContainerSpec.defaultMaskedPaths ? ContainerSpec.defaultPathMembers.masked : JSON(paths))
      }
    }
    if !host.privileged || host.readonlyPaths != nil {
      let paths = host.readonlyPaths ?? ContainerSpec.defaultReadonlyPaths
      if !paths.isEmpty {
        add(
          "readonlyPaths",
          paths == ContainerSpec.defaultReadonlyPaths ? ContainerSpec.defaultPathMembers.readonly : JSON(paths))
      }
    }
    return .object(linux)
  }

  /// `/docker/ID`, or below `--cgroup-parent`.
  var cgroupsPath: String {
    let parent = details.hostConfig.resources.cgroupParent
    return DockerPath.clean((parent.isEmpty ? "/docker" : parent) + "/" + details.id)
  }

  private var sysctls: [String: String] {
    var sysctls: [String: String] = [:]
    if !details.config.domainname.isEmpty { sysctls["kernel.domainname"] = details.config.domainname }
    if details.hostConfig.networkMode.isPrivate {
      sysctls["net.ipv4.ping_group_range"] = "0 2147483647"
      sysctls["net.ipv4.ip_unprivileged_port_start"] = "0"
    }
    sysctls.merge(details.hostConfig.sysctls) { _, own in own }
    return sysctls
  }

  private static func namespace(_ type: String) -> JSON { ["type": .string(type)] }

  private var namespaces: JSON {
    let host = details.hostConfig
    var list: [JSON] = [ContainerSpec.namespace("mount")]
    func add(_ type: String, _ procName: String) {
      if let pid = joined[type] {
        list.append(["type": .string(type), "path": .string("/proc/\(pid)/ns/\(procName)")])
      } else {
        list.append(ContainerSpec.namespace(type))
      }
    }
    if !host.networkMode.isHost || details.config.networkDisabled { add("network", "net") }
    if configuration.hasTimeNamespaces { list.append(ContainerSpec.namespace("time")) }
    if host.utsMode != "host" { list.append(ContainerSpec.namespace("uts")) }
    if !host.pidMode.isHost { add("pid", "pid") }
    if !host.ipcMode.isHost { add("ipc", "ipc") }
    if host.cgroupnsMode == "private" { list.append(ContainerSpec.namespace("cgroup")) }
    return .array(list)
  }

  private func seccomp(_ capabilities: [String]) throws(EngineError) -> JSON? {
    let profile = details.security.seccompProfile
    let architecture = configuration.platform.architecture
    if profile == "unconfined" { return nil }
    if details.hostConfig.privileged {
      return profile.isEmpty
        ? nil : try SeccompProfile.custom(profile, capabilities: capabilities, architecture: architecture)
    }
    guard configuration.hasSeccomp else {
      if profile.isEmpty || profile == "builtin" { return nil }
      throw EngineError(.unknown, "seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
    }
    if profile.isEmpty || profile == "builtin" {
      return SeccompProfile.standard(capabilities: capabilities, architecture: architecture)
    }
    return try SeccompProfile.custom(profile, capabilities: capabilities, architecture: architecture)
  }
}
