/// Times as the Engine API writes and reads them.
enum DockerTime {
  /// RFC 3339 with as many decimals as are needed; 0 is Go's zero time.
  static func rfc3339(_ nanoseconds: UInt64) -> String {
    nanoseconds == 0 ? RFC3339Time.zero : RFC3339Time.text(nanoseconds)
  }

  /// With nine decimals always, as log lines have it (RFC3339NanoFixed).
  static func fixed(_ nanoseconds: UInt64) -> String {
    let whole = RFC3339Time.text(nanoseconds / 1_000_000_000 * 1_000_000_000).dropLast()
    let digits = String(nanoseconds % 1_000_000_000)
    return whole + "." + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
  }
}
