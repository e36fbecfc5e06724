import JSONTree

extension RuntimeSpec {
  /// The member `linux` (config-linux.md).
  public struct Linux: Sendable, Hashable {
    public var uidMappings: [IDMapping] = []
    public var gidMappings: [IDMapping] = []
    public var sysctl: [String: String] = [:]
    public var resources: Resources?
    public var cgroupsPath = ""
    public var namespaces: [Namespace] = []
    public var devices: [Device] = []
    /// Interfaces of the host that move into the container: their names there (empty: the same).
    public var netDevices: [String: String] = [:]
    public var seccomp: Seccomp?
    /// `shared`, `rslave`, …; empty is the runtime's default, `rslave`.
    public var rootfsPropagation = ""
    public var maskedPaths: [String] = []
    public var readonlyPaths: [String] = []
    public var mountLabel = ""
    public var intelRdt: IntelRdt?
    public var memoryPolicy: MemoryPolicy?
    public var personality: Personality?
    /// By clock: `monotonic`, `boottime`.
    public var timeOffsets: [String: TimeOffset] = [:]
    public init() {}

    init(_ json: JSON, seccomp cache: inout SeccompCache) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "uidMappings": uidMappings = try SpecReader.array(value, IDMapping.init(_:))
        case "gidMappings": gidMappings = try SpecReader.array(value, IDMapping.init(_:))
        case "sysctl": sysctl = try SpecReader.stringMap(value)
        case "resources": resources = try Resources(value)
        case "cgroupsPath": cgroupsPath = try SpecReader.string(value)
        case "namespaces": namespaces = try SpecReader.array(value, Namespace.init)
        case "devices": devices = try SpecReader.array(value, Device.init)
        case "netDevices":
          for (name, new) in try SpecReader.map(value, NetDevice.read) { netDevices[name] = new }
        case "seccomp": seccomp = try cache.profile(value)
        case "rootfsPropagation": rootfsPropagation = try SpecReader.string(value)
        case "maskedPaths": maskedPaths = try SpecReader.strings(value)
        case "readonlyPaths": readonlyPaths = try SpecReader.strings(value)
        case "mountLabel": mountLabel = try SpecReader.string(value)
        case "intelRdt": intelRdt = try IntelRdt(value)
        case "memoryPolicy": memoryPolicy = try MemoryPolicy(value)
        case "personality": personality = try Personality(value)
        case "timeOffsets":
          for (clock, offset) in try SpecReader.map(value, TimeOffset.init) { timeOffsets[clock] = offset }
        default: break
        }
      }
    }

    /// The namespace of a kind, when there is one.
    public func namespace(_ kind: NamespaceKind) -> Namespace? { namespaces.first { $0.type == kind } }
    /// Whether the container gets a namespace of its own of that kind, new and not joined.
    public func isNew(_ kind: NamespaceKind) -> Bool { namespace(kind).map { $0.path.isEmpty } ?? false }
  }

  /// A namespace to be made, or to be joined.
  public struct Namespace: Sendable, Hashable {
    public var type: NamespaceKind
    /// Absolute; empty makes a new one.
    public var path: String
    public init(_ type: NamespaceKind, path: String = "") { (self.type, self.path) = (type, path) }

    init(_ json: JSON) throws(Invalid) {
      var type: NamespaceKind?
      var path = ""
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "type": type = try SpecReader.name(member.value) { "namespace \(quoted($0)) does not exist" }
        case "path": path = try SpecReader.string(member.value)
        default: break
        }
      }
      guard let type else { throw Invalid("type", "namespace \"\" does not exist") }
      self.init(type, path: path)
    }
  }

  /// A device node in the container.
  public struct Device: Sendable, Hashable {
    public var path: String
    /// `c`, `b`, `u` or `p`.
    public var type: String
    public var major: Int64
    public var minor: Int64
    public var fileMode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?
    public init(
      path: String, type: String, major: Int64 = 0, minor: Int64 = 0, fileMode: UInt32? = nil, uid: UInt32? = nil,
      gid: UInt32? = nil
    ) {
      (self.path, self.type, self.major, self.minor) = (path, type, major, minor)
      (self.fileMode, self.uid, self.gid) = (fileMode, uid, gid)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(path: "", type: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "path": path = try SpecReader.string(value)
        case "type": type = try SpecReader.string(value)
        case "major": major = try SpecReader.integer(value)
        case "minor": minor = try SpecReader.integer(value)
        case "fileMode": fileMode = try SpecReader.integer(value)
        case "uid": uid = try SpecReader.integer(value)
        case "gid": gid = try SpecReader.integer(value)
        default: break
        }
      }
    }
  }

  enum NetDevice {
    static func read(_ json: JSON) throws(Invalid) -> String {
      var name = ""
      try SpecReader.members(of: json) { member throws(Invalid) in
        if member.key == "name" { name = try SpecReader.string(member.value) }
      }
      return name
    }
  }

  /// Intel's resource director (resctrl).
  public struct IntelRdt: Sendable, Hashable {
    public var closID = ""
    public var schemata: [String] = []
    public var l3CacheSchema = ""
    public var memBwSchema = ""
    public var enableMonitoring = false
    public init() {}

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "closID": closID = try SpecReader.string(value)
        case "schemata": schemata = try SpecReader.strings(value)
        case "l3CacheSchema": l3CacheSchema = try SpecReader.string(value)
        case "memBwSchema": memBwSchema = try SpecReader.string(value)
        case "enableMonitoring": enableMonitoring = try SpecReader.bool(value)
        default: break
        }
      }
    }
  }

  /// set_mempolicy(2).
  public struct MemoryPolicy: Sendable, Hashable {
    public var mode: String
    /// A list of nodes as `0-3,7`.
    public var nodes: String
    public var flags: [String]
    public init(mode: String, nodes: String = "", flags: [String] = []) {
      (self.mode, self.nodes, self.flags) = (mode, nodes, flags)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(mode: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "mode": mode = try SpecReader.string(member.value)
        case "nodes": nodes = try SpecReader.string(member.value)
        case "flags": flags = try SpecReader.strings(member.value)
        default: break
        }
      }
    }

    public static let modes = [
      "MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY",
      "MPOL_WEIGHTED_INTERLEAVE",
    ]
    public static let flagNames = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"]
  }

  /// personality(2).
  public struct Personality: Sendable, Hashable {
    /// `LINUX` or `LINUX32`.
    public var domain: String
    public var flags: [String]
    public init(domain: String, flags: [String] = []) { (self.domain, self.flags) = (domain, flags) }

    init(_ json: JSON) throws(Invalid) {
      self.init(domain: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "domain": domain = try SpecReader.string(member.value)
        case "flags": flags = try SpecReader.strings(member.value)
        default: break
        }
      }
    }
  }

  /// An offset of a clock in a time namespace.
  public struct TimeOffset: Sendable, Hashable {
    public var secs: Int64
    public var nanosecs: UInt32
    public init(secs: Int64 = 0, nanosecs: UInt32 = 0) { (self.secs, self.nanosecs) = (secs, nanosecs) }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "secs": secs = try SpecReader.integer(member.value)
        case "nanosecs": nanosecs = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }
}
