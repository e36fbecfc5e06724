#if canImport(Glibc)
  import Glibc
#endif
import Seams

/// The world of a client that talks to a daemon: the machine's clocks, Swift's tasks.
public struct ClientWorld: World {
  private let began = ClientWorld.nanoseconds(CLOCK_MONOTONIC)
  public init() {}

  public var now: UInt64 { ClientWorld.nanoseconds(CLOCK_MONOTONIC) - began }
  public var unixTime: UInt64 { ClientWorld.nanoseconds(CLOCK_REALTIME) }
  public func sleep(_ nanoseconds: UInt64) async throws { try await Task.sleep(nanoseconds: nanoseconds) }
  @discardableResult
  public func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> { Task { await body() } }
  public func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in generator.next() }
  }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
