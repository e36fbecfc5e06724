import Encodings

/// The records of a pax extended header that say something of the member behind it (POSIX.1-2017, pax; star(5),
/// libarchive-formats(5), GNU tar manual "Storing Sparse Files").
package struct PaxRecords: Sendable, Hashable {
  package var path: [UInt8]?
  package var link: [UInt8]?
  package var size: Int64?
  package var uid: UInt32?
  package var gid: UInt32?
  package var modified: TarTime?
  package var accessed: TarTime?
  /// SCHILY.xattr.*, as star, GNU tar and Go write them.
  private var plainXattrs: [String: [UInt8]] = [:]
  /// LIBARCHIVE.xattr.*: names with %-escapes, values in base64. bsdtar writes both, and the plain ones count.
  private var encodedXattrs: [String: [UInt8]] = [:]
  /// GNU.sparse.*: versions 0.0 (offset and numbytes, repeated), 0.1 (map) and 1.0 (the map stands before the data).
  package var sparseName: [UInt8]?
  package var sparseSize: Int64?
  package var sparseMap: [Int64] = []
  package var sparseMajor: Int64 = 0
  package var isSparse = false
  /// What a model of a file claims to hold (DRYDOCK.size).
  package var declaredSize: Int64?

  package init() {}

  package var xattrs: [String: [UInt8]] { encodedXattrs.merging(plainXattrs) { $1 } }

  /// Why records cannot be read: the key, where it is the value.
  package struct Failure: Error, Sendable, Hashable {
    package var key: String?
  }

  /// Adds records of the form `LENGTH KEY=VALUE\n`. An empty value takes a record back.
  package mutating func merge(_ bytes: ArraySlice<UInt8>) throws(Failure) {
    var rest = bytes
    while let first = rest.first {
      // Some writers pad with NULs.
      if first == 0, rest.allSatisfy({ $0 == 0 }) { return }
      guard let space = rest.firstIndex(of: 0x20), let length = decimal(rest[rest.startIndex..<space]),
        length > space - rest.startIndex + 1, length <= rest.count
      else { throw Failure() }
      let record = rest[(space + 1)..<(rest.startIndex + Int(length))]
      rest = rest[(rest.startIndex + Int(length))...]
      guard record.last == 0x0a, let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex
      else { throw Failure() }
      let key = String(decoding: record[record.startIndex..<equals], as: UTF8.self)
      guard !key.utf8.contains(0), set(key, record[(equals + 1)...].dropLast()) else { throw Failure(key: key) }
    }
  }

  /// False when the value is malformed.
  private mutating func set(_ key: String, _ value: ArraySlice<UInt8>) -> Bool {
    switch key {
    case "path": return PaxRecords.text(value, &path)
    case "linkpath": return PaxRecords.text(value, &link)
    case "size": return PaxRecords.number(value, &size)
    case "uid": return PaxRecords.owner(value, &uid)
    case "gid": return PaxRecords.owner(value, &gid)
    case "mtime": return PaxRecords.time(value, &modified)
    case "atime": return PaxRecords.time(value, &accessed)
    case "DRYDOCK.size": return PaxRecords.number(value, &declaredSize)
    case _ where key.hasPrefix("GNU.sparse."): return setSparse(key, value)
    case _ where key.hasPrefix("SCHILY.xattr."):
      plainXattrs[String(key.dropFirst("SCHILY.xattr.".count))] = value.isEmpty ? nil : Array(value)
    case _ where key.hasPrefix("LIBARCHIVE.xattr."):
      guard let name = unescaped(key.utf8.dropFirst("LIBARCHIVE.xattr.".utf8.count)), let bytes = Base64.decode(value)
      else {
        return false
      }
      encodedXattrs[name] = bytes.isEmpty ? nil : bytes
    default: break
    }
    return true
  }

  private mutating func setSparse(_ key: String, _ value: ArraySlice<UInt8>) -> Bool {
    isSparse = true
    switch key {
    case "GNU.sparse.name": return PaxRecords.text(value, &sparseName)
    case "GNU.sparse.size", "GNU.sparse.realsize": return PaxRecords.number(value, &sparseSize)
    case "GNU.sparse.major":
      var major: Int64?
      guard PaxRecords.number(value, &major) else { return false }
      sparseMajor = major ?? 0
    case "GNU.sparse.offset", "GNU.sparse.numbytes":
      guard (sparseMap.count % 2 == 0) == (key == "GNU.sparse.offset"), let number = decimal(value) else {
        return false
      }
      sparseMap.append(number)
    case "GNU.sparse.map":
      sparseMap = []
      for number in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let number = decimal(number) else { return false }
        sparseMap.append(number)
      }
    default: break
    }
    return true
  }

  // MARK: Values

  private static func text(_ value: ArraySlice<UInt8>, _ field: inout [UInt8]?) -> Bool {
    field = value.isEmpty ? nil : Array(value)
    return !value.contains(0)
  }

  private static func number(_ value: ArraySlice<UInt8>, _ field: inout Int64?) -> Bool {
    field = decimal(value)
    return value.isEmpty || field != nil
  }

  private static func owner(_ value: ArraySlice<UInt8>, _ field: inout UInt32?) -> Bool {
    // The last number means "leave it" to chown(2).
    field = decimal(value).flatMap(UInt32.init(exactly:)).flatMap { $0 == .max ? nil : $0 }
    return value.isEmpty || field != nil
  }

  /// `-12.5` is -13 seconds and half of one; more than nine digits are cut.
  private static func time(_ value: ArraySlice<UInt8>, _ field: inout TarTime?) -> Bool {
    field = nil
    if value.isEmpty { return true }
    let isNegative = value.first == UInt8(ascii: "-")
    let digits = isNegative ? value.dropFirst() : value
    let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = decimal(parts[0]) else { return false }
    var nanoseconds: Int64 = 0
    if parts.count == 2 {
      guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
      var scale: Int64 = 100_000_000
      for digit in parts[1].prefix(9) {
        nanoseconds += Int64(digit - 0x30) * scale
        scale /= 10
      }
    }
    if !isNegative {
      field = TarTime(seconds: whole, nanoseconds: nanoseconds)
    } else if nanoseconds == 0 {
      field = TarTime(seconds: -whole)
    } else {
      field = TarTime(seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }
    return true
  }
}

/// A decimal number without sign; nil when malformed or beyond 2^62.
package func decimal(_ text: ArraySlice<UInt8>) -> Int64? {
  guard !text.isEmpty else { return nil }
  var value: Int64 = 0
  for byte in text {
    guard (0x30...0x39).contains(byte), value < 1 << 58 else { return nil }
    value = value * 10 + Int64(byte - 0x30)
  }
  return value
}

/// With its %XX as the bytes that they stand for; nil when one is malformed.
private func unescaped(_ text: some Sequence<UInt8>) -> String? {
  var bytes: [UInt8] = []
  var rest = text.makeIterator()
  while let byte = rest.next() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else { return nil }
    bytes.append(high << 4 | low)
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
