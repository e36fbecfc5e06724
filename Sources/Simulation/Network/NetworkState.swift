import Runtime
import Seams

/// A route, ready for look-ups.
struct NetworkRoute: Sendable, Hashable {
  var prefix: IPv4Prefix
  var gateway: IPv4?
  var interface: String
  var source: IPv4? = nil
}

/// An interface, and where its cable goes.
struct NetworkLink: Sendable {
  var info: SimInterface
  /// The bridge that the other end of this veth is a port of, and that end's index on the host.
  var bridge: String?
  var hostEnd: Int?
  /// For a host's end: whose it is.
  var peer: LinkKey?
  var endpointID = ""
}

/// One interface of one namespace.
struct LinkKey: Sendable, Hashable {
  var namespace: Int
  var index: Int
}

/// One network namespace.
struct NetworkNamespace: Sendable {
  var links: [Int: NetworkLink] = [:]
  private var names: [String: Int] = [:]
  private(set) var nextIndex = 1
  var routes: [NetworkRoute] = []
  var listeners: [Int: [NetworkListener]] = [:]
  var embeddedDNS: (@Sendable (String) -> [String]?)?
  private var lastPort = 32_767

  mutating func addLink(_ info: SimInterface) { addLink(NetworkLink(info: info)) }
  mutating func addLink(_ link: NetworkLink) {
    links[link.info.index] = link
    names[link.info.name] = link.info.index
    nextIndex = max(nextIndex, link.info.index + 1)
  }
  mutating func removeLink(_ index: Int) {
    guard let link = links.removeValue(forKey: index) else { return }
    names[link.info.name] = nil
    routes.removeAll { $0.interface == link.info.name }
  }
  func index(of name: String) -> Int? { names[name] }
  func link(named name: String) -> NetworkLink? { names[name].flatMap { links[$0] } }

  /// The interface that owns `address`.
  func owner(of address: IPv4) -> NetworkLink? {
    let text = address.description
    return links.values.first { $0.info.address == text && $0.info.isUp }
  }

  /// The longest matching prefix whose interface is up.
  func route(to address: IPv4) -> NetworkRoute? {
    var best: NetworkRoute?
    for route in routes where route.prefix.contains(address) && route.prefix.length > (best?.prefix.length ?? -1) {
      best = route
    }
    return best
  }

  /// The next free ephemeral port (net.ipv4.ip_local_port_range).
  mutating func ephemeralPort() -> Int {
    for _ in 0..<28_232 {
      lastPort = lastPort >= 60_999 ? 32_768 : lastPort + 1
      if listeners[lastPort] == nil { return lastPort }
    }
    return lastPort
  }

  // MARK: Changes by netlink

  mutating func setLink(_ name: String, _ attributes: [String: String]) throws(Errno) {
    guard let index = names[name], var link = links[index] else { throw .ENODEV }
    let flags = (attributes["flags"] ?? attributes["state"] ?? attributes["IFF"] ?? attributes["ifi_flags"] ?? "")
      .lowercased()
    if let mtu = attributes["mtu"] ?? attributes["IFLA_MTU"] {
      guard let mtu = Int(mtu), (68...65_536).contains(mtu) else { throw .EINVAL }
      link.info.mtu = mtu
    }
    if let mac = attributes["address"] ?? attributes["IFLA_ADDRESS"] { link.info.macAddress = mac }
    if let new = attributes["new_name"] {
      guard !new.isEmpty, new.utf8.count < 16 else { throw .EINVAL }
      guard names[new] == nil else { throw .EEXIST }
      guard !link.info.isUp else { throw .EBUSY }
      names[name] = nil
      names[new] = index
      link.info.name = new
    }
    if flags.mentions("down") || attributes["up"] == "false" {
      link.info.isUp = false
      routes.removeAll { $0.interface == link.info.name }
    } else if flags.mentions("up") || attributes["up"] != nil {
      link.info.isUp = true
      if index == 1, link.info.address.isEmpty { (link.info.address, link.info.prefixLength) = ("127.0.0.1", 8) }
      addConnectedRoute(link.info)
    }
    links[index] = link
  }

  /// The route that the kernel itself makes for an interface that is up and has an address.
  mutating func addConnectedRoute(_ info: SimInterface) {
    guard info.index != 1, info.isUp, let address = IPv4(info.address), info.prefixLength < 32 else { return }
    let route = NetworkRoute(
      prefix: IPv4Prefix(address: address, length: info.prefixLength), gateway: nil, interface: info.name,
      source: address)
    if !routes.contains(route) { routes.append(route) }
  }

  mutating func addAddress(_ name: String, _ text: String) throws(Errno) {
    guard let index = names[name], var link = links[index] else { throw .ENODEV }
    let parts = text.split(separator: "/")
    guard let first = parts.first, let address = IPv4(first) else { throw .EINVAL }
    let length = parts.count > 1 ? Int(parts[1]) ?? -1 : 32
    guard (0...32).contains(length) else { throw .EINVAL }
    guard link.info.address.isEmpty else { throw .EEXIST }
    (link.info.address, link.info.prefixLength) = (address.description, length)
    links[index] = link
    addConnectedRoute(link.info)
  }

  mutating func removeAddress(_ name: String, _ text: String) throws(Errno) {
    guard let index = names[name], var link = links[index] else { throw .ENODEV }
    guard !link.info.address.isEmpty,
      text.isEmpty || text.split(separator: "/").first.map(String.init) == link.info.address
    else { throw .EADDRNOTAVAIL }
    let address = IPv4(link.info.address)
    (link.info.address, link.info.prefixLength) = ("", 0)
    links[index] = link
    routes.removeAll { $0.interface == name && ($0.source == address || $0.gateway != nil) }
  }

  mutating func addRoute(_ name: String, _ attributes: [String: String]) throws(Errno) {
    guard let prefix = IPv4Prefix(attributes["dst"] ?? attributes["destination"] ?? attributes["RTA_DST"] ?? "default")
    else { throw .EINVAL }
    var gateway: IPv4?
    if let text = attributes["gateway"] ?? attributes["via"] ?? attributes["RTA_GATEWAY"], !text.isEmpty {
      guard let address = IPv4(text) else { throw .EINVAL }
      gateway = address
    }
    var interface = name
    if let gateway {
      // The gateway itself must be on a link.
      guard let link = route(to: gateway), link.gateway == nil else { throw .ENETUNREACH }
      if interface.isEmpty { interface = link.interface }
    }
    guard let link = link(named: interface) else { throw .ENODEV }
    guard link.info.isUp else { throw Errno(100, "ENETDOWN", "network is down") }
    guard !routes.contains(where: { $0.prefix == prefix }) else { throw .EEXIST }
    let route = NetworkRoute(
      prefix: prefix, gateway: gateway, interface: interface, source: attributes["src"].flatMap { IPv4($0) })
    if prefix.length == 0 { routes.insert(route, at: 0) } else { routes.append(route) }
  }

  mutating func removeRoute(_ name: String, _ attributes: [String: String]) throws(Errno) {
    guard let prefix = IPv4Prefix(attributes["dst"] ?? attributes["destination"] ?? attributes["RTA_DST"] ?? "default")
    else { throw .EINVAL }
    guard let index = routes.firstIndex(where: { $0.prefix == prefix && (name.isEmpty || $0.interface == name) })
    else { throw .ESRCH }
    routes.remove(at: index)
  }
}

/// A bridge, and who is plugged into it.
struct NetworkBridge: Sendable {
  var record: BridgeRecord
  var gateway: IPv4
  var prefix: IPv4Prefix
  /// The containers' ends, by address: the bridge's neighbours.
  var members: [IPv4: LinkKey] = [:]
}

/// Everything that changes.
struct NetworkState: Sendable {
  var namespaces: [Int: NetworkNamespace] = [:]
  var lastNamespace = 0
  var bridges: [String: NetworkBridge] = [:]
  var ports = PortAllocator()

  /// Pulls the cable of a container's interface: the host's end is gone, the bridge forgets the address.
  mutating func unplug(_ link: NetworkLink, of namespace: Int) {
    forget(link, of: namespace)
    if let hostEnd = link.hostEnd { namespaces[0]?.removeLink(hostEnd) }
  }

  /// The bridge no longer knows the address of this interface.
  mutating func forget(_ link: NetworkLink, of namespace: Int) {
    guard let bridge = link.bridge, let address = IPv4(link.info.address) else { return }
    if bridges[bridge]?.members[address] == LinkKey(namespace: namespace, index: link.info.index) {
      bridges[bridge]?.members[address] = nil
    }
  }

  /// The bridge learns the address of an interface.
  mutating func announce(_ namespace: NetworkNamespace, _ id: Int, _ name: String) {
    guard let link = namespace.link(named: name), let bridge = link.bridge, let address = IPv4(link.info.address)
    else { return }
    bridges[bridge]?.members[address] = LinkKey(namespace: id, index: link.info.index)
  }

  mutating func removeBridge(_ name: String) {
    guard bridges.removeValue(forKey: name) != nil else { return }
    if let index = namespaces[0]?.index(of: name) { namespaces[0]?.removeLink(index) }
  }

  /// Deletes a host's end: the container's end goes with it.
  mutating func removeHostLink(_ link: NetworkLink) {
    if let peer = link.peer, let other = namespaces[peer.namespace]?.links[peer.index] {
      namespaces[peer.namespace]?.removeLink(peer.index)
      forget(other, of: peer.namespace)
    }
    namespaces[0]?.removeLink(link.info.index)
  }
}
