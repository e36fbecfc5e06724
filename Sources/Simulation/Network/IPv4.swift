/// An IPv4 address of the simulated network.
struct IPv4: Sendable, Hashable, Comparable, CustomStringConvertible {
  var bits: UInt32
  init(bits: UInt32) { self.bits = bits }

  /// Dotted decimal with four parts (inet_pton(3)); nil for anything else.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        let byte = UInt8(part)
      else { return nil }
      bits = bits << 8 | UInt32(byte)
    }
    self.bits = bits
  }

  var description: String { "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)" }
  var isLoopback: Bool { bits >> 24 == 127 }
  static let any = IPv4(bits: 0)
  static let loopback = IPv4(bits: 0x7f00_0001)
  static func < (a: IPv4, b: IPv4) -> Bool { a.bits < b.bits }
}

/// A network in CIDR notation.
struct IPv4Prefix: Sendable, Hashable, CustomStringConvertible {
  var address: IPv4
  var length: Int

  init(address: IPv4, length: Int) {
    self.length = min(max(length, 0), 32)
    self.address = IPv4(bits: address.bits & IPv4Prefix.mask(self.length))
  }
  /// `172.17.0.0/16`; `default` is `0.0.0.0/0`; without a slash it is one address.
  init?(_ text: some StringProtocol) {
    if text == "default" {
      self.init(address: .any, length: 0)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPv4($0) }), parts.count <= 2 else { return nil }
    var length = 32
    if parts.count == 2 {
      guard let given = Int(parts[1]), (0...32).contains(given) else { return nil }
      length = given
    }
    self.init(address: address, length: length)
  }

  static func mask(_ length: Int) -> UInt32 { length <= 0 ? 0 : ~UInt32(0) << UInt32(32 - min(length, 32)) }
  func contains(_ other: IPv4) -> Bool { other.bits & IPv4Prefix.mask(length) == address.bits }
  var broadcast: IPv4 { IPv4(bits: address.bits | ~IPv4Prefix.mask(length)) }
  var description: String { length == 0 ? "default" : "\(address)/\(length)" }
}
