/// The keys that leave a container running: `ctrl-p,ctrl-q`.
struct DetachKeys: Sendable, Hashable {
  let keys: [UInt8]
  private var matched = 0

  static let standard = DetachKeys(keys: [16, 17])

  private init(keys: [UInt8]) { self.keys = keys }

  /// `a`, `ctrl-x`, `ctrl-@`, …, separated by commas.
  init(_ text: String) throws(CommandError) {
    var keys: [UInt8] = []
    for key in text.parts(",") {
      if key.utf8.count == 1, let byte = key.utf8.first {
        keys.append(byte)
        continue
      }
      let letter = key.dropFirst(5)
      guard key.hasPrefix("ctrl-"), letter.utf8.count == 1, let byte = letter.utf8.first else {
        throw CommandError("invalid detach keys (\(text)): Unknown character: '\(key)'")
      }
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): keys.append(byte - UInt8(ascii: "a") + 1)
      case UInt8(ascii: "@"): keys.append(0)
      case UInt8(ascii: "["): keys.append(27)
      case UInt8(ascii: "\\"): keys.append(28)
      case UInt8(ascii: "]"): keys.append(29)
      case UInt8(ascii: "^"): keys.append(30)
      case UInt8(ascii: "_"): keys.append(31)
      default: throw CommandError("invalid detach keys (\(text)): Unknown character: '\(key)'")
      }
    }
    self.keys = keys
  }

  /// What of `bytes` goes on to the container; keys that may begin the sequence are kept back until it is clear.
  mutating func pass(_ bytes: [UInt8]) -> (bytes: [UInt8], isDetached: Bool) {
    guard !keys.isEmpty else { return (bytes, false) }
    var out: [UInt8] = []
    for byte in bytes {
      if byte == keys[matched] {
        matched += 1
        if matched == keys.count { return (out, true) }
        continue
      }
      out += keys[..<matched]
      matched = byte == keys[0] ? 1 : 0
      if matched == 0 { out.append(byte) }
    }
    return (out, false)
  }
}
