import Seams

/// containerd's filters (its package `filters`): `name==foo,labels."a.b"==c,id~=^x` is true when all its conditions
/// are; several filters are true when one of them is. Compiled once, then matched against many.
struct ContainerdFilters {
  struct Condition {
    enum Comparison {
      case present
      case equal(String)
      case notEqual(String)
      case matches(Regex<AnyRegexOutput>)
    }
    var path: [String]
    var comparison: Comparison
  }
  /// One of these must hold; none at all holds for everything.
  let alternatives: [[Condition]]

  init(_ texts: [String]) throws {
    alternatives = try texts.map { text in
      var parser = FilterParser(text)
      return try parser.parse()
    }
  }

  /// Whether something fits whose field at a path is what `field` says; nil when it has no such field.
  func match(_ field: (_ path: [String]) -> String?) -> Bool {
    alternatives.isEmpty
      || alternatives.contains { conditions in
        conditions.allSatisfy { condition in
          let value = field(condition.path)
          switch condition.comparison {
          case .present: return value != nil
          case .equal(let wanted): return value == wanted
          case .notEqual(let other): return value != other
          case .matches(let regex): return value.map { $0.firstMatch(of: regex) != nil } ?? false
          }
        }
      }
  }

  /// The values of which one `path` must equal in every alternative; nil when something else may fit too.
  func values(requiredOf path: String) -> [String]? {
    if alternatives.isEmpty { return nil }
    var values: [String] = []
    for conditions in alternatives {
      let value = conditions.lazy.compactMap { condition -> String? in
        guard condition.path.joined(separator: ".") == path, case .equal(let value) = condition.comparison else {
          return nil
        }
        return value
      }.first
      guard let value else { return nil }
      values.append(value)
    }
    return values
  }
}

private struct FilterParser {
  private let text: [UInt8]
  private var index = 0

  init(_ text: String) { self.text = Array(text.utf8) }

  mutating func parse() throws -> [ContainerdFilters.Condition] {
    var conditions: [ContainerdFilters.Condition] = []
    while true {
      skipSpace()
      conditions.append(try condition())
      skipSpace()
      if index == text.count { return conditions }
      guard text[index] == UInt8(ascii: ",") else { throw fault("expected ',' or the end") }
      index += 1
    }
  }

  private func fault(_ what: String) -> EngineError {
    invalidArgument("filters: parse error: [\(String(decoding: text, as: UTF8.self)) >|\(index)|<]: \(what)")
  }

  private mutating func skipSpace() {
    while index < text.count, text[index] == UInt8(ascii: " ") || text[index] == UInt8(ascii: "\t") { index += 1 }
  }

  private mutating func condition() throws -> ContainerdFilters.Condition {
    var path = [try field()]
    while index < text.count, text[index] == UInt8(ascii: ".") {
      index += 1
      path.append(try field())
    }
    skipSpace()
    guard index < text.count, "=!~".utf8.contains(text[index]) else {
      return .init(path: path, comparison: .present)
    }
    let sign = text[index]
    guard index + 1 < text.count, text[index + 1] == UInt8(ascii: "=") else {
      throw fault("unsupported operator")
    }
    index += 2
    skipSpace()
    let value = try value(isPattern: sign == UInt8(ascii: "~"))
    switch sign {
    case UInt8(ascii: "="): return .init(path: path, comparison: .equal(value))
    case UInt8(ascii: "!"): return .init(path: path, comparison: .notEqual(value))
    default:
      guard let regex = try? Regex(value) else { throw fault("error parsing regexp \"\(value)\"") }
      return .init(path: path, comparison: .matches(regex))
    }
  }

  /// `[A-Za-z][A-Za-z0-9_]+`, or anything in quotes.
  private mutating func field() throws -> String {
    if index < text.count, text[index] == UInt8(ascii: "\"") { return try quoted() }
    let start = index
    while index < text.count {
      switch text[index] {
      case 0x41...0x5a, 0x61...0x7a, 0x30...0x39, UInt8(ascii: "_"): index += 1
      default:
        guard index > start else { throw fault("expected field or quoted") }
        return String(decoding: text[start..<index], as: UTF8.self)
      }
    }
    guard index > start else { throw fault("expected field or quoted") }
    return String(decoding: text[start..<index], as: UTF8.self)
  }

  /// Quoted, or up to the next comma. A pattern may stand between bars or slashes too, in which escapes stay.
  private mutating func value(isPattern: Bool) throws -> String {
    guard index < text.count else { throw fault("expected value or quoted") }
    if text[index] == UInt8(ascii: "\"") { return try quoted() }
    if isPattern, text[index] == UInt8(ascii: "|") || text[index] == UInt8(ascii: "/") {
      let mark = text[index]
      guard let end = text[(index + 1)...].firstIndex(of: mark) else { throw fault("quoted literal not terminated") }
      defer { index = end + 1 }
      return String(decoding: text[(index + 1)..<end], as: UTF8.self)
    }
    let start = index
    while index < text.count, text[index] != UInt8(ascii: ",") { index += 1 }
    var end = index
    while end > start, text[end - 1] == UInt8(ascii: " ") { end -= 1 }
    guard end > start else { throw fault("expected value or quoted") }
    return String(decoding: text[start..<end], as: UTF8.self)
  }

  private mutating func quoted() throws -> String {
    index += 1
    var value: [UInt8] = []
    while index < text.count, text[index] != UInt8(ascii: "\"") {
      if text[index] == UInt8(ascii: "\\"), index + 1 < text.count {
        index += 1
        switch text[index] {
        case UInt8(ascii: "n"): value.append(10)
        case UInt8(ascii: "t"): value.append(9)
        default: value.append(text[index])
        }
      } else {
        value.append(text[index])
      }
      index += 1
    }
    guard index < text.count else { throw fault("quoted literal not terminated") }
    index += 1
    return String(decoding: value, as: UTF8.self)
  }
}

/// The fields that everything with labels has: `labels."a.b"`; nil for any other path.
func labelField(_ path: [String], _ labels: [String: String]) -> String? {
  guard path.count > 1, path[0] == "labels" else { return nil }
  return labels[path.dropFirst().joined(separator: ".")]
}
