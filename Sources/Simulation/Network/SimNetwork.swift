import Runtime
import Seams
import Synchronization

/// The simulated TCP/IP world: one host with its network namespaces, bridges, published ports, and a small internet.
///
/// Namespace 0 is the host's: `lo`, `eth0` (10.0.2.15/24 behind the gateway 10.0.2.2), and the bridges. What a packet
/// meets on its way is what Linux would have it meet: the routes of its namespace, the bridge's neighbours, the host's
/// nat and filter rules. `NetworkPath.swift` tells that way; `NetworkSockets.swift` what goes over it.
public final class SimNetwork: Sendable {
  /// The host's address on its own network.
  public static let hostAddress = "10.0.2.15"
  /// The host's default gateway.
  public static let hostGateway = "10.0.2.2"
  /// The host's resolver: what its /etc/resolv.conf names.
  public static let hostResolver = "10.0.2.3"
  /// Docker's embedded resolver, in namespaces where `serveDNS` was called.
  public static let embeddedResolver = "127.0.0.11"

  let world: any World
  /// Everything beyond the host's gateway.
  public let internet: SimInternet
  let state: Mutex<NetworkState>

  /// A host with nothing on it but its own interfaces.
  public init(world: any World) {
    self.world = world
    internet = SimInternet(world: world)
    var state = NetworkState()
    var host = NetworkNamespace()
    host.addLink(SimInterface.loopback(isUp: true))
    host.addLink(
      SimInterface(
        index: 2, name: "eth0", isUp: true, mtu: 1500, macAddress: "52:54:00:12:34:56", address: Self.hostAddress,
        prefixLength: 24))
    host.routes = [
      NetworkRoute(
        prefix: IPv4Prefix(address: .any, length: 0), gateway: IPv4(Self.hostGateway), interface: "eth0"),
      NetworkRoute(
        prefix: IPv4Prefix(address: IPv4(bits: 0x0a00_0200), length: 24), gateway: nil, interface: "eth0",
        source: IPv4(Self.hostAddress)),
    ]
    state.namespaces[0] = host
    self.state = Mutex(state)
  }

  // MARK: Namespaces

  /// A new network namespace as clone(2) with CLONE_NEWNET gives it: only `lo`, and that is down.
  public func makeNamespace() -> Int {
    state.withLock { state in
      state.lastNamespace += 1
      var namespace = NetworkNamespace()
      namespace.addLink(SimInterface.loopback(isUp: false))
      state.namespaces[state.lastNamespace] = namespace
      return state.lastNamespace
    }
  }

  /// The last process has left the namespace: its interfaces go, and with them the host's ends of their veth pairs;
  /// its listeners are closed. The host's namespace stays.
  public func removeNamespace(_ id: Int) {
    guard id != 0 else { return }
    let listeners = state.withLock { state -> [NetworkListener] in
      guard let namespace = state.namespaces.removeValue(forKey: id) else { return [] }
      for link in namespace.links.values { state.unplug(link, of: id) }
      return namespace.listeners.values.flatMap { $0 }
    }
    for listener in listeners { listener.end() }
  }

  /// The interfaces of a namespace, by index. None when there is no such namespace.
  public func interfaces(in id: Int) -> [SimInterface] {
    state.withLock { state in
      guard let namespace = state.namespaces[id] else { return [] }
      return namespace.links.values.map { link in
        var info = link.info
        if let bridge = state.bridges[info.name], id == 0 { info.hasCarrier = !bridge.members.isEmpty }
        return info
      }.sorted { $0.index < $1.index }
    }
  }

  /// The main routing table of a namespace, in the order in which `ip route` lists it.
  public func routes(in id: Int) -> [SimRoute] {
    state.withLock { state in
      (state.namespaces[id]?.routes ?? []).map {
        SimRoute(
          destination: $0.prefix.description, gateway: $0.gateway?.description ?? "", interface: $0.interface,
          source: $0.source?.description ?? "")
      }
    }
  }

  // MARK: netlink

  /// A request of rtnetlink(7): `RTM_SETLINK` (up, down, mtu, address, name), `RTM_NEWADDR`, `RTM_DELADDR`,
  /// `RTM_NEWROUTE`, `RTM_DELROUTE`, `RTM_NEWLINK` (kind `dummy`), `RTM_DELLINK`.
  ///
  /// Attributes: `ifname` (or `name`, `dev`, `IFLA_IFNAME`), `flags` (`IFF_UP`, `up`, or `down`), `mtu`, `address`
  /// (a MAC for links, `ADDR/LENGTH` for addresses), `new_name`; `dst`, `gateway`, `src`, `oif` for routes; `kind`.
  public func netlink(_ operation: String, _ attributes: [String: String], in id: Int) throws(Errno) {
    let name = ["ifname", "IFLA_IFNAME", "name", "dev", "link", "oif"].lazy.compactMap { attributes[$0] }.first ?? ""
    let verb = operation.split(separator: " ").first.map(String.init) ?? operation
    let failure = state.withLock { state -> Errno? in
      guard var namespace = state.namespaces[id] else { return .EINVAL }
      do throws(Errno) {
        switch verb {
        case "RTM_SETLINK": try namespace.setLink(name, attributes)
        case "RTM_NEWLINK":
          guard attributes["kind"] != nil || attributes["type"] != nil else {
            try namespace.setLink(name, attributes)
            break
          }
          guard (attributes["kind"] ?? attributes["type"]) == "dummy" else { return .EOPNOTSUPP }
          guard !name.isEmpty, name.utf8.count < 16 else { return .EINVAL }
          guard namespace.index(of: name) == nil else { return .EEXIST }
          let index = namespace.nextIndex
          namespace.addLink(
            SimInterface(
              index: index, name: name, isUp: false, mtu: 1500, macAddress: macAddress(for: "\(id)/\(name)"),
              address: "", prefixLength: 0))
        case "RTM_DELLINK":
          guard let index = namespace.index(of: name), let link = namespace.links[index] else { return .ENODEV }
          guard name != "lo" else { return .EOPNOTSUPP }
          if id == 0 {
            state.namespaces[id] = namespace
            if state.bridges[name] != nil { state.removeBridge(name) } else { state.removeHostLink(link) }
            return nil
          }
          namespace.removeLink(index)
          state.unplug(link, of: id)
        case "RTM_NEWADDR":
          try namespace.addAddress(name, attributes["address"] ?? attributes["IFA_LOCAL"] ?? attributes["local"] ?? "")
          state.announce(namespace, id, name)
        case "RTM_DELADDR":
          let old = namespace.index(of: name).flatMap { namespace.links[$0] }
          try namespace.removeAddress(name, attributes["address"] ?? attributes["IFA_LOCAL"] ?? "")
          if let old { state.forget(old, of: id) }
        case "RTM_NEWROUTE": try namespace.addRoute(name, attributes)
        case "RTM_DELROUTE": try namespace.removeRoute(name, attributes)
        default: return .EOPNOTSUPP
        }
      } catch { return error }
      state.namespaces[id] = namespace
      return nil
    }
    if let failure { throw failure }
  }
}

extension SimInterface {
  static func loopback(isUp: Bool) -> SimInterface {
    SimInterface(
      index: 1, name: "lo", isUp: isUp, mtu: 65536, macAddress: "00:00:00:00:00:00",
      address: isUp ? "127.0.0.1" : "", prefixLength: isUp ? 8 : 0)
  }
}

/// A locally administered MAC address derived from a name (FNV-1a), so that the same world has the same ones.
func macAddress(for name: String) -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  var text = "02:42"
  for shift in stride(from: UInt64(24), through: 0, by: -8) {
    let byte = UInt8(truncatingIfNeeded: hash >> shift)
    text += ":" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
  return text
}
