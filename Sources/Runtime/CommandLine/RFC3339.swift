/// Times as the runtimes write them: RFC 3339 in UTC.
public enum RFC3339 {
  /// The text for nanoseconds since 1970; with `fraction` down to nanoseconds, trailing zeros left out, as Go has it.
  public static func text(_ nanoseconds: UInt64, fraction: Bool = true) -> String {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
    let days = Int(seconds / 86_400)
    let (year, month, day) = date(days)
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    var text = "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(Int(h), 2)):\(pad(Int(m), 2)):\(pad(Int(s), 2))"
    if fraction, rest != 0 {
      var digits = pad(Int(rest), 9)
      while digits.utf8.last == UInt8(ascii: "0") { digits.removeLast() }
      text += "." + digits
    }
    return text + "Z"
  }

  /// Nanoseconds since 1970 of what `text` writes; nil for anything else.
  public static func nanoseconds(_ text: String) -> UInt64? {
    let utf8 = Array(text.utf8)
    guard utf8.count >= 20, utf8.count <= 30, utf8.last == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int? {
      var value = 0
      for byte in utf8[range] {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
      return value
    }
    for (index, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] where utf8[index] != mark.utf8.first {
      return nil
    }
    guard let y = number(0..<4), let month = number(5..<7), let day = number(8..<10), let h = number(11..<13),
      let m = number(14..<16), let s = number(17..<19), (1970...2500).contains(y), (1...12).contains(month),
      (1...31).contains(day), h < 24, m < 60, s <= 60
    else { return nil }
    var fraction: UInt64 = 0
    if utf8[19] == UInt8(ascii: ".") {
      guard utf8.count > 21, let digits = number(20..<utf8.count - 1) else { return nil }
      fraction = UInt64(digits)
      for _ in utf8.count - 21..<9 { fraction *= 10 }
    } else if utf8.count != 20 {
      return nil
    }
    let year = month <= 2 ? y - 1 : y
    let era = year / 400
    let yearOfEra = year - era * 400
    let monthOfYear = month > 2 ? month - 3 : month + 9
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + (153 * monthOfYear + 2) / 5 + day - 1
    let seconds = (era * 146_097 + dayOfEra - 719_468) * 86_400 + h * 3600 + m * 60 + s
    return UInt64(seconds) * 1_000_000_000 + fraction
  }

  private static func pad(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  /// The civil date of a day counted from 1970 (Howard Hinnant's algorithm).
  private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let z = days + 719_468
    let era = z / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let mp = (5 * dayOfYear + 2) / 153
    let month = mp < 10 ? mp + 3 : mp - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
  }
}
