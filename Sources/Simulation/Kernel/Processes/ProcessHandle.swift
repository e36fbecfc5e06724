import Runtime
import Seams
import Synchronization

/// A process as its program sees it: the system calls of `SimProcess` against the model.
final class ProcessHandle: SimProcess {
  let kernel: SimKernel
  /// The host's number.
  let host: Int
  /// CPU time of small system calls that has not been spent yet, in nanoseconds.
  private let debt = Atomic<UInt64>(0)

  init(kernel: SimKernel, pid: Int) { (self.kernel, host) = (kernel, pid) }

  /// A system call takes CPU time too: a program that writes for ever must let time pass. Spent a millisecond at a
  /// time, so that programs which do little never wait.
  func charge(_ bytes: Int) async throws {
    let cost = 20_000 + UInt64(bytes)
    let owed = debt.wrappingAdd(cost, ordering: .relaxed).newValue
    guard owed >= Duration64.millisecond else { return }
    debt.store(0, ordering: .relaxed)
    try await compute(owed)
  }

  // MARK: Asking the kernel

  /// One system call. A process that is dead, or dies of this call, throws `ProcessKilled`.
  func call<R: Sendable>(
    _ name: String? = nil, _ body: (KernelState, LinuxProcess) throws(Errno) -> R
  ) throws -> R {
    let host = host
    let result: Result<R, Errno>? = kernel.look { state in
      guard let process = state.initPID.processes[host], process.isAlive else { return nil }
      state.current = process
      do throws(Errno) {
        if let name { try state.admit(name) }
        let value = try body(state, process)
        return process.isAlive ? .success(value) : nil
      } catch {
        return process.isAlive ? .failure(error) : nil
      }
    }
    guard let result else { throw ProcessKilled() }
    return try result.get()
  }

  /// A question that has an answer for dead processes too.
  func ask<R: Sendable>(_ otherwise: R, _ body: (KernelState, LinuxProcess) -> R) -> R {
    let host = host
    return kernel.look { state in
      guard let process = state.initPID.processes[host], process.isAlive else { return otherwise }
      state.current = process
      return body(state, process)
    }
  }

  // MARK: Waiting

  private enum Look<T: Sendable>: Sendable {
    case done(T)
    case failed(Errno)
    case dead
    /// With the count of wake-ups that was seen.
    case wait(Int)
  }

  /// Calls `step` now and after each event of this process, until it has an answer. While the process is stopped or
  /// frozen nothing happens. A handled signal that comes meanwhile is EINTR.
  func until<T: Sendable>(
    interruptible: Bool = true, _ step: (KernelState, LinuxProcess) throws(Errno) -> T?
  ) async throws -> T {
    var seen: Int?
    while true {
      let host = host
      let first = seen
      let (look, signals): (Look<T>, Int) = kernel.look { state in
        guard let process = state.initPID.processes[host], process.isAlive else { return (.dead, 0) }
        let signals = first ?? process.interruptions
        if process.isHeld { return (.wait(process.wakeUps), signals) }
        state.current = process
        do throws(Errno) {
          if let value = try step(state, process) { return (process.isAlive ? .done(value) : .dead, signals) }
        } catch { return (process.isAlive ? .failed(error) : .dead, signals) }
        if interruptible, signals != process.interruptions, process.signalWaiters == 0 {
          return (.failed(.EINTR), signals)
        }
        return (.wait(process.wakeUps), signals)
      }
      seen = signals
      switch look {
      case .done(let value): return value
      case .failed(let error): throw error
      case .dead: throw ProcessKilled()
      case .wait(let wakeUps): await lieDown(wakeUps)
      }
    }
  }

  /// Until the next event after `wakeUps`.
  private func lieDown(_ wakeUps: Int) async {
    let host = host
    await withCheckedContinuation { continuation in
      let isLate = kernel.look { state -> Bool in
        guard let process = state.initPID.processes[host], process.isAlive, process.wakeUps == wakeUps else {
          return true
        }
        process.sleepers.append(continuation)
        return false
      }
      if isLate { continuation.resume() }
    }
  }

  /// Waits for something outside of the kernel: called off when the process dies, or when a handled signal comes (EINTR).
  func outside<T: Sendable>(_ operation: @escaping @Sendable () async throws -> T) async throws -> T {
    let outcome = Outcome<T>()
    let kernel = kernel
    let host = host
    let signals = try call { _, process in process.interruptions }
    let task = kernel.world.spawn {
      do { outcome.set(.success(try await operation())) } catch { outcome.set(.failure(error)) }
      kernel.look { state in
        if let process = state.initPID.processes[host] { state.wake(process) }
      }
    }
    let ticket = try call { _, process in process.block { task.cancel() } }
    // A signal that came before the ticket was there is not lost.
    let missed = try call { _, process in process.interruptions != signals && process.signalWaiters == 0 }
    if missed { task.cancel() }
    defer { kernel.look { state in _ = state.initPID.processes[host]?.blocked.removeValue(forKey: ticket) } }
    let wasInterrupted = try await until(interruptible: false) { _, process -> Bool? in
      outcome.isSet ? process.interruptions != signals && process.signalWaiters == 0 : nil
    }
    do {
      let value = try outcome.get()
      if wasInterrupted, (value as Any?) == nil { throw Errno.EINTR }
      return value
    } catch is CancellationError {
      throw Errno.EINTR
    }
  }

  private final class Outcome<T: Sendable>: Sendable {
    private let result = Mutex<Result<T, any Error>?>(nil)
    func set(_ value: Result<T, any Error>) { result.withLock { $0 = value } }
    var isSet: Bool { result.withLock { $0 != nil } }
    func get() throws -> T {
      guard let value = result.withLock({ $0 }) else { throw CancellationError() }
      return try value.get()
    }
  }

  // MARK: Who it is

  var pid: Int { ask(0) { $1.ownNumber } }
  var parentPID: Int { ask(0) { $1.parent?.number(in: $1.pidNamespace) ?? 0 } }
  var arguments: [String] { ask([]) { $1.arguments } }
  var environment: [String] { ask([]) { $1.environment } }
  var uid: UInt32 { ask(0) { $1.credentials.userNamespace.user($1.credentials.euid) } }
  var gid: UInt32 { ask(0) { $1.credentials.userNamespace.group($1.credentials.egid) } }
  var groups: [UInt32] {
    ask([]) { _, process in process.credentials.groups.map { process.credentials.userNamespace.group($0) } }
  }
  var hostname: String { ask("") { $1.namespaces?.uts.hostname ?? "" } }
  var workingDirectory: String {
    ask("/") { state, process in process.cwd.map { state.pathText($0, root: process.root) } ?? "/" }
  }
  var unixTime: UInt64 { kernel.world.unixTime }

  func setCredentials(uid: UInt32, gid: UInt32, groups: [UInt32]) throws {
    try call("setuid") { state, process throws(Errno) in
      let own = process.credentials
      if own.groups.map({ own.userNamespace.group($0) }) != groups { try state.setGroups(groups, process) }
      try state.setGroup(gid, process)
      try state.setUser(uid, process)
    }
  }

  func resourceLimit(_ name: String) -> (soft: UInt64, hard: UInt64) {
    ask((.max, .max)) { $1.limits.get(name) ?? (.max, .max) }
  }

  func hasCapability(_ name: String) -> Bool {
    guard let capability = Capability(name: name) else { return false }
    return ask(false) { $1.credentials.effective.contains(capability) }
  }

  // MARK: The system

  var system: SimSystem {
    ask(
      SimSystem(
        release: Machine.release, version: Machine.version, machine: Machine.architecture, cpus: 1, memoryTotal: 0,
        memoryUsed: 0, swapTotal: 0, uptime: 0)
    ) { state, process in
      SimSystem(
        release: Machine.release, version: Machine.version, machine: Machine.architecture,
        cpus: state.cpuCount(of: process), memoryTotal: state.memory,
        memoryUsed: state.rootCgroup.usage.memory.total + KernelState.kernelMemory, swapTotal: 0,
        uptime: state.uptimeSeen)
    }
  }

  func sethostname(_ name: String) throws {
    try call("sethostname") { state, _ throws(Errno) in try state.setHostname(name) }
  }

  func mounts() -> [SimMountInfo] { ask([]) { $0.mountLines($1) } }

  func mount(source: String, target: String, type: String, flags: [String]) throws {
    try call("mount") { state, _ throws(Errno) in
      let options = MountOptions(flags)
      try state.mount(
        source: source, target: KernelPath(target), type: type, flags: options.flags,
        data: options.data.joined(separator: ","))
    }
  }

  func unmount(_ target: String) throws {
    try call("umount2") { state, _ throws(Errno) in try state.unmount(KernelPath(target), flags: []) }
  }

  func allocate(_ bytes: Int64) throws { try call { state, _ throws(Errno) in try state.allocate(bytes) } }
  func free(_ bytes: Int64) { ask(()) { state, _ in state.free(bytes) } }

  func compute(_ nanoseconds: UInt64) async throws {
    // In slices, so that limits which change meanwhile count from then on.
    var rest = nanoseconds
    while rest > 0 {
      let share = try await until(interruptible: false) { state, process -> Double? in
        state.computing(process, 1)
        return state.cpuShare(process)
      }
      let slice = min(rest, 100 * Duration64.millisecond)
      let passed = UInt64(Double(slice) / share)
      let world = kernel.world
      do {
        try await outside { try await world.sleep(passed) }
      } catch {
        ask(()) { state, process in state.computing(process, -1) }
        throw error
      }
      try call { state, process in
        state.computing(process, -1)
        state.account(process, used: slice, passed: passed)
      }
      rest -= slice
    }
  }

  func sleep(_ nanoseconds: UInt64) async throws {
    let world = kernel.world
    try await outside { try await world.sleep(nanoseconds) }
  }
}
