#if canImport(Glibc)
  import Glibc
#endif
import Synchronization
import Threads

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
  /// Interrupts poll(2) when somebody else begins to wait.
  private let bell = Doorbell()

  /// Starts the thread, once: before the first descriptor is waited for.
  func start() throws(NoThread) {
    let isFirst = state.withLock { state in
      defer { state.isStarted = true }
      return !state.isStarted
    }
    guard isFirst else { return }
    do { try DetachedThread.start { self.serve() } } catch {
      state.withLock { $0.isStarted = false }
      throw error
    }
  }

  /// Suspends until `descriptor` can be read (or written), its peer has gone, or the task is cancelled.
  func wait(_ descriptor: Int32, toWrite: Bool) async {
    let id = state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = state.withLock { state in
          if Task.isCancelled { return true }
          state.waiters.append(
            Waiter(
              id: id, descriptor: descriptor, events: Int16(toWrite ? POLLOUT : POLLIN), continuation: continuation))
          return false
        }
        if isCancelled { continuation.resume() } else { bell.ring() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume()
      bell.ring()
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
    bell.ring()
  }

  private func serve() {
    while true {
      let waiters = state.withLock { $0.waiters }
      var polled = [pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)]
      polled += waiters.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      if polled[0].revents != 0 { bell.silence() }
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
