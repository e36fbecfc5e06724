import JSONTree
import Seams
import Synchronization

/// Another process in a running container (`docker exec`), from its creation on.
final class ExecSession: Sendable {
  /// What was asked for.
  struct Request: Sendable {
    var arguments: [String]
    var environment: [String] = []
    var user = ""
    var workingDir = ""
    var tty = false
    var privileged = false
    var attachStdin = false
    var attachStdout = false
    var attachStderr = false
    var detachKeys: [UInt8] = []
    /// Rows and columns; zeros when not said.
    var consoleSize = (height: 0, width: 0)
  }

  struct State: Sendable {
    var isRunning = false
    var exitCode: Int?
    var pid = 0
    /// Tasks/Exec succeeded: there is a process to be deleted.
    var hasProcess = false
    var streams: ProcessStreams?
    fileprivate var isStarted = false
    fileprivate var startWaiters: [CheckedContinuation<Void, Never>] = []
    fileprivate var endWaiters: [CheckedContinuation<Void, Never>] = []
    fileprivate var hasEnded = false
  }

  let id: String
  let container: Container
  let request: Request
  /// Held while the process is being started, so that its end is dealt with after that.
  let lock = AsyncLock()
  let output = StreamHub()
  let input = StdinPipe()
  private let state = Mutex(State())

  init(id: String, container: Container, request: Request) {
    (self.id, self.container, self.request) = (id, container, request)
  }

  func read<T: Sendable>(_ body: (inout State) throws -> T) rethrows -> T { try state.withLock { try body(&$0) } }

  /// The start has been tried: those who wait for that go on.
  func markStarted() {
    let waiters = state.withLock { state in
      state.isStarted = true
      defer { state.startWaiters = [] }
      return state.startWaiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Waits until the start has been tried.
  func waitForStart() async {
    await withCheckedContinuation { continuation in
      let now = state.withLock { state -> Bool in
        if state.isStarted { return true }
        state.startWaiters.append(continuation)
        return false
      }
      if now { continuation.resume() }
    }
  }

  /// It has ended, its output has been seen: attached clients see the end.
  func end(exitCode: Int) {
    let (streams, waiters) = state.withLock { state in
      state.isRunning = false
      if state.exitCode == nil { state.exitCode = exitCode }
      state.hasEnded = true
      defer { (state.streams, state.endWaiters) = (nil, []) }
      return (state.streams, state.endWaiters)
    }
    output.close()
    input.reset()
    streams?.remove()
    for waiter in waiters { waiter.resume() }
  }

  /// Waits for the end.
  func waitForEnd() async {
    await withCheckedContinuation { continuation in
      let now = state.withLock { state -> Bool in
        if state.hasEnded { return true }
        state.endWaiters.append(continuation)
        return false
      }
      if now { continuation.resume() }
    }
  }

  /// Engine API `ExecInspectResponse`.
  var json: JSON {
    let (isRunning, exitCode, pid) = state.withLock { ($0.isRunning, $0.exitCode, $0.pid) }
    var process: JSONObject = [
      "tty": .bool(request.tty), "entrypoint": .string(request.arguments.first ?? ""),
      "arguments": JSON(Array(request.arguments.dropFirst())), "privileged": .bool(request.privileged),
    ]
    if !request.user.isEmpty { process["user"] = .string(request.user) }
    let keys = request.detachKeys
    return [
      "ID": .string(id), "Running": .bool(isRunning), "ExitCode": exitCode.map { JSON($0) } ?? .null,
      "ProcessConfig": .object(process), "OpenStdin": .bool(request.attachStdin),
      "OpenStderr": .bool(request.attachStderr), "OpenStdout": .bool(request.attachStdout), "CanRemove": false,
      "ContainerID": .string(container.id), "DetachKeys": .string(String(decoding: keys, as: UTF8.self)),
      "Pid": JSON(pid),
    ]
  }
}

/// All exec sessions by id. One that has ended can be inspected for a while.
final class ExecTable: Sendable {
  private struct State {
    var sessions: [String: ExecSession] = [:]
    /// Those that have ended, oldest first.
    var ended: [String] = []
  }
  /// moby forgets them after five to ten minutes; a number keeps memory bounded without a timer.
  static let kept = 256
  private let state = Mutex(State())

  subscript(id: String) -> ExecSession? { state.withLock { $0.sessions[id] } }
  func add(_ session: ExecSession) { state.withLock { $0.sessions[session.id] = session } }
  func remove(_ id: String) { state.withLock { _ = $0.sessions.removeValue(forKey: id) } }

  /// The session has ended.
  func retire(_ id: String) {
    state.withLock { state in
      guard state.sessions[id] != nil else { return }
      state.ended.append(id)
      guard state.ended.count > ExecTable.kept * 2 else { return }
      for old in state.ended.prefix(ExecTable.kept) { state.sessions[old] = nil }
      state.ended.removeFirst(ExecTable.kept)
    }
  }
}
