/// A fixed moment of the catalogue: RFC 3339 in UTC, as image configs have it.
struct Moment: Sendable, Hashable {
  /// `2025-10-08T11:04:56Z`.
  let text: String
  /// Seconds since 1970.
  let seconds: Int64

  init(_ year: Int, _ month: Int, _ day: Int, _ hour: Int = 12, _ minute: Int = 0, _ second: Int = 0) {
    // Days since 1970 of the proleptic Gregorian calendar, counted in years that begin in March.
    let y = month <= 2 ? year - 1 : year
    let era = y / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    seconds = Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    text = "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))Z"
  }
}
