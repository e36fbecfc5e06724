/// An IPv4 address (RFC 791).
struct IPv4Address: Sendable, Hashable, Comparable, CustomStringConvertible {
  var value: UInt32

  init(_ value: UInt32) { self.value = value }

  /// Parses four decimal numbers; leading zeros are refused, as Go's netip refuses them.
  init?(_ text: some StringProtocol) {
    var value: UInt32 = 0
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        part.utf8.count == 1 || part.utf8.first != 48, let number = UInt32(part), number < 256
      else { return nil }
      value = value << 8 | number
    }
    self.value = value
  }

  var description: String { "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)" }

  static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

/// A block of addresses in CIDR notation (RFC 4632), as written: host bits may be set.
struct IPv4Subnet: Sendable, Hashable, CustomStringConvertible {
  var address: IPv4Address
  /// Length of the prefix, 0 to 32.
  var bits: Int

  init(_ address: IPv4Address, _ bits: Int) { (self.address, self.bits) = (address, min(max(bits, 0), 32)) }

  /// Parses `172.17.0.0/16`.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(parts[0]), parts[1].utf8.count <= 2,
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let bits = Int(parts[1]), bits <= 32
    else { return nil }
    self.init(address, bits)
  }

  var mask: UInt32 { bits == 0 ? 0 : UInt32.max << UInt32(32 - bits) }
  /// Without host bits.
  var masked: IPv4Subnet { IPv4Subnet(IPv4Address(address.value & mask), bits) }
  var first: IPv4Address { IPv4Address(address.value & mask) }
  var last: IPv4Address { IPv4Address(address.value | ~mask) }
  /// How many addresses it holds.
  var count: Int { 1 << (32 - bits) }

  func contains(_ other: IPv4Address) -> Bool { other.value & mask == address.value & mask }
  func overlaps(_ other: IPv4Subnet) -> Bool { contains(other.first) || other.contains(first) }

  var description: String { "\(address)/\(bits)" }
}
