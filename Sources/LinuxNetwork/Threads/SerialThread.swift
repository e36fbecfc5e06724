import Synchronization
import Threads

/// A thread of its own for calls that block, one at a time in order of arrival. It ends with its owner, after the work
/// that has been given to it.
final class SerialThread: Sendable {
  private struct Queue {
    var work: [@Sendable () -> Void] = []
    var isClosed = false
  }
  /// What the thread holds on to; not its owner, which could never go then.
  private final class Line: Sendable {
    let queue = Mutex(Queue())
    let bell = Doorbell()

    func serve() {
      while true {
        let (work, isClosed) = queue.withLock { queue in
          defer { queue.work.removeAll(keepingCapacity: true) }
          return (queue.work, queue.isClosed)
        }
        for body in work { body() }
        if work.isEmpty {
          if isClosed { return }
          bell.wait()
        }
      }
    }
  }
  private let line = Line()

  init() throws(NoThread) {
    let line = line
    try DetachedThread.start { line.serve() }
  }

  deinit {
    line.queue.withLock { $0.isClosed = true }
    line.bell.ring()
  }

  /// Performs `body` later.
  func submit(_ body: @escaping @Sendable () -> Void) {
    line.queue.withLock { $0.work.append(body) }
    line.bell.ring()
  }

  /// Performs `body`, and waits for it without holding a thread.
  func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
      submit { continuation.resume(with: Result { try body() }) }
    }
  }
}
