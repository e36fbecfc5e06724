/// Spans of time as Go writes and reads them: `1h2m3.5s`; in nanoseconds.
enum GoDuration {
  private static let units: [(String, Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  static func parse(_ text: String) throws(ValueError) -> Int64 {
    let invalid = ValueError("time: invalid duration \(GoQuote.string(text))")
    var rest = text[...]
    var isNegative = false
    if let sign = rest.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      rest = rest.dropFirst()
    }
    if rest == "0" { return 0 }
    guard !rest.isEmpty else { throw invalid }
    var total = 0.0
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      guard number.contains(where: \.isNumber), number.count(where: { $0 == "." }) <= 1 else { throw invalid }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { !($0.isASCII && $0.isNumber) && $0 != "." }
      rest = rest.dropFirst(unit.count)
      guard !unit.isEmpty else { throw ValueError("time: missing unit in duration \(GoQuote.string(text))") }
      guard let scale = units.first(where: { $0.0 == unit })?.1 else {
        throw ValueError(
          "time: unknown unit \(GoQuote.string(String(unit))) in duration \(GoQuote.string(text))")
      }
      let spelled = number.hasPrefix(".") ? "0" + number : String(number)
      guard let value = Double(spelled.hasSuffix(".") ? spelled + "0" : spelled) else { throw invalid }
      total += value * scale
    }
    guard total < 9.2e18 else { throw invalid }
    return Int64(isNegative ? -total.rounded() : total.rounded())
  }

  /// `1m30s`, `2.5s`, `100ms`, `0s`.
  static func text(_ nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    let sign = nanoseconds < 0 ? "-" : ""
    let magnitude = nanoseconds.magnitude
    func fraction(_ value: UInt64, _ unit: UInt64) -> String {
      var digits = String(value % unit)
      digits = String(repeating: "0", count: String(unit).count - 1 - digits.count) + digits
      while digits.last == "0" { digits.removeLast() }
      return String(value / unit) + (digits.isEmpty ? "" : "." + digits)
    }
    switch magnitude {
    case ..<1_000: return "\(sign)\(magnitude)ns"
    case ..<1_000_000: return sign + fraction(magnitude, 1_000) + "µs"
    case ..<1_000_000_000: return sign + fraction(magnitude, 1_000_000) + "ms"
    default:
      let minutes = magnitude / 60_000_000_000
      let seconds = fraction(magnitude % 60_000_000_000, 1_000_000_000) + "s"
      if minutes == 0 { return sign + seconds }
      return minutes < 60 ? "\(sign)\(minutes)m\(seconds)" : "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }
  }
}

/// Spans of time for people (docker's go-units HumanDuration).
enum HumanDuration {
  static func text(seconds: Double) -> String {
    let whole = Int(clamped: seconds)
    switch whole {
    case ..<1: return "Less than a second"
    case 1: return "1 second"
    case ..<60: return "\(whole) seconds"
    default: break
    }
    let minutes = whole / 60
    if minutes == 1 { return "About a minute" }
    if minutes < 60 { return "\(minutes) minutes" }
    let hours = Int(clamped: seconds / 3600 + 0.5)
    switch hours {
    case 1: return "About an hour"
    case ..<48: return "\(hours) hours"
    case ..<(24 * 14): return "\(hours / 24) days"
    case ..<(24 * 60): return "\(hours / 24 / 7) weeks"
    case ..<(24 * 730): return "\(hours / 24 / 30) months"
    default: return "\(Int(clamped: seconds / 3600) / 24 / 365) years"
    }
  }

  /// How long ago `unix` (seconds since 1970) was at `now` (nanoseconds): `3 seconds ago`.
  static func since(_ unix: Int64, now: UInt64) -> String {
    text(seconds: Double(now) / 1e9 - Double(unix)) + " ago"
  }
}

extension Int {
  /// The whole part; the nearest there is when it does not fit.
  init(clamped value: Double) {
    guard !value.isNaN else {
      self = 0
      return
    }
    self = value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : Int(value)
  }
}
