/// Writes JSON text compactly into a byte buffer.
public struct JSONWriter: Sendable {
  /// The UTF-8 text so far.
  public var bytes: [UInt8] = []

  public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  /// Appends one value.
  public mutating func write(_ value: JSON) {
    switch value {
    case .null: raw("null")
    case .bool(let value): raw(value ? "true" : "false")
    case .int(let value): write(integer: value)
    case .double(let value): write(double: value)
    case .string(let value): write(string: value)
    case .encoded(let value): bytes.append(contentsOf: value.bytes)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      var first = true
      for value in values {
        if !first { bytes.append(UInt8(ascii: ",")) }
        first = false
        write(value)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      var first = true
      for member in object.members {
        if !first { bytes.append(UInt8(ascii: ",")) }
        first = false
        write(string: member.key)
        bytes.append(UInt8(ascii: ":"))
        write(member.value)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// Appends text as it stands; the caller vouches that it is JSON.
  public mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  /// Appends a whole number.
  public mutating func write(integer value: Int64) {
    if value == 0 {
      bytes.append(UInt8(ascii: "0"))
      return
    }
    var digits: (UInt64, UInt64, UInt32) = (0, 0, 0)
    withUnsafeMutableBytes(of: &digits) { buffer in
      var rest = value.magnitude
      var index = buffer.count
      while rest > 0 {
        index -= 1
        buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      }
      if value < 0 {
        index -= 1
        buffer[index] = UInt8(ascii: "-")
      }
      bytes.append(contentsOf: buffer[index...])
    }
  }

  /// Appends a number; what JSON cannot say (NaN, infinity) becomes null.
  public mutating func write(double value: Double) {
    guard value.isFinite else { return raw("null") }
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return write(integer: whole) }
    bytes.append(contentsOf: "\(value)".utf8)
  }

  /// Appends a quoted string. Control characters, quotes and backslashes are escaped.
  public mutating func write(string: String) {
    bytes.append(UInt8(ascii: "\""))
    var string = string
    string.withUTF8 { utf8 in
      var start = 0
      while let index = JSONWriter.firstEscape(in: utf8, from: start) {
        if start < index { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index])) }
        start = index + 1
        escape(utf8[index])
      }
      if start < utf8.count { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...])) }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Where the next byte is that must be escaped: eight bytes at a time, since most strings have none.
  private static func firstEscape(in utf8: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    /// The high bit of each byte that is 0.
    func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }
    let raw = UnsafeRawBufferPointer(utf8)
    var index = start
    while index + 8 <= raw.count {
      let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let controls = (word &- ones &* 0x20) & ~word & highs
      if controls | zeros(word ^ ones &* 0x22) | zeros(word ^ ones &* 0x5c) | zeros(word ^ ones &* 0x7f) != 0 { break }
      index += 8
    }
    while index < raw.count {
      let byte = raw[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7f { return index }
      index += 1
    }
    return nil
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): raw("\\\"")
    case UInt8(ascii: "\\"): raw("\\\\")
    case 0x0a: raw("\\n")
    case 0x0d: raw("\\r")
    case 0x09: raw("\\t")
    default:
      raw("\\u00")
      for nibble in [byte >> 4, byte & 15] {
        bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
      }
    }
  }
}

extension JSON {
  /// Compact text of this value.
  public var text: String {
    var writer = JSONWriter()
    writer.write(self)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Indented text of this value, as `docker inspect` prints it.
  public func pretty(indent: String = "    ") -> String {
    var out = ""
    prettyPrint(into: &out, indent: indent, depth: 0)
    return out
  }

  private func prettyPrint(into out: inout String, indent: String, depth: Int) {
    switch self {
    case .array(let values) where !values.isEmpty:
      out += "[\n"
      for (index, value) in values.enumerated() {
        out += String(repeating: indent, count: depth + 1)
        value.prettyPrint(into: &out, indent: indent, depth: depth + 1)
        out += index == values.count - 1 ? "\n" : ",\n"
      }
      out += String(repeating: indent, count: depth) + "]"
    case .object(let object) where !object.isEmpty:
      out += "{\n"
      for (index, member) in object.members.enumerated() {
        out += String(repeating: indent, count: depth + 1) + JSON.string(member.key).text + ": "
        member.value.prettyPrint(into: &out, indent: indent, depth: depth + 1)
        out += index == object.members.count - 1 ? "\n" : ",\n"
      }
      out += String(repeating: indent, count: depth) + "}"
    case .encoded(let encoded):
      if let tree = try? JSON(parsing: encoded.bytes) {
        tree.prettyPrint(into: &out, indent: indent, depth: depth)
      } else {
        out += text
      }
    default: out += text
    }
  }
}
