extension JSON {
  /// The tree that `value` encodes itself to. Byte arrays stay arrays; dates are up to the type.
  public init(encoding value: some Encodable) throws {
    if let json = value as? JSON {
      self = json
      return
    }
    let box = Box()
    try value.encode(to: TreeEncoder(box: box, codingPath: []))
    self = box.value
  }
}

/// JSON is its own Codable value, inside other Codable values too.
extension JSON: Encodable {
  public func encode(to encoder: any Encoder) throws {
    if let tree = encoder as? TreeEncoder {
      tree.box.node = .leaf(self)
      return
    }
    switch self {
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    case .bool(let value): try value.encode(to: encoder)
    case .int(let value): try value.encode(to: encoder)
    case .double(let value): try value.encode(to: encoder)
    case .string(let value): try value.encode(to: encoder)
    case .array(let value): try value.encode(to: encoder)
    case .object(let object):
      var container = encoder.container(keyedBy: AnyKey.self)
      for member in object.members { try container.encode(member.value, forKey: AnyKey(member.key)) }
    case .encoded(let value): try JSON(parsing: value.bytes).encode(to: encoder)
    }
  }
}

struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int?
  init(_ string: String) { (stringValue, intValue) = (string, nil) }
  init(stringValue: String) { self.init(stringValue) }
  init(intValue: Int) { (stringValue, self.intValue) = (String(intValue), intValue) }
}

/// A node of the tree while it is being built.
private final class Box {
  enum Node {
    case empty
    case leaf(JSON)
    case object([(String, Box)])
    case array([Box])
  }
  var node = Node.empty

  var value: JSON {
    switch node {
    case .empty: .null
    case .leaf(let json): json
    case .object(let members): .object(JSONObject(members.map { .init($0.0, $0.1.value) }))
    case .array(let values): .array(values.map(\.value))
    }
  }

  func child(_ key: String) -> Box {
    let box = Box()
    if case .object(var members) = node {
      node = .empty
      members.append((key, box))
      node = .object(members)
    } else {
      node = .object([(key, box)])
    }
    return box
  }

  func next() -> Box {
    let box = Box()
    if case .array(var values) = node {
      node = .empty
      values.append(box)
      node = .array(values)
    } else {
      node = .array([box])
    }
    return box
  }

  var count: Int { if case .array(let values) = node { values.count } else { 0 } }

  func encode<T: Encodable>(_ value: T, path: [any CodingKey]) throws {
    switch value {
    case let value as String: node = .leaf(.string(value))
    case let value as JSON: node = .leaf(value)
    case let value as [String]: node = .leaf(JSON(value))
    case let value as [String: String]: node = .leaf(JSON(value))
    default:
      try value.encode(to: TreeEncoder(box: self, codingPath: path))
      // A dictionary's own order changes from one process to the next.
      if T.self is any StringKeyed.Type, case .object(let members) = node {
        node = .object(members.sorted { $0.0 < $1.0 })
      }
    }
  }
}

private protocol StringKeyed {}
extension Dictionary: StringKeyed where Key == String {}

private struct TreeEncoder: Encoder {
  let box: Box
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .object = box.node {} else { box.node = .object([]) }
    return KeyedEncodingContainer(Keyed<Key>(box: box, codingPath: codingPath))
  }
  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .array = box.node {} else { box.node = .array([]) }
    return Unkeyed(box: box, codingPath: codingPath)
  }
  func singleValueContainer() -> any SingleValueEncodingContainer { Single(box: box, codingPath: codingPath) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let box: Box
  let codingPath: [any CodingKey]

  private func put(_ json: JSON, _ key: Key) { box.child(key.stringValue).node = .leaf(json) }
  func encodeNil(forKey key: Key) { put(.null, key) }
  func encode(_ value: Bool, forKey key: Key) { put(.bool(value), key) }
  func encode(_ value: String, forKey key: Key) { put(.string(value), key) }
  func encode(_ value: Double, forKey key: Key) { put(.double(value), key) }
  func encode(_ value: Float, forKey key: Key) { put(.double(Double(value)), key) }
  func encode(_ value: Int, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: Int8, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: Int16, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: Int32, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: Int64, forKey key: Key) { put(.int(value), key) }
  func encode(_ value: UInt, forKey key: Key) { put(unsigned(UInt64(value)), key) }
  func encode(_ value: UInt8, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: UInt16, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: UInt32, forKey key: Key) { put(.int(Int64(value)), key) }
  func encode(_ value: UInt64, forKey key: Key) { put(unsigned(value), key) }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    try box.child(key.stringValue).encode(value, path: codingPath + [key])
  }
  func nestedContainer<N: CodingKey>(keyedBy type: N.Type, forKey key: Key) -> KeyedEncodingContainer<N> {
    TreeEncoder(box: box.child(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
  }
  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    TreeEncoder(box: box.child(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
  }
  func superEncoder() -> any Encoder { TreeEncoder(box: box.child("super"), codingPath: codingPath) }
  func superEncoder(forKey key: Key) -> any Encoder {
    TreeEncoder(box: box.child(key.stringValue), codingPath: codingPath + [key])
  }
}

private func unsigned(_ value: UInt64) -> JSON {
  Int64(exactly: value).map(JSON.int) ?? .double(Double(value))
}

private struct Unkeyed: UnkeyedEncodingContainer {
  let box: Box
  let codingPath: [any CodingKey]
  var count: Int { box.count }

  func encodeNil() { box.next().node = .leaf(.null) }
  func encode<T: Encodable>(_ value: T) throws { try box.next().encode(value, path: codingPath) }
  func nestedContainer<N: CodingKey>(keyedBy type: N.Type) -> KeyedEncodingContainer<N> {
    TreeEncoder(box: box.next(), codingPath: codingPath).container(keyedBy: type)
  }
  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    TreeEncoder(box: box.next(), codingPath: codingPath).unkeyedContainer()
  }
  func superEncoder() -> any Encoder { TreeEncoder(box: box.next(), codingPath: codingPath) }
}

private struct Single: SingleValueEncodingContainer {
  let box: Box
  let codingPath: [any CodingKey]

  func encodeNil() { box.node = .leaf(.null) }
  func encode(_ value: Bool) { box.node = .leaf(.bool(value)) }
  func encode(_ value: String) { box.node = .leaf(.string(value)) }
  func encode(_ value: Double) { box.node = .leaf(.double(value)) }
  func encode(_ value: Float) { box.node = .leaf(.double(Double(value))) }
  func encode(_ value: Int) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: Int8) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: Int16) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: Int32) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: Int64) { box.node = .leaf(.int(value)) }
  func encode(_ value: UInt) { box.node = .leaf(unsigned(UInt64(value))) }
  func encode(_ value: UInt8) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: UInt16) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: UInt32) { box.node = .leaf(.int(Int64(value))) }
  func encode(_ value: UInt64) { box.node = .leaf(unsigned(value)) }
  func encode<T: Encodable>(_ value: T) throws { try box.encode(value, path: codingPath) }
}
