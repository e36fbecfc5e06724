import JSONTree

/// The functions of docker's templates: Go's own and `json`, `split`, `join`, `title`, `lower`, `upper`, `pad`,
/// `truncate`.
enum TemplateFunctions {
  private static let arity: [String: ClosedRange<Int>] = [
    "index": 1...Int.max, "slice": 1...4, "len": 1...1, "not": 1...1, "print": 0...Int.max, "printf": 1...Int.max,
    "println": 0...Int.max, "html": 0...Int.max, "js": 0...Int.max, "urlquery": 0...Int.max, "call": 1...Int.max,
    "eq": 1...Int.max, "ne": 2...2, "lt": 2...2, "le": 2...2, "gt": 2...2, "ge": 2...2, "json": 1...1, "split": 2...2,
    "join": 2...2, "title": 1...1, "lower": 1...1, "upper": 1...1, "pad": 3...3, "truncate": 2...2,
  ]
  static let names: Set<String> = Set(arity.keys).union(["and", "or"])

  /// Functions that do nothing to the headings of a table.
  static let leaveHeadings: Set<String> = ["json", "split", "join", "title", "lower", "upper", "pad", "truncate"]

  /// What is wrong with the number of arguments.
  static func complaint(_ name: String, _ count: Int) -> String? {
    guard let range = arity[name], !range.contains(count) else { return nil }
    let isVariadic = range.upperBound == .max || name == "slice"
    return "wrong number of args for \(name): want \(isVariadic ? "at least " : "")\(range.lowerBound) got \(count)"
  }

  /// What is wrong with the type of an argument.
  ///
  /// - Parameter operand: how it is written; nil when it came down the pipeline.
  static func complaint(_ name: String, _ index: Int, _ value: TemplateValue, _ operand: TemplateOperand?) -> String? {
    let expected: String
    switch (name, index) {
    case ("upper", 0), ("lower", 0), ("title", 0), ("split", _), ("truncate", 0), ("pad", 0), ("printf", 0),
      ("join", 1):
      expected = "string"
    case ("pad", _), ("truncate", 1): expected = "int"
    case ("join", 0): expected = "[]string"
    default: return nil
    }
    let json = value.json ?? .null
    switch (expected, json) {
    case ("string", .string), ("int", .int), ("[]string", .array): return nil
    case ("[]string", .null): return nil
    default: break
    }
    if let operand {
      switch operand.kind {
      case .int(_, let text), .float(_, let text), .string(_, let text):
        if expected == "[]string" { return "can't handle \(text) for arg of type []string" }
        return expected == "int" ? "expected integer; found \(text)" : "expected string; found \(text)"
      default: break
      }
    }
    return "wrong type for value; expected \(expected); got \(GoPrint.typeName(json))"
  }

  static func call(_ name: String, _ values: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    let arguments = values.map { $0.json ?? .null }
    func text(_ index: Int) -> String { arguments.indices.contains(index) ? arguments[index].string ?? "" : "" }
    switch name {
    case "upper": return .json(.string(text(0).uppercased()))
    case "lower": return .json(.string(text(0).lowercased()))
    case "title": return .json(.string(title(text(0))))
    case "split": return .json(JSON(split(text(0), text(1))))
    case "join":
      let parts = (arguments[0].array ?? []).map { $0.string ?? GoPrint.value(.json($0)) }
      return .json(.string(parts.joined(separator: text(1))))
    case "pad":
      let before = String(repeating: " ", count: min(max(0, arguments[1].int ?? 0), 10_000))
      let after = String(repeating: " ", count: min(max(0, arguments[2].int ?? 0), 10_000))
      return .json(.string(text(0).isEmpty ? "" : before + text(0) + after))
    case "truncate":
      let count = max(0, arguments[1].int ?? 0)
      return .json(.string(String(decoding: text(0).utf8.prefix(count), as: UTF8.self)))
    case "json":
      if case .context(let context) = values[0] { return .json(.string(GoJSON.text(context.json, escapingHTML: true))) }
      return .json(.string(GoJSON.text(arguments[0], escapingHTML: false)))
    case "len": return .json(JSON(try length(values[0])))
    case "index":
      var value = values[0]
      for key in arguments.dropFirst() { value = try element(value, key) }
      return value
    case "slice": return .json(try slice(arguments))
    case "not": return .json(.bool(!values[0].isTrue))
    case "print": return .json(.string(GoPrint.print(values)))
    case "println": return .json(.string(values.map(GoPrint.value).joined(separator: " ") + "\n"))
    case "printf": return .json(.string(GoPrintf.format(text(0), Array(arguments.dropFirst()))))
    case "html": return .json(.string(escapeHTML(GoPrint.print(values))))
    case "js": return .json(.string(escapeJS(GoPrint.print(values))))
    case "urlquery": return .json(.string(escapeQuery(GoPrint.print(values))))
    case "call" where arguments[0].isNull: throw TemplateError("call of nil")
    case "call": throw TemplateError("non-function of type \(GoPrint.typeName(arguments[0]))")
    case "eq":
      guard arguments.count > 1 else { throw TemplateError("missing argument for comparison") }
      for other in arguments.dropFirst() where try isEqual(arguments[0], other) { return .json(true) }
      return .json(false)
    case "ne": return .json(.bool(!(try isEqual(arguments[0], arguments[1]))))
    case "lt": return .json(.bool(try isLess(arguments[0], arguments[1])))
    case "le", "gt":
      let isLess = try isLess(arguments[0], arguments[1])
      let isAtMost = try isEqual(arguments[0], arguments[1]) || isLess
      return .json(.bool(isAtMost == (name == "le")))
    case "ge": return .json(.bool(!(try isLess(arguments[0], arguments[1]))))
    default: throw TemplateError("unknown function")
    }
  }

  private static func title(_ text: String) -> String {
    var out = ""
    var atStart = true
    for character in text {
      out += atStart ? character.uppercased() : String(character)
      atStart = character.isWhitespace
    }
    return out
  }

  private static func split(_ text: String, _ separator: String) -> [String] {
    if separator.isEmpty { return text.map { String($0) } }
    var parts: [String] = []
    var rest = text[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }

  private static func length(_ value: TemplateValue) throws(TemplateError) -> Int {
    switch value.json ?? .null {
    case .string(let text): return text.utf8.count
    case .array(let values): return values.count
    case .object(let object): return object.members.count
    case .null: if case .none = value { throw TemplateError("len of nil pointer") } else { return 0 }
    case let other: throw TemplateError("len of type \(GoPrint.typeName(other))")
    }
  }

  private static func element(_ value: TemplateValue, _ key: JSON) throws(TemplateError) -> TemplateValue {
    switch value.json ?? .null {
    case .object(let object):
      guard let name = key.string else {
        throw TemplateError("value has type \(GoPrint.typeName(key)); should be string")
      }
      return object[name].map(TemplateValue.json) ?? .none
    case .array(let values):
      guard let index = key.int else {
        throw TemplateError("cannot index slice/array with type \(GoPrint.typeName(key))")
      }
      guard values.indices.contains(index) else { throw TemplateError("index out of range: \(index)") }
      return .json(values[index])
    case .string(let text):
      guard let index = key.int else {
        throw TemplateError("cannot index slice/array with type \(GoPrint.typeName(key))")
      }
      guard (0..<text.utf8.count).contains(index) else { throw TemplateError("index out of range: \(index)") }
      return .json(JSON(Array(text.utf8)[index]))
    case .null: throw TemplateError("index of untyped nil")
    case let other: throw TemplateError("can't index item of type \(GoPrint.typeName(other))")
    }
  }

  private static func slice(_ arguments: [JSON]) throws(TemplateError) -> JSON {
    let count: Int
    switch arguments[0] {
    case .string(let text): count = text.utf8.count
    case .array(let values): count = values.count
    case let other: throw TemplateError("can't slice item of type \(GoPrint.typeName(other))")
    }
    var bounds = [0, count]
    for (index, argument) in arguments.dropFirst().prefix(2).enumerated() {
      guard let value = argument.int else {
        throw TemplateError("cannot index slice/array with type \(GoPrint.typeName(argument))")
      }
      guard (0...count).contains(value) else { throw TemplateError("index out of range: \(value)") }
      bounds[index] = value
    }
    guard bounds[0] <= bounds[1] else { throw TemplateError("invalid slice index: \(bounds[0]) > \(bounds[1])") }
    if case .string(let text) = arguments[0] {
      return .string(String(decoding: Array(text.utf8)[bounds[0]..<bounds[1]], as: UTF8.self))
    }
    return .array(Array((arguments[0].array ?? [])[bounds[0]..<bounds[1]]))
  }

  private static let incompatible = TemplateError("incompatible types for comparison")

  private static func isEqual(_ a: JSON, _ b: JSON) throws(TemplateError) -> Bool {
    switch (a, b) {
    case (.null, .null): return true
    case (.null, _), (_, .null): return false
    case (.string(let x), .string(let y)): return x == y
    case (.int(let x), .int(let y)): return x == y
    case (.double(let x), .double(let y)): return x == y
    case (.bool(let x), .bool(let y)): return x == y
    case (.array, _), (.object, _), (_, .array), (_, .object):
      throw TemplateError("non-comparable type \(GoPrint.value(.json(a))): \(GoPrint.typeName(a))")
    default: throw incompatible
    }
  }

  private static func isLess(_ a: JSON, _ b: JSON) throws(TemplateError) -> Bool {
    switch (a, b) {
    case (.string(let x), .string(let y)): return Array(x.utf8).lexicographicallyPrecedes(Array(y.utf8))
    case (.int(let x), .int(let y)): return x < y
    case (.double(let x), .double(let y)): return x < y
    case (.bool, _), (.null, _), (.array, _), (.object, _): throw TemplateError("invalid type for comparison")
    default: throw incompatible
    }
  }

  private static func escapeHTML(_ text: String) -> String {
    text.replacing("&", by: "&amp;").replacing("<", by: "&lt;").replacing(">", by: "&gt;").replacing("\"", by: "&#34;")
      .replacing("'", by: "&#39;")
  }

  private static func escapeJS(_ text: String) -> String {
    text.replacing("\\", by: "\\\\").replacing("'", by: "\\'").replacing("\"", by: "\\\"")
      .replacing("<", by: "\\u003C").replacing(">", by: "\\u003E").replacing("&", by: "\\u0026")
      .replacing("=", by: "\\u003D").replacing("\n", by: "\\u000A")
  }

  private static func escapeQuery(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        out.append(Character(Unicode.Scalar(byte)))
      case UInt8(ascii: " "): out += "+"
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        out += "%" + (hex.count < 2 ? "0" + hex : hex)
      }
    }
    return out
  }
}
