import CNetwork

/// Requests of netlink(7) as bytes, several in one datagram: struct nlmsghdr, a fixed part, attributes.
///
/// The kernel performs them in order, and answers each.
struct NetlinkRequest {
  private(set) var bytes: [UInt8] = []
  /// How many messages, and so how many acknowledgements.
  private(set) var count = 0
  private var start = 0

  init() { bytes.reserveCapacity(512) }

  /// Adds a message: `flags` besides NLM_F_REQUEST and NLM_F_ACK.
  mutating func add(_ type: Int, flags: Int32 = 0, _ body: (inout NetlinkRequest) -> Void) {
    start = bytes.count
    append(UInt32(0))
    append(UInt16(truncatingIfNeeded: type))
    append(UInt16(truncatingIfNeeded: NLM_F_REQUEST | NLM_F_ACK | flags))
    append(UInt32(count))
    append(UInt32(0))
    body(&self)
    setUInt32(UInt32(bytes.count - start), at: start)
    align()
    count += 1
  }

  // MARK: Fixed parts

  /// struct ifinfomsg.
  mutating func link(index: Int32 = 0, family: Int32 = 0, flags: UInt32 = 0, change: UInt32 = 0) {
    append(UInt32(UInt8(truncatingIfNeeded: family)))
    append(index)
    append(flags)
    append(change)
  }

  /// struct ifaddrmsg, of AF_INET.
  mutating func address(prefix: Int, index: Int32) {
    bytes += [UInt8(AF_INET), UInt8(truncatingIfNeeded: prefix), 0, 0]
    append(index)
  }

  /// struct rtmsg: a unicast route of the main table.
  mutating func route(prefix: Int = 0) {
    bytes += [
      UInt8(AF_INET), UInt8(truncatingIfNeeded: prefix), 0, 0, UInt8(RT_TABLE_MAIN.rawValue), UInt8(RTPROT_BOOT),
      UInt8(RT_SCOPE_UNIVERSE.rawValue), UInt8(RTN_UNICAST),
    ]
    append(UInt32(0))
  }

  /// struct ndmsg, of AF_INET.
  mutating func neighbour(index: Int32) {
    append(UInt32(UInt8(AF_INET)))
    append(index)
    append(UInt32(0))
  }

  /// struct nfgenmsg, of AF_INET.
  /// struct nfgenmsg, of AF_INET.
  mutating func netfilter(version: UInt8) { bytes += [UInt8(AF_INET), version, 0, 0] }

  // MARK: Attributes

  mutating func attribute(_ type: Int, _ payload: some Collection<UInt8>) {
    append(UInt16(truncatingIfNeeded: payload.count + 4))
    append(UInt16(truncatingIfNeeded: type))
    bytes += payload
    align()
  }
  /// Text with a NUL behind.
  mutating func attribute(_ type: Int, _ text: String) { attribute(type, Array(text.utf8) + [0]) }
  mutating func attribute<T: FixedWidthInteger>(_ type: Int, _ number: T) {
    withUnsafeBytes(of: number) { attribute(type, Array($0)) }
  }

  /// Attributes inside an attribute.
  mutating func nest(_ type: Int, _ body: (inout NetlinkRequest) -> Void) {
    let begin = bytes.count
    append(UInt16(0))
    append(UInt16(truncatingIfNeeded: type) | 0x8000 /* NLA_F_NESTED */)
    body(&self)
    withUnsafeBytes(of: UInt16(truncatingIfNeeded: bytes.count - begin)) {
      bytes.replaceSubrange(begin..<(begin + 2), with: $0)
    }
    align()
  }

  private mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }
  private mutating func setUInt32(_ value: UInt32, at offset: Int) {
    withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<(offset + 4), with: $0) }
  }
  private mutating func align() { while bytes.count % 4 != 0 { bytes.append(0) } }
}

/// The attributes of an answer.
struct NetlinkAttributes: Sequence, IteratorProtocol {
  private let bytes: UnsafeRawBufferPointer
  private var offset: Int

  /// - Parameter offset: where the fixed part ends.
  init(_ bytes: UnsafeRawBufferPointer, from offset: Int) { (self.bytes, self.offset) = (bytes, offset) }

  mutating func next() -> (type: Int, payload: UnsafeRawBufferPointer)? {
    guard offset >= 0, offset + 4 <= bytes.count else { return nil }
    let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    // NLA_F_NESTED and NLA_F_NET_BYTEORDER are no part of the type.
    let type = Int(bytes.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self) & 0x3fff)
    guard length >= 4, offset + length <= bytes.count else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: bytes[(offset + 4)..<(offset + length)])
    offset += (length + 3) & ~3
    return (type, payload)
  }
}

extension UnsafeRawBufferPointer {
  /// A NUL-terminated text.
  var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
  /// A number of the machine's byte order; nil when there are not so many bytes.
  func number<T: FixedWidthInteger>(_ type: T.Type) -> T? {
    count >= MemoryLayout<T>.size ? loadUnaligned(as: T.self) : nil
  }
}
