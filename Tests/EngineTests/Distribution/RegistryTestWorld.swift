import Seams
import Synchronization

/// A virtual clock and one queue for all tasks: the same test always runs in the same order.
final class RegistryTestWorld: World, TaskExecutor {
  private struct Timer {
    var time: UInt64
    var order: Int
    var continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var queue: [UnownedJob] = []
    var timers: [Timer] = []
    var now: UInt64 = 0
    var order = 0
    var random: UInt8 = 0
    var slept: [UInt64] = []
  }
  private let state = Mutex(State())
  static let epoch: UInt64 = 1_767_225_600_000_000_000

  var now: UInt64 { state.withLock { $0.now } }
  var unixTime: UInt64 { RegistryTestWorld.epoch + now }
  /// The pauses that anybody made, in nanoseconds.
  var slept: [UInt64] { state.withLock { $0.slept } }

  func sleep(_ nanoseconds: UInt64) async throws {
    try Task.checkCancellation()
    await withCheckedContinuation { continuation in
      state.withLock { state in
        state.order += 1
        state.slept.append(nanoseconds)
        state.timers.append(
          Timer(time: state.now + nanoseconds, order: state.order, continuation: continuation))
      }
    }
    try Task.checkCancellation()
  }

  @discardableResult
  func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: self, operation: body)
  }

  func randomBytes(_ count: Int) -> [UInt8] {
    state.withLock { state in
      (0..<count).map { _ in
        state.random &+= 37
        return state.random
      }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.queue.append(job) }
  }

  struct Stuck: Error {}

  /// Runs `body` to its end; throws `Stuck` when nothing can happen any more.
  func run<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let result = Mutex<Result<T, any Error>?>(nil)
    Task(executorPreference: self) {
      let outcome: Result<T, any Error>
      do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
    }
    while true {
      if let outcome = result.withLock({ $0 }) { return try outcome.get() }
      if let job = state.withLock({ $0.queue.isEmpty ? nil : $0.queue.removeFirst() }) {
        job.runSynchronously(on: asUnownedTaskExecutor())
        continue
      }
      let timer = state.withLock { state -> Timer? in
        guard let next = state.timers.min(by: { ($0.time, $0.order) < ($1.time, $1.order) }) else { return nil }
        state.timers.removeAll { $0.order == next.order }
        state.now = max(state.now, next.time)
        return next
      }
      guard let timer else { throw Stuck() }
      timer.continuation.resume()
    }
  }

  /// Runs whatever can still happen without the clock moving.
  func settle() {
    while let job = state.withLock({ $0.queue.isEmpty ? nil : $0.queue.removeFirst() }) {
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
