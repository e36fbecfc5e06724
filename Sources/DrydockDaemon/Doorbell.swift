#if canImport(Glibc)
  import Glibc
#endif

/// Wakes one thread that waits with nothing to do; a ring that comes before the wait is not lost.
final class Doorbell: Sendable {
  // A pipe: rung by any thread, and by a signal handler too if need be.
  private let reading: Int32
  private let writing: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 {
      for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
      }
    }
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  func ring() {
    var byte: UInt8 = 1
    // A full pipe rings already.
    _ = write(writing, &byte, 1)
  }

  /// Waits for a ring, `milliseconds` at most (-1: for ever). False when none came.
  @discardableResult
  func wait(milliseconds: Int32 = -1) -> Bool {
    var poller = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) > 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 512)
    while buffer.withUnsafeMutableBytes({ read(reading, $0.baseAddress, $0.count) }) == 512 {}
    return true
  }
}

/// CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
enum Clock {
  static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
  static var unixTime: UInt64 { read(CLOCK_REALTIME) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
