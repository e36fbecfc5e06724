import JSONTree
import Seams

/// The limits of a container (Engine API `Resources`): members of `HostConfig`, and what `update` changes.
struct ContainerResources: Sendable {
  var cpuShares: Int64 = 0
  /// Bytes.
  var memory: Int64 = 0
  /// Billionths of a CPU.
  var nanoCPUs: Int64 = 0
  var cgroupParent = ""
  var blkioWeight: Int64 = 0
  var blkioWeightDevice: [BlockDeviceLimit] = []
  var blkioDeviceReadBps: [BlockDeviceLimit] = []
  var blkioDeviceWriteBps: [BlockDeviceLimit] = []
  var blkioDeviceReadIOps: [BlockDeviceLimit] = []
  var blkioDeviceWriteIOps: [BlockDeviceLimit] = []
  /// Microseconds.
  var cpuPeriod: Int64 = 0
  var cpuQuota: Int64 = 0
  var cpuRealtimePeriod: Int64 = 0
  var cpuRealtimeRuntime: Int64 = 0
  var cpusetCpus = ""
  var cpusetMems = ""
  var devices: [DeviceMapping] = []
  var deviceCgroupRules: [String]?
  var deviceRequests: [JSON] = []
  var memoryReservation: Int64 = 0
  var memorySwap: Int64 = 0
  var memorySwappiness: Int64?
  var oomKillDisable: Bool?
  var pidsLimit: Int64?
  var ulimits: [Ulimit] = []
  var cpuCount: Int64 = 0
  var cpuPercent: Int64 = 0
  var ioMaximumIOps: Int64 = 0
  var ioMaximumBandwidth: Int64 = 0

  init() {}

  init(_ object: JSONObject, path: String) throws(EngineError) {
    let go = GoJSON(path: path)
    for member in object.members where !GoJSON.isZero(member.value) { _ = try read(member.key, member.value, go) }
    readPointers(object)
  }

  /// Members that are pointers in moby: their zero values say something.
  mutating func readPointers(_ object: JSONObject) {
    for member in object.members {
      switch (member.key, member.value) {
      case ("MemorySwappiness", .int(0)): memorySwappiness = 0
      case ("OomKillDisable", .bool(false)): oomKillDisable = false
      case ("PidsLimit", .int(0)): pidsLimit = 0
      default: break
      }
    }
  }

  /// Reads one member; false when it is none of these.
  mutating func read(_ key: String, _ value: JSON, _ go: GoJSON) throws(EngineError) -> Bool {
    switch key {
    case "CpuShares": cpuShares = try go.int(value, key)
    case "Memory": memory = try go.int(value, key)
    case "NanoCpus": nanoCPUs = try go.int(value, key)
    case "CgroupParent": cgroupParent = try go.string(value, key)
    case "BlkioWeight":
      blkioWeight = try go.int(value, key, "uint16")
      guard (0...65535).contains(blkioWeight) else { throw go.mismatch(value, key, "uint16") }
    case "BlkioWeightDevice": blkioWeightDevice = try limits(value, key, "Weight", go)
    case "BlkioDeviceReadBps": blkioDeviceReadBps = try limits(value, key, "Rate", go)
    case "BlkioDeviceWriteBps": blkioDeviceWriteBps = try limits(value, key, "Rate", go)
    case "BlkioDeviceReadIOps": blkioDeviceReadIOps = try limits(value, key, "Rate", go)
    case "BlkioDeviceWriteIOps": blkioDeviceWriteIOps = try limits(value, key, "Rate", go)
    case "CpuPeriod": cpuPeriod = try go.int(value, key)
    case "CpuQuota": cpuQuota = try go.int(value, key)
    case "CpuRealtimePeriod": cpuRealtimePeriod = try go.int(value, key)
    case "CpuRealtimeRuntime": cpuRealtimeRuntime = try go.int(value, key)
    case "CpusetCpus": cpusetCpus = try go.string(value, key)
    case "CpusetMems": cpusetMems = try go.string(value, key)
    case "Devices":
      devices = []
      for device in try go.objects(value, key, "container.DeviceMapping") {
        devices.append(
          DeviceMapping(
            pathOnHost: try go.string(device["PathOnHost"] ?? .null, "Devices.PathOnHost"),
            pathInContainer: try go.string(device["PathInContainer"] ?? .null, "Devices.PathInContainer"),
            cgroupPermissions: try go.string(device["CgroupPermissions"] ?? .null, "Devices.CgroupPermissions")))
      }
    case "DeviceCgroupRules": deviceCgroupRules = try go.strings(value, key)
    case "DeviceRequests":
      deviceRequests = try go.objects(value, key, "container.DeviceRequest").map { .object($0) }
    case "MemoryReservation": memoryReservation = try go.int(value, key)
    case "MemorySwap": memorySwap = try go.int(value, key)
    case "MemorySwappiness":
      memorySwappiness = try go.int(value, key)
      // The client's way to say "not set".
      if memorySwappiness == -1 { memorySwappiness = nil }
    case "OomKillDisable": oomKillDisable = try go.bool(value, key)
    case "PidsLimit": pidsLimit = try go.int(value, key)
    case "Ulimits":
      ulimits = []
      for limit in try go.objects(value, key, "container.Ulimit") {
        ulimits.append(
          Ulimit(
            name: try go.string(limit["Name"] ?? .null, "Ulimits.Name"),
            soft: try go.int(limit["Soft"] ?? .null, "Ulimits.Soft"),
            hard: try go.int(limit["Hard"] ?? .null, "Ulimits.Hard")))
      }
    case "CpuCount": cpuCount = try go.int(value, key)
    case "CpuPercent": cpuPercent = try go.int(value, key)
    case "IOMaximumIOps": ioMaximumIOps = try go.int(value, key, "uint64")
    case "IOMaximumBandwidth": ioMaximumBandwidth = try go.int(value, key, "uint64")
    default: return false
    }
    return true
  }

  private func limits(_ value: JSON, _ key: String, _ limit: String, _ go: GoJSON) throws(EngineError)
    -> [BlockDeviceLimit]
  {
    var limits: [BlockDeviceLimit] = []
    for object in try go.objects(value, key, "blkiodev." + (limit == "Rate" ? "ThrottleDevice" : "WeightDevice")) {
      limits.append(
        BlockDeviceLimit(
          path: try go.string(object["Path"] ?? .null, "\(key).Path"),
          limit: try go.int(object[limit] ?? .null, "\(key).\(limit)", limit == "Rate" ? "uint64" : "uint16")))
    }
    return limits
  }

  /// Adds the members in Docker's order.
  func addMembers(to object: inout JSONObject) {
    func add(_ key: String, _ value: JSON) { object.members.append(.init(key, value)) }
    func limits(_ limits: [BlockDeviceLimit], _ name: String) -> JSON {
      .array(limits.map { .object(JSONObject([.init("Path", .string($0.path)), .init(name, .int($0.limit))])) })
    }
    add("CpuShares", .int(cpuShares))
    add("Memory", .int(memory))
    add("NanoCpus", .int(nanoCPUs))
    add("CgroupParent", .string(cgroupParent))
    add("BlkioWeight", .int(blkioWeight))
    add("BlkioWeightDevice", limits(blkioWeightDevice, "Weight"))
    add("BlkioDeviceReadBps", limits(blkioDeviceReadBps, "Rate"))
    add("BlkioDeviceWriteBps", limits(blkioDeviceWriteBps, "Rate"))
    add("BlkioDeviceReadIOps", limits(blkioDeviceReadIOps, "Rate"))
    add("BlkioDeviceWriteIOps", limits(blkioDeviceWriteIOps, "Rate"))
    add("CpuPeriod", .int(cpuPeriod))
    add("CpuQuota", .int(cpuQuota))
    add("CpuRealtimePeriod", .int(cpuRealtimePeriod))
    add("CpuRealtimeRuntime", .int(cpuRealtimeRuntime))
    add("CpusetCpus", .string(cpusetCpus))
    add("CpusetMems", .string(cpusetMems))
    add("Devices", .array(devices.map(\.json)))
    add("DeviceCgroupRules", .strings(deviceCgroupRules))
    add("DeviceRequests", deviceRequests.isEmpty ? .null : .array(deviceRequests))
    add("MemoryReservation", .int(memoryReservation))
    add("MemorySwap", .int(memorySwap))
    add("MemorySwappiness", memorySwappiness.map(JSON.int) ?? .null)
    add("OomKillDisable", oomKillDisable.map(JSON.bool) ?? .null)
    add("PidsLimit", pidsLimit.map(JSON.int) ?? .null)
    add("Ulimits", .array(ulimits.map(\.json)))
    add("CpuCount", .int(cpuCount))
    add("CpuPercent", .int(cpuPercent))
    add("IOMaximumIOps", .int(ioMaximumIOps))
    add("IOMaximumBandwidth", .int(ioMaximumBandwidth))
  }
}

/// A limit of a block device: `/dev/sda` and its weight or rate.
struct BlockDeviceLimit: Sendable, Hashable {
  var path: String
  var limit: Int64
}

/// `--device HOST:CONTAINER:PERMISSIONS`.
struct DeviceMapping: Sendable, Hashable {
  var pathOnHost: String
  var pathInContainer: String
  /// Of `r`, `w`, `m`.
  var cgroupPermissions: String

  var json: JSON {
    [
      "PathOnHost": .string(pathOnHost), "PathInContainer": .string(pathInContainer),
      "CgroupPermissions": .string(cgroupPermissions),
    ]
  }
}

/// `--ulimit nofile=1024:2048`.
struct Ulimit: Sendable, Hashable {
  var name: String
  var soft: Int64
  var hard: Int64

  var json: JSON { ["Name": .string(name), "Hard": .int(hard), "Soft": .int(soft)] }
}
