import JSONTree

extension RuntimeSpec {
  /// What is wrong with a document, and where: `mounts[3].destination`.
  public struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
    /// The member, from the top of the document; empty when the document as a whole is wrong.
    public var path: String
    public var message: String
    public init(_ path: String, _ message: String) { (self.path, self.message) = (path, message) }
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }

    /// The same, seen from the object that holds it as `name`.
    func within(_ name: String) -> Invalid {
      if path.isEmpty { return Invalid(name, message) }
      return Invalid(path.utf8.first == UInt8(ascii: "[") ? name + path : "\(name).\(path)", message)
    }
  }

  /// What a document may cost before anything of it is believed.
  public enum Limits {
    /// Bytes of a `config.json` or `process.json`. Docker's own are of 20 KB.
    public static let size = 10 << 20
    /// Levels of nesting; the specification needs seven.
    public static let depth = 64
    /// Values altogether; Docker's own have 1,500.
    public static let values = 200_000
  }
}

/// Reads values out of a JSON tree. Members that nobody knows are passed over; null counts as absent, as in Go.
enum SpecReader {
  typealias Invalid = RuntimeSpec.Invalid

  static func mismatch(_ expected: String, _ json: JSON) -> Invalid {
    Invalid("", "expected \(expected), found \(json.kind)")
  }

  /// The members of an object; `read` sees each that is not null.
  static func members(
    of json: JSON, _ read: (borrowing JSONObject.Member) throws(Invalid) -> Void
  ) throws(Invalid) {
    switch json {
    case .object(let object):
      for member in object.members {
        if case .null = member.value { continue }
        do { try read(member) } catch { throw error.within(member.key) }
      }
    case .encoded:
      guard let object = json.object else { throw mismatch("an object", json) }
      try members(of: .object(object), read)
    default: throw mismatch("an object", json)
    }
  }

  static func string(_ json: JSON) throws(Invalid) -> String {
    guard case .string(let value) = json else { throw mismatch("a string", json) }
    return value
  }

  static func bool(_ json: JSON) throws(Invalid) -> Bool {
    guard case .bool(let value) = json else { throw mismatch("true or false", json) }
    return value
  }

  /// A whole number that fits. JSON's numbers above Int64.max come as doubles; 2^64 - 1 is what runtimes write for
  /// "no limit".
  static func integer<T: FixedWidthInteger>(_ json: JSON) throws(Invalid) -> T {
    switch json {
    case .int(let value):
      guard let exact = T(exactly: value) else {
        throw Invalid("", "\(value) is out of range (\(T.min) to \(T.max))")
      }
      return exact
    case .double(let value):
      if let exact = T(exactly: value) { return exact }
      if T.self == UInt64.self, value == 18_446_744_073_709_551_616 { return T.max }
      throw Invalid("", value == value.rounded() ? "\(value) is out of range" : "\(value) is not a whole number")
    default: throw mismatch("a number", json)
    }
  }

  static func array<T>(
    _ json: JSON, _ element: (JSON) throws(Invalid) -> T
  ) throws(Invalid) -> [T] {
    guard case .array(let values) = json else { throw mismatch("an array", json) }
    var result: [T] = []
    result.reserveCapacity(values.count)
    for value in values {
      do { result.append(try element(value)) } catch { throw error.within("[\(result.count)]") }
    }
    return result
  }

  static func strings(_ json: JSON) throws(Invalid) -> [String] { try array(json, string) }

  /// An object whose names are the user's, in the document's order. A name that comes twice: the last one counts.
  static func map<T>(
    _ json: JSON, _ value: (JSON) throws(Invalid) -> T
  ) throws(Invalid) -> [(key: String, value: T)] {
    var result: [(key: String, value: T)] = []
    try members(of: json) { member throws(Invalid) in
      let new = try value(member.value)
      let key = member.key
      if let index = result.firstIndex(where: { $0.key == key }) {
        result[index].value = new
      } else {
        result.append((key, new))
      }
    }
    return result
  }

  static func stringMap(_ json: JSON) throws(Invalid) -> [String: String] {
    var result: [String: String] = [:]
    try members(of: json) { member throws(Invalid) in result[member.key] = try string(member.value) }
    return result
  }

  /// One of an enumeration's names.
  static func name<T: RawRepresentable>(_ json: JSON, _ refusal: (String) -> String) throws(Invalid) -> T
  where T.RawValue == String {
    let text = try string(json)
    guard let value = T(rawValue: text) else { throw Invalid("", refusal(text)) }
    return value
  }
}

/// `"text"`, with Go's %q escapes for what runc prints so.
func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\t": out += "\\t"
    case "\r": out += "\\r"
    case "\0": out += "\\x00"
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
