import Seams

/// runc's command line, read: global flags, the verb's flags, and what remains.
struct RuncArguments {
  var root = ""
  var isRootGiven = false
  var log = ""
  var logsJSON = false
  var debug = false
  var systemdCgroup = false
  private var values: [String: [String]] = [:]
  /// What is no flag, in order.
  private(set) var operands: [String] = []

  /// What is wrong with a command line.
  struct Misuse: Error {
    var message: String
    var printsUsage = false
  }

  private static let globals: Set<String> = ["root", "log", "log-format", "rootless", "criu", "cgroup-manager"]
  /// The flags that have a value, by verb; others are switches.
  private static let valued: [String: Set<String>] = [
    "create": ["bundle", "b", "console-socket", "pidfd-socket", "pid-file", "preserve-fds"],
    "run": ["bundle", "b", "console-socket", "pidfd-socket", "pid-file", "preserve-fds"],
    "exec": [
      "console-socket", "pidfd-socket", "cwd", "env", "e", "user", "u", "additional-gids", "g", "process", "p",
      "pid-file", "process-label", "apparmor", "cap", "c", "preserve-fds", "cgroup",
    ],
    "list": ["format", "f"], "ps": ["format", "f"], "spec": ["bundle", "b"], "events": ["interval"],
    "update": [
      "resources", "r", "blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period",
      "cpu-rt-runtime", "cpuset-cpus", "cpuset-mems", "kernel-memory", "kernel-memory-tcp", "memory", "cpu-idle",
      "memory-reservation", "memory-swap", "pids-limit", "l3-cache-schema", "mem-bw-schema",
    ],
    "checkpoint": ["image-path", "work-path", "parent-path"], "restore": ["image-path", "work-path", "bundle", "b"],
  ]
  private static let switches: [String: Set<String>] = [
    "create": ["no-pivot", "no-new-keyring"],
    "run": ["no-pivot", "no-new-keyring", "detach", "d", "keep", "no-subreaper"],
    "exec": ["tty", "t", "detach", "d", "no-new-privs", "ignore-paused"], "delete": ["force", "f"],
    "kill": ["all", "a"],
    "list": ["quiet", "q"], "spec": ["rootless"], "events": ["stats"],
  ]
  /// Short names.
  private static let long: [String: [String: String]] = [
    "exec": [
      "e": "env", "u": "user", "g": "additional-gids", "p": "process", "c": "cap", "t": "tty", "d": "detach",
    ],
    "create": ["b": "bundle"], "run": ["b": "bundle", "d": "detach"], "spec": ["b": "bundle"],
    "delete": ["f": "force"], "kill": ["a": "all"], "list": ["f": "format", "q": "quiet"], "ps": ["f": "format"],
    "update": ["r": "resources"], "restore": ["b": "bundle"],
  ]

  init(_ command: RuntimeCommand, defaultRoot: String) throws(Misuse) {
    root = defaultRoot
    try readGlobals(command.globalArguments)
    try readArguments(command.verb, command.arguments)
  }

  private mutating func readGlobals(_ arguments: [String]) throws(Misuse) {
    var index = 0
    while index < arguments.count {
      let (name, inline) = RuncArguments.split(arguments[index])
      index += 1
      var value = inline
      if RuncArguments.globals.contains(name), value == nil {
        guard index < arguments.count else { throw Misuse(message: "flag needs an argument: --\(name)") }
        value = arguments[index]
        index += 1
      }
      switch name {
      case "root":
        root = RuncArguments.clean(value ?? "")
        isRootGiven = true
        if root == "/" { throw Misuse(message: "Option --root argument should not be set to /") }
      case "log": log = value ?? ""
      case "log-format":
        guard let value, ["", "text", "json"].contains(value) else {
          throw Misuse(message: "invalid log-format: \(value ?? "")")
        }
        logsJSON = value == "json"
      case "debug": debug = value != "false"
      case "systemd-cgroup": systemdCgroup = value != "false"
      case "rootless", "criu", "cgroup-manager", "version", "v", "help", "h": continue
      default: throw Misuse(message: "flag provided but not defined: -\(name)")
      }
    }
  }

  private mutating func readArguments(_ verb: String, _ arguments: [String]) throws(Misuse) {
    guard !verb.hasPrefix("-") else { return }
    let valued = RuncArguments.valued[verb] ?? []
    let switches = RuncArguments.switches[verb] ?? []
    // After the container's id `exec`, `kill` and `ps` take what follows as it stands.
    let stopsAtOperand = ["exec", "kill", "ps"].contains(verb)
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      if argument == "--" {
        operands += arguments[index...]
        return
      }
      guard argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1 else {
        operands.append(argument)
        if stopsAtOperand {
          operands += arguments[index...]
          return
        }
        continue
      }
      let (name, inline) = RuncArguments.split(argument)
      let full = RuncArguments.long[verb]?[name] ?? name
      if valued.contains(name) {
        guard let value = inline ?? (index < arguments.count ? arguments[index] : nil) else {
          throw Misuse(message: "flag needs an argument: --\(name)")
        }
        if inline == nil { index += 1 }
        values[full, default: []].append(value)
      } else if switches.contains(name) {
        values[full, default: []].append(inline ?? "true")
      } else {
        throw Misuse(message: "flag provided but not defined: -\(name)")
      }
    }
  }

  /// `--name=value`: the name, and the value when it is there.
  private static func split(_ argument: String) -> (String, String?) {
    let body = argument.drop { $0 == "-" }
    guard let equals = body.firstIndex(of: "=") else { return (String(body), nil) }
    return (String(body[..<equals]), String(body[body.index(after: equals)...]))
  }

  /// Absolute and without detours; relative paths begin at `/`.
  private static func clean(_ path: String) -> String {
    if path.utf8.first == UInt8(ascii: "/"), path.utf8.last != UInt8(ascii: "/"),
      !path.utf8.contains(UInt8(ascii: ".")),
      !zip(path.utf8, path.utf8.dropFirst()).contains(where: { $0 == UInt8(ascii: "/") && $1 == $0 })
    {
      return path
    }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The last value of a flag.
  subscript(name: String) -> String? { values[name]?.last }
  /// Every value of a flag, in order.
  func all(_ name: String) -> [String] { values[name] ?? [] }
  /// Whether a switch is on.
  func has(_ name: String) -> Bool { values[name].map { $0.last != "false" } ?? false }

  /// Refuses another number of operands, as runc does.
  func expect(_ verb: String, _ program: String, exactly count: Int) throws(Misuse) {
    if operands.count != count {
      throw Misuse(message: "\(program): \"\(verb)\" requires exactly \(count) argument(s)", printsUsage: true)
    }
  }
  func expect(_ verb: String, _ program: String, atLeast count: Int) throws(Misuse) {
    if operands.count < count {
      throw Misuse(message: "\(program): \"\(verb)\" requires a minimum of \(count) argument(s)", printsUsage: true)
    }
  }
  func expect(_ verb: String, _ program: String, atMost count: Int) throws(Misuse) {
    if operands.count > count {
      throw Misuse(message: "\(program): \"\(verb)\" requires a maximum of \(count) argument(s)", printsUsage: true)
    }
  }
}
