/// The header fields of a message (RFC 9110, section 5), in their order; names compare in any case.
public struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
  public struct Field: Sendable, Hashable {
    public var name: String
    public var value: String
    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }
  public private(set) var fields: [Field]

  public init(_ fields: [Field] = []) { self.fields = fields }
  public init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { Field($0.0, $0.1) } }

  public mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

  /// Adds a field unless there is one of that name.
  public mutating func addIfMissing(_ name: String, _ value: String) {
    if first(name) == nil { add(name, value) }
  }

  /// The first value of `name`.
  public func first(_ name: String) -> String? { fields.first { HTTPHeaders.equal($0.name, name) }?.value }

  /// All values of `name`.
  public func all(_ name: String) -> [String] {
    fields.compactMap { HTTPHeaders.equal($0.name, name) ? $0.value : nil }
  }

  /// The members of a list field (`Connection: keep-alive, Upgrade`), in lower case.
  public func tokens(_ name: String) -> [String] {
    all(name).flatMap { value in
      value.split(separator: ",").map { trimmed($0).lowercased() }.filter { !$0.isEmpty }
    }
  }

  private static func equal(_ a: String, _ b: String) -> Bool {
    guard a.utf8.count == b.utf8.count else { return false }
    return zip(a.utf8, b.utf8).allSatisfy { lower($0) == lower($1) }
  }
  private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }

  /// As they stand in a message. Control characters of a value would begin a line of their own: they are left out.
  func write(to bytes: inout [UInt8]) {
    for field in fields {
      bytes.append(contentsOf: field.name.utf8)
      bytes.append(contentsOf: [UInt8(ascii: ":"), 32])
      bytes.append(contentsOf: field.value.utf8.filter { $0 >= 32 && $0 != 127 || $0 == 9 })
      bytes.append(contentsOf: [13, 10])
    }
  }
}

/// Without optional white space at both ends (RFC 9110, section 5.6.3).
func trimmed(_ text: some StringProtocol) -> String {
  var bytes = Array(text.utf8)[...]
  while let first = bytes.first, first == 32 || first == 9 { bytes.removeFirst() }
  while let last = bytes.last, last == 32 || last == 9 { bytes.removeLast() }
  return String(decoding: bytes, as: UTF8.self)
}
