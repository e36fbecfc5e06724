/// A variable of the shell.
struct ShellVariable: Sendable {
  /// Nil when it only has attributes (`export X`).
  var value: String?
  var isExported = false
  var isReadOnly = false
}

/// What a subshell inherits: plain data.
struct ShellState: Sendable {
  var dialect: ShellDialect
  /// `$0`.
  var name: String
  var variables: [String: ShellVariable] = [:]
  var functions: [String: ShellNode] = [:]
  var aliases: [String: String] = [:]
  var positional: [String] = []
  /// The letters that are set: `e`, `u`, `x`, `n`, `f`, `i`, …; `P` is pipefail.
  var options: Set<Character> = []
  /// Commands by signal; 0 is EXIT. Empty commands ignore.
  var traps: [Int32: String] = [:]
  var lastStatus: Int32 = 0
  var lastBackground: Int?
  /// `$$`: that of the first shell.
  var shellPID: Int
  var loopDepth = 0
  var functionDepth = 0
  var depth = 0
  /// Variables that functions made local, with what they were before.
  var locals: [[(name: String, old: ShellVariable?)]] = []
  /// Where the shell is in its text, for its messages.
  var line = 1
  /// A script file (or a file that is sourced): messages then tell lines.
  var isScript = false
  var isInteractive = false
  var optionIndex = 1
  var optionOffset = 0

  init(dialect: ShellDialect, name: String, environment: [String], pid: Int) {
    (self.dialect, self.name, shellPID) = (dialect, name, pid)
    for entry in environment {
      guard let equals = entry.firstIndex(of: "=") else { continue }
      let name = String(entry[..<equals])
      if isName(name) {
        variables[name] = ShellVariable(value: String(entry[entry.index(after: equals)...]), isExported: true)
      }
    }
    if variables["IFS"]?.value == nil { variables["IFS"] = ShellVariable(value: " \t\n") }
    variables["IFS"]?.isExported = false
    if variables["PATH"] == nil {
      variables["PATH"] = ShellVariable(value: "/sbin:/usr/sbin:/bin:/usr/bin", isExported: false)
    }
    variables["OPTIND"] = ShellVariable(value: "1")
    if dialect == .bash, variables["BASH_VERSION"] == nil {
      variables["BASH_VERSION"] = ShellVariable(value: "5.2.37(1)-release")
      variables["BASH"] = ShellVariable(value: "/bin/bash")
    }
  }

  /// The value of a variable; nil when it is not set.
  func value(_ name: String) -> String? { variables[name]?.value }

  private static func bucket(_ name: String) -> Int {
    var hash = Int(name.utf8.first ?? 0) << 4
    for byte in name.utf8 { hash += Int(byte) }
    return hash % 39
  }

  /// `NAME=value` of what is exported, in the order of the hash table that ash and dash keep their variables in.
  func environment(adding extra: [(name: String, value: String)] = []) -> [String] {
    var exported: [String: String] = [:]
    for (name, variable) in variables where variable.isExported {
      if let value = variable.value { exported[name] = value }
    }
    for (name, value) in extra { exported[name] = value }
    return exported.map { (Self.bucket($0.key), $0.key, $0.value) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
      .map { "\($0.1)=\($0.2)" }
  }
}

/// How commands end the commands around them.
enum ShellFlow: Error, Sendable {
  case exit(Int32)
  case leaveFunction(Int32)
  case leaveLoop(Int)
  case continueLoop(Int)
  /// A message was printed; a shell without a user ends with this status.
  case failed(Int32)
  /// An interactive shell was told to stop what it does (Ctrl-C).
  case interrupted
}

/// A child in the background.
struct ShellJob: Sendable {
  var number: Int
  /// The processes of the pipeline, the last one being `$!`.
  var pids: [Int]
  var text: String
  var status: Int32?
}
