#if canImport(Glibc)
  import Glibc
#endif
import Synchronization

/// Waits for sockets (poll(2)) on one thread of its own, so that no task blocks a thread of Swift's pool.
final class Readiness: Sendable {
  static let shared = Readiness()

  private struct Waiter {
    let id: Int
    let descriptor: Int32
    let events: Int16
    let continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var waiters: [Waiter] = []
    var next = 0
    var isStarted = false
  }
  private let state = Mutex(State())
  /// A pipe that interrupts poll(2) when somebody else begins to wait.
  private let reading: Int32
  private let writing: Int32

  private init() {
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 {
      for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
      }
    }
    (reading, writing) = (ends[0], ends[1])
  }

  /// Suspends until `descriptor` can be read (or written), its peer has gone, or the task is cancelled.
  func wait(_ descriptor: Int32, toWrite: Bool) async {
    let id = state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (isCancelled, mustStart) = state.withLock { state -> (Bool, Bool) in
          if Task.isCancelled { return (true, false) }
          state.waiters.append(
            Waiter(
              id: id, descriptor: descriptor, events: Int16(toWrite ? POLLOUT : POLLIN), continuation: continuation))
          defer { state.isStarted = true }
          return (false, !state.isStarted)
        }
        if isCancelled { continuation.resume() } else if mustStart { detach { self.serve() } } else { interrupt() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume()
      interrupt()
    }
  }

  /// Wakes whoever waits for `descriptor`, which is about to be closed.
  func release(_ descriptor: Int32) {
    let released = state.withLock { state in
      let released = state.waiters.filter { $0.descriptor == descriptor }
      state.waiters.removeAll { $0.descriptor == descriptor }
      return released
    }
    for waiter in released { waiter.continuation.resume() }
    interrupt()
  }

  private func interrupt() {
    var byte: UInt8 = 1
    _ = write(writing, &byte, 1)
  }

  private func serve() {
    while true {
      let waiters = state.withLock { $0.waiters }
      var polled = [pollfd(fd: reading, events: Int16(POLLIN), revents: 0)]
      polled += waiters.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      if polled[0].revents != 0 {
        var buffer = [UInt8](repeating: 0, count: 256)
        while buffer.withUnsafeMutableBytes({ read(reading, $0.baseAddress, $0.count) }) == 256 {}
      }
      let ready = Set(zip(waiters, polled.dropFirst()).filter { $0.1.revents != 0 }.map(\.0.id))
      guard !ready.isEmpty else { continue }
      let woken = state.withLock { state in
        let woken = state.waiters.filter { ready.contains($0.id) }
        state.waiters.removeAll { ready.contains($0.id) }
        return woken
      }
      for waiter in woken { waiter.continuation.resume() }
    }
  }
}

/// Runs `body`, which may block, on a thread of its own (pthread_create(3)).
func detach(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let status = pthread_create(
    &thread, nil,
    { argument in
      if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  precondition(status == 0, "no thread for the client: \(String(cString: strerror(status)))")
  pthread_detach(thread)
}

/// Runs `body`, which may block, on a thread of its own; its answer.
public func onOwnThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
  await withCheckedContinuation { continuation in
    detach { continuation.resume(returning: body()) }
  }
}

/// Runs `body` on a thread of its own that nobody waits for.
public func startOwnThread(_ body: @escaping @Sendable () -> Void) { detach(body) }
