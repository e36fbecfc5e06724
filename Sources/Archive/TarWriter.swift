/// Writes a tar archive to memory: ustar headers, with pax extended headers where ustar cannot say it.
/// The same entries give the same bytes.
public struct TarWriter: Sendable {
  private var bytes: [UInt8] = []

  public init(reserving capacity: Int = 16_384) { bytes.reserveCapacity(capacity) }

  /// Bytes written so far.
  public var count: Int { bytes.count }

  /// Appends one member.
  public mutating func add(_ entry: ArchiveEntry) {
    var path = entry.path
    if entry.kind == .directory { path += path.isEmpty ? "./" : "/" } else if path.isEmpty { path = "." }
    var records: [(String, [UInt8])] = []
    // A name of 8-bit characters is legal in ustar, but its encoding would be anybody's guess.
    let (prefix, name) = TarWriter.split(path) ?? ("", "")
    if name.isEmpty { records.append(("path", Array(path.utf8))) }
    let isLink = entry.kind == .symlink || entry.kind == .hardLink
    let link = isLink ? entry.linkTarget : ""
    let linkFits = link.utf8.count <= 100 && link.utf8.allSatisfy { $0 < 0x80 }
    if !linkFits { records.append(("linkpath", Array(link.utf8))) }
    let content = entry.kind == .file ? entry.content : []
    if content.count > 0o77_777_777_777 { records.append(("size", Array(String(content.count).utf8))) }
    if entry.uid > 0o7_777_777 { records.append(("uid", Array(String(entry.uid).utf8))) }
    if entry.gid > 0o7_777_777 { records.append(("gid", Array(String(entry.gid).utf8))) }
    let hasPlainTime = (0...0o77_777_777_777).contains(entry.modified)
    if !hasPlainTime { records.append(("mtime", Array(String(entry.modified).utf8))) }
    for (key, value) in entry.xattrs.sorted(by: { $0.key < $1.key }) { records.append(("SCHILY.xattr." + key, value)) }
    if entry.kind == .file, let size = entry.declaredSize {
      records.append(("DRYDOCK.size", Array(String(size).utf8)))
    }
    if !records.isEmpty {
      let extended = TarWriter.pax(records)
      header(
        name: TarWriter.fallbackName("PaxHeaders.0/" + path), prefix: "", typeflag: UInt8(ascii: "x"), mode: 0o644,
        uid: 0, gid: 0, size: extended.count, modified: 0, link: "", major: 0, minor: 0)
      append(extended)
    }
    let typeflag: UInt8 =
      switch entry.kind {
      case .file: UInt8(ascii: "0")
      case .hardLink: UInt8(ascii: "1")
      case .symlink: UInt8(ascii: "2")
      case .characterDevice: UInt8(ascii: "3")
      case .blockDevice: UInt8(ascii: "4")
      case .directory: UInt8(ascii: "5")
      case .fifo: UInt8(ascii: "6")
      }
    header(
      name: name.isEmpty ? TarWriter.fallbackName(path) : name, prefix: prefix, typeflag: typeflag,
      mode: entry.mode & 0o7777, uid: min(entry.uid, 0o7_777_777), gid: min(entry.gid, 0o7_777_777),
      size: min(content.count, 0o77_777_777_777), modified: hasPlainTime ? entry.modified : 0,
      link: linkFits ? link : TarWriter.fallbackName(link), major: entry.deviceMajor, minor: entry.deviceMinor)
    append(content)
  }

  /// Ends the archive with two blocks of zeros; its bytes. The writer is empty afterwards.
  public mutating func finish() -> [UInt8] {
    bytes.append(contentsOf: repeatElement(0, count: 1024))
    defer { bytes = [] }
    return bytes
  }

  /// The members so far, without the archive's end: the beginning of an archive that another writer finishes.
  public mutating func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  /// A whole archive.
  public static func archive(_ entries: some Sequence<ArchiveEntry>) -> [UInt8] {
    var writer = TarWriter()
    for entry in entries { writer.add(entry) }
    return writer.finish()
  }

  // MARK: Blocks

  private mutating func append(_ content: [UInt8]) {
    bytes.append(contentsOf: content)
    bytes.append(contentsOf: repeatElement(0, count: (512 - content.count % 512) % 512))
  }

  private mutating func header(
    name: String, prefix: String, typeflag: UInt8, mode: UInt32, uid: UInt32, gid: UInt32, size: Int,
    modified: Int64, link: String, major: UInt32, minor: UInt32
  ) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: 512))
    put(name, start, 100)
    octal(UInt64(mode), start + 100, 8)
    octal(UInt64(uid), start + 108, 8)
    octal(UInt64(gid), start + 116, 8)
    octal(UInt64(size), start + 124, 12)
    octal(UInt64(modified), start + 136, 12)
    bytes[start + 156] = typeflag
    put(link, start + 157, 100)
    put("ustar", start + 257, 6)
    put("00", start + 263, 2)
    if typeflag == UInt8(ascii: "3") || typeflag == UInt8(ascii: "4") {
      octal(UInt64(min(major, 0o7_777_777)), start + 329, 8)
      octal(UInt64(min(minor, 0o7_777_777)), start + 337, 8)
    }
    put(prefix, start + 345, 155)
    // The checksum counts its own field as blanks; it is written as six digits, NUL, blank.
    var sum: UInt64 = 8 * 0x20
    for index in start..<(start + 512) { sum += UInt64(bytes[index]) }
    octal(sum, start + 148, 7)
    bytes[start + 155] = 0x20
  }

  private mutating func put(_ text: String, _ at: Int, _ limit: Int) {
    var index = at
    for byte in text.utf8.prefix(limit) {
      bytes[index] = byte
      index += 1
    }
  }

  /// Octal digits that fill `length - 1` bytes, then a NUL.
  private mutating func octal(_ value: UInt64, _ at: Int, _ length: Int) {
    var rest = value
    for index in stride(from: at + length - 2, through: at, by: -1) {
      bytes[index] = UInt8(ascii: "0") + UInt8(rest & 7)
      rest >>= 3
    }
  }

  /// A path in ustar's two fields (155 and 100 bytes); nil when it does not fit.
  private static func split(_ path: String) -> (prefix: String, name: String)? {
    let utf8 = Array(path.utf8)
    guard utf8.allSatisfy({ $0 < 0x80 && $0 != 0 }) else { return nil }
    if utf8.count <= 100 { return ("", path) }
    guard utf8.count <= 256 else { return nil }
    for index in utf8.indices.dropLast() where utf8[index] == UInt8(ascii: "/") && utf8.count - index - 1 <= 100 {
      guard index > 0, index <= 155 else { return nil }
      return (String(decoding: utf8[..<index], as: UTF8.self), String(decoding: utf8[(index + 1)...], as: UTF8.self))
    }
    return nil
  }

  /// What stands in the header of a name that only the pax record can hold: readers without pax see this.
  private static func fallbackName(_ path: String) -> String {
    String(decoding: path.utf8.map { $0 < 0x80 && $0 != 0 ? $0 : UInt8(ascii: "_") }.prefix(99), as: UTF8.self)
  }

  /// Records as `LENGTH KEY=VALUE\n`, the length counting itself.
  private static func pax(_ records: [(String, [UInt8])]) -> [UInt8] {
    var out: [UInt8] = []
    for (key, value) in records {
      let rest = key.utf8.count + value.count + 3
      var length = rest + String(rest).utf8.count
      if String(length).utf8.count > String(rest).utf8.count { length = rest + String(length).utf8.count }
      out.append(contentsOf: String(length).utf8)
      out.append(0x20)
      out.append(contentsOf: key.utf8)
      out.append(UInt8(ascii: "="))
      out.append(contentsOf: value)
      out.append(0x0a)
    }
    return out
  }
}
