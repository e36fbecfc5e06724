import JSONTree

extension RuntimeSpec {
  /// The container's process: of `config.json`, or the whole of the `process.json` of `exec`.
  public struct Process: Sendable, Hashable {
    public var terminal: Bool
    public var consoleSize: ConsoleSize?
    public var user: User
    public var args: [String]
    /// `NAME=value`.
    public var env: [String]
    /// Absolute, within the container.
    public var cwd: String
    /// Nil: the runtime's own are kept.
    public var capabilities: Capabilities?
    public var rlimits: [Rlimit]
    public var noNewPrivileges: Bool
    public var apparmorProfile: String
    public var selinuxLabel: String
    public var oomScoreAdj: Int?
    public var scheduler: Scheduler?
    public var ioPriority: IOPriority?
    public var execCPUAffinity: CPUAffinity?

    public init(
      args: [String], env: [String] = [], cwd: String = "/", user: User = User(), terminal: Bool = false,
      capabilities: Capabilities? = nil, rlimits: [Rlimit] = [], noNewPrivileges: Bool = false
    ) {
      (self.args, self.env, self.cwd, self.user, self.terminal) = (args, env, cwd, user, terminal)
      (self.capabilities, self.rlimits, self.noNewPrivileges) = (capabilities, rlimits, noNewPrivileges)
      (apparmorProfile, selinuxLabel) = ("", "")
    }

    /// Reads the member `process`, or a `process.json`.
    public init(_ json: JSON) throws(Invalid) {
      self.init(args: [], cwd: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "terminal": terminal = try SpecReader.bool(value)
        case "consoleSize": consoleSize = try ConsoleSize(value)
        case "user": user = try User(value)
        case "args": args = try SpecReader.strings(value)
        case "env": env = try SpecReader.strings(value)
        case "cwd": cwd = try SpecReader.string(value)
        case "capabilities": capabilities = try Capabilities(value)
        case "rlimits": rlimits = try SpecReader.array(value, Rlimit.init)
        case "noNewPrivileges": noNewPrivileges = try SpecReader.bool(value)
        case "apparmorProfile": apparmorProfile = try SpecReader.string(value)
        case "selinuxLabel": selinuxLabel = try SpecReader.string(value)
        case "oomScoreAdj": oomScoreAdj = try SpecReader.integer(value)
        case "scheduler": scheduler = try Scheduler(value)
        case "ioPriority": ioPriority = try IOPriority(value)
        case "execCPUAffinity": execCPUAffinity = try CPUAffinity(value)
        default: break
        }
      }
    }
  }

  /// A terminal's size in characters.
  public struct ConsoleSize: Sendable, Hashable {
    public var height: UInt16
    public var width: UInt16
    public init(height: UInt16, width: UInt16) { (self.height, self.width) = (height, width) }

    init(_ json: JSON) throws(Invalid) {
      self.init(height: 0, width: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "height": height = try SpecReader.integer(member.value)
        case "width": width = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }

  /// Whom the process runs as: ids of the container's user namespace.
  public struct User: Sendable, Hashable {
    public var uid: UInt32
    public var gid: UInt32
    public var umask: UInt32?
    public var additionalGids: [UInt32]
    public init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
      (self.uid, self.gid, self.umask, self.additionalGids) = (uid, gid, umask, additionalGids)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "uid": uid = try SpecReader.integer(member.value)
        case "gid": gid = try SpecReader.integer(member.value)
        case "umask": umask = try SpecReader.integer(member.value)
        case "additionalGids":
          additionalGids = try SpecReader.array(member.value) { json throws(Invalid) in try SpecReader.integer(json) }
        default: break
        }
      }
    }
  }

  /// The five sets of capabilities(7), by name (`CAP_CHOWN`).
  public struct Capabilities: Sendable, Hashable {
    public var bounding: [String]
    public var effective: [String]
    public var permitted: [String]
    public var inheritable: [String]
    public var ambient: [String]
    public init(
      bounding: [String] = [], effective: [String] = [], permitted: [String] = [], inheritable: [String] = [],
      ambient: [String] = []
    ) {
      (self.bounding, self.effective, self.permitted) = (bounding, effective, permitted)
      (self.inheritable, self.ambient) = (inheritable, ambient)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "bounding": bounding = try SpecReader.strings(member.value)
        case "effective": effective = try SpecReader.strings(member.value)
        case "permitted": permitted = try SpecReader.strings(member.value)
        case "inheritable": inheritable = try SpecReader.strings(member.value)
        case "ambient": ambient = try SpecReader.strings(member.value)
        default: break
        }
      }
    }
  }

  /// A limit of setrlimit(2).
  public struct Rlimit: Sendable, Hashable {
    /// `RLIMIT_NOFILE`.
    public var type: String
    /// `UInt64.max` is RLIM_INFINITY.
    public var soft: UInt64
    public var hard: UInt64
    public init(type: String, soft: UInt64, hard: UInt64) { (self.type, self.soft, self.hard) = (type, soft, hard) }

    init(_ json: JSON) throws(Invalid) {
      self.init(type: "", soft: 0, hard: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "type": type = try SpecReader.string(member.value)
        case "soft": soft = try SpecReader.integer(member.value)
        case "hard": hard = try SpecReader.integer(member.value)
        default: break
        }
      }
    }

    /// The types that Linux knows.
    public static let types = [
      "RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK",
      "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO",
      "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
    ]
  }

  /// sched_setattr(2).
  public struct Scheduler: Sendable, Hashable {
    public var policy: String
    public var nice: Int32
    public var priority: Int32
    public var flags: [String]
    /// Nanoseconds; of SCHED_DEADLINE only, as the next two.
    public var runtime: UInt64
    public var deadline: UInt64
    public var period: UInt64
    public init(
      policy: String, nice: Int32 = 0, priority: Int32 = 0, flags: [String] = [], runtime: UInt64 = 0,
      deadline: UInt64 = 0, period: UInt64 = 0
    ) {
      (self.policy, self.nice, self.priority, self.flags) = (policy, nice, priority, flags)
      (self.runtime, self.deadline, self.period) = (runtime, deadline, period)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(policy: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "policy": policy = try SpecReader.string(value)
        case "nice": nice = try SpecReader.integer(value)
        case "priority": priority = try SpecReader.integer(value)
        case "flags": flags = try SpecReader.strings(value)
        case "runtime": runtime = try SpecReader.integer(value)
        case "deadline": deadline = try SpecReader.integer(value)
        case "period": period = try SpecReader.integer(value)
        default: break
        }
      }
    }

    public static let policies = [
      "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE",
    ]
    public static let flagNames = [
      "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX",
    ]
  }

  /// ioprio_set(2).
  public struct IOPriority: Sendable, Hashable {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE`, `IOPRIO_CLASS_IDLE`.
    public var type: String
    /// 0 (first) to 7.
    public var priority: Int
    public init(type: String, priority: Int) { (self.type, self.priority) = (type, priority) }

    init(_ json: JSON) throws(Invalid) {
      self.init(type: "", priority: 0)
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "class": type = try SpecReader.string(member.value)
        case "priority": priority = try SpecReader.integer(member.value)
        default: break
        }
      }
    }

    public static let classes = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]
  }

  /// CPUs for a process of `exec`: before it joins the container's cgroup, and after. Lists as `0-3,7`.
  public struct CPUAffinity: Sendable, Hashable {
    public var initial: String
    public var final: String
    public init(initial: String = "", final: String = "") { (self.initial, self.final) = (initial, final) }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "initial": initial = try SpecReader.string(member.value)
        case "final": final = try SpecReader.string(member.value)
        default: break
        }
      }
    }
  }
}
