import Seams
import Synchronization

/// A world on one queue: what tests do happens in the same order every time. Sleeping takes no time but a turn.
final class ClientTestWorld: World, TaskExecutor {
  private let queue = Mutex<(jobs: [UnownedJob], head: Int)>(([], 0))
  let unixTime: UInt64

  init(unixSeconds: UInt64 = 1_767_225_600) { unixTime = unixSeconds * 1_000_000_000 }

  var now: UInt64 { 0 }
  func sleep(_ nanoseconds: UInt64) async throws {
    try Task.checkCancellation()
    await Task.yield()
    try Task.checkCancellation()
  }
  @discardableResult
  func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: self, operation: body)
  }
  func randomBytes(_ count: Int) -> [UInt8] { Array(repeating: 7, count: count) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.withLock { $0.jobs.append(job) }
  }

  /// Runs `body` to its end; nil when it waits for something that cannot come.
  func run<T: Sendable>(_ body: @escaping @Sendable () async -> T) -> T? {
    let result = Mutex<T?>(nil)
    Task(executorPreference: self) {
      let value = await body()
      result.withLock { $0 = value }
    }
    var turns = 0
    while result.withLock({ $0 == nil }), turns < 1_000_000 {
      turns += 1
      let job = queue.withLock { queue -> UnownedJob? in
        guard queue.head < queue.jobs.count else { return nil }
        defer { queue.head += 1 }
        return queue.jobs[queue.head]
      }
      guard let job else { return nil }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
    return result.withLock { $0 }
  }
}
