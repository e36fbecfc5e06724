import Seams

/// Reads a tar archive as it comes, member by member, holding no more than a piece of it: what `docker load` gets is
/// as large as the images are. ustar, pax and GNU's long names (see `TarReader`, which reads from memory).
struct ArchiveStream {
  struct Member {
    enum Kind { case file, symlink, hardLink, other }
    /// Without leading `./` and `/`.
    var path: String
    var kind: Kind
    /// Bytes of its content.
    var size: Int64
    var linkTarget: String
  }
  private let source: any ByteSource
  private var buffer: [UInt8]
  private var start = 0
  /// Of the current member: content that was not read yet, and what fills its last block.
  private var left: Int64 = 0
  private var padding: Int64 = 0
  /// Names and pax records longer than this are no honest archive's.
  private static let metadataLimit: Int64 = 1 << 20

  /// `head` is what was read of the source already.
  init(head: [UInt8] = [], _ source: any ByteSource) { (buffer, self.source) = (head, source) }

  /// The next member; nil at the archive's end. Skips what was not read of the one before.
  mutating func next() async throws -> Member? {
    while let piece = try await read(1 << 18), !piece.isEmpty {}
    var longName: String?
    var longLink: String?
    var pax: [String: String] = [:]
    while true {
      guard let block = try await block() else { return nil }
      let size = ArchiveStream.number(block[124..<136])
      guard ArchiveStream.isHeader(block), let size, size >= 0 else {
        throw EngineError(.unknown, "archive/tar: invalid tar header")
      }
      switch block[156] {
      case UInt8(ascii: "x"), UInt8(ascii: "X"): try ArchiveStream.parse(try await metadata(size), into: &pax)
      case UInt8(ascii: "g"), UInt8(ascii: "V"): _ = try await metadata(size)
      case UInt8(ascii: "L"): longName = ArchiveStream.text((try await metadata(size))[...])
      case UInt8(ascii: "K"): longLink = ArchiveStream.text((try await metadata(size))[...])
      default:
        let prefix = ArchiveStream.text(block[345..<500])
        let isUstar = block[257..<262].elementsEqual("ustar".utf8)
        var name = ArchiveStream.text(block[0..<100])
        if isUstar, block[263] != 0x20, !prefix.isEmpty { name = prefix + "/" + name }
        var path = Substring(pax["path"] ?? longName ?? name)
        while path.hasPrefix("./") || path.hasPrefix("/") { path = path.dropFirst(path.hasPrefix("/") ? 1 : 2) }
        let kind: Member.Kind =
          switch block[156] {
          case UInt8(ascii: "0"), 0, UInt8(ascii: "7"): path.hasSuffix("/") ? .other : .file
          case UInt8(ascii: "1"): .hardLink
          case UInt8(ascii: "2"): .symlink
          default: .other
          }
        let content = kind == .file || kind == .other ? pax["size"].flatMap { Int64($0) } ?? size : 0
        guard content >= 0 else { throw EngineError(.unknown, "archive/tar: invalid tar header") }
        (left, padding) = (content, (512 - content % 512) % 512)
        return Member(
          path: String(path), kind: kind, size: content,
          linkTarget: pax["linkpath"] ?? longLink ?? ArchiveStream.text(block[157..<257]))
      }
    }
  }

  /// The next at most `limit` bytes of the current member; nil at its end.
  mutating func read(_ limit: Int) async throws -> [UInt8]? {
    guard left > 0 else {
      var rest = padding
      padding = 0
      while rest > 0 { rest -= Int64(try await take(Int(rest)).count) }
      return nil
    }
    let piece = try await take(min(limit, Int(clamping: left)))
    left -= Int64(piece.count)
    return piece
  }

  /// The whole content of the current member: for what is known to be small.
  mutating func readAll() async throws -> [UInt8] {
    var all: [UInt8] = []
    while let piece = try await read(1 << 18) { all += piece }
    return all
  }

  // MARK: Bytes

  /// Some bytes, at least one and at most `limit`; throws at the end.
  private mutating func take(_ limit: Int) async throws -> [UInt8] {
    if start == buffer.count {
      guard try await refill() else { throw EngineError(.unknown, "unexpected EOF") }
    }
    let piece = Array(buffer[start..<min(start + limit, buffer.count)])
    start += piece.count
    if start == buffer.count { (buffer, start) = ([], 0) }
    return piece
  }

  private mutating func exactly(_ count: Int) async throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count { all += try await take(count - all.count) }
    return all
  }

  private mutating func metadata(_ size: Int64) async throws -> [UInt8] {
    guard size <= ArchiveStream.metadataLimit else {
      throw EngineError(.unknown, "archive/tar: header field too long")
    }
    let bytes = try await exactly(Int((size + 511) / 512 * 512))
    return Array(bytes.prefix(Int(size)))
  }

  /// A block that is not all zeros; nil at the archive's end, whose two blocks of zeros need not be there.
  private mutating func block() async throws -> [UInt8]? {
    if start == buffer.count, try await !refill() { return nil }
    let block = try await exactly(512)
    if block.contains(where: { $0 != 0 }) { return block }
    // Whoever writes must be able to come to the end, and a checksum may stand there.
    (buffer, start) = ([], 0)
    while try await source.next() != nil {}
    return nil
  }

  /// Fills the empty buffer; false at the end.
  private mutating func refill() async throws -> Bool {
    while let bytes = try await source.next() {
      (buffer, start) = (bytes, 0)
      if !bytes.isEmpty { return true }
    }
    return false
  }

  // MARK: Fields

  private static func isHeader(_ block: [UInt8]) -> Bool {
    var sum: Int64 = 0
    for (index, byte) in block.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int64(byte) }
    return number(block[148..<156]) == sum
  }

  /// Octal digits, or base 256 when the first bit is set.
  private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
    var value: Int64 = 0
    if let first = field.first, first & 0x80 != 0 {
      for (index, byte) in field.enumerated() {
        let digit = Int64(index == 0 ? byte & 0x7f : byte)
        guard value < 1 << 54 else { return nil }
        value = value << 8 | digit
      }
      return value
    }
    for byte in field where byte != 0x20 && byte != 0 {
      guard (0x30...0x37).contains(byte), value < 1 << 60 else { return nil }
      value = value << 3 | Int64(byte - 0x30)
    }
    return value
  }

  private static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// `25 path=some/name\n`, …
  private static func parse(_ bytes: [UInt8], into records: inout [String: String]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = rest.firstIndex(of: 0x20), let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
        length > space - rest.startIndex + 1, length <= rest.count,
        let equals = rest[space...].firstIndex(of: UInt8(ascii: "=")), equals < rest.startIndex + length
      else { throw EngineError(.unknown, "archive/tar: invalid tar header") }
      let end = rest.startIndex + length
      records[String(decoding: rest[(space + 1)..<equals], as: UTF8.self)] = String(
        decoding: rest[(equals + 1)..<(end - 1)], as: UTF8.self)
      rest = rest[end...]
    }
  }
}
