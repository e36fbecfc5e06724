import JSONTree

extension ContainerSettings {
  /// The body's `HostConfig`.
  func hostConfig(
    binds: [String], bindings: JSON, devices: (devices: [JSON], requests: [JSON]),
    restart: (name: String, retries: Int64), logging: JSON, security: Security, storageOptions: [String: String],
    networkMode: String
  ) -> JSON {
    var config = JSONObject()
    config.members.reserveCapacity(72)
    func add(_ key: String, _ value: JSON) { config.members.append(.init(key, value)) }
    func list(_ key: String, _ values: [String]) { add(key, values.isEmpty ? .null : JSON(values)) }
    list("Binds", binds)
    add("ContainerIDFile", .string(flags.string("cidfile")))
    add("LogConfig", logging)
    add("NetworkMode", .string(networkMode))
    add("PortBindings", bindings)
    add("RestartPolicy", ["Name": .string(restart.name), "MaximumRetryCount": .int(restart.retries)])
    add("AutoRemove", .bool(flags.bool("rm")))
    add("VolumeDriver", .string(flags.string("volume-driver")))
    list("VolumesFrom", flags.values("volumes-from"))
    add("ConsoleSize", consoleSize)
    let annotations = flags.map("annotation")
    if !annotations.isEmpty { add("Annotations", JSON(annotations)) }
    let capabilities = ContainerSettings.capabilities(flags.values("cap-add"), flags.values("cap-drop"))
    list("CapAdd", capabilities.add)
    list("CapDrop", capabilities.drop)
    add("CgroupnsMode", .string(flags.string("cgroupns")))
    add("Dns", JSON(flags.values("dns").map(\.trimmed)))
    add("DnsOptions", JSON(flags.values("dns-option")))
    add("DnsSearch", JSON(flags.values("dns-search")))
    list("ExtraHosts", flags.values("add-host").compactMap { try? ValueRule.extraHost($0) })
    list("GroupAdd", flags.values("group-add"))
    add("IpcMode", .string(flags.string("ipc")))
    add("Cgroup", "")
    list("Links", flags.values("link"))
    add("OomScoreAdj", .int(flags.int("oom-score-adj")))
    add("PidMode", .string(flags.string("pid")))
    add("Privileged", .bool(flags.bool("privileged")))
    add("PublishAllPorts", .bool(flags.bool("publish-all")))
    add("ReadonlyRootfs", .bool(flags.bool("read-only")))
    add("SecurityOpt", security.options)
    if !storageOptions.isEmpty { add("StorageOpt", JSON(storageOptions)) }
    let tmpfs = tmpfs
    if !tmpfs.isEmpty { add("Tmpfs", JSON(tmpfs)) }
    add("UTSMode", .string(flags.string("uts")))
    add("UsernsMode", .string(flags.string("userns")))
    add("ShmSize", .int(flags.bytes("shm-size")))
    let sysctls = flags.map("sysctl")
    if !sysctls.isEmpty { add("Sysctls", JSON(sysctls)) }
    if !flags.string("runtime").isEmpty { add("Runtime", .string(flags.string("runtime"))) }
    add("Isolation", .string(flags.string("isolation")))
    addResources(devices, to: &config)
    let mounts = mounts
    func last(_ key: String, _ value: JSON) { config.members.append(.init(key, value)) }
    if !mounts.isEmpty { last("Mounts", .array(mounts)) }
    last("MaskedPaths", security.paths)
    last("ReadonlyPaths", security.paths)
    if flags.isSet("init") { last("Init", .bool(flags.bool("init"))) }
    return .object(config)
  }

  /// Rows and columns of the user's terminal.
  private var consoleSize: JSON {
    guard environment.isTerminal(.output) else { return [0, 0] }
    let size = environment.terminalSize
    return [JSON(size.rows), JSON(size.columns)]
  }

  private var tmpfs: [String: String] {
    var all: [String: String] = [:]
    for text in flags.values("tmpfs") {
      let (path, options) = text.cut(":")
      all[path] = options ?? ""
    }
    return all
  }

  private var mounts: [JSON] {
    var mounts = flags.values("mount").compactMap { try? MountSpec.parse($0, absolute: environment.absolute) }
    if flags.bool("use-api-socket") {
      let socket = environment.daemonHost.hasPrefix("unix://") ? String(environment.daemonHost.dropFirst(7)) : ""
      mounts.append([
        "Type": "bind", "Source": .string(socket), "Target": "/var/run/docker.sock", "BindOptions": [:],
      ])
    }
    return mounts
  }

  private func addResources(_ devices: (devices: [JSON], requests: [JSON]), to config: inout JSONObject) {
    func add(_ key: String, _ value: JSON) { config.members.append(.init(key, value)) }
    func throttle(_ flag: String, _ parse: (String) throws -> (path: String, rate: Int64)) -> JSON {
      .array(
        flags.values(flag).compactMap { try? parse($0) }.map { ["Path": .string($0.path), "Rate": .int($0.rate)] })
    }
    add("CpuShares", .int(flags.int("cpu-shares")))
    add("Memory", .int(flags.bytes("memory")))
    add("NanoCpus", .int(flags.values("cpus").last.flatMap { try? NanoCPUs.parse($0) } ?? 0))
    add("CgroupParent", .string(flags.string("cgroup-parent")))
    add("BlkioWeight", .int(flags.values("blkio-weight").last.flatMap { try? GoNumber.parseInt($0) } ?? 0))
    add(
      "BlkioWeightDevice",
      .array(
        flags.values("blkio-weight-device").compactMap { try? ThrottleDevice.weight($0) }.map {
          ["Path": .string($0.path), "Weight": .int($0.weight)]
        }))
    add("BlkioDeviceReadBps", throttle("device-read-bps", ThrottleDevice.rate))
    add("BlkioDeviceWriteBps", throttle("device-write-bps", ThrottleDevice.rate))
    add("BlkioDeviceReadIOps", throttle("device-read-iops", ThrottleDevice.iops))
    add("BlkioDeviceWriteIOps", throttle("device-write-iops", ThrottleDevice.iops))
    add("CpuPeriod", .int(flags.int("cpu-period")))
    add("CpuQuota", .int(flags.int("cpu-quota")))
    add("CpuRealtimePeriod", .int(flags.int("cpu-rt-period")))
    add("CpuRealtimeRuntime", .int(flags.int("cpu-rt-runtime")))
    add("CpusetCpus", .string(flags.string("cpuset-cpus")))
    add("CpusetMems", .string(flags.string("cpuset-mems")))
    add("Devices", .array(devices.devices))
    let rules = flags.values("device-cgroup-rule")
    add("DeviceCgroupRules", rules.isEmpty ? .null : JSON(rules))
    add("DeviceRequests", devices.requests.isEmpty ? .null : .array(devices.requests))
    add("MemoryReservation", .int(flags.bytes("memory-reservation")))
    add("MemorySwap", .int(flags.bytes("memory-swap")))
    add("MemorySwappiness", .int(flags.int("memory-swappiness")))
    add("OomKillDisable", .bool(flags.bool("oom-kill-disable")))
    add("PidsLimit", .int(flags.int("pids-limit")))
    add("Ulimits", flags.values("ulimit").isEmpty ? [] : UlimitSpec.json(flags.values("ulimit")))
    add("CpuCount", 0)
    add("CpuPercent", 0)
    add("IOMaximumIOps", 0)
    add("IOMaximumBandwidth", 0)
  }

  /// Capabilities with their full names, sorted, without doubles; `ALL` swallows the others, and what is added is not
  /// dropped.
  static func capabilities(_ add: [String], _ drop: [String]) -> (add: [String], drop: [String]) {
    func normal(_ names: [String]) -> [String] {
      Array(
        Set(
          names.map { name in
            let name = name.trimmed.uppercased()
            return name == "ALL" || name.hasPrefix("CAP_") ? name : "CAP_" + name
          }
        )
      ).sorted()
    }
    let added = normal(add)
    return (added, normal(drop).filter { !added.contains($0) || $0 == "ALL" })
  }
}
