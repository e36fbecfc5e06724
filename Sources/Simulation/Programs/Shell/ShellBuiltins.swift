import Runtime
import Seams

extension Shell {
  typealias Builtin = @Sendable (Shell, [String]) async throws -> Int32

  /// POSIX's special builtins: found before functions, and what is assigned before them stays.
  static let specialBuiltins: Set<String> = [
    ":", ".", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset",
  ]
  /// Builtins whose arguments are assignments.
  static let declarations: Set<String> = ["export", "readonly", "local", "declare", "typeset", "alias"]

  /// The builtin of a name, as the dialect has it.
  func builtin(_ name: String) -> Builtin? {
    if dialect == .dash,
      ["let", "source", "[[", "declare", "typeset", "shopt", "builtin", "help", "history"].contains(name)
    {
      return nil
    }
    if dialect != .bash, ["declare", "typeset", "shopt", "builtin"].contains(name) { return nil }
    return Self.builtins[name]
  }

  /// Runs a builtin; its messages begin with its name.
  func run(_ builtin: Builtin, _ words: [String]) async throws -> Int32 {
    let old = speaker
    speaker = words[0]
    defer { speaker = old }
    do {
      return done(try await builtin(self, words))
    } catch let error as Errno where error == .EPIPE {
      speaker = nil
      return done(1)
    } catch ShellFlow.failed(let status) where !Self.specialBuiltins.contains(words[0]) && words[0] != "eval" {
      // Only special builtins end the shell.
      return done(status)
    }
  }

  private static let builtins: [String: Builtin] = {
    var table: [String: Builtin] = [:]
    table[":"] = { _, _ in 0 }
    table["true"] = { _, _ in 0 }
    table["false"] = { _, _ in 1 }
    table["test"] = { try await $0.runTest($1) }
    table["["] = { try await $0.runTest($1) }
    table["echo"] = { shell, words in
      try await shell.write(1, EchoText.text(Array(words.dropFirst()), shell.dialect))
      return 0
    }
    table["printf"] = { try await $0.runPrintf($1) }
    table["cd"] = { try await $0.runCd($1) }
    table["pwd"] = { shell, _ in
      try await shell.write(1, shell.process.workingDirectory + "\n")
      return 0
    }
    table["exit"] = { shell, words in throw ShellFlow.exit(try await shell.statusArgument(words)) }
    table["return"] = { shell, words in
      let status = try await shell.statusArgument(words)
      throw ShellFlow.leaveFunction(status)
    }
    table["break"] = { shell, words in
      guard shell.state.loopDepth > 0 else { return 0 }
      throw ShellFlow.leaveLoop(min(try await shell.count(words, 1), shell.state.loopDepth))
    }
    table["continue"] = { shell, words in
      guard shell.state.loopDepth > 0 else { return 0 }
      throw ShellFlow.continueLoop(min(try await shell.count(words, 1), shell.state.loopDepth))
    }
    table["shift"] = { shell, words in
      let count = words.count > 1 ? Int(words[1]) ?? -1 : 1
      guard count >= 0 else { return try await shell.complain("Illegal number: \(words[1])", 2) }
      guard count <= shell.state.positional.count else {
        if shell.dialect == .dash { throw ShellFlow.failed(try await shell.complain("can't shift that many", 2)) }
        return 1
      }
      shell.state.positional.removeFirst(count)
      return 0
    }
    table["eval"] = { shell, words in
      try await shell.enter()
      let line = shell.state.line
      defer {
        shell.state.depth -= 1
        shell.state.line = line
      }
      let old = (shell.speaker, shell.isEvaluating)
      (shell.speaker, shell.isEvaluating) = (nil, true)
      defer { (shell.speaker, shell.isEvaluating) = old }
      return try await shell.run(Array(words.dropFirst().joined(separator: " ").utf8))
    }
    table["."] = { try await $0.runSource($1) }
    table["source"] = { try await $0.runSource($1) }
    table["export"] = { try await $0.runExport($1, isReadOnly: false) }
    table["readonly"] = { try await $0.runExport($1, isReadOnly: true) }
    table["local"] = { try await $0.runLocal($1) }
    table["declare"] = { try await $0.runDeclare($1) }
    table["typeset"] = { try await $0.runDeclare($1) }
    table["unset"] = { try await $0.runUnset($1) }
    table["set"] = { try await $0.runSet($1) }
    table["shopt"] = { _, _ in 0 }
    table["let"] = { shell, words in
      var value: Int64 = 0
      for word in words.dropFirst() { value = try await shell.arithmetic(word) }
      return value != 0 ? 0 : 1
    }
    table["read"] = { try await $0.runRead($1) }
    table["getopts"] = { try await $0.runGetopts($1) }
    table["trap"] = { try await $0.runTrap($1) }
    table["wait"] = { try await $0.runWait($1) }
    table["kill"] = { try await $0.runKill($1) }
    table["jobs"] = { try await $0.runJobs($1) }
    table["fg"] = { try await $0.runForeground($1) }
    table["bg"] = { shell, _ in try await shell.complain("job not created under job control", 1) }
    table["times"] = { shell, _ in
      try await shell.settle()
      let mine = shell.process.processes().first { $0.pid == shell.process.pid }?.cpu ?? 0
      let text = Shell.minutes(mine)
      try await shell.write(1, "\(text) 0m0.000s\n0m0.000s 0m0.000s\n")
      return 0
    }
    table["type"] = { try await $0.runType(Array($1.dropFirst()), isVerbose: true) }
    table["command"] = { try await $0.runCommand($1) }
    table["builtin"] = { shell, words in
      guard words.count > 1 else { return 0 }
      guard let builtin = shell.builtin(words[1]) else {
        return try await shell.complain("\(words[1]): not a shell builtin")
      }
      return try await shell.run(builtin, Array(words.dropFirst()))
    }
    table["alias"] = { try await $0.runAlias($1) }
    table["unalias"] = { shell, words in
      for word in words.dropFirst() {
        if word == "-a" { shell.state.aliases = [:] } else { shell.state.aliases[word] = nil }
      }
      return 0
    }
    table["umask"] = { try await $0.runUmask($1) }
    table["ulimit"] = { try await $0.runUlimit($1) }
    table["hash"] = { _, _ in 0 }
    table["history"] = { _, _ in 0 }
    table["help"] = { shell, _ in
      let names = Shell.builtins.keys.filter { shell.builtin($0) != nil }.sorted()
      var lines = "Built-in commands:\n------------------\n\t"
      var width = 0
      for name in names {
        if width + name.count > 62 {
          lines += "\n\t"
          width = 0
        }
        lines += name + " "
        width += name.count + 1
      }
      try await shell.write(1, lines + "\n")
      return 0
    }
    return table
  }()

  private static func minutes(_ nanoseconds: UInt64) -> String {
    let milliseconds = nanoseconds / 1_000_000
    return "\(milliseconds / 60_000)m\(milliseconds / 1000 % 60).\(padded(Int(milliseconds % 1000), 3))s"
  }

  private func statusArgument(_ words: [String]) async throws -> Int32 {
    guard words.count > 1 else { return state.lastStatus }
    guard let number = Int(words[1]) else {
      let text = dialect == .bash ? "\(words[1]): numeric argument required" : "Illegal number: \(words[1])"
      throw ShellFlow.exit(try await complain(text, 2))
    }
    return Int32(truncatingIfNeeded: number & 255)
  }

  private func count(_ words: [String], _ fallback: Int) async throws -> Int {
    guard words.count > 1 else { return fallback }
    guard let number = Int(words[1]), number > 0 else {
      throw ShellFlow.failed(try await complain("Illegal number: \(words[1])", 2))
    }
    return number
  }

  // MARK: Folders and files

  private func runCd(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    while let first = operands.first, first == "-P" || first == "-L" || first == "--" { operands.removeFirst() }
    var target: String
    var prints = false
    if let operand = operands.first {
      target = operand
      if operand == "-" {
        guard let old = state.value("OLDPWD") else {
          return try await complain("OLDPWD not set", dialect == .bash ? 1 : 2)
        }
        target = old
        prints = true
      }
    } else {
      guard let home = state.value("HOME") else { return try await complain("HOME not set", dialect == .bash ? 1 : 2) }
      target = home
    }
    let old = process.workingDirectory
    do {
      try process.chdir(target.isEmpty ? "." : target)
    } catch let error as Errno {
      switch dialect {
      case .ash: return try await complain("can't cd to \(target): \(describe(error, process))", 2)
      case .dash: return try await complain("can't cd to \(target)", 2)
      case .bash: return try await complain("\(target): \(describe(error, process))", 1)
      }
    }
    state.variables["OLDPWD", default: ShellVariable()].value = old
    state.variables["PWD", default: ShellVariable()].value = process.workingDirectory
    if prints { try await write(1, process.workingDirectory + "\n") }
    return 0
  }

  private func runSource(_ words: [String]) async throws -> Int32 {
    guard words.count > 1 else {
      return try await complain(dialect == .bash ? "filename argument required" : "not enough arguments", 2)
    }
    var path = words[1]
    if !path.contains("/") {
      for folder in (state.value("PATH") ?? "").split(separator: ":") {
        let candidate = joined(String(folder), path)
        if (try? process.stat(candidate, followLinks: true))?.kind == .file {
          path = candidate
          break
        }
      }
    }
    let text: [UInt8]
    do {
      text = try process.readFile(path)
    } catch let error as Errno {
      switch dialect {
      case .ash: throw ShellFlow.failed(try await complain("can't open '\(words[1])': \(describe(error, process))", 2))
      case .dash: throw ShellFlow.failed(try await complain("cannot open \(words[1]): No such file", 2))
      case .bash:
        speaker = nil
        return try await complain("\(words[1]): \(describe(error, process))", 1)
      }
    }
    try await enter()
    let old = (state.positional, state.line, state.isScript, speaker)
    if words.count > 2 { state.positional = Array(words.dropFirst(2)) }
    (state.line, state.isScript) = (1, true)
    // What is sourced speaks under its own name in busybox's shell.
    speaker = nil
    defer {
      if words.count > 2 { state.positional = old.0 }
      (state.line, state.isScript, speaker) = (old.1, old.2, old.3)
      state.depth -= 1
    }
    do {
      return try await run(text)
    } catch ShellFlow.leaveFunction(let status) {
      return status
    }
  }

  private func runUmask(_ words: [String]) async throws -> Int32 {
    let old = process.umask(0)
    _ = process.umask(old)
    guard words.count > 1 else {
      try await write(1, padded(Int(String(old, radix: 8)) ?? 0, 4) + "\n")
      return 0
    }
    guard let mask = UInt32(words[1], radix: 8), mask <= 0o777 else {
      return try await complain("illegal mode: \(words[1])", 1)
    }
    _ = process.umask(mask)
    return 0
  }

  private func runUlimit(_ words: [String]) async throws -> Int32 {
    let known: [(letter: Character, name: String, label: String, unit: UInt64)] = [
      ("t", "RLIMIT_CPU", "cpu time (seconds)", 1), ("f", "RLIMIT_FSIZE", "file size (blocks)", 512),
      ("d", "RLIMIT_DATA", "data seg size (kb)", 1024), ("s", "RLIMIT_STACK", "stack size (kb)", 1024),
      ("c", "RLIMIT_CORE", "core file size (blocks)", 512), ("m", "RLIMIT_RSS", "resident set size (kb)", 1024),
      ("l", "RLIMIT_MEMLOCK", "locked memory (kb)", 1024), ("p", "RLIMIT_NPROC", "processes", 1),
      ("n", "RLIMIT_NOFILE", "file descriptors", 1), ("v", "RLIMIT_AS", "address space (kb)", 1024),
    ]
    var isHard = false
    var letters: [Character] = []
    for word in words.dropFirst() {
      guard word.hasPrefix("-") else {
        return try await complain("error setting limit: Operation not permitted", 1)
      }
      for letter in word.dropFirst() {
        switch letter {
        case "H": isHard = true
        case "S": isHard = false
        case "a": letters = known.map(\.letter)
        default: letters.append(letter)
        }
      }
    }
    if letters.isEmpty { letters = ["f"] }
    for letter in letters {
      guard let entry = known.first(where: { $0.letter == letter }) else {
        return try await complain("invalid option -- '\(letter)'", 1)
      }
      let limit = process.resourceLimit(entry.name)
      let value = isHard ? limit.hard : limit.soft
      let text = value == .max ? "unlimited" : String(value / entry.unit)
      try await write(1, letters.count > 1 ? "-\(letter): \(entry.label.padded(25)) \(text)\n" : text + "\n")
    }
    return 0
  }

  // MARK: Names

  private func runType(_ names: [String], isVerbose: Bool) async throws -> Int32 {
    var status: Int32 = 0
    for name in names {
      let text: String
      if let alias = state.aliases[name] {
        text = isVerbose ? "\(name) is an alias for \(alias)" : "alias \(name)='\(alias)'"
      } else if ShellParser.reservedWords.contains(name) {
        text = isVerbose ? "\(name) is a shell keyword" : name
      } else if state.functions[name] != nil {
        text = isVerbose ? "\(name) is a \(dialect == .bash ? "" : "shell ")function" : name
      } else if builtin(name) != nil || name == "exec" {
        let isSpecial = Self.specialBuiltins.contains(name) && dialect != .bash
        text = isVerbose ? "\(name) is a \(isSpecial ? "special " : "")shell builtin" : name
      } else if case .success(let path) = find(name), (try? process.stat(path, followLinks: true))?.kind == .file {
        text = isVerbose ? "\(name) is \(path)" : path
      } else {
        status = dialect == .bash ? 1 : 127
        if isVerbose {
          if dialect == .bash {
            try await complain("\(name): not found")
          } else {
            try await write(1, "\(name): not found\n")
          }
        }
        continue
      }
      try await write(1, text + "\n")
    }
    return status
  }

  private func runCommand(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    while let first = operands.first, first.hasPrefix("-"), first.count > 1 {
      operands.removeFirst()
      if first == "-v" { return try await runType(Array(operands.prefix(1)), isVerbose: false) }
      if first == "-V" { return try await runType(operands, isVerbose: true) }
      if first == "--" { break }
    }
    guard let name = operands.first else { return 0 }
    speaker = nil
    if let builtin = builtin(name) { return try await run(builtin, operands) }
    var command = ShellCommand()
    command.words = operands.map { ShellWord(parts: [.quoted(Array($0.utf8))]) }
    let function = state.functions.removeValue(forKey: name)
    defer { if let function { state.functions[name] = function } }
    return try await executeSimple(command, isLast: false)
  }

  private func runAlias(_ words: [String]) async throws -> Int32 {
    var status: Int32 = 0
    func show(_ name: String, _ value: String) async throws {
      let prefix = dialect == .bash ? "alias " : ""
      try await write(1, "\(prefix)\(name)='\(value)'\n")
    }
    if words.count == 1 {
      for (name, value) in state.aliases.sorted(by: { $0.key < $1.key }) { try await show(name, value) }
      return 0
    }
    for word in words.dropFirst() {
      if let equals = word.firstIndex(of: "="), equals > word.startIndex {
        state.aliases[String(word[..<equals])] = String(word[word.index(after: equals)...])
      } else if let value = state.aliases[word] {
        try await show(word, value)
      } else {
        status = 1
        try await write(2, "\(word): not found\n")
      }
    }
    return status
  }
}
