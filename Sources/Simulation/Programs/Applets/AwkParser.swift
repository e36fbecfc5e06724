/// Parses awk programs.
struct AwkParser {
  private enum Token: Equatable {
    case number(Double)
    case string(String)
    case pattern(String)
    case name(String)
    /// A name with a parenthesis directly behind it.
    case function(String)
    case sign(String)
    case newline
    case end
  }
  private var tokens: [Token] = []
  private var position = 0
  private var depth = 0

  typealias Expression = AwkProgram.Expression
  typealias Statement = AwkProgram.Statement

  init(_ text: String) throws { try tokenize(Array(text.utf8)) }

  private mutating func tokenize(_ text: [UInt8]) throws {
    let signs = [
      "**=", "&&", "||", "==", "!=", "<=", ">=", "!~", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", ">>", "**", "{",
      "}",
      "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", "<", ">", "~", "?", ":", "$", "=", "|",
    ]
    var i = 0
    scan: while i < text.count {
      let byte = text[i]
      switch byte {
      case 32, 9, 13: i += 1
      case 10:
        tokens.append(.newline)
        i += 1
      case UInt8(ascii: "\\") where i + 1 < text.count && text[i + 1] == 10: i += 2
      case UInt8(ascii: "#"): while i < text.count, text[i] != 10 { i += 1 }
      case UInt8(ascii: "\""):
        var end = i + 1
        while end < text.count, text[end] != byte { end += text[end] == UInt8(ascii: "\\") ? 2 : 1 }
        guard end < text.count else { throw AwkProgram.Failure(text: "Unexpected end of string") }
        tokens.append(
          .string(String(decoding: Escapes.decode(Array(text[(i + 1)..<end]), style: .format).bytes, as: UTF8.self)))
        i = end + 1
      case UInt8(ascii: "/") where expectsOperand:
        var end = i + 1
        while end < text.count, text[end] != byte { end += text[end] == UInt8(ascii: "\\") ? 2 : 1 }
        guard end < text.count else { throw AwkProgram.Failure(text: "Unexpected end of regex") }
        tokens.append(.pattern(String(decoding: text[(i + 1)..<end], as: UTF8.self).replacing("\\/", with: "/")))
        i = end + 1
      case let digit
      where (48...57).contains(digit)
        || (digit == UInt8(ascii: ".") && i + 1 < text.count && (48...57).contains(text[i + 1])):
        var end = i
        while end < text.count, (48...57).contains(text[end]) || text[end] == UInt8(ascii: ".") { end += 1 }
        tokens.append(.number(Double(String(decoding: text[i..<end], as: UTF8.self)) ?? 0))
        i = end
      default:
        if isNameByte(byte) {
          var end = i
          while end < text.count, isNameByte(text[end]) { end += 1 }
          let name = String(decoding: text[i..<end], as: UTF8.self)
          let isCall = end < text.count && text[end] == UInt8(ascii: "(") && !Self.keywords.contains(name)
          tokens.append(isCall ? .function(name) : .name(name))
          i = end
          continue scan
        }
        guard let sign = signs.first(where: { text[i...].starts(with: $0.utf8) }) else {
          throw AwkProgram.Failure(text: "Unexpected token")
        }
        tokens.append(.sign(sign))
        i += sign.utf8.count
      }
    }
    // Left-leaning expressions nest as deep as they are long.
    guard tokens.count < 5_000 else { throw AwkProgram.Failure(text: "program too long") }
    tokens.append(.end)
  }

  private static let keywords: Set<String> = [
    "BEGIN", "END", "if", "else", "while", "for", "do", "in", "print", "printf", "next", "exit", "delete", "break",
    "continue", "function", "getline", "return",
  ]

  /// Whether a slash here begins a pattern.
  private var expectsOperand: Bool {
    switch tokens.last {
    case .number?, .string?, .name?, .pattern?: false
    case .sign(let sign)?: ![")", "]", "$", "++", "--"].contains(sign)
    default: true
    }
  }

  // MARK: Rules

  mutating func parse() throws -> [AwkProgram.Rule] {
    var rules: [AwkProgram.Rule] = []
    skipEnds()
    while current != .end {
      var pattern = AwkProgram.Pattern.always
      if take(.name("BEGIN")) {
        pattern = .begin
      } else if take(.name("END")) {
        pattern = .end
      } else if current == .name("function") || current == .name("func") {
        throw AwkProgram.Failure(text: "the simulated awk has no user functions")
      } else if current != .sign("{") {
        let first = try expression()
        if take(.sign(",")) { pattern = .range(first, try expression()) } else { pattern = .expression(first) }
      }
      var action: Statement?
      if current == .sign("{") { action = try block() }
      rules.append(AwkProgram.Rule(pattern: pattern, action: action))
      skipEnds()
    }
    return rules
  }

  private var current: Token { tokens[position] }
  private mutating func take(_ token: Token) -> Bool {
    guard tokens[position] == token else { return false }
    position += 1
    return true
  }
  private mutating func expect(_ sign: String) throws {
    guard take(.sign(sign)) else { throw AwkProgram.Failure(text: "Unexpected token") }
  }
  private mutating func skipEnds() { while current == .newline || current == .sign(";") { position += 1 } }
  private mutating func skipNewlines() { while current == .newline { position += 1 } }

  private mutating func nested<T>(_ body: (inout AwkParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth < 150 else { throw AwkProgram.Failure(text: "program too deep") }
    return try body(&self)
  }

  private mutating func block() throws -> Statement {
    try expect("{")
    var statements: [Statement] = []
    skipEnds()
    while current != .sign("}") {
      guard current != .end else { throw AwkProgram.Failure(text: "Unexpected end of program") }
      statements.append(try statement())
      skipEnds()
    }
    position += 1
    return .group(statements)
  }

  private mutating func statement() throws -> Statement {
    try nested { try $0.parseStatement() }
  }

  private mutating func parseStatement() throws -> Statement {
    skipNewlines()
    if current == .sign("{") { return try block() }
    if take(.sign(";")) { return .group([]) }
    guard case .name(let word) = current, Self.keywords.contains(word) else { return .expression(try expression()) }
    position += 1
    switch word {
    case "print", "printf":
      var list: [Expression] = []
      let isGrouped = current == .sign("(") && closesStatement(from: position)
      if isGrouped { position += 1 }
      while !isStatementEnd, current != .sign(")") {
        list.append(try ternary(allowsComparison: isGrouped))
        if !take(.sign(",")) { break }
        skipNewlines()
      }
      if isGrouped { try expect(")") }
      if current == .sign(">") || current == .sign("|") || current == .sign(">>") {
        throw AwkProgram.Failure(text: "the simulated awk prints to its standard output only")
      }
      return .print(list, isFormatted: word == "printf")
    case "if":
      try expect("(")
      let test = try expression()
      try expect(")")
      let then = try statement()
      let saved = position
      skipEnds()
      if take(.name("else")) { return .conditional(test, then, try statement()) }
      position = saved
      return .conditional(test, then, nil)
    case "while":
      try expect("(")
      let test = try expression()
      try expect(")")
      return .loop(test, try statement(), isTestedLast: false)
    case "do":
      let body = try statement()
      skipEnds()
      guard take(.name("while")) else { throw AwkProgram.Failure(text: "Unexpected token") }
      try expect("(")
      let test = try expression()
      try expect(")")
      return .loop(test, body, isTestedLast: true)
    case "for":
      try expect("(")
      if case .name(let name) = current, position + 3 < tokens.count, tokens[position + 1] == .name("in"),
        case .name(let array) = tokens[position + 2], tokens[position + 3] == .sign(")")
      {
        position += 4
        return .forIn(name, array, try statement())
      }
      let first = current == .sign(";") ? nil : Statement.expression(try expression())
      try expect(";")
      let test = current == .sign(";") ? nil : try expression()
      try expect(";")
      let step = current == .sign(")") ? nil : Statement.expression(try expression())
      try expect(")")
      return .forLoop(first, test, step, try statement())
    case "next": return .next
    case "break": return .leave
    case "continue": return .proceed
    case "exit": return .exit(isStatementEnd ? nil : try expression())
    case "delete":
      guard case .name(let name) = current else { throw AwkProgram.Failure(text: "Unexpected token") }
      position += 1
      guard take(.sign("[")) else { return .delete(name, nil) }
      let keys = try list(until: "]")
      return .delete(name, keys)
    default: throw AwkProgram.Failure(text: "the simulated awk has no '\(word)'")
    }
  }

  private var isStatementEnd: Bool {
    current == .end || current == .newline || current == .sign(";") || current == .sign("}") || current == .sign(">")
      || current == .sign("|")
  }

  /// Whether the parenthesis at `start` closes right before the end of the statement.
  private func closesStatement(from start: Int) -> Bool {
    var open = 0
    for index in start..<tokens.count {
      if tokens[index] == .sign("(") { open += 1 }
      if tokens[index] == .sign(")") {
        open -= 1
        if open == 0 {
          let next = tokens[index + 1]
          return next == .end || next == .newline || next == .sign(";") || next == .sign("}") || next == .sign(">")
            || next == .sign("|")
        }
      }
    }
    return false
  }

  // MARK: Expressions

  private mutating func list(until close: String) throws -> [Expression] {
    var list: [Expression] = []
    while current != .sign(close) {
      list.append(try expression())
      if !take(.sign(",")) { break }
      skipNewlines()
    }
    try expect(close)
    return list
  }

  private mutating func expression() throws -> Expression { try ternary(allowsComparison: true) }

  private mutating func ternary(allowsComparison: Bool) throws -> Expression {
    try nested { parser in
      let left = try parser.or(allowsComparison)
      if parser.take(.sign("?")) {
        let yes = try parser.ternary(allowsComparison: allowsComparison)
        try parser.expect(":")
        return .ternary(left, yes, try parser.ternary(allowsComparison: allowsComparison))
      }
      for sign in ["=", "+=", "-=", "*=", "/=", "%=", "^="] where parser.take(.sign(sign)) {
        return .assign(left, sign, try parser.ternary(allowsComparison: allowsComparison))
      }
      return left
    }
  }

  private mutating func or(_ compares: Bool) throws -> Expression {
    var left = try and(compares)
    while take(.sign("||")) {
      skipNewlines()
      left = .binary("||", left, try and(compares))
    }
    return left
  }

  private mutating func and(_ compares: Bool) throws -> Expression {
    var left = try membership(compares)
    while take(.sign("&&")) {
      skipNewlines()
      left = .binary("&&", left, try membership(compares))
    }
    return left
  }

  private mutating func membership(_ compares: Bool) throws -> Expression {
    var left = try matching(compares)
    while take(.name("in")) {
      guard case .name(let array) = current else { throw AwkProgram.Failure(text: "Unexpected token") }
      position += 1
      left = .contains([left], array)
    }
    return left
  }

  private mutating func matching(_ compares: Bool) throws -> Expression {
    var left = try comparison(compares)
    while true {
      if take(.sign("~")) {
        left = .binary("~", left, try comparison(compares))
      } else if take(.sign("!~")) {
        left = .binary("!~", left, try comparison(compares))
      } else {
        return left
      }
    }
  }

  private mutating func comparison(_ compares: Bool) throws -> Expression {
    let left = try concatenation()
    for sign in ["<=", ">=", "==", "!=", "<", ">"] where current == .sign(sign) {
      if sign == ">", !compares { return left }
      position += 1
      return .binary(sign, left, try concatenation())
    }
    return left
  }

  private mutating func concatenation() throws -> Expression {
    var left = try additive()
    while beginsOperand { left = .binary(" ", left, try additive()) }
    return left
  }

  private var beginsOperand: Bool {
    switch current {
    case .number, .string, .function: true
    case .name(let name): name != "in" && !Self.keywords.contains(name)
    case .sign(let sign): ["$", "!", "(", "-", "+", "++", "--"].contains(sign) && sign != "-" && sign != "+"
    default: false
    }
  }

  private mutating func additive() throws -> Expression {
    var left = try multiplicative()
    while case .sign(let sign) = current, sign == "+" || sign == "-" {
      position += 1
      left = .binary(sign, left, try multiplicative())
    }
    return left
  }

  private mutating func multiplicative() throws -> Expression {
    var left = try unary()
    while case .sign(let sign) = current, sign == "*" || sign == "/" || sign == "%" {
      position += 1
      left = .binary(sign, left, try unary())
    }
    return left
  }

  private mutating func unary() throws -> Expression {
    try nested { parser in
      for sign in ["!", "-", "+"] where parser.take(.sign(sign)) { return .unary(sign, try parser.unary()) }
      let base = try parser.postfix()
      if parser.take(.sign("^")) || parser.take(.sign("**")) { return .binary("^", base, try parser.unary()) }
      return base
    }
  }

  private mutating func postfix() throws -> Expression {
    if take(.sign("++")) { return .increment(try primary(), by: 1, isPrefix: true) }
    if take(.sign("--")) { return .increment(try primary(), by: -1, isPrefix: true) }
    let base = try primary()
    switch base {
    case .variable, .element, .field:
      if take(.sign("++")) { return .increment(base, by: 1, isPrefix: false) }
      if take(.sign("--")) { return .increment(base, by: -1, isPrefix: false) }
    default: break
    }
    return base
  }

  private mutating func primary() throws -> Expression {
    let token = current
    position += 1
    switch token {
    case .number(let value): return .number(value)
    case .string(let text): return .string(text)
    case .pattern(let text):
      do { return .pattern(try RegularExpression(text, isExtended: true)) } catch RegularExpression.Failure.invalid(
        let reason)
      {
        throw AwkProgram.Failure(text: "bad regex '\(text)': \(reason)")
      }
    case .sign("("):
      let first = try expression()
      if take(.sign(",")) {
        var keys = [first]
        repeat { keys.append(try expression()) } while take(.sign(","))
        try expect(")")
        guard take(.name("in")), case .name(let array) = current else {
          throw AwkProgram.Failure(text: "Unexpected token")
        }
        position += 1
        return .contains(keys, array)
      }
      try expect(")")
      return first
    case .sign("$"):
      return .field(
        try nested { parser in
          parser.take(.sign("++")) ? .increment(try parser.primary(), by: 1, isPrefix: true) : try parser.primary()
        })
    case .sign("-"): return .unary("-", try nested { try $0.primary() })
    case .function(let name):
      try expect("(")
      return .call(name, try list(until: ")"))
    case .name("length"): return .call("length", [])
    case .name(let name) where !Self.keywords.contains(name):
      if take(.sign("[")) { return .element(name, try list(until: "]")) }
      return .variable(name)
    case .name("getline"): throw AwkProgram.Failure(text: "the simulated awk has no getline")
    default:
      position -= 1
      throw AwkProgram.Failure(text: token == .end ? "Unexpected end of program" : "Unexpected token")
    }
  }
}

extension String {
  /// Every occurrence of a text replaced.
  func replacing(_ text: String, with other: String) -> String {
    guard !text.isEmpty else { return self }
    let (bytes, needle) = (Array(utf8), Array(text.utf8))
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index...].starts(with: needle) {
        out += other.utf8
        index += needle.count
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
