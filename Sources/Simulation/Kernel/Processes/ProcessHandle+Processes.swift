import Runtime
import Seams

extension ProcessHandle {
  func spawn(_ path: String, _ arguments: [String], environment: [String], stdio: [Int]) throws -> Int {
    try call("clone") { state, process throws(Errno) in
      // What the child's execve(2) refuses shows before anything is there.
      let executable = try state.findExecutable(path, arguments, environment: environment)
      try state.admit("execve")
      let child = try state.fork(process, descriptors: stdio, driver: .runtime)
      state.become(executable, environment: environment, child)
      state.deferred.append(.start(pid: child.pid))
      return child.number(in: process.pidNamespace)
    }
  }

  func fork(stdio: [Int], _ body: @escaping @Sendable (any SimProcess) async throws -> Int32) throws -> Int {
    let kernel = kernel
    return try call("clone") { state, process throws(Errno) in
      let child = try state.fork(process, descriptors: stdio, driver: .body)
      state.setMemory(child, KernelState.forkMemory)
      let pid = child.pid
      state.deferred.append(.run { kernel.world.spawn { await kernel.run(pid, body: body) } })
      return child.number(in: process.pidNamespace)
    }
  }

  func exec(_ path: String, _ arguments: [String], environment: [String]) throws {
    try call("execve") { state, _ throws(Errno) in try state.execute(path, arguments, environment: environment) }
    throw ProcessReplaced()
  }

  func wait(_ pid: Int?) async throws -> (pid: Int, status: Int32) {
    try await until { state, process throws(Errno) in try state.waitChild(process, pid) }
  }

  func tryWait(_ pid: Int?) throws -> (pid: Int, status: Int32)? {
    try call("wait4") { state, process throws(Errno) in try state.waitChild(process, pid) }
  }

  func thread(_ body: @escaping @Sendable () async throws -> Void) {
    let kernel = kernel
    let host = host
    ask(()) { state, process in
      // pthread_create(3) fails over pids.max: then nothing starts.
      do throws(Errno) { try process.cgroup(.pids)?.chargeProcess() } catch { return }
      process.threads += 1
      state.deferred.append(
        .run {
          kernel.world.spawn {
            try? await body()
            kernel.look { state in
              guard let process = state.initPID.processes[host], process.isAlive, process.threads > 1 else { return }
              process.threads -= 1
              process.cgroup(.pids)?.unchargeProcess()
            }
          }
        })
    }
  }

  func setTitle(_ title: String) { ask(()) { _, process in process.arguments = [title] } }

  func setpgid(_ pid: Int, _ group: Int) throws {
    try call("setpgid") { state, process throws(Errno) in try state.setpgid(process, pid, group) }
  }

  func setForegroundGroup(_ group: Int) throws {
    try call("ioctl") { state, process throws(Errno) in
      guard let terminal = process.terminal else { throw .ENOTTY }
      guard group > 0 else { throw .EINVAL }
      let members = state.initPID.processes.values.filter { member in
        member.sessionID == process.sessionID && member.isAlive
          && (state.initPID.processes[member.groupID]?.number(in: process.pidNamespace) ?? member.groupID) == group
      }
      guard let member = members.first else { throw .EPERM }
      terminal.foreground = member.groupID
    }
  }

  func kill(_ pid: Int, _ signal: Int32) throws {
    try call("kill") { state, _ throws(Errno) in try state.kill(pid, signal) }
  }

  func processes() -> [SimProcessInfo] {
    ask([]) { state, reader in
      let pids = reader.pidNamespace
      return pids.processes.sorted { $0.key < $1.key }.map { number, process in
        SimProcessInfo(
          pid: number, ppid: process.parent?.number(in: pids) ?? 0,
          uid: reader.credentials.userNamespace.user(process.credentials.euid), state: process.letter,
          cpu: process.cpuTime, memory: process.memory, startedAt: state.world.started + process.startedAt,
          arguments: process.isAlive ? process.arguments : ["[\(process.comm)]"])
      }
    }
  }

  // MARK: Signals

  func onSignal(_ signal: Int32, _ action: SignalAction) {
    guard signal > 0, signal <= Signal.maximum, signal != Signal.kill, signal != Signal.stop else { return }
    ask(()) { _, process in
      process.dispositions[signal] = action
      if action == .ignore { process.pendingSignals.removeAll { $0 == signal } }
    }
  }

  func nextSignal() async throws -> Int32 {
    _ = try call { _, process in process.signalWaiters += 1 }
    defer { ask(()) { _, process in process.signalWaiters -= 1 } }
    return try await until(interruptible: false) { _, process in
      process.pendingSignals.isEmpty ? nil : process.pendingSignals.removeFirst()
    }
  }

  func takeSignal() -> Int32? {
    ask(nil) { _, process in process.pendingSignals.isEmpty ? nil : process.pendingSignals.removeFirst() }
  }
}
