/// Threads for work that blocks (files, foreign libraries), so that Swift's own few never do.
///
/// Threads start as work comes, at most `threads` of them, and end with the pool. Work waits in order of arrival.
public final class BlockingPool: Sendable {
  private struct State {
    var queue: [@Sendable () -> Void] = []
    /// Index of the first of `queue` that nobody has taken.
    var head = 0
    var threads = 0
    var idle = 0
    var isClosed = false
  }
  private let state = Monitor(State())
  private let limit: Int

  /// For short work, which waits for nothing but the disk.
  public static let shared = BlockingPool(threads: 8)
  /// For the unpacking and writing of layers, which wait for work of `shared`: in one pool each would hold a thread that
  /// another needs. So many at once keep two to four processors busy, in a few megabytes each.
  static let pipelines = BlockingPool(threads: 4)

  public init(threads: Int) { limit = max(1, threads) }

  deinit { state.update { $0.isClosed = true } }

  /// Performs `body` on a thread of the pool.
  public func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
      submit { continuation.resume(with: Result { try body() }) }
    }
  }

  /// Puts work in the queue.
  func submit(_ work: @escaping @Sendable () -> Void) {
    let wantsThread = state.update { state -> Bool in
      state.queue.append(work)
      if state.queue.count - state.head <= state.idle || state.threads >= limit { return false }
      state.threads += 1
      return true
    }
    guard wantsThread else { return }
    let state = state
    do {
      try BlockingThread.detach { BlockingPool.serve(state) }
    } catch {
      // The threads that there are do it in time; without any, this one has to.
      let mustServe = state.withLock { state -> Bool in
        state.threads -= 1
        return state.threads == 0
      }
      if mustServe { BlockingPool.drain(state) }
    }
  }

  private enum Turn {
    case work(@Sendable () -> Void)
    case over
  }

  private static func serve(_ state: Monitor<State>) {
    while true {
      drain(state)
      state.withLock { $0.idle += 1 }
      let turn = state.wait { state -> Turn? in
        guard let turn = next(&state).map(Turn.work) ?? (state.isClosed ? .over : nil) else { return nil }
        state.idle -= 1
        return turn
      }
      guard case .work(let work) = turn else { return }
      work()
    }
  }

  private static func drain(_ state: Monitor<State>) {
    while let work = state.withLock({ next(&$0) }) { work() }
  }

  private static func next(_ state: inout State) -> (@Sendable () -> Void)? {
    guard state.head < state.queue.count else { return nil }
    let work = state.queue[state.head]
    state.head += 1
    if state.head == state.queue.count {
      state.queue.removeAll(keepingCapacity: true)
      state.head = 0
    }
    return work
  }
}
