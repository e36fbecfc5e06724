/// The unpacking half of DEFLATE (RFC 1951).
enum Inflate {
  /// Unpacks the stream that begins at `start`, appending to `out`; the index behind its last byte.
  /// `limit` is the most bytes that `out` may come to hold.
  static func decompress(
    _ bytes: [UInt8], from start: Int, limit: Int, into out: inout [UInt8]
  ) throws(ArchiveError) -> Int {
    var reader = BitReader(bytes: bytes, position: start)
    let base = out.count
    var isLast = false
    while !isLast {
      isLast = try reader.take(1) == 1
      switch try reader.take(2) {
      case 0: try stored(&reader, limit: limit, into: &out)
      case 1:
        try block(&reader, literals: .fixedLiterals, distances: .fixedDistances, base: base, limit: limit, into: &out)
      case 2:
        let (literals, distances) = try dynamicTables(&reader)
        try block(&reader, literals: literals, distances: distances, base: base, limit: limit, into: &out)
      default: throw corrupt
      }
    }
    return reader.endOfWholeBytes
  }

  static let corrupt = ArchiveError("gzip: corrupt compressed data")
  static let truncated = ArchiveError("gzip: unexpected end of file")

  private static func tooLarge(_ limit: Int) -> ArchiveError {
    ArchiveError("gzip: unpacked data would exceed the limit of \(limit) bytes")
  }

  private static func stored(_ reader: inout BitReader, limit: Int, into out: inout [UInt8]) throws(ArchiveError) {
    var position = reader.endOfWholeBytes
    let bytes = reader.bytes
    guard bytes.count - position >= 4 else { throw truncated }
    let length = Int(bytes[position]) | Int(bytes[position + 1]) << 8
    let check = Int(bytes[position + 2]) | Int(bytes[position + 3]) << 8
    guard length == check ^ 0xffff else { throw corrupt }
    position += 4
    guard bytes.count - position >= length else { throw truncated }
    guard out.count + length <= limit else { throw tooLarge(limit) }
    out.append(contentsOf: bytes[position..<(position + length)])
    reader = BitReader(bytes: bytes, position: position + length)
  }

  private static func block(
    _ reader: inout BitReader, literals: HuffmanTable, distances: HuffmanTable, base: Int, limit: Int,
    into out: inout [UInt8]
  ) throws(ArchiveError) {
    while true {
      let symbol = try reader.symbol(literals)
      if symbol < 256 {
        guard out.count < limit else { throw tooLarge(limit) }
        out.append(UInt8(truncatingIfNeeded: symbol))
        continue
      }
      if symbol == 256 { return }
      guard symbol <= 285 else { throw corrupt }
      let length = Int(lengthBase[symbol - 257]) + (try reader.take(Int(lengthExtra[symbol - 257])))
      let code = try reader.symbol(distances)
      guard code < 30 else { throw corrupt }
      let distance = Int(distanceBase[code]) + (try reader.take(Int(distanceExtra[code])))
      guard distance <= out.count - base else { throw corrupt }
      guard out.count + length <= limit else { throw tooLarge(limit) }
      let from = out.count - distance
      if distance == 1 {
        out.append(contentsOf: repeatElement(out[from], count: length))
      } else {
        // The source may reach into what is being written.
        for index in from..<(from + length) { out.append(out[index]) }
      }
    }
  }

  private static func dynamicTables(
    _ reader: inout BitReader
  ) throws(ArchiveError) -> (literals: HuffmanTable, distances: HuffmanTable) {
    let literalCount = try reader.take(5) + 257
    let distanceCount = try reader.take(5) + 1
    let codeCount = try reader.take(4) + 4
    guard literalCount <= 286, distanceCount <= 30 else { throw corrupt }
    var codeLengths = [UInt8](repeating: 0, count: 19)
    for index in 0..<codeCount { codeLengths[Int(codeLengthOrder[index])] = UInt8(try reader.take(3)) }
    guard let codes = HuffmanTable(codeLengths) else { throw corrupt }
    var lengths: [UInt8] = []
    while lengths.count < literalCount + distanceCount {
      let symbol = try reader.symbol(codes)
      let (value, count): (UInt8, Int)
      switch symbol {
      case 0...15: (value, count) = (UInt8(symbol), 1)
      case 16:
        guard let last = lengths.last else { throw corrupt }
        (value, count) = (last, 3 + (try reader.take(2)))
      case 17: (value, count) = (0, 3 + (try reader.take(3)))
      default: (value, count) = (0, 11 + (try reader.take(7)))
      }
      guard lengths.count + count <= literalCount + distanceCount else { throw corrupt }
      lengths.append(contentsOf: repeatElement(value, count: count))
    }
    // Without a code for the end of the block it would never end.
    guard lengths[256] != 0, let literals = HuffmanTable(Array(lengths[..<literalCount])),
      let distances = HuffmanTable(Array(lengths[literalCount...]))
    else { throw corrupt }
    return (literals, distances)
  }
}

let lengthBase: [UInt16] = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]
let lengthExtra: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
let distanceBase: [UInt16] = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
]
let distanceExtra: [UInt8] = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]
private let codeLengthOrder: [UInt8] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/// Bits of a stream, least significant first.
struct BitReader {
  let bytes: [UInt8]
  private var position: Int
  private var bits: UInt64 = 0
  private var count = 0

  init(bytes: [UInt8], position: Int) { (self.bytes, self.position) = (bytes, position) }

  /// The index of the first byte of which no bit has been taken.
  var endOfWholeBytes: Int { position - count / 8 }

  private mutating func fill() {
    while count <= 56, position < bytes.count {
      bits |= UInt64(bytes[position]) << UInt64(count)
      position += 1
      count += 8
    }
  }

  /// The next `n` bits (at most 15) as a number.
  mutating func take(_ n: Int) throws(ArchiveError) -> Int {
    if n == 0 { return 0 }
    if count < n { fill() }
    guard count >= n else { throw Inflate.truncated }
    defer {
      bits >>= UInt64(n)
      count -= n
    }
    return Int(bits & (1 << UInt64(n) - 1))
  }

  /// The next symbol of a Huffman code.
  mutating func symbol(_ table: HuffmanTable) throws(ArchiveError) -> Int {
    if count < 15 { fill() }
    let entry = table.entries[Int(bits & table.mask)]
    let length = Int(entry & 15)
    guard length > 0 else { throw count == 0 ? Inflate.truncated : Inflate.corrupt }
    guard length <= count else { throw Inflate.truncated }
    bits >>= UInt64(length)
    count -= length
    return Int(entry >> 4)
  }
}

/// A canonical Huffman code as a table of all bit patterns of its longest length.
struct HuffmanTable {
  /// Symbol in the upper twelve bits, length of its code in the lower four; 0 where there is no code.
  let entries: [UInt16]
  let mask: UInt64

  /// From the lengths of the codes (0 to 15); nil when they claim more codes than there can be.
  init?(_ lengths: [UInt8]) {
    var counts = [Int](repeating: 0, count: 16)
    for length in lengths { counts[Int(length)] += 1 }
    counts[0] = 0
    let longest = max(1, counts.lastIndex { $0 != 0 } ?? 1)
    var left = 1
    for length in 1...15 {
      left = left << 1 - counts[length]
      guard left >= 0 else { return nil }
    }
    var next = [Int](repeating: 0, count: 16)
    for length in 1..<15 { next[length + 1] = (next[length] + counts[length]) << 1 }
    var entries = [UInt16](repeating: 0, count: 1 << longest)
    for (symbol, length) in lengths.enumerated() where length > 0 {
      let length = Int(length)
      let code = reversed(next[length], length)
      next[length] += 1
      for index in stride(from: code, to: entries.count, by: 1 << length) {
        entries[index] = UInt16(symbol << 4 | length)
      }
    }
    self.entries = entries
    mask = UInt64(1) << UInt64(longest) - 1
  }

  private init(fixed lengths: [UInt8]) {
    // The fixed codes are complete, so there is always a table.
    self = HuffmanTable(lengths) ?? HuffmanTable(entries: [0, 0], mask: 1)
  }
  private init(entries: [UInt16], mask: UInt64) { (self.entries, self.mask) = (entries, mask) }

  /// RFC 1951 §3.2.6.
  static let fixedLiterals = HuffmanTable(
    fixed: [UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112) + [UInt8](repeating: 7, count: 24)
      + [UInt8](repeating: 8, count: 8))
  static let fixedDistances = HuffmanTable(fixed: [UInt8](repeating: 5, count: 30))
}

/// The lowest `count` bits of `code` in reverse order: Huffman codes are packed from their most significant bit.
func reversed(_ code: Int, _ count: Int) -> Int {
  var (rest, out) = (code, 0)
  for _ in 0..<count {
    out = out << 1 | rest & 1
    rest >>= 1
  }
  return out
}
