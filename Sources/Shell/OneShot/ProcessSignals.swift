import Client
#if canImport(Glibc)
  import Glibc
#endif
import Synchronization
import Threads

/// The signals that a docker command hands on to its container, or ends by.
enum ProcessSignals {
  private static let pending = Atomic<UInt64>(0)
  private static let writing = Atomic<Int32>(-1)
  static let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]

  /// From now on they go to `deliver`, on a thread of its own.
  static func install(_ deliver: @escaping @Sendable (ClientInterrupt) -> Void) {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    writing.store(ends[1], ordering: .relaxed)
    let reading = ends[0]
    let listen: @Sendable () -> Void = {
      var buffer = [UInt8](repeating: 0, count: 64)
      while true {
        let count = buffer.withUnsafeMutableBytes { read(reading, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        for number in buffer[..<count].map(Int32.init) {
          if number == SIGWINCH {
            let size = Terminal.size()
            deliver(.resized(columns: size.columns, rows: size.rows))
          } else {
            deliver(.signal(number))
          }
        }
      }
    }
    // Without a thread that listens, the signals do what they always do.
    guard (try? DetachedThread.start(listen)) != nil else { return }
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      var byte = UInt8(truncatingIfNeeded: number)
      let saved = errno
      _ = write(ProcessSignals.writing.load(ordering: .relaxed), &byte, 1)
      errno = saved
    }
    sigemptyset(&action.sa_mask)
    action.sa_flags = SA_RESTART
    for number in numbers { sigaction(number, &action, nil) }
  }
}
