import JSONTree

/// `linux.resources` as JSON: what `Resources.init(_:)` reads.
extension RuntimeSpec.Resources: JSONWritable {
  public var json: JSON {
    var object: JSONObject = [:]
    if !devices.isEmpty { object["devices"] = .array(devices.map(\.json)) }
    object.add("memory", memory.json)
    object.add("cpu", cpu.json)
    if let pids { object["pids"] = ["limit": JSON(pids)] }
    object.add("blockIO", blockIO.json)
    if !hugepageLimits.isEmpty {
      object["hugepageLimits"] = .array(
        hugepageLimits.map { ["pageSize": .string($0.pageSize), "limit": JSON(unsigned: $0.limit)] })
    }
    object.add("network", network.json)
    if !rdma.isEmpty {
      object["rdma"] = .object(
        JSONObject(
          rdma.sorted { $0.key < $1.key }.map { name, limit in
            var members: JSONObject = [:]
            members.add("hcaHandles", limit.hcaHandles)
            members.add("hcaObjects", limit.hcaObjects)
            return .init(name, .object(members))
          }))
    }
    if !unified.isEmpty { object["unified"] = JSON(unified) }
    return .object(object)
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }
}

extension RuntimeSpec.DeviceCgroup {
  fileprivate var json: JSON {
    var object: JSONObject = ["allow": .bool(allow)]
    if !type.isEmpty { object["type"] = .string(type) }
    object.add("major", major)
    object.add("minor", minor)
    object["access"] = .string(access)
    return .object(object)
  }
}

extension RuntimeSpec.Memory {
  fileprivate var json: JSONObject {
    var object: JSONObject = [:]
    object.add("limit", limit)
    object.add("reservation", reservation)
    object.add("swap", swap)
    object.add("kernel", kernel)
    object.add("kernelTCP", kernelTCP)
    if let swappiness { object["swappiness"] = JSON(unsigned: swappiness) }
    if let disableOOMKiller { object["disableOOMKiller"] = .bool(disableOOMKiller) }
    if let useHierarchy { object["useHierarchy"] = .bool(useHierarchy) }
    if let checkBeforeUpdate { object["checkBeforeUpdate"] = .bool(checkBeforeUpdate) }
    return object
  }
}

extension RuntimeSpec.CPU {
  fileprivate var json: JSONObject {
    var object: JSONObject = [:]
    if let shares { object["shares"] = JSON(unsigned: shares) }
    object.add("quota", quota)
    if let burst { object["burst"] = JSON(unsigned: burst) }
    if let period { object["period"] = JSON(unsigned: period) }
    object.add("realtimeRuntime", realtimeRuntime)
    if let realtimePeriod { object["realtimePeriod"] = JSON(unsigned: realtimePeriod) }
    if !cpus.isEmpty { object["cpus"] = .string(cpus) }
    if !mems.isEmpty { object["mems"] = .string(mems) }
    object.add("idle", idle)
    return object
  }
}

extension RuntimeSpec.BlockIO {
  fileprivate var json: JSONObject {
    var object: JSONObject = [:]
    object.add("weight", weight)
    object.add("leafWeight", leafWeight)
    if !weightDevice.isEmpty {
      object["weightDevice"] = .array(
        weightDevice.map { device in
          var members: JSONObject = ["major": JSON(device.major), "minor": JSON(device.minor)]
          members.add("weight", device.weight)
          members.add("leafWeight", device.leafWeight)
          return .object(members)
        })
    }
    for (name, devices) in [
      ("throttleReadBpsDevice", throttleReadBpsDevice), ("throttleWriteBpsDevice", throttleWriteBpsDevice),
      ("throttleReadIOPSDevice", throttleReadIOPSDevice), ("throttleWriteIOPSDevice", throttleWriteIOPSDevice),
    ] where !devices.isEmpty {
      object[name] = .array(
        devices.map { ["major": JSON($0.major), "minor": JSON($0.minor), "rate": JSON(unsigned: $0.rate)] })
    }
    return object
  }
}

extension RuntimeSpec.Network {
  fileprivate var json: JSONObject {
    var object: JSONObject = [:]
    object.add("classID", classID)
    if !priorities.isEmpty {
      object["priorities"] = .array(
        priorities.map { ["name": .string($0.name), "priority": JSON($0.priority)] })
    }
    return object
  }
}

extension JSONObject {
  fileprivate mutating func add(_ name: String, _ value: (some BinaryInteger)?) {
    if let value { self[name] = JSON(value) }
  }
  fileprivate mutating func add(_ name: String, _ value: JSONObject) {
    if !value.isEmpty { self[name] = .object(value) }
  }
}

extension JSON {
  /// What Int64 cannot hold is written as a double: 2^64 - 1 is read back as what it is, "no limit".
  fileprivate init(unsigned value: UInt64) {
    self = Int64(exactly: value).map(JSON.int) ?? .double(Double(value))
  }
}
