/// Cuts a template into tokens (Go's text/template/parse lexer).
struct TemplateLexer {
  enum Token: Sendable, Hashable {
    case text(String)
    case open, close
    case pipe, comma, declare, assign, leftParenthesis, rightParenthesis, space
    case identifier(String)
    /// `.Name`
    case field(String)
    /// `$name`
    case variable(String)
    case dot
    case bool(Bool)
    case number(String)
    /// The value and the text as written.
    case string(String, String)
    case character(Int64, String)
    case `nil`
    case keyword(String)
    /// What the lexer does not know.
    case other(Character)
    /// Why nothing more can be read.
    case fault(String)
    case end
  }
  struct Item: Sendable, Hashable {
    var token: Token
    /// Bytes from the template's beginning.
    var position: Int
    var line: Int
  }

  private static let keywords: Set<String> = [
    "if", "else", "end", "range", "with", "break", "continue", "template", "define", "block",
  ]
  private let text: [Character]
  private var index = 0
  private var position = 0
  private var line = 1
  private(set) var items: [Item] = []

  private init(_ text: String) { self.text = Array(text) }

  /// The tokens; the last is the end, or what stopped the lexer (what stands before it may be at fault already).
  static func items(_ text: String) -> [Item] {
    var lexer = TemplateLexer(text)
    do throws(TemplateError) {
      try lexer.run()
    } catch {
      lexer.add(.fault(error.description), from: lexer.position)
    }
    return lexer.items
  }

  private func fault(_ message: String) -> TemplateError { TemplateError("template: :\(line): \(message)") }
  private func peek(_ offset: Int = 0) -> Character? {
    text.indices.contains(index + offset) ? text[index + offset] : nil
  }

  private mutating func advance() {
    guard index < text.count else { return }
    position += text[index].utf8.count
    if text[index].isNewline { line += 1 }
    index += 1
  }
  private func starts(_ word: String, at offset: Int = 0) -> Bool {
    var at = index + offset
    for character in word {
      guard text.indices.contains(at), text[at] == character else { return false }
      at += 1
    }
    return true
  }
  private mutating func skip(_ count: Int) { for _ in 0..<count { advance() } }
  private mutating func add(_ token: Token, from start: Int) {
    items.append(Item(token: token, position: start, line: line))
  }

  private mutating func run() throws(TemplateError) {
    var trimsLeft = false
    while true {
      let start = position
      var literal = ""
      while index < text.count, !starts("{{") {
        literal.append(text[index])
        advance()
      }
      if trimsLeft { literal = String(literal.drop(while: \.isWhitespace)) }
      trimsLeft = false
      guard index < text.count else {
        if !literal.isEmpty { add(.text(literal), from: start) }
        add(.end, from: position)
        return
      }
      skip(2)
      if peek() == "-", peek(1)?.isWhitespace ?? false {
        while let last = literal.last, last.isWhitespace { literal.removeLast() }
        skip(1)
        while peek()?.isWhitespace ?? false { advance() }
      }
      if !literal.isEmpty { add(.text(literal), from: start) }
      if starts("/*") {
        while index < text.count, !starts("*/") { advance() }
        guard index < text.count else { throw fault("unclosed comment") }
        skip(2)
        if peek()?.isWhitespace ?? false {
          while peek()?.isWhitespace ?? false { advance() }
          if starts("-}}") {
            trimsLeft = true
            skip(1)
          }
        }
        guard starts("}}") else { throw fault("comment ends before closing delimiter") }
        skip(2)
        continue
      }
      add(.open, from: position)
      trimsLeft = try action()
    }
  }

  /// Lexes up to the closing delimiter; true when it trims what follows.
  private mutating func action() throws(TemplateError) -> Bool {
    var depth = 0
    while true {
      guard let character = peek() else { throw fault("unclosed action") }
      let start = position
      if character.isWhitespace {
        var count = 0
        while peek(count)?.isWhitespace ?? false { count += 1 }
        if starts("-}}", at: count) {
          skip(count + 3)
          if depth > 0 { throw fault("unclosed left paren") }
          add(.close, from: start)
          return true
        }
        skip(count)
        add(.space, from: start)
        continue
      }
      if starts("}}") {
        if depth > 0 { throw fault("unclosed left paren") }
        skip(2)
        add(.close, from: start)
        return false
      }
      switch character {
      case "|":
        advance()
        add(.pipe, from: start)
      case ",":
        advance()
        add(.comma, from: start)
      case ":":
        guard peek(1) == "=" else { throw fault("expected :=") }
        skip(2)
        add(.declare, from: start)
      case "=":
        advance()
        add(.assign, from: start)
      case "(":
        advance()
        depth += 1
        add(.leftParenthesis, from: start)
      case ")":
        advance()
        depth -= 1
        if depth < 0 { throw fault("unexpected right paren") }
        add(.rightParenthesis, from: start)
      case "\"": try quoted(start)
      case "`": try raw(start)
      case "'": try characterConstant(start)
      case "$":
        advance()
        add(.variable("$" + word()), from: start)
        try checkTerminator()
      case ".":
        guard let next = peek(1), !(next.isASCII && next.isNumber) else {
          try number(start)
          continue
        }
        advance()
        let name = word()
        add(name.isEmpty ? .dot : .field(name), from: start)
        if !name.isEmpty { try checkTerminator() }
      case "+", "-": try number(start)
      default:
        if character.isASCII, character.isNumber {
          try number(start)
        } else if character.isLetter || character == "_" {
          try identifier(start)
        } else {
          advance()
          add(.other(character), from: start)
        }
      }
    }
  }

  private mutating func word() -> String {
    var name = ""
    while let character = peek(), character.isLetter || character.isNumber || character == "_" {
      name.append(character)
      advance()
    }
    return name
  }

  private mutating func identifier(_ start: Int) throws(TemplateError) {
    let name = word()
    switch name {
    case "true": add(.bool(true), from: start)
    case "false": add(.bool(false), from: start)
    case "nil": add(.nil, from: start)
    default: add(TemplateLexer.keywords.contains(name) ? .keyword(name) : .identifier(name), from: start)
    }
    try checkTerminator()
  }

  /// A name ends at a blank or at what may stand behind one.
  private func checkTerminator() throws(TemplateError) {
    guard let next = peek(), !next.isWhitespace, !".,|:()".contains(next), !starts("}}") else { return }
    throw fault("bad character U+" + hex(next) + " '\(next)'")
  }

  private func hex(_ character: Character) -> String {
    let digits = String(character.unicodeScalars.first?.value ?? 0, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private mutating func number(_ start: Int) throws(TemplateError) {
    var spelled = ""
    func isDigit(_ character: Character, _ radix: Int) -> Bool {
      character == "_" || (character.isASCII && character.hexDigitValue.map { $0 < radix } ?? false)
    }
    func take() {
      if let character = peek() { spelled.append(character) }
      advance()
    }
    func takeDigits(_ radix: Int) { while let digit = peek(), isDigit(digit, radix) { take() } }
    if peek() == "+" || peek() == "-" { take() }
    var radix = 10
    if peek() == "0" {
      take()
      if let mark = peek(), let value = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2][mark] {
        radix = value
        take()
      }
    }
    takeDigits(radix)
    if peek() == "." {
      take()
      takeDigits(radix)
    }
    if radix == 10, peek() == "e" || peek() == "E" {
      take()
      if peek() == "+" || peek() == "-" { take() }
      takeDigits(10)
    }
    if let next = peek(), next.isLetter || next.isNumber || next == "_" {
      take()
      throw fault("bad number syntax: \(GoQuote.string(spelled))")
    }
    add(.number(spelled), from: start)
  }

  private mutating func quoted(_ start: Int) throws(TemplateError) {
    let from = index
    advance()
    var value = ""
    while let character = peek() {
      guard !character.isNewline else { break }
      advance()
      if character == "\"" { return add(.string(value, String(text[from..<index])), from: start) }
      if character == "\\" { value += try escape() } else { value.append(character) }
    }
    throw fault("unterminated quoted string")
  }

  private mutating func escape() throws(TemplateError) -> String {
    guard let character = peek() else { throw fault("unterminated quoted string") }
    advance()
    switch character {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "a": return "\u{7}"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "v": return "\u{b}"
    case "\\", "\"", "'": return String(character)
    case "x": return try code(2)
    case "u": return try code(4)
    case "U": return try code(8)
    default: throw fault("invalid syntax")
    }
  }

  private mutating func code(_ digits: Int) throws(TemplateError) -> String {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let digit = peek()?.hexDigitValue else { throw fault("invalid syntax") }
      value = value << 4 | UInt32(digit)
      advance()
    }
    return Unicode.Scalar(value).map { String(Character($0)) } ?? "\u{fffd}"
  }

  private mutating func raw(_ start: Int) throws(TemplateError) {
    let from = index
    advance()
    var value = ""
    while let character = peek() {
      advance()
      if character == "`" { return add(.string(value, String(text[from..<index])), from: start) }
      value.append(character)
    }
    throw fault("unterminated raw quoted string")
  }

  private mutating func characterConstant(_ start: Int) throws(TemplateError) {
    let from = index
    advance()
    var value = ""
    while let character = peek(), !character.isNewline {
      advance()
      if character == "'" {
        guard value.unicodeScalars.count == 1, let scalar = value.unicodeScalars.first else {
          throw fault("malformed character constant: \(String(text[from..<index]))")
        }
        return add(.character(Int64(scalar.value), String(text[from..<index])), from: start)
      }
      if character == "\\" { value += try escape() } else { value.append(character) }
    }
    throw fault("unterminated character constant")
  }
}
