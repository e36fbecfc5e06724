/// The packing half of DEFLATE (RFC 1951): fixed codes, and one candidate for each match. Layers of trace mode are
/// mostly padding, so that more effort would gain little.
enum Deflate {
  static func compress(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBufferPointer { input in
      var out = BitWriter(reserving: bytes.count / 4 + 64)
      out.put(1, 1)  // the last block
      out.put(1, 2)  // with fixed codes
      // Where each hash of four bytes was last seen; -1 for nowhere.
      var seen = [Int32](repeating: -1, count: 1 << 13)
      seen.withUnsafeMutableBufferPointer { seen in
        var position = 0
        while position < input.count {
          guard position + 4 <= input.count, position < Int(Int32.max) else {
            out.literal(Int(input[position]))
            position += 1
            continue
          }
          let hash = hash(input, position)
          let candidate = Int(seen[hash])
          seen[hash] = Int32(position)
          let length = candidate >= 0 && position - candidate <= 32_768 ? match(input, candidate, position) : 0
          if length >= 4 {
            out.match(length: length, distance: position - candidate)
            position += length
          } else {
            out.literal(Int(input[position]))
            position += 1
          }
        }
      }
      out.literal(256)
      return out.finish()
    }
  }

  private static func hash(_ input: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
    let word =
      UInt32(input[at]) | UInt32(input[at + 1]) << 8 | UInt32(input[at + 2]) << 16 | UInt32(input[at + 3]) << 24
    return Int((word &* 0x9e37_79b1) >> 19)
  }

  /// How many bytes at `a` and `b` are the same: at most 258.
  private static func match(_ input: UnsafeBufferPointer<UInt8>, _ a: Int, _ b: Int) -> Int {
    let limit = min(258, input.count - b)
    var length = 0
    while length < limit, input[a + length] == input[b + length] { length += 1 }
    return length
  }
}

/// Bits, least significant first.
private struct BitWriter {
  private var bytes: [UInt8] = []
  private var bits: UInt64 = 0
  private var count: UInt64 = 0

  init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func put(_ value: Int, _ length: Int) {
    bits |= UInt64(value) << count
    count += UInt64(length)
    while count >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bits >>= 8
      count -= 8
    }
  }

  /// A byte, or the end of the block (256).
  mutating func literal(_ symbol: Int) {
    let code = literalCodes[symbol]
    put(Int(code >> 4), Int(code & 15))
  }

  mutating func match(length: Int, distance: Int) {
    let lengthCode = Int(lengthCodes[length])
    literal(257 + lengthCode)
    put(length - Int(lengthBase[lengthCode]), Int(lengthExtra[lengthCode]))
    // The codes double their reach every second step.
    var code = 0
    if distance <= 4 {
      code = distance - 1
    } else {
      let magnitude = Int.bitWidth - 1 - (distance - 1).leadingZeroBitCount
      code = 2 * magnitude + ((distance - 1) >> (magnitude - 1) & 1)
    }
    put(Int(fixedDistanceCodes[code]), 5)
    put(distance - Int(distanceBase[code]), Int(distanceExtra[code]))
  }

  mutating func finish() -> [UInt8] {
    if count > 0 { bytes.append(UInt8(truncatingIfNeeded: bits)) }
    return bytes
  }
}

/// The fixed code of each literal and length symbol (RFC 1951 §3.2.6), reversed; its length in the lowest four bits.
private let literalCodes: [UInt16] = (0..<288).map { symbol in
  let (code, length): (Int, Int) =
    switch symbol {
    case ..<144: (0x30 + symbol, 8)
    case ..<256: (0x190 + symbol - 144, 9)
    case ..<280: (symbol - 256, 7)
    default: (0xc0 + symbol - 280, 8)
    }
  return UInt16(reversed(code, length) << 4 | length)
}
private let fixedDistanceCodes: [UInt8] = (0..<30).map { UInt8(reversed($0, 5)) }
/// The symbol (less 257) of each length of a match.
private let lengthCodes: [UInt8] = (0...258).map { length in
  length == 258 ? 28 : UInt8(max(0, (lengthBase.prefix(28).lastIndex { Int($0) <= length } ?? 0)))
}
