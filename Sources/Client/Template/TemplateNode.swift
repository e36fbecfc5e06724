/// The tree of a template (Go's text/template/parse): what it holds and how messages cite it.
indirect enum TemplateNode: Sendable, Hashable {
  case text(String)
  /// A pipeline whose value is printed, unless it declares a variable.
  case action(TemplatePipeline)
  case branch(TemplateBranch)
  case `break`
  case `continue`
  /// `{{template "name" .}}`; docker has no named templates, so this always fails.
  case template(name: String, position: Int)
}

/// `{{if}}`, `{{range}}` and `{{with}}`.
struct TemplateBranch: Sendable, Hashable {
  enum Kind: String, Sendable { case `if`, range, with }
  var kind: Kind
  var pipeline: TemplatePipeline
  var body: [TemplateNode]
  var otherwise: [TemplateNode]
}

/// `$x := .A | upper`.
struct TemplatePipeline: Sendable, Hashable, CustomStringConvertible {
  var variables: [String] = []
  /// `=` instead of `:=`.
  var isAssignment = false
  var commands: [TemplateCommand] = []

  var description: String {
    let declaration =
      variables.isEmpty ? "" : variables.joined(separator: ", ") + (isAssignment ? " = " : " := ")
    return declaration + commands.map(\.description).joined(separator: " | ")
  }
}

/// An operand with its arguments.
struct TemplateCommand: Sendable, Hashable, CustomStringConvertible {
  var operands: [TemplateOperand]
  var position: Int

  var description: String {
    operands.map { operand in
      if case .pipeline(let pipeline) = operand.kind { return "(\(pipeline))" }
      return operand.description
    }.joined(separator: " ")
  }
}

/// A value in a command, with where it stands in the template (bytes from its beginning).
struct TemplateOperand: Sendable, Hashable, CustomStringConvertible {
  indirect enum Kind: Sendable, Hashable {
    case dot
    case `nil`
    case bool(Bool)
    case int(Int64, String)
    case float(Double, String)
    case string(String, String)
    /// `.A.B`
    case field([String])
    /// `$x.A`
    case variable(String, [String])
    case function(String)
    case pipeline(TemplatePipeline)
    /// `(pipeline).A.B`
    case chain(TemplateOperand, [String])
  }
  var kind: Kind
  var position: Int

  var description: String {
    switch kind {
    case .dot: "."
    case .nil: "nil"
    case .bool(let value): "\(value)"
    case .int(_, let text), .float(_, let text), .string(_, let text): text
    case .field(let names): "." + names.joined(separator: ".")
    case .variable(let name, let names): ([name] + names).joined(separator: ".")
    case .function(let name): name
    case .pipeline(let pipeline): "\(pipeline)"
    case .chain(let operand, let names):
      if case .pipeline = operand.kind {
        "(\(operand))." + names.joined(separator: ".")
      } else {
        "\(operand)." + names.joined(separator: ".")
      }
    }
  }
}

/// Why a template cannot be parsed or executed, in Go's words, without docker's `template parsing error: `.
struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
