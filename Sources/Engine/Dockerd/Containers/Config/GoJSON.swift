import JSONTree
import Seams

/// Members of a request's JSON, read as Go's encoding/json reads them into moby's structs: null and absent leave the
/// default, a value of another kind is refused with Go's words.
struct GoJSON {
  /// The struct's name and the path to it, for messages: `CreateRequest.HostConfig`.
  let path: String

  /// Whether a member says nothing more than Go's zero value: such members need not be read.
  static func isZero(_ value: JSON) -> Bool {
    switch value {
    case .null, .bool(false), .int(0): true
    case .string(let text): text.isEmpty
    default: false
    }
  }

  func mismatch(_ value: JSON, _ field: String, _ type: String) -> EngineError {
    let kind =
      switch value {
      case .null: "null"
      case .bool: "bool"
      case .int(let number): "number \(number)"
      case .double(let number): "number \(number)"
      case .string: "string"
      case .array: "array"
      case .object, .encoded: "object"
      }
    return EngineError(
      .invalidArgument,
      "invalid JSON: json: cannot unmarshal \(kind) into Go struct field \(path).\(field) of type \(type)")
  }

  func string(_ value: JSON, _ field: String, _ type: String = "string") throws(EngineError) -> String {
    if case .string(let text) = value { return text }
    if value.isNull { return "" }
    throw mismatch(value, field, type)
  }

  func bool(_ value: JSON, _ field: String) throws(EngineError) -> Bool {
    if case .bool(let flag) = value { return flag }
    if value.isNull { return false }
    throw mismatch(value, field, "bool")
  }

  func int(_ value: JSON, _ field: String, _ type: String = "int64") throws(EngineError) -> Int64 {
    if case .int(let number) = value { return number }
    if value.isNull { return 0 }
    throw mismatch(value, field, type)
  }

  /// Nil for null.
  func strings(_ value: JSON, _ field: String) throws(EngineError) -> [String]? {
    guard case .array(let values) = value else {
      if value.isNull { return nil }
      throw mismatch(value, field, "[]string")
    }
    var strings: [String] = []
    strings.reserveCapacity(values.count)
    for value in values { strings.append(try string(value, field)) }
    return strings
  }

  func stringMap(_ value: JSON, _ field: String) throws(EngineError) -> [String: String] {
    guard case .object(let object) = value else {
      if value.isNull { return [:] }
      throw mismatch(value, field, "map[string]string")
    }
    var map: [String: String] = [:]
    for member in object.members { map[member.key] = try string(member.value, field) }
    return map
  }

  /// The names of a `map[string]struct{}`, sorted.
  func names(_ value: JSON, _ field: String) throws(EngineError) -> [String] {
    guard case .object(let object) = value else {
      if value.isNull { return [] }
      throw mismatch(value, field, "map[string]struct {}")
    }
    return object.keys.sorted()
  }

  func object(_ value: JSON, _ field: String, _ type: String) throws(EngineError) -> JSONObject {
    if case .object(let object) = value { return object }
    if value.isNull { return JSONObject() }
    if let object = value.object { return object }
    throw mismatch(value, field, type)
  }

  /// The objects of an array of them; null gives none.
  func objects(_ value: JSON, _ field: String, _ type: String) throws(EngineError) -> [JSONObject] {
    guard case .array(let values) = value else {
      if value.isNull { return [] }
      throw mismatch(value, field, "[]" + type)
    }
    var objects: [JSONObject] = []
    for value in values { objects.append(try object(value, field, type)) }
    return objects
  }
}

extension JSON {
  /// An object whose members are all empty objects: Go's `map[string]struct{}`.
  static func set(_ names: [String]) -> JSON {
    .object(JSONObject(names.map { .init($0, .object(JSONObject())) }))
  }

  /// An array of strings, null for nil.
  static func strings(_ values: [String]?) -> JSON { values.map { JSON($0) } ?? .null }
}
