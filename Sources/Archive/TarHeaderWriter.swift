/// Makes the blocks that stand before a member's content: ustar, with pax records for what ustar cannot say. The same
/// entry gives the same bytes.
package enum TarHeaderWriter {
  /// Where ustar leaves room, writers differ.
  package enum Form: Sendable {
    /// Go's archive/tar: what containerd writes layers with.
    case go
    /// As short as can be: numbers of devices only where there is one.
    case plain
  }

  /// Of the member, its pax header first.
  ///
  /// - Parameter records: further pax records.
  package static func header(
    _ entry: TarEntry, _ form: Form, records more: [(String, [UInt8])] = []
  ) -> [UInt8] {
    var records: [(String, [UInt8])] = []
    let split = split(entry.name)
    if split == nil { records.append(("path", entry.name)) }
    let linkFits = entry.link.count <= 100 && entry.link.allSatisfy { $0 < 0x80 }
    if !linkFits { records.append(("linkpath", entry.link)) }
    if entry.stored > 0o77_777_777_777 { records.append(("size", Array(String(entry.stored).utf8))) }
    if entry.uid > 0o7_777_777 { records.append(("uid", Array(String(entry.uid).utf8))) }
    if entry.gid > 0o7_777_777 { records.append(("gid", Array(String(entry.gid).utf8))) }
    let hasPlainTime = (0...0o77_777_777_777).contains(entry.modified.seconds)
    if !hasPlainTime { records.append(("mtime", Array(String(entry.modified.seconds).utf8))) }
    for (name, value) in entry.xattrs.sorted(by: { $0.key < $1.key }) {
      records.append(("SCHILY.xattr." + name, value))
    }
    records += more
    var bytes: [UInt8] = []
    if !records.isEmpty {
      let extended = pax(records)
      let (folder, name) = form == .go ? lastSlash(entry.name) : ([], entry.name)
      append(
        to: &bytes, form, name: fallback(folder + Array("PaxHeaders.0/".utf8) + name), prefix: [],
        typeflag: UInt8(ascii: "x"), mode: form == .go ? 0 : 0o644, uid: 0, gid: 0, size: Int64(extended.count),
        modified: 0, link: [], major: 0, minor: 0)
      bytes += extended
      bytes += padding(Int64(extended.count))
    }
    append(
      to: &bytes, form, name: split?.name ?? fallback(entry.name), prefix: split?.prefix ?? [],
      typeflag: entry.kind.typeflag, mode: entry.mode, uid: min(entry.uid, 0o7_777_777),
      gid: min(entry.gid, 0o7_777_777), size: min(entry.stored, 0o77_777_777_777),
      modified: hasPlainTime ? entry.modified.seconds : 0, link: linkFits ? entry.link : fallback(entry.link),
      major: entry.deviceMajor, minor: entry.deviceMinor)
    return bytes
  }

  /// What fills content up to a whole block.
  package static func padding(_ size: Int64) -> [UInt8] {
    [UInt8](repeating: 0, count: Int((512 - size % 512) % 512))
  }

  /// What ends an archive.
  package static let end = [UInt8](repeating: 0, count: 1024)

  private static func append(
    to bytes: inout [UInt8], _ form: Form, name: [UInt8], prefix: [UInt8], typeflag: UInt8, mode: UInt32, uid: UInt32,
    gid: UInt32, size: Int64, modified: Int64, link: [UInt8], major: UInt32, minor: UInt32
  ) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: 512))
    func put(_ text: [UInt8], _ at: Int, _ limit: Int) {
      for (index, byte) in text.prefix(limit).enumerated() { bytes[start + at + index] = byte }
    }
    // Octal digits that fill all but the last byte, which is NUL.
    func octal(_ value: UInt64, _ at: Int, _ length: Int) {
      var rest = value
      for index in stride(from: start + at + length - 2, through: start + at, by: -1) {
        bytes[index] = UInt8(ascii: "0") + UInt8(rest & 7)
        rest >>= 3
      }
    }
    put(name, 0, 100)
    octal(UInt64(mode), 100, 8)
    octal(UInt64(uid), 108, 8)
    octal(UInt64(gid), 116, 8)
    octal(UInt64(size), 124, 12)
    octal(UInt64(modified), 136, 12)
    bytes[start + 156] = typeflag
    put(link, 157, 100)
    put(Array("ustar\0".utf8) + Array("00".utf8), 257, 8)
    if form == .go || typeflag == UInt8(ascii: "3") || typeflag == UInt8(ascii: "4") {
      octal(UInt64(min(major, 0o7_777_777)), 329, 8)
      octal(UInt64(min(minor, 0o7_777_777)), 337, 8)
    }
    put(prefix, 345, 155)
    // The checksum counts its own field as blanks; it is six digits, NUL, blank.
    octal(bytes[start...].reduce(8 * 0x20) { $0 + UInt64($1) }, 148, 7)
    bytes[start + 155] = 0x20
  }

  /// A name in ustar's two fields (155 and 100 bytes); nil when it does not fit. A name of 8-bit characters is legal
  /// there, but its encoding would be anybody's guess.
  private static func split(_ name: [UInt8]) -> (prefix: [UInt8], name: [UInt8])? {
    guard !name.isEmpty, name.allSatisfy({ $0 < 0x80 && $0 != 0 }) else { return nil }
    if name.count <= 100 { return ([], name) }
    guard name.count <= 256 else { return nil }
    for index in name.indices.dropLast() where name[index] == UInt8(ascii: "/") && name.count - index - 1 <= 100 {
      guard index > 0, index <= 155 else { return nil }
      return (Array(name[..<index]), Array(name[(index + 1)...]))
    }
    return nil
  }

  private static func lastSlash(_ name: [UInt8]) -> (folder: [UInt8], name: [UInt8]) {
    guard let index = name.dropLast().lastIndex(of: UInt8(ascii: "/")) else { return ([], name) }
    return (Array(name[...index]), Array(name[(index + 1)...]))
  }

  /// What readers without pax see of a name that only the pax record can hold.
  private static func fallback(_ name: [UInt8]) -> [UInt8] {
    Array(name.map { $0 < 0x80 && $0 != 0 ? $0 : UInt8(ascii: "_") }.prefix(99))
  }

  /// Records as `LENGTH KEY=VALUE\n`, the length counting itself.
  private static func pax(_ records: [(String, [UInt8])]) -> [UInt8] {
    var out: [UInt8] = []
    for (key, value) in records {
      let rest = key.utf8.count + value.count + 3
      var length = rest + String(rest).utf8.count
      if String(length).utf8.count > String(rest).utf8.count { length = rest + String(length).utf8.count }
      out += String(length).utf8
      out.append(0x20)
      out += key.utf8
      out.append(UInt8(ascii: "="))
      out += value
      out.append(0x0a)
    }
    return out
  }
}
