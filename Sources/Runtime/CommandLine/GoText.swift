/// Texts as the Go programs around write and read them: who parses runc's words expects them.
public enum GoText {
  /// As `%q`: in quotes, with escapes for what does not print.
  public static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case "\u{7}": out += "\\a"
      case "\u{8}": out += "\\b"
      case "\u{c}": out += "\\f"
      case "\u{b}": out += "\\v"
      case "\0"..."\u{1f}", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        out += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  /// A duration: `5s`, `100ms`, `1m30s`, `1.5h`, `0`, in nanoseconds; nil when malformed, negative or longer than 290
  /// years.
  public static func nanoseconds(_ text: String) -> UInt64? {
    if text == "0" { return 0 }
    var rest = Substring(text)
    if rest.first == "+" { rest.removeFirst() }
    guard !rest.isEmpty else { return nil }
    var total = 0.0
    while !rest.isEmpty {
      let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
      rest = rest.dropFirst(unit.count)
      let factor: Double
      switch unit {
      case "ns": factor = 1
      case "us", "µs", "μs": factor = 1e3
      case "ms": factor = 1e6
      case "s": factor = 1e9
      case "m": factor = 6e10
      case "h": factor = 3.6e12
      default: return nil
      }
      guard let value = Double(number.first == "." ? "0" + number : number) else { return nil }
      total += value * factor
    }
    return total < 9.2e18 ? UInt64(total) : nil
  }

  /// A size as go-units reads it: `64m`, `1.5g`, `64MiB`, `1024`, in bytes, by powers of two; nil when malformed.
  public static func bytes(_ text: String) -> Int64? {
    var digits = Substring(text.lowercased().filter { $0 != " " })
    var factor = 1.0
    if digits.hasSuffix("b") { digits.removeLast() }
    if digits.hasSuffix("i") { digits.removeLast() }
    if let unit = digits.last, let power = ["k": 1.0, "m": 2, "g": 3, "t": 4, "p": 5][unit] {
      digits.removeLast()
      for _ in 0..<Int(power) { factor *= 1024 }
    }
    guard digits.utf8.allSatisfy({ ("0"..."9").contains(Character(Unicode.Scalar($0))) || $0 == UInt8(ascii: ".") }),
      let number = Double(digits), number >= 0, number * factor < 9.2e18
    else { return nil }
    return Int64(number * factor)
  }

  /// A table as text/tabwriter prints it: columns of at least twelve characters, three between them.
  public static func table(_ rows: [[String]], minimal: Int = 12, padding: Int = 3) -> String {
    var widths: [Int] = []
    for row in rows {
      for (index, cell) in row.enumerated() {
        if index == widths.count { widths.append(0) }
        widths[index] = max(widths[index], cell.count + padding, minimal)
      }
    }
    return rows.map { row in
      row.enumerated().map { index, cell in
        index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
      }.joined() + "\n"
    }.joined()
  }
}
