import CLinux
import Glibc
import Runtime

/// rtnetlink(7), in the network namespace of the calling process.
extension LinuxKernel {
  /// `RTM_SETLINK` with `IFLA_IFNAME`, and `flags` `IFF_UP`.
  func netlink(_ operation: String, _ attributes: [String: String]) throws(Errno) {
    guard operation == "RTM_SETLINK", let name = attributes["IFLA_IFNAME"], attributes["flags"] == "IFF_UP" else {
      throw .EOPNOTSUPP
    }
    var message = NetlinkMessage(type: 19 /* RTM_SETLINK */)
    // lo has the same index everywhere; others are found by name.
    message.appendLink(index: name == "lo" ? 1 : 0, flags: 1, change: 1)
    if name != "lo" { message.append(attribute: 3 /* IFLA_IFNAME */, name) }
    try NetlinkSocket().ask(&message)
  }
}

/// A request of rtnetlink, byte by byte: struct nlmsghdr, struct ifinfomsg, attributes.
struct NetlinkMessage {
  private(set) var bytes: [UInt8]
  /// NLM_F_REQUEST | NLM_F_ACK, and further ones.
  init(type: UInt16, flags: UInt16 = 0) {
    bytes = []
    bytes.reserveCapacity(128)
    append(UInt32(0))
    append(type)
    append(UInt16(5) | flags)
    append(UInt32(1))
    append(UInt32(0))
  }

  mutating func append<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }
  /// struct ifinfomsg.
  mutating func appendLink(index: Int32, flags: UInt32 = 0, change: UInt32 = 0) {
    append(UInt32(0))
    append(index)
    append(flags)
    append(change)
  }
  mutating func append(attribute: UInt16, payload: [UInt8]) {
    append(UInt16(truncatingIfNeeded: payload.count + 4))
    append(attribute)
    bytes += payload
    while bytes.count % 4 != 0 { bytes.append(0) }
  }
  mutating func append(attribute: UInt16, _ text: String) {
    append(attribute: attribute, payload: Array(text.utf8) + [0])
  }
  mutating func append(attribute: UInt16, _ number: UInt32) {
    append(attribute: attribute, payload: withUnsafeBytes(of: number) { Array($0) })
  }
  mutating func finish() {
    withUnsafeBytes(of: UInt32(bytes.count)) { bytes.replaceSubrange(0..<4, with: $0) }
  }
}

/// A socket of NETLINK_ROUTE.
struct NetlinkSocket: ~Copyable {
  let descriptor: Descriptor
  init() throws(Errno) {
    // AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE
    descriptor = Descriptor(Int32(try system(SYS_socket, 16, 3 | Linux.cloexec, 0)))
  }

  /// Sends a request and reads the answer; the kernel's errno is thrown.
  func ask(_ message: inout NetlinkMessage) throws(Errno) {
    message.finish()
    let raw = Int(descriptor.raw)
    let sent = message.bytes.withUnsafeBytes {
      clinux_call(Int(SYS_sendto), raw, Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
    }
    try checked(sent)
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { (buffer) throws(Errno) in
      while true {
        let count = try system(SYS_recvfrom, raw, Int(bitPattern: buffer.baseAddress), buffer.count)
        guard count >= 20 else { throw .EIO }
        // NLMSG_ERROR is also the acknowledgement, with 0.
        if buffer.load(fromByteOffset: 4, as: UInt16.self) != 2 { continue }
        let code = buffer.load(fromByteOffset: 16, as: Int32.self)
        if code != 0 { throw Errno(number: -code) }
        return
      }
    }
  }
}
