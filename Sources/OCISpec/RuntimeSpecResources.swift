import JSONTree

extension RuntimeSpec {
  /// `linux.resources`: what the container's cgroup limits (config-linux.md, "Control groups"); also what `update`
  /// reads.
  /// Nil is always "say nothing of it".
  public struct Resources: Sendable, Hashable {
    public var devices: [DeviceCgroup] = []
    public var memory = Memory()
    public var cpu = CPU()
    public var pids: Int64?
    public var blockIO = BlockIO()
    public var hugepageLimits: [HugepageLimit] = []
    public var network = Network()
    public var rdma: [String: Rdma] = [:]
    public var unified: [String: String] = [:]
    public init() {}

    /// Reads the member `resources`, or what `update --resources` is given.
    public init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "devices": devices = try SpecReader.array(value, DeviceCgroup.init)
        case "memory": memory = try Memory(value)
        case "cpu": cpu = try CPU(value)
        case "pids":
          try SpecReader.members(of: value) { member throws(Invalid) in
            if member.key == "limit" { pids = try SpecReader.integer(member.value) }
          }
        case "blockIO": blockIO = try BlockIO(value)
        case "hugepageLimits": hugepageLimits = try SpecReader.array(value, HugepageLimit.init)
        case "network": network = try Network(value)
        case "rdma": for (name, limit) in try SpecReader.map(value, Rdma.init) { rdma[name] = limit }
        case "unified": unified = try SpecReader.stringMap(value)
        default: break
        }
      }
    }
  }

  /// Whether the container may use devices, in the order given.
  public struct DeviceCgroup: Sendable, Hashable {
    public var allow: Bool
    /// `a`, `b` or `c`; empty is `a`.
    public var type: String
    /// Nil is any.
    public var major: Int64?
    public var minor: Int64?
    /// Of `r`, `w`, `m`.
    public var access: String
    public init(allow: Bool, type: String = "", major: Int64? = nil, minor: Int64? = nil, access: String) {
      (self.allow, self.type, self.major, self.minor, self.access) = (allow, type, major, minor, access)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(allow: false, access: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "allow": allow = try SpecReader.bool(value)
        case "type": type = try SpecReader.string(value)
        case "major": major = try SpecReader.integer(value)
        case "minor": minor = try SpecReader.integer(value)
        case "access": access = try SpecReader.string(value)
        default: break
        }
      }
    }
  }

  /// Bytes; -1 is unlimited.
  public struct Memory: Sendable, Hashable {
    public var limit: Int64?
    public var reservation: Int64?
    /// Memory and swap together.
    public var swap: Int64?
    public var kernel: Int64?
    public var kernelTCP: Int64?
    public var swappiness: UInt64?
    public var disableOOMKiller: Bool?
    public var useHierarchy: Bool?
    public var checkBeforeUpdate: Bool?
    public init(limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil) {
      (self.limit, self.reservation, self.swap) = (limit, reservation, swap)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "limit": limit = try SpecReader.integer(value)
        case "reservation": reservation = try SpecReader.integer(value)
        case "swap": swap = try SpecReader.integer(value)
        case "kernel": kernel = try SpecReader.integer(value)
        case "kernelTCP": kernelTCP = try SpecReader.integer(value)
        case "swappiness": swappiness = try SpecReader.integer(value)
        case "disableOOMKiller": disableOOMKiller = try SpecReader.bool(value)
        case "useHierarchy": useHierarchy = try SpecReader.bool(value)
        case "checkBeforeUpdate": checkBeforeUpdate = try SpecReader.bool(value)
        default: break
        }
      }
    }
  }

  /// Times in microseconds.
  public struct CPU: Sendable, Hashable {
    public var shares: UInt64?
    public var quota: Int64?
    public var burst: UInt64?
    public var period: UInt64?
    public var realtimeRuntime: Int64?
    public var realtimePeriod: UInt64?
    public var cpus = ""
    public var mems = ""
    /// 1: SCHED_IDLE for the whole cgroup.
    public var idle: Int64?
    public init() {}

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "shares": shares = try SpecReader.integer(value)
        case "quota": quota = try SpecReader.integer(value)
        case "burst": burst = try SpecReader.integer(value)
        case "period": period = try SpecReader.integer(value)
        case "realtimeRuntime": realtimeRuntime = try SpecReader.integer(value)
        case "realtimePeriod": realtimePeriod = try SpecReader.integer(value)
        case "cpus": cpus = try SpecReader.string(value)
        case "mems": mems = try SpecReader.string(value)
        case "idle": idle = try SpecReader.integer(value)
        default: break
        }
      }
    }
  }

  /// Weights and throttles of block devices.
  public struct BlockIO: Sendable, Hashable {
    public var weight: UInt16?
    public var leafWeight: UInt16?
    public var weightDevice: [WeightDevice] = []
    public var throttleReadBpsDevice: [ThrottleDevice] = []
    public var throttleWriteBpsDevice: [ThrottleDevice] = []
    public var throttleReadIOPSDevice: [ThrottleDevice] = []
    public var throttleWriteIOPSDevice: [ThrottleDevice] = []
    public init() {}

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "weight": weight = try SpecReader.integer(value)
        case "leafWeight": leafWeight = try SpecReader.integer(value)
        case "weightDevice": weightDevice = try SpecReader.array(value, WeightDevice.init)
        case "throttleReadBpsDevice": throttleReadBpsDevice = try SpecReader.array(value, ThrottleDevice.init)
        case "throttleWriteBpsDevice": throttleWriteBpsDevice = try SpecReader.array(value, ThrottleDevice.init)
        case "throttleReadIOPSDevice": throttleReadIOPSDevice = try SpecReader.array(value, ThrottleDevice.init)
        case "throttleWriteIOPSDevice": throttleWriteIOPSDevice = try SpecReader.array(value, ThrottleDevice.init)
        default: break
        }
      }
    }
  }

  /// A weight of one block device.
  public struct WeightDevice: Sendable, Hashable {
    public var major: Int64
    public var minor: Int64
    public var weight: UInt16?
    public var leafWeight: UInt16?
    public init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
      (self.major, self.minor, self.weight, self.leafWeight) = (major, minor, weight, leafWeight)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(major: 0, minor: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "major": major = try SpecReader.integer(member.value)
        case "minor": minor = try SpecReader.integer(member.value)
        case "weight": weight = try SpecReader.integer(member.value)
        case "leafWeight": leafWeight = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }

  /// A rate of one block device, in bytes or operations a second.
  public struct ThrottleDevice: Sendable, Hashable {
    public var major: Int64
    public var minor: Int64
    public var rate: UInt64
    public init(major: Int64, minor: Int64, rate: UInt64) {
      (self.major, self.minor, self.rate) = (major, minor, rate)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(major: 0, minor: 0, rate: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "major": major = try SpecReader.integer(member.value)
        case "minor": minor = try SpecReader.integer(member.value)
        case "rate": rate = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }

  /// Bytes of huge pages of one size (`2MB`).
  public struct HugepageLimit: Sendable, Hashable {
    public var pageSize: String
    public var limit: UInt64
    public init(pageSize: String, limit: UInt64) { (self.pageSize, self.limit) = (pageSize, limit) }

    init(_ json: JSON) throws(Invalid) {
      self.init(pageSize: "", limit: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "pageSize": pageSize = try SpecReader.string(member.value)
        case "limit": limit = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }

  /// net_cls and net_prio of cgroup v1.
  public struct Network: Sendable, Hashable {
    public var classID: UInt32?
    public var priorities: [Priority] = []
    public init() {}

    /// The priority of what leaves through one interface.
    public struct Priority: Sendable, Hashable {
      public var name: String
      public var priority: UInt32
      public init(name: String, priority: UInt32) { (self.name, self.priority) = (name, priority) }

      init(_ json: JSON) throws(Invalid) {
        self.init(name: "", priority: 0)
        try SpecReader.members(of: json) { member throws(Invalid) in
          switch member.key {
          case "name": name = try SpecReader.string(member.value)
          case "priority": priority = try SpecReader.integer(member.value)
          default: break
          }
        }
      }
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "classID": classID = try SpecReader.integer(member.value)
        case "priorities": priorities = try SpecReader.array(member.value, Priority.init)
        default: break
        }
      }
    }
  }

  /// What a container may have of an RDMA device.
  public struct Rdma: Sendable, Hashable {
    public var hcaHandles: UInt32?
    public var hcaObjects: UInt32?
    public init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
      (self.hcaHandles, self.hcaObjects) = (hcaHandles, hcaObjects)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "hcaHandles": hcaHandles = try SpecReader.integer(member.value)
        case "hcaObjects": hcaObjects = try SpecReader.integer(member.value)
        default: break
        }
      }
      guard hcaHandles != nil || hcaObjects != nil else {
        throw Invalid("", "at least one of hcaHandles and hcaObjects must be specified")
      }
    }
  }
}
