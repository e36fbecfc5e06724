import CNetwork
import Glibc
import Runtime
import Seams

/// An interface as the kernel tells of it.
struct Link: Sendable, Hashable {
  var index: Int32 = 0
  var name = ""
  /// `bridge`, `veth`; empty for hardware.
  var kind = ""
  /// ifalias: what it is there for.
  var alias = ""
  var mtu: UInt32 = 0
  var master: Int32 = 0
  var address: [UInt8] = []
  var isUp = false

  /// - Parameter message: RTM_NEWLINK.
  init?(_ message: UnsafeRawBufferPointer) {
    // struct nlmsghdr (16), struct ifinfomsg (16).
    guard message.count >= 32, message.loadUnaligned(fromByteOffset: 4, as: UInt16.self) == UInt16(RTM_NEWLINK) else {
      return nil
    }
    index = message.loadUnaligned(fromByteOffset: 20, as: Int32.self)
    isUp = message.loadUnaligned(fromByteOffset: 24, as: UInt32.self) & UInt32(IFF_UP) != 0
    for (type, payload) in NetlinkAttributes(message, from: 32) {
      switch type {
      case IFLA_IFNAME: name = payload.text
      case IFLA_IFALIAS: alias = payload.text
      case IFLA_MTU: mtu = payload.number(UInt32.self) ?? 0
      case IFLA_MASTER: master = payload.number(Int32.self) ?? 0
      case IFLA_ADDRESS: address = Array(payload)
      case IFLA_LINKINFO:
        for (type, payload) in NetlinkAttributes(payload, from: 0) where type == IFLA_INFO_KIND { kind = payload.text }
      default: break
      }
    }
  }
}

extension NetlinkSocket {
  /// An interface by name; nil when there is none.
  func link(_ name: String) throws(NetlinkFailure) -> Link? {
    var request = NetlinkRequest()
    request.add(RTM_GETLINK) {
      $0.link()
      $0.attribute(IFLA_IFNAME, name)
    }
    var found: Link?
    try perform(request, forgiving: { $1 == .ENODEV }, reading: { found = Link($0) ?? found })
    return found
  }

  /// All interfaces.
  func links() throws(NetlinkFailure) -> [Link] {
    var request = NetlinkRequest()
    request.add(RTM_GETLINK, flags: NLM_F_DUMP) { $0.link() }
    var links: [Link] = []
    try perform(request, reading: { if let link = Link($0) { links.append(link) } })
    return links
  }

  /// The IPv4 addresses of interfaces (of one, if told), with the lengths of their prefixes.
  func addresses(of index: Int32? = nil) throws(NetlinkFailure) -> [(index: Int32, address: IPv4, bits: Int)] {
    var request = NetlinkRequest()
    request.add(RTM_GETADDR, flags: NLM_F_DUMP) { $0.address(prefix: 0, index: 0) }
    var addresses: [(index: Int32, address: IPv4, bits: Int)] = []
    try perform(
      request,
      reading: { message in
        // struct nlmsghdr (16), struct ifaddrmsg (8).
        guard message.count >= 24, message[16] == UInt8(AF_INET) else { return }
        let owner = message.loadUnaligned(fromByteOffset: 20, as: Int32.self)
        if let index, index != owner { return }
        for (type, payload) in NetlinkAttributes(message, from: 24) where type == IFA_LOCAL {
          if let address = IPv4(bytes: payload) { addresses.append((owner, address, Int(message[17]))) }
        }
      })
    return addresses
  }

  /// The blocks that routes of the main table lead to, without the default.
  func routes() throws(NetlinkFailure) -> [(index: Int32, block: IPv4Block)] {
    var request = NetlinkRequest()
    request.add(RTM_GETROUTE, flags: NLM_F_DUMP) { $0.route() }
    var routes: [(index: Int32, block: IPv4Block)] = []
    try perform(
      request,
      reading: { message in
        // struct nlmsghdr (16), struct rtmsg (12): family, bits, …, table at 4.
        guard message.count >= 28, message[16] == UInt8(AF_INET), message[17] > 0,
          message[20] == UInt8(RT_TABLE_MAIN.rawValue)
        else { return }
        var (index, address): (Int32, IPv4?) = (0, nil)
        for (type, payload) in NetlinkAttributes(message, from: 28) {
          if type == Int(RTA_DST.rawValue) { address = IPv4(bytes: payload) }
          if type == Int(RTA_OIF.rawValue) { index = payload.number(Int32.self) ?? 0 }
        }
        if let address { routes.append((index, IPv4Block(address, Int(message[17])))) }
      })
    return routes
  }

  /// Removes an interface; true when it was there. The kernel takes some 10 to 30 ms for it.
  @discardableResult
  func remove(_ name: String) throws(NetlinkFailure) -> Bool {
    var isGone = false
    var request = NetlinkRequest()
    request.add(RTM_DELLINK) {
      $0.link()
      $0.attribute(IFLA_IFNAME, name)
    }
    try perform(
      request,
      forgiving: { _, errno in
        if errno == .ENODEV { isGone = true }
        return isGone
      })
    return !isGone
  }
}

extension NetlinkRequest {
  /// Settings of an interface that exists, by name. Flags: IFF_UP.
  mutating func set(_ name: String, up: Bool = false, _ body: (inout NetlinkRequest) -> Void = { _ in }) {
    add(RTM_SETLINK) {
      let flags: UInt32 = up ? UInt32(IFF_UP) : 0
      $0.link(flags: flags, change: flags)
      $0.attribute(IFLA_IFNAME, name)
      body(&$0)
    }
  }

  /// No link-local IPv6 address comes with the interface (in6_addr_gen_mode, none).
  mutating func withoutIPv6() {
    nest(IFLA_AF_SPEC) { $0.nest(Int(AF_INET6)) { $0.attribute(IFLA_INET6_ADDR_GEN_MODE, UInt8(1)) } }
  }
}
