/// One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1).
struct AuthChallenge: Sendable, Hashable {
  /// In lower case: `bearer`, `basic`.
  var scheme: String
  /// Names in lower case: `realm`, `service`, `scope`, `error`.
  var parameters: [String: String]

  /// All challenges of all headers, in order. What cannot be read is passed over.
  static func parse(_ headers: [String]) -> [AuthChallenge] {
    var challenges: [AuthChallenge] = []
    for header in headers {
      var scanner = Scanner(bytes: Array(header.utf8))
      var current: AuthChallenge?
      while true {
        scanner.skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: ",") }
        guard let token = scanner.token() else {
          if scanner.isAtEnd { break }
          scanner.advance()
          continue
        }
        // A name with `=` behind it is a parameter of the challenge before; any other begins a challenge.
        if current != nil, scanner.skipEquals() {
          current?.parameters[token.lowercased()] = scanner.value()
        } else {
          if let current { challenges.append(current) }
          current = AuthChallenge(scheme: token.lowercased(), parameters: [:])
        }
      }
      if let current { challenges.append(current) }
    }
    return challenges
  }
}

private struct Scanner {
  let bytes: [UInt8]
  var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { index >= bytes.count }

  mutating func advance() { index += 1 }

  mutating func skip(_ accept: (UInt8) -> Bool) {
    while index < bytes.count, accept(bytes[index]) { index += 1 }
  }

  /// A token of RFC 9110; nil when there is none here.
  mutating func token() -> String? {
    let start = index
    skip { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
      default: "!#$%&'*+-.^_`|~/".utf8.contains(byte)
      }
    }
    return index > start ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
  }

  mutating func skipEquals() -> Bool {
    let start = index
    skip { $0 == UInt8(ascii: " ") }
    guard index < bytes.count, bytes[index] == UInt8(ascii: "=") else {
      index = start
      return false
    }
    index += 1
    skip { $0 == UInt8(ascii: " ") }
    return true
  }

  /// A quoted string or whatever stands up to the next comma.
  mutating func value() -> String {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
      let start = index
      skip { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: " ") }
      return String(decoding: bytes[start..<index], as: UTF8.self)
    }
    index += 1
    var value: [UInt8] = []
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count { index += 1 }
      value.append(bytes[index])
      index += 1
    }
    index += 1
    return String(decoding: value, as: UTF8.self)
  }
}
