/// One block of 512 bytes that begins a member (POSIX.1-2017, "ustar Interchange Format"; GNU tar manual, "Basic Tar
/// Format").
package struct TarHeader {
  package var name: [UInt8]
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  package var size: Int64
  package var modified: TarTime
  /// GNU's only.
  package var accessed: TarTime?
  package var typeflag: UInt8
  package var link: [UInt8]
  package var major: UInt32 = 0
  package var minor: UInt32 = 0
  /// GNU's sparse files: pairs of offset and count, whether blocks with more of them follow, and the size of it all.
  package var sparse: [Int64] = []
  package var isExtended = false
  package var realSize: Int64 = 0

  /// Why a block is no header. Each reader has words of its own for it.
  package enum Failure: Error, Sendable, Hashable {
    case checksum
    /// A number that is none, or out of range; the name it stands with, as far as it can be read.
    case number(name: [UInt8])
  }

  /// Nil for a block of zeros. Throws when it is no header.
  ///
  /// - Parameter block: 512 bytes.
  package init?(_ block: [UInt8]) throws(Failure) {
    func field(_ at: Int, _ length: Int) -> ArraySlice<UInt8> { block[at..<(at + length)] }
    func text(_ at: Int, _ length: Int) -> [UInt8] { Array(field(at, length).prefix { $0 != 0 }) }
    let (unsigned, signed) = TarHeader.sums(block)
    if unsigned == 0 { return nil }
    // Some old writers summed signed characters.
    guard let sum = TarHeader.number(field(148, 8)), sum == unsigned || sum == signed else { throw .checksum }

    name = text(0, 100)
    guard let mode = TarHeader.number(field(100, 8)), let uid = TarHeader.number(field(108, 8)),
      let gid = TarHeader.number(field(116, 8)), let size = TarHeader.number(field(124, 12)), size >= 0,
      // The last number means "leave it" to chown(2).
      let modified = TarHeader.number(field(136, 12)), let uid = UInt32(exactly: uid), uid != .max,
      let gid = UInt32(exactly: gid), gid != .max
    else { throw .number(name: name) }
    self.mode = UInt32(truncatingIfNeeded: mode) & 0o7777
    (self.uid, self.gid, self.size) = (uid, gid, size)
    self.modified = TarTime(seconds: modified)
    typeflag = block[156]
    link = text(157, 100)

    guard field(257, 5).elementsEqual("ustar".utf8) else { return }
    guard let major = TarHeader.number(field(329, 8)).flatMap(UInt32.init(exactly:)),
      let minor = TarHeader.number(field(337, 8)).flatMap(UInt32.init(exactly:))
    else { throw .number(name: name) }
    (self.major, self.minor) = (major, minor)
    if block[262] == 0 {
      let prefix = text(345, 155)
      if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
    } else if field(257, 8).elementsEqual("ustar  \0".utf8) {
      // GNU keeps other things where pax has the prefix.
      if let accessed = TarHeader.number(field(345, 12)), accessed > 0 { self.accessed = TarTime(seconds: accessed) }
      if typeflag == UInt8(ascii: "S") {
        guard let sparse = TarHeader.sparseNumbers(field(386, 96)),
          let realSize = TarHeader.number(field(483, 12)), realSize >= 0
        else { throw .number(name: name) }
        (self.sparse, self.realSize, isExtended) = (sparse, realSize, block[482] != 0)
      }
    }
    guard typeflag != UInt8(ascii: "S") || realSize > 0 || size == 0 else { throw .number(name: name) }
  }

  /// The sums of a block's bytes as unsigned and as signed numbers, its checksum's own field counted as blanks; zero
  /// when all of it is.
  private static func sums(_ block: [UInt8]) -> (unsigned: Int64, signed: Int64) {
    block.withUnsafeBufferPointer { block in
      var (unsigned, high): (Int64, Int64) = (0, 0)
      for byte in block {
        unsigned &+= Int64(byte)
        high &+= Int64(byte >> 7)
      }
      if unsigned == 0 { return (0, 0) }
      for byte in block[148..<156] {
        unsigned &+= 0x20 &- Int64(byte)
        high &-= Int64(byte >> 7)
      }
      return (unsigned, unsigned &- 256 &* high)
    }
  }

  /// Pairs of offset and count of 12 bytes each, up to the first that is empty; nil when malformed.
  package static func sparseNumbers(_ bytes: ArraySlice<UInt8>) -> [Int64]? {
    var numbers: [Int64] = []
    var rest = bytes
    while rest.count >= 24, rest.first != 0 {
      guard let offset = number(rest.prefix(12)), let count = number(rest.dropFirst(12).prefix(12)), offset >= 0,
        count >= 0
      else { return nil }
      numbers += [offset, count]
      rest = rest.dropFirst(24)
    }
    return numbers
  }

  /// Octal digits between blanks and NULs, or base-256 when the first bit is set. Nil when malformed.
  package static func number(_ field: ArraySlice<UInt8>) -> Int64? {
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
    var isInside = false
    for byte in field {
      if byte == 0x20 || byte == 0 {
        // Some writers leave rubbish behind the first NUL or blank.
        if isInside { break }
        continue
      }
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte), value < 1 << 59 else { return nil }
      value = value << 3 | Int64(byte - UInt8(ascii: "0"))
      isInside = true
    }
    return value
  }
}
