import Handoff
import JSONTree
import Runtime
import Seams

/// Performs plans against a kernel: keeps the process of each role, looks at conditions, fills in what only now is
/// known, and records every call as a handoff to the kernel.
struct PlanPerformance {
  let kernel: any ContainerKernel
  let tap: Tap
  let context: TraceContext
  /// The processes by role; 0 where there is none (yet).
  private var pids: (runtime: Int, parent: Int, child: Int, container: Int, exec: Int)
  /// The clock of hooks' timeouts.
  var world: (any World)?
  /// What the container's process inherits.
  var stdio: ProcessStdio?
  /// What `state.json` will hold.
  var state: (@Sendable (Int) -> String)?
  /// The environment that the program is to get, and its user: HOME is looked up for it.
  var user: (environment: [String], uid: UInt32)?
  /// The program, once it was looked up.
  var program: Program?
  private var terminal = 0
  /// The goal that was looked for last: several steps on the way to it ask for it.
  private var goal: (path: KernelPath, exists: Bool)?
  /// What was found since the last call: a step for files and one for folders look at the same path.
  private var seen: (path: KernelPath, role: Role, info: HostFileInfo?)?

  init(kernel: any ContainerKernel, tap: Tap, context: TraceContext, runtime: Int) {
    (self.kernel, self.tap, self.context) = (kernel, tap, context)
    pids = (runtime, 0, 0, 0, 0)
  }

  /// What will be executed.
  struct Program: Sendable, Hashable {
    var path: String
    var environment: [String]
  }

  /// Why a plan ended early.
  struct Refusal: Error {
    var step: Int
    var errno: Errno
    var message: String
  }

  subscript(role: Role) -> Int {
    get {
      switch role {
      case .runtime: pids.runtime
      case .parent: pids.parent
      case .child: pids.child
      case .container: pids.container
      case .exec: pids.exec
      }
    }
    set {
      switch role {
      case .runtime: pids.runtime = newValue
      case .parent: pids.parent = newValue
      case .child: pids.child = newValue
      case .container: pids.container = newValue
      case .exec: pids.exec = newValue
      }
    }
  }

  /// The processes that the plan has made so far, the youngest first.
  var made: [Int] { [pids.exec, pids.container, pids.child, pids.parent].filter { $0 != 0 } }

  private enum Last { case done, refused, skipped }

  /// Where a plan has got to.
  private struct Progress {
    var next = 0
    var last = Last.done
    var refused: Set<Int> = []
  }

  /// Performs every step. A hook is waited for; what it says by its exit status counts as the step's result.
  mutating func run(_ plan: Plan) async throws(Refusal) {
    var progress = Progress()
    while let hook = try advance(plan, &progress) {
      guard case .hook(_, _, _, _, let timeout) = plan.steps[progress.next - 1].call else { continue }
      if let message = await end(of: hook, timeout: timeout) {
        throw Refusal(
          step: progress.next - 1, errno: .EIO, message: plan.message(progress.next - 1, hook: message))
      }
    }
  }

  /// Performs a plan that has no hooks.
  mutating func runAtOnce(_ plan: Plan) throws(Refusal) {
    var progress = Progress()
    while try advance(plan, &progress) != nil {}
  }

  /// Performs steps up to the next hook, whose process is the answer; nil at the end of the plan.
  private mutating func advance(_ plan: Plan, _ progress: inout Progress) throws(Refusal) -> Int? {
    while progress.next < plan.steps.count {
      let index = progress.next
      progress.next += 1
      guard holds(plan.steps[index].condition, plan.steps[index].role, progress.last, progress.refused) else {
        progress.last = .skipped
        continue
      }
      let call = plan.steps[index].call
      do {
        let result = try perform(
          call, plan.steps[index].role, plan.steps[index].phase, plan.steps[index].binding)
        progress.last = .done
        if let role = plan.steps[index].creates {
          self[role] = result
          if role == .container || role == .exec, let stdio { kernel.attach(stdio, to: result) }
        }
        if case .hook = call, result > 0 { return result }
      } catch {
        switch error {
        case .notFound(let file, let errno, let inPath):
          throw Refusal(step: index, errno: errno, message: plan.notFound(file, errno, inPath: inPath))
        case .refused(let errno):
          guard plan.steps[index].tolerates.contains(errno) else {
            throw Refusal(step: index, errno: errno, message: plan.message(index, errno))
          }
          progress.last = .refused
          progress.refused.insert(index)
        }
      }
    }
    return nil
  }

  /// Waits for a hook; what is wrong with how it ended, in Go's words, nil when nothing is.
  private func end(of hook: Int, timeout: Int?) async -> String? {
    let (kernel, runtime) = (kernel, pids.runtime)
    let killer = timeout.flatMap { seconds in
      world?.spawn { [world] in
        guard (try? await world?.sleep(UInt64(clamping: seconds) &* Duration64.second)) != nil else { return }
        _ = try? kernel.perform(.kill(pid: hook, signal: 9), as: runtime)
      }
    }
    let status = await kernel.wait(hook)
    killer?.cancel()
    if let timeout, status == 137 { return "hook ran past specified timeout of \(timeout).0s" }
    if status == 0 { return nil }
    return status > 128
      ? "signal: \(status - 128), stdout: , stderr: " : "exit status \(status), stdout: , stderr: "
  }

  private mutating func holds(
    _ condition: Step.Condition, _ role: Role, _ last: Last, _ refused: Set<Int>
  ) -> Bool {
    switch condition {
    case .always: true
    case .previousRefused: last == .refused
    case .previousDone: last == .done
    case .refused(let index): refused.contains(index)
    case .missing(let path): !exists(goal: path, role)
    case .missingOnWay(let path, let goal): !exists(goal: goal, role) && find(path, role) == nil
    case .exists(let path): find(path, role) != nil
    case .nonDirectory(let path): find(path, role).map { $0.kind != .directory } ?? false
    case .directory(let path): find(path, role)?.kind == .directory
    }
  }

  /// As `find`, remembered until another goal is asked for: only the last step on the way makes it.
  private mutating func exists(goal path: KernelPath, _ role: Role) -> Bool {
    if let goal, goal.path == path { return goal.exists }
    let exists = find(path, role) != nil
    goal = (path, exists)
    return exists
  }

  private mutating func find(_ path: KernelPath, _ role: Role) -> HostFileInfo? {
    if let seen, seen.role == role, seen.path == path { return seen.info }
    let info = kernel.stat(path, as: self[role])
    seen = (path, role, info)
    return info
  }

  private enum StepError: Error {
    case refused(Errno)
    case notFound(String, Errno, inPath: Bool)
  }

  private mutating func perform(
    _ call: KernelCall, _ role: Role, _ phase: Phase, _ binding: Step.Binding
  ) throws(StepError) -> Int {
    let pid = self[role]
    switch binding {
    case .none:
      // The runtime has opened the files of the cgroups for its child, which may be nobody on the host by now.
      if role != .runtime, phase == .cgroup, case .writeFile(let path, "0") = call {
        return try ask(call, pids.runtime, as: .writeFile(path: path, contents: String(pid)))
      }
      return try ask(call, pid)
    case .lookUp:
      try lookUp(call, pid)
      return 0
    case .foundProgram:
      guard case .execve(let path, let arguments, let environment) = call else { return try ask(call, pid) }
      return try ask(
        .execve(
          path: program?.path ?? path, arguments: arguments, environment: program?.environment ?? environment), pid)
    default: return try ask(bound(call, role, binding, pid), pid)
    }
  }

  /// One call, recorded; `performed` instead of it.
  private mutating func ask(
    _ call: KernelCall, _ pid: Int, as performed: KernelCall? = nil
  ) throws(StepError) -> Int {
    seen = nil
    do {
      let result = try kernel.perform(performed ?? call, as: pid)
      tap.note(call.name, call, .success(JSON.int(Int64(result))), in: context)
      if case .openTerminal = call { terminal = result }
      return result
    } catch {
      tap.note(call.name, call, .failure(code: Int(error.code), message: error.message), in: context)
      throw .refused(error)
    }
  }

  /// The call with what only now is known.
  private mutating func bound(_ call: KernelCall, _ role: Role, _ binding: Step.Binding, _ pid: Int) -> KernelCall {
    switch (binding, call) {
    case (.procOf(let other), .writeFile(let path, let contents)):
      return .writeFile(
        path: KernelPath("/proc/\(self[other])" + path.path.dropFirst("/proc/{pid}".utf8.count)), contents: contents)
    case (.pidOf(let other), .writeFile(let path, _)): return .writeFile(path: path, contents: String(self[other]))
    case (.pidOf(let other), .wait): return .wait(pid: self[other])
    case (.pidOf(let other), .prlimit(_, let name, let soft, let hard)):
      return .prlimit(pid: self[other], name: name, soft: soft, hard: hard)
    case (.pidOf(let other), .moveInterface(let old, let name, _)):
      return .moveInterface(old, name: name, pid: self[other])
    case (.pidOf(let other), .runHelper(let program, let arguments)):
      return .runHelper(program: program, arguments: arguments.map { $0 == "{pid}" ? String(self[other]) : $0 })
    case (.inherited, .writeFile(let path, _)):
      return .writeFile(path: path, contents: inherited(path.path, pid))
    case (.state, .writeFile(let path, _)):
      let first = self[.child] != 0 && kernel.status(of: self[.child]) == .running ? self[.child] : self[.container]
      return .writeFile(path: path, contents: state?(first) ?? "")
    case (.terminal, .mount(_, let target, let type, let flags, let data)):
      return .mount(source: "/dev/pts/\(terminal)", target: target, type: type, flags: flags, data: data)
    case (.modeOfTarget, .mount(let source, let target, let type, let flags, let data)):
      return .mount(
        source: source, target: target, type: type, flags: flags, data: withMode(data, of: target, role))
    default: return call
    }
  }

  /// What the same file of the folder above holds.
  private func inherited(_ path: String, _ pid: Int) -> String {
    let parts = path.split(separator: "/")
    guard parts.count > 2, let name = parts.last else { return "" }
    let above = "/" + parts.dropLast(2).joined(separator: "/") + "/" + name
    let text = (try? kernel.readFile(above, as: pid)) ?? ""
    return String(text.prefix { $0 != "\n" })
  }

  /// The mode of the folder that a tmpfs covers goes before its options: a later `mode=` counts more.
  private mutating func withMode(_ data: String, of target: KernelPath, _ role: Role) -> String {
    if data.hasPrefix("mode=") || data.contains(",mode=") { return data }
    guard let info = find(target, role) else { return data }
    let digits = String(info.mode & 0o7777, radix: 8)
    let mode = "mode=" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    return data.isEmpty ? mode : "\(mode),\(data)"
  }

  // MARK: The program

  /// Looks the program up as the container's process would find it, and adds HOME to its environment.
  private mutating func lookUp(_ call: KernelCall, _ pid: Int) throws(StepError) {
    guard case .lookUp(let file, let path) = call else { return }
    let inPath = !file.utf8.contains(UInt8(ascii: "/"))
    var candidates = [file]
    if inPath {
      candidates = path.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
        $0.isEmpty ? file : "\(Substring($0))/\(file)"
      }
    }
    var refusal = Errno.ENOENT
    for candidate in candidates where !file.isEmpty {
      do {
        try kernel.checkExecutable(candidate, as: pid)
        tap.note(
          call.name, JSON.object(["path": .string(candidate), "mode": "X_OK"]), .success(JSON.int(0)), in: context)
        program = Program(
          path: candidate, environment: user.map { environment($0.environment, uid: $0.uid, as: pid) } ?? [])
        return
      } catch {
        if !inPath { refusal = error }
      }
    }
    tap.note(call.name, call, .failure(code: Int(refusal.code), message: refusal.message), in: context)
    throw .notFound(file, refusal, inPath: inPath)
  }
}

extension PlanPerformance {
  /// The environment that the program gets: without duplicates, and with the HOME of its user when it names none
  /// (looked up in the container's /etc/passwd).
  func environment(_ environment: [String], uid: UInt32, as pid: Int) -> [String] {
    var result: [String] = []
    var hasHome = false
    var seen: Set<Substring> = []
    for entry in environment.reversed() {
      let name = entry.utf8.firstIndex(of: UInt8(ascii: "=")).map { entry[..<$0] } ?? entry[...]
      guard seen.insert(name).inserted else { continue }
      if name == "HOME" {
        if entry.utf8.count == 5 { continue }
        hasHome = true
      }
      result.append(entry)
    }
    result.reverse()
    if !hasHome { result.append("HOME=" + home(uid, as: pid)) }
    return result
  }

  private func home(_ uid: UInt32, as pid: Int) -> String {
    guard let passwd = try? kernel.readFile("/etc/passwd", as: pid) else { return "/" }
    let entry = AccountFile(Array(passwd.utf8)).first { $0[5] != nil && $0.number(2) == Int(uid) }
    guard let home = entry?[5], !home.isEmpty else { return "/" }
    return String(decoding: home, as: UTF8.self)
  }
}
