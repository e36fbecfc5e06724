import Runtime
import Seams

/// sh(1), in one of its dialects.
struct ShellProgram: SimProgram {
  let dialect: ShellDialect

  /// What the command line asks for.
  private struct Invocation {
    var command: String?
    var file: String?
    var positional: [String] = []
    var name: String
    var options: Set<Character> = []
    var isInteractive = false
    var isLogin = false
    var readsInput = false
  }

  func main(_ process: any SimProcess) async throws -> Int32 {
    var arguments = process.arguments
    if arguments.count > 1, basename(arguments[0]) == "busybox" { arguments.removeFirst() }
    let name = arguments.first ?? "sh"
    var state = ShellState(dialect: dialect, name: name, environment: process.environment, pid: process.pid)
    let invocation: Invocation
    switch parse(arguments, isTerminal: process.isTerminal(0) && process.isTerminal(2)) {
    case .success(let parsed): invocation = parsed
    case .failure(let problem):
      try await process.write(2, Array("\(name): \(problem.text)\n".utf8))
      return problem.status
    }
    state.options = invocation.options
    state.positional = invocation.positional
    state.name = invocation.name
    state.variables["PWD", default: ShellVariable(value: "", isExported: true)].value = process.workingDirectory
    state.variables["PWD"]?.isExported = true
    if dialect != .dash {
      let level = (Int(state.value("SHLVL") ?? "") ?? 0) &+ 1
      state.variables["SHLVL"] = ShellVariable(value: String(level), isExported: true)
    }
    state.isInteractive = invocation.isInteractive
    let shell = Shell(process, state: state)
    if shell.state.isInteractive {
      for signal in [Int32(2), 3, 15] { process.onSignal(signal, .handle) }
    }
    return try await shell.finish {
      if invocation.isLogin { try await shell.runProfile() }
      if invocation.isInteractive, dialect == .bash, let home = shell.state.value("HOME"),
        let text = try? process.readFile(joined(home, ".bashrc"))
      {
        _ = try? await shell.run(text)
      }
      if let command = invocation.command {
        shell.isCommand = true
        return try await shell.run(Array(command.utf8), isLast: !invocation.isInteractive)
      }
      if let file = invocation.file {
        guard let text = try await shell.readScript(file) else { return dialect == .bash ? 127 : 2 }
        shell.state.isScript = true
        return try await shell.run(text)
      }
      return try await shell.runInput()
    }
  }

  private struct Problem: Error {
    var text: String
    var status: Int32
  }

  private func parse(_ arguments: [String], isTerminal: Bool) -> Result<Invocation, Problem> {
    var invocation = Invocation(name: arguments.first ?? "sh")
    invocation.isLogin = arguments.first?.hasPrefix("-") == true
    var index = 1
    var wantsCommand = false
    while index < arguments.count {
      let word = arguments[index]
      guard word.hasPrefix("-") || word.hasPrefix("+"), word.count > 1 else { break }
      index += 1
      if word == "--" { break }
      if word.hasPrefix("--") {
        guard dialect == .bash else {
          return .failure(Problem(text: "unrecognized option: \(word.dropFirst(2))", status: 2))
        }
        switch word {
        case "--login": invocation.isLogin = true
        case "--norc", "--noprofile", "--posix", "--restricted": break
        default: return .failure(Problem(text: "\(word): invalid option", status: 2))
        }
        continue
      }
      for letter in word.dropFirst() {
        switch letter {
        case "c": wantsCommand = true
        case "i": invocation.isInteractive = true
        case "l": invocation.isLogin = true
        case "s": invocation.readsInput = true
        case "o":
          guard index < arguments.count else { return .failure(Problem(text: "-o requires an argument", status: 2)) }
          guard let option = Shell.longOptions.first(where: { $0.name == arguments[index] }) else {
            return .failure(Problem(text: "illegal option -o \(arguments[index])", status: 2))
          }
          index += 1
          if word.hasPrefix("-") { invocation.options.insert(option.letter) }
        default:
          guard "abCefhmnuvx".contains(letter) else {
            return .failure(
              Problem(text: dialect == .dash ? "0: Illegal option -\(letter)" : "illegal option -\(letter)", status: 2))
          }
          if word.hasPrefix("-") { invocation.options.insert(letter) } else { invocation.options.remove(letter) }
        }
      }
    }
    let rest = Array(arguments[min(index, arguments.count)...])
    if wantsCommand {
      guard let command = rest.first else {
        return .failure(
          Problem(
            text: dialect == .dash
              ? "0: -c requires an argument"
              : dialect == .bash ? "-c: option requires an argument" : "-c requires an argument", status: 2))
      }
      invocation.command = command
      if rest.count > 1 { invocation.name = rest[1] }
      invocation.positional = Array(rest.dropFirst(2))
    } else if let file = rest.first, !invocation.readsInput {
      invocation.file = file
      invocation.name = file
      invocation.positional = Array(rest.dropFirst())
    } else {
      invocation.positional = rest
      invocation.isInteractive = invocation.isInteractive || isTerminal
    }
    return .success(invocation)
  }
}

extension Shell {
  /// A login shell's files.
  func runProfile() async throws {
    var files = ["/etc/profile"]
    if let home = state.value("HOME") { files.append(joined(home, ".profile")) }
    for file in files {
      guard let text = try? process.readFile(file) else { continue }
      do { _ = try await run(text) } catch ShellFlow.failed {}
      state.line = 1
    }
  }

  /// The text of a script file; nil after a message.
  func readScript(_ file: String) async throws -> [UInt8]? {
    var path = file
    if !file.contains("/"), (try? process.stat(file, followLinks: true)) == nil, case .success(let found) = find(file) {
      path = found
    }
    do {
      if try process.stat(path, followLinks: true).kind == .directory { throw Errno.EISDIR }
      return try process.readFile(path)
    } catch let error as Errno {
      let reason = describe(error, process)
      let shell = basename(process.arguments.first ?? "sh")
      switch dialect {
      case .ash: try await write(2, "\(shell): can't open '\(file)': \(reason)\n")
      case .dash: try await write(2, "\(shell): 0: cannot open \(file): No such file\n")
      case .bash: try await write(2, "\(shell): \(file): \(reason)\n")
      }
      return nil
    }
  }

  /// Runs what comes on the standard input, with prompts for a user.
  func runInput() async throws -> Int32 {
    var text: [UInt8] = []
    var line = 1
    var isAtEnd = false
    var isContinued = false
    while true {
      let hasLine = text.contains(10)
      if !isAtEnd, !hasLine || isContinued {
        if state.isInteractive { try await prompt(isContinued: isContinued) }
        try await settle()
        do {
          if let more = try await process.read(0, 65_536), !more.isEmpty { text += more } else { isAtEnd = true }
          hasWaited()
        } catch let error as Errno where error == .EINTR {
          do {
            try await runTraps()
          } catch ShellFlow.interrupted {
            try await write(2, "\n")
            (text, isContinued, state.lastStatus) = ([], false, 130)
          }
          continue
        }
        if text.count > 1 << 24 { throw Errno.ENOMEM }
      }
      isContinued = false
      if text.isEmpty, isAtEnd {
        if state.isInteractive, dialect != .ash { try await write(2, dialect == .bash ? "exit\n" : "\n") }
        return state.lastStatus
      }
      if !isAtEnd, !text.contains(10) || text.suffix(2) == [UInt8(ascii: "\\"), 10] {
        isContinued = text.contains(10)
        continue
      }
      var parser = ShellParser(text, line: line, dialect: dialect, aliases: state.aliases)
      do {
        let node = try parser.nextCommand()
        if parser.endsInDocument, !isAtEnd {
          isContinued = true
          continue
        }
        text = Array(parser.text[parser.position...])
        state.line = line
        line = parser.line
        if let node { state.lastStatus = try await execute(node) }
      } catch let error as ShellSyntaxError {
        if !isAtEnd, isUnfinished(error) {
          isContinued = true
          continue
        }
        state.lastStatus = try await complain(error, atEnd: parser.line, source: text)
        guard state.isInteractive else { return state.lastStatus }
        text = []
      } catch let flow as ShellFlow {
        guard state.isInteractive else { throw flow }
        switch flow {
        case .exit: throw flow
        case .interrupted:
          state.lastStatus = 130
          text = []
        default: state.lastStatus = exitStatus(flow)
        }
        conditionDepth = 0
        (state.loopDepth, state.functionDepth, state.depth) = (0, 0, 0)
        descriptors = [0: 0, 1: 1, 2: 2]
      }
    }
  }

  private func isUnfinished(_ error: ShellSyntaxError) -> Bool {
    switch error {
    case .incomplete, .unterminatedQuote, .missingBrace: true
    default: false
    }
  }

  /// PS1 or PS2, on the standard error.
  private func prompt(isContinued: Bool) async throws {
    reapJobs()
    if isContinued {
      try await write(2, state.value("PS2") ?? "> ")
      return
    }
    let sign = process.uid == 0 ? "#" : "$"
    let fallback: String
    switch dialect {
    case .ash: fallback = "\\w \\$ "
    case .dash: fallback = sign + " "
    case .bash: fallback = "\\u@\\h:\\w\\$ "
    }
    let template = state.value("PS1") ?? fallback
    guard dialect != .dash else {
      try await write(2, template)
      return
    }
    var text = ""
    var characters = template[...]
    while let character = characters.popFirst() {
      guard character == "\\", let next = characters.popFirst() else {
        text.append(character)
        continue
      }
      switch next {
      case "w", "W":
        var folder = process.workingDirectory
        if let home = state.value("HOME"), home != "/", folder == home || folder.hasPrefix(home + "/") {
          folder = "~" + folder.dropFirst(home.count)
        }
        text += next == "W" ? basename(folder) : folder
      case "h": text += process.hostname.prefix { $0 != "." }
      case "H": text += process.hostname
      case "u": text += userName(process.uid)
      case "$": text += sign
      case "n": text += "\n"
      case "s": text += basename(state.name)
      case "v": text += "5.2"
      case "e": text += "\u{1B}"
      case "[", "]": break
      default: text += String(next)
      }
    }
    try await write(2, text)
  }

  private func userName(_ uid: UInt32) -> String { Accounts(process).userName(uid) ?? "I have no name!" }
}

/// The accounts of the image: /etc/passwd and /etc/group.
struct Accounts {
  struct User {
    var name: String
    var uid: UInt32
    var gid: UInt32
    var home: String
    var shell: String
  }
  private(set) var users: [User] = []
  private(set) var groups: [(name: String, gid: UInt32, members: [String])] = []

  init(_ process: any SimProcess) {
    for fields in Accounts.lines("/etc/passwd", process) where fields.count >= 7 {
      guard let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { continue }
      users.append(User(name: fields[0], uid: uid, gid: gid, home: fields[5], shell: fields[6]))
    }
    for fields in Accounts.lines("/etc/group", process) where fields.count >= 4 {
      guard let gid = UInt32(fields[2]) else { continue }
      groups.append((fields[0], gid, fields[3].split(separator: ",").map(String.init)))
    }
  }

  private static func lines(_ path: String, _ process: any SimProcess) -> [[String]] {
    guard let text = try? process.readFile(path) else { return [] }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    }
  }

  func user(_ name: String) -> User? { users.first { $0.name == name } }
  func user(uid: UInt32) -> User? { users.first { $0.uid == uid } }
  func userName(_ uid: UInt32) -> String? { user(uid: uid)?.name }
  func groupName(_ gid: UInt32) -> String? { groups.first { $0.gid == gid }?.name }
  func gid(_ name: String) -> UInt32? { groups.first { $0.name == name }?.gid ?? UInt32(name) }
  func uid(_ name: String) -> UInt32? { user(name)?.uid ?? UInt32(name) }
}
