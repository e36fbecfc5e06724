import JSONTree

/// What a template is about, when it is more than JSON: a row of a table, whose fields are worked out when asked for.
protocol TemplateContext: Sendable {
  /// For messages: `*formatter.ContainerContext`.
  var typeName: String { get }
  /// The field or method; nil when there is none of that name.
  func field(_ name: String, _ arguments: [JSON]) throws(TemplateError) -> JSON?
  /// Every field, by name, for `{{json .}}`.
  var json: JSON { get }
}

/// A value while a template is executed.
enum TemplateValue: Sendable {
  /// Nothing: a map had no such key.
  case none
  case json(JSON)
  case context(any TemplateContext)

  var json: JSON? {
    switch self {
    case .none: nil
    case .json(let value): value
    case .context(let context): context.json
    }
  }

  /// What `{{if}}` thinks of it.
  var isTrue: Bool {
    switch self {
    case .none: false
    case .context: true
    case .json(let json):
      switch json {
      case .null: false
      case .bool(let value): value
      case .int(let value): value != 0
      case .double(let value): value != 0
      case .string(let value): !value.isEmpty
      case .array(let values): !values.isEmpty
      case .object(let object): !object.isEmpty
      case .encoded: true
      }
    }
  }
}

/// A Go template (text/template) with docker's functions.
struct Template: Sendable {
  let text: String
  private let nodes: [TemplateNode]

  /// Errors are Go's, without `template parsing error: `.
  init(_ text: String) throws(TemplateError) {
    self.text = text
    nodes = try TemplateParser.parse(text, functions: TemplateFunctions.names)
  }

  /// How missing things are taken.
  struct Options: Sendable {
    /// A missing key is an error (`docker inspect`), instead of `<no value>`.
    var missingKeyFails = false
    /// Names that may be missing and are nil then: optional fields of the Engine API's types.
    var optional: Set<String> = []
    /// The type that messages give for JSON's scalars.
    var scalarType: String?
    /// The row of a table's headings: functions leave their argument as it is.
    var isHeading = false
  }

  /// Executes the template.
  func execute(_ value: TemplateValue, _ options: Options = Options()) throws(TemplateError) -> String {
    var evaluator = TemplateEvaluator(text: text, root: value, options: options)
    return try evaluator.run(nodes)
  }

  /// True when the template's text uses field `name` of the root anywhere.
  func mentions(_ name: String) -> Bool { Template.mentions(nodes, name) }

  private static func mentions(_ nodes: [TemplateNode], _ name: String) -> Bool {
    nodes.contains { node in
      switch node {
      case .action(let pipeline): mentions(pipeline, name)
      case .branch(let branch):
        mentions(branch.pipeline, name) || mentions(branch.body, name) || mentions(branch.otherwise, name)
      default: false
      }
    }
  }

  private static func mentions(_ pipeline: TemplatePipeline, _ name: String) -> Bool {
    pipeline.commands.contains { command in
      command.operands.contains { operand in
        switch operand.kind {
        case .field(let names): return names.first == name
        case .dot:
          // `{{json .}}` needs everything.
          if case .function = command.operands[0].kind { return true }
          return false
        case .pipeline(let inner): return mentions(inner, name)
        case .chain(let inner, _):
          if case .pipeline(let pipeline) = inner.kind { return mentions(pipeline, name) }
          return false
        default: return false
        }
      }
    }
  }
}
