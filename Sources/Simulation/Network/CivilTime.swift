/// A moment of the Gregorian calendar, in UTC.
struct CivilTime: Sendable {
  var year: Int
  var month: Int
  var day: Int
  var hour: Int
  var minute: Int
  var second: Int
  /// 0 is Sunday.
  var weekday: Int
  /// 1 is January 1st.
  var dayOfYear: Int

  /// - Parameter seconds: since 1970-01-01T00:00:00Z.
  init(_ seconds: Int64) {
    var days = seconds / 86_400
    var rest = Int(seconds % 86_400)
    if rest < 0 {
      rest += 86_400
      days -= 1
    }
    (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    weekday = Int(((days + 4) % 7 + 7) % 7)
    // Howard Hinnant's days-to-civil: the year begins in March.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayInYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayInYear + 2) / 153
    day = Int(dayInYear - (153 * shiftedMonth + 2) / 5 + 1)
    month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
    year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
    dayOfYear = before + day + (isLeap && month > 2 ? 1 : 0)
  }

  /// Seconds since 1970 of a date and time of day.
  static func seconds(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) -> Int64 {
    let y = Int64(year) - (month <= 2 ? 1 : 0)
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayInYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayInYear
    return (era * 146_097 + dayOfEra - 719_468) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
  }

  static let monthNames = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  static let dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  var monthName: String { String(Self.monthNames[month - 1].prefix(3)) }
  var dayName: String { String(Self.dayNames[weekday].prefix(3)) }
  /// `15:04:05`.
  var clock: String { "\(padded(hour)):\(padded(minute)):\(padded(second))" }
  /// `2026-01-31`.
  var date: String { "\(padded(year, 4))-\(padded(month))-\(padded(day))" }
}

/// Decimal digits with leading zeros.
func padded(_ number: Int, _ width: Int = 2) -> String {
  let digits = String(number.magnitude)
  return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// `Thu, 01 Jan 2026 00:00:00 GMT` (RFC 9110).
func httpDate(_ seconds: UInt64) -> String {
  let time = CivilTime(Int64(clamping: seconds))
  return "\(time.dayName), \(padded(time.day)) \(time.monthName) \(time.year) \(time.clock) GMT"
}
