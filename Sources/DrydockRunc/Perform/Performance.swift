import Glibc
import JSONTree
import LinuxKernel
import OCISpec
import Runtime

/// Performs a plan with a process for each of its roles.
///
/// The runtime's process begins. A step that makes another process is clone3(2) as fork: the new one has the whole plan
/// in memory, and goes on behind that step with the steps of its own role. Each child has a socket to the runtime
/// (`SyncSocket`), over which both tell how far they are, as far as the other waits for it (`StepOrder`); the runtime
/// passes on what one child has to know of another. A step that is refused ends the plan: a child says so and ends, the
/// runtime throws. Whose socket is at its end has died: a child then ends at once (and is killed with the runtime as
/// long as the kernel remembers its PR_SET_PDEATHSIG), the runtime says how the child died.
///
/// Nothing of what a process needs for this outlives its execve: every descriptor is close-on-exec.
final class Performance {
  /// Why a plan ended early.
  struct Refusal: Error {
    var step: Int
    var errno: Errno
    /// On one line, without the verb's prefix.
    var message: String
    /// A process of the plan died without a word.
    var isDeath = false
  }

  /// Structures and no tuples, here and below: the types of tuples and what holds them are made at run time.
  private struct SocketPair {
    var near: SyncSocket
    var far: SyncSocket
  }

  /// The answer of a step.
  struct Answer {
    var step: Int
    var value: Int
  }

  /// A process that the plan has made, as the runtime knows it.
  struct Child {
    var process: ChildProcess
    var socket: SyncSocket
    /// What its steps answered, where the runtime has to know: step and value.
    var results: [Answer] = []
  }

  private(set) var plan: Plan
  let kernel = LinuxKernel()
  let setting: PerformanceSetting
  private var order: StepOrder?
  private(set) var role = Role.runtime
  /// By role: the last step that is known to be finished.
  private var finished = Array(repeating: -1, count: Role.count)
  /// By role; the runtime's only.
  private(set) var children: [Child?] = Array(repeating: nil, count: Role.count)
  /// By role: both ends of the sockets of processes that are still to be made.
  private var sockets: [SocketPair?] = Array(repeating: nil, count: Role.count)
  /// A child's end of its socket.
  private var upwards: SyncSocket?
  private var fifo: ExecFIFO?
  private var last = Last.done
  private var refused: [Int] = []
  /// The terminal's near end, when it stays here.
  private(set) var terminal: Int32?
  /// In the process that has it: the terminal's ends.
  var ownTerminal: Terminal?
  /// The file that the last step wrote to, where the next may go on.
  var lastFile: (path: String, descriptor: Int32)?
  /// What will be executed.
  var program: (path: String, environment: [String])?
  /// Files that are opened before they would be out of reach.
  private var opened: [String: Int32] = [:]

  private enum Last { case done, refused, skipped }

  init(_ plan: Plan, _ setting: PerformanceSetting) { (self.plan, self.setting) = (plan, setting) }

  /// The process of a role; nil before it was made.
  func process(of role: Role) -> ChildProcess? { children[role.number]?.process }

  // MARK: The runtime's process

  /// Performs the runtime's steps, and sees that everybody else has finished theirs: the container sleeps at its FIFO,
  /// the program of `exec` is executed.
  func run() throws(Refusal) {
    order = StepOrder(plan.steps)
    do {
      for step in plan.steps {
        if let made = step.creates, sockets[made.number] == nil {
          let (near, far) = try SyncSocket.pair()
          sockets[made.number] = SocketPair(near: near, far: far)
        }
      }
    } catch { throw Refusal(step: 0, errno: error, message: "socketpair: \(error)") }
    try walk(from: 0)
    if setting.beforeRelease == nil {
      for (role, step) in (order?.end ?? []).enumerated() where role != 0 && step >= 0 {
        try wait(for: role, step)
      }
    } else {
      try release()
    }
  }

  /// `create` and `start` in one (`run`): the FIFO's other end is open before the container's process comes to it, which
  /// goes on without a pause. All that has to be done before has been done.
  private func release() throws(Refusal) {
    let last = plan.steps.count - 1
    guard case .openFIFO(let path) = plan.steps[last].call else { return }
    do throws(Failure) { try setting.beforeRelease?(self) } catch {
      throw Refusal(step: last, errno: .EIO, message: error.message)
    }
    let fifo: ExecFIFO.Reader
    do { fifo = try ExecFIFO.Reader(path) } catch {
      throw Refusal(step: last, errno: error, message: plan.message(last, error))
    }
    defer { fifo.close() }
    while try !pump(for: Role.container.number, or: fifo) {}
    finished[Role.container.number] = last
    if setting.awaitsExecution { fifo.awaitExecution() }
  }

  /// Performs the steps of a plan that is the runtime's alone.
  func runAlone() throws(Refusal) { try walk(from: 0) }

  /// Waits until the sockets of a role's process are closed: it has executed its program, or died. Throws when it says
  /// why it could not.
  func awaitExecution(of role: Role) throws(Refusal) {
    while let socket = children[role.number]?.socket, socket.descriptor >= 0 { try pump() }
  }

  /// Kills and buries every process that the plan has made and that is still there.
  func destroyChildren() {
    for index in children.indices {
      guard var child = children[index] else { continue }
      child.process.destroy()
      child.socket.close()
      children[index] = nil
    }
    closeSockets()
  }

  private func closeSockets() {
    for index in sockets.indices {
      sockets[index]?.near.close()
      sockets[index]?.far.close()
      sockets[index] = nil
    }
  }

  // MARK: Step by step

  private func walk(from first: Int) throws(Refusal) {
    var index = first
    while index < plan.steps.count {
      // Read in place: a copy of a step costs a dozen reference counts.
      if plan.steps[index].role == role { try perform(index) }
      index += 1
    }
  }

  private func perform(_ index: Int) throws(Refusal) {
    if let order, !plan.steps[index].overlaps {
      for other in 0..<Role.count {
        let needed = order.wait(before: index, for: other)
        if needed > finished[other] { try wait(for: other, needed) }
      }
    }
    guard holds(plan.steps[index].condition, plan.steps[index].call) else {
      last = .skipped
      return announce(index, 0)
    }
    let step = plan.steps[index]
    let ends = step.call.isLast
    if ends {
      // Who hears of it may end: from here on this process no longer dies with it.
      if role != .runtime { LinuxKernel.dieWithParent(false) }
      if setting.beforeRelease == nil || index < plan.steps.count - 1 { announce(index, 0) }
    }
    do {
      let result = try ask(index, step)
      last = .done
      if !ends { announce(index, result) }
    } catch {
      switch error {
      case .refused(let errno):
        guard step.tolerates.contains(errno) else {
          var message = plan.message(index, errno)
          if let detail = kernel.detail, !detail.isEmpty { message += " (\(detail))" }
          throw Refusal(step: index, errno: errno, message: message)
        }
        last = .refused
        refused.append(index)
        announce(index, 0)
      case .said(let errno, let message): throw Refusal(step: index, errno: errno, message: message)
      }
    }
  }

  private func holds(_ condition: Step.Condition, _ call: KernelCall) -> Bool {
    switch condition {
    case .always: true
    case .previousRefused: last == .refused
    case .previousDone: last == .done
    case .refused(let index): refused.contains(index)
    default: kernel.holds(condition, for: call) ?? true
    }
  }

  // MARK: How far everybody is

  /// Waits until a role has finished a step.
  private func wait(for other: Int, _ step: Int) throws(Refusal) {
    while finished[other] < step {
      if role == .runtime { try pump(for: other) } else { listen() }
    }
  }

  /// Tells those who wait for it that a step is finished.
  private func announce(_ index: Int, _ value: Int) {
    let own = role.number
    finished[own] = index
    guard let order else { return }
    if role != .runtime {
      if order.awaited[index] != 0 { tell(.init(.done, role: UInt8(own), step: index, value: value)) }
      return
    }
    for other in 1..<Role.count where order.isAwaited(index, by: other) {
      // Who has gone already will be noticed when somebody waits for it.
      try? socket(to: other)?.send(.init(.done, role: 0, step: index, value: value))
    }
  }

  private func socket(to role: Int) -> SyncSocket? {
    guard let socket = children[role]?.socket ?? sockets[role]?.near, socket.descriptor >= 0 else { return nil }
    return socket
  }

  /// A child's word to the runtime. Without a runtime there is no container.
  private func tell(_ message: SyncMessage, descriptor: Int32 = -1) {
    do { try upwards?.send(message, descriptor: descriptor) } catch { _exit(1) }
  }

  /// A child hears from the runtime.
  private func listen() {
    guard let upwards, let received = try? upwards.receive(takesDescriptors: false) else { _exit(1) }
    let message = received.message
    if message.kind == .done, message.role < Role.count {
      finished[Int(message.role)] = max(finished[Int(message.role)], Int(message.step))
    }
  }

  /// The runtime hears from one of its children, whoever is first. True when a byte came through the FIFO.
  @discardableResult
  private func pump(for awaited: Int? = nil, or fifo: ExecFIFO.Reader? = nil) throws(Refusal) -> Bool {
    var descriptors: [Int32] = []
    for role in 1..<Role.count {
      if let socket = socket(to: role) { descriptors.append(socket.descriptor) }
    }
    if let awaited, socket(to: awaited) == nil { throw death(of: awaited) }
    if let signals = setting.signals { descriptors.append(signals.descriptor) }
    if let fifo { descriptors.append(fifo.descriptor) }
    // With one to listen to, the receiving itself waits.
    let ready = descriptors.count == 1 ? descriptors : LinuxKernel.poll(descriptors)
    if let signals = setting.signals, ready.contains(signals.descriptor), let signal = signals.next()?.signal,
      [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(signal)
    {
      throw Refusal(step: plan.steps.count - 1, errno: .EINTR, message: "interrupted by signal \(signal)")
    }
    if let fifo, ready.contains(fifo.descriptor), fifo.hasByte {
      // What was said before the byte counts; that the socket is at its end by now means nothing.
      for role in 1..<Role.count {
        guard let socket = socket(to: role) else { continue }
        while let received = try? socket.receive(blocks: false) { try take(received, from: role) }
      }
      return true
    }
    for role in 1..<Role.count {
      guard let socket = socket(to: role), ready.contains(socket.descriptor) else { continue }
      try hear(role, socket)
    }
    return false
  }

  private func hear(_ role: Int, _ socket: SyncSocket) throws(Refusal) {
    let received: SyncSocket.Received?
    do { received = try socket.receive() } catch {
      throw Refusal(step: max(0, finished[role]), errno: error, message: "read from the container's process: \(error)")
    }
    if let received { return try take(received, from: role) }
    children[role]?.socket.close()
    sockets[role]?.near.close()
    // A process that has done its part may go.
    if finished[role] < (order?.end[role] ?? -1) { throw death(of: role) }
  }

  private func take(_ received: SyncSocket.Received, from role: Int) throws(Refusal) {
    let (message, descriptor) = (received.message, received.descriptor)
    let step = Int(message.step)
    guard plan.steps.indices.contains(step) else { return }
    switch message.kind {
    case .done:
      finished[role] = max(finished[role], step)
      if let made = plan.steps[step].creates { adopt(made.number, Int(message.value), descriptor) }
      if message.value != 0 { children[role]?.results.append(Answer(step: step, value: Int(message.value))) }
      for other in 1..<Role.count where other != role && order?.isAwaited(step, by: other) == true {
        try? self.socket(to: other)?.send(.init(.done, role: UInt8(role), step: step))
      }
    case .refused:
      throw Refusal(step: step, errno: Errno(number: Int32(clamping: message.value)), message: message.text)
    case .terminal:
      guard descriptor >= 0 else { return }
      guard let console = setting.console else {
        terminal = descriptor
        return
      }
      do throws(Errno) {
        defer { close(descriptor) }
        try console.send(descriptor, name: "/dev/ptmx")
      } catch {
        throw Refusal(step: step, errno: error, message: "sending the terminal to the console socket: \(error)")
      }
    }
  }

  /// A process that a child has made becomes this one's.
  private func adopt(_ role: Int, _ pid: Int, _ descriptor: Int32) {
    guard pid > 0, children[role] == nil, let pair = sockets[role] else { return }
    sockets[role]?.far.close()
    children[role] = Child(process: ChildProcess(pid: pid, descriptor: descriptor), socket: pair.near)
    sockets[role] = nil
  }

  /// What is said of a process that ended without a word.
  private func death(of role: Int) -> Refusal {
    var text = "unable to start container process: it ended unexpectedly"
    if let process = children[role]?.process, let end = try? process.wait() {
      process.close()
      children[role] = nil
      switch end {
      case .exited(let status): text += " with status \(status)"
      case .killed(let signal): text += ": killed by signal \(signal)"
      }
    }
    return Refusal(step: max(0, finished[role]), errno: .ESRCH, message: text, isDeath: true)
  }

  // MARK: A child's life

  /// Makes the process of another role; in it, does not return.
  func clone(_ index: Int, _ namespaces: [NamespaceKind], into cgroup: String?) throws(Errno) -> Int {
    guard let made = plan.steps[index].creates else { throw .EINVAL }
    var folder: Int32 = -1
    if let cgroup {
      folder = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if folder < 0 { throw Errno(number: Glibc.errno) }
    }
    defer { if folder >= 0 { close(folder) } }
    if role == .runtime { try prepare(for: namespaces) }
    switch try LinuxKernel.fork(namespaces: namespaces, siblings: role != .runtime, cgroup: folder) {
    case .child:
      if folder >= 0 { close(folder) }
      live(as: made, from: index + 1)
    case .parent(let process):
      let number = made.number
      if role == .runtime {
        sockets[number]?.far.close()
        if let near = sockets[number]?.near { children[number] = Child(process: process, socket: near) }
        sockets[number] = nil
      } else {
        tell(.init(.done, role: UInt8(role.number), step: index, value: process.pid), descriptor: process.descriptor)
        process.close()
        sockets[number]?.far.close()
        sockets[number] = nil
      }
      return process.pid
    }
  }

  /// What a new process will need and could not reach any more.
  private func prepare(for namespaces: [NamespaceKind]) throws(Errno) {
    for step in plan.steps {
      switch step.call {
      case .openFIFO(let path), .awaitFIFO(let path):
        if fifo == nil { fifo = try ExecFIFO(path) }
      // In a user namespace it would have no right to open them; the kernel looks at who did.
      case .writeFile(let path, _) where step.role != .runtime && step.phase == .cgroup && namespaces.contains(.user):
        if opened[path.path] == nil {
          let file = open(path.path, O_WRONLY | O_CLOEXEC)
          if file >= 0 { opened[path.path] = file }
        }
      default: continue
      }
    }
  }

  private func live(as made: Role, from index: Int) -> Never {
    let maker = role
    role = made
    finished[maker.number] = max(finished[maker.number], index - 1)
    upwards?.close()
    upwards = sockets[made.number]?.far
    for other in sockets.indices {
      sockets[other]?.near.close()
      if other == made.number { sockets[other] = nil }
    }
    for child in children.indices {
      children[child]?.socket.close()
      children[child]?.process.close()
      children[child] = nil
    }
    if let lastFile { close(lastFile.descriptor) }
    lastFile = nil
    // What the caller has left open is none of the container's business, not even while it sleeps.
    for descriptor in setting.inherited where descriptor != setting.trace?.descriptor { close(descriptor) }
    setting.notes?.closeInChild()
    setting.console?.close()
    if let signals = setting.signals { close(signals.descriptor) }
    kernel.forget()
    LinuxKernel.dieWithParent(true)
    do throws(Refusal) {
      try walk(from: index)
      closeSockets()
      if let later = setting.afterFIFO, role == .container {
        (plan, order) = (later, nil)
        upwards?.close()
        refused = []
        try walk(from: 0)
      }
    } catch {
      if upwards != nil, order != nil {
        tell(
          .init(.refused, role: UInt8(role.number), step: error.step, value: Int(error.errno.code), text: error.message)
        )
      } else {
        complain(error)
      }
      _exit(1)
    }
    _exit(0)
  }

  /// After `start` there is nobody left to tell but who reads the container's stderr.
  private func complain(_ refusal: Refusal) {
    var message = refusal.message
    if case .execve(let file, _, _) = plan.steps[refusal.step].call {
      message = plan.cannotExecute(program?.path ?? file, refusal.errno)
    }
    Log.say(message)
  }

  // MARK: One step

  enum StepError: Error {
    case refused(Errno)
    /// With words of its own.
    case said(Errno, String)
  }

  /// Performs a step, recorded where that is asked for.
  private func ask(_ index: Int, _ step: Step) throws(StepError) -> Int {
    guard let trace = setting.trace else { return try act(index, step) }
    let began = LinuxKernel.monotonicTime()
    let (role, call) = (self.role, bound(step))
    // What does not come back is recorded before.
    if call.isLast { trace.record(call, role: role, result: .success(0), began: began) }
    do {
      let result = try act(index, step)
      if !call.isLast { trace.record(call, role: role, result: .success(result), began: began) }
      return result
    } catch {
      switch error {
      case .refused(let errno), .said(let errno, _):
        trace.record(call, role: role, result: .failure(errno), began: began)
      }
      throw error
    }
  }

  /// The file that was opened beforehand for a path; once.
  func takeOpened(_ path: String) -> Int32? { opened.removeValue(forKey: path) }

  /// A child's terminal goes to the runtime.
  func hand(_ terminal: Terminal, step: Int) {
    tell(.init(.terminal, role: UInt8(role.number), step: step, value: terminal.number), descriptor: terminal.near)
  }

  /// Before privileges are given up, and nothing of the host's is needed any more.
  func prepareSleep() { fifo?.prepare(kernel) }

  /// Sleeps at the FIFO.
  func sleepAtFIFO() throws(Errno) {
    guard let fifo else { throw .EBADF }
    try fifo.await()
  }
}

extension KernelCall {
  /// Whether the process sleeps in it, ends by it or becomes another program: who waits for it waits for its beginning.
  var isLast: Bool {
    switch self {
    case .openFIFO, .awaitFIFO, .execve, .exit: true
    default: false
    }
  }
}
