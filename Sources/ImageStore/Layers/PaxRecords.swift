/// The records of a pax extended header that say something of the member behind it (POSIX.1-2017, pax).
struct PaxRecords: Sendable {
  var path: [UInt8]?
  var link: [UInt8]?
  var size: Int64?
  var uid: UInt32?
  var gid: UInt32?
  var modified: Timestamp?
  var accessed: Timestamp?
  var xattrs: [TarEntry.Xattr] = []
  /// GNU.sparse.*: versions 0.0 (offset and numbytes, repeated), 0.1 (map) and 1.0 (the map stands before the data).
  var sparseName: [UInt8]?
  var sparseSize: Int64?
  var sparseMap: [Int64] = []
  var sparseMajor: Int64 = 0
  var isSparse = false

  /// Adds records of the form `LENGTH KEY=VALUE\n`.
  mutating func merge(_ bytes: [UInt8]) throws(TarError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = rest.firstIndex(of: 0x20), let length = decimal(rest[rest.startIndex..<space]),
        length > space - rest.startIndex + 1, length <= rest.count
      else { throw .header }
      let record = rest[(space + 1)..<(rest.startIndex + Int(length))]
      rest = rest[(rest.startIndex + Int(length))...]
      guard record.last == 0x0a, let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex
      else {
        throw .header
      }
      try set(String(decoding: record[record.startIndex..<equals], as: UTF8.self), record[(equals + 1)...].dropLast())
    }
  }

  private mutating func set(_ key: String, _ value: ArraySlice<UInt8>) throws(TarError) {
    // An empty value takes the record back.
    switch key {
    case "path": path = try text(value)
    case "linkpath": link = try text(value)
    case "size": size = try number(value)
    case "uid": uid = try number(value).map { value throws(TarError) in try owner(value) }
    case "gid": gid = try number(value).map { value throws(TarError) in try owner(value) }
    case "mtime": modified = try time(value)
    case "atime": accessed = try time(value)
    case "GNU.sparse.name": sparseName = try text(value)
    case "GNU.sparse.size", "GNU.sparse.realsize":
      sparseSize = try number(value)
      isSparse = true
    case "GNU.sparse.major":
      sparseMajor = try number(value) ?? 0
      isSparse = true
    case "GNU.sparse.minor", "GNU.sparse.numblocks": isSparse = true
    case "GNU.sparse.offset", "GNU.sparse.numbytes":
      guard (sparseMap.count % 2 == 0) == (key == "GNU.sparse.offset"), let number = try number(value) else {
        throw .header
      }
      sparseMap.append(number)
      isSparse = true
    case "GNU.sparse.map":
      sparseMap = []
      for number in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let number = decimal(number) else { throw .header }
        sparseMap.append(number)
      }
      isSparse = true
    case _ where key.hasPrefix("SCHILY.xattr."):
      let name = String(key.dropFirst("SCHILY.xattr.".count))
      xattrs.removeAll { $0.name == name }
      if !value.isEmpty { xattrs.append(.init(name: name, value: Array(value))) }
    default: break
    }
  }

  private func text(_ value: ArraySlice<UInt8>) throws(TarError) -> [UInt8]? {
    guard !value.contains(0) else { throw .header }
    return value.isEmpty ? nil : Array(value)
  }

  private func number(_ value: ArraySlice<UInt8>) throws(TarError) -> Int64? {
    if value.isEmpty { return nil }
    guard let number = decimal(value) else { throw .header }
    return number
  }

  private func owner(_ value: Int64) throws(TarError) -> UInt32 {
    // The last number means "leave it" to chown(2).
    guard let owner = UInt32(exactly: value), owner != .max else { throw .header }
    return owner
  }

  /// `-12.5` is -13 seconds and half of one; more than nine digits are cut.
  private func time(_ value: ArraySlice<UInt8>) throws(TarError) -> Timestamp? {
    if value.isEmpty { return nil }
    let isNegative = value.first == UInt8(ascii: "-")
    let digits = isNegative ? value.dropFirst() : value
    let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = decimal(parts[0]) else { throw .header }
    var nanoseconds: Int64 = 0
    if parts.count == 2 {
      guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else { throw .header }
      var scale: Int64 = 100_000_000
      for digit in parts[1].prefix(9) {
        nanoseconds += Int64(digit - 0x30) * scale
        scale /= 10
      }
    }
    if !isNegative { return Timestamp(seconds: whole, nanoseconds: nanoseconds) }
    return nanoseconds == 0
      ? Timestamp(seconds: -whole) : Timestamp(seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }
}

/// A decimal number without sign; nil when malformed or beyond 2^62.
func decimal(_ text: ArraySlice<UInt8>) -> Int64? {
  guard !text.isEmpty else { return nil }
  var value: Int64 = 0
  for byte in text {
    guard (0x30...0x39).contains(byte), value < 1 << 58 else { return nil }
    value = value * 10 + Int64(byte - 0x30)
  }
  return value
}
