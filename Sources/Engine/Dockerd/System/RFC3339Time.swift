/// Times as the Engine API writes them (RFC 3339 with up to nine decimals, UTC), without Foundation.
public enum RFC3339Time {
  /// Go's zero time.
  static let zero = "0001-01-01T00:00:00Z"

  /// `2026-01-01T00:00:00.123456789Z`; trailing zeros of the fraction fall out, as Go's RFC3339Nano has it.
  public static func text(_ unixNanoseconds: UInt64) -> String {
    let seconds = Int64(unixNanoseconds / 1_000_000_000)
    let (year, month, day) = date(days: seconds / 86_400)
    let rest = seconds % 86_400
    var text =
      "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
      + "\(padded(Int(rest / 3600), 2)):\(padded(Int(rest / 60 % 60), 2)):\(padded(Int(rest % 60), 2))"
    var fraction = padded(Int(unixNanoseconds % 1_000_000_000), 9)
    while fraction.last == "0" { fraction.removeLast() }
    if !fraction.isEmpty { text += "." + fraction }
    return text + "Z"
  }

  /// Nanoseconds since 1970; nil when it is no such time or lies before 1970.
  public static func parse(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int? {
      guard range.upperBound <= bytes.count else { return nil }
      var value = 0
      for byte in bytes[range] {
        guard (48...57).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 48)
      }
      return value
    }
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), (1...12).contains(month),
      (1...31).contains(day)
    else { return nil }
    var seconds = Int64(days(year: year, month: month, day: day)) * 86_400
    var nanoseconds: Int64 = 0
    if bytes.count > 10 {
      guard bytes.count >= 16, bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"),
        let hour = number(11..<13), let minute = number(14..<16), hour < 24, minute < 60
      else { return nil }
      seconds += Int64(hour * 3600 + minute * 60)
      var index = 16
      if index < bytes.count, bytes[index] == UInt8(ascii: ":") {
        guard let second = number(17..<19), second < 61 else { return nil }
        seconds += Int64(second)
        index = 19
      }
      if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
        index += 1
        var scale: Int64 = 100_000_000
        while index < bytes.count, (48...57).contains(bytes[index]) {
          nanoseconds += Int64(bytes[index] - 48) * scale
          scale /= 10
          index += 1
        }
      }
      if index < bytes.count {
        if bytes[index] == UInt8(ascii: "Z") {
          guard index + 1 == bytes.count else { return nil }
        } else {
          guard bytes.count == index + 6, let hours = number(index + 1..<index + 3),
            let minutes = number(index + 4..<index + 6)
          else { return nil }
          let offset = Int64(hours * 3600 + minutes * 60)
          seconds += bytes[index] == UInt8(ascii: "-") ? offset : -offset
        }
      }
    }
    guard seconds >= 0 else { return nil }
    return UInt64(seconds) * 1_000_000_000 + UInt64(nanoseconds)
  }

  /// A time, seconds since 1970 with a fraction, or a Go duration back from `now` (moby's `timestamp` package).
  static func moment(_ text: String, now: UInt64) -> UInt64? {
    if let duration = duration(text) { return now > duration ? now - duration : 0 }
    if let time = parse(text) { return time }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let seconds = parts.first.flatMap({ UInt64($0) }), seconds < 1 << 33 else { return nil }
    var nanoseconds: UInt64 = 0
    if parts.count == 2 {
      guard parts[1].count <= 9, let fraction = UInt64(parts[1] + String(repeating: "0", count: 9 - parts[1].count))
      else { return nil }
      nanoseconds = fraction
    }
    return seconds * 1_000_000_000 + nanoseconds
  }

  /// Go's duration syntax: `1h30m`, `10s`, `1.5h`; nanoseconds.
  static func duration(_ text: String) -> UInt64? {
    var rest = Substring(text)
    if rest == "0" { return 0 }
    guard !rest.isEmpty else { return nil }
    var total = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard let value = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
      rest = rest.dropFirst(unit.count)
      switch unit {
      case "ns": total += value
      case "us", "µs": total += value * 1e3
      case "ms": total += value * 1e6
      case "s": total += value * 1e9
      case "m": total += value * 60e9
      case "h": total += value * 3600e9
      default: return nil
      }
    }
    return total < 9e18 ? UInt64(total) : nil
  }

  // Civil dates by the algorithm of the proleptic Gregorian calendar, eras of 400 years.
  private static func days(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(days: Int64) -> (Int, Int, Int) {
    let z = Int(days) + 719_468
    let era = z / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
