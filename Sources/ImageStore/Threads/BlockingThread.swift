import Threads

/// A thread that may block, for as long as one piece of work takes.
struct BlockingThread: Sendable {
  private let isOver: Monitor<Bool>

  /// Starts `body` on a thread of its own. Throws when the system has no thread to give.
  init(_ body: @escaping @Sendable () -> Void) throws(FileError) {
    let isOver = Monitor(false)
    self.isOver = isOver
    try BlockingThread.detach {
      body()
      isOver.update { $0 = true }
    }
  }

  /// Waits until the work is done.
  func join() { _ = isOver.wait { $0 ? true : nil } }

  /// Starts a thread that nobody waits for.
  static func detach(_ body: @escaping @Sendable () -> Void) throws(FileError) {
    // Walks go as deep as a path can: 2,048 folders.
    do { try DetachedThread.start(stackSize: 16 << 20, body) } catch { throw FileError(error.errno, "pthread_create") }
  }
}
