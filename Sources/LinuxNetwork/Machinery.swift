import CNetwork
import Glibc
import Runtime
import Seams

/// What the network thread works with: its sockets, nft, and what it has made. Used by that thread only.
struct Machinery: ~Copyable {
  let options: LinuxNetwork.Options
  /// The network namespace that the engine is in.
  let home: NetworkNamespace
  let route: NetlinkSocket
  let nft: NFTables
  let rules: Ruleset
  let packets: PacketSocket
  let hasIPv6: Bool
  /// Whether our table has been made by this engine.
  var hasRules = false
  var ports = HostPorts()
  var bridges: [String: BridgeRecord] = [:]
  /// Network namespaces with a default route, by the pid that they are known by.
  let ways: WaysOut

  /// What our interfaces' aliases begin with; the rest says what they are.
  var tag: String { "\(options.name) " }

  /// - Throws: `EngineError`: what the host refuses.
  static func make(_ options: LinuxNetwork.Options, ways: WaysOut) throws -> Machinery {
    let home: NetworkNamespace
    do throws(Errno) { home = try NetworkNamespace() } catch {
      throw EngineError(.unknown, "cannot open the host's network namespace: \(error)")
    }
    let route: NetlinkSocket
    do throws(Errno) { route = try NetlinkSocket() } catch {
      throw EngineError(.unknown, "cannot open a netlink socket: \(error)")
    }
    let nft: NFTables
    do throws(NFTFailure) { nft = try NFTables() } catch { throw EngineError(.unknown, "\(error)") }
    return Machinery(options, ways, home: home, route: route, nft: nft)
  }

  private init(
    _ options: LinuxNetwork.Options, _ ways: WaysOut, home: consuming NetworkNamespace,
    route: consuming NetlinkSocket, nft: consuming NFTables
  ) {
    self.options = options
    self.ways = ways
    self.home = home
    self.route = route
    self.nft = nft
    rules = Ruleset(table: options.name)
    packets = PacketSocket()
    hasIPv6 = access("/proc/net/if_inet6", F_OK) == 0
  }

  // MARK: Bridges

  /// Makes a bridge and its rules; one that is there (ours from before, or the administrator's) is used.
  mutating func createBridge(_ bridge: BridgeRecord) throws {
    try Self.check(interface: bridge.name)
    if !hasRules { _ = try reconcile(KnownNetworks()) }
    let wasKnown = bridges[bridge.name] == bridge
    let isNew = try makeBridgeLink(bridge)
    if wasKnown { return }
    do {
      do throws(NFTFailure) { try nft.run(rules.add(bridge)) } catch { throw EngineError(.unknown, "\(error)") }
      bridges[bridge.name] = bridge
      if !bridge.isInternal { try enableForwarding() }
      letThrough([bridge])
    } catch {
      if bridges.removeValue(forKey: bridge.name) != nil { _ = try? nft.run(rules.remove(bridge)) }
      if isNew { _ = try? route.remove(bridge.name) }
      throw error
    }
  }

  /// The interface with its address, up. True when it was not there.
  mutating func makeBridgeLink(_ bridge: BridgeRecord) throws -> Bool {
    guard let gateway = IPv4(bridge.gateway), let subnet = IPv4Block(bridge.subnet) else {
      throw EngineError(.invalidArgument, "invalid gateway address \(bridge.gateway) in subnet \(bridge.subnet)")
    }
    let name = bridge.name
    do throws(NetlinkFailure) {
      let old = try route.link(name)
      if let old, old.kind != "bridge" {
        throw NetlinkFailure(errno: .EEXIST, words: "existing interface \(name) is not a bridge", index: 0)
      }
      var request = NetlinkRequest()
      if old == nil {
        request.add(RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL) {
          $0.link()
          $0.attribute(IFLA_IFNAME, name)
          if bridge.mtu > 0 { $0.attribute(IFLA_MTU, UInt32(clamping: bridge.mtu)) }
          // A bridge without one of its own takes its ports', and changes it as they come and go.
          $0.attribute(IFLA_ADDRESS, MACAddress.random().bytes)
          $0.nest(IFLA_LINKINFO) { $0.attribute(IFLA_INFO_KIND, "bridge") }
        }
        request.set(name) {
          $0.attribute(IFLA_IFALIAS, "\(options.name) network \(bridge.networkID)")
          if hasIPv6 { $0.withoutIPv6() }
        }
      }
      // Published ports answer on the host's loopback addresses, too: such packets go to the bridge, and come back.
      request.set(name) {
        $0.nest(IFLA_AF_SPEC) {
          $0.nest(Int(AF_INET)) { $0.nest(IFLA_INET_CONF) { $0.attribute(26 /* ROUTE_LOCALNET */, UInt32(1)) } }
        }
      }
      try route.perform(request)
      guard let made = try route.link(name) else { throw NetlinkFailure(errno: .ENODEV, words: "", index: 0) }
      request = NetlinkRequest()
      request.add(RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL) {
        $0.address(prefix: subnet.bits, index: made.index)
        $0.attribute(IFA_LOCAL, gateway.bytes)
        $0.attribute(IFA_ADDRESS, gateway.bytes)
        if subnet.bits < 31 { $0.attribute(IFA_BROADCAST, subnet.last.bytes) }
      }
      request.set(name, up: true)
      do throws(NetlinkFailure) { try route.perform(request, forgiving: { $0 == 0 && $1 == .EEXIST }) } catch {
        if old == nil { _ = try? route.remove(name) }
        throw error
      }
      return old == nil
    } catch {
      if error.errno == .EEXIST, !error.words.isEmpty { throw EngineError(.unknown, error.words) }
      throw EngineError(.unknown, "failed to create bridge \(name): \(error)")
    }
  }

  /// Takes a bridge's rules away and the bridge, if we have made it.
  mutating func deleteBridge(_ name: String) throws {
    if let bridge = bridges.removeValue(forKey: name) {
      do throws(NFTFailure) { try nft.run(rules.remove(bridge)) } catch {
        bridges[name] = bridge
        throw EngineError(.unknown, "\(error)")
      }
      holdBack(name)
    }
    do throws(NetlinkFailure) {
      guard let link = try route.link(name), link.kind == "bridge", link.alias.hasPrefix(tag) else { return }
      try route.remove(name)
    } catch { throw EngineError(.unknown, "failed to remove bridge \(name): \(error)") }
  }

  /// What Linux accepts as an interface's name, without what nft's language would read as more than a name.
  static func check(interface name: String) throws {
    let isName =
      (1...15).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
          || [45, 46, 95].contains(byte)
      }
    guard isName else { throw EngineError(.invalidArgument, "invalid interface name \"\(name)\"") }
  }

  /// net.ipv4.ip_forward. If we are the one to switch it on, the host becomes a router only for our networks.
  private mutating func enableForwarding() throws {
    guard SystemSetting.read("net/ipv4/ip_forward") != "1" else { return }
    do throws(NFTFailure) { try nft.run(rules.forwardingGuard) } catch { throw EngineError(.unknown, "\(error)") }
    do throws(Errno) { try SystemSetting.write("net/ipv4/ip_forward", "1") } catch {
      throw EngineError(.unknown, "failed to enable IP forwarding: \(error)")
    }
  }

  // MARK: Endpoints

  /// A veth pair: one end in the bridge, the other under its final name in the process's namespace, with address and
  /// route. Two datagrams to the host's netlink, two in the namespace.
  mutating func attach(_ endpoint: EndpointRecord, pid: Int) throws {
    try Self.check(interface: endpoint.vethName)
    try Self.check(interface: endpoint.interface)
    guard let address = IPv4(endpoint.address), let mac = MACAddress(endpoint.macAddress) else {
      throw EngineError(.invalidArgument, "invalid address \(endpoint.address) (\(endpoint.macAddress))")
    }
    let namespace = try open(pid)
    let bridgeIndex: Int32
    do throws(NetlinkFailure) {
      guard let link = try route.link(endpoint.bridge) else {
        throw NetlinkFailure(errno: .ENODEV, words: "bridge \(endpoint.bridge)", index: 0)
      }
      bridgeIndex = link.index
      try route.perform(pair(endpoint, mac, in: namespace.descriptor, bridge: link))
    } catch {
      if error.index > 0 { _ = try? route.remove(endpoint.vethName) }
      throw EngineError(
        .unknown,
        "failed to add the host (\(endpoint.vethName)) <=> sandbox (\(endpoint.interface)) pair interfaces: \(error)")
    }
    do {
      try namespace.enter(from: home) {
        let inside = try NetlinkSocket()
        // Without IPv6 on the network the interface has none, not even an address of its own making.
        if hasIPv6 { try? SystemSetting.write("net/ipv6/conf/\(endpoint.interface)/disable_ipv6", "1") }
        try Self.configure(inside, endpoint, address)
      }
    } catch {
      _ = try? route.remove(endpoint.vethName)
      throw EngineError(.unknown, "failed to configure interface \(endpoint.interface): \(error)")
    }
    announce(address, mac, bridge: bridgeIndex)
    if !endpoint.gateway.isEmpty { ways.insert(pid) }
  }

  /// Shuts the endpoint's port in the bridge, since its address may be another's in a moment, and answers whether the
  /// container goes on without it.
  mutating func shut(_ endpoint: EndpointRecord, pid: Int) throws -> Bool {
    try Self.check(interface: endpoint.vethName)
    if !endpoint.gateway.isEmpty { ways.remove(pid) }
    var request = NetlinkRequest()
    request.add(RTM_NEWLINK) {
      $0.link()
      $0.attribute(IFLA_IFNAME, endpoint.vethName)
      $0.nest(IFLA_LINKINFO) {
        $0.attribute(IFLA_INFO_SLAVE_KIND, "bridge")
        $0.nest(IFLA_INFO_SLAVE_DATA) { $0.attribute(IFLA_BRPORT_STATE, UInt8(0 /* disabled */)) }
      }
    }
    // Gone, or in no bridge any more: all the better.
    try? route.perform(request)
    return (try? NetworkNamespace(pid: pid)) != nil
  }

  private func pair(
    _ endpoint: EndpointRecord, _ mac: MACAddress, in namespace: Int32, bridge: Link
  ) -> NetlinkRequest {
    var request = NetlinkRequest()
    request.add(RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL) {
      $0.link()
      $0.attribute(IFLA_IFNAME, endpoint.vethName)
      $0.attribute(IFLA_MTU, bridge.mtu)
      $0.nest(IFLA_LINKINFO) {
        $0.attribute(IFLA_INFO_KIND, "veth")
        $0.nest(IFLA_INFO_DATA) {
          $0.nest(VETH_INFO_PEER) {
            $0.link()
            $0.attribute(IFLA_IFNAME, endpoint.interface)
            $0.attribute(IFLA_MTU, bridge.mtu)
            $0.attribute(IFLA_ADDRESS, mac.bytes)
            $0.attribute(IFLA_NET_NS_FD, UInt32(bitPattern: namespace))
          }
        }
      }
    }
    request.set(endpoint.vethName) {
      $0.attribute(IFLA_IFALIAS, "\(options.name) endpoint \(endpoint.endpointID)")
      if hasIPv6 { $0.withoutIPv6() }
    }
    request.set(endpoint.vethName, up: true) { $0.attribute(IFLA_MASTER, bridge.index) }
    if !(bridges[endpoint.bridge]?.icc ?? true) {
      // Ports that are isolated reach the bridge itself, and not each other (bridge(8), isolated).
      request.add(RTM_NEWLINK) {
        $0.link()
        $0.attribute(IFLA_IFNAME, endpoint.vethName)
        $0.nest(IFLA_LINKINFO) {
          $0.attribute(IFLA_INFO_SLAVE_KIND, "bridge")
          $0.nest(IFLA_INFO_SLAVE_DATA) { $0.attribute(IFLA_BRPORT_ISOLATED, UInt8(1)) }
        }
      }
    }
    return request
  }

  /// In the container's namespace.
  private static func configure(
    _ inside: borrowing NetlinkSocket, _ endpoint: EndpointRecord, _ address: IPv4
  ) throws {
    guard let link = try inside.link(endpoint.interface) else { throw Errno.ENODEV }
    let block = IPv4Block(address, endpoint.prefixLength)
    var request = NetlinkRequest()
    request.set("lo", up: true)
    request.add(RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL) {
      $0.address(prefix: endpoint.prefixLength, index: link.index)
      $0.attribute(IFA_LOCAL, address.bytes)
      $0.attribute(IFA_ADDRESS, address.bytes)
      if block.bits < 31 { $0.attribute(IFA_BROADCAST, block.last.bytes) }
    }
    request.set(endpoint.interface, up: true)
    if !endpoint.gateway.isEmpty { try request.addDefaultRoute(endpoint.gateway) }
    try inside.perform(request)
  }

  /// Who has talked to this address before has another's hardware address in mind: the neighbours are told (a gratuitous
  /// ARP request), and the host forgets.
  private func announce(_ address: IPv4, _ mac: MACAddress, bridge: Int32) {
    var request = NetlinkRequest()
    request.add(RTM_DELNEIGH) {
      $0.neighbour(index: bridge)
      $0.attribute(NDA_DST, address.bytes)
    }
    try? route.perform(request, forgiving: { _, _ in true })
    let broadcast = [UInt8](repeating: 0xff, count: 6)
    // Ethernet, then ARP (RFC 826): hardware 1, protocol 0x0800, lengths 6 and 4, request.
    var frame = broadcast + mac.bytes + [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]
    frame += mac.bytes + address.bytes + [0, 0, 0, 0, 0, 0] + address.bytes
    packets.send(frame, bridge)
  }

  /// The default route of a process's namespace.
  mutating func setDefaultRoute(_ gateway: String, pid: Int) throws {
    let namespace = try open(pid)
    do {
      try namespace.enter(from: home) {
        var request = NetlinkRequest()
        try request.addDefaultRoute(gateway)
        try NetlinkSocket().perform(request)
      }
    } catch { throw EngineError(.unknown, "failed to set gateway \(gateway): \(error)") }
    ways.insert(pid)
  }

  /// The namespace of a process, which must be another than our own.
  func open(_ pid: Int) throws -> NetworkNamespace {
    let namespace: NetworkNamespace
    do throws(Errno) { namespace = try NetworkNamespace(pid: pid) } catch {
      throw EngineError(.unknown, "failed to open the network namespace of process \(pid): \(error)")
    }
    guard namespace.identity != home.identity else {
      throw EngineError(.failedPrecondition, "process \(pid) is in the host's network namespace")
    }
    return namespace
  }

  // MARK: Ports

  mutating func publish(_ asked: PortBinding) throws -> PortBinding {
    guard asked.hostIP.isEmpty || IPv4(asked.hostIP) != nil, let container = IPv4(asked.containerIP),
      ["tcp", "udp", "sctp"].contains(asked.proto), (1...65535).contains(asked.containerPort)
    else { throw EngineError(.invalidArgument, "cannot publish \(asked.hostIP):\(asked.hostPort)/\(asked.proto)") }
    if !hasRules { _ = try reconcile(KnownNetworks()) }
    let binding = try ports.take(asked)
    do throws(NFTFailure) { try nft.run(rules.add(binding)) } catch {
      _ = ports.release(binding)
      throw EngineError(.unknown, "\(error)")
    }
    forgetFlows(binding, container)
    return binding
  }

  mutating func unpublish(_ binding: PortBinding) throws {
    guard ports.release(binding) else { return }
    do throws(NFTFailure) { try nft.run(rules.remove(binding)) } catch { throw EngineError(.unknown, "\(error)") }
    if let container = IPv4(binding.containerIP) { forgetFlows(binding, container) }
  }

  /// The kernel remembers for each flow of UDP where it goes: from now on it goes where the rules say.
  private func forgetFlows(_ binding: PortBinding, _ container: IPv4) {
    guard binding.proto == "udp" else { return }
    try? Conntrack.forget(udpPort: UInt16(truncatingIfNeeded: binding.hostPort))
  }
}

/// A socket of packet(7): whole frames, for announcements. Where it cannot be had nothing is announced.
struct PacketSocket: ~Copyable {
  private let descriptor = Int32(clamping: cnetwork_socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0))
  deinit { if descriptor >= 0 { close(descriptor) } }
  /// Sends a frame out of an interface.
  func send(_ frame: [UInt8], _ interface: Int32) { _ = cnetwork_send_frame(descriptor, interface, frame, frame.count) }
}

extension NetlinkRequest {
  /// RTM_NEWROUTE: everything that has no route of its own goes over `gateway`, in place of the gateway until now.
  mutating func addDefaultRoute(_ gateway: String) throws {
    guard let gateway = IPv4(gateway) else {
      throw EngineError(.invalidArgument, "invalid gateway address \(gateway)")
    }
    add(RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE) {
      $0.route()
      $0.attribute(Int(RTA_GATEWAY.rawValue), gateway.bytes)
    }
  }
}
