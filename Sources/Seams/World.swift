/// What every part needs from the world around it: time, tasks of its own, and chance.
///
/// Trace mode's world is virtual and seeded, so the same commands give the same bytes;
/// real mode's is the machine's.
public protocol World: Sendable {
  /// Nanoseconds since the session started; never falls.
  var now: UInt64 { get }
  /// Nanoseconds since 1970-01-01T00:00:00Z.
  var unixTime: UInt64 { get }
  /// Suspends for `nanoseconds`. Throws `CancellationError` when the task is cancelled meanwhile.
  func sleep(_ nanoseconds: UInt64) async throws
  /// Lets `nanoseconds` pass at once, when nothing else can happen meanwhile and nobody waits for them. False: nothing
  /// was done, and `sleep` is due.
  func elapse(_ nanoseconds: UInt64) -> Bool
  /// Runs `body` on its own; the trace context of the caller goes along.
  @discardableResult
  func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>
  /// `count` random bytes: seeded in trace mode.
  func randomBytes(_ count: Int) -> [UInt8]
}

extension World {
  public func elapse(_ nanoseconds: UInt64) -> Bool { false }

  /// A random id of `count` hexadecimal digits (containers, networks and exec sessions have 64).
  public func hexID(_ count: Int = 64) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var id: [UInt8] = []
    id.reserveCapacity(count)
    for byte in randomBytes((count + 1) / 2) {
      id.append(digits[Int(byte >> 4)])
      if id.count < count { id.append(digits[Int(byte & 15)]) }
    }
    return String(decoding: id, as: UTF8.self)
  }
}

/// Nanoseconds.
public enum Duration64 {
  public static let microsecond: UInt64 = 1_000
  public static let millisecond: UInt64 = 1_000_000
  public static let second: UInt64 = 1_000_000_000
}
