import Glibc
import JSONTree
import LinuxKernel
import OCISpec
import Runtime

/// One step: what makes, ends and awaits processes, and the runtime's own notes; all the rest is the kernel's
/// (`LinuxKernel.perform`).
extension Performance {
  func act(_ index: Int, _ step: Step) throws(StepError) -> Int {
    switch step.call {
    case .clone(let namespaces, _, let cgroup):
      return try refusing { () throws(Errno) in try clone(index, namespaces, into: cgroup) }
    case .openFIFO, .awaitFIFO:
      return try refusing { () throws(Errno) in
        try sleepAtFIFO()
        return 0
      }
    case .readFIFO(let path), .writeFIFO(let path):
      // `run` has let it go already.
      if setting.beforeRelease != nil { return 0 }
      guard let sleeper = setting.target else { throw .refused(.ESRCH) }
      return try refusing { () throws(Errno) in
        try ExecFIFO.release(path, sleeper: sleeper, untilExecuted: setting.awaitsExecution)
        return 0
      }
    case .openTerminal, .setControllingTerminal, .setWindowSize, .bindTerminal:
      return try refusing { () throws(Errno) in try act(onTerminal: step, index) }
    case .mount(_, let target, _, _, _) where step.binding == .terminal:
      return try refusing { () throws(Errno) in try bindTerminal(to: target) }
    case .exit(let status): _exit(status)
    case .wait:
      return try refusing { () throws(Errno) in try bury(step) }
    case .hook(let stage, let path, let arguments, let environment, let timeout):
      let hook = Hook(path, arguments, environment: environment, timeout: timeout)
      try run(hook, stage, index, step)
      return 0
    case .runHelper(let program, let arguments):
      return try runHelper(program, arguments, step)
    case .lookUp(let file, let path):
      try lookUp(file, path)
      return 0
    case .execve(let path, let arguments, let environment):
      LinuxKernel.dieWithParent(false)
      LinuxKernel.closeDescriptors(from: setting.firstClosed, onExecute: true)
      let program = step.binding == .foundProgram ? self.program : nil
      throw .refused(LinuxKernel.execute(program?.path ?? path, arguments, program?.environment ?? environment))
    case .closeRange(let first, _):
      // By execve, which comes soon: until then errors can be told, and calls recorded.
      LinuxKernel.closeDescriptors(from: max(first, setting.firstClosed), onExecute: true)
      return 0
    case .kill(let pid, let signal):
      guard let target = setting.target, target.pid == pid else { break }
      return try refusing { () throws(Errno) in
        try target.send(signal: Int32(truncatingIfNeeded: signal))
        return 0
      }
    case .joinNamespaces(let pid, let kinds):
      guard let target = setting.target, target.pid == pid else { break }
      return try refusing { () throws(Errno) in
        try kernel.join(target, kinds)
        return 0
      }
    case .sendSeccompListener(let socket, let metadata):
      return try refusing { () throws(Errno) in try sendListener(socket, metadata, index, step) }
    case .mkdir(let path, _) where step.phase == .state && role == .runtime:
      if let notes = setting.notes, path.path == "\(notes.root.path)/\(notes.record.id)" {
        try noting { () throws(Failure) in try notes.make() }
        return 0
      }
    // The notes are written under another name first.
    case .createFile where step.phase == .state && setting.notes != nil: return 0
    case .writeFile where step.binding == .state:
      if let notes = setting.notes {
        let pid = process(of: .container)?.pid ?? 0
        try noting { () throws(Failure) in try notes.save(pid: pid) }
      }
      return 0
    case .writeFile(let path, let contents) where step.phase == .cgroup:
      guard let file = takeOpened(path.path) else { break }
      defer { close(file) }
      return try refusing { () throws(Errno) in
        try HostFile.write(contents.utf8, to: file)
        return 0
      }
    case .writeFile(let path, let contents) where step.phase == .limits && path.root == nil && step.binding == .none:
      // A list of devices is written a line at a time, each by a write of its own.
      return try refusing { () throws(Errno) in try writeAgain(path.path, contents) }
    case .rmdir(let path) where step.phase == .cleanup:
      if let directory = setting.directory, path.path == directory.path {
        try noting { () throws(Failure) in try directory.remove() }
        return 0
      }
      guard CgroupRemoval.isCgroup(path.path) else { break }
      return try refusing { () throws(Errno) in
        try CgroupRemoval.remove(path.path)
        return 0
      }
    case .dropBounding where role == .container: prepareSleep()
    case .setresgid where step.phase == .privileges: LinuxKernel.giveStdio(to: setting.uid)
    default: break
    }
    let call = bound(step)
    return try refusing { () throws(Errno) in try kernel.perform(call) }
  }

  private func refusing(_ body: () throws(Errno) -> Int) throws(StepError) -> Int {
    do { return try body() } catch { throw .refused(error) }
  }

  private func noting(_ body: () throws(Failure) -> Void) throws(StepError) {
    do { try body() } catch { throw .said(error == .exists ? .EEXIST : .EIO, error.message) }
  }

  // MARK: What only now is known

  /// The call with pids and the like filled in.
  func bound(_ step: Step) -> KernelCall {
    switch (step.binding, step.call) {
    case (.none, _): return step.call
    case (.procOf(let role), .writeFile(let path, let contents)):
      return .writeFile(
        path: KernelPath("/proc/\(pid(of: role))" + path.path.dropFirst("/proc/{pid}".utf8.count)), contents: contents)
    case (.pidOf(let role), .writeFile(let path, _)): return .writeFile(path: path, contents: String(pid(of: role)))
    case (.pidOf(let role), .wait): return .wait(pid: pid(of: role))
    case (.pidOf(let role), .prlimit(_, let name, let soft, let hard)):
      return .prlimit(pid: pid(of: role), name: name, soft: soft, hard: hard)
    case (.pidOf(let role), .moveInterface(let old, let name, _)):
      return .moveInterface(old, name: name, pid: pid(of: role))
    case (.inherited, .writeFile(let path, _)): return .writeFile(path: path, contents: inherited(path.path))
    case (.modeOfTarget, .mount(let source, let target, let type, let flags, let data)):
      return .mount(source: source, target: target, type: type, flags: flags, data: withMode(data, of: target))
    case (.modeOfTarget, .moveMount(let source, let target, let type, let attributes, let data, let recursive, let map)):
      return .moveMount(
        source: source, target: target, type: type, attributes: attributes, data: withMode(data, of: target),
        recursive: recursive, idMap: map)
    case (.foundProgram, .execve(let path, let arguments, let environment)):
      return .execve(
        path: program?.path ?? path, arguments: arguments, environment: program?.environment ?? environment)
    default: return step.call
    }
  }

  /// Writes to a file of cgroups, which stays open for the next step.
  private func writeAgain(_ path: String, _ contents: String) throws(Errno) -> Int {
    if lastFile?.path != path {
      if let lastFile { close(lastFile.descriptor) }
      lastFile = nil
      if path.utf8.contains(0) { throw .EINVAL }
      let file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      guard file >= 0 else { throw .last }
      lastFile = (path, file)
    }
    guard let lastFile else { return 0 }
    try HostFile.write(contents.utf8, to: lastFile.descriptor)
    return 0
  }

  private func pid(of role: Role) -> Int { process(of: role)?.pid ?? 0 }

  /// What the same file of the folder above holds.
  private func inherited(_ path: String) -> String {
    let slash = UInt8(ascii: "/")
    let utf8 = path.utf8
    guard let last = utf8.lastIndex(of: slash), let middle = utf8[..<last].lastIndex(of: slash),
      middle > utf8.startIndex
    else { return "" }
    let above = String(path[..<middle]) + String(path[last...])
    guard var bytes = LinuxKernel.contents(of: above, limit: 65_536) else { return "" }
    while bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The mode of the folder that a tmpfs covers goes before its options: a later `mode=` counts more.
  private func withMode(_ data: String, of target: KernelPath) -> String {
    if data.hasPrefix("mode=") || data.contains(",mode=") { return data }
    guard let mode = kernel.mode(of: target) else { return data }
    let text = "mode=0" + String(mode, radix: 8)
    return data.isEmpty ? text : "\(text),\(data)"
  }

  // MARK: Processes

  private func bury(_ step: Step) throws(Errno) -> Int {
    guard case .pidOf(let role) = step.binding, let process = process(of: role) else { throw .ECHILD }
    _ = try process.wait()
    return process.pid
  }

  private func run(_ hook: Hook, _ stage: String, _ index: Int, _ step: Step) throws(StepError) {
    var hook = hook
    var state = setting.state
    if role == .runtime {
      state.pid = process(of: .container)?.pid ?? setting.target?.pid ?? 0
      hook.directory = state.bundle
    } else {
      // As the container sees itself.
      state.pid = Int(getpid())
    }
    switch RuntimeSpec.HookStage(rawValue: stage) {
    case .startContainer: state.status = .created
    case .poststart: state.status = .running
    case .poststop: (state.status, state.pid) = (.stopped, 0)
    default: state.status = .creating
    }
    hook.input = Array(state.json.text.utf8)
    do { try hook.run() } catch {
      // The container lives, or is gone, whatever these say (runtime.md, "Lifecycle").
      if ["poststart", "poststop"].contains(stage) {
        setting.log.warn(plan.message(index, hook: error.message))
        return
      }
      switch error {
      case .notExecuted(let errno): throw .refused(errno)
      default: throw .said(.EIO, plan.message(index, hook: error.message))
      }
    }
  }

  /// newuidmap(1) and newgidmap(1).
  private func runHelper(_ program: String, _ arguments: [String], _ step: Step) throws(StepError) -> Int {
    guard case .pidOf(let role) = step.binding else { throw .refused(.EINVAL) }
    let pid = String(pid(of: role))
    let path =
      getenv("PATH").map { String(cString: $0) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    var file = program
    if !program.utf8.contains(UInt8(ascii: "/")) {
      for folder in path.split(separator: ":") where folder.utf8.first == UInt8(ascii: "/") {
        if (try? LinuxKernel.checkExecutable("\(folder)/\(program)")) != nil {
          file = "\(folder)/\(program)"
          break
        }
      }
      if file == program { throw .said(.ENOENT, "\(program): executable file not found in $PATH") }
    }
    let words = arguments.map { $0 == "{pid}" ? pid : $0 }
    do {
      try Hook(file, [program] + words, environment: ["PATH=" + path]).run()
    } catch {
      if case .notExecuted(let errno) = error { throw .refused(errno) }
      throw .said(.EPERM, "\(program) \(words.joined(separator: " ")): \(error.message)")
    }
    return 0
  }

  /// The descriptor on which a seccomp agent hears of calls is fetched from the process that has it, and sent.
  private func sendListener(_ socket: String, _ metadata: String, _ index: Int, _ step: Step) throws(Errno) -> Int {
    var owner = Role.container
    if case .pidOf(let role) = step.binding { owner = role }
    guard let child = children[owner.number] else { throw .ESRCH }
    let installed = plan.steps.indices.last { candidate in
      guard candidate < index, plan.steps[candidate].role == owner else { return false }
      if case .seccomp = plan.steps[candidate].call { return true } else { return false }
    }
    guard let installed, let number = child.results.last(where: { $0.step == installed })?.value else { throw .EBADF }
    let listener = try LinuxKernel.descriptor(Int32(clamping: number), of: child.process)
    defer { close(listener) }
    let connection = try LinuxKernel.connect(unix: socket)
    defer { close(connection) }
    var state = setting.state
    state.status = plan.operation == .exec ? .running : .creating
    if plan.operation != .exec { state.pid = child.process.pid }
    let message = RuntimeSpec.ContainerProcessState(pid: child.process.pid, metadata: metadata, state: state)
    try LinuxKernel.send(Array(message.json.text.utf8), descriptor: listener, over: connection)
    return 0
  }

  // MARK: The terminal

  private func act(onTerminal step: Step, _ index: Int) throws(Errno) -> Int {
    switch step.call {
    case .openTerminal(let ptmx):
      let terminal = try Terminal.open(ptmx: ptmx)
      try terminal.becomeStdio()
      hand(terminal, step: index)
      close(terminal.near)
      ownTerminal = Terminal(near: -1, far: terminal.far, number: terminal.number)
      return terminal.number
    case .setControllingTerminal: try LinuxKernel.takeControllingTerminal()
    case .setWindowSize(let rows, let columns): try Terminal.resize(0, rows: rows, columns: columns)
    case .bindTerminal(let path): return try bindTerminal(to: path)
    default: throw .ENOSYS
    }
    return 0
  }

  private func bindTerminal(to path: KernelPath) throws(Errno) -> Int {
    guard let ownTerminal else { throw .EBADF }
    try kernel.bindTerminal(ownTerminal, to: path)
    return 0
  }

  // MARK: The program

  /// Looks the program up as the container's process would find it, and completes its environment.
  private func lookUp(_ file: String, _ path: String) throws(StepError) {
    let inPath = !file.utf8.contains(UInt8(ascii: "/"))
    var candidates = [file]
    if inPath {
      candidates = path.split(separator: ":", omittingEmptySubsequences: false).map {
        $0.isEmpty ? file : "\($0)/\(file)"
      }
    }
    var refusal = Errno.ENOENT
    for candidate in candidates where !file.isEmpty {
      do throws(Errno) {
        try LinuxKernel.checkExecutable(candidate)
        program = (candidate, ProgramEnvironment.complete(setting.environment, uid: setting.uid))
        return
      } catch { if !inPath { refusal = error } }
    }
    throw .said(refusal, plan.notFound(file, refusal, inPath: inPath))
  }
}

/// The environment that a program gets.
enum ProgramEnvironment {
  /// Without duplicates (the last value of a name counts), and with the HOME of the user when it names none.
  static func complete(_ environment: [String], uid: UInt32) -> [String] {
    var result: [String] = []
    result.reserveCapacity(environment.count + 1)
    var seen: Set<Substring> = []
    var hasHome = false
    for entry in environment.reversed() {
      let name = entry.firstIndex(of: "=").map { entry[..<$0] } ?? entry[...]
      guard seen.insert(name).inserted else { continue }
      if name == "HOME" {
        if entry.utf8.count <= 5 { continue }
        hasHome = true
      }
      result.append(entry)
    }
    result.reverse()
    if !hasHome { result.append("HOME=" + home(uid)) }
    return result
  }

  /// From the container's /etc/passwd; `/` for who is not in it.
  static func home(_ uid: UInt32) -> String {
    home(uid, passwd: LinuxKernel.regularContents(of: "/etc/passwd", limit: 4 << 20) ?? [])
  }

  static func home(_ uid: UInt32, passwd: [UInt8]) -> String {
    for line in passwd.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count > 5, UInt32(String(decoding: fields[2], as: UTF8.self)) == uid else { continue }
      return fields[5].isEmpty || fields[5].contains(0) ? "/" : String(decoding: fields[5], as: UTF8.self)
    }
    return "/"
  }
}
