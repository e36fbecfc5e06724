import Seams

/// Something to be done as soon as the kernel's lock is free: it calls other objects, or resumes who waits.
enum Deferred: Sendable {
  case resume(CheckedContinuation<Void, Never>)
  case closeWriting(ByteChannel)
  case closeReading(ByteChannel)
  case push(ByteChannel, [UInt8])
  case removeNetwork(Int)
  case run(@Sendable () -> Void)
  /// Runs the program of a process.
  case start(pid: Int)
  /// Carries what is typed to a terminal.
  case pump(terminal: Int, ByteChannel)
}

/// What the kernel has decided and not done yet. Part of the state that the lock guards.
final class DeferredQueue {
  private(set) var actions: [Deferred] = []
  var isEmpty: Bool { actions.isEmpty }
  func append(_ action: Deferred) { actions.append(action) }
  func take() -> [Deferred] {
    let taken = actions
    actions.removeAll(keepingCapacity: true)
    return taken
  }
}
