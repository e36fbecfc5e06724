/// What may stand at a place of a command line.
enum Completable: Sendable, Hashable {
  case nothing, containers, runningContainers, images, networks, volumes, files
  /// Names of containers, images, networks and volumes.
  case objects
  /// `container:/path` or a file.
  case containerPaths
  /// `host`, `container:NAME`.
  case namespaceModes
  /// A volume's name or a file, before the colon.
  case volumeMounts
  /// Names of the client's environment variables.
  case variables
  case words([String])
}

/// Words that flags take.
enum Words {
  static let restartPolicies = ["always", "no", "on-failure", "unless-stopped"]
  static let pullPolicies = ["always", "missing", "never"]
  static let platforms = [
    "linux/386", "linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/riscv64",
    "linux/s390x",
  ]
  static let capabilities = [
    "ALL", "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
    "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW",
    "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
  ]
  static let signals = [
    "ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "KILL", "PIPE", "PROF", "PWR", "QUIT",
    "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH",
    "XCPU", "XFSZ",
  ]
  static let logDrivers = [
    "awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "none", "splunk", "syslog",
  ]
  static let formats = ["json", "table"]
  static let objectTypes = [
    "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume",
  ]
  static let runtimes = ["crun", "drydock-runc", "railcar", "runc"]
  static let streams = ["stderr", "stdin", "stdout"]
  static let ulimits = [
    "core=", "cpu=", "data=", "fsize=", "locks=", "memlock=", "msgqueue=", "nice=", "nofile=", "nproc=", "rss=",
    "rtprio=", "rttime=", "sigpending=", "stack=",
  ]
  static let hostOnly = ["host"]
  static let cgroupns = ["host", "private"]
}

/// docker's help for `--format`.
let formatHelp = """
  Format output using a custom template:
  'json':             Print in JSON format
  'TEMPLATE':         Print output using the given Go template.
  Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates
  """
/// docker's help for `--format` of lists.
let tableFormatHelp = """
  Format output using a custom template:
  'table':            Print output in table format with column headers (default)
  'table TEMPLATE':   Print output in table format using the given Go template
  'json':             Print in JSON format
  'TEMPLATE':         Print output using the given Go template.
  Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates
  """
