import Runtime
import Seams

/// awk(1), the part of it that one-liners use: patterns and actions, fields, variables and arrays, `print` and
/// `printf` to the standard output, `if`, `while`, `for`, `next`, `exit` and the usual functions. No user functions,
/// no `getline`, no pipes: those are refused with a message.
struct AwkProgram {
  struct Failure: Error { var text: String }

  indirect enum Expression: Sendable {
    case number(Double)
    case string(String)
    case pattern(RegularExpression)
    case variable(String)
    case element(String, [Expression])
    case field(Expression)
    case assign(Expression, String, Expression)
    case increment(Expression, by: Double, isPrefix: Bool)
    case unary(String, Expression)
    case binary(String, Expression, Expression)
    case ternary(Expression, Expression, Expression)
    case contains([Expression], String)
    case call(String, [Expression])
  }
  indirect enum Statement: Sendable {
    case expression(Expression)
    case print([Expression], isFormatted: Bool)
    case group([Statement])
    case conditional(Expression, Statement, Statement?)
    case loop(Expression, Statement, isTestedLast: Bool)
    case forLoop(Statement?, Expression?, Statement?, Statement)
    case forIn(String, String, Statement)
    case next, leave, proceed
    case exit(Expression?)
    case delete(String, [Expression]?)
  }
  enum Pattern: Sendable { case begin, end, always, expression(Expression), range(Expression, Expression) }
  struct Rule: Sendable {
    var pattern: Pattern
    var action: Statement?
  }

  private(set) var rules: [Rule] = []

  init(_ text: String) throws {
    var parser = try AwkParser(text)
    rules = try parser.parse()
  }
}

/// A value of awk: a number, a text, or a text from the input that may look like a number.
enum AwkValue: Sendable {
  case number(Double)
  case string(String)
  case input(String)

  var number: Double {
    switch self {
    case .number(let value): value
    case .string(let text), .input(let text): AwkValue.leadingNumber(text)
    }
  }
  static func leadingNumber(_ text: String) -> Double {
    let text = trimmed(text)
    if let value = Double(text), !text.lowercased().contains("n") { return value }
    var end = text.startIndex
    var hasDot = false
    for index in text.indices {
      let character = text[index]
      if character.isASCII && character.isNumber || ((character == "-" || character == "+") && index == text.startIndex)
        || (character == "." && !hasDot)
      {
        if character == "." { hasDot = true }
        end = text.index(after: index)
      } else {
        break
      }
    }
    return Double(text[..<end]) ?? 0
  }
  var looksNumeric: Bool {
    switch self {
    case .number: true
    case .string: false
    case .input(let text): Double(trimmed(text)) != nil
    }
  }
  var text: String {
    switch self {
    case .number(let value): AwkValue.format(value)
    case .string(let text), .input(let text): text
    }
  }
  /// `%.6g`.
  static func format(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e16 { return String(Int64(value)) }
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    var scale = 0
    var magnitude = value.magnitude
    while magnitude >= 10 {
      magnitude /= 10
      scale += 1
    }
    var text = Decimal2.text(value, digits: max(0, 5 - scale))
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }
  var isTrue: Bool {
    switch self {
    case .number(let value): value != 0
    case .string(let text): !text.isEmpty
    case .input(let text): looksNumeric ? number != 0 : !text.isEmpty
    }
  }
}

/// Runs an awk program.
final class AwkMachine {
  private enum Flow: Error { case next, leave, proceed, exit(Int32) }
  private let program: AwkProgram
  private let context: ProgramContext
  private var variables: [String: AwkValue] = [:]
  private var arrays: [String: [String: AwkValue]] = [:]
  private var fields: [String] = []
  private var record = ""
  private var isInRange: [Bool]
  private var steps = 0
  private var owed = 0

  init(_ program: AwkProgram, _ context: ProgramContext) {
    (self.program, self.context) = (program, context)
    isInRange = Array(repeating: false, count: program.rules.count)
    variables["FS"] = .string(" ")
    variables["OFS"] = .string(" ")
    variables["ORS"] = .string("\n")
    variables["SUBSEP"] = .string("\u{1C}")
    variables["NR"] = .number(0)
    variables["RS"] = .string("\n")
    for entry in context.process.environment {
      if let equals = entry.firstIndex(of: "=") {
        arrays["ENVIRON", default: [:]][String(entry[..<equals])] = .input(String(entry[entry.index(after: equals)...]))
      }
    }
  }

  func set(_ name: String, _ value: String) { variables[name] = .input(value) }

  func run(_ files: [String]) async throws -> Int32 {
    var status: Int32 = 0
    do {
      for rule in program.rules {
        if case .begin = rule.pattern, let action = rule.action { try await execute(action) }
      }
      let isUsed = program.rules.contains { if case .begin = $0.pattern { false } else { true } }
      if isUsed {
        for file in files.isEmpty ? ["-"] : files {
          if let equals = file.firstIndex(of: "="), isName(file[..<equals]) {
            set(String(file[..<equals]), String(file[file.index(after: equals)...]))
            continue
          }
          variables["FILENAME"] = .string(file == "-" ? "" : file)
          variables["FNR"] = .number(0)
          if file == "-" {
            while let line = try await context.readLine() { try await take(String(decoding: line, as: UTF8.self)) }
          } else {
            for line in lines(try await context.contents(file)) {
              try await take(String(decoding: line, as: UTF8.self))
            }
          }
        }
      }
    } catch Flow.exit(let code) { status = code }
    do {
      for rule in program.rules { if case .end = rule.pattern, let action = rule.action { try await execute(action) } }
    } catch Flow.exit(let code) { status = code }
    return status
  }

  private func take(_ line: String) async throws {
    setRecord(line)
    for name in ["NR", "FNR"] { variables[name] = .number((variables[name]?.number ?? 0) + 1) }
    do {
      for (index, rule) in program.rules.enumerated() {
        switch rule.pattern {
        case .begin, .end: continue
        case .always: break
        case .expression(let test): guard try await value(test).isTrue else { continue }
        case .range(let first, let last):
          if !isInRange[index] {
            guard try await value(first).isTrue else { continue }
            isInRange[index] = true
          }
          if try await value(last).isTrue { isInRange[index] = false }
        }
        if let action = rule.action { try await execute(action) } else { try await context.printLine(record) }
      }
    } catch Flow.next {}
  }

  private func setRecord(_ line: String) {
    record = line
    fields = split(line, variables["FS"]?.text ?? " ")
    variables["NF"] = .number(Double(fields.count))
  }

  private func split(_ text: String, _ separator: String) -> [String] {
    if text.isEmpty { return [] }
    if separator == " " { return text.split { $0 == " " || $0 == "\t" || $0.isNewline }.map(String.init) }
    if separator.utf8.count == 1 {
      return text.split(separator: Character(separator), omittingEmptySubsequences: false).map(String.init)
    }
    guard let expression = try? RegularExpression(separator, isExtended: true) else { return [text] }
    let bytes = Array(text.utf8)
    var parts: [String] = []
    var start = 0
    while start <= bytes.count, let match = expression.firstMatch(in: bytes, from: start), !match.range.isEmpty {
      parts.append(String(decoding: bytes[start..<match.range.lowerBound], as: UTF8.self))
      start = match.range.upperBound
    }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }

  private func step() async throws {
    steps += 1
    if steps % 1000 == 0 {
      owed = min(owed + 1, 1_000_000)
      try await context.process.compute(UInt64(200_000 * max(1, owed / 20)))
    }
  }

  // MARK: Statements

  private func execute(_ statement: AwkProgram.Statement) async throws {
    try await step()
    switch statement {
    case .expression(let expression): _ = try await value(expression)
    case .group(let statements): for statement in statements { try await execute(statement) }
    case .print(let expressions, let isFormatted):
      var values: [AwkValue] = []
      for expression in expressions { values.append(try await value(expression)) }
      if isFormatted {
        try await context.write(PrintfFormat(values.first?.text ?? "", values.dropFirst().map(\.text)).output)
      } else if values.isEmpty {
        try await context.print(record + (variables["ORS"]?.text ?? "\n"))
      } else {
        try await context.print(
          values.map(\.text).joined(separator: variables["OFS"]?.text ?? " ") + (variables["ORS"]?.text ?? "\n"))
      }
    case .conditional(let test, let then, let other):
      if try await value(test).isTrue { try await execute(then) } else if let other { try await execute(other) }
    case .loop(let test, let body, let isTestedLast):
      var isFirst = isTestedLast
      while true {
        if !isFirst, try await !value(test).isTrue { return }
        isFirst = false
        do { try await execute(body) } catch Flow.leave { return } catch Flow.proceed {}
      }
    case .forLoop(let first, let test, let step, let body):
      if let first { try await execute(first) }
      while true {
        if let test, try await !value(test).isTrue { return }
        do { try await execute(body) } catch Flow.leave { return } catch Flow.proceed {}
        if let step { try await execute(step) }
      }
    case .forIn(let name, let array, let body):
      for key in (arrays[array] ?? [:]).keys.sorted(by: { VersionOrder.compare(Array($0.utf8), Array($1.utf8)) < 0 }) {
        variables[name] = .input(key)
        do { try await execute(body) } catch Flow.leave { return } catch Flow.proceed {}
      }
    case .next: throw Flow.next
    case .leave: throw Flow.leave
    case .proceed: throw Flow.proceed
    case .exit(let code):
      var status: Int32 = 0
      if let code { status = Int32(truncatingIfNeeded: Int64(clamped(try await value(code).number)) & 255) }
      throw Flow.exit(status)
    case .delete(let name, let keys):
      if let keys { arrays[name]?[try await subscriptText(keys)] = nil } else { arrays[name] = [:] }
    }
  }

  private func clamped(_ value: Double) -> Int64 { value.isFinite ? Int64(min(max(value, -9e15), 9e15)) : 0 }

  private func subscriptText(_ keys: [AwkProgram.Expression]) async throws -> String {
    var texts: [String] = []
    for key in keys { texts.append(try await value(key).text) }
    return texts.joined(separator: variables["SUBSEP"]?.text ?? "")
  }

  // MARK: Expressions

  private func value(_ expression: AwkProgram.Expression) async throws -> AwkValue {
    switch expression {
    case .number(let value): return .number(value)
    case .string(let text): return .string(text)
    case .pattern(let pattern): return .number(pattern.firstMatch(in: Array(record.utf8), from: 0) != nil ? 1 : 0)
    case .variable(let name): return variables[name] ?? .input("")
    case .element(let name, let keys):
      let key = try await subscriptText(keys)
      if let value = arrays[name]?[key] { return value }
      arrays[name, default: [:]][key] = .input("")
      return .input("")
    case .field(let index):
      let number = clamped(try await value(index).number)
      if number == 0 { return .input(record) }
      guard number > 0, number <= fields.count else { return .input("") }
      return .input(fields[Int(number) - 1])
    case .assign(let target, let sign, let right):
      var new = try await value(right)
      if sign != "=" { new = .number(arithmetic(String(sign.dropLast()), try await value(target).number, new.number)) }
      try await store(target, new)
      return new
    case .increment(let target, let by, let isPrefix):
      let old = try await value(target).number
      try await store(target, .number(old + by))
      return .number(isPrefix ? old + by : old)
    case .unary(let sign, let operand):
      let inner = try await value(operand)
      switch sign {
      case "!": return .number(inner.isTrue ? 0 : 1)
      case "-": return .number(-inner.number)
      default: return .number(inner.number)
      }
    case .binary(let sign, let left, let right):
      switch sign {
      case "&&": return .number(try await value(left).isTrue ? (try await value(right).isTrue ? 1 : 0) : 0)
      case "||": return .number(try await value(left).isTrue ? 1 : (try await value(right).isTrue ? 1 : 0))
      case "~", "!~":
        let text = try await value(left).text
        let found = try await pattern(right).firstMatch(in: Array(text.utf8), from: 0) != nil
        return .number(found == (sign == "~") ? 1 : 0)
      default: break
      }
      let (a, b) = (try await value(left), try await value(right))
      switch sign {
      case " ":
        let text = a.text + b.text
        if text.utf8.count > 1 << 24 { throw Errno.ENOMEM }
        return .string(text)
      case "<", "<=", ">", ">=", "==", "!=":
        let order: Int
        if a.looksNumeric || isEmptyInput(a), b.looksNumeric || isEmptyInput(b) {
          order = a.number < b.number ? -1 : a.number > b.number ? 1 : 0
        } else {
          order = a.text < b.text ? -1 : a.text > b.text ? 1 : 0
        }
        let isTrue: Bool
        switch sign {
        case "<": isTrue = order < 0
        case "<=": isTrue = order <= 0
        case ">": isTrue = order > 0
        case ">=": isTrue = order >= 0
        case "==": isTrue = order == 0
        default: isTrue = order != 0
        }
        return .number(isTrue ? 1 : 0)
      default:
        if sign == "/" || sign == "%", b.number == 0 { throw AwkProgram.Failure(text: "Division by zero") }
        return .number(arithmetic(sign, a.number, b.number))
      }
    case .ternary(let test, let yes, let no): return try await value(test).isTrue ? value(yes) : value(no)
    case .contains(let keys, let name): return .number(arrays[name]?[try await subscriptText(keys)] != nil ? 1 : 0)
    case .call(let name, let arguments): return try await call(name, arguments)
    }
  }

  private func isEmptyInput(_ value: AwkValue) -> Bool { if case .input("") = value { true } else { false } }

  private func arithmetic(_ sign: String, _ a: Double, _ b: Double) -> Double {
    switch sign {
    case "+": a + b
    case "-": a - b
    case "*": a * b
    case "/": a / b
    case "%": a.truncatingRemainder(dividingBy: b)
    default:
      if b == b.rounded(), b.magnitude < 1024 { power(a, Int(b)) } else { .nan }
    }
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    for _ in 0..<exponent.magnitude { result *= base }
    return exponent < 0 ? 1 / result : result
  }

  private func pattern(_ expression: AwkProgram.Expression) async throws -> RegularExpression {
    if case .pattern(let pattern) = expression { return pattern }
    let text = try await value(expression).text
    do { return try RegularExpression(text, isExtended: true) } catch RegularExpression.Failure.invalid(let reason) {
      throw AwkProgram.Failure(text: "bad regex '\(text)': \(reason)")
    }
  }

  private func store(_ target: AwkProgram.Expression, _ value: AwkValue) async throws {
    switch target {
    case .variable(let name):
      variables[name] = value
      if name == "NF" {
        let count = Int(min(max(clamped(value.number), 0), 100_000))
        while fields.count < count { fields.append("") }
        fields = Array(fields.prefix(count))
        record = fields.joined(separator: variables["OFS"]?.text ?? " ")
      }
    case .element(let name, let keys): arrays[name, default: [:]][try await subscriptText(keys)] = value
    case .field(let index):
      let number = clamped(try await self.value(index).number)
      if number == 0 {
        setRecord(value.text)
      } else if number > 0, number < 100_000 {
        while fields.count < Int(number) { fields.append("") }
        fields[Int(number) - 1] = value.text
        variables["NF"] = .number(Double(fields.count))
        record = fields.joined(separator: variables["OFS"]?.text ?? " ")
      }
    default: throw AwkProgram.Failure(text: "Unexpected token")
    }
  }

  private func call(_ name: String, _ arguments: [AwkProgram.Expression]) async throws -> AwkValue {
    func text(_ index: Int) async throws -> String {
      index < arguments.count ? try await value(arguments[index]).text : ""
    }
    func number(_ index: Int) async throws -> Double {
      index < arguments.count ? try await value(arguments[index]).number : 0
    }
    switch name {
    case "length":
      if case .variable(let array)? = arguments.first, let elements = arrays[array] {
        return .number(Double(elements.count))
      }
      return .number(Double(arguments.isEmpty ? record.count : try await text(0).count))
    case "substr":
      let characters = Array(try await text(0))
      let start = try await number(1).rounded()
      let end = arguments.count > 2 ? start + (try await number(2)).rounded() : .infinity
      let first = Int(max(1, min(start, 1e9)))
      let last = Int(max(1, min(end, Double(characters.count) + 1)))
      return .string(first < last && first <= characters.count ? String(characters[(first - 1)..<(last - 1)]) : "")
    case "index":
      let (hay, needle) = (Array(try await text(0).utf8), Array(try await text(1).utf8))
      if needle.isEmpty { return .number(0) }
      for start in hay.indices where hay[start...].starts(with: needle) { return .number(Double(start + 1)) }
      return .number(0)
    case "toupper": return .string(try await text(0).uppercased())
    case "tolower": return .string(try await text(0).lowercased())
    case "int": return .number(try await number(0).rounded(.towardZero))
    case "sqrt": return .number(try await number(0).squareRoot())
    case "split":
      guard arguments.count > 1, case .variable(let array) = arguments[1] else {
        throw AwkProgram.Failure(text: "Not an array")
      }
      let parts = split(try await text(0), arguments.count > 2 ? try await text(2) : variables["FS"]?.text ?? " ")
      arrays[array] = [:]
      for (index, part) in parts.enumerated() { arrays[array]?[String(index + 1)] = .input(part) }
      return .number(Double(parts.count))
    case "sprintf":
      var words: [String] = []
      for argument in arguments { words.append(try await value(argument).text) }
      return .string(String(decoding: PrintfFormat(words.first ?? "", Array(words.dropFirst())).output, as: UTF8.self))
    case "sub", "gsub":
      guard arguments.count > 1 else { throw AwkProgram.Failure(text: "Too few arguments") }
      let expression = try await pattern(arguments[0])
      let replacement = Array(try await text(1).utf8)
      let target = arguments.count > 2 ? arguments[2] : .field(.number(0))
      let bytes = Array(try await value(target).text.utf8)
      var out: [UInt8] = []
      var position = 0
      var count = 0
      while position <= bytes.count, let match = expression.firstMatch(in: bytes, from: position) {
        count += 1
        out += bytes[position..<match.range.lowerBound]
        for byte in replacement { if byte == UInt8(ascii: "&") { out += bytes[match.range] } else { out.append(byte) } }
        position = match.range.upperBound
        if match.range.isEmpty {
          if position < bytes.count { out.append(bytes[position]) }
          position += 1
        }
        if name == "sub" { break }
      }
      if position < bytes.count { out += bytes[position...] }
      if count > 0 { try await store(target, .string(String(decoding: out, as: UTF8.self))) }
      return .number(Double(count))
    case "match":
      guard arguments.count > 1,
        let match = try await pattern(arguments[1]).firstMatch(in: Array(try await text(0).utf8), from: 0)
      else {
        variables["RSTART"] = .number(0)
        variables["RLENGTH"] = .number(-1)
        return .number(0)
      }
      variables["RSTART"] = .number(Double(match.range.lowerBound + 1))
      variables["RLENGTH"] = .number(Double(match.range.count))
      return .number(Double(match.range.lowerBound + 1))
    case "systime": return .number(Double(context.process.unixTime / Duration64.second))
    default: throw AwkProgram.Failure(text: "the simulated awk has no function '\(name)'")
    }
  }
}

let runAwk: AppletBody = { context in
  let options = try Options(context.arguments, "+F:v:f:")
  var operands = options.operands
  var text = ""
  for file in options.all("f") { text += String(decoding: try await context.contents(file), as: UTF8.self) + "\n" }
  if !options.has("f") {
    guard !operands.isEmpty else { throw OptionProblem.missingOperand(nil) }
    text = operands.removeFirst()
  }
  do {
    let machine = AwkMachine(try AwkProgram(text), context)
    if let separator = options.value("F") {
      machine.set("FS", String(decoding: Escapes.decode(Array(separator.utf8), style: .format).bytes, as: UTF8.self))
    }
    for assignment in options.all("v") {
      guard let equals = assignment.firstIndex(of: "=") else { continue }
      machine.set(String(assignment[..<equals]), String(assignment[assignment.index(after: equals)...]))
    }
    return try await machine.run(operands)
  } catch let failure as AwkProgram.Failure {
    return try await context.fail(busybox: "cmd. line:1: \(failure.text)", gnu: "line 1: \(failure.text)", 1)
  }
}
