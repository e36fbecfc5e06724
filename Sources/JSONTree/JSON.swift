/// A JSON value (RFC 8259) whose objects keep the order of their members.
///
/// Order matters here: the same run must give the same bytes.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)
  /// A value that is already encoded; written as it stands.
  case encoded(EncodedJSON)
}

/// Bytes of one whole, valid JSON value, encoded once and written often.
public struct EncodedJSON: Sendable, Hashable {
  /// UTF-8 text of the value.
  public let bytes: [UInt8]

  /// Encodes `value` once.
  public init(_ value: JSON) {
    var writer = JSONWriter()
    writer.write(value)
    bytes = writer.bytes
  }

  /// A whole number in all its digits, also above what `JSON.int` holds.
  public init(digits value: UInt64) { bytes = Array(String(value).utf8) }
}

/// The members of a JSON object, in order. Lookup is linear: objects on the wire are small.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  /// One name and its value.
  public struct Member: Sendable, Hashable {
    public var key: String
    public var value: JSON

    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  public var members: [Member]

  public init(_ members: [Member] = []) { self.members = members }

  public init(dictionaryLiteral elements: (String, JSON)...) {
    members = elements.map { Member($0.0, $0.1) }
  }

  /// The names, in order.
  public var keys: [String] { members.map(\.key) }
  /// True when there is no member.
  public var isEmpty: Bool { members.isEmpty }

  /// The value of `key`; setting nil removes the member, setting a new key appends it.
  public subscript(key: String) -> JSON? {
    get { members.first { $0.key == key }?.value }
    set {
      if let index = members.firstIndex(where: { $0.key == key }) {
        if let newValue { members[index].value = newValue } else { members.remove(at: index) }
      } else if let newValue {
        members.append(Member(key, newValue))
      }
    }
  }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(JSONObject(elements.map { .init($0.0, $0.1) }))
  }
}

extension JSON {
  /// A string, or null.
  public init(_ value: String?) { self = value.map(JSON.string) ?? .null }
  /// A whole number.
  public init(_ value: some BinaryInteger) { self = .int(Int64(clamping: value)) }
  /// An array of strings.
  public init(_ values: [String]) { self = .array(values.map(JSON.string)) }
  /// An object of strings, its names sorted.
  public init(_ values: [String: String]) {
    self = .object(JSONObject(values.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }))
  }

  /// The member `key` of an object; nil when absent or when this is no object.
  public subscript(key: String) -> JSON? {
    get {
      switch self {
      case .object(let object): object[key]
      case .encoded(let encoded): (try? JSON(parsing: encoded.bytes))?[key]
      default: nil
      }
    }
    set {
      guard case .object(var object) = self else {
        if let newValue { self = .object([key: newValue]) }
        return
      }
      object[key] = newValue
      self = .object(object)
    }
  }

  /// The element at `index` of an array; nil when out of range or when this is no array.
  public subscript(index: Int) -> JSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  public var isNull: Bool { self == .null }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The whole number; a double counts when it has no fraction.
  public var int: Int? {
    switch self {
    case .int(let value): Int(value)
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  public var object: JSONObject? {
    switch self {
    case .object(let value): value
    case .encoded(let encoded): (try? JSON(parsing: encoded.bytes))?.object
    default: nil
    }
  }
  /// The strings of an array of strings; nil when this is anything else.
  public var strings: [String]? {
    guard let array else { return nil }
    var strings: [String] = []
    for element in array {
      guard let string = element.string else { return nil }
      strings.append(string)
    }
    return strings
  }
}

/// Something that can write itself as one JSON value, without an intermediate tree when it likes.
public protocol JSONWritable: Sendable {
  /// Appends exactly one JSON value.
  func write(to writer: inout JSONWriter)
  /// The same value as a tree.
  var json: JSON { get }
}

extension JSON: JSONWritable {
  public func write(to writer: inout JSONWriter) { writer.write(self) }
  public var json: JSON { self }
}

extension JSONWritable where Self: Encodable {
  public func write(to writer: inout JSONWriter) { writer.write(json) }
  public var json: JSON { (try? JSON(encoding: self)) ?? .null }
}
