import OCISpec
import Runtime
import Seams

/// An entry of the process table.
final class LinuxProcess {
  enum State { case running, zombie, gone }
  /// Who acts for it.
  enum Driver {
    /// A part of the engine, outside of the model.
    case part
    /// The runtime, call by call, until it executes a program.
    case runtime
    /// A simulated program.
    case program(String)
    /// A forked copy that runs a closure of its program.
    case body
    /// Nobody: a process of the host that is only there.
    case idle
  }

  /// The host's number.
  let pid: Int
  /// Its number in each namespace that sees it, the host's first.
  fileprivate(set) var pids: [Int] = []
  let pidNamespace: PIDNamespace
  var driver: Driver
  fileprivate(set) var state = State.running
  /// Holds it, as it holds its children: until they are reaped.
  var parent: LinuxProcess?
  var children: [LinuxProcess] = []
  /// PR_SET_CHILD_SUBREAPER.
  var isSubreaper = false

  var credentials: Credentials
  var namespaces: NamespaceSet?
  var root: Path?
  var cwd: Path?
  var umask: UInt32 = 0o022
  var files: [Int: OpenFile] = [:]
  var limits = ResourceLimits()
  var sessionID: Int
  var groupID: Int
  var terminal: Terminal?
  /// One in each hierarchy; the first is v2's.
  var cgroups: [Cgroup] = []
  var oomScoreAdjust = 0
  var isDumpable = true
  var seccomp: SeccompFilter?

  /// The name of the executing file: /proc/PID/comm.
  var comm: String
  var arguments: [String]
  var environment: [String]
  var executable: Path?
  /// Nanoseconds since the kernel started.
  let startedAt: UInt64
  /// Nanoseconds of CPU time.
  var cpuTime: UInt64 = 0
  /// Bytes of anonymous memory that its cgroup is charged with.
  var memory: Int64 = 0
  var threads = 1

  // MARK: Signals

  var dispositions: [Int32: SignalAction] = [:]
  /// Handled signals that have come and that the program has not taken.
  var pendingSignals: [Int32] = []
  /// Counts handled signals: a system call that sees it change is interrupted.
  var interruptions = 0
  /// How many tasks wait in `nextSignal`.
  var signalWaiters = 0
  var isStopped = false
  /// Sleeps at the exec FIFO: `(FIFO, as a reader)`.
  var sleepsAt: (fifo: FIFO, reading: Bool)?

  /// Tasks of this process that wait for something to happen to it.
  var sleepers: [CheckedContinuation<Void, Never>] = []
  /// Counts wake-ups, so that none is missed between looking and lying down.
  var wakeUps = 0
  /// System calls of it that wait for something outside of the kernel, and how to call them off.
  var blocked: [Int: @Sendable () -> Void] = [:]
  private var lastBlocked = 0
  /// What the kernel closes when the process ends.
  var connections: [Duplex] = []
  var listeners: [any SimListener] = []
  var listenersClosed = 0

  /// The status for wait(2): an exit code, or 128 + signal.
  fileprivate(set) var exitStatus: Int32 = 0
  /// Killed by this signal.
  var deathSignal: Int32?
  /// How often the OOM killer had struck in its cgroup when it began.
  var oomKillsBefore = 0
  /// Its parent ended and a part of the engine took it over, which reaps it at once.
  var isOrphan = false
  /// Standard streams that are to become the far end of its terminal (`ContainerKernel.attach`).
  var consoleStreams: ProcessStdio?
  /// Tasks that wait for its end.
  var exitWaiters: [CheckedContinuation<Void, Never>] = []

  init(
    _ kernel: KernelState, driver: Driver, pidNamespace: PIDNamespace, credentials: Credentials, comm: String,
    arguments: [String], environment: [String] = []
  ) {
    (self.driver, self.pidNamespace, self.credentials) = (driver, pidNamespace, credentials)
    (self.comm, self.arguments, self.environment) = (comm, arguments, environment)
    startedAt = kernel.now
    // Numbers from the innermost namespace outwards, as alloc_pid() gives them.
    var levels: [PIDNamespace] = []
    var here: PIDNamespace? = pidNamespace
    while let namespace = here {
      levels.append(namespace)
      here = namespace.above
    }
    pid = kernel.initPID.next()
    (sessionID, groupID) = (pid, pid)
    pids = []
    for namespace in levels.reversed() { pids.append(namespace.allocate(self)) }
  }

  func number(in namespace: PIDNamespace) -> Int {
    if namespace.level == 0 { return pid }
    guard namespace.level < pids.count, pidNamespace.isWithin(namespace) else { return 0 }
    return pids[namespace.level]
  }
  /// Its number in its own namespace.
  var ownNumber: Int { pids.last ?? pid }
  /// Whether it is pid 1 of its namespace.
  var isNamespaceInit: Bool { pids.last == 1 }
  var isAlive: Bool { state == .running }
  var uid: UInt32 { credentials.userNamespace.user(credentials.ruid) }
  var memoryCgroup: Cgroup? { cgroup(.memory) }
  func cgroup(_ controller: Controller) -> Cgroup? { cgroups.first { $0.hierarchy.controllers.contains(controller) } }

  /// The OOM killer took a process of its cgroup since it began.
  var sawOOMKill: Bool { (memoryCgroup?.oomKills ?? 0) > oomKillsBefore }

  /// Whether its tasks may run now.
  var isHeld: Bool { isStopped || cgroups.contains { $0.isFrozen } }

  /// Becomes a zombie.
  func end(status: Int32) {
    exitStatus = status
    state = .zombie
  }

  /// Leaves the process table.
  func leave() {
    state = .gone
    var here: PIDNamespace? = pidNamespace
    for pid in pids.reversed() {
      here?.release(pid)
      here = here?.above
    }
  }

  /// `R`, `S`, `T`, `Z`.
  var letter: String {
    if state != .running { return "Z" }
    if isStopped { return "T" }
    if computing > 0 { return "R" }
    return "S"
  }
  /// How many of its tasks use the CPU now.
  var computing = 0

  func block(_ cancel: @escaping @Sendable () -> Void) -> Int {
    lastBlocked += 1
    blocked[lastBlocked] = cancel
    return lastBlocked
  }

  /// Everything that holds other things: at the end, so that no circle stays.
  func release() {
    (namespaces, root, cwd, executable, terminal, sleepsAt) = (nil, nil, nil, nil, nil, nil)
    (files, cgroups, connections, listeners) = ([:], [], [], [])
  }
}

/// getrlimit(2), by name.
struct ResourceLimits: Sendable {
  private var changed: [String: Pair] = [:]
  private struct Pair: Sendable { var soft: UInt64, hard: UInt64 }

  /// In the order of `/proc/PID/limits`: its name there, and its unit.
  static let all: [(name: String, title: String, unit: String, soft: UInt64, hard: UInt64)] = [
    ("RLIMIT_CPU", "Max cpu time", "seconds", .max, .max),
    ("RLIMIT_FSIZE", "Max file size", "bytes", .max, .max),
    ("RLIMIT_DATA", "Max data size", "bytes", .max, .max),
    ("RLIMIT_STACK", "Max stack size", "bytes", 8_388_608, .max),
    ("RLIMIT_CORE", "Max core file size", "bytes", 0, .max),
    ("RLIMIT_RSS", "Max resident set", "bytes", .max, .max),
    ("RLIMIT_NPROC", "Max processes", "processes", 31_678, 31_678),
    ("RLIMIT_NOFILE", "Max open files", "files", 1024, 524_288),
    ("RLIMIT_MEMLOCK", "Max locked memory", "bytes", 8_388_608, 8_388_608),
    ("RLIMIT_AS", "Max address space", "bytes", .max, .max),
    ("RLIMIT_LOCKS", "Max file locks", "locks", .max, .max),
    ("RLIMIT_SIGPENDING", "Max pending signals", "signals", 31_678, 31_678),
    ("RLIMIT_MSGQUEUE", "Max msgqueue size", "bytes", 819_200, 819_200),
    ("RLIMIT_NICE", "Max nice priority", "", 0, 0),
    ("RLIMIT_RTPRIO", "Max realtime priority", "", 0, 0),
    ("RLIMIT_RTTIME", "Max realtime timeout", "us", .max, .max),
  ]

  /// Nil for a limit that the kernel does not know.
  func get(_ name: String) -> (soft: UInt64, hard: UInt64)? {
    if let pair = changed[name] { return (pair.soft, pair.hard) }
    return ResourceLimits.all.first { $0.name == name }.map { ($0.soft, $0.hard) }
  }

  /// prlimit(2): EINVAL when the soft limit is above the hard one; EPERM when the hard one is to be raised without
  /// CAP_SYS_RESOURCE.
  mutating func set(_ name: String, soft: UInt64, hard: UInt64, mayRaise: Bool) throws(Errno) {
    guard let now = get(name), soft <= hard else { throw .EINVAL }
    if hard > now.hard, !mayRaise { throw .EPERM }
    changed[name] = Pair(soft: soft, hard: hard)
  }
}
