import Runtime
import Seams

extension Shell {
  /// Functions, sourced files and subshells may be this deep in each other; then the stack of a real shell overflows.
  static let maximumDepth = 800

  /// Runs a command; its status. With `isLast` a program may replace the shell (nothing comes after it).
  func execute(_ node: ShellNode, isLast: Bool = false) async throws -> Int32 {
    switch node {
    case .simple(let command):
      return try await checked(try await executeSimple(command, isLast: isLast))
    case .pipeline(let nodes, let isNegated):
      if isNegated {
        conditionDepth += 1
        defer { conditionDepth -= 1 }
        let status = nodes.count == 1 ? try await execute(nodes[0]) : try await executePipeline(nodes)
        state.lastStatus = status == 0 ? 1 : 0
        return state.lastStatus
      }
      return try await checked(try await executePipeline(nodes))
    case .andOr(let first, let rest):
      var status = try await condition(first)
      for (index, next) in rest.enumerated() where next.isAnd == (status == 0) {
        let isFinal = index == rest.count - 1
        status = isFinal ? try await execute(next.node, isLast: isLast) : try await condition(next.node)
      }
      return status
    case .sequence(let nodes):
      var status: Int32 = 0
      for (index, node) in nodes.enumerated() {
        status = try await execute(node, isLast: isLast && index == nodes.count - 1)
      }
      return status
    case .background(let node, let text):
      try await startInBackground(node, text: text)
      return done(0)
    case .subshell(let node):
      if isLast, state.traps.allSatisfy({ $0.value.isEmpty }) {
        return try await execute(node, isLast: true)
      }
      let pid = try await fork { shell in try await shell.execute(node, isLast: true) }
      return try await checked(done(try await foreground([pid])))
    case .group(let node):
      return try await execute(node, isLast: isLast)
    case .conditional(let test, let then, let other):
      if try await condition(test) == 0 { return try await execute(then, isLast: isLast) }
      if let other { return try await execute(other, isLast: isLast) }
      return done(0)
    case .loop(let test, let body, let isUntil):
      return try await executeLoop(test, body, isUntil: isUntil)
    case .forEach(let name, let words, let body):
      return try await executeFor(name, words, body)
    case .select(let subject, let branches):
      let text = try await expandToString(subject)
      for (patterns, body) in branches {
        for pattern in patterns where try await expandToPattern(pattern).matches(text) {
          guard let body else { return done(0) }
          return try await execute(body, isLast: isLast)
        }
      }
      return done(0)
    case .function(let name, let body):
      state.functions[name] = body
      return done(0)
    case .test(let items):
      return try await checked(done(try await evaluateTest(items)))
    case .redirected(let node, let redirections):
      return try await withRedirections(redirections) { try await self.execute(node) }
    }
  }

  private func condition(_ node: ShellNode) async throws -> Int32 {
    conditionDepth += 1
    defer { conditionDepth -= 1 }
    return try await execute(node)
  }

  func done(_ status: Int32) -> Int32 {
    state.lastStatus = status
    return status
  }

  /// `set -e`.
  private func checked(_ status: Int32) async throws -> Int32 {
    state.lastStatus = status
    try await runTraps()
    if status != 0, conditionDepth == 0, state.options.contains("e") { throw ShellFlow.exit(status) }
    return status
  }

  // MARK: Loops

  private func executeLoop(_ test: ShellNode, _ body: ShellNode, isUntil: Bool) async throws -> Int32 {
    var status: Int32 = 0
    state.loopDepth += 1
    defer { state.loopDepth -= 1 }
    while true {
      try await step()
      do {
        guard (try await condition(test) == 0) != isUntil else { return done(status) }
        status = try await execute(body)
      } catch let flow as ShellFlow {
        switch try loopContinues(flow) {
        case true: status = state.lastStatus
        case false: return done(state.lastStatus)
        }
      }
    }
  }

  private func executeFor(_ name: String, _ words: [ShellWord]?, _ body: ShellNode) async throws -> Int32 {
    let values: [String]
    if let words { values = try await expand(words) } else { values = state.positional }
    var status: Int32 = 0
    state.loopDepth += 1
    defer { state.loopDepth -= 1 }
    for value in values {
      try await step()
      try await assign(name, value)
      do {
        status = try await execute(body)
      } catch let flow as ShellFlow {
        switch try loopContinues(flow) {
        case true: status = state.lastStatus
        case false: return done(state.lastStatus)
        }
      }
    }
    return done(status)
  }

  /// Whether the loop goes on after `break` or `continue`; what is not meant for it is thrown on.
  private func loopContinues(_ flow: ShellFlow) throws -> Bool {
    switch flow {
    case .leaveLoop(let levels):
      state.lastStatus = 0
      if levels > 1, state.loopDepth > 1 { throw ShellFlow.leaveLoop(levels - 1) }
      return false
    case .continueLoop(let levels):
      state.lastStatus = 0
      if levels > 1, state.loopDepth > 1 { throw ShellFlow.continueLoop(levels - 1) }
      return true
    default: throw flow
    }
  }

  // MARK: Pipelines and jobs

  private func executePipeline(_ nodes: [ShellNode]) async throws -> Int32 {
    let pids = try await startPipeline(nodes, isBackground: false)
    return try await foreground(pids)
  }

  /// Starts the commands of a pipeline, each in a subshell of its own.
  private func startPipeline(_ nodes: [ShellNode], isBackground: Bool) async throws -> [Int] {
    var pids: [Int] = []
    var input = try descriptor(0)
    var ownsInput = false
    if isBackground, !state.isInteractive, descriptors[0] == 0 {
      input = try process.open("/dev/null", .read)
      ownsInput = true
    }
    for (index, node) in nodes.enumerated() {
      var output = try descriptor(1)
      var next: Int?
      if index < nodes.count - 1 {
        let (reading, writing) = try process.pipe()
        (next, output) = (reading, writing)
      }
      do {
        let error = try descriptor(2)
        let pid = try await fork(stdio: [input, output, error], isBackground: isBackground) { shell in
          try await shell.execute(node, isLast: true)
        }
        pids.append(pid)
        if state.isInteractive { try? process.setpgid(pid, pids[0]) }
      } catch {
        if next != nil { process.close(output) }
        if let next { process.close(next) }
        if ownsInput { process.close(input) }
        throw error
      }
      if next != nil { process.close(output) }
      if ownsInput { process.close(input) }
      if let next {
        input = next
        ownsInput = true
      }
    }
    return pids
  }

  /// Waits for the processes of a pipeline in the foreground; the status of the last one (with pipefail of the last
  /// that failed). Tells of those that a signal ended.
  func foreground(_ pids: [Int]) async throws -> Int32 {
    if state.isInteractive, let first = pids.first {
      if pids.count == 1 { try? process.setpgid(first, first) }
      try? process.setForegroundGroup(first)
    }
    var status: Int32 = 0
    var failed: Int32 = 0
    for pid in pids {
      status = try await waitForeground(pid)
      if status != 0 { failed = status }
    }
    if state.isInteractive { try? process.setForegroundGroup(process.pid) }
    if state.options.contains("P") { status = failed }
    state.lastStatus = status
    try await tellSignal(status, pid: pids.last ?? 0)
    return status
  }

  func tellSignal(_ status: Int32, pid: Int) async throws {
    let name: String
    switch status {
    case 130 where state.isInteractive:
      try await write(2, "\n")
      return
    case 134: name = "Aborted"
    case 137: name = "Killed"
    case 139: name = "Segmentation fault"
    case 143: name = "Terminated"
    default: return
    }
    if dialect == .bash, !state.isInteractive {
      try await write(2, "\(state.name): line \(state.line): \(String(pid).leftPadded(5)) \(name)\n")
    } else {
      try await write(2, "\(name)\n")
    }
  }

  private func startInBackground(_ node: ShellNode, text: String) async throws {
    let nodes: [ShellNode]
    if case .pipeline(let parts, false) = node { nodes = parts } else { nodes = [node] }
    let pids = try await startPipeline(nodes, isBackground: true)
    let number = (jobs.map(\.number).max() ?? 0) + 1
    jobs.append(ShellJob(number: number, pids: pids, text: text))
    state.lastBackground = pids.last
    if state.isInteractive, dialect != .ash { try await write(2, "[\(number)] \(pids.last ?? 0)\n") }
  }

  /// Looks which jobs have ended meanwhile.
  func reapJobs() {
    for index in jobs.indices where jobs[index].status == nil {
      for pid in jobs[index].pids {
        if let ended = try? process.tryWait(pid), ended.pid == jobs[index].pids.last {
          jobs[index].status = ended.status
        }
      }
    }
  }

  // MARK: Redirections

  /// Runs `body` with redirections in force, and undoes them.
  func withRedirections(_ redirections: [ShellRedirection], _ body: () async throws -> Int32) async throws -> Int32 {
    guard !redirections.isEmpty else { return try await body() }
    let saved = descriptors
    var opened: [Int] = []
    func undo() {
      descriptors = saved
      for fd in opened { process.close(fd) }
    }
    do {
      for redirection in redirections { opened += try await redirect(redirection) }
    } catch let flow as ShellFlow {
      undo()
      if case .failed(let status) = flow { return done(status) }
      throw flow
    } catch {
      undo()
      throw error
    }
    do {
      let status = try await body()
      undo()
      return status
    } catch {
      undo()
      throw error
    }
  }

  /// Applies one redirection; the descriptors that were opened for it.
  func redirect(_ redirection: ShellRedirection) async throws -> [Int] {
    func opened(_ mode: OpenMode, _ path: String) async throws -> Int {
      do {
        return try process.open(path, mode)
      } catch let error as Errno {
        throw ShellFlow.failed(try await complainAboutOpening(path, mode, error))
      }
    }
    switch redirection.kind {
    case .read, .readWrite, .write, .append:
      let path = try await expandToString(redirection.target)
      let mode: OpenMode
      switch redirection.kind {
      case .read: mode = .read
      case .write: mode = .write
      default: mode = .append
      }
      let fd = try await opened(mode, path)
      descriptors[redirection.fd] = fd
      return [fd]
    case .both(let appends):
      let fd = try await opened(appends ? .append : .write, try await expandToString(redirection.target))
      descriptors[1] = fd
      descriptors[2] = fd
      return [fd]
    case .duplicate:
      let text = try await expandToString(redirection.target)
      if text == "-" {
        descriptors[redirection.fd] = nil
        return []
      }
      guard let number = Int(text), let source = descriptors[number] else {
        if Int(text) == nil { throw ShellFlow.failed(try await complain("bad fd number", 2)) }
        let message =
          dialect == .ash ? "dup2(\(text),\(redirection.fd)): Bad file descriptor" : "\(text): Bad file descriptor"
        throw ShellFlow.failed(try await complain(message, 1))
      }
      descriptors[redirection.fd] = source
      return []
    case .hereDocument(let document):
      return try await here(redirection.fd, try await expandToString(document.body))
    case .hereString:
      return try await here(redirection.fd, try await expandToString(redirection.target) + "\n")
    }
  }

  private func here(_ fd: Int, _ text: String) async throws -> [Int] {
    let (reading, writing) = try process.pipe()
    let bytes = Array(text.utf8)
    if bytes.count <= 60_000 {
      try await process.write(writing, bytes)
    } else {
      // More than a pipe holds: a child writes it.
      let null = try process.open("/dev/null", .read)
      _ = try process.fork(stdio: [null, writing, null]) { child in
        try await child.write(1, bytes)
        return 0
      }
      process.close(null)
    }
    process.close(writing)
    descriptors[fd] = reading
    return [reading]
  }

  private func complainAboutOpening(_ path: String, _ mode: OpenMode, _ error: Errno) async throws -> Int32 {
    let reason = describe(error, process)
    switch dialect {
    case .ash:
      let cause = error == .ENOENT ? (mode == .read ? "no such file" : "nonexistent directory") : reason
      return try await complain(mode == .read ? "can't open \(path): \(cause)" : "can't create \(path): \(cause)", 1)
    case .dash:
      let cause = error == .ENOENT ? (mode == .read ? "No such file" : "Directory nonexistent") : reason
      return try await complain(mode == .read ? "cannot open \(path): \(cause)" : "cannot create \(path): \(cause)", 2)
    case .bash: return try await complain("\(path): \(reason)", 1)
    }
  }
}
