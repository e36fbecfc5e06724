import Runtime
import Seams

/// One interface that a packet passes, and which way.
struct NetworkHop: Sendable {
  var link: LinkKey
  var isSending: Bool
}

/// The way of a connection's packets.
struct NetworkRouteTaken: Sendable {
  /// Where the packets seem to come from, once they arrive.
  var source: IPv4
  var hops: [NetworkHop]
  /// Nanoseconds, one way.
  var latency: UInt64
}

/// What becomes of a packet.
enum NetworkVerdict: Sendable {
  /// It arrives at the stack of `namespace`, at one of its own addresses.
  case delivered(namespace: Int, address: IPv4, port: Int, NetworkRouteTaken)
  /// It leaves for the internet.
  case internet(IPv4, NetworkRouteTaken)
  /// The sender's kernel says no at once.
  case refused(Errno)
  /// Nobody answers the ARP request for the next hop (neighbours are given up after three seconds).
  case noNeighbour
  /// A filter rule drops it, silently.
  case dropped
}

extension NetworkState {
  static let loopbackLatency: UInt64 = 10_000
  static let bridgeLatency: UInt64 = 30_000

  /// Follows a packet from namespace `id`. `port` is nil for what has none (ICMP).
  func follow(from id: Int, to destination: IPv4, port: Int?) -> NetworkVerdict {
    guard let namespace = namespaces[id] else { return .refused(.ENETUNREACH) }
    if destination.isLoopback || destination == .any || namespace.owner(of: destination) != nil {
      return followLocally(namespace, id, destination == .any ? .loopback : destination, port)
    }
    guard let route = namespace.route(to: destination), let out = namespace.link(named: route.interface) else {
      return .refused(.ENETUNREACH)
    }
    let nextHop = route.gateway ?? destination
    if id == 0 { return followFromHost(destination, port, via: route.interface, from: nil, hops: [], latency: 0) }
    guard let source = IPv4(out.info.address) else { return .refused(.ENETUNREACH) }
    guard let bridge = out.bridge.flatMap({ bridges[$0] }), let hostEnd = out.hostEnd else { return .noNeighbour }
    let hops = [
      NetworkHop(link: LinkKey(namespace: id, index: out.info.index), isSending: true),
      NetworkHop(link: LinkKey(namespace: 0, index: hostEnd), isSending: false),
    ]
    if nextHop == bridge.gateway {
      return followIntoHost(destination, port, from: bridge, source: source, hops: hops)
    }
    guard let neighbour = bridge.members[nextHop] else { return .noNeighbour }
    // A neighbour is no router.
    guard nextHop == destination else { return .dropped }
    guard bridge.record.icc else { return .dropped }
    guard let end = hop(into: neighbour) else { return .noNeighbour }
    return .delivered(
      namespace: neighbour.namespace, address: destination, port: port ?? 0,
      NetworkRouteTaken(source: source, hops: hops + end, latency: Self.bridgeLatency))
  }

  private func followLocally(
    _ namespace: NetworkNamespace, _ id: Int, _ destination: IPv4, _ port: Int?
  ) -> NetworkVerdict {
    guard namespace.links[1]?.info.isUp == true else { return .refused(.ENETUNREACH) }
    let lo = LinkKey(namespace: id, index: 1)
    let hops = [NetworkHop(link: lo, isSending: true), NetworkHop(link: lo, isSending: false)]
    if id == 0, let port, let binding = ports.binding("tcp", destination, port) {
      return followPublished(binding, hops: [], latency: Self.loopbackLatency)
    }
    return .delivered(
      namespace: id, address: destination, port: port ?? 0,
      NetworkRouteTaken(source: destination, hops: hops, latency: Self.loopbackLatency))
  }

  /// A packet from a container has reached the host: its INPUT or its FORWARD chain.
  private func followIntoHost(
    _ destination: IPv4, _ port: Int?, from bridge: NetworkBridge, source: IPv4, hops: [NetworkHop]
  ) -> NetworkVerdict {
    var hops = hops
    if let index = namespaces[0]?.index(of: bridge.record.name) {
      hops.append(NetworkHop(link: LinkKey(namespace: 0, index: index), isSending: false))
    }
    if namespaces[0]?.owner(of: destination) != nil {
      // Published ports: traffic from the bridges is left to docker-proxy, which asks from the target's gateway.
      if let port, let binding = ports.binding("tcp", destination, port) {
        return followPublished(binding, hops: hops, latency: Self.bridgeLatency)
      }
      return .delivered(
        namespace: 0, address: destination, port: port ?? 0,
        NetworkRouteTaken(source: source, hops: hops, latency: Self.bridgeLatency))
    }
    // Nothing leaves an internal network; nothing crosses from bridge to bridge (DOCKER-ISOLATION).
    guard !bridge.record.isInternal else { return .dropped }
    guard let route = namespaces[0]?.route(to: destination) else { return .noNeighbour }
    guard bridges[route.interface] == nil else { return .dropped }
    return followFromHost(
      destination, port, via: route.interface, from: source, hops: hops, latency: Self.bridgeLatency)
  }

  /// To the container behind a published port, as the host's DNAT rule or its docker-proxy sends it.
  private func followPublished(_ binding: PortBinding, hops: [NetworkHop], latency: UInt64) -> NetworkVerdict {
    guard let address = IPv4(binding.containerIP), let route = namespaces[0]?.route(to: address) else {
      return .noNeighbour
    }
    return followFromHost(
      address, binding.containerPort, via: route.interface, from: nil, hops: hops, latency: latency)
  }

  /// Out of one of the host's interfaces. `source` is a container's address when the packet is forwarded (and then
  /// masqueraded on its way out).
  private func followFromHost(
    _ destination: IPv4, _ port: Int?, via interface: String, from source: IPv4?, hops: [NetworkHop], latency: UInt64
  ) -> NetworkVerdict {
    guard let host = namespaces[0], let out = host.link(named: interface), out.info.isUp else {
      return .refused(.ENETUNREACH)
    }
    var hops = hops
    hops.append(NetworkHop(link: LinkKey(namespace: 0, index: out.info.index), isSending: true))
    guard let bridge = bridges[interface] else {
      let address = IPv4(out.info.address) ?? .any
      return .internet(destination, NetworkRouteTaken(source: address, hops: hops, latency: latency))
    }
    guard let neighbour = bridge.members[destination], let end = hop(into: neighbour) else { return .noNeighbour }
    return .delivered(
      namespace: neighbour.namespace, address: destination, port: port ?? 0,
      NetworkRouteTaken(
        source: bridge.gateway, hops: hops + end, latency: latency + Self.bridgeLatency))
  }

  /// Through the host's end of a veth pair into the container's.
  private func hop(into key: LinkKey) -> [NetworkHop]? {
    guard let link = namespaces[key.namespace]?.links[key.index], link.info.isUp, let hostEnd = link.hostEnd else {
      return nil
    }
    return [
      NetworkHop(link: LinkKey(namespace: 0, index: hostEnd), isSending: true),
      NetworkHop(link: key, isSending: false),
    ]
  }

  /// Counts packets along a way; back along it when they are answers.
  mutating func count(_ bytes: Int, packets: Int, along hops: [NetworkHop], isAnswer: Bool) {
    for hop in hops {
      guard var link = namespaces[hop.link.namespace]?.links[hop.link.index] else { continue }
      if hop.isSending != isAnswer {
        link.info.statistics.txBytes += UInt64(bytes)
        link.info.statistics.txPackets += UInt64(packets)
      } else {
        link.info.statistics.rxBytes += UInt64(bytes)
        link.info.statistics.rxPackets += UInt64(packets)
      }
      namespaces[hop.link.namespace]?.links[hop.link.index] = link
    }
  }

  /// Whether every interface of a way is still there and up.
  func isWhole(_ hops: [NetworkHop]) -> Bool {
    hops.allSatisfy { namespaces[$0.link.namespace]?.links[$0.link.index]?.info.isUp == true }
  }
}
