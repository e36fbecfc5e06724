import Seams
import Synchronization

/// A world of its own for a test: one queue, a clock that jumps to the next timer when nothing else is to be done.
final class ContainersTestWorld: World, TaskExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    var timers: [(time: UInt64, order: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var order = 0
    var now: UInt64 = 0
    var random: UInt64 = 42
  }
  private let state = Mutex(State())
  static let epoch: UInt64 = 1_767_225_600_000_000_000

  var now: UInt64 { state.withLock { $0.now } }
  var unixTime: UInt64 { Self.epoch + now }

  func sleep(_ nanoseconds: UInt64) async throws {
    let order = state.withLock { state in
      state.order += 1
      return state.order
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = state.withLock { state -> Bool in
          if Task.isCancelled { return true }
          state.timers.append((state.now &+ nanoseconds, order, continuation))
          return false
        }
        if isCancelled { continuation.resume() }
      }
    } onCancel: {
      let timer = state.withLock { state in
        state.timers.firstIndex { $0.order == order }.map { state.timers.remove(at: $0) }
      }
      timer?.continuation.resume()
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
        state.random = state.random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state.random >> 40)
      }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
  }

  /// Runs everything that can be run now, without letting time pass.
  func settle() {
    while true {
      let jobs = state.withLock { state in
        defer { state.jobs = [] }
        return state.jobs
      }
      if jobs.isEmpty { return }
      for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
  }

  /// Lets time pass, and what happens in it.
  func advance(_ nanoseconds: UInt64) {
    settle()
    let target = now &+ nanoseconds
    while let next = popTimer(before: target) {
      next.resume()
      settle()
    }
    state.withLock { $0.now = max($0.now, target) }
  }

  private func popTimer(before target: UInt64) -> CheckedContinuation<Void, Never>? {
    state.withLock { state in
      guard
        let first = state.timers.indices.min(by: { a, b in
          (state.timers[a].time, state.timers[a].order) < (state.timers[b].time, state.timers[b].order)
        }), state.timers[first].time <= target
      else { return nil }
      let timer = state.timers.remove(at: first)
      state.now = max(state.now, timer.time)
      return timer.continuation
    }
  }

  /// How many tasks sleep.
  var sleepers: Int { state.withLock { $0.timers.count } }

  /// Runs `body` to its end; time passes as it must.
  func run<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> T {
    let result = Mutex<Result<T, any Error>?>(nil)
    Task(executorPreference: self) {
      let outcome: Result<T, any Error>
      do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
    }
    while true {
      settle()
      if let outcome = result.withLock({ $0 }) { return try outcome.get() }
      guard let timer = popTimer(before: .max) else { throw Stuck() }
      timer.resume()
    }
  }

  /// Everybody waits for something that will never come.
  struct Stuck: Error {}
}
