/// An IPv4 address, as four bytes in the order of the wire.
struct IPv4: Hashable, Sendable, CustomStringConvertible {
  let value: UInt32

  init(_ value: UInt32) { self.value = value }

  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
        let byte = UInt8(part)
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    self.value = value
  }

  init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 else { return nil }
    value = bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
  var description: String { bytes.map(String.init).joined(separator: ".") }
  var isLoopback: Bool { value >> 24 == 127 }
}

/// A block of addresses, without host bits.
struct IPv4Block: Hashable, Sendable, CustomStringConvertible {
  let first: IPv4
  let bits: Int

  init(_ address: IPv4, _ bits: Int) {
    self.bits = min(max(bits, 0), 32)
    first = IPv4(address.value & Self.mask(self.bits))
  }

  /// Parses `172.17.0.0/16`.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4(parts[0]), let bits = Int(parts[1]), (0...32).contains(bits) else {
      return nil
    }
    self.init(address, bits)
  }

  private static func mask(_ bits: Int) -> UInt32 { bits == 0 ? 0 : UInt32.max << UInt32(32 - bits) }
  var last: IPv4 { IPv4(first.value | ~Self.mask(bits)) }
  var description: String { "\(first)/\(bits)" }
}

/// A hardware address.
struct MACAddress: Hashable, Sendable {
  let bytes: [UInt8]

  /// Parses `02:42:ac:11:00:02`, or with hyphens.
  init?(_ text: String) {
    let parts = text.split(separator: text.contains("-") ? "-" : ":", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
    guard parts.count == 6, bytes.count == 6 else { return nil }
    self.bytes = bytes
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Random, locally administered, unicast.
  static func random() -> MACAddress {
    var bytes = (0..<6).map { _ in UInt8.random(in: 0...255) }
    bytes[0] = bytes[0] & 0xfe | 0x02
    return MACAddress(bytes: bytes)
  }
}
