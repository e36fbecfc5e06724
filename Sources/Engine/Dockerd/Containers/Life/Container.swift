import Handoff
import JSONTree
import Seams
import Synchronization

/// How a container ended, for those who wait for it.
struct ExitReport: Sendable, Hashable {
  var exitCode: Int
  /// What went wrong at its start or removal.
  var error: String
}

/// When a waiter is satisfied (Engine API `wait?condition=`).
enum WaitCondition: String, Sendable {
  case notRunning = "not-running"
  case nextExit = "next-exit"
  case removed
}

/// A container in memory: its record, and what lasts only as long as the daemon.
final class Container: Sendable {
  typealias Waiter = @Sendable (ExitReport) -> Void

  /// What the daemon's end takes with it.
  struct Running: Sendable {
    /// There is a task at containerd.
    var hasTask = false
    /// There is a container at containerd.
    var hasContainer = false
    var restart = RestartManager()
    /// The command that touched it last: what happens to it later happens because of that one.
    var context = TraceContext()
    var log: ContainerLog?
    /// FIFOs of its process.
    var streams: ProcessStreams?
    /// Its root file system is mounted for the running process.
    var hasRoot = false
    /// The first process of a task that was made with the container and waits for its start; 0 when there is none.
    var preparedPID = 0
    /// Its network namespace was made before it (`NetworkNamespaces`).
    var hasNamespace = false
    /// Its networks know it.
    var isConnected = false
    /// Its first address.
    var address = ""
    /// All of them, in the order of joining.
    var addresses: [String] = []
    /// Counts the runs of the health monitor; one that is not the newest ends.
    var healthGeneration = 0
    var healthMonitor: Task<Void, Never>?
    /// Exec sessions that have not ended, in order of creation.
    var execs: [ExecSession] = []
    /// Those that have ended and can still be inspected, oldest first.
    fileprivate(set) var endedExecs: [String] = []
    /// Where a shareable `/dev/shm` is mounted.
    var shmPath = ""
    fileprivate var isRemoved = false

    /// An exec session has ended.
    mutating func endExec(_ id: String) {
      execs.removeAll { $0.id == id }
      endedExecs.append(id)
      // The table has forgotten older ones by then.
      if endedExecs.count > 4 * ExecTable.kept { endedExecs.removeFirst(2 * ExecTable.kept) }
    }

    fileprivate var stopWaiters: [(id: Int, notify: Waiter)] = []
    fileprivate var removeWaiters: [(id: Int, notify: Waiter)] = []
    fileprivate var nextWaiter = 0
  }

  let id: String
  /// Serialises what changes the container.
  let lock = AsyncLock()
  /// Standard output and error, to whoever is attached.
  let output = StreamHub()
  /// Standard input.
  let input = StdinPipe()
  private let content: Mutex<(record: ContainerDetails, running: Running)>

  init(_ record: ContainerDetails) {
    id = record.id
    content = Mutex((record, Running()))
  }

  /// Reads under the container's mutex: `body` must be quick and must not call back.
  func read<T: Sendable>(_ body: (ContainerDetails) throws -> T) rethrows -> T {
    try content.withLock { try body($0.record) }
  }

  func update<T: Sendable>(_ body: (inout ContainerDetails) throws -> T) rethrows -> T {
    try content.withLock { try body(&$0.record) }
  }

  func withRunning<T: Sendable>(_ body: (inout Running) throws -> T) rethrows -> T {
    try content.withLock { try body(&$0.running) }
  }

  var state: ContainerState { content.withLock { $0.record.state } }
  var name: String { content.withLock { $0.record.name } }

  // MARK: Waiting

  /// Calls `notify` once `condition` is met: at once when it is already. The number withdraws it.
  @discardableResult
  func wait(_ condition: WaitCondition, _ notify: @escaping Waiter) -> Int? {
    let (report, id): (ExitReport?, Int?) = content.withLock { content in
      let state = content.record.state
      let isMet =
        switch condition {
        case .notRunning: !state.isRunning
        case .removed: content.running.isRemoved
        case .nextExit: false
        }
      if isMet { return (ExitReport(exitCode: state.exitCode, error: state.error), nil) }
      content.running.nextWaiter += 1
      let id = content.running.nextWaiter
      if condition == .removed {
        content.running.removeWaiters.append((id, notify))
      } else {
        content.running.stopWaiters.append((id, notify))
      }
      return (nil, id)
    }
    if let report { notify(report) }
    return id
  }

  /// Waits until `condition` is met; nil when `timeout` nanoseconds pass first.
  func wait(_ condition: WaitCondition, timeout: UInt64?, world: any World) async -> ExitReport? {
    let timer = Mutex<Task<Void, Never>?>(nil)
    let report: ExitReport? = await withCheckedContinuation { continuation in
      let once = OneShot(continuation)
      let id = wait(condition) { once.resume($0) }
      guard let id, let timeout else { return }
      let task = world.spawn { [weak self] in
        guard (try? await world.sleep(timeout)) != nil else { return }
        self?.withdraw(id)
        once.resume(nil)
      }
      timer.withLock { $0 = task }
    }
    timer.withLock { $0 }?.cancel()
    return report
  }

  private func withdraw(_ id: Int) {
    content.withLock { content in
      content.running.stopWaiters.removeAll { $0.id == id }
      content.running.removeWaiters.removeAll { $0.id == id }
    }
  }

  /// It ended for good: those who wait for that are told.
  func setStopped(exitCode: Int, at time: UInt64) {
    let (waiters, report) = content.withLock { content in
      content.record.state.setStopped(exitCode: exitCode, at: time)
      defer { content.running.stopWaiters = [] }
      return (content.running.stopWaiters, ExitReport(exitCode: exitCode, error: content.record.state.error))
    }
    for waiter in waiters { waiter.notify(report) }
  }

  /// It ended and will be started again: for those who wait for its end that is one.
  func setRestarting(exitCode: Int, at time: UInt64) {
    let (waiters, report) = content.withLock { content in
      content.record.state.setRestarting(exitCode: exitCode, at: time)
      defer { content.running.stopWaiters = [] }
      return (content.running.stopWaiters, ExitReport(exitCode: exitCode, error: content.record.state.error))
    }
    for waiter in waiters { waiter.notify(report) }
  }

  /// It is gone: all who wait are told. What it failed of before is forgotten with it, as moby does.
  func setRemoved() {
    let (waiters, report) = content.withLock { content in
      content.running.isRemoved = true
      content.record.state.error = ""
      let state = content.record.state
      let all = content.running.stopWaiters + content.running.removeWaiters
      (content.running.stopWaiters, content.running.removeWaiters) = ([], [])
      return (all, ExitReport(exitCode: state.exitCode, error: state.error))
    }
    for waiter in waiters { waiter.notify(report) }
  }

  /// It could not be removed: those who wait for that are told why.
  func setRemovalError(_ message: String) {
    let (waiters, exitCode) = content.withLock { content in
      content.record.state.error = message
      defer { content.running.removeWaiters = [] }
      return (content.running.removeWaiters, content.record.state.exitCode)
    }
    for waiter in waiters { waiter.notify(ExitReport(exitCode: exitCode, error: message)) }
  }
}

/// A continuation that two may want to resume: the first one does.
final class OneShot<T: Sendable>: Sendable {
  private let continuation: Mutex<CheckedContinuation<T?, Never>?>

  init(_ continuation: CheckedContinuation<T?, Never>) { self.continuation = Mutex(continuation) }

  func resume(_ value: T?) {
    let taken = continuation.withLock { state in
      defer { state = nil }
      return state
    }
    taken?.resume(returning: value)
  }
}
