import CLinux
import Glibc
import Runtime

/// Signals that are read like a file instead of interrupting.
public struct SignalQueue: Sendable {
  /// signalfd(2), close-on-exec, non-blocking.
  public let descriptor: Int32

  /// Blocks `signals` and opens a queue for them.
  public init(_ signals: [Int32]) throws(Errno) {
    var set: UInt64 = 0
    for signal in signals where (1...64).contains(signal) { set |= 1 << UInt64(signal - 1) }
    try checked(clinux_signal_mask(SIG_BLOCK, set, nil))
    descriptor = Int32(try checked(clinux_signalfd(set, O_CLOEXEC | O_NONBLOCK)))
  }

  /// Every signal that can be handed on: not those that a fault of this process itself raises.
  public static let forwarded: [Int32] = (1...64).filter {
    ![SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPIPE, 32, 33].contains($0)
  }

  /// The next signal and, when a process sent it, that one's number; nil when none is waiting.
  public func next() -> (signal: Int32, sender: Int)? {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 32) { info in
      // struct signalfd_siginfo: ssi_signo, ssi_errno, ssi_code, ssi_pid, …; 128 bytes.
      guard Glibc.read(descriptor, info.baseAddress, 128) == 128 else { return nil }
      return (Int32(bitPattern: info[0]), Int(info[3]))
    }
  }
}

extension LinuxKernel {
  /// SIGPIPE is ignored: writing to somebody who has gone is an error like others. SIGCHLD is not, whatever the caller
  /// does with it: the kernel would bury children by itself, and nobody could ask how they ended.
  public static func settleSignals() {
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGCHLD, SIG_DFL)
  }

  /// poll(2) for input, until `deadline` (monotonic nanoseconds). Which descriptors have something (end of file counts).
  public static func poll(_ descriptors: [Int32], output: [Int32] = [], deadline: UInt64? = nil) -> [Int32] {
    let count = descriptors.count + output.count
    return withUnsafeTemporaryAllocation(of: pollfd.self, capacity: max(1, count)) { set in
      for index in 0..<count {
        let isInput = index < descriptors.count
        set[index] = pollfd(
          fd: isInput ? descriptors[index] : output[index - descriptors.count],
          events: Int16(isInput ? POLLIN : POLLOUT), revents: 0)
      }
      while true {
        var timeout: Int32 = -1
        if let deadline {
          let now = monotonicTime()
          timeout = now >= deadline ? 0 : Int32(clamping: (deadline - now + 999_999) / 1_000_000)
        }
        let result = Glibc.poll(set.baseAddress, nfds_t(count), timeout)
        if result < 0, errno == EINTR { continue }
        var ready: [Int32] = []
        if result > 0 {
          for index in 0..<count where set[index].revents != 0 { ready.append(set[index].fd) }
        }
        return ready
      }
    }
  }

  /// Nanoseconds of CLOCK_MONOTONIC.
  public static func monotonicTime() -> UInt64 { time(of: CLOCK_MONOTONIC) }
  /// Nanoseconds since 1970.
  public static func realTime() -> UInt64 { time(of: CLOCK_REALTIME) }

  private static func time(of clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// Sleeps that long.
  public static func sleep(nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    while nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
  }
}
