/// Numbers and truth values as Go's strconv reads them, with its words.
enum GoNumber {
  static func parseBool(_ text: String) throws(ValueError) -> Bool {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": return true
    case "0", "f", "F", "false", "FALSE", "False": return false
    default: throw ValueError("strconv.ParseBool: parsing \(GoQuote.string(text)): invalid syntax")
    }
  }

  /// A signed whole number: decimal, `0x…`, `0o…`, `0b…`, `0…` when `base` is 0.
  static func parseInt(_ text: String, base: Int = 0, function: String = "ParseInt") throws(ValueError) -> Int64 {
    var digits = text[...]
    var isNegative = false
    if let sign = digits.first, sign == "-" || sign == "+" {
      isNegative = sign == "-"
      digits = digits.dropFirst()
    }
    let magnitude = try parseMagnitude(digits, of: text, base: base, function: function)
    if isNegative {
      if magnitude == 1 << 63 { return .min }
      guard magnitude < 1 << 63 else { throw outOfRange(text, function) }
      return -Int64(magnitude)
    }
    guard let value = Int64(exactly: magnitude) else { throw outOfRange(text, function) }
    return value
  }

  static func parseUInt(_ text: String, bits: Int = 64, base: Int = 0) throws(ValueError) -> UInt64 {
    let value = try parseMagnitude(text[...], of: text, base: base, function: "ParseUint")
    guard bits >= 64 || value < 1 << UInt64(bits) else { throw outOfRange(text, "ParseUint") }
    return value
  }

  private static func parseMagnitude(
    _ digits: Substring, of text: String, base: Int, function: String
  ) throws(ValueError) -> UInt64 {
    var digits = digits
    var radix = base == 0 ? 10 : base
    if base == 0, digits.count > 1, digits.first == "0" {
      let second = digits.dropFirst().first.map { Character($0.lowercased()) }
      switch second {
      case "x": (radix, digits) = (16, digits.dropFirst(2))
      case "o": (radix, digits) = (8, digits.dropFirst(2))
      case "b": (radix, digits) = (2, digits.dropFirst(2))
      default: (radix, digits) = (8, digits.dropFirst())
      }
    }
    guard !digits.isEmpty else { throw invalid(text, function) }
    var value: UInt64 = 0
    var overflows = false
    for character in digits {
      guard character.isASCII, let digit = character.hexDigitValue, digit < radix else { throw invalid(text, function) }
      let (product, o1) = value.multipliedReportingOverflow(by: UInt64(radix))
      let (sum, o2) = product.addingReportingOverflow(UInt64(digit))
      overflows = overflows || o1 || o2
      value = sum
    }
    if overflows { throw outOfRange(text, function) }
    return value
  }

  private static func invalid(_ text: String, _ function: String) -> ValueError {
    ValueError("strconv.\(function): parsing \(GoQuote.string(text)): invalid syntax")
  }
  private static func outOfRange(_ text: String, _ function: String) -> ValueError {
    ValueError("strconv.\(function): parsing \(GoQuote.string(text)): value out of range")
  }
}

/// Text in quotes, as Go's `%q` writes it.
enum GoQuote {
  static func string(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars { out += escaped(scalar, quote: "\"") }
    return out + "\""
  }

  static func character(_ character: Character) -> String {
    "'" + character.unicodeScalars.map { escaped($0, quote: "'") }.joined() + "'"
  }

  private static func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
    switch scalar {
    case quote, "\\": return "\\" + String(scalar)
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{7}": return "\\a"
    case "\u{8}": return "\\b"
    case "\u{c}": return "\\f"
    case "\u{b}": return "\\v"
    default:
      guard scalar.value < 0x20 || scalar.value == 0x7f else { return String(scalar) }
      let hex = String(scalar.value, radix: 16)
      return "\\x" + String(repeating: "0", count: 2 - hex.count) + hex
    }
  }
}
