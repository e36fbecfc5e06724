/// Parses a template as Go's text/template does. Nesting deeper than `maxDepth` is refused.
struct TemplateParser {
  private var items: [TemplateLexer.Item]
  private var index = 0
  private let functions: Set<String>
  private var variables = ["$"]
  private var rangeDepth = 0
  private var depth = 0
  private static let maxDepth = 100

  private init(_ items: [TemplateLexer.Item], functions: Set<String>) {
    (self.items, self.functions) = (items, functions)
  }

  static func parse(_ text: String, functions: Set<String>) throws(TemplateError) -> [TemplateNode] {
    var parser = TemplateParser(TemplateLexer.items(text), functions: functions)
    let (nodes, terminator) = try parser.list()
    if let terminator { throw parser.fault("unexpected {{\(terminator)}}") }
    return nodes
  }

  private var item: TemplateLexer.Item { items[min(index, items.count - 1)] }
  private func fault(_ message: String) -> TemplateError {
    // Where the lexer stopped, its words count.
    for at in [index, index - 1] where items.indices.contains(at) {
      if case .fault(let message) = items[at].token { return TemplateError(message) }
    }
    return TemplateError("template: :\(item.line): \(message)")
  }
  private mutating func next() -> TemplateLexer.Item {
    defer { if index < items.count - 1 { index += 1 } }
    return item
  }
  private mutating func skipSpace() { while case .space = item.token { index += 1 } }

  /// Nodes up to `{{end}}`, `{{else}}` or the end of the text.
  private mutating func list(insideBranch: Bool = false) throws(TemplateError) -> ([TemplateNode], String?) {
    depth += 1
    defer { depth -= 1 }
    guard depth < TemplateParser.maxDepth else { throw fault("exceeded maximum nesting depth") }
    var nodes: [TemplateNode] = []
    while true {
      let start = next()
      switch start.token {
      case .text(let text): nodes.append(.text(text))
      case .end:
        if insideBranch { throw fault("unexpected EOF") }
        return (nodes, nil)
      case .open:
        skipSpace()
        if case .keyword(let word) = item.token {
          index += 1
          switch word {
          case "end", "else": return (nodes, word)
          case "if", "range", "with":
            guard let kind = TemplateBranch.Kind(rawValue: word) else { continue }
            nodes.append(.branch(try branch(kind)))
          case "break", "continue":
            skipSpace()
            let end = next()
            guard case .close = end.token else { throw fault("unexpected \(shown(end.token)) in {{\(word)}}") }
            guard rangeDepth > 0 else { throw fault("{{\(word)}} outside {{range}}") }
            nodes.append(word == "break" ? .break : .continue)
          case "template":
            skipSpace()
            let name = next()
            guard case .string(let text, _) = name.token else {
              throw fault("unexpected \(shown(name.token)) in template clause")
            }
            skipSpace()
            if item.token != .close { _ = try pipeline("template clause", until: .close) } else { index += 1 }
            nodes.append(.template(name: text, position: name.position))
          default: throw fault("unexpected {{\(word)}}")
          }
        } else {
          nodes.append(.action(try pipeline("command", until: .close)))
        }
      default: throw fault("unexpected \(shown(start.token)) in input")
      }
    }
  }

  private mutating func branch(_ kind: TemplateBranch.Kind) throws(TemplateError) -> TemplateBranch {
    let scope = variables.count
    defer { variables.removeSubrange(scope...) }
    let pipeline = try pipeline(kind.rawValue, until: .close)
    if kind == .range { rangeDepth += 1 }
    let (body, terminator) = try list(insideBranch: true)
    if kind == .range { rangeDepth -= 1 }
    var otherwise: [TemplateNode] = []
    if terminator == "else" {
      skipSpace()
      if case .keyword(let word) = item.token, word == kind.rawValue, kind != .range,
        let chained = TemplateBranch.Kind(rawValue: word)
      {
        index += 1
        otherwise = [.branch(try branch(chained))]
        return TemplateBranch(kind: kind, pipeline: pipeline, body: body, otherwise: otherwise)
      }
      guard case .close = next().token else { throw fault("unexpected \(shown(item.token)) in else") }
      let (nodes, end) = try list(insideBranch: true)
      guard end == "end" else { throw fault("expected end; found {{else}}") }
      otherwise = nodes
    }
    try closeAction(terminator == "else" ? "end" : terminator ?? "end")
    return TemplateBranch(kind: kind, pipeline: pipeline, body: body, otherwise: otherwise)
  }

  private mutating func closeAction(_ word: String) throws(TemplateError) {
    skipSpace()
    guard case .close = item.token else { throw fault("unexpected \(shown(item.token)) in \(word)") }
    index += 1
  }

  private mutating func pipeline(
    _ context: String, until end: TemplateLexer.Token
  ) throws(TemplateError) -> TemplatePipeline {
    depth += 1
    defer { depth -= 1 }
    guard depth < TemplateParser.maxDepth else { throw fault("exceeded maximum nesting depth") }
    var pipeline = TemplatePipeline()
    skipSpace()
    try declarations(&pipeline, context)
    while true {
      skipSpace()
      if item.token == end {
        guard !pipeline.commands.isEmpty else { throw fault("missing value for \(context)") }
        for command in pipeline.commands.dropFirst() {
          switch command.operands[0].kind {
          case .bool, .dot, .nil, .int, .float, .string:
            throw fault(
              "non executable command in pipeline stage \((pipeline.commands.firstIndex(of: command) ?? 1) + 1)")
          default: break
          }
        }
        index += 1
        variables += pipeline.isAssignment ? [] : pipeline.variables
        return pipeline
      }
      guard isOperand(item.token) else { throw fault("unexpected \(shown(item.token)) in \(context)") }
      pipeline.commands.append(try command(context, end))
    }
  }

  private mutating func declarations(_ pipeline: inout TemplatePipeline, _ context: String) throws(TemplateError) {
    let saved = index
    var names: [String] = []
    while case .variable(let name) = item.token {
      index += 1
      skipSpace()
      names.append(name)
      switch item.token {
      case .declare, .assign:
        pipeline.isAssignment = item.token == .assign
        index += 1
        pipeline.variables = names
        return
      case .comma where context == "range":
        index += 1
        skipSpace()
        if names.count > 1 { throw fault("too many declarations in range") }
      case .comma: throw fault("too many declarations in \(context)")
      default:
        index = saved
        return
      }
    }
    index = saved
  }

  private func isOperand(_ token: TemplateLexer.Token) -> Bool {
    switch token {
    case .identifier, .field, .variable, .dot, .bool, .number, .string, .character, .nil, .leftParenthesis: true
    default: false
    }
  }

  private mutating func command(
    _ context: String, _ end: TemplateLexer.Token
  ) throws(TemplateError) -> TemplateCommand {
    let position = item.position
    var operands: [TemplateOperand] = []
    while true {
      skipSpace()
      if item.token == end { break }
      if case .pipe = item.token {
        guard !operands.isEmpty else { throw fault("unexpected \"|\" in \(context)") }
        index += 1
        break
      }
      guard isOperand(item.token) else { throw fault("unexpected \(shown(item.token)) in operand") }
      operands.append(try operand(context))
      switch item.token {
      case .space, .pipe: continue
      case end: continue
      default: throw fault("unexpected \(shown(item.token)) in operand")
      }
    }
    guard !operands.isEmpty else { throw fault("empty command") }
    return TemplateCommand(operands: operands, position: position)
  }

  private mutating func operand(_ context: String) throws(TemplateError) -> TemplateOperand {
    var operand = try term(context)
    guard case .field(let first) = item.token else { return operand }
    let position = item.position
    var names = [first]
    index += 1
    while case .field(let name) = item.token {
      names.append(name)
      index += 1
    }
    switch operand.kind {
    case .field(let before): operand = TemplateOperand(kind: .field(before + names), position: position)
    case .variable(let name, let before):
      operand = TemplateOperand(kind: .variable(name, before + names), position: position)
    case .bool, .string, .int, .float, .nil, .dot:
      throw fault("unexpected . after term \(GoQuote.string(operand.description))")
    default: operand = TemplateOperand(kind: .chain(operand, names), position: position)
    }
    return operand
  }

  private mutating func term(_ context: String) throws(TemplateError) -> TemplateOperand {
    let start = next()
    func made(_ kind: TemplateOperand.Kind) -> TemplateOperand { TemplateOperand(kind: kind, position: start.position) }
    switch start.token {
    case .identifier(let name):
      guard functions.contains(name) else { throw fault("function \(GoQuote.string(name)) not defined") }
      return made(.function(name))
    case .dot:
      if case .dot = item.token { throw fault("unexpected <.> in operand") }
      return made(.dot)
    case .nil: return made(.nil)
    case .variable(let name):
      guard variables.contains(name) else { throw fault("undefined variable \(GoQuote.string(name))") }
      return made(.variable(name, []))
    case .field(let name):
      if case .dot = item.token { throw fault("unexpected <.> in operand") }
      return made(.field([name]))
    case .bool(let value): return made(.bool(value))
    case .character(let value, let text): return made(.int(value, text))
    case .string(let value, let text): return made(.string(value, text))
    case .number(let text): return made(try number(text))
    case .leftParenthesis:
      let pipeline = try pipeline("parenthesized pipeline", until: .rightParenthesis)
      return made(.pipeline(pipeline))
    case .fault(let message): throw TemplateError(message)
    default:
      index = max(0, index - 1)
      throw fault("unexpected \(shown(start.token)) in \(context)")
    }
  }

  private func number(_ text: String) throws(TemplateError) -> TemplateOperand.Kind {
    let plain = text.replacing("_", by: "")
    if let value = try? GoNumber.parseInt(plain) { return .int(value, text) }
    if let value = Double(plain), plain.last != ".", plain.first != "." { return .float(value, text) }
    if let value = Double("0" + plain), plain.first == ".", plain != "." { return .float(value, text) }
    let isSyntax = plain == "." || plain == "+" || plain == "-"
    throw fault(
      isSyntax
        ? "illegal number syntax: \(GoQuote.string(text))" : "bad number syntax: \(GoQuote.string(text))")
  }

  /// A token as messages cite it.
  private func shown(_ token: TemplateLexer.Token) -> String {
    switch token {
    case .end: "EOF"
    case .keyword(let word): "<\(word)>"
    case .dot: "<.>"
    case .nil: "<nil>"
    case .text(let text): text.count > 10 ? GoQuote.string(String(text.prefix(10))) + "..." : GoQuote.string(text)
    case .open: "\"{{\""
    case .close: "\"}}\""
    case .pipe: "\"|\""
    case .comma: "\",\""
    case .declare: "\":=\""
    case .assign: "\"=\""
    case .leftParenthesis: "\"(\""
    case .rightParenthesis: "\")\""
    case .space: "\" \""
    case .identifier(let name), .variable(let name), .number(let name): GoQuote.string(name)
    case .field(let name): "<.\(name)>"
    case .bool(let value): "\"\(value)\""
    case .string(_, let text), .character(_, let text): GoQuote.string(text)
    case .other(let character): GoQuote.string(String(character))
    case .fault(let message): message
    }
  }
}
