/// Columns as Go's text/tabwriter sets them: each as wide as its widest cell and the padding, at least `minimum`; the
/// last is as it is.
struct ColumnTable {
  private var rows: [[String]]
  private let minimum: Int
  private let padding: Int
  /// The last column is filled up too: every cell ends in a tab.
  private let fillsLast: Bool

  init(_ header: [String], minimum: Int = 0, padding: Int = 3, fillsLast: Bool = false) {
    rows = [header]
    (self.minimum, self.padding, self.fillsLast) = (minimum, padding, fillsLast)
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  var text: String {
    let columns = rows.map(\.count).max() ?? 0
    var widths = [Int](repeating: 0, count: columns)
    for row in rows { for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) } }
    var text = ""
    for row in rows {
      for (index, cell) in row.enumerated() {
        text += cell
        if index < row.count - 1 || fillsLast {
          let width = max(minimum, widths[index] + padding)
          text += String(repeating: " ", count: max(0, width - cell.count))
        }
      }
      text += "\n"
    }
    return text
  }
}

/// Go's `units.HumanDuration`: `About a minute`, `3 weeks`.
func humanDuration(_ nanoseconds: UInt64) -> String {
  let seconds = Int(clamping: nanoseconds / 1_000_000_000)
  if seconds < 1 { return "Less than a second" }
  if seconds == 1 { return "1 second" }
  if seconds < 60 { return "\(seconds) seconds" }
  let minutes = seconds / 60
  if minutes == 1 { return "About a minute" }
  if minutes < 60 { return "\(minutes) minutes" }
  let hours = (seconds + 1800) / 3600
  if hours == 1 { return "About an hour" }
  if hours < 48 { return "\(hours) hours" }
  if hours < 24 * 14 { return "\(hours / 24) days" }
  if hours < 24 * 60 { return "\(hours / 24 / 7) weeks" }
  if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
  return "\(hours / 24 / 365) years"
}

/// A size in powers of `base` with its unit, three digits or so: `7.8 MiB`, `3.42MB`.
func humanSize(_ bytes: Int64, units: [String], base: Double, separator: String = "", digits: Int) -> String {
  var value = Double(bytes)
  var index = 0
  while value >= base, index < units.count - 1 {
    value /= base
    index += 1
  }
  return significant(value, digits) + separator + units[index]
}

/// Go's `%.NGf`: `digits` significant digits, without trailing zeros.
private func significant(_ value: Double, _ digits: Int) -> String {
  var whole = 1
  var rest = value
  while rest >= 10 {
    rest /= 10
    whole += 1
  }
  var scale = 1.0
  for _ in 0..<max(0, digits - whole) { scale *= 10 }
  let scaled = Int64((value * scale).rounded())
  let (integer, fraction) = (scaled / Int64(scale), scaled % Int64(scale))
  guard fraction > 0 else { return "\(integer)" }
  var decimals = String(fraction)
  decimals = String(repeating: "0", count: max(0, digits - whole - decimals.count)) + decimals
  while decimals.last == "0" { decimals.removeLast() }
  return "\(integer).\(decimals)"
}
