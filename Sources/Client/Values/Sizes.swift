/// Memory and byte sizes (docker's go-units).
enum Sizes {
  /// `512m`, `1.5g`, `100kB`, `7` in bytes, binary multiples.
  static func ramInBytes(_ text: String) throws(ValueError) -> Int64 {
    let invalid = ValueError("invalid size: '\(text)'")
    guard let end = text.lastIndex(where: { $0.isASCII && ($0.isNumber || $0 == ".") || $0 == " " }) else {
      throw invalid
    }
    var number = text[...end]
    var suffix = text[text.index(after: end)...]
    if number.last == " " { number = number.dropLast() }
    guard let value = Double(number), !number.lowercased().contains("x") else {
      throw ValueError("strconv.ParseFloat: parsing \(GoQuote.string(String(number))): invalid syntax")
    }
    guard value >= 0, value.isFinite else { throw invalid }
    guard !suffix.isEmpty else { return try whole(value, invalid) }
    guard suffix.count <= 3 else { throw invalidSuffix(suffix) }
    let lower = suffix.lowercased()
    if lower == "b" { return try whole(value, invalid) }
    guard let power = lower.first.flatMap({ "kmgtp".firstIndex(of: $0) }) else { throw invalidSuffix(suffix) }
    switch lower.count {
    case 2 where lower.last != "b": throw invalidSuffix(suffix)
    case 3 where !lower.hasSuffix("ib"): throw invalidSuffix(suffix)
    default: break
    }
    suffix = ""
    let exponent = "kmgtp".distance(from: "kmgtp".startIndex, to: power) + 1
    return try whole(value * Double(1 << (10 * exponent)), invalid)
  }

  private static func invalidSuffix(_ suffix: Substring) -> ValueError { ValueError("invalid suffix: '\(suffix)'") }

  private static func whole(_ value: Double, _ invalid: ValueError) throws(ValueError) -> Int64 {
    guard value < 9.2e18 else { throw invalid }
    return Int64(value)
  }

  private static let decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
  private static let binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]

  /// `7.83MB`: multiples of 1000, `digits` significant.
  static func human(_ bytes: Double, digits: Int = 4) -> String { scaled(bytes, 1000, decimalUnits, digits) }
  static func human(_ bytes: Int64, digits: Int = 4) -> String { human(Double(bytes), digits: digits) }

  /// `476.8MiB`: multiples of 1024, four digits significant.
  static func binary(_ bytes: Double) -> String { scaled(bytes, 1024, binaryUnits, 4) }

  private static func scaled(_ size: Double, _ base: Double, _ units: [String], _ digits: Int) -> String {
    var size = size
    var unit = 0
    while size >= base, unit < units.count - 1 {
      size /= base
      unit += 1
    }
    return GoFloat.general(size, digits) + units[unit]
  }
}

/// CPUs to nine decimals (docker's opts.NanoCPUs).
enum NanoCPUs {
  /// In billionths of a CPU.
  static func parse(_ text: String) throws(ValueError) -> Int64 {
    let invalid = ValueError("failed to parse \(text) as a rational number")
    var digits = text[...]
    var isNegative = false
    if let sign = digits.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      digits = digits.dropFirst()
    }
    if case (let above, let below?) = digits.cut("/") {
      // A fraction: 1/2.
      guard let above = Int64(above), let below = Int64(below), above >= 0, below > 0 else { throw invalid }
      let (product, overflows) = above.multipliedReportingOverflow(by: 1_000_000_000)
      guard !overflows else { throw invalid }
      guard product % below == 0 else { throw ValueError("value is too precise") }
      return isNegative ? -(product / below) : product / below
    }
    let (whole, fraction) = digits.cut(".")
    guard !whole.isEmpty || !(fraction ?? "").isEmpty,
      (whole + (fraction ?? "")).allSatisfy({ $0.isASCII && $0.isNumber })
    else { throw invalid }
    var decimals = fraction ?? ""
    while decimals.last == "0" { decimals.removeLast() }
    guard decimals.count <= 9 else { throw ValueError("value is too precise") }
    decimals += String(repeating: "0", count: 9 - decimals.count)
    guard let units = Int64(whole.isEmpty ? "0" : whole), let part = Int64(decimals) else { throw invalid }
    let (product, o1) = units.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, o2) = product.addingReportingOverflow(part)
    guard !o1, !o2 else { throw invalid }
    return isNegative ? -sum : sum
  }
}
