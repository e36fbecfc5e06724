import Handoff
import JSONTree

/// What a handoff is for, in plain words, and what would happen without it.
public enum Why {
  /// The text for an operation, by its name on the wire; nil when none is written. Languages are `en` and `pt-BR`
  /// (whatever begins with `pt`); any other gets English.
  public static func text(op: String, language: String = "en") -> (purpose: String, without: String)? {
    WhyTexts.all[key(op)].map { language.hasPrefix("pt") ? $0.portuguese : $0.english }
  }

  /// The text that `why N` prints: for some calls to the kernel it depends on the arguments.
  public static func text(for call: TraceRecord.Call, language: String = "en") -> String {
    let detailed = detail(call).flatMap { text(op: $0, language: language) }
    guard let text = detailed ?? text(op: call.op, language: language) else {
      let about = Parties.about(call.to, language: language)
      return language.hasPrefix("pt")
        ? "\(call.from) pede \(call.op) a \(call.to), \(about)."
        : "\(call.from) asks \(call.to), \(about), for \(call.op)."
    }
    return text.purpose + "\n" + text.without
  }

  /// The operations that have a text, sorted. `runtime create` stands for `runc create`, `crun create` and so on.
  public static var operations: [String] { WhyTexts.all.keys.sorted() }

  // MARK: Names

  /// The name under which an operation's text is found: those that do the same work share one.
  static func key(_ op: String) -> String {
    if op.hasPrefix("containerd.task.v2.") { return "containerd.task.v3." + op.dropFirst("containerd.task.v2.".count) }
    if op.hasPrefix("runtime.v1alpha2.") { return "runtime.v1." + op.dropFirst("runtime.v1alpha2.".count) }
    let ecs = "AmazonEC2ContainerServiceV20141113."
    if op.hasPrefix(ecs) { return "ecs " + op.dropFirst(ecs.count) }
    if op.hasPrefix("podman container cleanup") { return "conmon exit" }
    guard let space = op.firstIndex(of: " ") else { return monolithKey(op) ?? op }
    let (program, rest) = (String(op[..<space]), op[op.index(after: space)...])
    switch program {
    case "runc", "crun", "railcar", "youki", "drydock-runc", "runsc": return "runtime " + rest
    case "containerd-shim-runc-v2", "containerd-shim-runc-v1", "containerd-shim-drydock-v2":
      return "containerd-shim " + rest
    default: return op
    }
  }

  /// `libcontainer.Factory.Create` and `libcontainer.Container/Create` are `libcontainer create`.
  private static func monolithKey(_ op: String) -> String? {
    for library in ["libcontainer", "graphdriver"] where op.hasPrefix(library) {
      guard let verb = op.split(whereSeparator: { $0 == "." || $0 == "/" }).last, verb != library[...] else { continue }
      return library + " " + verb.lowercased()
    }
    return nil
  }

  // MARK: Arguments

  /// The name of a finer text for a call to the kernel, by its arguments; nil when the call's own name says enough.
  static func detail(_ call: TraceRecord.Call) -> String? {
    guard call.to == .kernel else { return nil }
    let arguments = call.args.json
    let path = arguments["path"]?.string ?? ""
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    switch call.op {
    case "write": return writeDetail(path, file)
    case "openat":
      if file == "exec.fifo" { return "openat exec.fifo" }
      return file == "ptmx" ? "openat ptmx" : nil
    case "mount": return mountDetail(arguments)
    case "prctl": return arguments["option"]?.string.map { "prctl " + $0 }
    case "execve": return arguments["hook"] == nil ? nil : "execve hook"
    case "mkdirat", "unlinkat": return path.hasPrefix("/sys/fs/cgroup/") ? call.op + " cgroup" : nil
    default: return nil
    }
  }

  private static func writeDetail(_ path: String, _ file: String) -> String? {
    if path.hasPrefix("/proc/sys/") || path.contains("/proc/sys/") { return "write /proc/sys" }
    if path.hasSuffix("attr/exec") || path.hasSuffix("attr/apparmor/exec") { return "write attr/exec" }
    return "write " + (cgroupV1Names[file] ?? file)
  }

  /// What the files of cgroup v1 are called in v2, where their use is the same.
  private static let cgroupV1Names = [
    "tasks": "cgroup.procs", "memory.limit_in_bytes": "memory.max", "memory.memsw.limit_in_bytes": "memory.swap.max",
    "memory.soft_limit_in_bytes": "memory.low", "cpu.shares": "cpu.weight", "cpu.cfs_quota_us": "cpu.max",
    "cpu.cfs_period_us": "cpu.max", "freezer.state": "cgroup.freeze", "cpuset.mems": "cpuset.cpus",
  ]

  private static func mountDetail(_ arguments: JSON) -> String? {
    let flags = arguments["flags"]?.strings ?? []
    if flags.contains("MS_REMOUNT") { return "mount remount" }
    if flags.contains("MS_BIND") { return "mount bind" }
    if flags.contains(where: { ["MS_PRIVATE", "MS_SLAVE", "MS_SHARED", "MS_UNBINDABLE"].contains($0) }) {
      return "mount propagation"
    }
    guard let type = arguments["type"]?.string, !type.isEmpty else { return nil }
    return "mount " + (type == "cgroup" ? "cgroup2" : type)
  }
}
