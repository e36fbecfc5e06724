import JSONTree
import Seams

/// Device nodes and device cgroup rules of a container.
struct DeviceRules: Sendable {
  /// `linux.devices`.
  var nodes: [JSON] = []
  /// Rules after the default ones.
  var rules: [JSON] = []
  /// Everything is allowed (privileged).
  var allowsAll = false

  static func rule(allow: Bool, _ type: String, _ major: Int64?, _ minor: Int64?, _ access: String) -> JSON {
    var rule: JSONObject = ["allow": .bool(allow)]
    if !type.isEmpty { rule["type"] = .string(type) }
    if let major { rule["major"] = .int(major) }
    if let minor { rule["minor"] = .int(minor) }
    rule["access"] = .string(access)
    return .object(rule)
  }
}

extension ContainerSpec {
  /// What every container may do with devices: zero, null, urandom, random, tty, console; not fuse.
  private static let defaultDeviceRules: [JSON] = [
    DeviceRules.rule(allow: false, "", nil, nil, "rwm"), DeviceRules.rule(allow: true, "c", 1, 5, "rwm"),
    DeviceRules.rule(allow: true, "c", 1, 3, "rwm"), DeviceRules.rule(allow: true, "c", 1, 9, "rwm"),
    DeviceRules.rule(allow: true, "c", 1, 8, "rwm"), DeviceRules.rule(allow: true, "c", 5, 0, "rwm"),
    DeviceRules.rule(allow: true, "c", 5, 1, "rwm"), DeviceRules.rule(allow: false, "c", 10, 229, "rwm"),
  ]
  /// moby appends the list to itself.
  private static let defaultDevices = JSON.array(defaultDeviceRules + defaultDeviceRules)

  var resources: JSON {
    var resources = JSONObject()
    if devices.allowsAll {
      resources["devices"] = .array(
        ContainerSpec.defaultDeviceRules + [DeviceRules.rule(allow: true, "", nil, nil, "rwm")])
    } else if devices.rules.isEmpty {
      resources["devices"] = ContainerSpec.defaultDevices
    } else {
      resources["devices"] = .array(
        ContainerSpec.defaultDeviceRules + ContainerSpec.defaultDeviceRules + devices.rules)
    }
    let limits = details.hostConfig.resources
    if let memory = limits.memoryMember { resources["memory"] = memory }
    if let cpu = limits.cpuMember { resources["cpu"] = cpu }
    if let pids = limits.pidsMember { resources["pids"] = pids }
    resources["blockIO"] = limits.blockIOMember(blockDevices)
    return .object(resources)
  }
}

extension ContainerResources {
  /// `linux.resources.memory`.
  var memoryMember: JSON? {
    var member = JSONObject()
    if memory > 0 { member["limit"] = .int(memory) }
    if memoryReservation > 0 { member["reservation"] = .int(memoryReservation) }
    if memorySwap > 0 { member["swap"] = .int(memorySwap) }
    if let memorySwappiness { member["swappiness"] = .int(memorySwappiness) }
    if let oomKillDisable { member["disableOOMKiller"] = .bool(oomKillDisable) }
    return member.isEmpty ? nil : .object(member)
  }

  /// `linux.resources.cpu`.
  var cpuMember: JSON? {
    var member = JSONObject()
    if cpuShares != 0 { member["shares"] = .int(cpuShares) }
    if nanoCPUs > 0 {
      let period: Int64 = 100_000
      member["quota"] = .int(nanoCPUs / 1_000_000_000 * period + nanoCPUs % 1_000_000_000 * period / 1_000_000_000)
      member["period"] = .int(period)
    }
    if cpuQuota != 0 { member["quota"] = .int(cpuQuota) }
    if cpuPeriod != 0 { member["period"] = .int(cpuPeriod) }
    if cpuRealtimeRuntime != 0 { member["realtimeRuntime"] = .int(cpuRealtimeRuntime) }
    if cpuRealtimePeriod != 0 { member["realtimePeriod"] = .int(cpuRealtimePeriod) }
    if !cpusetCpus.isEmpty { member["cpus"] = .string(cpusetCpus) }
    if !cpusetMems.isEmpty { member["mems"] = .string(cpusetMems) }
    return member.isEmpty ? nil : .object(member)
  }

  /// `linux.resources.pids`; -1 takes a limit away.
  var pidsMember: JSON? { pidsLimit.map { ["limit": .int($0 <= 0 ? -1 : $0)] } }

  /// `linux.resources.blockIO`.
  func blockIOMember(_ devices: [String: HostDevice]) -> JSON {
    var member = JSONObject()
    if blkioWeight != 0 { member["weight"] = .int(blkioWeight) }
    func add(_ name: String, _ limits: [BlockDeviceLimit], _ limit: String) {
      let entries: [JSON] = limits.compactMap { entry in
        devices[entry.path].map {
          .object(
            JSONObject([
              .init("major", .int($0.major)), .init("minor", .int($0.minor)), .init(limit, .int(entry.limit)),
            ]))
        }
      }
      if !entries.isEmpty { member[name] = .array(entries) }
    }
    add("weightDevice", blkioWeightDevice, "weight")
    add("throttleReadBpsDevice", blkioDeviceReadBps, "rate")
    add("throttleWriteBpsDevice", blkioDeviceWriteBps, "rate")
    add("throttleReadIOPSDevice", blkioDeviceReadIOps, "rate")
    add("throttleWriteIOPSDevice", blkioDeviceWriteIOps, "rate")
    return .object(member)
  }

  /// The devices that limits name.
  var limitedDevices: [String] {
    (blkioWeightDevice + blkioDeviceReadBps + blkioDeviceWriteBps + blkioDeviceReadIOps + blkioDeviceWriteIOps)
      .map(\.path)
  }

  /// The resources of `update`, as Tasks/Update hands them to the runtime.
  func updateMember(_ devices: [String: HostDevice]) -> JSON {
    var member = JSONObject()
    if let memoryMember { member["memory"] = memoryMember }
    if let cpuMember { member["cpu"] = cpuMember }
    if let pidsMember { member["pids"] = pidsMember }
    let blockIO = blockIOMember(devices)
    if blockIO != [:] { member["blockIO"] = blockIO }
    return .object(member)
  }
}
