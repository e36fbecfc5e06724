import CLinux
import Glibc
import Runtime

/// Network interfaces (rtnetlink(7)).
extension LinuxKernel {
  /// In the network namespace of the calling process: `RTM_SETLINK` (or `RTM_NEWLINK`) with `IFLA_IFNAME`, and `flags` `IFF_UP`.
  func netlink(_ operation: String, _ attributes: [String: String]) throws(Errno) {
    guard ["RTM_SETLINK", "RTM_NEWLINK"].contains(operation), let name = attributes["IFLA_IFNAME"],
      attributes["flags"] == "IFF_UP"
    else {
      throw .EOPNOTSUPP
    }
    try NetlinkSocket().bringUp(name)
  }

  /// Moves an interface to the network namespace of a process, under a name, and gives it back there what a move takes:
  /// its permanent addresses of global scope, and being up (config-linux.md, "Network Devices").
  func moveInterface(_ old: String, name: String, pid: Int) throws(Errno) {
    if old.isEmpty || name.isEmpty || old.utf8.count > 15 || name.utf8.count > 15 { throw .EINVAL }
    let own = try open("/proc/self/ns/net", O_RDONLY)
    let target = try open(KernelPath("/proc/\(pid)/ns/net"), O_RDONLY)
    let here = try NetlinkSocket()
    let index = try here.index(of: old)
    let addresses = try here.addresses(of: index)
    var move = NetlinkMessage(.setLink)
    move.appendLink(index: index, flags: 0, change: 1)
    move.append(attribute: 28 /* IFLA_NET_NS_FD */, UInt32(bitPattern: target.raw))
    move.append(attribute: 3 /* IFLA_IFNAME */, name)
    try here.ask(&move)
    // A socket belongs to the namespace that it was made in.
    try system(SYS_setns, Int(target.raw), NamespaceKind.network.bit)
    let made = clinux_call(Int(SYS_socket), NetlinkSocket.family, NetlinkSocket.type, NetlinkSocket.route, 0, 0, 0)
    try system(SYS_setns, Int(own.raw), NamespaceKind.network.bit)
    let there = NetlinkSocket(Descriptor(Int32(try checked(made))))
    let moved = try there.index(of: name)
    for address in addresses { try there.add(address, to: moved) }
    try there.bringUp(name)
  }
}

/// An address of an interface.
struct InterfaceAddress: Hashable {
  var family: UInt8
  var prefix: UInt8
  var scope: UInt8
  /// Attributes of RTM_NEWADDR that are kept: IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, and a label.
  var attributes: [(type: UInt16, payload: [UInt8])]

  static func == (a: InterfaceAddress, b: InterfaceAddress) -> Bool {
    a.family == b.family && a.prefix == b.prefix && a.attributes.elementsEqual(b.attributes, by: { $0 == $1 })
  }
  func hash(into hasher: inout Hasher) {
    hasher.combine(family)
    hasher.combine(prefix)
  }
}

/// A request of rtnetlink, byte by byte: struct nlmsghdr, a fixed part, attributes.
struct NetlinkMessage {
  enum Kind: UInt16 { case newLink = 16, getLink = 18, setLink = 19, newAddress = 20, getAddress = 22 }

  private(set) var bytes: [UInt8] = []

  /// `flags`: NLM_F_REQUEST is always among them.
  init(_ kind: Kind, flags: UInt16 = 4 /* NLM_F_ACK */) {
    bytes.reserveCapacity(128)
    append(UInt32(0))
    append(kind.rawValue)
    append(1 | flags)
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
  /// AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE.
  static let (family, type, route) = (16, 3 | Linux.cloexec, 0)

  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  init() throws(Errno) {
    descriptor = Descriptor(
      Int32(try system(SYS_socket, NetlinkSocket.family, NetlinkSocket.type, NetlinkSocket.route)))
  }

  /// IFF_UP.
  func bringUp(_ name: String) throws(Errno) {
    var message = NetlinkMessage(.setLink)
    // lo has the same index everywhere; others are found by name.
    message.appendLink(index: name == "lo" ? 1 : 0, flags: 1, change: 1)
    if name != "lo" { message.append(attribute: 3 /* IFLA_IFNAME */, name) }
    try ask(&message)
  }

  /// ENODEV when there is no such interface.
  func index(of name: String) throws(Errno) -> Int32 {
    var message = NetlinkMessage(.getLink, flags: 0)
    message.appendLink(index: 0)
    message.append(attribute: 3, name)
    var index: Int32 = 0
    try ask(&message) { if $0.count >= 24 { index = $0.loadUnaligned(fromByteOffset: 20, as: Int32.self) } }
    return index
  }

  /// The permanent addresses of global scope.
  func addresses(of index: Int32) throws(Errno) -> [InterfaceAddress] {
    var message = NetlinkMessage(.getAddress, flags: 0x300 /* NLM_F_DUMP */)
    message.append(UInt64(0))
    var addresses: [InterfaceAddress] = []
    try ask(&message) { answer in
      // struct nlmsghdr (16), struct ifaddrmsg (8): family, prefix, flags, scope, index.
      guard answer.count >= 24, answer.loadUnaligned(fromByteOffset: 20, as: Int32.self) == index else { return }
      let permanent = answer[18] & 0x80 != 0
      guard permanent, answer[19] == 0 else { return }
      var address = InterfaceAddress(family: answer[16], prefix: answer[17], scope: answer[19], attributes: [])
      var offset = 24
      while offset + 4 <= answer.count {
        let length = Int(answer.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        let type = answer.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self)
        guard length >= 4, offset + length <= answer.count else { break }
        // A label names the interface, whose name may have changed.
        if [1, 2, 4].contains(type) {
          address.attributes.append((type, Array(answer[(offset + 4)..<(offset + length)])))
        }
        offset += (length + 3) & ~3
      }
      addresses.append(address)
    }
    return addresses
  }

  func add(_ address: InterfaceAddress, to index: Int32) throws(Errno) {
    var message = NetlinkMessage(.newAddress, flags: 4 | 0x400 /* NLM_F_CREATE */)
    message.append(address.family)
    message.append(address.prefix)
    message.append(UInt8(0x80))
    message.append(address.scope)
    message.append(index)
    for attribute in address.attributes { message.append(attribute: attribute.type, payload: attribute.payload) }
    do throws(Errno) { try ask(&message) } catch { guard error == .EEXIST else { throw error } }
  }

  /// Sends a request and hands each answer to `body`; the kernel's errno is thrown.
  func ask(_ message: inout NetlinkMessage, _ body: (UnsafeRawBufferPointer) -> Void = { _ in }) throws(Errno) {
    message.finish()
    let raw = Int(descriptor.raw)
    let sent = message.bytes.withUnsafeBytes {
      clinux_call(Int(SYS_sendto), raw, Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
    }
    try checked(sent)
    let flags = message.bytes[6] | message.bytes[7]
    let isDump = message.bytes[7] & 3 == 3
    let wantsAcknowledgement = flags & 4 != 0
    try withUnsafeTemporaryAllocation(byteCount: 32768, alignment: 8) { (buffer) throws(Errno) in
      while true {
        let count = try system(SYS_recvfrom, raw, Int(bitPattern: buffer.baseAddress), buffer.count)
        var offset = 0
        while offset + 16 <= count {
          let length = Int(buffer.load(fromByteOffset: offset, as: UInt32.self))
          guard length >= 16, offset + length <= count else { throw .EIO }
          let answer = UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + length)])
          switch answer.load(fromByteOffset: 4, as: UInt16.self) {
          case 2 where length >= 20:
            // NLMSG_ERROR is also the acknowledgement, with 0.
            let code = answer.load(fromByteOffset: 16, as: Int32.self)
            if code != 0 { throw Errno(number: -code) }
            return
          case 3: return  // NLMSG_DONE
          default:
            body(answer)
            if !isDump, !wantsAcknowledgement { return }
          }
          offset += (length + 3) & ~3
        }
      }
    }
  }
}
