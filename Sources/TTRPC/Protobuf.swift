/// Writes messages in protobuf's wire format. As in proto3, a field that has its default value is left out.
public struct ProtobufWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// uint32, uint64, an enum.
  public mutating func write(_ field: Int, _ value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3)
    varint(value)
  }
  /// int32, int64.
  public mutating func write(_ field: Int, signed value: Int64) { write(field, UInt64(bitPattern: value)) }
  public mutating func write(_ field: Int, _ value: Bool) { write(field, value ? 1 : 0) }
  public mutating func write(_ field: Int, _ text: String) {
    if !text.isEmpty { write(field, message: Array(text.utf8)) }
  }
  /// bytes; empty ones are left out.
  public mutating func write(_ field: Int, bytes value: [UInt8]) { if !value.isEmpty { write(field, message: value) } }

  /// A message within the message; also an empty one is written: it is there.
  public mutating func write(_ field: Int, message: [UInt8]) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(message.count))
    bytes += message
  }
  /// A message within the message.
  public mutating func write(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    body(&inner)
    write(field, message: inner.bytes)
  }
  /// repeated uint64, packed.
  public mutating func write(_ field: Int, packed values: [UInt64]) {
    guard !values.isEmpty else { return }
    var inner = ProtobufWriter()
    for value in values { inner.varint(value) }
    write(field, message: inner.bytes)
  }

  /// A whole message.
  public static func message(_ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
    var writer = ProtobufWriter()
    body(&writer)
    return writer.bytes
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}

/// What bytes are not when they are no protobuf message.
public struct ProtobufError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

/// The fields of a protobuf message, in the order in which they were written; unknown ones are for the caller to pass over.
public struct ProtobufFields: Sendable {
  /// What a field holds on the wire.
  public enum Value: Sendable, Hashable {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)

    /// As a number; 0 if it is none.
    public var number: UInt64 { if case .number(let value) = self { value } else { 0 } }
    public var bool: Bool { number != 0 }
    /// As a uint32; what is beyond it is cut off, as protobuf says.
    public var uint32: UInt32 { UInt32(truncatingIfNeeded: number) }
    public var bytes: [UInt8] { if case .bytes(let value) = self { Array(value) } else { [] } }
    /// As text; bytes that are no UTF-8 become U+FFFD.
    public var text: String { if case .bytes(let value) = self { String(decoding: value, as: UTF8.self) } else { "" } }
  }

  public let fields: [(number: Int, value: Value)]

  /// Reads a whole message.
  public init(_ bytes: [UInt8]) throws(ProtobufError) {
    var fields: [(number: Int, value: Value)] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let key = try ProtobufFields.varint(&rest)
      guard let number = Int(exactly: key >> 3), number > 0, number < 1 << 29 else {
        throw ProtobufError(description: "protobuf: illegal field number")
      }
      switch key & 7 {
      case 0: fields.append((number, .number(try ProtobufFields.varint(&rest))))
      case 1: fields.append((number, .number(try ProtobufFields.fixed(&rest, 8))))
      case 2:
        let count = try ProtobufFields.varint(&rest)
        guard count <= UInt64(rest.count) else { throw ProtobufFields.short }
        fields.append((number, .bytes(rest.prefix(Int(count)))))
        rest = rest.dropFirst(Int(count))
      case 5: fields.append((number, .number(try ProtobufFields.fixed(&rest, 4))))
      default: throw ProtobufError(description: "protobuf: illegal wire type \(key & 7)")
      }
    }
    self.fields = fields
  }

  /// The last value of a field, which is the one that counts.
  public subscript(_ number: Int) -> Value? { fields.last { $0.number == number }?.value }
  public func text(_ number: Int) -> String { self[number]?.text ?? "" }
  public func bytes(_ number: Int) -> [UInt8] { self[number]?.bytes ?? [] }
  public func number(_ number: Int) -> UInt64 { self[number]?.number ?? 0 }
  public func bool(_ number: Int) -> Bool { self[number]?.bool ?? false }
  /// Every value of a repeated field.
  public func all(_ number: Int) -> [Value] { fields.filter { $0.number == number }.map(\.value) }

  private static let short = ProtobufError(description: "protobuf: unexpected end of message")

  private static func varint(_ rest: inout ArraySlice<UInt8>) throws(ProtobufError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard let byte = rest.popFirst() else { throw short }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    throw ProtobufError(description: "protobuf: varint is longer than ten bytes")
  }

  private static func fixed(_ rest: inout ArraySlice<UInt8>, _ count: Int) throws(ProtobufError) -> UInt64 {
    guard rest.count >= count else { throw short }
    let value = rest.prefix(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(count)
    return value
  }
}

/// google.protobuf.Any: a message and the name of its type.
public struct ProtobufAny: Sendable, Hashable {
  public var typeURL: String
  public var value: [UInt8]

  public init(_ typeURL: String, _ value: [UInt8]) { (self.typeURL, self.value) = (typeURL, value) }
  public init(parsing bytes: [UInt8]) throws(ProtobufError) {
    let fields = try ProtobufFields(bytes)
    self.init(fields.text(1), fields.bytes(2))
  }

  /// The name of the type, without what stands before its last slash.
  public var typeName: String { typeURL.split(separator: "/").last.map(String.init) ?? "" }
  public var bytes: [UInt8] {
    ProtobufWriter.message {
      $0.write(1, typeURL)
      $0.write(2, bytes: value)
    }
  }
}

/// google.protobuf.Timestamp of nanoseconds since 1970.
public func protobufTimestamp(_ nanoseconds: UInt64) -> [UInt8] {
  ProtobufWriter.message {
    $0.write(1, nanoseconds / 1_000_000_000)
    $0.write(2, nanoseconds % 1_000_000_000)
  }
}
