#if canImport(Glibc)
  import Glibc
#endif

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
