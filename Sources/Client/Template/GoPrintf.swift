import JSONTree

/// Go's `fmt.Sprintf` over JSON values.
enum GoPrintf {
  private struct Verb {
    var minus = false
    var plus = false
    var zero = false
    var sharp = false
    var space = false
    var width: Int?
    var precision: Int?
  }

  static func format(_ format: String, _ arguments: [JSON]) -> String {
    var out = ""
    var next = 0
    var characters = Array(format)[...]
    while let character = characters.popFirst() {
      guard character == "%" else {
        out.append(character)
        continue
      }
      var verb = Verb()
      while let flag = characters.first, "-+# 0".contains(flag) {
        switch flag {
        case "-": verb.minus = true
        case "+": verb.plus = true
        case "#": verb.sharp = true
        case " ": verb.space = true
        default: verb.zero = true
        }
        characters.removeFirst()
      }
      verb.width = number(&characters, arguments, &next)
      if verb.width.map({ $0 < 0 }) ?? false {
        verb.minus = true
        verb.width = verb.width.map(\.magnitude).map(Int.init(clamping:))
      }
      if characters.first == "." {
        characters.removeFirst()
        verb.precision = number(&characters, arguments, &next) ?? 0
      }
      guard let letter = characters.popFirst() else {
        out += "%!(NOVERB)"
        break
      }
      if letter == "%" {
        out += "%"
        continue
      }
      guard next < arguments.count else {
        out += "%!\(letter)(MISSING)"
        continue
      }
      out += padded(verb, letter, arguments[next])
      next += 1
    }
    if next < arguments.count {
      out += "%!(EXTRA "
      out += arguments[next...].map { "\(GoPrint.typeName($0))=\(GoPrint.text($0))" }.joined(separator: ", ") + ")"
    }
    return out
  }

  private static func number(_ characters: inout ArraySlice<Character>, _ arguments: [JSON], _ next: inout Int) -> Int?
  {
    if characters.first == "*" {
      characters.removeFirst()
      defer { next += 1 }
      return arguments.indices.contains(next) ? arguments[next].int.map { min(max($0, -100_000), 100_000) } : nil
    }
    var digits = ""
    while let digit = characters.first, digit.isASCII, digit.isNumber, digits.count < 6 {
      digits.append(digit)
      characters.removeFirst()
    }
    return Int(digits).map { min($0, 100_000) }
  }

  private static func padded(_ verb: Verb, _ letter: Character, _ value: JSON) -> String {
    let body = text(verb, letter, value)
    guard let width = verb.width, body.count < width else { return body }
    if verb.minus { return body.padded(to: width) }
    if verb.zero, value.string == nil || "dxXobeEfgG".contains(letter) {
      let hasSign = body.first == "-" || body.first == "+"
      let digits = hasSign ? String(body.dropFirst()) : body
      return (hasSign ? String(body.prefix(1)) : "") + String(repeating: "0", count: width - body.count) + digits
    }
    return body.padded(left: width)
  }

  private static func text(_ verb: Verb, _ letter: Character, _ value: JSON) -> String {
    let wrong = "%!\(letter)(\(value.isNull ? "<nil>" : "\(GoPrint.typeName(value))=\(GoPrint.text(value))"))"
    func signed(_ text: String, _ isNegative: Bool) -> String {
      (isNegative ? "-" : verb.plus ? "+" : verb.space ? " " : "") + text
    }
    switch letter {
    case "v":
      if verb.sharp { return value.string.map(GoQuote.string) ?? GoPrint.text(value) }
      if case .int(let number) = value { return signed(String(number.magnitude), number < 0) }
      return GoPrint.text(value)
    case "T": return GoPrint.typeName(value)
    case "t": return value.bool.map { "\($0)" } ?? wrong
    case "s":
      switch value {
      case .string(let text): return verb.precision.map { String(text.prefix($0)) } ?? text
      case .array, .object: return GoPrint.text(value)
      default: return wrong
      }
    case "q":
      if case .string(let text) = value {
        return GoQuote.string(verb.precision.map { String(text.prefix($0)) } ?? text)
      }
      if case .array(let values) = value {
        return "[" + values.map { self.text(verb, letter, $0) }.joined(separator: " ") + "]"
      }
      if let scalar = value.int.flatMap({ UInt32(exactly: $0) }).flatMap(Unicode.Scalar.init) {
        return GoQuote.character(Character(scalar))
      }
      return wrong
    case "d", "b", "o", "x", "X", "c", "U":
      if case .string(let text) = value, letter == "x" || letter == "X" {
        return text.utf8.map { byte in
          let hex = String(byte, radix: 16, uppercase: letter == "X")
          return hex.count < 2 ? "0" + hex : hex
        }.joined()
      }
      if case .array(let values) = value {
        return "[" + values.map { self.text(verb, letter, $0) }.joined(separator: " ") + "]"
      }
      guard case .int(let number) = value else { return wrong }
      if letter == "c" {
        return UInt32(exactly: number).flatMap(Unicode.Scalar.init).map { String(Character($0)) } ?? "\u{fffd}"
      }
      if letter == "U" {
        let hex = String(number.magnitude, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
      }
      let radix = letter == "d" ? 10 : letter == "b" ? 2 : letter == "o" ? 8 : 16
      var digits = String(number.magnitude, radix: radix, uppercase: letter == "X")
      if let precision = verb.precision, digits.count < precision {
        digits = String(repeating: "0", count: precision - digits.count) + digits
      }
      if verb.sharp, radix == 16 { digits = (letter == "X" ? "0X" : "0x") + digits }
      if verb.sharp, radix == 8 { digits = "0" + digits }
      return signed(digits, number < 0)
    case "f", "F", "e", "E", "g", "G":
      guard case .double(let number) = value else { return wrong }
      let body: String
      switch letter {
      case "f", "F": body = GoFloat.fixed(number.magnitude, verb.precision ?? 6)
      case "e", "E": body = GoFloat.exponential(number.magnitude, verb.precision ?? 6)
      default:
        body =
          verb.precision.map { GoFloat.general(number.magnitude, max(1, $0)) } ?? GoFloat.shortest(number.magnitude)
      }
      return signed(letter.isUppercase ? body.uppercased() : body, number < 0)
    default: return wrong
    }
  }
}
