import Handoff
import Seams
import Synchronization

/// Trace mode's world: a discrete-event simulator. Every task of the session runs on one queue, in order; when
/// nothing is runnable, the virtual clock jumps to the next timer. The same commands give the same bytes.
public final class SimWorld: World, TaskExecutor {
  fileprivate struct Timer {
    let time: UInt64
    let order: UInt64
    let continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var queue: [UnownedJob] = []
    var head = 0
    var timers: [Timer] = []  // a binary heap
    var now: UInt64 = 0
    var offset: UInt64 = 0
    var order: UInt64 = 0
    var random: UInt64
  }
  private let state: Mutex<State>
  /// 2026-01-01T00:00:00Z, in nanoseconds: when every simulated session starts.
  public static let epoch: UInt64 = 1_767_225_600_000_000_000

  public init(seed: UInt64) { state = Mutex(State(random: seed)) }

  // MARK: World

  public var now: UInt64 { state.withLock { $0.now } }
  public var unixTime: UInt64 { SimWorld.epoch + now }

  public func sleep(_ nanoseconds: UInt64) async throws {
    if Task.isCancelled { throw CancellationError() }
    let order = state.withLock { state -> UInt64 in
      state.order += 1
      return state.order
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = state.withLock { state -> Bool in
          if Task.isCancelled { return true }
          state.timers.push(
            Timer(time: state.now &+ nanoseconds, order: order, continuation: continuation))
          return false
        }
        if isCancelled { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state in
        state.timers.removeTimer(order)
      }?.resume()
    }
    if Task.isCancelled { throw CancellationError() }
  }

  @discardableResult
  public func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    Task(executorPreference: self, operation: body)
  }

  /// SplitMix64: small, and every seed is a good one.
  public func randomBytes(_ count: Int) -> [UInt8] {
    state.withLock { state in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count)
      while bytes.count < count {
        state.random &+= 0x9e37_79b9_7f4a_7c15
        var z = state.random
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        for shift in stride(from: UInt64(0), to: 64, by: 8) where bytes.count < count {
          bytes.append(UInt8(truncatingIfNeeded: z >> shift))
        }
      }
      return bytes
    }
  }

  // MARK: TaskExecutor

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.queue.append(job) }
  }

  // MARK: Driving the simulation

  /// How a drive ended.
  public enum Outcome: Sendable { case done, idle, timeLimit, interrupted }

  /// Runs until `isDone`, or until nothing can happen any more (`idle`): every task waits for something from outside.
  ///
  /// - Parameters:
  ///   - limit: virtual time that the drive may pass, in nanoseconds.
  ///   - shouldPause: asked before the clock jumps; true ends the drive (a key was pressed, Ctrl-C).
  ///   - pace: told how far the clock is about to jump; a live session waits that long.
  @discardableResult
  public func run(
    until isDone: () -> Bool, limit: UInt64 = .max, shouldPause: () -> Bool = { false },
    pace: ((UInt64) -> Bool)? = nil
  ) -> Outcome {
    let start = now
    while true {
      if isDone() { return .done }
      if let job = nextJob() {
        job.runSynchronously(on: asUnownedTaskExecutor())
        continue
      }
      if shouldPause() { return .interrupted }
      guard let next = state.withLock({ $0.timers.first?.time }) else { return .idle }
      if next &- start > limit, next > start { return .timeLimit }
      if let pace, next > now, !pace(next - now) { return .interrupted }
      let timer = state.withLock { state -> Timer? in
        guard let timer = state.timers.pop() else { return nil }
        state.now = max(state.now, timer.time)
        return timer
      }
      timer?.continuation.resume()
    }
  }

  /// Runs everything that happens within `nanoseconds` from now; then it is that much later (`clock +6h`).
  public func advance(_ nanoseconds: UInt64) {
    let target = now &+ nanoseconds
    run(until: { false }, limit: nanoseconds)
    state.withLock { $0.now = max($0.now, target) }
  }

  /// Runs `body` to its end on this world, driving it. Nil when it can not end (`idle`).
  public func runBlocking<T: Sendable>(_ body: @escaping @Sendable () async -> T) -> T? {
    let result = Mutex<T?>(nil)
    Task(executorPreference: self) {
      let value = await body()
      result.withLock { $0 = value }
    }
    run(until: { result.withLock { $0 != nil } })
    return result.withLock { $0 }
  }

  private func nextJob() -> UnownedJob? {
    state.withLock { state in
      guard state.head < state.queue.count else { return nil }
      defer {
        state.head += 1
        if state.head == state.queue.count {
          state.queue.removeAll(keepingCapacity: true)
          state.head = 0
        }
      }
      return state.queue[state.head]
    }
  }
}

extension Array where Element == SimWorld.Timer {
  fileprivate static func isBefore(_ a: Element, _ b: Element) -> Bool {
    (a.time, a.order) < (b.time, b.order)
  }
  fileprivate mutating func push(_ timer: Element) {
    append(timer)
    var child = count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Self.isBefore(self[child], self[parent]) else { return }
      swapAt(child, parent)
      child = parent
    }
  }
  fileprivate mutating func pop() -> Element? {
    guard let first else { return nil }
    let last = removeLast()
    if !isEmpty {
      self[0] = last
      sink(0)
    }
    return first
  }
  fileprivate mutating func sink(_ start: Int) {
    var parent = start
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < count && Self.isBefore(self[child], self[smallest]) {
        smallest = child
      }
      if smallest == parent { return }
      swapAt(parent, smallest)
      parent = smallest
    }
  }
  /// Takes the timer out; its continuation, when it was still there.
  fileprivate mutating func removeTimer(_ order: UInt64) -> CheckedContinuation<Void, Never>? {
    guard let index = firstIndex(where: { $0.order == order }) else { return nil }
    let continuation = self[index].continuation
    remove(at: index)
    if count > 1 { for i in stride(from: count / 2 - 1, through: 0, by: -1) { sink(i) } }
    return continuation
  }
}
