import Handoff
import Seams
import Synchronization

/// Trace mode's world: a discrete-event simulator. Every task of the session runs on one queue, in order; when
/// nothing is runnable, the virtual clock jumps to the next timer. The same commands give the same bytes.
public final class SimWorld: World, TaskExecutor {
  private struct State {
    var queue: [UnownedJob] = []
    var head = 0
    var timers = Timers()
    var now: UInt64 = 0
    var order: UInt64 = 0
    var random: UInt64
    /// As far as the clock may be moved on by who sleeps; 0 while nobody drives, or somebody wants to wait.
    var horizon: UInt64 = 0
    /// How often the running job may still do so before the driver has its turn.
    var strides = 0
  }
  /// A job that only sleeps and goes on must let its driver look up now and then: Ctrl-C, the end of a command.
  private static let stridesPerJob = 64
  private let state: Mutex<State>
  /// 2026-01-01T00:00:00Z, in nanoseconds: when every simulated session starts, unless it is told otherwise.
  public static let epoch: UInt64 = 1_767_225_600_000_000_000
  /// When this one started.
  public let started: UInt64

  /// `started` is the time at the beginning, in nanoseconds since 1970.
  public init(seed: UInt64, started: UInt64 = SimWorld.epoch) {
    state = Mutex(State(random: seed))
    self.started = started
  }

  // MARK: World

  public var now: UInt64 { state.withLock { $0.now } }
  public var unixTime: UInt64 { started + now }

  public func sleep(_ nanoseconds: UInt64) async throws {
    if elapse(nanoseconds) { return }
    if Task.isCancelled { throw CancellationError() }
    let order = state.withLock { state in
      state.order += 1
      return state.order
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isCancelled = state.withLock { state -> Bool in
          if Task.isCancelled { return true }
          // What would come after the end of time never comes.
          let (time, isNever) = state.now.addingReportingOverflow(nanoseconds)
          state.timers.add(isNever ? .max : time, order, continuation)
          return false
        }
        if isCancelled { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.timers.cancel(order) }?.resume()
    }
    if Task.isCancelled { throw CancellationError() }
  }

  /// When nothing can happen before a sleeper wakes, suspending it would only bring it back: the clock moves on at
  /// once.
  public func elapse(_ nanoseconds: UInt64) -> Bool {
    if Task.isCancelled { return false }
    return state.withLock { state in
      let (time, isNever) = state.now.addingReportingOverflow(nanoseconds)
      guard state.strides > 0, !isNever, time <= state.horizon, state.head == state.queue.count,
        state.timers.next().map({ $0 > time }) ?? true
      else { return false }
      state.now = time
      state.strides -= 1
      return true
    }
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
    // A paced session waits for every jump of the clock, so nobody else may make one.
    let (start, outer) = state.withLock { state -> (UInt64, UInt64) in
      let (end, isEndless) = state.now.addingReportingOverflow(limit)
      defer { state.horizon = pace != nil ? 0 : isEndless ? .max - 1 : end }
      return (state.now, state.horizon)
    }
    defer { state.withLock { ($0.horizon, $0.strides) = (outer, 0) } }
    while true {
      if isDone() { return .done }
      if let job = nextJob() {
        job.runSynchronously(on: asUnownedTaskExecutor())
        continue
      }
      if shouldPause() { return .interrupted }
      guard let next = state.withLock({ $0.timers.next() }) else { return .idle }
      if next &- start > limit, next > start { return .timeLimit }
      if let pace, next > now, !pace(next - now) { return .interrupted }
      let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
        guard let timer = state.timers.take() else { return nil }
        state.now = max(state.now, timer.time)
        return timer.continuation
      }
      continuation?.resume()
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
      state.strides = state.horizon > 0 ? SimWorld.stridesPerJob : 0
      return state.queue[state.head]
    }
  }
}

/// Who sleeps until when: a binary heap. A timer that is called off stays in the heap until its turn comes or until
/// there are more of its kind than others.
private struct Timers {
  private struct Timer {
    let time: UInt64
    let order: UInt64
    static func < (a: Timer, b: Timer) -> Bool { (a.time, a.order) < (b.time, b.order) }
  }
  private var heap: [Timer] = []
  private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]

  /// When the next one goes off; nil when none ever will.
  mutating func next() -> UInt64? {
    while let first = heap.first, waiting[first.order] == nil { removeFirst() }
    guard let first = heap.first, first.time != .max else { return nil }
    return first.time
  }

  mutating func add(_ time: UInt64, _ order: UInt64, _ continuation: CheckedContinuation<Void, Never>) {
    waiting[order] = continuation
    heap.append(Timer(time: time, order: order))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// The one that `next` told of.
  mutating func take() -> (time: UInt64, continuation: CheckedContinuation<Void, Never>)? {
    guard next() != nil, let first = heap.first, let continuation = waiting.removeValue(forKey: first.order) else {
      return nil
    }
    removeFirst()
    return (first.time, continuation)
  }

  /// Calls a timer off; its continuation, when it was still waiting.
  mutating func cancel(_ order: UInt64) -> CheckedContinuation<Void, Never>? {
    guard let continuation = waiting.removeValue(forKey: order) else { return nil }
    if heap.count > 64 + 2 * waiting.count {
      heap.removeAll { waiting[$0.order] == nil }
      for parent in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }
    return continuation
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    var parent = start
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[smallest] {
        smallest = child
      }
      if smallest == parent { return }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
