extension ShellParser {
  /// The word that stands here; nil when an operator, a newline or the end does.
  mutating func parseWord() throws -> ShellWord? {
    guard let first = current, !isWordEnd(first) else { return nil }
    var parts: [ShellWordPart] = []
    if first == UInt8(ascii: "~") {
      advance()
      var user: [UInt8] = []
      while let byte = current, isNameByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") {
        user.append(byte)
        advance()
      }
      if let next = current, next != UInt8(ascii: "/"), !isWordEnd(next) {
        parts.append(.literal([UInt8(ascii: "~")] + user))
      } else {
        parts.append(.tilde(user))
      }
    }
    parts += try parseParts(isDoubleQuoted: false, until: nil)
    return ShellWord(parts: parts)
  }

  private func isWordEnd(_ byte: UInt8) -> Bool {
    switch byte {
    case 32, 9, 10, UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "("), UInt8(ascii: ")"):
      true
    default: false
    }
  }

  /// Parts of a word.
  ///
  /// - Parameters:
  ///   - isDoubleQuoted: within double quotes, a here-document or arithmetic: only `$`, backquotes and some
  ///     backslashes are special, and the end of the text ends it.
  ///   - closing: the sign that ends it (not taken): `"` or `}` or `/`; nil when a word's end does.
  mutating func parseParts(
    isDoubleQuoted: Bool, until closing: UInt8?, isHere: Bool = false, also second: UInt8? = nil
  ) throws -> [ShellWordPart] {
    var parts: [ShellWordPart] = []
    var literal: [UInt8] = []
    func flush() {
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = []
    }
    while let byte = current {
      if byte == closing || (second != nil && byte == second) { break }
      if !isDoubleQuoted, closing == nil, isWordEnd(byte) { break }
      switch byte {
      case UInt8(ascii: "\\"):
        advance()
        guard let escaped = current else {
          literal.append(byte)
          break
        }
        if escaped == 10 {
          advance()
        } else if isDoubleQuoted {
          let isSpecial =
            "$`\\".utf8.contains(escaped) || (escaped == UInt8(ascii: "\"") && !isHere)
            || (closing == UInt8(ascii: "}") && escaped == UInt8(ascii: "}"))
          if !isSpecial { literal.append(byte) }
          advance()
          if isSpecial {
            flush()
            parts.append(.quoted([escaped]))
          } else {
            literal.append(escaped)
          }
        } else {
          advance()
          flush()
          parts.append(.quoted([escaped]))
        }
      case UInt8(ascii: "'") where !isDoubleQuoted:
        flush()
        parts.append(.quoted(try parseSingleQuoted()))
      case UInt8(ascii: "\"") where !isHere && (!isDoubleQuoted || closing == UInt8(ascii: "}")):
        flush()
        advance()
        let inner = try nested { try $0.parseParts(isDoubleQuoted: true, until: UInt8(ascii: "\"")) }
        guard current == UInt8(ascii: "\"") else { throw ShellSyntaxError.unterminatedQuote }
        advance()
        parts.append(.doubleQuoted(inner))
      case UInt8(ascii: "`"):
        flush()
        parts.append(try parseBackquoted(isDoubleQuoted: isDoubleQuoted))
      case UInt8(ascii: "$"):
        if let part = try parseDollar(isDoubleQuoted: isDoubleQuoted, isHere: isHere) {
          flush()
          parts.append(part)
        } else {
          literal.append(byte)
        }
      default:
        literal.append(byte)
        advance()
      }
    }
    flush()
    return parts
  }

  private mutating func parseSingleQuoted() throws -> [UInt8] {
    advance()
    var bytes: [UInt8] = []
    while let byte = current {
      advance()
      if byte == UInt8(ascii: "'") { return bytes }
      bytes.append(byte)
    }
    throw ShellSyntaxError.unterminatedQuote
  }

  private mutating func parseBackquoted(isDoubleQuoted: Bool) throws -> ShellWordPart {
    advance()
    var bytes: [UInt8] = []
    let startLine = line
    while let byte = current {
      advance()
      if byte == UInt8(ascii: "`") {
        var inner = ShellParser(bytes, line: startLine, dialect: dialect, aliases: aliases)
        inner.depth = depth
        return .command(try inner.parseWhole())
      }
      if byte == UInt8(ascii: "\\"), let next = current,
        "$`\\".utf8.contains(next) || (isDoubleQuoted && next == UInt8(ascii: "\""))
      {
        bytes.append(next)
        advance()
      } else {
        bytes.append(byte)
      }
    }
    throw ShellSyntaxError.unterminatedQuote
  }

  /// Everything to the end of the text, as one list.
  mutating func parseWhole() throws -> ShellNode? {
    var nodes: [ShellNode] = []
    try nested { parser in
      while let node = try parser.nextCommand() { nodes.append(node) }
    }
    return nodes.isEmpty ? nil : .sequence(nodes)
  }

  /// What a dollar sign begins; nil when it only stands for itself.
  private mutating func parseDollar(isDoubleQuoted: Bool, isHere: Bool) throws -> ShellWordPart? {
    advance()
    guard let next = current else { return nil }
    switch next {
    case UInt8(ascii: "("):
      if byte(ahead: 1) == UInt8(ascii: "("), let arithmetic = try parseArithmetic() { return arithmetic }
      advance()
      let list = try nested { try $0.parseList(until: []) }
      try skipNewlines()
      guard current == UInt8(ascii: ")") else { throw unexpected(expected: ")") }
      advance()
      return .command(list)
    case UInt8(ascii: "{"):
      advance()
      return .parameter(try nested { try $0.parseBraced(isDoubleQuoted: isDoubleQuoted, isHere: isHere) })
    case UInt8(ascii: "'") where !isDoubleQuoted && dialect != .dash:
      var bytes: [UInt8] = []
      advance()
      while let byte = current, byte != UInt8(ascii: "'") {
        bytes.append(byte)
        advance()
        if byte == UInt8(ascii: "\\"), let escaped = current {
          bytes.append(escaped)
          advance()
        }
      }
      guard current != nil else { throw ShellSyntaxError.unterminatedQuote }
      advance()
      return .quoted(Escapes.decode(bytes, style: .dollarQuote).bytes)
    default: break
    }
    if isNameByte(next), !(48...57).contains(next) {
      var name: [UInt8] = []
      while let byte = current, isNameByte(byte) {
        name.append(byte)
        advance()
      }
      return .parameter(ShellParameter(name: String(decoding: name, as: UTF8.self)))
    }
    if (48...57).contains(next) || "@*#?-$!".utf8.contains(next) {
      advance()
      return .parameter(ShellParameter(name: String(decoding: [next], as: UTF8.self)))
    }
    return nil
  }

  /// `$((…))`, with the parser on its first parenthesis; nil when it is a command substitution after all.
  private mutating func parseArithmetic() throws -> ShellWordPart? {
    var end = position + 2
    var open = 0
    while end < text.count {
      switch text[end] {
      case UInt8(ascii: "("): open += 1
      case UInt8(ascii: ")") where open > 0: open -= 1
      case UInt8(ascii: ")"):
        guard end + 1 < text.count, text[end + 1] == UInt8(ascii: ")") else { return nil }
        var inner = ShellParser(Array(text[(position + 2)..<end]), line: line, dialect: dialect)
        inner.depth = depth + 1
        guard inner.depth < Self.maximumDepth else { throw ShellSyntaxError.tooDeep }
        let parts = try inner.parseParts(isDoubleQuoted: true, until: nil)
        while position < end + 2 { advance() }
        return .arithmetic(parts)
      default: break
      }
      end += 1
    }
    throw ShellSyntaxError.incomplete(expected: "))")
  }

  /// The inside of `${…}`, with its closing brace.
  private mutating func parseBraced(isDoubleQuoted: Bool, isHere: Bool) throws -> ShellParameter {
    func take(_ parser: inout ShellParser) throws {
      guard parser.current == UInt8(ascii: "}") else {
        if parser.isAtEnd { throw ShellSyntaxError.missingBrace }
        throw ShellSyntaxError.badSubstitution
      }
      parser.advance()
    }
    guard let first = current else { throw ShellSyntaxError.missingBrace }
    if first == UInt8(ascii: "#"), let next = byte(ahead: 1), next != UInt8(ascii: "}"),
      isNameByte(next) || "@*?-$!".utf8.contains(next)
    {
      advance()
      let name = try parseParameterName()
      try take(&self)
      return ShellParameter(name: name, operation: .length)
    }
    if first == UInt8(ascii: "!"), dialect == .bash, let next = byte(ahead: 1), isNameByte(next) {
      advance()
      let name = try parseParameterName()
      try take(&self)
      return ShellParameter(name: name, operation: .indirect)
    }
    var parameter = ShellParameter(name: try parseParameterName())
    guard let sign = current else { throw ShellSyntaxError.missingBrace }
    if sign == UInt8(ascii: "}") {
      advance()
      return parameter
    }
    advance()
    func word(_ parser: inout ShellParser, quoted: Bool, also second: UInt8? = nil) throws -> ShellWord {
      ShellWord(
        parts: try parser.nested {
          try $0.parseParts(isDoubleQuoted: quoted, until: UInt8(ascii: "}"), isHere: isHere && quoted, also: second)
        })
    }
    var hasColon = false
    var operation = sign
    if sign == UInt8(ascii: ":") {
      if let next = current, "-=?+".utf8.contains(next) {
        hasColon = true
        operation = next
        advance()
      } else {
        guard dialect != .dash else { throw ShellSyntaxError.badSubstitution }
        let offset = try word(&self, quoted: true, also: UInt8(ascii: ":"))
        var length: ShellWord?
        if current == UInt8(ascii: ":") {
          advance()
          length = try word(&self, quoted: true)
        }
        try take(&self)
        parameter.operation = .substring(offset, length)
        return parameter
      }
    }
    switch operation {
    case UInt8(ascii: "-"): parameter.operation = .useDefault(try word(&self, quoted: isDoubleQuoted), colon: hasColon)
    case UInt8(ascii: "="):
      parameter.operation = .assignDefault(try word(&self, quoted: isDoubleQuoted), colon: hasColon)
    case UInt8(ascii: "+"): parameter.operation = .alternative(try word(&self, quoted: isDoubleQuoted), colon: hasColon)
    case UInt8(ascii: "?"):
      let message = try word(&self, quoted: isDoubleQuoted)
      parameter.operation = .error(message.parts.isEmpty ? nil : message, colon: hasColon)
    case UInt8(ascii: "#"), UInt8(ascii: "%"):
      let isLongest = current == operation
      if isLongest { advance() }
      let pattern = try word(&self, quoted: false)
      parameter.operation =
        operation == UInt8(ascii: "#")
        ? .removePrefix(pattern, longest: isLongest) : .removeSuffix(pattern, longest: isLongest)
    case UInt8(ascii: "/") where dialect != .dash:
      let isAll = current == UInt8(ascii: "/")
      if isAll { advance() }
      let pattern = try word(&self, quoted: false, also: UInt8(ascii: "/"))
      var replacement = ShellWord()
      if current == UInt8(ascii: "/") {
        advance()
        replacement = try word(&self, quoted: false)
      }
      parameter.operation = .replace(pattern, with: replacement, all: isAll)
    case UInt8(ascii: "^") where dialect == .bash, UInt8(ascii: ",") where dialect == .bash:
      let isAll = current == operation
      if isAll { advance() }
      parameter.operation = .changeCase(upper: operation == UInt8(ascii: "^"), all: isAll)
    default: throw ShellSyntaxError.badSubstitution
    }
    try take(&self)
    return parameter
  }

  private mutating func parseParameterName() throws -> String {
    guard let first = current else { throw ShellSyntaxError.missingBrace }
    var name: [UInt8] = []
    if (48...57).contains(first) {
      while let byte = current, (48...57).contains(byte) {
        name.append(byte)
        advance()
      }
    } else if isNameByte(first) {
      while let byte = current, isNameByte(byte) {
        name.append(byte)
        advance()
      }
    } else if "@*#?-$!".utf8.contains(first) {
      name = [first]
      advance()
    } else {
      throw ShellSyntaxError.badSubstitution
    }
    return String(decoding: name, as: UTF8.self)
  }
}
