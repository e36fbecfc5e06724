extension JSON {
  /// Decodes this tree as a `T`. Errors name the member that did not fit.
  public func decode<T: Decodable>(_ type: T.Type = T.self) throws -> T {
    if let json = self as? T { return json }
    if case .encoded(let encoded) = self { return try JSON(parsing: encoded.bytes).decode(type) }
    return try T(from: TreeDecoder(json: self, codingPath: []))
  }
}

extension JSON: Decodable {
  public init(from decoder: any Decoder) throws {
    if let tree = decoder as? TreeDecoder {
      self = tree.json
      return
    }
    if let container = try? decoder.container(keyedBy: AnyKey.self) {
      self = .object(
        JSONObject(try container.allKeys.map { .init($0.stringValue, try container.decode(JSON.self, forKey: $0)) }))
    } else if var container = try? decoder.unkeyedContainer() {
      var values: [JSON] = []
      while !container.isAtEnd { values.append(try container.decode(JSON.self)) }
      self = .array(values)
    } else {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let value = try? container.decode(Bool.self) {
        self = .bool(value)
      } else if let value = try? container.decode(Int64.self) {
        self = .int(value)
      } else if let value = try? container.decode(Double.self) {
        self = .double(value)
      } else {
        self = .string(try container.decode(String.self))
      }
    }
  }
}

private struct TreeDecoder: Decoder {
  let json: JSON
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func mismatch(_ expected: String) -> DecodingError {
    let name = codingPath.map(\.stringValue).joined(separator: ".")
    return .dataCorrupted(
      .init(
        codingPath: codingPath,
        debugDescription: "\(name.isEmpty ? "value" : name): expected \(expected), found \(json.kind)"))
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard let object = json.object else { throw mismatch("an object") }
    return KeyedDecodingContainer(KeyedTree<Key>(object: object, codingPath: codingPath))
  }
  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard let array = json.array else { throw mismatch("an array") }
    return UnkeyedTree(values: array, codingPath: codingPath)
  }
  func singleValueContainer() -> any SingleValueDecodingContainer { SingleTree(decoder: self) }

  func value<T: Decodable>(_ type: T.Type) throws -> T {
    if type == String.self, let value = json.string as? T { return value }
    if let value = json as? T { return value }
    return try T(from: self)
  }
  func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    switch json {
    case .int(let value):
      guard let value = T(exactly: value) else { throw mismatch("a number that fits \(type)") }
      return value
    case .double(let value):
      guard let value = T(exactly: value) else { throw mismatch("a whole number") }
      return value
    default: throw mismatch("a number")
    }
  }
  func string() throws -> String {
    guard let value = json.string else { throw mismatch("a string") }
    return value
  }
  func bool() throws -> Bool {
    guard let value = json.bool else { throw mismatch("true or false") }
    return value
  }
  func double() throws -> Double {
    guard let value = json.double else { throw mismatch("a number") }
    return value
  }
}

extension JSON {
  /// What kind of value this is, for messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .int, .double: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    case .encoded: "a value"
    }
  }
}

private struct KeyedTree<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let object: JSONObject
  let codingPath: [any CodingKey]

  var allKeys: [Key] { object.keys.compactMap(Key.init(stringValue:)) }
  func contains(_ key: Key) -> Bool { object[key.stringValue] != nil }
  private func at(_ key: Key) throws -> TreeDecoder {
    let path = codingPath + [key]
    guard let json = object[key.stringValue] else {
      throw DecodingError.keyNotFound(
        key,
        .init(codingPath: codingPath, debugDescription: "\(path.map(\.stringValue).joined(separator: ".")) is missing"))
    }
    return TreeDecoder(json: json, codingPath: path)
  }
  func decodeNil(forKey key: Key) -> Bool { object[key.stringValue].map(\.isNull) ?? true }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try at(key).bool() }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try at(key).string() }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try at(key).double() }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try at(key).double()) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try at(key).integer(type) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try at(key).integer(type) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try at(key).integer(type) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try at(key).integer(type) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try at(key).integer(type) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try at(key).integer(type) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try at(key).integer(type) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try at(key).integer(type) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try at(key).integer(type) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try at(key).integer(type) }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try at(key).value(type) }
  func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: Key) throws -> KeyedDecodingContainer<N> {
    try at(key).container(keyedBy: type)
  }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try at(key).unkeyedContainer()
  }
  func superDecoder() throws -> any Decoder { TreeDecoder(json: .object(object), codingPath: codingPath) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try at(key) }
}

private struct UnkeyedTree: UnkeyedDecodingContainer {
  let values: [JSON]
  let codingPath: [any CodingKey]
  var currentIndex = 0
  var count: Int? { values.count }
  var isAtEnd: Bool { currentIndex >= values.count }

  init(values: [JSON], codingPath: [any CodingKey]) { (self.values, self.codingPath) = (values, codingPath) }

  private mutating func next() throws -> TreeDecoder {
    let path = codingPath + [AnyKey(intValue: currentIndex)]
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(JSON.self, .init(codingPath: path, debugDescription: "the array has ended"))
    }
    defer { currentIndex += 1 }
    return TreeDecoder(json: values[currentIndex], codingPath: path)
  }
  mutating func decodeNil() -> Bool {
    guard !isAtEnd, values[currentIndex].isNull else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next().value(type) }
  mutating func nestedContainer<N: CodingKey>(keyedBy type: N.Type) throws -> KeyedDecodingContainer<N> {
    try next().container(keyedBy: type)
  }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
  mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct SingleTree: SingleValueDecodingContainer {
  let decoder: TreeDecoder
  var codingPath: [any CodingKey] { decoder.codingPath }

  func decodeNil() -> Bool { decoder.json.isNull }
  func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
  func decode(_ type: String.Type) throws -> String { try decoder.string() }
  func decode(_ type: Double.Type) throws -> Double { try decoder.double() }
  func decode(_ type: Float.Type) throws -> Float { Float(try decoder.double()) }
  func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.value(type) }
}
