import Runtime
import Seams

/// The simulated shell: parses and runs the language of sh(1), over the system calls of its process.
///
/// Not shared: each process has its own, and a subshell starts with a copy of the state.
final class Shell {
  let process: any SimProcess
  var state: ShellState
  /// The shell's descriptors 0 to 9: which ones of the process they are at the moment.
  var descriptors: [Int: Int] = [0: 0, 1: 1, 2: 2]
  var jobs: [ShellJob] = []
  /// Within a condition (`if`, `&&`, `!` …) `set -e` does not count.
  var conditionDepth = 0
  /// The status of the last command substitution, for assignments.
  var substitutionStatus: Int32?
  /// The text is that of `eval`.
  var isEvaluating = false
  /// The builtin that speaks in messages; nil for the shell itself.
  var speaker: String?
  /// Virtual CPU time that was not yet spent, and spent since the shell last waited for anything.
  private var owed: UInt64 = 0
  private var burned: UInt64 = 0
  /// It runs the text of `-c`.
  var isCommand = false
  /// A trap of EXIT is running, or has.
  private var hasLeft = false

  init(_ process: any SimProcess, state: ShellState) {
    (self.process, self.state) = (process, state)
  }

  var dialect: ShellDialect { state.dialect }

  // MARK: Virtual time

  /// A step of the interpreter. Steps cost a microsecond each; a loop that never waits for anything costs more and
  /// more, so that a busy loop lets virtual time pass and can be killed.
  func step(_ cost: UInt64 = 1_000) async throws {
    owed += max(cost, min(burned / 20_000, Duration64.second))
    if owed >= 200_000 { try await settle() }
  }

  /// Spends what is owed.
  func settle() async throws {
    guard owed > 0 else { return }
    let time = owed
    owed = 0
    burned += time
    do { try await process.compute(time) } catch let error as Errno where error == .EINTR {}
    try await runTraps()
  }

  /// The shell has waited for something: it is no busy loop.
  func hasWaited() { burned = 0 }

  // MARK: Messages

  /// The beginning of the shell's messages, in the words of its dialect.
  var messagePrefix: String {
    switch dialect {
    case .ash:
      // busybox counts the newlines before; only scripts and builtins of a shell without a user tell the line.
      var prefix = state.name + ": "
      if let speaker { prefix += speaker + ": " }
      if !state.isInteractive, state.isScript { return prefix + "line \(state.line): " }
      if !state.isInteractive, speaker != nil { return prefix + "line \(state.line - 1): " }
      return prefix
    case .dash: return "\(state.name): \(state.line): " + (speaker.map { $0 + ": " } ?? "")
    case .bash:
      let line = state.isScript ? "line \(state.line): " : ""
      return "\(state.name): " + line + (speaker.map { $0 + ": " } ?? "")
    }
  }

  /// A message on the shell's standard error; the answer is `status`.
  @discardableResult
  func complain(_ message: String, _ status: Int32 = 1) async throws -> Int32 {
    try await write(2, "\(messagePrefix)\(message)\n")
    return status
  }

  func write(_ fd: Int, _ text: String) async throws { try await write(fd, Array(text.utf8)) }
  func write(_ fd: Int, _ bytes: [UInt8]) async throws {
    guard let descriptor = descriptors[fd] else { throw Errno.EBADF }
    try await process.write(descriptor, bytes)
  }

  /// The message of a syntax error; status 2.
  func complain(_ error: ShellSyntaxError, atEnd line: Int, source: [UInt8]) async throws -> Int32 {
    let old = state.line
    state.line = line
    defer { state.line = old }
    switch dialect {
    case .ash:
      let text: String
      switch error {
      case .incomplete(let expected):
        text = "unexpected end of file" + (expected.map { " (expecting \"\($0)\")" } ?? "")
      case .unterminatedQuote: text = "unterminated quoted string"
      case .unexpected("bad for loop variable", _): text = "bad for loop variable"
      case .unexpected(let token, let expected):
        let shown = ["redirection", "newline", "word"].contains(token) ? token : "\"\(token)\""
        text = "unexpected \(shown)" + (expected.map { " (expecting \"\($0)\")" } ?? "")
      case .badSubstitution: text = "bad substitution"
      case .missingBrace: text = "missing '}'"
      case .badFunctionName: text = "bad function name"
      case .tooDeep: text = "too many nested constructs"
      }
      try await complain("syntax error: \(text)")
    case .dash:
      let text: String
      switch error {
      case .incomplete(let expected):
        text = "end of file unexpected" + (expected.map { " (expecting \"\($0)\")" } ?? "")
      case .unterminatedQuote: text = "Unterminated quoted string"
      case .unexpected("bad for loop variable", _): text = "Bad for loop variable"
      case .unexpected(let token, let expected):
        let shown = ["redirection", "newline", "word"].contains(token) ? token : "\"\(token)\""
        text = "\(shown) unexpected" + (expected.map { " (expecting \"\($0)\")" } ?? "")
      case .badSubstitution:
        return try await complain("Bad substitution", 2)
      case .missingBrace: text = "Missing '}'"
      case .badFunctionName: text = "Bad function name"
      case .tooDeep: text = "Too many nested constructs"
      }
      try await complain("Syntax error: \(text)")
    case .bash:
      let source = String(decoding: source.split(separator: 10).first ?? [], as: UTF8.self)
      let prefix = state.isScript || state.isInteractive ? "\(state.name): " : "\(state.name): -c: "
      let place = state.isInteractive ? "" : "line \(line): "
      switch error {
      case .incomplete:
        try await write(
          2, "\(prefix)\(state.isInteractive ? "" : "line \(line + 1): ")syntax error: unexpected end of file\n")
      case .unterminatedQuote:
        try await write(2, "\(prefix)\(place)unexpected EOF while looking for matching `\"'\n")
      case .unexpected(let token, _):
        try await write(2, "\(prefix)\(place)syntax error near unexpected token `\(token)'\n")
        if !state.isInteractive { try await write(2, "\(prefix)\(place)`\(source)'\n") }
      case .badSubstitution: try await write(2, "\(prefix)\(place)bad substitution\n")
      case .missingBrace: try await write(2, "\(prefix)\(place)unexpected EOF while looking for matching `}'\n")
      case .badFunctionName: try await write(2, "\(prefix)\(place)not a valid identifier\n")
      case .tooDeep: try await write(2, "\(prefix)\(place)too many nested constructs\n")
      }
    }
    return 2
  }

  // MARK: Running texts

  /// Runs a whole text (`-c`, `eval`, a file). With `isLast`, its last command may replace the shell.
  func run(_ text: [UInt8], isLast: Bool = false) async throws -> Int32 {
    var position = 0
    var line = state.line
    while true {
      // Aliases can change from command to command, so the parser is told anew.
      var parser = ShellParser(text, at: position, line: line, dialect: dialect, aliases: state.aliases)
      let node: ShellNode?
      do {
        node = try parser.nextCommand()
      } catch let error as ShellSyntaxError {
        let old = speaker
        speaker = isEvaluating && dialect == .ash ? "eval" : nil
        defer { speaker = old }
        let status = try await complain(error, atEnd: parser.line, source: Array(text[position...]))
        state.lastStatus = status
        throw ShellFlow.failed(status)
      }
      guard let node else { return state.lastStatus }
      state.line = line
      if parser.text.count != text.count {
        // An alias was put in: what is left to read is counted from the end.
        position = text.count - (parser.text.count - parser.position)
      } else {
        position = parser.position
      }
      let isAtEnd = text[position...].allSatisfy { $0 <= 32 }
      state.lastStatus = try await execute(node, isLast: isLast && isAtEnd)
      line = parser.line
      state.line = line
    }
  }

  /// Runs what `body` does as the shell's main program: catches what ends it, and runs the trap of EXIT.
  func finish(_ body: () async throws -> Int32) async throws -> Int32 {
    var status: Int32
    do {
      status = try await body()
    } catch let flow as ShellFlow {
      status = exitStatus(flow)
    } catch let error as Errno {
      if error == .EPIPE { return 141 }
      status = try await complain(error.message, 2)
    }
    return try await leave(status)
  }

  func exitStatus(_ flow: ShellFlow) -> Int32 {
    switch flow {
    case .exit(let status), .leaveFunction(let status), .failed(let status): status
    case .leaveLoop, .continueLoop: state.lastStatus
    case .interrupted: 130
    }
  }

  /// Runs the trap of EXIT, once.
  func leave(_ status: Int32) async throws -> Int32 {
    guard !hasLeft else { return status }
    hasLeft = true
    state.lastStatus = status
    guard let command = state.traps[0], !command.isEmpty else { return status }
    do {
      _ = try await run(Array(command.utf8))
    } catch let flow as ShellFlow {
      if case .exit(let status) = flow { return status }
    }
    return status
  }

  /// Runs the traps of the signals that have come; the first of them.
  @discardableResult
  func runTraps() async throws -> Int32? {
    var first: Int32?
    while let signal = process.takeSignal() {
      first = first ?? signal
      if state.isInteractive, signal == 2, state.traps[2] == nil { throw ShellFlow.interrupted }
      guard let command = state.traps[signal], !command.isEmpty else { continue }
      let status = state.lastStatus
      let old = (state.line, speaker)
      speaker = nil
      _ = try await run(Array(command.utf8))
      (state.line, speaker) = old
      state.lastStatus = status
    }
    return first
  }

  // MARK: Subshells

  /// A forked child that runs `body` as a subshell of this one.
  func fork(
    stdio: [Int]? = nil, isBackground: Bool = false, _ body: @escaping @Sendable (Shell) async throws -> Int32
  ) async throws -> Int {
    try await step(50_000)
    let descriptors = try stdio ?? [descriptor(0), descriptor(1), descriptor(2)]
    var copy = state
    copy.traps = copy.traps.filter { $0.value.isEmpty }
    copy.isInteractive = false
    copy.loopDepth = 0
    copy.depth += 1
    let inherited = copy
    let handled =
      state.traps.filter { !$0.value.isEmpty && $0.key > 0 }.keys.sorted() + (state.isInteractive ? [2, 15, 3] : [])
    let ignoresKeys = isBackground && !state.isInteractive
    do {
      return try process.fork(stdio: descriptors) { child in
        for signal in handled { child.onSignal(signal, .default) }
        if ignoresKeys {
          child.onSignal(2, .ignore)
          child.onSignal(3, .ignore)
        }
        let shell = Shell(child, state: inherited)
        return try await shell.finish { try await body(shell) }
      }
    } catch let error as Errno {
      throw try await cannotFork(error)
    }
  }

  func cannotFork(_ error: Errno) async throws -> ShellFlow {
    let reason = describe(error, process)
    switch dialect {
    case .ash: return .failed(try await complain("can't fork: \(reason)", 2))
    case .dash: return .failed(try await complain("Cannot fork", 2))
    case .bash: return .failed(try await complain("fork: \(reason)", 254))
    }
  }

  /// The process's descriptor behind one of the shell's; /dev/null when that is closed.
  func descriptor(_ fd: Int) throws -> Int {
    if let descriptor = descriptors[fd] { return descriptor }
    return try process.open("/dev/null", fd == 0 ? .read : .write)
  }

  /// Waits for a child in the foreground; signals that come meanwhile are kept for their traps.
  func waitForeground(_ pid: Int) async throws -> Int32 {
    try await settle()
    defer { hasWaited() }
    while true {
      do {
        return try await process.wait(pid).status
      } catch let error as Errno where error == .EINTR {
        continue
      } catch let error as Errno where error == .ECHILD {
        return 127
      }
    }
  }
}
