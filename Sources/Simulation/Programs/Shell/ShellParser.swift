/// Parses the shell language: one complete command at a time, so that what stands before a mistake is run.
struct ShellParser {
  let text: [UInt8]
  var position: Int
  var line: Int
  let dialect: ShellDialect
  var aliases: [String: String]
  var depth = 0
  private var waitingDocuments: [HereDocument] = []
  /// The text ended within a here-document.
  private(set) var endsInDocument = false

  init(_ text: [UInt8], at position: Int = 0, line: Int = 1, dialect: ShellDialect, aliases: [String: String] = [:]) {
    (self.text, self.position, self.line, self.dialect, self.aliases) = (text, position, line, dialect, aliases)
  }

  /// Nested constructs (and words) may be this deep; a real shell's stack ends somewhere too.
  static let maximumDepth = 120

  var isAtEnd: Bool { position >= text.count }
  var current: UInt8? { position < text.count ? text[position] : nil }
  func byte(ahead: Int) -> UInt8? { position + ahead < text.count ? text[position + ahead] : nil }

  mutating func advance() {
    if position < text.count {
      if text[position] == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
  }

  mutating func nested<T>(_ body: (inout ShellParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.maximumDepth else { throw ShellSyntaxError.tooDeep }
    return try body(&self)
  }

  // MARK: Lists

  /// The next complete command, up to its newline; nil at the end of the text.
  mutating func nextCommand() throws -> ShellNode? {
    try skipNewlines()
    guard !isAtEnd else { return nil }
    let list = try parseList(until: [], stopsAtNewline: true)
    skipBlanks()
    if current == UInt8(ascii: "\n") {
      advance()
      try readDocuments()
    } else if !isAtEnd {
      throw unexpected()
    }
    if !waitingDocuments.isEmpty { try readDocuments() }
    return list ?? .sequence([])
  }

  /// Commands joined by `;`, `&` and newlines, until a reserved word of `stops` or a closing sign stands there.
  mutating func parseList(until stops: Set<String>, stopsAtNewline: Bool = false) throws -> ShellNode? {
    try nested { parser in
      var nodes: [ShellNode] = []
      while true {
        if stopsAtNewline { parser.skipBlanks() } else { try parser.skipNewlines() }
        guard let next = parser.current, next != UInt8(ascii: "\n") else { break }
        if next == UInt8(ascii: ")") || (next == UInt8(ascii: ";") && parser.byte(ahead: 1) == UInt8(ascii: ";")) {
          break
        }
        if let word = parser.peekReserved(), stops.contains(word) || Self.closingWords.contains(word) { break }
        let start = parser.position
        let node = try parser.parseAndOr()
        parser.skipBlanks()
        switch parser.current {
        case UInt8(ascii: "&"):
          let text = String(decoding: parser.text[start..<parser.position], as: UTF8.self)
          parser.advance()
          nodes.append(.background(node, text: trimmed(text)))
        case UInt8(ascii: ";"):
          nodes.append(node)
          if parser.byte(ahead: 1) == UInt8(ascii: ";") { break }
          parser.advance()
        default:
          nodes.append(node)
          if parser.current != UInt8(ascii: "\n") || stopsAtNewline {
            return nodes.count == 1 ? nodes[0] : .sequence(nodes)
          }
        }
      }
      if nodes.isEmpty { return nil }
      return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }
  }

  /// Words that can not begin a command: a list ends before them, whatever it was waiting for.
  private static let closingWords: Set<String> = ["then", "else", "elif", "fi", "do", "done", "esac", "}"]

  /// A list that must not be empty.
  private mutating func parseRequiredList(until stops: Set<String>, expected: String) throws -> ShellNode {
    guard let list = try parseList(until: stops) else { throw unexpected(expected: expected) }
    return list
  }

  private mutating func parseAndOr() throws -> ShellNode {
    let first = try parsePipeline()
    var rest: [(isAnd: Bool, node: ShellNode)] = []
    while true {
      skipBlanks()
      let isAnd = current == UInt8(ascii: "&") && byte(ahead: 1) == UInt8(ascii: "&")
      let isOr = current == UInt8(ascii: "|") && byte(ahead: 1) == UInt8(ascii: "|")
      guard isAnd || isOr else { return rest.isEmpty ? first : .andOr(first, rest) }
      position += 2
      try skipNewlines()
      rest.append((isAnd, try parsePipeline()))
    }
  }

  private mutating func parsePipeline() throws -> ShellNode {
    var isNegated = false
    while peekReserved() == "!" {
      skipBlanks()
      advance()
      isNegated.toggle()
    }
    var nodes = [try parseCommand()]
    while true {
      skipBlanks()
      guard current == UInt8(ascii: "|"), byte(ahead: 1) != UInt8(ascii: "|") else { break }
      advance()
      if current == UInt8(ascii: "&"), dialect != .dash { advance() }
      try skipNewlines()
      nodes.append(try parseCommand())
    }
    if nodes.count == 1, !isNegated { return nodes[0] }
    return .pipeline(nodes, isNegated: isNegated)
  }

  // MARK: Commands

  private mutating func parseCommand() throws -> ShellNode {
    try nested { parser in
      parser.skipBlanks()
      guard let first = parser.current else { throw ShellSyntaxError.incomplete(expected: nil) }
      if first == UInt8(ascii: "(") {
        if parser.byte(ahead: 1) == UInt8(ascii: "("), parser.dialect != .dash,
          let node = try parser.parseArithmeticCommand()
        {
          return try parser.withRedirections(node)
        }
        parser.advance()
        let body = try parser.parseRequiredList(until: [], expected: ")")
        try parser.expectClosing(UInt8(ascii: ")"))
        return try parser.withRedirections(.subshell(body))
      }
      guard let reserved = parser.peekReserved() else { return try parser.parseSimple() }
      switch reserved {
      case "{", "if", "while", "until", "for", "case":
        parser.takeReserved(reserved)
        return try parser.withRedirections(parser.parseCompound(reserved))
      case "[[" where parser.dialect != .dash:
        parser.takeReserved(reserved)
        return try parser.withRedirections(parser.parseTest())
      case "function" where parser.dialect != .dash:
        parser.takeReserved(reserved)
        parser.skipBlanks()
        guard let name = try parser.parseWord()?.plain, !name.isEmpty else { throw parser.unexpected() }
        parser.skipBlanks()
        if parser.current == UInt8(ascii: "("), parser.byte(ahead: 1) == UInt8(ascii: ")") { parser.position += 2 }
        try parser.skipNewlines()
        return .function(name, try parser.parseCommand())
      case "[[", "function": return try parser.parseSimple()
      default: throw ShellSyntaxError.unexpected(reserved, expected: nil)
      }
    }
  }

  private mutating func parseCompound(_ word: String) throws -> ShellNode {
    switch word {
    case "{":
      let body = try parseRequiredList(until: ["}"], expected: "}")
      try expect("}")
      return .group(body)
    case "if":
      return try parseIf()
    case "while", "until":
      let condition = try parseRequiredList(until: ["do"], expected: "do")
      let body = try parseDo()
      return .loop(condition, body: body, isUntil: word == "until")
    case "for":
      skipBlanks()
      guard let name = try parseWord()?.plain, isName(name) else {
        if isAtEnd { throw ShellSyntaxError.incomplete(expected: nil) }
        throw ShellSyntaxError.unexpected("bad for loop variable", expected: nil)
      }
      try skipNewlines()
      var words: [ShellWord]?
      if peekReserved() == "in" {
        takeReserved("in")
        var list: [ShellWord] = []
        skipBlanks()
        while let word = try parseWord() {
          list.append(word)
          skipBlanks()
        }
        words = list
      }
      skipBlanks()
      if current == UInt8(ascii: ";") { advance() }
      return .forEach(name, words, try parseDo())
    default:
      return try parseCase()
    }
  }

  private mutating func parseIf() throws -> ShellNode {
    try nested { parser in
      let condition = try parser.parseRequiredList(until: ["then"], expected: "then")
      try parser.expect("then")
      let then = try parser.parseRequiredList(until: ["elif", "else", "fi"], expected: "fi")
      switch parser.peekReserved() {
      case "elif":
        parser.takeReserved("elif")
        return .conditional(condition, then: then, else: try parser.parseIf())
      case "else":
        parser.takeReserved("else")
        let other = try parser.parseRequiredList(until: ["fi"], expected: "fi")
        try parser.expect("fi")
        return .conditional(condition, then: then, else: other)
      default:
        try parser.expect("fi")
        return .conditional(condition, then: then, else: nil)
      }
    }
  }

  private mutating func parseDo() throws -> ShellNode {
    try skipNewlines()
    try expect("do")
    let body = try parseRequiredList(until: ["done"], expected: "done")
    try expect("done")
    return body
  }

  private mutating func parseCase() throws -> ShellNode {
    skipBlanks()
    guard let subject = try parseWord() else { throw unexpected() }
    try skipNewlines()
    try expect("in")
    var branches: [(patterns: [ShellWord], body: ShellNode?)] = []
    while true {
      try skipNewlines()
      if isAtEnd { throw ShellSyntaxError.incomplete(expected: ")") }
      if peekReserved() == "esac" {
        takeReserved("esac")
        return .select(subject, branches)
      }
      if current == UInt8(ascii: "(") { advance() }
      var patterns: [ShellWord] = []
      while true {
        skipBlanks()
        guard let pattern = try parseWord() else { throw unexpected(expected: ")") }
        patterns.append(pattern)
        skipBlanks()
        guard current == UInt8(ascii: "|") else { break }
        advance()
      }
      try expectClosing(UInt8(ascii: ")"))
      let body = try parseList(until: ["esac"])
      branches.append((patterns, body))
      try skipNewlines()
      if current == UInt8(ascii: ";"), byte(ahead: 1) == UInt8(ascii: ";") {
        position += 2
        if current == UInt8(ascii: "&") { advance() }
      } else if peekReserved() != "esac" {
        throw unexpected(expected: "esac")
      }
    }
  }

  /// `(( … ))`, as the command `let`; nil when it turns out to be a subshell in a subshell.
  private mutating func parseArithmeticCommand() throws -> ShellNode? {
    let start = (position, line)
    position += 2
    var open = 0
    var end = position
    while end < text.count {
      switch text[end] {
      case UInt8(ascii: "("): open += 1
      case UInt8(ascii: ")"):
        if open == 0 {
          guard end + 1 < text.count, text[end + 1] == UInt8(ascii: ")") else {
            (position, line) = start
            return nil
          }
          var inner = ShellParser(Array(text[position..<end]), line: line, dialect: dialect)
          let parts = try inner.parseParts(isDoubleQuoted: true, until: nil)
          position = end + 2
          var command = ShellCommand(line: line)
          command.words = [
            ShellWord(parts: [.literal(Array("let".utf8))]), ShellWord(parts: [.doubleQuoted(parts)]),
          ]
          return .simple(command)
        }
        open -= 1
      default: break
      }
      end += 1
    }
    throw ShellSyntaxError.incomplete(expected: "))")
  }

  private mutating func parseTest() throws -> ShellNode {
    var items: [ShellTestItem] = []
    while true {
      try skipNewlines()
      guard let next = current else { throw ShellSyntaxError.incomplete(expected: "]]") }
      if peekReserved() == "]]" {
        takeReserved("]]")
        return .test(items)
      }
      switch next {
      case UInt8(ascii: "&"), UInt8(ascii: "|"):
        guard byte(ahead: 1) == next else { throw unexpected() }
        position += 2
        items.append(.sign(next == UInt8(ascii: "&") ? "&&" : "||"))
      case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"):
        advance()
        items.append(.sign(String(decoding: [next], as: UTF8.self)))
      default:
        var isPattern = false
        if case .word(let word)? = items.last, word.plain == "=~" { isPattern = true }
        guard let word = isPattern ? try parseRegexWord() : try parseWord() else { throw unexpected() }
        items.append(word.plain == "!" ? .sign("!") : .word(word))
      }
    }
  }

  /// The right side of `=~`: parentheses and bars belong to it.
  private mutating func parseRegexWord() throws -> ShellWord? {
    let start = position
    var quote: UInt8?
    while let byte = current {
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t") {
        break
      }
      advance()
    }
    let slice = Array(text[start..<position])
    var inner = ShellParser(slice, line: line, dialect: dialect)
    return ShellWord(parts: try inner.parseParts(isDoubleQuoted: false, until: nil))
  }

  private mutating func parseSimple() throws -> ShellNode {
    var command = ShellCommand(line: line)
    while true {
      skipBlanks()
      if let redirection = try parseRedirection() {
        command.redirections.append(redirection)
        continue
      }
      let start = position
      guard let word = try parseWord() else { break }
      if command.words.isEmpty {
        if let assignment = assignment(word) {
          command.assignments.append(assignment)
          continue
        }
        if let name = word.plain, let value = aliases[name], !name.isEmpty {
          var others = aliases
          others[name] = nil
          let replaced = Array(text[..<start]) + Array(value.utf8) + Array(text[position...])
          var parser = ShellParser(replaced, at: start, line: line, dialect: dialect, aliases: others)
          parser.depth = depth
          parser.waitingDocuments = waitingDocuments
          let node = try parser.nested { try $0.parseCommand() }
          parser.aliases = aliases
          parser.depth = depth
          self = parser
          return node
        }
        skipBlanks()
        if current == UInt8(ascii: "("), command.assignments.isEmpty, command.redirections.isEmpty {
          return try parseFunction(word)
        }
      }
      command.words.append(word)
    }
    if command.words.isEmpty, command.assignments.isEmpty, command.redirections.isEmpty { throw unexpected() }
    return .simple(command)
  }

  private mutating func parseFunction(_ word: ShellWord) throws -> ShellNode {
    advance()
    skipBlanks()
    guard current == UInt8(ascii: ")") else { throw unexpected(expected: ")") }
    guard let name = word.plain, isFunctionName(name) else { throw ShellSyntaxError.badFunctionName }
    advance()
    try skipNewlines()
    return .function(name, try parseCommand())
  }

  private func isFunctionName(_ name: String) -> Bool {
    dialect == .bash ? !name.isEmpty && !name.contains("=") && !name.contains("$") : isName(name)
  }

  /// `name=value` and, where the dialect has it, `name+=value`.
  private func assignment(_ word: ShellWord) -> (name: String, value: ShellWord, appends: Bool)? {
    guard case .literal(let bytes)? = word.parts.first, let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else {
      return nil
    }
    var nameEnd = equals
    let appends = dialect != .dash && equals > 0 && bytes[equals - 1] == UInt8(ascii: "+")
    if appends { nameEnd -= 1 }
    let name = String(decoding: bytes[..<nameEnd], as: UTF8.self)
    guard isName(name) else { return nil }
    var value = ShellWord()
    let rest = Array(bytes[(equals + 1)...])
    if rest.first == UInt8(ascii: "~") {
      let user = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
      value.parts.append(.tilde(Array(user.dropFirst())))
      if user.count < rest.count { value.parts.append(.literal(Array(rest[user.count...]))) }
    } else if !rest.isEmpty {
      value.parts.append(.literal(rest))
    }
    value.parts += word.parts.dropFirst()
    return (name, value, appends)
  }

  // MARK: Redirections

  private mutating func withRedirections(_ node: ShellNode) throws -> ShellNode {
    var redirections: [ShellRedirection] = []
    skipBlanks()
    while let redirection = try parseRedirection() {
      redirections.append(redirection)
      skipBlanks()
    }
    return redirections.isEmpty ? node : .redirected(node, redirections)
  }

  private mutating func parseRedirection() throws -> ShellRedirection? {
    var ahead = 0
    while let digit = byte(ahead: ahead), digit >= 48, digit <= 57, ahead < 4 { ahead += 1 }
    guard let sign = byte(ahead: ahead) else { return nil }
    let isBoth =
      ahead == 0 && sign == UInt8(ascii: "&") && byte(ahead: 1) == UInt8(ascii: ">") && dialect != .dash
    guard sign == UInt8(ascii: "<") || sign == UInt8(ascii: ">") || isBoth else { return nil }
    let number = Int(String(decoding: text[position..<position + ahead], as: UTF8.self))
    position += ahead
    if isBoth {
      position += 2
      let appends = current == UInt8(ascii: ">")
      if appends { advance() }
      return ShellRedirection(fd: 1, kind: .both(append: appends), target: try parseTarget())
    }
    advance()
    let next = current
    if sign == UInt8(ascii: "<") {
      let fd = number ?? 0
      switch next {
      case UInt8(ascii: "<"): return try parseHere(fd)
      case UInt8(ascii: "&"):
        advance()
        return ShellRedirection(fd: fd, kind: .duplicate, target: try parseTarget())
      case UInt8(ascii: ">"):
        advance()
        return ShellRedirection(fd: fd, kind: .readWrite, target: try parseTarget())
      default: return ShellRedirection(fd: fd, kind: .read, target: try parseTarget())
      }
    }
    let fd = number ?? 1
    switch next {
    case UInt8(ascii: ">"):
      advance()
      return ShellRedirection(fd: fd, kind: .append, target: try parseTarget())
    case UInt8(ascii: "&"):
      advance()
      let target = try parseTarget()
      if number == nil, dialect != .dash, let plain = target.plain, Int(plain) == nil, plain != "-" {
        return ShellRedirection(fd: 1, kind: .both(append: false), target: target)
      }
      return ShellRedirection(fd: fd, kind: .duplicate, target: target)
    case UInt8(ascii: "|"):
      advance()
      return ShellRedirection(fd: fd, kind: .write, target: try parseTarget())
    default: return ShellRedirection(fd: fd, kind: .write, target: try parseTarget())
    }
  }

  private mutating func parseTarget() throws -> ShellWord {
    skipBlanks()
    guard let word = try parseWord() else {
      if current == UInt8(ascii: "<") || current == UInt8(ascii: ">") {
        throw ShellSyntaxError.unexpected("redirection", expected: nil)
      }
      throw unexpected()
    }
    return word
  }

  private mutating func parseHere(_ fd: Int) throws -> ShellRedirection {
    advance()
    if current == UInt8(ascii: "<") {
      guard dialect == .bash else { throw ShellSyntaxError.unexpected("redirection", expected: nil) }
      advance()
      return ShellRedirection(fd: fd, kind: .hereString, target: try parseTarget())
    }
    let strips = current == UInt8(ascii: "-")
    if strips { advance() }
    let word = try parseTarget()
    var delimiter: [UInt8] = []
    var isQuoted = false
    for part in word.parts {
      switch part {
      case .literal(let bytes): delimiter += bytes
      case .quoted(let bytes):
        delimiter += bytes
        isQuoted = true
      case .doubleQuoted(let parts):
        isQuoted = true
        for case .literal(let bytes) in parts { delimiter += bytes }
      default: break
      }
    }
    let document = HereDocument(delimiter: delimiter, isQuoted: isQuoted, stripsTabs: strips)
    waitingDocuments.append(document)
    return ShellRedirection(fd: fd, kind: .hereDocument(document), target: word)
  }

  /// Reads the bodies of the here-documents whose operators stood on the line before.
  private mutating func readDocuments() throws {
    let documents = waitingDocuments
    waitingDocuments = []
    for document in documents {
      var body: [UInt8] = []
      while true {
        if isAtEnd {
          endsInDocument = true
          break
        }
        var end = position
        while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
        var content = text[position..<end]
        let hasNewline = end < text.count
        position = hasNewline ? end + 1 : end
        if hasNewline { line += 1 }
        if document.stripsTabs { content = content.drop { $0 == 9 } }
        if Array(content) == document.delimiter { break }
        body += content
        if hasNewline { body.append(10) }
      }
      if document.isQuoted {
        document.body = ShellWord(parts: [.quoted(body)])
      } else {
        var inner = ShellParser(body, line: line, dialect: dialect)
        inner.depth = depth
        document.body = ShellWord(parts: [
          .doubleQuoted(try inner.parseParts(isDoubleQuoted: true, until: nil, isHere: true))
        ])
      }
    }
  }

  // MARK: Blanks and reserved words

  mutating func skipBlanks() {
    while let next = current {
      if next == 32 || next == 9 {
        position += 1
      } else if next == UInt8(ascii: "\\"), byte(ahead: 1) == 10 {
        position += 2
        line += 1
      } else if next == UInt8(ascii: "#") {
        while let byte = current, byte != 10 { position += 1 }
      } else {
        return
      }
    }
  }

  mutating func skipNewlines() throws {
    while true {
      skipBlanks()
      guard current == 10 else { return }
      advance()
      if !waitingDocuments.isEmpty { try readDocuments() }
    }
  }

  static let reservedWords: Set<String> = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while",
    "[[", "]]", "function",
  ]

  /// The reserved word that stands here, if one does.
  mutating func peekReserved() -> String? {
    skipBlanks()
    var end = position
    while end < text.count, end - position < 9 {
      let byte = text[end]
      if byte <= 32 || ";&|<>()".utf8.contains(byte) { break }
      end += 1
    }
    let word = String(decoding: text[position..<end], as: UTF8.self)
    return Self.reservedWords.contains(word) ? word : nil
  }

  mutating func takeReserved(_ word: String) {
    skipBlanks()
    position += word.utf8.count
  }

  private mutating func expect(_ word: String) throws {
    try skipNewlines()
    guard peekReserved() == word else { throw unexpected(expected: word) }
    takeReserved(word)
  }

  private mutating func expectClosing(_ sign: UInt8) throws {
    try skipNewlines()
    guard current == sign else { throw unexpected(expected: ")") }
    advance()
  }

  /// The error for what stands here.
  mutating func unexpected(expected: String? = nil) -> ShellSyntaxError {
    skipBlanks()
    guard let next = current else { return .incomplete(expected: expected) }
    if next == 10 { return .unexpected("newline", expected: expected) }
    if let reserved = peekReserved() { return .unexpected(reserved, expected: expected) }
    for sign in ["&&", "||", ";;", ";", "&", "|", "(", ")"] where text[position...].starts(with: sign.utf8) {
      return .unexpected(sign, expected: expected)
    }
    if next == UInt8(ascii: "<") || next == UInt8(ascii: ">") {
      return .unexpected("redirection", expected: expected)
    }
    var copy = self
    _ = try? copy.parseWord()
    return .unexpected("word", expected: expected)
  }
}

/// A name of a variable: letters, digits and underscores, not beginning with a digit.
func isName(_ text: some StringProtocol) -> Bool {
  guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
  return text.utf8.allSatisfy(isNameByte)
}

func isNameByte(_ byte: UInt8) -> Bool {
  (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
}
