import Runtime
import Seams

/// What is wrong with an expression of a simulated interpreter.
enum ScriptFailure: Error, Sendable {
  case syntax
  case zeroDivision
  case unknownName(String)
  /// Beyond what the simulated interpreter knows.
  case beyond(String)
}

/// A value of the simulated python and node: what their one-liners print.
enum ScriptValue: Sendable, Equatable {
  case integer(Int64)
  case real(Double)
  case text(String)
  case bool(Bool)
  case nothing
  case list([ScriptValue])

  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }
}

/// Evaluates the expressions that python and node have in common: numbers, texts, arithmetic, comparisons, names, calls
/// that the interpreter gives.
struct ScriptExpression {
  enum Language: Sendable { case python, javaScript }
  private let text: [UInt8]
  private var position = 0
  private var depth = 0
  private let language: Language
  /// Names (with their dots) and calls.
  private let names: (String) -> ScriptValue?
  private let call: (String, [ScriptValue]) throws -> ScriptValue?

  init(
    _ text: String, _ language: Language, names: @escaping (String) -> ScriptValue?,
    call: @escaping (String, [ScriptValue]) throws -> ScriptValue?
  ) {
    self.text = Array(text.utf8)
    (self.language, self.names, self.call) = (language, names, call)
  }

  /// The values of a list of arguments, separated by commas, to the end of the text.
  mutating func list() throws -> [ScriptValue] {
    var values: [ScriptValue] = []
    skip()
    while position < text.count {
      values.append(try comparison())
      skip()
      if position == text.count { break }
      guard take(",") else { throw ScriptFailure.syntax }
    }
    return values
  }

  private mutating func skip() { while position < text.count, text[position] <= 32 { position += 1 } }
  private mutating func take(_ sign: String) -> Bool {
    skip()
    guard text[position...].starts(with: sign.utf8) else { return false }
    position += sign.utf8.count
    return true
  }

  private mutating func comparison() throws -> ScriptValue {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else { throw ScriptFailure.syntax }
    let left = try additive()
    for sign in ["===", "!==", "==", "!=", "<=", ">=", "<", ">"] where take(sign) {
      let right = try additive()
      if sign.hasPrefix("==") { return .bool(left == right) }
      if sign.hasPrefix("!=") { return .bool(left != right) }
      guard let a = left.number, let b = right.number else { throw ScriptFailure.beyond("comparison") }
      switch sign {
      case "<": return .bool(a < b)
      case ">": return .bool(a > b)
      case "<=": return .bool(a <= b)
      default: return .bool(a >= b)
      }
    }
    return left
  }

  private mutating func additive() throws -> ScriptValue {
    var left = try multiplicative()
    while true {
      if take("+") {
        left = try apply("+", left, try multiplicative())
      } else if take("-") {
        left = try apply("-", left, try multiplicative())
      } else {
        return left
      }
    }
  }

  private mutating func multiplicative() throws -> ScriptValue {
    var left = try unary()
    while true {
      if take("**") {
        left = try apply("**", left, try unary())
      } else if take("*") {
        left = try apply("*", left, try unary())
      } else if language == .python, take("//") {
        left = try apply("//", left, try unary())
      } else if take("/") {
        left = try apply("/", left, try unary())
      } else if take("%") {
        left = try apply("%", left, try unary())
      } else {
        return left
      }
    }
  }

  private mutating func unary() throws -> ScriptValue {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else { throw ScriptFailure.syntax }
    if take("-") {
      switch try unary() {
      case .integer(let value): return .integer(0 &- value)
      case .real(let value): return .real(-value)
      default: throw ScriptFailure.beyond("-")
      }
    }
    return try primary()
  }

  private mutating func primary() throws -> ScriptValue {
    skip()
    guard position < text.count else { throw ScriptFailure.syntax }
    let byte = text[position]
    if take("(") {
      let value = try comparison()
      guard take(")") else { throw ScriptFailure.syntax }
      return value
    }
    if take("[") {
      var items: [ScriptValue] = []
      while !take("]") {
        items.append(try comparison())
        _ = take(",")
        guard position < text.count, items.count < 10_000 else { throw ScriptFailure.syntax }
      }
      return .list(items)
    }
    var isFormatted = false
    if language == .python, byte == UInt8(ascii: "f"), position + 1 < text.count,
      text[position + 1] == UInt8(ascii: "'") || text[position + 1] == UInt8(ascii: "\"")
    {
      isFormatted = true
      position += 1
    }
    let quote = text[position]
    if quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
      || (quote == UInt8(ascii: "`") && language == .javaScript)
    {
      return .text(try string(quote, isFormatted: isFormatted || quote == UInt8(ascii: "`")))
    }
    if (48...57).contains(byte) { return try number() }
    guard isNameByte(byte) else { throw ScriptFailure.syntax }
    var name: [UInt8] = []
    while position < text.count,
      isNameByte(text[position]) || text[position] == UInt8(ascii: ".") || text[position] == UInt8(ascii: "$")
    {
      name.append(text[position])
      position += 1
    }
    var path = String(decoding: name, as: UTF8.self)
    switch path {
    case "True", "true": return .bool(true)
    case "False", "false": return .bool(false)
    case "None", "null", "undefined": return .nothing
    default: break
    }
    while true {
      if take("(") {
        var values: [ScriptValue] = []
        while !take(")") {
          values.append(try comparison())
          _ = take(",")
          guard position < text.count else { throw ScriptFailure.syntax }
        }
        // A call behind a call: require('os').hostname().
        if take(".") {
          var rest: [UInt8] = []
          while position < text.count, isNameByte(text[position]) || text[position] == UInt8(ascii: ".") {
            rest.append(text[position])
            position += 1
          }
          let argument: String
          if case .text(let text)? = values.first { argument = text } else { argument = "" }
          path = "\(path)(\(argument)).\(String(decoding: rest, as: UTF8.self))"
          skip()
          if position < text.count, text[position] == UInt8(ascii: "(") { continue }
          guard let value = names(path) else { throw ScriptFailure.unknownName(path) }
          return value
        }
        guard let value = try call(path, values) else { throw ScriptFailure.unknownName(path) }
        return value
      }
      if take("[") {
        let key = try comparison()
        guard take("]") else { throw ScriptFailure.syntax }
        guard case .text(let text) = key else { throw ScriptFailure.beyond("indexing") }
        path += "." + text
        return names(path) ?? .nothing
      }
      break
    }
    guard let value = names(path) else { throw ScriptFailure.unknownName(path) }
    return value
  }

  private mutating func string(_ quote: UInt8, isFormatted: Bool) throws -> String {
    position += 1
    var bytes: [UInt8] = []
    while position < text.count, text[position] != quote {
      let byte = text[position]
      position += 1
      if byte == UInt8(ascii: "\\"), position < text.count {
        let escape = [byte, text[position]]
        position += 1
        let decoded = Escapes.decode(escape, style: .format).bytes
        bytes += decoded
        continue
      }
      let opens =
        language == .python
        ? byte == UInt8(ascii: "{")
        : byte == UInt8(ascii: "$") && position < text.count && text[position] == UInt8(ascii: "{")
      if isFormatted, opens {
        if language == .javaScript { position += 1 }
        guard let end = text[position...].firstIndex(of: UInt8(ascii: "}")) else { throw ScriptFailure.syntax }
        depth += 1
        guard depth < 100 else { throw ScriptFailure.syntax }
        var inner = ScriptExpression(
          String(decoding: text[position..<end], as: UTF8.self), language, names: names, call: call)
        inner.depth = depth
        for value in try inner.list() {
          bytes += Array(language == .python ? PythonText.str(value) : NodeText.string(value)).flatMap {
            Array(String($0).utf8)
          }
        }
        depth -= 1
        position = end + 1
        continue
      }
      bytes.append(byte)
    }
    guard position < text.count else { throw ScriptFailure.syntax }
    position += 1
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func number() throws -> ScriptValue {
    let start = position
    while position < text.count, isNameByte(text[position]) || text[position] == UInt8(ascii: ".") { position += 1 }
    let digits = String(decoding: text[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    if let value = Int64(digits) { return .integer(value) }
    if digits.hasPrefix("0x"), let value = Int64(digits.dropFirst(2), radix: 16) { return .integer(value) }
    guard let value = Double(digits) else { throw ScriptFailure.syntax }
    return .real(value)
  }

  private func apply(_ sign: String, _ a: ScriptValue, _ b: ScriptValue) throws -> ScriptValue {
    if sign == "+" {
      if case .text(let x) = a, case .text(let y) = b { return .text(x + y) }
      if language == .javaScript {
        if case .text(let x) = a { return .text(x + NodeText.string(b)) }
        if case .text(let y) = b { return .text(NodeText.string(a) + y) }
      }
      if case .list(let x) = a, case .list(let y) = b { return .list(x + y) }
    }
    if sign == "*", language == .python {
      if case .text(let x) = a, case .integer(let n) = b, n < 100_000 {
        return .text(String(repeating: x, count: max(0, Int(n))))
      }
      if case .integer(let n) = a, case .text(let x) = b, n < 100_000 {
        return .text(String(repeating: x, count: max(0, Int(n))))
      }
    }
    if case .integer(let x) = a, case .integer(let y) = b {
      var result: (partialValue: Int64, overflow: Bool)?
      switch sign {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      case "//", "%":
        if y == 0, language == .python { throw ScriptFailure.zeroDivision }
        if y != 0, !(x == .min && y == -1) {
          let (quotient, rest) = x.quotientAndRemainder(dividingBy: y)
          let isFloored = language == .python && rest != 0 && (rest < 0) != (y < 0)
          return .integer(sign == "%" ? (isFloored ? rest + y : rest) : (isFloored ? quotient - 1 : quotient))
        }
      case "**" where y >= 0:
        var power: (partialValue: Int64, overflow: Bool) = (1, false)
        for _ in 0..<min(y, 64) where !power.overflow { power = power.partialValue.multipliedReportingOverflow(by: x) }
        if y <= 64 || (-1...1).contains(x) { result = power }
      default: break
      }
      if let result {
        if !result.overflow { return .integer(result.partialValue) }
        if language == .python { throw ScriptFailure.beyond("integers of more than 64 bits") }
      }
    }
    guard let x = a.number, let y = b.number else { throw ScriptFailure.beyond("'\(sign)' of these values") }
    if y == 0, language == .python, sign == "/" || sign == "//" || sign == "%" { throw ScriptFailure.zeroDivision }
    let value: Double
    switch sign {
    case "+": value = x + y
    case "-": value = x - y
    case "*": value = x * y
    case "/": value = x / y
    case "//": value = (x / y).rounded(.down)
    case "%": value = x.truncatingRemainder(dividingBy: y)
    default:
      guard y == y.rounded(), y.magnitude < 1024 else { throw ScriptFailure.beyond("powers that are no integers") }
      var product = 1.0
      for _ in 0..<Int(y.magnitude) { product *= x }
      value = y < 0 ? 1 / product : product
    }
    if language == .javaScript, value == value.rounded(), value.magnitude < 9e15 { return .integer(Int64(value)) }
    return .real(value)
  }
}

/// How python shows values.
enum PythonText {
  static func str(_ value: ScriptValue) -> String {
    if case .text(let text) = value { return text }
    return repr(value)
  }
  static func repr(_ value: ScriptValue) -> String {
    switch value {
    case .integer(let number): String(number)
    case .real(let number): number == number.rounded() && number.magnitude < 1e16 ? "\(Int64(number)).0" : "\(number)"
    case .text(let text):
      text.contains("'") && !text.contains("\"")
        ? "\"\(text)\""
        : "'\(text.replacing("\\", with: "\\\\").replacing("'", with: "\\'").replacing("\n", with: "\\n"))'"
    case .bool(let flag): flag ? "True" : "False"
    case .nothing: "None"
    case .list(let items): "[" + items.map(repr).joined(separator: ", ") + "]"
    }
  }
}

/// How node shows values.
enum NodeText {
  static func string(_ value: ScriptValue) -> String {
    switch value {
    case .integer(let number): String(number)
    case .real(let number):
      number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : "\(number)"
    case .text(let text): text
    case .bool(let flag): flag ? "true" : "false"
    case .nothing: "undefined"
    case .list(let items): items.map(string).joined(separator: ",")
    }
  }
  /// As console.log shows it.
  static func inspect(_ value: ScriptValue, isTop: Bool = true) -> String {
    switch value {
    case .text(let text): isTop ? text : "'\(text)'"
    case .list(let items):
      items.isEmpty ? "[]" : "[ " + items.map { inspect($0, isTop: false) }.joined(separator: ", ") + " ]"
    default: string(value)
    }
  }
}
