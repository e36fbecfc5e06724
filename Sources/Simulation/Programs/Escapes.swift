/// The backslash escapes of echo, printf and `$'…'`.
enum Escapes {
  enum Style {
    /// `echo -e` and `%b`: octal has a leading zero, `\c` ends the output.
    case echo
    /// A format of printf(1): `\nnn`.
    case format
    /// `$'…'`.
    case dollarQuote
  }

  /// The bytes meant, and whether `\c` ended them.
  static func decode(_ text: [UInt8], style: Style) -> (bytes: [UInt8], stops: Bool) {
    guard text.contains(UInt8(ascii: "\\")) else { return (text, false) }
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    var i = 0
    while i < text.count {
      guard text[i] == UInt8(ascii: "\\"), i + 1 < text.count else {
        out.append(text[i])
        i += 1
        continue
      }
      let next = text[i + 1]
      i += 2
      switch next {
      case UInt8(ascii: "a"): out.append(7)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "e"), UInt8(ascii: "E"): out.append(27)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "v"): out.append(11)
      case UInt8(ascii: "\\"): out.append(next)
      case UInt8(ascii: "c") where style == .echo: return (out, true)
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        if style == .echo { out.append(UInt8(ascii: "\\")) }
        out.append(next)
      case UInt8(ascii: "x"):
        var value = 0
        var digits = 0
        while digits < 2, i < text.count, let digit = hexDigit(text[i]) {
          value = value * 16 + digit
          digits += 1
          i += 1
        }
        if digits == 0 { out += [UInt8(ascii: "\\"), next] } else { out.append(UInt8(truncatingIfNeeded: value)) }
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = Int(next) - 48
        let most = style == .echo && next == UInt8(ascii: "0") ? 3 : 2
        var digits = 0
        while digits < most, i < text.count, (48...55).contains(text[i]) {
          value = value * 8 + Int(text[i]) - 48
          digits += 1
          i += 1
        }
        out.append(UInt8(truncatingIfNeeded: value))
      default: out += [UInt8(ascii: "\\"), next]
      }
    }
    return (out, false)
  }

  static func hexDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case 48...57: Int(byte) - 48
    case 65...70: Int(byte) - 55
    case 97...102: Int(byte) - 87
    default: nil
    }
  }
}
