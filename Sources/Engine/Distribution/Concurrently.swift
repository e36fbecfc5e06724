import Seams
import Synchronization

/// The first error of several tasks; the others, which follow from it, do not count.
final class FirstError: Sendable {
  private let first = Mutex<(any Error)?>(nil)
  var error: (any Error)? { first.withLock { $0 } }
  func set(_ error: any Error) { first.withLock { $0 = $0 ?? error } }
}

extension World {
  /// Runs `body` for every item, at most `concurrency` at a time, begun in order. Ends when all have ended; after the
  /// first error no more are begun, those under way are cancelled, and it is thrown.
  func forEach<Item: Sendable>(
    _ items: [Item], concurrency: Int, _ body: @escaping @Sendable (Item) async throws -> Void
  ) async throws {
    if items.count == 1 { return try await body(items[0]) }
    let next = Mutex(0)
    let failure = FirstError()
    let tasks = Mutex<[Task<Void, Never>]>([])
    let cancelAll: @Sendable () -> Void = { for task in tasks.withLock({ $0 }) { task.cancel() } }
    for _ in 0..<min(max(concurrency, 1), items.count) {
      let task = spawn {
        while failure.error == nil, !Task.isCancelled {
          let index = next.withLock { next -> Int in
            defer { next += 1 }
            return next
          }
          guard index < items.count else { return }
          do { try await body(items[index]) } catch {
            failure.set(error)
            cancelAll()
          }
        }
      }
      tasks.withLock { $0.append(task) }
    }
    await withTaskCancellationHandler {
      for task in tasks.withLock({ $0 }) { await task.value }
    } onCancel: {
      cancelAll()
    }
    if let error = failure.error { throw error }
    try Task.checkCancellation()
  }
}
