import Runtime

/// Signal numbers (signal(7)).
enum Signal {
  static let hup: Int32 = 1
  static let int: Int32 = 2
  static let quit: Int32 = 3
  static let kill: Int32 = 9
  static let pipe: Int32 = 13
  static let term: Int32 = 15
  static let chld: Int32 = 17
  static let cont: Int32 = 18
  static let stop: Int32 = 19
  static let tstp: Int32 = 20
  static let ttin: Int32 = 21
  static let ttou: Int32 = 22
  static let urg: Int32 = 23
  static let winch: Int32 = 28
  static let sys: Int32 = 31
  static let maximum: Int32 = 64
}

extension KernelState {
  /// kill(2) by `current`: `pid` is a number of its namespace; 0 its group, -1 everybody, -n a group.
  func kill(_ pid: Int, _ number: Int32) throws(Errno) {
    guard let sender = current else { throw .ESRCH }
    guard number >= 0, number <= Signal.maximum else { throw .EINVAL }
    let pids = sender.pidNamespace
    var targets: [LinuxProcess]
    switch pid {
    case 1...:
      guard let target = pids.processes[pid] else { throw .ESRCH }
      targets = [target]
    case 0: targets = pids.sorted.filter { $0.groupID == sender.groupID }
    case -1: targets = pids.sorted.filter { $0 !== sender && $0.number(in: pids) != 1 }
    default:
      guard pid > Int.min, let leader = hostNumber(-pid, in: pids) else { throw .ESRCH }
      targets = pids.sorted.filter { $0.groupID == leader }
    }
    if targets.isEmpty { throw .ESRCH }
    let allowed = targets.filter { maySignal(sender, $0, number) }
    if allowed.isEmpty { throw .EPERM }
    if number == 0 { return }
    for target in allowed { signal(target, number, from: sender) }
  }

  /// The host's number of a process group or session whose leader may be gone.
  private func hostNumber(_ pid: Int, in pids: PIDNamespace) -> Int? {
    if pids.level == 0 { return pid }
    if let leader = pids.processes[pid] { return leader.pid }
    return nil
  }

  private func maySignal(_ sender: LinuxProcess, _ target: LinuxProcess, _ number: Int32) -> Bool {
    let (a, b) = (sender.credentials, target.credentials)
    if a.euid == b.suid || a.euid == b.ruid || a.ruid == b.suid || a.ruid == b.ruid { return true }
    if a.has(.kill, in: b.userNamespace) { return true }
    return number == Signal.cont && sender.sessionID == target.sessionID
  }

  /// Delivers a signal; `sender` nil is the kernel itself. `force`: not even pid 1 can refuse a SIGKILL.
  func signal(_ process: LinuxProcess, _ number: Int32, from sender: LinuxProcess?, force: Bool = false) {
    guard process.isAlive, number > 0 else { return }
    let action = process.dispositions[number] ?? .default
    let onlyKernel = number == Signal.kill || number == Signal.stop
    if process.isNamespaceInit, onlyKernel || action == .default {
      // The first process of a namespace only gets what it handles; KILL and STOP work from above.
      let isFromAbove = force || (sender.map { $0.pidNamespace !== process.pidNamespace } ?? false)
      guard onlyKernel, isFromAbove, process !== initProcess else {
        if number == Signal.cont { resume(process) }
        return
      }
    }
    if number == Signal.cont || number == Signal.kill { resume(process) }
    if !onlyKernel {
      switch action {
      case .ignore: return
      case .handle:
        process.pendingSignals.append(number)
        process.interruptions += 1
        if process.signalWaiters == 0 {
          for cancel in process.blocked.sorted(by: { $0.key < $1.key }) { deferred.append(.run(cancel.value)) }
        }
        wake(process)
        return
      case .default: break
      }
    }
    switch number {
    case Signal.chld, Signal.cont, Signal.urg, Signal.winch: break
    case Signal.stop, Signal.tstp, Signal.ttin, Signal.ttou: process.isStopped = true
    default: terminate(process, number)
    }
  }

  /// Death by a signal.
  func terminate(_ process: LinuxProcess, _ number: Int32) {
    guard process.isAlive else { return }
    process.deathSignal = number
    exit(process, status: 128 + number)
  }

  private func resume(_ process: LinuxProcess) {
    guard process.isStopped else { return }
    process.isStopped = false
    wake(process)
  }

  /// A signal to all of a process group, from the terminal.
  func signalGroup(_ group: Int, _ number: Int32) {
    guard group > 0 else { return }
    for process in initPID.sorted where process.groupID == group { signal(process, number, from: nil) }
  }

  // MARK: Sessions and groups

  func setsid(_ process: LinuxProcess) throws(Errno) {
    if process.groupID == process.pid, process.sessionID == process.pid { throw .EPERM }
    for other in initPID.processes.values where other !== process && other.groupID == process.pid { throw .EPERM }
    (process.sessionID, process.groupID, process.terminal) = (process.pid, process.pid, nil)
  }

  func setpgid(_ process: LinuxProcess, _ pid: Int, _ group: Int) throws(Errno) {
    if group < 0 { throw .EINVAL }
    let pids = process.pidNamespace
    let target: LinuxProcess
    if pid == 0 || pid == process.ownNumber {
      target = process
    } else {
      guard let child = pids.processes[pid], child.parent === process else { throw .ESRCH }
      target = child
    }
    guard target.sessionID == process.sessionID, target.sessionID != target.pid else { throw .EPERM }
    if group == 0 || group == target.number(in: pids) {
      target.groupID = target.pid
      return
    }
    guard let leader = pids.processes[group], leader.sessionID == target.sessionID else { throw .EPERM }
    target.groupID = leader.pid
  }

  /// What a process that is over its file size, or writes to a broken pipe, gets.
  func brokenPipe(_ process: LinuxProcess) { signal(process, Signal.pipe, from: process) }
}
