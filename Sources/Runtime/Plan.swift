import JSONTree

/// What a runtime is about to ask of the kernel, in order: plain data, which can be printed, explained, compared,
/// counted and tested without a kernel.
///
/// Whoever performs it keeps a process for each `Role`, and goes through the steps from the first to the last. A step
/// may be skipped (`condition`), may be refused without harm (`tolerates`), and otherwise ends the plan with the words
/// of its `failure`. Where the role changes between two steps, a real runtime has its processes wait for one another.
public struct Plan: Sendable, Hashable {
  public var operation: PlanOperation
  public var flavour: RuntimeFlavour
  public var steps: [Step]

  public init(_ operation: PlanOperation, _ flavour: RuntimeFlavour, _ steps: [Step] = []) {
    (self.operation, self.flavour, self.steps) = (operation, flavour, steps)
  }

  /// How many steps there are; with conditions, at most so many calls.
  public var count: Int { steps.count }
}

/// What a plan is for: a verb of the runtime's command line.
public enum PlanOperation: String, Sendable, Hashable, CaseIterable {
  case create, start, exec, kill, delete, pause, resume, update
}

/// Which process performs a step.
public enum Role: String, Sendable, Hashable, CaseIterable {
  /// The runtime itself, in the host's namespaces.
  case runtime
  /// `runc init`, nsexec's stage 0 (`runc:[0:PARENT]`): spawns the next two and writes their id maps. In crun and
  /// railcar the first child, where there is more than one.
  case parent
  /// nsexec's stage 1 (`runc:[1:CHILD]`): joins and makes the namespaces.
  case child
  /// nsexec's stage 2 (`runc:[2:INIT]`), which becomes the container's first process.
  case container
  /// The process that `exec` brings into the container.
  case exec
}

/// The part of a container's making that a step belongs to: `explain` groups by it.
public enum Phase: String, Sendable, Hashable, CaseIterable {
  case state, binary, cgroup, processes, namespaces, identity, rootfs, mounts, devices, limits, hooks, pivot, console
  case finalize, paths, privileges, program, start, signal, cleanup

  /// A heading for people.
  public var title: String {
    switch self {
    case .state: "The runtime's own notes"
    case .binary: "A copy of the runtime that the container cannot overwrite"
    case .cgroup: "The control group"
    case .processes: "New processes"
    case .namespaces: "Namespaces"
    case .identity: "Who the processes are"
    case .rootfs: "The root file system"
    case .mounts: "Mounts"
    case .devices: "Devices"
    case .limits: "Limits"
    case .hooks: "Hooks"
    case .pivot: "The change of root"
    case .console: "The terminal"
    case .finalize: "Last touches to the container"
    case .paths: "Paths that are hidden or cannot be written"
    case .privileges: "Giving up privileges"
    case .program: "The program"
    case .start: "Letting it run"
    case .signal: "Signals"
    case .cleanup: "Taking it down"
    }
  }
}

/// One call, who performs it, why, and what a refusal means.
public struct Step: Sendable, Hashable {
  public var role: Role
  public var phase: Phase
  public var call: KernelCall
  /// Why the runtime asks for this, for people.
  public var reason: String
  /// When the call is made at all.
  public var condition: Condition
  /// The refusals that do no harm.
  public var tolerates: Tolerance
  /// What any other refusal means, in the runtime's words.
  public var failure: Failure
  /// What is filled in when the step is performed.
  public var binding: Binding
  /// The call makes the process that plays this role from now on.
  public var creates: Role?
  /// Whether the step may begin before earlier steps of *other* roles are finished. Where processes really run beside
  /// one another this saves time; one performer after the other is always right.
  public var overlaps = false

  public init(
    _ role: Role, _ phase: Phase, _ call: KernelCall, _ reason: String, condition: Condition = .always,
    tolerates: Tolerance = [], failure: Failure = .plain, binding: Binding = .none, creates: Role? = nil
  ) {
    (self.role, self.phase, self.call, self.reason) = (role, phase, call, reason)
    (self.condition, self.tolerates, self.failure) = (condition, tolerates, failure)
    (self.binding, self.creates) = (binding, creates)
  }

  /// When a step is performed. Looked at by the process that would perform it.
  public enum Condition: Sendable, Hashable {
    case always
    /// The step before this one was refused (and tolerated).
    case previousRefused
    /// The step of that index was refused (and tolerated).
    case refused(Int)
    /// The step before this one was performed and did not fail.
    case previousDone
    /// Nothing is at the path.
    indirect case missing(KernelPath)
    /// A part of the way to `goal`: nothing is at `goal`, and nothing at the path itself.
    indirect case missingOnWay(KernelPath, goal: KernelPath)
    /// Something is there.
    indirect case exists(KernelPath)
    /// There is something that is no folder.
    indirect case nonDirectory(KernelPath)
    indirect case directory(KernelPath)
  }

  /// Refusals that do no harm.
  public struct Tolerance: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// EEXIST.
    public static let exists = Tolerance(rawValue: 1)
    /// ENOENT.
    public static let missing = Tolerance(rawValue: 2)
    /// EPERM, EACCES, EROFS.
    public static let permission = Tolerance(rawValue: 4)
    /// EINVAL.
    public static let invalid = Tolerance(rawValue: 8)
    /// ENOSYS, EOPNOTSUPP, ENODEV.
    public static let unsupported = Tolerance(rawValue: 16)
    /// ESRCH, ECHILD.
    public static let gone = Tolerance(rawValue: 32)
    /// EBUSY.
    public static let busy = Tolerance(rawValue: 64)
    public static let any: Tolerance = [.exists, .missing, .permission, .invalid, .unsupported, .gone, .busy]

    public func contains(_ errno: Errno) -> Bool {
      if self == .any { return true }
      return switch errno.code {
      case Errno.EEXIST.code: contains(.exists)
      case Errno.ENOENT.code: contains(.missing)
      case Errno.EPERM.code, Errno.EACCES.code, Errno.EROFS.code: contains(.permission)
      case Errno.EINVAL.code: contains(.invalid)
      case Errno.ENOSYS.code, Errno.EOPNOTSUPP.code, Errno.ENODEV.code: contains(.unsupported)
      case Errno.ESRCH.code, Errno.ECHILD.code: contains(.gone)
      case Errno.EBUSY.code: contains(.busy)
      default: false
      }
    }
  }

  /// What only whoever performs the plan knows.
  public enum Binding: Sendable, Hashable {
    case none
    /// The path begins with `/proc/{pid}`: the pid of the role.
    case procOf(Role)
    /// The contents are `{pid}`, or the call's pid is 0: the pid of the role.
    case pidOf(Role)
    /// A tmpfs takes over the mode of the folder that it covers: `mode=…` comes before its options.
    case modeOfTarget
    /// The source is `/dev/pts/{n}`: what `openTerminal` answered.
    case terminal
    /// The program is looked up in PATH (arguments `file` and `PATH`); `execve` later uses what was found.
    case lookUp
    /// The call's path is what `lookUp` found.
    case foundProgram
    /// The contents are what the same file of the folder above holds (cpusets).
    case inherited
    /// The contents are what the runtime writes of itself: `state.json`.
    case state
  }

  /// The words for a refusal; the error of the call itself follows them.
  public enum Failure: Sendable, Hashable {
    /// The call's own error says it all.
    case plain
    /// `context: error`.
    case context(String)
    /// runc's words for a mount of config.json.
    case mounting(source: String, destination: String)
    /// The whole message, whatever the error is.
    case message(String)
  }
}
