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
      case UInt8(ascii: "x"), UInt8(ascii: "X"): try merge(try metadata(header), into: &pax)
      case UInt8(ascii: "g"):
        let records = try metadata(header)
        try merge(records, into: &global)
        try merge(records, into: &pax)
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
    _ header: TarHeader, pax: PaxRecords, longName: String?, longLink: String?
  ) throws(ArchiveError) -> ArchiveEntry {
    let name = pax.path.map { String(decoding: $0, as: UTF8.self) } ?? longName ?? text(header.name[...])
    if pax.isSparse || header.typeflag == UInt8(ascii: "S") {
      throw ArchiveError("tar: sparse file \(name) is not supported")
    }
    guard var kind = ArchiveEntry.Kind(typeflag: header.typeflag) else {
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
    let link = pax.link.map { String(decoding: $0, as: UTF8.self) } ?? longLink ?? text(header.link[...])
    let linkTarget = kind == .symlink || kind == .hardLink ? link : ""
    return ArchiveEntry(
      path: TarReader.relative(name), kind: kind, mode: header.mode, uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid, modified: (pax.modified ?? header.modified).seconds,
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

  private mutating func nextHeader() throws(ArchiveError) -> TarHeader? {
    if offset == bytes.count {
      isAtEnd = true
      return nil
    }
    guard bytes.count - offset >= 512 else { throw ArchiveError("tar: unexpected end of archive") }
    let block = Array(bytes[offset..<(offset + 512)])
    offset += 512
    do throws(TarHeader.Failure) {
      if let header = try TarHeader(block) { return header }
    } catch {
      switch error {
      case .checksum: throw ArchiveError("tar: invalid header (checksum does not match)")
      case .number(let name): throw ArchiveError("tar: invalid number in the header of \(text(name[...]))")
      }
    }
    // Two blocks of zeros end an archive; one alone at the very end is forgiven, as other readers do.
    isAtEnd = true
    return nil
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

  private mutating func metadata(_ header: TarHeader) throws(ArchiveError) -> ArraySlice<UInt8> {
    guard header.size <= Int64(TarReader.metadataLimit) else {
      throw ArchiveError("tar: extended header of \(header.size) bytes is too large")
    }
    return try content(header.size, of: "extended header")
  }
}

/// A field of text: up to the first NUL.
private func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) }

private func merge(_ bytes: ArraySlice<UInt8>, into records: inout PaxRecords) throws(ArchiveError) {
  do throws(PaxRecords.Failure) { try records.merge(bytes) } catch {
    throw ArchiveError("tar: invalid extended header" + (error.key.map { ": \($0)" } ?? ""))
  }
}
