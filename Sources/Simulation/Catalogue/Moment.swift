/// A moment in UTC, to the second: RFC 3339, as image configs and registries have it.
struct Moment: Sendable, Hashable {
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
  }

  /// `nanoseconds` since 1970, rounded down.
  init(nanoseconds: UInt64) { seconds = Int64(nanoseconds / 1_000_000_000) }

  /// `2025-10-08T11:04:56Z`.
  var text: String {
    let time = Int(seconds % 86_400)
    let z = Int(seconds / 86_400) + 719_468
    let era = z / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(year)-\(two(month))-\(two(day))T\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))Z"
  }
}
