#if canImport(Glibc)
  import Glibc
#endif

/// Runs `body` on a new thread that nobody waits for (pthread_create(3)).
func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let status = pthread_create(
    &thread, nil,
    { argument in
      if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  precondition(status == 0, "no thread for the engine: \(String(cString: strerror(status)))")
  pthread_detach(thread)
}
