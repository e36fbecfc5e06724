/// A flag of a runtime's command line.
public struct RuntimeFlag: Sendable, Hashable {
  /// What a flag takes.
  public enum Kind: Sendable, Hashable {
    /// Nothing, or `=true`, `=false`.
    case toggle
    /// A text; the last one counts.
    case text
    /// Texts, in order.
    case list
    /// A whole number.
    case integer
    /// A duration as Go writes it: `5s`, `100ms`.
    case duration
  }
  /// Long name.
  public var name: String
  /// One letter; nil for none.
  public var short: String?
  public var kind: Kind
  public var usage: String
  /// What `--help` says of the default; nil for nothing.
  public var initial: String?

  init(_ name: String, short: String? = nil, _ kind: Kind, _ usage: String, initial: String? = nil) {
    (self.name, self.short, self.kind, self.usage, self.initial) = (name, short, kind, usage, initial)
  }
}

/// A verb of a runtime's command line.
public struct RuntimeVerb: Sendable, Hashable {
  public var name: String
  public var summary: String
  /// What follows the flags, for `--help`: `<container-id>`.
  public var synopsis: String
  public var flags: [RuntimeFlag]
  /// How many arguments there may be besides flags.
  public var operands: ClosedRange<Int>
  /// After the first operand nothing is a flag any more: what follows is another program's command line.
  public var endsAtOperand: Bool
  /// A paragraph or more below the synopsis; empty for none.
  public var description: String

  init(
    _ name: String, _ summary: String, _ synopsis: String = "<container-id>", operands: ClosedRange<Int> = 1...1,
    endsAtOperand: Bool = false, description: String = "", _ flags: [RuntimeFlag] = []
  ) {
    (self.name, self.summary, self.synopsis, self.flags) = (name, summary, synopsis, flags)
    (self.operands, self.endsAtOperand, self.description) = (operands, endsAtOperand, description)
  }
}

/// The command line of runc, which containerd, dockerd, podman, CRI-O and people use: its verbs and flags, and one verb
/// of ours (`plan`).
public enum RuntimeGrammar {
  public static let globals: [RuntimeFlag] = [
    RuntimeFlag("debug", .toggle, "log what is done, too"),
    RuntimeFlag("log", .text, "the file that errors are logged to, besides stderr"),
    RuntimeFlag("log-format", .text, "how the log is written: 'text' or 'json'", initial: "\"text\""),
    RuntimeFlag("root", .text, "the folder of the containers' state, best on a tmpfs"),
    RuntimeFlag("criu", .text, "accepted for runc's sake"),
    RuntimeFlag("systemd-cgroup", .toggle, "cgroupsPath is of the form slice:prefix:name"),
    RuntimeFlag("cgroup-manager", .text, "accepted for crun's sake: 'cgroupfs' or 'disabled'"),
    RuntimeFlag(
      "rootless", .text, "do without the cgroups that may not be had: 'true', 'false' or 'auto'", initial: "\"auto\""),
    RuntimeFlag("trace-fd", .integer, "write each kernel call's result and time to this descriptor, as JSON lines"),
  ]

  /// Every verb's name, in the order of the help.
  public static let names = [
    "create", "delete", "events", "exec", "features", "kill", "list", "pause", "plan", "ps", "resume", "run", "spec",
    "start", "state", "update", "checkpoint", "restore",
  ]

  /// The verb of a name; nil when there is none.
  public static func verb(_ name: String) -> RuntimeVerb? {
    switch name {
    case "create": createVerb
    case "run": runVerb
    case "start": startVerb
    case "exec": execVerb
    case "kill": killVerb
    case "delete": deleteVerb
    case "state": stateVerb
    case "list": listVerb
    case "ps": psVerb
    case "pause": pauseVerb
    case "resume": resumeVerb
    case "update": updateVerb
    case "events": eventsVerb
    case "spec": specVerb
    case "features": featuresVerb
    case "plan": planVerb
    case "checkpoint": checkpointVerb
    case "restore": restoreVerb
    default: nil
    }
  }

  private static let createVerb = RuntimeVerb(
    "create", "create a container", "<container-id>", description: description(ofMaking: true), making)
  private static let runVerb = RuntimeVerb(
    "run", "create and run a container", "<container-id>", description: description(ofMaking: false),
    making + [
      RuntimeFlag("detach", short: "d", .toggle, "do not wait for the container's process"),
      RuntimeFlag("keep", .toggle, "do not delete the container after it has ended"),
      RuntimeFlag("no-subreaper", .toggle, "do not adopt the orphans of a detached container"),
    ])
  private static let startVerb = RuntimeVerb("start", "execute the program of a created container")
  private static let execVerb = RuntimeVerb(
    "exec", "execute a new process in a container",
    "<container-id> <command> [command options]  || -p process.json <container-id>", operands: 1...Int.max,
    endsAtOperand: true, executing)
  private static let killVerb = RuntimeVerb(
    "kill", "send a signal to the container's first process (default: SIGTERM)", "<container-id> [signal]",
    operands: 1...2, [RuntimeFlag("all", short: "a", .toggle, "send the signal to all processes of the container")])
  private static let deleteVerb = RuntimeVerb(
    "delete", "remove whatever belongs to a container", "<container-id>",
    [RuntimeFlag("force", short: "f", .toggle, "kill it first if it is running (SIGKILL)")])
  private static let stateVerb = RuntimeVerb("state", "print the state of a container")
  private static let listVerb = RuntimeVerb(
    "list", "list the containers below the root", "", operands: 0...0,
    [format, RuntimeFlag("quiet", short: "q", .toggle, "only the containers' IDs")])
  private static let psVerb = RuntimeVerb(
    "ps", "list the processes of a container", "<container-id> [ps options]", operands: 1...Int.max,
    endsAtOperand: true, [format])
  private static let pauseVerb = RuntimeVerb("pause", "stop all processes of a container where they are")
  private static let resumeVerb = RuntimeVerb("resume", "let the processes of a paused container go on")
  private static let updateVerb = RuntimeVerb("update", "change the limits of a container", "<container-id>", updating)
  private static let eventsVerb = RuntimeVerb(
    "events", "print what happens in a container: statistics, and when memory runs out", "<container-id>",
    [
      RuntimeFlag("interval", .duration, "the time between two statistics", initial: "5s"),
      RuntimeFlag("stats", .toggle, "print the statistics once"),
    ])
  private static let specVerb = RuntimeVerb(
    "spec", "write a config.json to begin with", "", operands: 0...0,
    [
      RuntimeFlag("bundle", short: "b", .text, "the bundle's folder"),
      RuntimeFlag("rootless", .toggle, "for a container without root"),
    ])
  private static let featuresVerb = RuntimeVerb(
    "features", "print what this runtime can do, as JSON", "", operands: 0...0)
  private static let planVerb = RuntimeVerb(
    "plan", "print what `run` would ask of the kernel, call by call, and do nothing", "[container-id]",
    operands: 0...1, planning)
  private static let checkpointVerb = RuntimeVerb(
    "checkpoint", "save a container with CRIU (not supported)", "<container-id>",
    ["image-path", "work-path", "parent-path", "status-fd", "page-server", "manage-cgroups-mode", "empty-ns"]
      .map { RuntimeFlag($0, .list, "of CRIU") } + criuSwitches + ["leave-running", "pre-dump"].map(criuSwitch))
  private static let restoreVerb = RuntimeVerb(
    "restore", "restore a container with CRIU (not supported)", "<container-id>",
    [
      "image-path", "work-path", "manage-cgroups-mode", "empty-ns", "console-socket", "pid-file", "lsm-profile",
      "lsm-mount-context",
    ].map { RuntimeFlag($0, .list, "of CRIU") } + [RuntimeFlag("bundle", short: "b", .text, "the bundle's folder")]
      + criuSwitches + ["no-subreaper", "no-pivot"].map(criuSwitch)
      + [RuntimeFlag("detach", short: "d", .toggle, "do not wait for the container's process")])

  private static func description(ofMaking stays: Bool) -> String {
    """
    A bundle is a folder that holds a configuration, config.json, and the container's root file system. What is
    executed is the args of config.json\(stays ? ", and only once the container is started" : "").
    """
  }

  private static let format = RuntimeFlag("format", short: "f", .text, "'table' or 'json'", initial: "\"table\"")
  private static func criuSwitch(_ name: String) -> RuntimeFlag { RuntimeFlag(name, .toggle, "of CRIU") }
  private static let criuSwitches = [
    "tcp-established", "ext-unix-sk", "shell-job", "lazy-pages", "file-locks", "auto-dedup",
  ].map(criuSwitch)

  private static let console: [RuntimeFlag] = [
    RuntimeFlag("console-socket", .text, "the AF_UNIX socket that gets the terminal's other end"),
    RuntimeFlag("pidfd-socket", .text, "the AF_UNIX socket that gets a pidfd of the process"),
    RuntimeFlag("pid-file", .text, "the file that the process's number is written to"),
    RuntimeFlag(
      "preserve-fds", .integer, "hand N more descriptors on, after stdio and $LISTEN_FDS", initial: "0"),
  ]

  private static let making: [RuntimeFlag] =
    [RuntimeFlag("bundle", short: "b", .text, "the bundle's folder; the current one without it")] + console + [
      RuntimeFlag("no-pivot", .toggle, "no pivot_root(2): for a root file system on a ramdisk"),
      RuntimeFlag("no-new-keyring", .toggle, "keep the caller's session keyring"),
    ]

  private static let executing: [RuntimeFlag] =
    console + [
      RuntimeFlag("cwd", .text, "the working directory in the container"),
      RuntimeFlag("env", short: "e", .list, "NAME=value, added to the environment"),
      RuntimeFlag("tty", short: "t", .toggle, "give it a terminal"),
      RuntimeFlag("user", short: "u", .text, "UID[:GID]"),
      RuntimeFlag("additional-gids", short: "g", .list, "an additional group"),
      RuntimeFlag("process", short: "p", .text, "a process.json that says it all"),
      RuntimeFlag("detach", short: "d", .toggle, "do not wait for the process"),
      RuntimeFlag("process-label", .text, "its SELinux label"),
      RuntimeFlag("apparmor", .text, "its AppArmor profile"),
      RuntimeFlag("no-new-privs", .toggle, "it cannot gain privileges"),
      RuntimeFlag("cap", short: "c", .list, "a capability more"),
      RuntimeFlag("cgroup", .list, "an existing cgroup below the container's: [CONTROLLER:]PATH"),
      RuntimeFlag("ignore-paused", .toggle, "also in a paused container"),
    ]

  private static let updating: [RuntimeFlag] = [
    RuntimeFlag(
      "resources", short: "r", .text,
      "the file with the limits, as linux.resources of config.json has them; '-' for stdin"),
    RuntimeFlag("blkio-weight", .integer, "weight of disk accesses, 10 to 1000", initial: "0"),
    RuntimeFlag("cpu-period", .text, "period of the CPU quota, in microseconds"),
    RuntimeFlag("cpu-quota", .text, "CPU time in each period, in microseconds"),
    RuntimeFlag("cpu-burst", .text, "CPU time that may be saved up, in microseconds"),
    RuntimeFlag("cpu-share", .text, "weight of the CPU, 2 to 262144"),
    RuntimeFlag("cpu-rt-period", .text, "period of the real-time quota, in microseconds"),
    RuntimeFlag("cpu-rt-runtime", .text, "real-time CPU time in each period, in microseconds"),
    RuntimeFlag("cpu-idle", .text, "1: only when nobody else wants the CPU"),
    RuntimeFlag("cpuset-cpus", .text, "the CPUs: 0-3,7"),
    RuntimeFlag("cpuset-mems", .text, "the memory nodes"),
    RuntimeFlag("kernel-memory", .text, "has no effect any more"),
    RuntimeFlag("kernel-memory-tcp", .text, "has no effect any more"),
    RuntimeFlag("memory", .text, "most memory, in bytes or as 64m"),
    RuntimeFlag("memory-reservation", .text, "memory that is left to it when the host is short"),
    RuntimeFlag("memory-swap", .text, "most memory and swap together; -1 for no limit"),
    RuntimeFlag("pids-limit", .integer, "most processes and threads", initial: "0"),
    RuntimeFlag("l3-cache-schema", .text, "Intel RDT: L3 cache"),
    RuntimeFlag("mem-bw-schema", .text, "Intel RDT: memory bandwidth"),
  ]

  private static let planning: [RuntimeFlag] = [
    RuntimeFlag("bundle", short: "b", .text, "the bundle's folder; the current one without it"),
    RuntimeFlag("json", .toggle, "as JSON"),
    RuntimeFlag(
      "operation", .text, "'run', 'create', 'start', 'exec', 'kill', 'pause', 'resume' or 'delete'", initial: "\"run\""),
    RuntimeFlag("process", short: "p", .text, "the process.json of the operation exec"),
    RuntimeFlag("brief", .toggle, "without the reasons"),
    RuntimeFlag("no-pivot", .toggle, "as of run"),
    RuntimeFlag("no-new-keyring", .toggle, "as of run"),
  ]
}
