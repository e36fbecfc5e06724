import JSONTree

extension RuntimeSpec {
  /// `linux.seccomp`: which system calls the container's processes may make (config-linux.md, "Seccomp").
  public struct Seccomp: Sendable, Hashable {
    /// What happens to a call that no rule names.
    public var defaultAction: Action
    /// The errno of `defaultAction`; nil means EPERM.
    public var defaultErrnoRet: UInt32?
    /// `SCMP_ARCH_X86_64`, …; empty means the machine's own.
    public var architectures: [String]
    /// `SECCOMP_FILTER_FLAG_LOG`, …
    public var flags: [String]
    /// The socket that receives the notify descriptor; empty means none.
    public var listenerPath: String
    /// Handed on to the listener as it stands.
    public var listenerMetadata: String
    public var syscalls: [Rule]

    public init(
      defaultAction: Action, defaultErrnoRet: UInt32? = nil, architectures: [String] = [], flags: [String] = [],
      listenerPath: String = "", listenerMetadata: String = "", syscalls: [Rule] = []
    ) {
      (self.defaultAction, self.defaultErrnoRet) = (defaultAction, defaultErrnoRet)
      (self.architectures, self.flags, self.syscalls) = (architectures, flags, syscalls)
      (self.listenerPath, self.listenerMetadata) = (listenerPath, listenerMetadata)
    }

    /// What happens to a call that a rule matches (libseccomp's names).
    public enum Action: String, Sendable, Hashable, CaseIterable {
      case kill = "SCMP_ACT_KILL"
      case killProcess = "SCMP_ACT_KILL_PROCESS"
      case killThread = "SCMP_ACT_KILL_THREAD"
      case trap = "SCMP_ACT_TRAP"
      case errno = "SCMP_ACT_ERRNO"
      case trace = "SCMP_ACT_TRACE"
      case allow = "SCMP_ACT_ALLOW"
      case log = "SCMP_ACT_LOG"
      case notify = "SCMP_ACT_NOTIFY"

      /// Whether `errnoRet` means anything: it must be refused otherwise (config-linux.md, "Seccomp").
      public var hasErrno: Bool { self == .errno || self == .trace }
    }

    /// One action for some system calls, perhaps only with certain arguments.
    public struct Rule: Sendable, Hashable {
      public var names: [String]
      public var action: Action
      public var errnoRet: UInt32?
      /// All must hold.
      public var args: [Argument]
      public init(names: [String], action: Action, errnoRet: UInt32? = nil, args: [Argument] = []) {
        (self.names, self.action, self.errnoRet, self.args) = (names, action, errnoRet, args)
      }
    }

    /// A comparison of one argument of a system call.
    public struct Argument: Sendable, Hashable {
      /// 0 to 5.
      public var index: UInt32
      public var value: UInt64
      /// The second operand of `SCMP_CMP_MASKED_EQ`.
      public var valueTwo: UInt64
      public var op: Comparison
      public init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: Comparison) {
        (self.index, self.value, self.valueTwo, self.op) = (index, value, valueTwo, op)
      }
    }

    /// libseccomp's comparisons.
    public enum Comparison: String, Sendable, Hashable, CaseIterable {
      case notEqual = "SCMP_CMP_NE"
      case less = "SCMP_CMP_LT"
      case lessOrEqual = "SCMP_CMP_LE"
      case equal = "SCMP_CMP_EQ"
      case greaterOrEqual = "SCMP_CMP_GE"
      case greater = "SCMP_CMP_GT"
      case maskedEqual = "SCMP_CMP_MASKED_EQ"
    }
  }
}

extension RuntimeSpec.Seccomp {
  typealias Invalid = RuntimeSpec.Invalid

  /// Reads the member `seccomp`. Nil: neither a default action nor a rule, which means no filter.
  static func read(_ json: JSON) throws(Invalid) -> RuntimeSpec.Seccomp? {
    var profile = RuntimeSpec.Seccomp(defaultAction: .allow)
    var hasDefault = false
    try SpecReader.members(of: json) { member throws(Invalid) in
      let value = member.value
      switch member.key {
      case "defaultAction":
        if case .string("") = value { return }
        profile.defaultAction = try action(value)
        hasDefault = true
      case "defaultErrnoRet": profile.defaultErrnoRet = try SpecReader.integer(value)
      case "architectures":
        profile.architectures = try SpecReader.array(value) { json throws(Invalid) in
          let name = try SpecReader.string(json)
          guard knownArchitectures.contains(name) else {
            throw Invalid("", "string \(name) is not a valid arch for seccomp")
          }
          return name
        }
      case "flags":
        profile.flags = try SpecReader.array(value) { json throws(Invalid) in
          let name = try SpecReader.string(json)
          guard knownFlags.contains(name) else {
            throw Invalid("", "seccomp flag \(quoted(name)) is not known to runc")
          }
          return name
        }
      case "listenerPath": profile.listenerPath = try SpecReader.string(value)
      case "listenerMetadata": profile.listenerMetadata = try SpecReader.string(value)
      case "syscalls": profile.syscalls = try SpecReader.array(value, Rule.init)
      default: break
      }
    }
    if hasDefault { return profile }
    if profile.syscalls.isEmpty { return nil }
    throw Invalid("defaultAction", "string  is not a valid action for seccomp")
  }

  fileprivate static func action(_ json: JSON) throws(Invalid) -> Action {
    try SpecReader.name(json) { "string \($0) is not a valid action for seccomp" }
  }

  public static let knownArchitectures: Set<String> = [
    "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
  ]
  public static let knownFlags = [
    "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
  ]
}

extension RuntimeSpec.Seccomp.Rule {
  init(_ json: JSON) throws(RuntimeSpec.Invalid) {
    var action: RuntimeSpec.Seccomp.Action?
    var (names, errno, args): ([String], UInt32?, [RuntimeSpec.Seccomp.Argument]) = ([], nil, [])
    try SpecReader.members(of: json) { member throws(RuntimeSpec.Invalid) in
      let value = member.value
      switch member.key {
      case "names": names = try SpecReader.strings(value)
      case "action": action = try RuntimeSpec.Seccomp.action(value)
      case "errnoRet": errno = try SpecReader.integer(value)
      case "args": args = try SpecReader.array(value, RuntimeSpec.Seccomp.Argument.init(_:))
      default: break
      }
    }
    guard let action else { throw .init("action", "string  is not a valid action for seccomp") }
    guard !names.isEmpty else { throw .init("names", "a rule must name at least one system call") }
    self.init(names: names, action: action, errnoRet: errno, args: args)
  }
}

extension RuntimeSpec.Seccomp.Argument {
  init(_ json: JSON) throws(RuntimeSpec.Invalid) {
    var op: RuntimeSpec.Seccomp.Comparison?
    var (index, value, second): (UInt32, UInt64, UInt64) = (0, 0, 0)
    try SpecReader.members(of: json) { member throws(RuntimeSpec.Invalid) in
      switch member.key {
      case "index": index = try SpecReader.integer(member.value)
      case "value": value = try SpecReader.integer(member.value)
      case "valueTwo": second = try SpecReader.integer(member.value)
      case "op": op = try SpecReader.name(member.value) { "string \($0) is not a valid operator for seccomp" }
      default: break
      }
    }
    guard let op else { throw .init("op", "string  is not a valid operator for seccomp") }
    guard index < 6 else { throw .init("index", "a system call has six arguments, 0 to 5") }
    self.init(index: index, value: value, valueTwo: second, op: op)
  }
}

extension RuntimeSpec {
  /// The profiles read lately, by their documents: Docker gives every container the same one.
  public struct SeccompCache: Sendable {
    private var known: [(json: JSON, profile: Seccomp?)] = []
    public init() {}

    mutating func profile(_ json: JSON) throws(Invalid) -> Seccomp? {
      // One and the same array compares at once; others by their first difference.
      if let hit = known.first(where: { $0.json == json }) { return hit.profile }
      let profile = try Seccomp.read(json)
      if known.count == 4 { known.removeFirst() }
      known.append((json, profile))
      return profile
    }
  }
}
