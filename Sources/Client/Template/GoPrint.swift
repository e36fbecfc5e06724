import JSONTree

/// Values as Go's fmt prints them (`%v`).
enum GoPrint {
  /// Lists of the Engine API that are maps in Go, where null is an empty map.
  private static let maps: Set<String> = [
    "Labels", "Volumes", "ExposedPorts", "PortBindings", "Options", "DriverOpts", "Sysctls", "Tmpfs", "StorageOpt",
    "Annotations", "Networks", "Ports", "Containers", "Attributes", "Config",
  ]

  static func value(_ value: TemplateValue) -> String {
    switch value {
    case .none: "<no value>"
    case .json(.null): "<no value>"
    case .json(let json): text(json)
    case .context(let context): GoJSON.text(context.json, escapingHTML: true)
    }
  }

  /// Operands beside each other; blanks only between two of which neither is a string.
  static func print(_ values: [TemplateValue]) -> String {
    var out = ""
    var wasText = true
    for (index, value) in values.enumerated() {
      let isText: Bool
      if case .json(.string) = value { isText = true } else { isText = false }
      if index > 0, !isText, !wasText { out += " " }
      out += self.value(value)
      wasText = isText
    }
    return out
  }

  /// A value inside of others.
  static func text(_ json: JSON, name: String = "") -> String {
    switch json {
    case .null: maps.contains(name) ? "map[]" : "<nil>"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): GoFloat.shortest(value)
    case .string(let value): value
    case .array(let values): "[" + values.map { text($0) }.joined(separator: " ") + "]"
    case .object(let object): text(object)
    case .encoded(let encoded): (try? JSON(parsing: encoded.bytes)).map { text($0) } ?? ""
    }
  }

  /// Objects whose members are all named like Go's fields were structs; others are maps.
  private static func text(_ object: JSONObject) -> String {
    let isStruct =
      !object.isEmpty
      && object.members.allSatisfy { member in
        guard let first = member.key.unicodeScalars.first, first.isASCII, first.properties.isUppercase else {
          return false
        }
        return member.key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
          && member.key.contains(where: \.isLowercase)
      }
    if isStruct { return "{" + object.members.map { text($0.value, name: $0.key) }.joined(separator: " ") + "}" }
    let sorted = object.members.sorted { $0.key < $1.key }
    return "map[" + sorted.map { "\($0.key):\(text($0.value))" }.joined(separator: " ") + "]"
  }

  /// The Go type that a value would have.
  static func typeName(_ json: JSON) -> String {
    switch json {
    case .null: "<nil>"
    case .bool: "bool"
    case .int: "int"
    case .double: "float64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object, .encoded: "map[string]interface {}"
    }
  }
}
