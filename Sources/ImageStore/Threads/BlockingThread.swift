import Glibc

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

  private final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a thread that nobody waits for.
  static func detach(_ body: @escaping @Sendable () -> Void) throws(FileError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // Walks go as deep as a path can: 2,048 folders.
    pthread_attr_setstacksize(&attributes, 16 << 20)
    let work = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    if failure != 0 {
      work.release()
      throw FileError(failure, "pthread_create")
    }
  }
}
