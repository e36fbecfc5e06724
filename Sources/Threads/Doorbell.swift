#if canImport(Glibc)
  import Glibc
#endif

/// Wakes one thread that waits with nothing to do; a ring that comes before the wait is not lost.
public final class Doorbell: Sendable {
  // A pipe: rung by any thread, and by a signal handler too if need be.
  private let reading: Int32
  private let writing: Int32

  public init() {
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

  public func ring() {
    var byte: UInt8 = 1
    // A full pipe rings already.
    _ = write(writing, &byte, 1)
  }

  /// Waits for a ring, `milliseconds` at most (-1: for ever). False when none came.
  @discardableResult
  public func wait(milliseconds: Int32 = -1) -> Bool {
    var poller = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) > 0 else { return false }
    silence()
    return true
  }

  /// What becomes readable when it is rung: for a thread that waits for other descriptors, too (poll(2)).
  public var descriptor: Int32 { reading }

  /// Forgets the rings so far.
  public func silence() {
    var buffer = [UInt8](repeating: 0, count: 512)
    while buffer.withUnsafeMutableBytes({ read(reading, $0.baseAddress, $0.count) }) == 512 {}
  }
}
