import JSONTree

/// Executes a template (Go's text/template/exec).
struct TemplateEvaluator {
  private let text: String
  private let root: TemplateValue
  private let options: Template.Options
  private var variables: [(name: String, value: TemplateValue)]
  private var out = ""
  private var steps = 0
  /// More than this no template of docker prints, and in more steps none is done.
  private static let maxOutput = 16 << 20
  private static let maxSteps = 1_000_000

  init(text: String, root: TemplateValue, options: Template.Options) {
    (self.text, self.root, self.options) = (text, root, options)
    variables = [("$", root)]
  }

  private enum Flow { case next, `break`, `continue` }

  mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> String {
    _ = try walk(nodes, dot: root)
    return out
  }

  /// An error at a place of the template, as Go cites it.
  private func fault(_ message: String, at position: Int, _ context: String) -> TemplateError {
    let before = text.utf8.prefix(position)
    let line = 1 + before.count { $0 == 0x0a }
    let column = before.lastIndex(of: 0x0a).map { before.distance(from: $0, to: before.endIndex) - 1 } ?? position
    return TemplateError("template: :\(line):\(column): executing \"\" at <\(context)>: \(message)")
  }
  private func fault(_ message: String, at operand: TemplateOperand) -> TemplateError {
    fault(message, at: operand.position, operand.description)
  }

  private mutating func walk(_ nodes: [TemplateNode], dot: TemplateValue) throws(TemplateError) -> Flow {
    for node in nodes {
      switch node {
      case .text(let text): out += text
      case .action(let pipeline):
        let value = try evaluate(pipeline, dot)
        guard pipeline.variables.isEmpty else { continue }
        // A field of a Go type that is nil says so; what is not there in JSON has no value.
        if case .context = root, case .json(.null) = value { out += "<nil>" } else { out += GoPrint.value(value) }
      case .branch(let branch):
        let flow = try walk(branch, dot)
        if flow != .next { return flow }
      case .break: return .break
      case .continue: return .continue
      case .template(let name, let position):
        throw fault(
          "template \(GoQuote.string(name)) not defined", at: position, "{{template \(GoQuote.string(name))}}")
      }
      steps += 1
      guard steps < TemplateEvaluator.maxSteps, out.utf8.count < TemplateEvaluator.maxOutput else {
        throw TemplateError("template: output too long")
      }
    }
    return .next
  }

  private mutating func walk(_ branch: TemplateBranch, _ dot: TemplateValue) throws(TemplateError) -> Flow {
    let scope = variables.count
    defer { variables.removeSubrange(scope...) }
    if branch.kind == .range { return try range(branch, dot) }
    let value = try evaluate(branch.pipeline, dot)
    let inner = branch.kind == .with ? value : dot
    return try value.isTrue ? walk(branch.body, dot: inner) : walk(branch.otherwise, dot: dot)
  }

  private mutating func range(_ branch: TemplateBranch, _ dot: TemplateValue) throws(TemplateError) -> Flow {
    var pipeline = branch.pipeline
    let names = pipeline.variables
    pipeline.variables = []
    let value = try evaluate(pipeline, dot)
    var pairs: [(JSON, JSON)] = []
    switch value {
    case .none: break
    case .context: throw rangeFault(pipeline, "{}")
    case .json(let json):
      switch json {
      case .null: break
      case .array(let values): pairs = values.enumerated().map { (JSON($0.offset), $0.element) }
      case .object(let object):
        pairs = object.members.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
      case .int(let count) where count <= 1_000_000: pairs = (0..<max(0, count)).map { (.int($0), .int($0)) }
      default: throw rangeFault(pipeline, GoPrint.value(value))
      }
    }
    if pairs.isEmpty { return try walk(branch.otherwise, dot: dot) }
    for (key, element) in pairs {
      let scope = variables.count
      if names.count == 1 { variables.append((names[0], .json(element))) }
      if names.count == 2 { variables += [(names[0], .json(key)), (names[1], .json(element))] }
      let flow = try walk(branch.body, dot: .json(element))
      variables.removeSubrange(scope...)
      if flow == .break { break }
    }
    return .next
  }

  private func rangeFault(_ pipeline: TemplatePipeline, _ value: String) -> TemplateError {
    let position = pipeline.commands.first?.position ?? 0
    return fault("range can't iterate over \(value)", at: position, pipeline.description)
  }

  // MARK: Pipelines

  private mutating func evaluate(_ pipeline: TemplatePipeline, _ dot: TemplateValue) throws(TemplateError)
    -> TemplateValue
  {
    var value: TemplateValue?
    for command in pipeline.commands { value = try evaluate(command, dot, final: value) }
    let result = value ?? .none
    for name in pipeline.variables {
      if pipeline.isAssignment {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
          guard let operand = pipeline.commands.last?.operands.first else { continue }
          throw fault("undefined variable: \(name)", at: operand)
        }
        variables[index].value = result
      } else {
        variables.append((name, result))
      }
    }
    return result
  }

  private mutating func evaluate(
    _ command: TemplateCommand, _ dot: TemplateValue, final: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    let first = command.operands[0]
    let arguments = Array(command.operands.dropFirst())
    switch first.kind {
    case .field(let names):
      return try fields(of: dot, names, at: first, arguments: arguments, final: final, dot)
    case .variable(let name, let names):
      let value = variables.last { $0.name == name }?.value ?? .none
      if names.isEmpty {
        try refuseArguments(first, arguments, final)
        return value
      }
      return try fields(of: value, names, at: first, arguments: arguments, final: final, dot)
    case .chain(let operand, let names):
      let value = try argument(operand, dot)
      return try fields(of: value, names, at: first, arguments: arguments, final: final, dot)
    case .function(let name):
      return try call(name, command, arguments, final: final, dot)
    case .nil:
      throw fault("nil is not a command", at: first)
    default:
      try refuseArguments(first, arguments, final)
      return try argument(first, dot)
    }
  }

  private func refuseArguments(
    _ operand: TemplateOperand, _ arguments: [TemplateOperand], _ final: TemplateValue?
  ) throws(TemplateError) {
    guard arguments.isEmpty, final == nil else {
      throw fault("can't give argument to non-function \(operand)", at: operand)
    }
  }

  /// The value of an operand that stands for a value.
  private mutating func argument(_ operand: TemplateOperand, _ dot: TemplateValue) throws(TemplateError)
    -> TemplateValue
  {
    switch operand.kind {
    case .dot: return dot
    case .nil: return .json(.null)
    case .bool(let value): return .json(.bool(value))
    case .int(let value, _): return .json(.int(value))
    case .float(let value, _): return .json(.double(value))
    case .string(let value, _): return .json(.string(value))
    case .pipeline(let pipeline): return try evaluate(pipeline, dot)
    case .field, .variable, .function, .chain:
      return try evaluate(TemplateCommand(operands: [operand], position: operand.position), dot, final: nil)
    }
  }

  // MARK: Fields

  private mutating func fields(
    of value: TemplateValue, _ names: [String], at operand: TemplateOperand, arguments: [TemplateOperand],
    final: TemplateValue?, _ dot: TemplateValue
  ) throws(TemplateError) -> TemplateValue {
    var value = value
    for (index, name) in names.enumerated() {
      let isLast = index == names.count - 1
      switch value {
      case .context(let context):
        var values: [JSON] = []
        if isLast {
          for argument in arguments { values.append(try self.argument(argument, dot).json ?? .null) }
          if let final { values.append(final.json ?? .null) }
        }
        guard let found = try context.field(name, values) else {
          throw fault("can't evaluate field \(name) in type \(context.typeName)", at: operand)
        }
        value = .json(found)
      case .none, .json(.null):
        if options.missingKeyFails {
          throw fault("map has no entry for key \(GoQuote.string(index > 0 ? names[index - 1] : name))", at: operand)
        }
        if case .none = value { return .none }
        throw fault("nil data; no entry for key \(GoQuote.string(name))", at: operand)
      case .json(let json):
        value = try field(
          name, of: json, isLast: isLast, at: operand, hasArguments: isLast && !(arguments.isEmpty && final == nil))
      }
    }
    return value
  }

  private func field(
    _ name: String, of json: JSON, isLast: Bool, at operand: TemplateOperand, hasArguments: Bool
  ) throws(TemplateError) -> TemplateValue {
    guard let object = json.object else {
      let type = options.scalarType ?? GoPrint.typeName(json)
      throw fault("can't evaluate field \(name) in type \(type)", at: operand)
    }
    if hasArguments { throw fault("\(name) is not a method but has arguments", at: operand) }
    // The Go name of what JSON calls Id.
    if let found = object[name] ?? (name == "ID" ? object["Id"] : name == "Id" ? object["ID"] : nil) {
      return .json(found)
    }
    guard options.missingKeyFails else { return .none }
    if isLast, options.optional.contains(name) { return .json(.null) }
    throw fault("map has no entry for key \(GoQuote.string(name))", at: operand)
  }

  // MARK: Functions

  private mutating func call(
    _ name: String, _ command: TemplateCommand, _ operands: [TemplateOperand], final: TemplateValue?,
    _ dot: TemplateValue
  ) throws(TemplateError) -> TemplateValue {
    // `and` and `or` stop at the first that decides.
    if name == "and" || name == "or" {
      var value: TemplateValue = .none
      for (index, operand) in operands.enumerated() {
        value = try argument(operand, dot)
        if value.isTrue == (name == "or"), index < operands.count { return value }
      }
      if let final { value = final }
      guard !operands.isEmpty || final != nil else {
        throw fault("wrong number of args for \(name): want at least 1 got 0", at: command.operands[0])
      }
      return value
    }
    let count = operands.count + (final == nil ? 0 : 1)
    if options.isHeading, TemplateFunctions.leaveHeadings.contains(name) {
      if let final { return final }
      // The heading is the first argument that is no constant.
      for operand in operands {
        if case .string = operand.kind { continue }
        if case .int = operand.kind { continue }
        return try argument(operand, dot)
      }
      return .none
    }
    if let complaint = TemplateFunctions.complaint(name, count) { throw fault(complaint, at: command.operands[0]) }
    var values: [TemplateValue] = []
    for (index, operand) in operands.enumerated() {
      let value = try argument(operand, dot)
      if let complaint = TemplateFunctions.complaint(name, index, value, operand) {
        throw fault(complaint, at: operand)
      }
      values.append(value)
    }
    if let final {
      if let complaint = TemplateFunctions.complaint(name, values.count, final, nil) {
        throw fault(complaint, at: operands.last ?? command.operands[0])
      }
      values.append(final)
    }
    do {
      return try TemplateFunctions.call(name, values)
    } catch {
      throw fault("error calling \(name): \(error)", at: command.position, command.description)
    }
  }
}
