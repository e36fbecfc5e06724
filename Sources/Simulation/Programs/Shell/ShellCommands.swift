import Runtime
import Seams

extension Shell {
  /// Runs a simple command: assignments, redirections, then a function, a builtin or a program.
  func executeSimple(_ command: ShellCommand, isLast: Bool) async throws -> Int32 {
    try await step()
    if command.line > 0, !command.words.isEmpty || !command.assignments.isEmpty { noteLine(command.line) }
    substitutionStatus = nil
    let isDeclaration = command.words.first?.plain.map { Self.declarations.contains($0) } ?? false
    let words = try await expand(command.words, keepsAssignments: isDeclaration)
    guard let name = words.first else {
      return try await withRedirections(command.redirections) {
        for (variable, value, appends) in command.assignments {
          let text = try await self.expandToString(value)
          if self.state.options.contains("x") { try await self.trace(["\(variable)=\(text)"], isAssignment: true) }
          try await self.assign(variable, appends ? (self.state.value(variable) ?? "") + text : text)
        }
        return self.done(self.substitutionStatus ?? 0)
      }
    }
    var extra: [(name: String, value: String)] = []
    for (variable, value, appends) in command.assignments {
      let text = try await expandToString(value)
      extra.append((variable, appends ? (state.value(variable) ?? "") + text : text))
    }
    if state.options.contains("x") {
      try await trace(extra.map { "\($0.name)=\($0.value)" } + words)
    }
    if name == "exec" { return try await executeExec(command, words, extra) }
    if let function = state.functions[name], !Self.specialBuiltins.contains(name) || dialect == .bash {
      return try await withRedirections(command.redirections) {
        try await self.withTemporary(extra) { try await self.call(function, Array(words.dropFirst())) }
      }
    }
    if let builtin = builtin(name) {
      return try await withRedirections(command.redirections) {
        if Self.specialBuiltins.contains(name) {
          for (variable, value) in extra { try await self.assign(variable, value) }
          return try await self.run(builtin, words)
        }
        return try await self.withTemporary(extra) { try await self.run(builtin, words) }
      }
    }
    if isLast, state.traps.allSatisfy({ $0.value.isEmpty }) {
      // Nothing comes after it: the program takes the shell's place.
      for redirection in command.redirections {
        do { _ = try await redirect(redirection) } catch ShellFlow.failed(let status) { return done(status) }
      }
      return try await replace(words, extra, keepsShell: true)
    }
    return try await withRedirections(command.redirections) { try await self.runProgram(words, extra) }
  }

  private func noteLine(_ line: Int) { if state.functionDepth == 0 || state.isScript { state.line = line } }

  /// `set -x`.
  private func trace(_ words: [String], isAssignment: Bool = false) async throws {
    try await write(2, "+ " + words.map { isAssignment ? $0 : quoted($0) }.joined(separator: " ") + "\n")
  }

  private func withTemporary(
    _ extra: [(name: String, value: String)], _ body: () async throws -> Int32
  ) async throws -> Int32 {
    guard !extra.isEmpty else { return try await body() }
    let old = extra.map { ($0.name, state.variables[$0.name]) }
    for (name, value) in extra {
      try await assign(name, value)
      state.variables[name]?.isExported = true
    }
    defer { for (name, variable) in old.reversed() { state.variables[name] = variable } }
    return try await body()
  }

  /// Calls a function.
  func call(_ body: ShellNode, _ arguments: [String]) async throws -> Int32 {
    try await enter()
    let old = (state.positional, state.loopDepth, state.line)
    state.positional = arguments
    state.loopDepth = 0
    state.functionDepth += 1
    state.locals.append([])
    defer {
      for (name, variable) in (state.locals.popLast() ?? []).reversed() { state.variables[name] = variable }
      state.functionDepth -= 1
      state.depth -= 1
      (state.positional, state.loopDepth, state.line) = old
    }
    do {
      return try await execute(body)
    } catch ShellFlow.leaveFunction(let status) {
      return done(status)
    }
  }

  /// One level deeper; beyond the last one the shell dies as a real one whose stack is full.
  func enter() async throws {
    guard state.depth < Self.maximumDepth else {
      try await settle()
      process.onSignal(11, .default)
      try process.kill(process.pid, 11)
      throw ShellFlow.exit(139)
    }
    state.depth += 1
  }

  // MARK: Programs

  /// Where a program is: its path, or the errno of the best candidate.
  func find(_ name: String) -> Result<String, Errno> {
    if name.contains("/") { return .success(name) }
    guard !name.isEmpty else { return .failure(.ENOENT) }
    var failure = Errno.ENOENT
    for folder in (state.value("PATH") ?? "").split(separator: ":", omittingEmptySubsequences: false) {
      let path = folder.isEmpty ? name : joined(String(folder), name)
      guard let info = try? process.stat(path, followLinks: true), info.kind == .file else { continue }
      if isExecutable(info) { return .success(path) }
      failure = .EACCES
    }
    return .failure(failure)
  }

  func isExecutable(_ info: SimStat) -> Bool {
    if process.uid == 0 { return info.mode & 0o111 != 0 }
    if info.uid == process.uid { return info.mode & 0o100 != 0 }
    if info.gid == process.gid || process.groups.contains(info.gid) { return info.mode & 0o010 != 0 }
    return info.mode & 0o001 != 0
  }

  /// Runs a program in the foreground.
  private func runProgram(_ words: [String], _ extra: [(name: String, value: String)]) async throws -> Int32 {
    let path: String
    switch find(words[0]) {
    case .success(let found): path = found
    case .failure(let error): return done(try await complainAboutProgram(words[0], error))
    }
    try await step(50_000)
    do {
      let pid = try process.spawn(
        path, words, environment: state.environment(adding: extra),
        stdio: [descriptor(0), descriptor(1), descriptor(2)])
      return try await foreground([pid])
    } catch let error as Errno {
      if error == .EAGAIN { throw try await cannotFork(error) }
      if error == .ENOEXEC {
        let pid = try await fork { shell in try await shell.runScript(path, words) }
        return try await foreground([pid])
      }
      return done(try await complainAboutProgram(words[0], error))
    }
  }

  /// A file without `#!` that is no program: the shell runs it itself.
  private func runScript(_ path: String, _ words: [String]) async throws -> Int32 {
    let text = try process.readFile(path)
    let exported = state.environment()
    state = ShellState(dialect: dialect, name: path, environment: exported, pid: state.shellPID)
    state.positional = Array(words.dropFirst())
    state.isScript = true
    return try await run(text)
  }

  /// The program takes the shell's place. With `keepsShell`, what can not be executed only has a status.
  private func replace(
    _ words: [String], _ extra: [(name: String, value: String)], keepsShell: Bool = false
  ) async throws -> Int32 {
    try await settle()
    let path: String
    switch find(words[0]) {
    case .success(let found): path = found
    case .failure(let error): return done(try await complainAboutProgram(words[0], error))
    }
    try moveDescriptors()
    do {
      try process.exec(path, words, environment: state.environment(adding: extra))
      return 0
    } catch let error as Errno {
      if error == .ENOEXEC { return try await runScript(path, words) }
      return done(try await complainAboutProgram(words[0], error))
    }
  }

  /// Makes the shell's descriptors 0, 1 and 2 the process's own. First the sources go out of the way of each other.
  private func moveDescriptors() throws {
    var sources: [Int: Int] = [:]
    for fd in 0...2 {
      guard let source = descriptors[fd], source != fd else { continue }
      if source <= 2 {
        try process.dup2(source, 60 + fd)
        sources[fd] = 60 + fd
      } else {
        sources[fd] = source
      }
    }
    for fd in 0...2 {
      if let source = sources[fd] { try process.dup2(source, fd) }
      if descriptors[fd] == nil { process.close(fd) }
    }
    for fd in 0...2 where sources[fd] == 60 + fd { process.close(60 + fd) }
  }

  private func executeExec(
    _ command: ShellCommand, _ words: [String], _ extra: [(name: String, value: String)]
  ) async throws -> Int32 {
    for redirection in command.redirections {
      let opened: [Int]
      do {
        opened = try await redirect(redirection)
      } catch ShellFlow.failed(let status) {
        if state.isInteractive { return done(status) }
        throw ShellFlow.exit(status)
      }
      // From now on they are the shell's own.
      if words.count == 1, let source = descriptors[redirection.fd], source != redirection.fd, redirection.fd < 3 {
        try process.dup2(source, redirection.fd)
        descriptors[redirection.fd] = redirection.fd
        for fd in opened where fd == source && !descriptors.values.contains(fd) { process.close(fd) }
      } else if words.count == 1, redirection.fd > 2, let source = descriptors[redirection.fd], source <= 2 {
        // `exec 3>&1`: what 1 becomes later is of no concern to 3.
        try process.dup2(source, 60 + redirection.fd)
        descriptors[redirection.fd] = 60 + redirection.fd
      }
    }
    var words = Array(words.dropFirst())
    var replacedName: String?
    if words.first == "-a", words.count > 2 {
      replacedName = words[1]
      words.removeFirst(2)
    }
    if words.first == "--" { words.removeFirst() }
    guard !words.isEmpty else { return done(0) }
    speaker = "exec"
    defer { speaker = nil }
    if let replacedName, case .success(let path) = find(words[0]) {
      try process.exec(path, [replacedName] + words.dropFirst(), environment: state.environment(adding: extra))
    }
    let status = try await replace(words, extra)
    if state.isInteractive { return status }
    throw ShellFlow.exit(status)
  }

  /// `not found` (127), or why a file can not be executed (126).
  func complainAboutProgram(_ name: String, _ error: Errno) async throws -> Int32 {
    let isDirectory = (try? process.stat(name, followLinks: true))?.kind == .directory && name.contains("/")
    switch (dialect, error) {
    case (.bash, .ENOENT) where name.contains("/"):
      return try await complain("\(name): No such file or directory", 127)
    case (.bash, .ENOENT): return try await complain("\(name): command not found", 127)
    case (.bash, _) where isDirectory: return try await complain("\(name): Is a directory", 126)
    case (_, .ENOENT): return try await complain("\(name): not found", 127)
    case (_, .ENOTDIR): return try await complain("\(name): not found", 127)
    default: return try await complain("\(name): \(describe(error, process))", 126)
    }
  }

  // MARK: Variables

  /// Sets a variable. What is read only is refused.
  func assign(_ name: String, _ value: String) async throws {
    if state.variables[name]?.isReadOnly == true {
      switch dialect {
      case .ash: throw ShellFlow.failed(try await complain("\(name): is read only", 2))
      case .dash: throw ShellFlow.failed(try await complain("\(name): is read only", 2))
      case .bash: throw ShellFlow.failed(try await complain("\(name): readonly variable", 1))
      }
    }
    if state.variables[name] == nil {
      state.variables[name] = ShellVariable(value: value, isExported: state.options.contains("a"))
    } else {
      state.variables[name]?.value = value
      if state.options.contains("a") { state.variables[name]?.isExported = true }
    }
    if name == "OPTIND" { (state.optionIndex, state.optionOffset) = (Int(value) ?? 1, 0) }
  }

  /// A word as the shell would have to be told it.
  func quoted(_ text: String) -> String {
    let isPlain = !text.isEmpty && text.utf8.allSatisfy { isNameByte($0) || "-./:=@%+,".utf8.contains($0) }
    return isPlain
      ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
