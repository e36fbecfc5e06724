import Synchronization

/// A lock that may be held while waiting for other parts: whoever comes first is served first.
///
/// It serialises what changes a container (start, exit, kill, remove), as moby's container lock does.
final class AsyncLock: Sendable {
  private struct State {
    var isHeld = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func lock() async {
    if state.withLock({ Self.take(&$0) }) { return }
    await withCheckedContinuation { continuation in
      let isOurs = state.withLock { state -> Bool in
        if Self.take(&state) { return true }
        state.waiters.append(continuation)
        return false
      }
      if isOurs { continuation.resume() }
    }
  }

  private static func take(_ state: inout State) -> Bool {
    if state.isHeld { return false }
    state.isHeld = true
    return true
  }

  func unlock() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      // The lock goes to the next one without ever being free.
      if !state.waiters.isEmpty { return state.waiters.removeFirst() }
      state.isHeld = false
      return nil
    }
    next?.resume()
  }

  /// Holds the lock while `body` runs.
  func withLock<T: Sendable>(_ body: () async throws -> T) async rethrows -> T {
    await lock()
    defer { unlock() }
    return try await body()
  }
}
