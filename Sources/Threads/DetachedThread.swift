#if canImport(Glibc)
  import Glibc
#endif

/// The system had no thread to give: a limit of processes (RLIMIT_NPROC, pids.max) or of memory.
public struct NoThread: Error, Sendable, Hashable, CustomStringConvertible {
  /// EAGAIN as a rule.
  public let errno: Int32
  public var description: String { "cannot start a thread: \(String(cString: strerror(errno)).lowercased())" }
}

/// Threads for what blocks, which Swift's concurrency pool must not.
public enum DetachedThread {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on a new thread that nobody waits for (pthread_create(3)), with a stack of `stackSize` bytes (the
  /// system's usual one when nil).
  public static func start(stackSize: Int? = nil, _ body: @escaping @Sendable () -> Void) throws(NoThread) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
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
      throw NoThread(errno: failure)
    }
  }

  /// The answer of `body`, which blocks for a while, from a thread of its own; from this one where the system has none
  /// to give.
  public static func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      do { try start { continuation.resume(returning: body()) } } catch { continuation.resume(returning: body()) }
    }
  }

  /// The same for what may throw.
  public static func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await run { Result { try body() } }.get()
  }
}
