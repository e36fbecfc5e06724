/// Base64 (RFC 4648): how headers, docker's configuration and pax records carry bytes.
public enum Base64 {
  private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// Padded. `isURLSafe` takes the alphabet of section 5, else that of section 4.
  public static func encode(_ bytes: some Collection<UInt8>, isURLSafe: Bool = false) -> String {
    let letters = isURLSafe ? urlSafe : standard
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var (word, count) = (UInt32(0), 0)
    func put(_ letters4: Int) {
      for place in 0..<4 {
        out.append(place < letters4 ? letters[Int(word >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
      }
    }
    for byte in bytes {
      word |= UInt32(byte) << UInt32(16 - 8 * count)
      count += 1
      if count == 3 {
        put(4)
        (word, count) = (0, 0)
      }
    }
    if count > 0 { put(count + 1) }
    return String(decoding: out, as: UTF8.self)
  }

  /// Text of either alphabet, padded or not. Nil when a character does not belong, or when a letter stands alone at the
  /// end, of which no byte can be made.
  public static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.underestimatedCount / 4 * 3 + 2)
    var (word, bits) = (UInt32(0), 0)
    var isEnding = false
    var letters = 0
    for byte in text {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = byte - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = byte - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"), UInt8(ascii: "-"): digit = 62
      case UInt8(ascii: "/"), UInt8(ascii: "_"): digit = 63
      case UInt8(ascii: "="):
        isEnding = true
        continue
      default: return nil
      }
      guard !isEnding else { return nil }
      letters += 1
      word = word << 6 | UInt32(digit)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
        word &= (1 << UInt32(bits)) - 1
      }
    }
    return letters % 4 == 1 ? nil : bytes
  }

  /// The same of a text.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(text.utf8) }
}
