/// Why a text is not JSON, and where.
public struct JSONParseError: Error, Sendable, Equatable, CustomStringConvertible {
  public let message: String
  /// Byte offset of the fault in the text.
  public let offset: Int
  public var description: String { "invalid JSON at byte \(offset): \(message)" }
}

extension JSON {
  /// Parses exactly one JSON value (RFC 8259). Nesting deeper than `maxDepth` is refused, and so are more than
  /// `maxValues` values altogether: a tree takes many times the memory of its text.
  public init(parsing text: String, maxDepth: Int = 512, maxValues: Int = .max) throws(JSONParseError) {
    try self.init(parsing: Array(text.utf8), maxDepth: maxDepth, maxValues: maxValues)
  }

  /// Parses exactly one JSON value from UTF-8 bytes.
  public init(
    parsing bytes: some Collection<UInt8>, maxDepth: Int = 512, maxValues: Int = .max
  ) throws(JSONParseError) {
    let result: Result<JSON, JSONParseError>? = bytes.withContiguousStorageIfAvailable { buffer in
      JSON.parse(UnsafeBufferPointer(rebasing: buffer[...]), maxDepth, maxValues)
    }
    self = try (result ?? Array(bytes).withUnsafeBufferPointer { JSON.parse($0, maxDepth, maxValues) }).get()
  }

  private static func parse(
    _ buffer: UnsafeBufferPointer<UInt8>, _ maxDepth: Int, _ maxValues: Int
  ) -> Result<JSON, JSONParseError> {
    var parser = JSONParser(bytes: buffer, maxDepth: maxDepth, maxValues: maxValues)
    do throws(JSONParseError) { return .success(try parser.parseWhole()) } catch { return .failure(error) }
  }
}

struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let maxDepth: Int
  let maxValues: Int
  var index = 0
  var depth = 0
  var values = 0

  init(bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int, maxValues: Int = .max) {
    self.bytes = bytes
    self.maxDepth = maxDepth
    self.maxValues = maxValues
  }

  mutating func parseWhole() throws(JSONParseError) -> JSON {
    let value = try parseValue()
    skipSpace()
    guard index == bytes.count else { throw fault("text after the value") }
    return value
  }

  func fault(_ message: String) -> JSONParseError { JSONParseError(message: message, offset: index) }

  mutating func skipSpace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0a, 0x0d: index += 1
      default: return
      }
    }
  }

  mutating func parseValue() throws(JSONParseError) -> JSON {
    skipSpace()
    guard index < bytes.count else { throw fault("unexpected end of text") }
    values += 1
    guard values <= maxValues else { throw fault("more than \(maxValues) values") }
    switch bytes[index] {
    case UInt8(ascii: "{"): return try parseObject()
    case UInt8(ascii: "["): return try parseArray()
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw fault("unexpected character")
    }
  }

  mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONParseError) -> JSON {
    guard bytes.count - index >= word.utf8CodeUnitCount else { throw fault("unexpected end of text") }
    for offset in 0..<word.utf8CodeUnitCount where bytes[index + offset] != word.utf8Start[offset] {
      throw fault("unexpected word")
    }
    index += word.utf8CodeUnitCount
    return value
  }

  mutating func parseObject() throws(JSONParseError) -> JSON {
    depth += 1
    guard depth <= maxDepth else { throw fault("nested deeper than \(maxDepth) levels") }
    defer { depth -= 1 }
    index += 1
    var members: [JSONObject.Member] = []
    skipSpace()
    if index < bytes.count, bytes[index] == UInt8(ascii: "}") {
      index += 1
      return .object(JSONObject())
    }
    while true {
      skipSpace()
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw fault("expected a member name") }
      let key = try parseString()
      skipSpace()
      guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { throw fault("expected ':'") }
      index += 1
      members.append(.init(key, try parseValue()))
      skipSpace()
      guard index < bytes.count else { throw fault("unexpected end of text") }
      if bytes[index] == UInt8(ascii: ",") {
        index += 1
        continue
      }
      guard bytes[index] == UInt8(ascii: "}") else { throw fault("expected ',' or '}'") }
      index += 1
      return .object(JSONObject(members))
    }
  }

  mutating func parseArray() throws(JSONParseError) -> JSON {
    depth += 1
    guard depth <= maxDepth else { throw fault("nested deeper than \(maxDepth) levels") }
    defer { depth -= 1 }
    index += 1
    var values: [JSON] = []
    skipSpace()
    if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
      index += 1
      return .array([])
    }
    while true {
      values.append(try parseValue())
      skipSpace()
      guard index < bytes.count else { throw fault("unexpected end of text") }
      if bytes[index] == UInt8(ascii: ",") {
        index += 1
        continue
      }
      guard bytes[index] == UInt8(ascii: "]") else { throw fault("expected ',' or ']'") }
      index += 1
      return .array(values)
    }
  }

  mutating func parseString() throws(JSONParseError) -> String {
    index += 1
    let start = index
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        guard let string = String(validating: bytes[start..<index], as: UTF8.self) else { throw fault("not UTF-8") }
        index += 1
        return string
      }
      if byte == UInt8(ascii: "\\") { return try parseEscapedString(from: start) }
      guard byte >= 0x20 else { throw fault("control character in a string") }
      index += 1
    }
    throw fault("unterminated string")
  }

  private mutating func parseEscapedString(from start: Int) throws(JSONParseError) -> String {
    var out = Array(bytes[start..<index])
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: out, as: UTF8.self) else { throw fault("not UTF-8") }
        return string
      case UInt8(ascii: "\\"):
        guard index < bytes.count else { throw fault("unterminated string") }
        let escape = bytes[index]
        index += 1
        switch escape {
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "u"):
          out.append(contentsOf: String(Character(try parseUnicodeEscape())).utf8)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
        default: throw fault("unknown escape")
        }
      case 0..<0x20: throw fault("control character in a string")
      default: out.append(byte)
      }
    }
    throw fault("unterminated string")
  }

  private mutating func parseUnicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
    let high = try parseHex4()
    if (0xd800..<0xdc00).contains(high) {
      guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
        return "\u{fffd}"
      }
      index += 2
      let low = try parseHex4()
      guard (0xdc00..<0xe000).contains(low) else { return "\u{fffd}" }
      return Unicode.Scalar(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)) ?? "\u{fffd}"
    }
    return Unicode.Scalar(high) ?? "\u{fffd}"
  }

  private mutating func parseHex4() throws(JSONParseError) -> UInt32 {
    guard bytes.count - index >= 4 else { throw fault("unterminated string") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[index]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw fault("bad \\u escape")
      }
      value = value << 4 | UInt32(digit)
      index += 1
    }
    return value
  }

  mutating func parseNumber() throws(JSONParseError) -> JSON {
    let start = index
    var whole = true
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    let firstDigit = index
    while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
    guard index > firstDigit else { throw fault("bad number") }
    guard bytes[firstDigit] != UInt8(ascii: "0") || index == firstDigit + 1 else { throw fault("bad number") }
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      whole = false
      index += 1
      let fraction = index
      while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
      guard index > fraction else { throw fault("bad number") }
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      whole = false
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
      let exponent = index
      while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
      guard index > exponent else { throw fault("bad number") }
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if whole, let value = Int64(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else { throw fault("number out of range") }
    return .double(value)
  }
}
