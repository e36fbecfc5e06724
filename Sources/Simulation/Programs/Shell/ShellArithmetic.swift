/// What is wrong with an arithmetic expression.
enum ShellArithmeticError: Error, Sendable {
  case syntax
  case divideByZero
  case tooDeep
  case readOnly(String)
}

/// Evaluates `$((…))`: C's integer expressions over 64 bits, with the shell's variables.
struct ShellArithmetic {
  private let text: [UInt8]
  private var position = 0
  private var depth = 0
  private let level: Int
  /// Reads and writes variables. Nothing is written in the branch that is not taken.
  private let get: (String) -> String?
  private let set: (String, String) throws -> Void
  private var skips = 0

  /// - Parameter level: how many variables' contents deep this expression is.
  init(
    _ text: String, level: Int = 0, get: @escaping (String) -> String?,
    set: @escaping (String, String) throws -> Void
  ) {
    self.text = Array(text.utf8)
    (self.level, self.get, self.set) = (level, get, set)
  }

  mutating func evaluate() throws -> Int64 {
    guard level < 32 else { throw ShellArithmeticError.tooDeep }
    skipBlanks()
    if position == text.count { return 0 }
    let value = try comma()
    skipBlanks()
    guard position == text.count else { throw ShellArithmeticError.syntax }
    return value
  }

  private mutating func skipBlanks() {
    while position < text.count, text[position] <= 32 { position += 1 }
  }

  private mutating func take(_ sign: String, unlessBefore: String = "") -> Bool {
    skipBlanks()
    guard text[position...].starts(with: sign.utf8) else { return false }
    let end = position + sign.utf8.count
    if end < text.count, unlessBefore.utf8.contains(text[end]) { return false }
    position = end
    return true
  }

  private mutating func nested(_ body: (inout ShellArithmetic) throws -> Int64) throws -> Int64 {
    depth += 1
    defer { depth -= 1 }
    guard depth < 200 else { throw ShellArithmeticError.tooDeep }
    return try body(&self)
  }

  private mutating func comma() throws -> Int64 {
    var value = try assignment()
    while take(",") { value = try assignment() }
    return value
  }

  private mutating func assignment() throws -> Int64 {
    try nested { parser in
      let start = parser.position
      if let name = parser.takeName() {
        for sign in ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="] {
          guard parser.take(sign, unlessBefore: sign == "=" ? "=" : "") else { continue }
          let right = try parser.assignment()
          let value: Int64
          if sign == "=" {
            value = right
          } else {
            value = try parser.apply(String(sign.dropLast()), try parser.value(of: name), right)
          }
          try parser.store(name, value)
          return value
        }
      }
      parser.position = start
      return try parser.ternary()
    }
  }

  private mutating func ternary() throws -> Int64 {
    let condition = try binary(0)
    guard take("?") else { return condition }
    if condition == 0 { skips += 1 }
    let first = try comma()
    if condition == 0 { skips -= 1 }
    guard take(":") else { throw ShellArithmeticError.syntax }
    if condition != 0 { skips += 1 }
    let second = try nested { try $0.assignment() }
    if condition != 0 { skips -= 1 }
    return condition != 0 ? first : second
  }

  /// The binary operators, loosest first; what may not follow an operator is given beside it.
  private static let levels: [[(sign: String, not: String)]] = [
    [("||", "")], [("&&", "")], [("|", "|=")], [("^", "=")], [("&", "&=")], [("==", ""), ("!=", "")],
    [("<=", ""), (">=", ""), ("<", "<="), (">", ">=")], [("<<", "="), (">>", "=")], [("+", "+="), ("-", "-=")],
    [("*", "*="), ("/", "="), ("%", "=")],
  ]

  private mutating func binary(_ level: Int) throws -> Int64 {
    guard level < Self.levels.count else { return try power() }
    var left = try binary(level + 1)
    search: while true {
      for (sign, not) in Self.levels[level] where take(sign, unlessBefore: not) {
        let isSkipped = (sign == "||" && left != 0) || (sign == "&&" && left == 0)
        if isSkipped { skips += 1 }
        let right = try binary(level + 1)
        if isSkipped { skips -= 1 }
        left = try apply(sign, left, right)
        continue search
      }
      return left
    }
  }

  private mutating func power() throws -> Int64 {
    let base = try unary()
    guard take("**") else { return base }
    var exponent = try nested { try $0.power() }
    if exponent < 0 { throw ShellArithmeticError.syntax }
    var (result, square): (Int64, Int64) = (1, base)
    while exponent > 0 {
      if exponent & 1 == 1 { result = result &* square }
      square = square &* square
      exponent >>= 1
    }
    return result
  }

  private mutating func unary() throws -> Int64 {
    try nested { parser in
      if parser.take("++") || parser.take("--") {
        let isIncrement = parser.text[parser.position - 1] == UInt8(ascii: "+")
        guard let name = parser.takeName() else { throw ShellArithmeticError.syntax }
        let value = try parser.value(of: name) &+ (isIncrement ? 1 : -1)
        try parser.store(name, value)
        return value
      }
      if parser.take("!", unlessBefore: "=") { return try parser.unary() == 0 ? 1 : 0 }
      if parser.take("~") { return ~(try parser.unary()) }
      if parser.take("-") { return 0 &- (try parser.unary()) }
      if parser.take("+") { return try parser.unary() }
      return try parser.primary()
    }
  }

  private mutating func primary() throws -> Int64 {
    if take("(") {
      let value = try nested { try $0.comma() }
      guard take(")") else { throw ShellArithmeticError.syntax }
      return value
    }
    skipBlanks()
    if let name = takeName() {
      if take("++") || take("--") {
        let isIncrement = text[position - 1] == UInt8(ascii: "+")
        let value = try value(of: name)
        try store(name, value &+ (isIncrement ? 1 : -1))
        return value
      }
      return try value(of: name)
    }
    return try number()
  }

  private mutating func number() throws -> Int64 {
    var digits: [UInt8] = []
    while position < text.count, isNameByte(text[position]) || text[position] == UInt8(ascii: "#") {
      digits.append(text[position])
      position += 1
    }
    guard let value = ShellArithmetic.parse(String(decoding: digits, as: UTF8.self)) else {
      throw ShellArithmeticError.syntax
    }
    return value
  }

  /// A constant: decimal, `0x…`, `0…` octal, `base#digits`. Too large ones wrap.
  static func parse(_ text: String) -> Int64? {
    var digits = Array(text.utf8)[...]
    var base: Int64 = 10
    if let mark = digits.firstIndex(of: UInt8(ascii: "#")) {
      guard let given = Int64(String(decoding: digits[..<mark], as: UTF8.self)), (2...36).contains(given) else {
        return nil
      }
      base = given
      digits = digits[(mark + 1)...]
    } else if digits.count > 1, digits[0] == 48, digits[1] | 32 == UInt8(ascii: "x") {
      base = 16
      digits = digits.dropFirst(2)
    } else if digits.count > 1, digits[0] == 48 {
      base = 8
      digits = digits.dropFirst()
    }
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for byte in digits {
      let digit: Int64
      switch byte {
      case 48...57: digit = Int64(byte) - 48
      case 65...90: digit = Int64(byte) - 55
      case 97...122: digit = Int64(byte) - 87
      default: return nil
      }
      guard digit < base else { return nil }
      value = value &* base &+ digit
    }
    return value
  }

  private mutating func takeName() -> String? {
    skipBlanks()
    guard position < text.count, isNameByte(text[position]), !(48...57).contains(text[position]) else { return nil }
    let start = position
    while position < text.count, isNameByte(text[position]) { position += 1 }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  private func value(of name: String) throws -> Int64 {
    guard skips == 0, let content = get(name), !content.isEmpty else { return 0 }
    if let number = Int64(content), !content.hasPrefix("0") || content == "0" { return number }
    var inner = ShellArithmetic(content, level: level + 1, get: get, set: set)
    return try inner.evaluate()
  }

  private func store(_ name: String, _ value: Int64) throws {
    if skips == 0 { try set(name, String(value)) }
  }

  private func apply(_ sign: String, _ a: Int64, _ b: Int64) throws -> Int64 {
    switch sign {
    case "||": return a != 0 || b != 0 ? 1 : 0
    case "&&": return a != 0 && b != 0 ? 1 : 0
    case "|": return a | b
    case "^": return a ^ b
    case "&": return a & b
    case "==": return a == b ? 1 : 0
    case "!=": return a != b ? 1 : 0
    case "<": return a < b ? 1 : 0
    case ">": return a > b ? 1 : 0
    case "<=": return a <= b ? 1 : 0
    case ">=": return a >= b ? 1 : 0
    case "<<": return a << (b & 63)
    case ">>": return a >> (b & 63)
    case "+": return a &+ b
    case "-": return a &- b
    case "*": return a &* b
    default:
      if b == 0 {
        if skips > 0 { return 0 }
        throw ShellArithmeticError.divideByZero
      }
      if b == -1 { return sign == "/" ? 0 &- a : 0 }
      return sign == "/" ? a / b : a % b
    }
  }
}
