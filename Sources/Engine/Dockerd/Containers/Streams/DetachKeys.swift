import Seams

/// The keys that detach a terminal without ending what runs (`--detach-keys`; moby's term.EscapeProxy).
struct DetachKeys: Sendable {
  /// Ctrl-P Ctrl-Q.
  static let standard: [UInt8] = [16, 17]

  let keys: [UInt8]
  private var matched = 0

  /// Empty keys mean the standard ones.
  init(_ keys: [UInt8]) { self.keys = keys.isEmpty ? DetachKeys.standard : keys }

  /// `ctrl-p,ctrl-q`, `a`, `ctrl-[,x`; nil when it is no such list.
  static func parse(_ text: String) -> [UInt8]? {
    var keys: [UInt8] = []
    for key in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let bytes = Array(key.utf8)
      if bytes.count == 1 {
        keys.append(bytes[0])
      } else {
        let lower = key.lowercased()
        if lower == "del" {
          keys.append(127)
          continue
        }
        guard lower.hasPrefix("ctrl-"), let letter = lower.utf8.dropFirst(5).first, lower.utf8.count == 6 else {
          return nil
        }
        switch letter {
        case UInt8(ascii: "@"): keys.append(0)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): keys.append(letter - UInt8(ascii: "a") + 1)
        case UInt8(ascii: "["): keys.append(27)
        case UInt8(ascii: "\\"): keys.append(28)
        case UInt8(ascii: "]"): keys.append(29)
        case UInt8(ascii: "^"): keys.append(30)
        case UInt8(ascii: "_"): keys.append(31)
        default: return nil
        }
      }
    }
    return keys
  }

  /// What of `input` goes on to the process, and whether the keys were pressed. Keys that began the sequence and did
  /// not go on with it reach the process after all.
  mutating func pass(_ input: [UInt8]) -> (output: [UInt8], isDetached: Bool) {
    var output: [UInt8] = []
    for byte in input {
      if byte == keys[matched] {
        matched += 1
        if matched == keys.count {
          matched = 0
          return (output, true)
        }
        continue
      }
      output += keys[..<matched]
      matched = 0
      if byte == keys[0] {
        matched = 1
        if keys.count == 1 { return (output, true) }
      } else {
        output.append(byte)
      }
    }
    return (output, false)
  }
}
