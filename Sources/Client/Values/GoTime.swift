/// Points in time as Docker writes and reads them; nanoseconds since 1970, in UTC.
enum GoTime {
  struct Civil {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    /// 0 is Sunday.
    var weekday: Int
  }

  /// The calendar's date of a second since 1970 (days-from-civil, inverted).
  static func civil(_ seconds: Int64) -> Civil {
    let days = Int(seconds.floorDivided(by: 86_400))
    let time = Int(seconds - Int64(days) * 86_400)
    let z = days + 719_468
    let era = z.floorDivided(by: 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let weekday = (days % 7 + 11) % 7
    return Civil(
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1,
      hour: time / 3600, minute: time / 60 % 60, second: time % 60, weekday: weekday)
  }

  /// Days since 1970 of a date.
  static func days(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = y.floorDivided(by: 400)
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  private static func four(_ number: Int) -> String {
    let text = String(max(0, number))
    return String(repeating: "0", count: max(0, 4 - text.count)) + text
  }

  /// `2026-01-01 00:00:00 +0000 UTC`, with a fraction when there is one: Go's `time.Time.String`.
  static func string(seconds: Int64, nanoseconds: Int64 = 0) -> String {
    let c = civil(seconds)
    var fraction = ""
    if nanoseconds > 0 {
      fraction = "." + nine(nanoseconds)
      while fraction.last == "0" { fraction.removeLast() }
    }
    return "\(four(c.year))-\(two(c.month))-\(two(c.day)) \(two(c.hour)):\(two(c.minute)):\(two(c.second))\(fraction)"
      + " +0000 UTC"
  }

  /// `2026-01-01T00:00:00Z`.
  static func rfc3339(_ seconds: Int64) -> String {
    let c = civil(seconds)
    return "\(four(c.year))-\(two(c.month))-\(two(c.day))T\(two(c.hour)):\(two(c.minute)):\(two(c.second))Z"
  }

  /// `2026-01-01T00:00:00.123456789Z`: always nine digits (docker's RFC3339NanoFixed).
  static func rfc3339NanoFixed(_ seconds: Int64, _ nanoseconds: Int64) -> String {
    rfc3339(seconds).dropLast() + "." + nine(nanoseconds) + "Z"
  }

  /// `Thu Jan  1 00:00:00 2026`: Go's ANSIC.
  static func ansi(_ seconds: Int64) -> String {
    let c = civil(seconds)
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return "\(weekdays[c.weekday]) \(months[c.month - 1]) \(String(c.day).padded(left: 2)) "
      + "\(two(c.hour)):\(two(c.minute)):\(two(c.second)) \(four(c.year))"
  }

  static func nine(_ nanoseconds: Int64) -> String {
    let text = String(nanoseconds)
    return String(repeating: "0", count: max(0, 9 - text.count)) + text
  }

  /// Parses RFC 3339: `2026-01-01T00:00:00.5+02:00`. Also without zone, without time of day, and without seconds, as
  /// docker's `--since` takes them. Nil when malformed.
  static func parse(_ text: String) -> (seconds: Int64, nanoseconds: Int64)? {
    var rest = text[...]
    func number(_ digits: Int) -> Int? {
      let part = rest.prefix(digits)
      guard part.count == digits, part.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
      rest = rest.dropFirst(digits)
      return Int(part)
    }
    func skip(_ character: Character) -> Bool {
      guard rest.first == character else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2),
      (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    var (hour, minute, second, nanoseconds) = (0, 0, 0, Int64(0))
    if skip("T") || skip(" ") {
      guard let h = number(2), h < 24 else { return nil }
      hour = h
      if skip(":") {
        guard let m = number(2), m < 60 else { return nil }
        minute = m
        if skip(":") {
          guard let s = number(2), s < 61 else { return nil }
          second = s
          if skip(".") {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            nanoseconds = Int64((String(digits) + "000000000").prefix(9)) ?? 0
          }
        }
      }
    }
    var offset = 0
    if !skip("Z"), let sign = rest.first, sign == "+" || sign == "-" {
      rest = rest.dropFirst()
      guard let h = number(2), skip(":"), let m = number(2) else { return nil }
      offset = (h * 3600 + m * 60) * (sign == "-" ? -1 : 1)
    }
    guard rest.isEmpty else { return nil }
    let total = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return (Int64(total), nanoseconds)
  }

  /// What `--since` and `--until` mean to the daemon (docker's timestamp.GetTimestamp): a moment, a span before now, or
  /// seconds as they are.
  static func timestamp(_ value: String, now: UInt64) throws(ValueError) -> String {
    if let span = try? GoDuration.parse(value), value.contains(where: \.isLetter) {
      let (then, overflows) = Int64(clamping: now / 1_000_000_000 * 1_000_000_000).subtractingReportingOverflow(span)
      return String((overflows ? 0 : then).floorDivided(by: 1_000_000_000))
    }
    if let (seconds, nanoseconds) = parse(value) { return "\(seconds).\(nine(nanoseconds))" }
    let (whole, fraction) = value.cut(".")
    if Int64(whole) != nil, fraction.map({ !$0.isEmpty && $0.allSatisfy(\.isNumber) }) ?? true { return value }
    throw ValueError("failed to parse value as time or duration: \(GoQuote.string(value))")
  }
}

extension BinaryInteger {
  /// Division that rounds down, also below zero.
  func floorDivided(by divisor: Self) -> Self {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
