import OCISpec
import Seams

/// What moby refuses of a container's configuration, in its words and order (runconfig and verifyContainerSettings).
struct ConfigValidation {
  let configuration: DaemonConfiguration
  let files: any HostFiles
  private(set) var warnings: [String] = []

  init(configuration: DaemonConfiguration, files: any HostFiles) {
    (self.configuration, self.files) = (configuration, files)
  }

  private static let minimumMemory: Int64 = 6 << 20

  private static func refuse(_ message: String) -> EngineError { EngineError(.invalidArgument, message) }
  private func refuse(_ message: String) -> EngineError { ConfigValidation.refuse(message) }

  /// What is refused while the request is decoded (runconfig).
  func checkRequest(_ config: ContainerConfig, _ host: HostConfig) throws(EngineError) {
    if host.networkMode.isContainer || host.networkMode.raw == "container" {
      if host.networkMode.container ?? "" == "" {
        throw refuse("invalid network mode: invalid container format container:<name|id>")
      }
      if !config.hostname.isEmpty { throw refuse("conflicting options: hostname and the network mode") }
      if !(host.links ?? []).isEmpty {
        throw refuse(
          "conflicting options: container type network can't be used with links. This would result in undefined behavior"
        )
      }
      if !host.dns.isEmpty { throw refuse("conflicting options: dns and the network mode") }
      if !(host.extraHosts ?? []).isEmpty {
        throw refuse("conflicting options: custom host-to-IP mapping and the network mode")
      }
      if !host.portBindings.isEmpty || host.publishAllPorts {
        throw refuse("conflicting options: port publishing and the container type network mode")
      }
      if !config.exposedPorts.isEmpty {
        throw refuse("conflicting options: port exposing and the container type network mode")
      }
    }
    if host.utsMode == "host", !config.hostname.isEmpty {
      throw refuse("conflicting options: hostname and the UTS mode")
    }
    if host.networkMode.isHost, !(host.links ?? []).isEmpty {
      throw refuse(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior")
    }
    guard ["", "default"].contains(host.isolation.lowercased()) else {
      throw refuse("invalid isolation (\(host.isolation)): linux only supports 'default'")
    }
    if host.resources.ioMaximumBandwidth != 0 {
      throw refuse("invalid option: QoS maximum bandwidth configuration is not supported on linux")
    }
    if host.resources.ioMaximumIOps != 0 {
      throw refuse("invalid option: QoS maximum IOPs configuration is not supported on linux")
    }
    let resources = host.resources
    if resources.cpuRealtimePeriod != 0 || resources.cpuRealtimeRuntime != 0 {
      // Real-time scheduling by cgroup went with cgroup v1.
      if configuration.cgroupVersion >= 2 { throw refuse("kernel does not support CPU real-time scheduler") }
      if resources.cpuRealtimeRuntime > resources.cpuRealtimePeriod, resources.cpuRealtimePeriod != 0 {
        throw refuse("cpu real-time runtime cannot be higher than cpu real-time period")
      }
    }
    if resources.cpuShares < 0 {
      throw refuse("invalid CPU shares (\(resources.cpuShares)): value must be a positive integer")
    }
    for mount in host.mounts {
      func misplaced(_ options: String) -> EngineError {
        refuse("\(options) must not be specified on mount type \"\(mount.type)\"")
      }
      if mount.volume != nil, mount.type != "volume" { throw misplaced("VolumeOptions") }
      if mount.bind != nil, mount.type != "bind" { throw misplaced("BindOptions") }
      if mount.tmpfs != nil, mount.type != "tmpfs" { throw misplaced("TmpfsOptions") }
    }
  }

  /// Checks the part that travels with an image; the working directory is cleaned.
  mutating func check(_ config: inout ContainerConfig) throws(EngineError) {
    if !config.workingDir.isEmpty {
      guard config.workingDir.hasPrefix("/") else {
        throw refuse("the working directory '\(config.workingDir)' is invalid, it needs to be an absolute path")
      }
      config.workingDir = DockerPath.clean(config.workingDir)
    }
    if !config.stopSignal.isEmpty { _ = try SignalName.parse(config.stopSignal) }
    for entry in config.env ?? [] {
      if entry.isEmpty || entry.hasPrefix("=") {
        throw refuse("invalid environment variable: \(entry)")
      }
    }
    if let check = config.healthcheck { try ConfigValidation.check(healthcheck: check) }
    if config.hostname.utf8.count > 64 {
      throw refuse("hostname \"\(config.hostname)\" is too long (maximum 64 bytes)")
    }
  }

  private static func check(healthcheck check: ImageConfig.Healthcheck) throws(EngineError) {
    let minimum: Int64 = 1_000_000
    func tooShort(_ value: Int64?) -> Bool { value ?? 0 != 0 && value ?? 0 < minimum }
    if tooShort(check.interval) { throw refuse("Interval in Healthcheck cannot be less than 1ms") }
    if tooShort(check.timeout) { throw refuse("Timeout in Healthcheck cannot be less than 1ms") }
    if check.retries ?? 0 < 0 { throw refuse("Retries in Healthcheck cannot be negative") }
    if tooShort(check.startPeriod) { throw refuse("StartPeriod in Healthcheck cannot be less than 1ms") }
    if tooShort(check.startInterval) { throw refuse("StartInterval in Healthcheck cannot be less than 1ms") }
  }

  /// Checks the part that belongs to the host; what the kernel cannot do is taken out, with a warning.
  mutating func check(_ host: inout HostConfig, isUpdate: Bool = false) throws(EngineError) {
    if host.autoRemove, !host.restartPolicy.isNone {
      throw refuse("can't create 'AutoRemove' container with restart policy")
    }
    for mount in host.mounts { _ = try MountParser.mountPoint(of: mount, checkingSource: files) }
    for entry in host.extraHosts ?? [] { try checkExtraHost(entry) }
    for binding in host.portBindings.members { try PortSpec.check(binding) }
    try ConfigValidation.check(host.restartPolicy)
    do { _ = try ContainerCapabilities.normalise(host.capAdd ?? []) } catch {
      throw refuse("invalid CapAdd: \(error.message)")
    }
    do { _ = try ContainerCapabilities.normalise(host.capDrop ?? []) } catch {
      throw refuse("invalid CapDrop: \(error.message)")
    }
    if host.annotations.keys.contains("") {
      throw refuse("invalid Annotations: the empty string is not permitted as an annotation key")
    }
    try checkResources(&host.resources, isUpdate: isUpdate)
    try checkPlatform(&host)
  }

  private func checkExtraHost(_ entry: String) throws(EngineError) {
    let separator = entry.firstIndex(of: ":") ?? entry.firstIndex(of: "=")
    guard let separator, separator != entry.startIndex else {
      throw refuse("bad format for add-host: \"\(entry)\"")
    }
    let address = String(entry[entry.index(after: separator)...])
    guard address == "host-gateway" || IPAddress(address) != nil else {
      throw refuse("invalid IP address in add-host: \"\(address)\"")
    }
  }

  /// `ValidateRestartPolicy`.
  static func check(_ policy: RestartPolicy) throws(EngineError) {
    switch policy.name {
    case "always", "unless-stopped", "no":
      guard policy.maximumRetryCount != 0 else { return }
      throw refuse(
        "invalid restart policy: maximum retry count can only be used with 'on-failure'"
          + (policy.maximumRetryCount < 0 ? " and cannot be negative" : ""))
    case "on-failure":
      if policy.maximumRetryCount < 0 {
        throw refuse("invalid restart policy: maximum retry count cannot be negative")
      }
    case "": break
    default:
      throw refuse(
        "invalid restart policy: unknown policy '\(policy.name)'; use one of 'no', 'always', 'on-failure', or "
          + "'unless-stopped'")
    }
  }

  private mutating func checkResources(_ resources: inout ContainerResources, isUpdate: Bool) throws(EngineError) {
    try checkMemory(&resources, isUpdate: isUpdate)
    try checkCPU(&resources)
    if resources.blkioWeight > 0, !(10...1000).contains(resources.blkioWeight) {
      throw refuse("Range of blkio weight is from 10 to 1000")
    }
    if resources.ioMaximumBandwidth != 0 || resources.ioMaximumIOps != 0 {
      throw refuse("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")
    }
  }

  private mutating func checkMemory(_ resources: inout ContainerResources, isUpdate: Bool) throws(EngineError) {
    let isV2 = configuration.cgroupVersion >= 2
    let memory = resources.memory
    if memory != 0, memory < ConfigValidation.minimumMemory { throw refuse("Minimum memory limit allowed is 6MB") }
    if memory > 0, resources.memorySwap > 0, resources.memorySwap < memory {
      throw refuse("Minimum memoryswap limit should be larger than memory limit, see usage")
    }
    if memory == 0, resources.memorySwap > 0, !isUpdate {
      throw refuse("You should always set the Memory limit when using Memoryswap limit, see usage")
    }
    if resources.memorySwappiness != nil, isV2 {
      warnings.append(
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness "
          + "discarded.")
      resources.memorySwappiness = nil
    }
    if let swappiness = resources.memorySwappiness, !(0...100).contains(swappiness) {
      throw refuse("Invalid value: \(swappiness), valid memory swappiness range is 0-100")
    }
    if resources.memoryReservation > 0, resources.memoryReservation < ConfigValidation.minimumMemory {
      throw refuse("Minimum memory reservation allowed is 6MB")
    }
    if memory > 0, resources.memoryReservation > 0, memory < resources.memoryReservation {
      throw refuse("Minimum memory limit can not be less than memory reservation limit, see usage")
    }
    if let disable = resources.oomKillDisable, isV2 {
      if disable {
        warnings.append("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
      }
      resources.oomKillDisable = nil
    }
    if resources.oomKillDisable == true, memory == 0 {
      warnings.append(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running "
          + "out of resources.")
    }
  }

  private mutating func checkCPU(_ resources: inout ContainerResources) throws(EngineError) {
    if resources.nanoCPUs > 0, resources.cpuPeriod > 0 {
      throw refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    }
    if resources.nanoCPUs > 0, resources.cpuQuota > 0 {
      throw refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    }
    let cpus = configuration.cpus
    if resources.nanoCPUs < 0 || resources.nanoCPUs > Int64(cpus) * 1_000_000_000 {
      throw refuse("range of CPUs is from 0.01 to \(cpus).00, as there are only \(cpus) CPUs available")
    }
    if resources.cpuPeriod != 0, !(1000...1_000_000).contains(resources.cpuPeriod) {
      throw refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    }
    if resources.cpuQuota > 0, resources.cpuQuota < 1000 {
      throw refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    }
    if resources.cpuPercent > 0 {
      warnings.append("linux does not support CPU percent. Percent discarded.")
      resources.cpuPercent = 0
    }
    try checkSet(
      resources.cpusetCpus, available: cpus, malformed: "cpuset cpus", missing: "Requested CPUs are not available")
    try checkSet(
      resources.cpusetMems, available: 1, malformed: "cpuset mems", missing: "Requested memory nodes are not available")
  }

  private func checkSet(_ set: String, available: Int, malformed: String, missing: String) throws(EngineError) {
    guard !set.isEmpty else { return }
    guard let numbers = CPUSet.parse(set) else {
      throw refuse("Invalid value \(set) for \(malformed): invalid format: \(set)")
    }
    guard numbers.allSatisfy({ $0.upperBound < available }) else {
      throw refuse("\(missing) - requested \(set), available: \(available == 1 ? "0" : "0-\(available - 1)")")
    }
  }

  private mutating func checkPlatform(_ host: inout HostConfig) throws(EngineError) {
    if !host.ipcMode.isValid { throw refuse("invalid IPC mode: \(host.ipcMode.raw)") }
    if !host.pidMode.isValid { throw refuse("invalid PID mode: \(host.pidMode.raw)") }
    if host.shmSize < 0 { throw refuse("SHM size can not be less than 0") }
    if !["", "host"].contains(host.utsMode) { throw refuse("invalid UTS mode: \(host.utsMode)") }
    if !["", "host"].contains(host.usernsMode) { throw refuse("invalid user namespace mode: \(host.usernsMode)") }
    if !(-1000...1000).contains(host.oomScoreAdj) {
      throw refuse("Invalid value \(host.oomScoreAdj), range for oom score adj is [-1000, 1000]")
    }
    if host.networkMode.isHost, !host.portBindings.isEmpty {
      warnings.append("Published ports are discarded when using host network mode")
    }
    if host.runtime.isEmpty { host.runtime = configuration.defaultRuntime }
    guard configuration.runtimes[host.runtime] != nil else {
      throw refuse("unknown or invalid runtime name: \(host.runtime)")
    }
    for destination in host.tmpfs.keys.sorted() {
      if let refusal = MountParser.refusal(ofDestination: destination) { throw refuse(refusal) }
    }
    if !["", "private", "host"].contains(host.cgroupnsMode) {
      throw refuse("invalid cgroup namespace mode: \(host.cgroupnsMode)")
    }
  }
}

/// cpuset(7) lists: `0-2,4`.
enum CPUSet {
  /// Nil when malformed.
  static func parse(_ text: String) -> [ClosedRange<Int>]? {
    var ranges: [ClosedRange<Int>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard let first = ends.first.flatMap({ Int($0) }), first >= 0, ends.count <= 2 else { return nil }
      guard let last = ends.count == 2 ? Int(ends[1]) : first, last >= first else { return nil }
      ranges.append(first...last)
    }
    return ranges
  }
}
