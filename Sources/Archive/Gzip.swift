/// gzip (RFC 1952), as layers have it.
public enum Gzip {
  /// Whether `bytes` begin as gzip does.
  public static func isGzip(_ bytes: [UInt8]) -> Bool {
    bytes.count >= 3 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8
  }

  /// `bytes` as one gzip member without name and time: the same bytes give the same result.
  public static func compress(_ bytes: [UInt8]) -> [UInt8] {
    // 255: the system it was made on is unknown.
    var out: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    out.append(contentsOf: Deflate.compress(bytes))
    for word in [crc32(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
      for shift in stride(from: UInt32(0), through: 24, by: 8) { out.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    return out
  }

  /// Unpacks one or more gzip members, and checks them. Refuses to make more than `limit` bytes of them: a small
  /// file can claim to be a thousand times as large.
  public static func decompress(_ bytes: [UInt8], limit: Int = 1 << 30) throws(ArchiveError) -> [UInt8] {
    var out: [UInt8] = []
    var position = 0
    repeat {
      position = try skipHeader(bytes, position)
      let start = out.count
      position = try Inflate.decompress(bytes, from: position, limit: limit, into: &out)
      guard bytes.count - position >= 8 else { throw ArchiveError("gzip: unexpected end of file") }
      func word(_ at: Int) -> UInt32 {
        UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
      }
      let member = start == 0 ? crc32(out) : crc32(out[start...])
      guard word(position) == member, word(position + 4) == UInt32(truncatingIfNeeded: out.count - start) else {
        throw ArchiveError("gzip: invalid checksum")
      }
      position += 8
      // Padding after the last member is zeros.
    } while position < bytes.count && bytes[position] != 0
    return out
  }

  private static func skipHeader(_ bytes: [UInt8], _ start: Int) throws(ArchiveError) -> Int {
    guard bytes.count - start >= 10, bytes[start] == 0x1f, bytes[start + 1] == 0x8b, bytes[start + 2] == 8 else {
      throw ArchiveError("gzip: invalid header")
    }
    let flags = bytes[start + 3]
    var position = start + 10
    func skipText(_ from: Int) throws(ArchiveError) -> Int {
      guard from <= bytes.count, let end = bytes[from...].firstIndex(of: 0) else {
        throw ArchiveError("gzip: invalid header")
      }
      return end + 1
    }
    if flags & 4 != 0 {
      guard bytes.count - position >= 2 else { throw ArchiveError("gzip: invalid header") }
      position += 2 + Int(bytes[position]) + Int(bytes[position + 1]) << 8
    }
    if flags & 8 != 0 { position = try skipText(position) }
    if flags & 16 != 0 { position = try skipText(position) }
    if flags & 2 != 0 { position += 2 }
    guard position <= bytes.count else { throw ArchiveError("gzip: invalid header") }
    return position
  }

  /// The CRC-32 of RFC 1952 §8.
  public static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    crcTables.withUnsafeBufferPointer { table in
      var crc: UInt32 = 0xffff_ffff
      let isDone: Void? = bytes.withContiguousStorageIfAvailable { buffer in
        var index = 0
        // Four bytes at a time ("slicing by four").
        while index + 4 <= buffer.count {
          crc ^=
            UInt32(buffer[index]) | UInt32(buffer[index + 1]) << 8 | UInt32(buffer[index + 2]) << 16
            | UInt32(buffer[index + 3]) << 24
          crc =
            table[768 + Int(crc & 0xff)] ^ table[512 + Int(crc >> 8 & 0xff)] ^ table[256 + Int(crc >> 16 & 0xff)]
            ^ table[Int(crc >> 24)]
          index += 4
        }
        while index < buffer.count {
          crc = crc >> 8 ^ table[Int((crc ^ UInt32(buffer[index])) & 0xff)]
          index += 1
        }
      }
      if isDone == nil { for byte in bytes { crc = crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xff)] } }
      return ~crc
    }
  }
}

/// Table n has the checksum of a byte followed by n zeros.
private let crcTables: [UInt32] = {
  var tables = [UInt32](repeating: 0, count: 1024)
  for byte in 0..<256 {
    var crc = UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
    tables[byte] = crc
  }
  for index in 256..<1024 {
    let before = tables[index - 256]
    tables[index] = before >> 8 ^ tables[Int(before & 0xff)]
  }
  return tables
}()
