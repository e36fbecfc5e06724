/// Reads a tar archive from memory, member by member: ustar and pax (POSIX.1-2017), GNU long names and links, and
/// base-256 numbers.
///
/// Paths come as they stand, without leading `./` and `/`; `..` is left in them for the caller to refuse or resolve.
/// The archive's own root (`./`) has the empty path. Sparse files are refused: nothing in layers has them.
public struct TarReader: Sendable {
  private let bytes: [UInt8]
  private var offset = 0
  /// pax records that hold for all members to come (typeflag `g`).
  private var global: PaxRecords = .init()
  private var isAtEnd = false

  /// Long names and pax records beyond this are no honest archive's; in bytes.
  private static let metadataLimit = 1 << 20

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next member; nil at the end of the archive. After an error there is nothing more to read.
  public mutating func next() throws(ArchiveError) -> ArchiveEntry? {
    if isAtEnd { return nil }
    do {
      return try readMember()
    } catch {
      isAtEnd = true
      throw error
    }
  }

  private mutating func readMember() throws(ArchiveError) -> ArchiveEntry? {
    var pax = global
    var longName: String?
    var longLink: String?
    while true {
      guard let header = try nextHeader() else {
        if longName != nil || longLink != nil || pax != global { throw ArchiveError("tar: unexpected end of archive") }
        return nil
      }
      switch header.typeflag {
      case UInt8(ascii: "x"), UInt8(ascii: "X"):
        try pax.merge(try metadata(header))
      case UInt8(ascii: "g"):
        let records = try metadata(header)
        try global.merge(records)
        try pax.merge(records)
      case UInt8(ascii: "L"): longName = text(try metadata(header))
      case UInt8(ascii: "K"): longLink = text(try metadata(header))
      case UInt8(ascii: "V"):
        // The label of a GNU volume is no member.
        _ = try content(header.size, of: "volume label")
      default:
        return try member(header, pax: pax, longName: longName, longLink: longLink)
      }
    }
  }

  private mutating func member(
    _ header: Header, pax: PaxRecords, longName: String?, longLink: String?
  ) throws(ArchiveError) -> ArchiveEntry {
    let name = pax.path ?? longName ?? header.name
    if pax.isSparse || header.typeflag == UInt8(ascii: "S") {
      throw ArchiveError("tar: sparse file \(name) is not supported")
    }
    var kind: ArchiveEntry.Kind =
      switch header.typeflag {
      case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): .file
      case UInt8(ascii: "1"): .hardLink
      case UInt8(ascii: "2"): .symlink
      case UInt8(ascii: "3"): .characterDevice
      case UInt8(ascii: "4"): .blockDevice
      case UInt8(ascii: "5"): .directory
      case UInt8(ascii: "6"): .fifo
      default:
        throw ArchiveError(
          "tar: unknown kind of member \(String(reflecting: Character(UnicodeScalar(header.typeflag)))): \(name)")
      }
    // The oldest archives know no typeflag for folders.
    if kind == .file, name.utf8.last == UInt8(ascii: "/") { kind = .directory }
    let size = pax.size ?? header.size
    var content: [UInt8] = []
    if kind == .file {
      content = Array(try self.content(size, of: name))
    } else if kind == .hardLink || kind == .directory, size > 0 {
      // pax allows a hard link to repeat the content; GNU dumps list a folder's names.
      _ = try self.content(size, of: name)
    }
    let linkTarget = kind == .symlink || kind == .hardLink ? pax.linkPath ?? longLink ?? header.linkName : ""
    return ArchiveEntry(
      path: TarReader.relative(name), kind: kind, mode: header.mode, uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid, modified: pax.modified ?? header.modified,
      linkTarget: kind == .hardLink ? TarReader.relative(linkTarget) : linkTarget, content: content,
      declaredSize: kind == .file ? pax.declaredSize : nil, deviceMajor: header.major, deviceMinor: header.minor,
      xattrs: pax.xattrs)
  }

  /// Without leading `/` and `./` and without trailing `/`.
  private static func relative(_ path: String) -> String {
    var rest = path.utf8[...]
    while true {
      if rest.first == UInt8(ascii: "/") {
        rest = rest.dropFirst()
      } else if rest.starts(with: "./".utf8) {
        rest = rest.dropFirst(2)
      } else {
        break
      }
    }
    while rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
    if rest.elementsEqual(".".utf8) { return "" }
    return String(Substring(rest))
  }

  // MARK: Blocks

  private struct Header {
    var name: String
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var size: Int64
    var modified: Int64
    var typeflag: UInt8
    var linkName: String
    var major: UInt32
    var minor: UInt32
  }

  private mutating func nextHeader() throws(ArchiveError) -> Header? {
    if offset == bytes.count {
      isAtEnd = true
      return nil
    }
    guard bytes.count - offset >= 512 else { throw ArchiveError("tar: unexpected end of archive") }
    let block = bytes[offset..<(offset + 512)]
    offset += 512
    if block.allSatisfy({ $0 == 0 }) {
      // Two blocks of zeros end an archive; one alone at the very end is forgiven, as other readers do.
      isAtEnd = true
      return nil
    }
    let start = block.startIndex
    func field(_ at: Int, _ length: Int) -> ArraySlice<UInt8> { block[(start + at)..<(start + at + length)] }
    var (unsigned, signed): (Int64, Int64) = (0, 0)
    for (index, byte) in block.enumerated() {
      let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : byte
      unsigned += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    guard let sum = number(field(148, 8)), sum == unsigned || sum == signed else {
      throw ArchiveError("tar: invalid header (checksum does not match)")
    }
    let isUstar = field(257, 5).elementsEqual("ustar".utf8)
    // GNU writes "ustar  " and keeps other things where pax has the prefix.
    let isPax = isUstar && block[start + 262] == 0
    var name = text(field(0, 100))
    if isPax {
      let prefix = text(field(345, 155))
      if !prefix.isEmpty { name = prefix + "/" + name }
    }
    guard let size = number(field(124, 12)), size >= 0 else { throw ArchiveError("tar: invalid size of \(name)") }
    guard let mode = number(field(100, 8)), let uid = number(field(108, 8)), let gid = number(field(116, 8)),
      let modified = number(field(136, 12))
    else { throw ArchiveError("tar: invalid number in the header of \(name)") }
    guard let uid = UInt32(exactly: uid), let gid = UInt32(exactly: gid) else {
      throw ArchiveError("tar: owner of \(name) out of range")
    }
    let major = isUstar ? number(field(329, 8)) ?? 0 : 0
    let minor = isUstar ? number(field(337, 8)) ?? 0 : 0
    return Header(
      name: name, mode: UInt32(truncatingIfNeeded: mode) & 0o7777, uid: uid, gid: gid, size: size, modified: modified,
      typeflag: block[start + 156], linkName: text(field(157, 100)), major: UInt32(truncatingIfNeeded: major),
      minor: UInt32(truncatingIfNeeded: minor))
  }

  /// The content that follows a header, and the padding behind it.
  private mutating func content(_ size: Int64, of name: String) throws(ArchiveError) -> ArraySlice<UInt8> {
    guard size >= 0, size <= Int64(bytes.count - offset) else {
      throw ArchiveError("tar: \(name) is cut off: the archive ends before its content does")
    }
    let slice = bytes[offset..<(offset + Int(size))]
    offset = min(bytes.count, offset + (Int(size) + 511) / 512 * 512)
    return slice
  }

  private mutating func metadata(_ header: Header) throws(ArchiveError) -> ArraySlice<UInt8> {
    guard header.size <= Int64(TarReader.metadataLimit) else {
      throw ArchiveError("tar: extended header of \(header.size) bytes is too large")
    }
    return try content(header.size, of: "extended header")
  }
}

/// A field of text: up to the first NUL.
private func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) }

/// A number: octal digits between blanks and NULs, or base-256 when the first bit is set. Nil when malformed.
private func number(_ field: ArraySlice<UInt8>) -> Int64? {
  guard let first = field.first else { return nil }
  if first & 0x80 != 0 {
    // Two's complement, big endian; the bit that marks the form is not part of it.
    let isNegative = first & 0x40 != 0
    var value: Int64 = isNegative ? -1 : 0
    var isFirst = true
    for byte in field {
      let byte = isFirst ? (isNegative ? byte | 0x80 : byte & 0x7f) : byte
      isFirst = false
      guard value >= -(1 << 54), value < 1 << 54 else { return nil }
      value = value << 8 | Int64(byte)
    }
    return value
  }
  var value: Int64 = 0
  var digits = field.drop { $0 == 0x20 || $0 == 0 }
  while let last = digits.last, last == 0x20 || last == 0 { digits = digits.dropLast() }
  for byte in digits {
    // Some writers leave rubbish behind the first NUL or blank.
    if byte == 0 || byte == 0x20 { break }
    guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte), value < 1 << 59 else { return nil }
    value = value << 3 | Int64(byte - UInt8(ascii: "0"))
  }
  return value
}

/// The records of a pax extended header that matter here.
private struct PaxRecords: Hashable, Sendable {
  var path: String?
  var linkPath: String?
  var size: Int64?
  var modified: Int64?
  var uid: UInt32?
  var gid: UInt32?
  var declaredSize: Int64?
  var isSparse = false
  var xattrs: [String: [UInt8]] = [:]

  /// Adds records of the form `LENGTH KEY=VALUE\n`.
  mutating func merge(_ bytes: ArraySlice<UInt8>) throws(ArchiveError) {
    let malformed = ArchiveError("tar: invalid extended header")
    var rest = bytes
    while !rest.isEmpty {
      // Some writers pad with NULs.
      if rest.allSatisfy({ $0 == 0 }) { return }
      guard let space = rest.firstIndex(of: 0x20), let length = decimal(rest[rest.startIndex..<space]),
        length > space - rest.startIndex + 1, length <= rest.count
      else { throw malformed }
      let record = rest[(space + 1)..<(rest.startIndex + Int(length))]
      rest = rest[(rest.startIndex + Int(length))...]
      guard record.last == 0x0a, let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw malformed }
      try set(String(decoding: record[record.startIndex..<equals], as: UTF8.self), record[(equals + 1)...].dropLast())
    }
  }

  private mutating func set(_ key: String, _ value: ArraySlice<UInt8>) throws(ArchiveError) {
    let malformed = ArchiveError("tar: invalid extended header: \(key)")
    // An empty value takes the record back.
    switch key {
    case "path":
      guard !value.contains(0) else { throw malformed }
      path = value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
    case "linkpath":
      guard !value.contains(0) else { throw malformed }
      linkPath = value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
    case "size", "DRYDOCK.size":
      let number = decimal(value)
      guard value.isEmpty || number != nil else { throw malformed }
      if key == "size" { size = number } else { declaredSize = number }
    case "uid", "gid":
      let number = decimal(value).flatMap(UInt32.init(exactly:))
      guard value.isEmpty || number != nil else { throw malformed }
      if key == "uid" { uid = number } else { gid = number }
    case "mtime":
      guard !value.isEmpty else {
        modified = nil
        return
      }
      guard let seconds = PaxRecords.seconds(value) else { throw malformed }
      modified = seconds
    case _ where key.hasPrefix("SCHILY.xattr."):
      xattrs[String(key.dropFirst("SCHILY.xattr.".count))] = value.isEmpty ? nil : Array(value)
    case _ where key.hasPrefix("GNU.sparse."): isSparse = true
    default: break
    }
  }

  /// `-12.5` → -13: whole seconds, rounded down.
  private static func seconds(_ value: ArraySlice<UInt8>) -> Int64? {
    let isNegative = value.first == UInt8(ascii: "-")
    let digits = isNegative ? value.dropFirst() : value
    let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = decimal(parts[0]) else { return nil }
    guard parts.count == 2 else { return isNegative ? -whole : whole }
    guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    let hasFraction = parts[1].contains { $0 != 0x30 }
    return isNegative ? -whole - (hasFraction ? 1 : 0) : whole
  }
}

/// A decimal number without sign; nil when malformed or beyond 2^62.
private func decimal(_ text: ArraySlice<UInt8>) -> Int64? {
  guard !text.isEmpty else { return nil }
  var value: Int64 = 0
  for byte in text {
    guard (0x30...0x39).contains(byte), value < 1 << 58 else { return nil }
    value = value * 10 + Int64(byte - 0x30)
  }
  return value
}
