import Runtime
import Seams

extension KernelState {
  /// The end of a process (do_exit()): everything it holds goes, its children get a new parent, its parent is told.
  func exit(_ process: LinuxProcess, status: Int32) {
    guard process.isAlive else { return }
    remember(Endings.Ending(status: Int(status), wasOOMKilled: process.sawOOMKill), of: process.pid)
    process.end(status: status)
    let isSessionLeader = process.sessionID == process.pid
    if isSessionLeader, let terminal = process.terminal, terminal.session == process.pid { hangUp(terminal) }
    closeAll(process)
    for connection in process.connections {
      deferred.append(.closeWriting(connection.output))
      deferred.append(.closeReading(connection.output))
      deferred.append(.closeReading(connection.input))
      deferred.append(.closeWriting(connection.input))
    }
    for listener in process.listeners { deferred.append(.run { listener.close() }) }
    setMemory(process, 0)
    for cgroup in process.cgroups { cgroup.abandon(process) }
    if let sleep = process.sleepsAt { sleep.fifo.sleepers.removeAll { $0 == process.pid } }
    if let count = processesOfUser[process.credentials.ruid] { processesOfUser[process.credentials.ruid] = count - 1 }
    let pids = process.pidNamespace
    if process.isNamespaceInit, pids !== initPID { endNamespace(pids, of: process) }
    reparentChildren(of: process)
    process.namespaces?.mount.members[process.pid] = nil
    for cancel in process.blocked.sorted(by: { $0.key < $1.key }) { deferred.append(.run(cancel.value)) }
    process.blocked = [:]
    wake(process)
    for waiter in process.exitWaiters { deferred.append(.resume(waiter)) }
    process.exitWaiters = []
    let pidCgroup = process.cgroup(.pids)
    for _ in 1..<max(1, process.threads) { pidCgroup?.unchargeProcess() }
    process.threads = 1
    process.release()
    process.cgroups = pidCgroup.map { [$0] } ?? []
    notifyParent(of: process)
  }

  /// With pid 1 goes everybody else in the namespace (pid_namespaces(7)).
  private func endNamespace(_ pids: PIDNamespace, of initProcess: LinuxProcess) {
    pids.isDead = true
    pids.dropProc()
    for member in pids.sorted where member !== initProcess && member.isAlive {
      member.deathSignal = 9
      exit(member, status: 128 + 9)
    }
    for member in pids.sorted where member !== initProcess && !member.isAlive { reap(member) }
  }

  /// Orphans go to the nearest subreaper above, or to pid 1 of their namespace.
  private func reparentChildren(of process: LinuxProcess) {
    guard !process.children.isEmpty else { return }
    let children = process.children
    process.children = []
    let isPart = if case .part = process.driver { true } else { false }
    for child in children {
      let adopter = self.adopter(for: child, from: process)
      child.parent = adopter
      adopter.children.append(child)
      if !isPart { child.isOrphan = true }
      if !child.isAlive { notifyParent(of: child) }
    }
  }

  private func adopter(for child: LinuxProcess, from process: LinuxProcess) -> LinuxProcess {
    let own = process.pidNamespace.initProcess
    var above = process.parent
    while let here = above {
      if here.pidNamespace !== process.pidNamespace { break }
      if here.isSubreaper, here.isAlive { return here }
      if here === own { break }
      above = here.parent
    }
    // A pid 1 that is ending itself has nobody below it any more but in namespaces further down.
    if let own, own.isAlive, own !== process { return own }
    return initProcess
  }

  private func notifyParent(of process: LinuxProcess) {
    guard let parent = process.parent else { return reap(process) }
    if parent === initProcess || parent.dispositions[Signal.chld] == .ignore { return reap(process) }
    if case .part = parent.driver {
      if process.isOrphan { return reap(process) }
      return
    }
    if !parent.isAlive { return }
    signal(parent, Signal.chld, from: nil)
    wake(parent)
  }

  /// The zombie leaves the process table.
  func reap(_ process: LinuxProcess) {
    guard process.state == .zombie else { return }
    process.cgroup(.pids)?.unchargeProcess()
    process.cgroups = []
    process.leave()
    if let parent = process.parent, let index = parent.children.firstIndex(where: { $0 === process }) {
      parent.children.remove(at: index)
    }
    process.parent = nil
  }

  /// wait4(2) with WNOHANG: nil when no such child has ended. `pid` is a number of the caller's namespace.
  func waitChild(_ process: LinuxProcess, _ pid: Int?) throws(Errno) -> (pid: Int, status: Int32)? {
    let children = process.children.filter { pid == nil || $0.number(in: process.pidNamespace) == pid }
    if children.isEmpty { throw .ECHILD }
    guard let ended = children.first(where: { !$0.isAlive }) else { return nil }
    let number = ended.number(in: process.pidNamespace)
    let status = ended.exitStatus
    reap(ended)
    return (number, status)
  }

  /// Wakes the tasks of a process that wait for something.
  func wake(_ process: LinuxProcess) {
    process.wakeUps += 1
    guard !process.sleepers.isEmpty else { return }
    for sleeper in process.sleepers { deferred.append(.resume(sleeper)) }
    process.sleepers = []
  }
}
