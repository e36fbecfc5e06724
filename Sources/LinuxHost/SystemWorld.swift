#if canImport(Glibc)
  import Glibc
#endif
import Seams

/// The machine's world: its clocks, Swift's tasks, the kernel's randomness.
public struct SystemWorld: World {
  private let began = SystemWorld.nanoseconds(CLOCK_MONOTONIC)
  public init() {}

  public var now: UInt64 { SystemWorld.nanoseconds(CLOCK_MONOTONIC) - began }
  public var unixTime: UInt64 { SystemWorld.nanoseconds(CLOCK_REALTIME) }

  public func sleep(_ nanoseconds: UInt64) async throws { try await Task.sleep(nanoseconds: nanoseconds) }

  @discardableResult
  public func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> { Task { await body() } }

  /// getrandom(2), by way of the standard library.
  public func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var word: UInt64 = 0
    for index in 0..<count {
      if index % 8 == 0 { word = generator.next() }
      bytes.append(UInt8(truncatingIfNeeded: word))
      word >>= 8
    }
    return bytes
  }

  /// clock_gettime(2).
  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
