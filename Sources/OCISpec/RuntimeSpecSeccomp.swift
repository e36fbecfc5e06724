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
