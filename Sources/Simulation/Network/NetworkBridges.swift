import Runtime
import Seams

extension SimNetwork {
  // MARK: Bridges and veth pairs

  /// A bridge on the host with its gateway address, up. EEXIST when an interface of the name is there, EINVAL for an
  /// address that is none.
  public func createBridge(_ record: BridgeRecord) throws(Errno) {
    guard let prefix = IPv4Prefix(record.subnet) else { throw .EINVAL }
    guard let gateway = IPv4(record.gateway.split(separator: "/").first ?? "") else { throw .EINVAL }
    guard !record.name.isEmpty, record.name.utf8.count < 16 else { throw .EINVAL }
    let failure = state.withLock { state -> Errno? in
      guard var host = state.namespaces[0] else { return .EINVAL }
      guard host.index(of: record.name) == nil else { return .EEXIST }
      let info = SimInterface(
        index: host.nextIndex, name: record.name, isUp: true, mtu: record.mtu,
        macAddress: macAddress(for: record.networkID + record.name), address: gateway.description,
        prefixLength: prefix.length, hasCarrier: false)
      host.addLink(info)
      host.addConnectedRoute(info)
      state.namespaces[0] = host
      state.bridges[record.name] = NetworkBridge(record: record, gateway: gateway, prefix: prefix)
      return nil
    }
    if let failure { throw failure }
  }

  /// Takes a bridge away. ENODEV when there is none.
  public func deleteBridge(_ name: String) throws(Errno) {
    let found = state.withLock { state -> Bool in
      guard state.bridges[name] != nil else { return false }
      state.removeBridge(name)
      return true
    }
    if !found { throw .ENODEV }
  }

  /// A veth pair: one end with the endpoint's name and address in namespace `id`, up; the other in its bridge.
  /// With a gateway, the default route goes that way (a later one replaces it).
  /// ENODEV without the bridge, EEXIST for a name or an address that is taken.
  public func attach(_ endpoint: EndpointRecord, to id: Int) throws(Errno) {
    guard let address = IPv4(endpoint.address.split(separator: "/").first ?? "") else { throw .EINVAL }
    let failure = state.withLock { state -> Errno? in
      guard var namespace = state.namespaces[id], id != 0 else { return .EINVAL }
      guard let bridge = state.bridges[endpoint.bridge] else { return .ENODEV }
      guard namespace.index(of: endpoint.interface) == nil, bridge.members[address] == nil else { return .EEXIST }
      guard let hostIndex = state.namespaces[0]?.nextIndex,
        state.namespaces[0]?.index(of: endpoint.vethName) == nil
      else { return .EEXIST }
      let index = namespace.nextIndex
      let key = LinkKey(namespace: id, index: index)
      let mtu = bridge.record.mtu
      let near = SimInterface(
        index: index, name: endpoint.interface, isUp: true, mtu: mtu,
        macAddress: endpoint.macAddress.isEmpty ? macAddress(for: endpoint.endpointID) : endpoint.macAddress,
        address: address.description, prefixLength: endpoint.prefixLength, peerIndex: hostIndex)
      namespace.addLink(
        NetworkLink(info: near, bridge: endpoint.bridge, hostEnd: hostIndex, endpointID: endpoint.endpointID))
      namespace.addConnectedRoute(near)
      if let gateway = IPv4(endpoint.gateway) {
        namespace.routes.removeAll { $0.prefix.length == 0 }
        namespace.routes.insert(
          NetworkRoute(
            prefix: IPv4Prefix(address: .any, length: 0), gateway: gateway, interface: endpoint.interface), at: 0)
      }
      state.namespaces[id] = namespace
      state.namespaces[0]?.addLink(
        NetworkLink(
          info: SimInterface(
            index: hostIndex, name: endpoint.vethName, isUp: true, mtu: mtu,
            macAddress: macAddress(for: endpoint.vethName), address: "", prefixLength: 0, peerIndex: index,
            master: endpoint.bridge), peer: key, endpointID: endpoint.endpointID))
      state.bridges[endpoint.bridge]?.members[address] = key
      return nil
    }
    if let failure { throw failure }
  }

  /// Takes an endpoint's veth pair away. Nothing there is no error: it may have gone with its namespace.
  public func detach(_ endpoint: EndpointRecord) {
    state.withLock { state in
      guard let index = state.namespaces[0]?.index(of: endpoint.vethName),
        let link = state.namespaces[0]?.links[index]
      else { return }
      state.removeHostLink(link)
    }
  }

  /// The default route of namespace `id` goes over `gateway` from now on (when the endpoint that had it is gone).
  public func setDefaultRoute(_ gateway: String, in id: Int) throws(Errno) {
    try? netlink("RTM_DELROUTE", ["dst": "default"], in: id)
    try netlink("RTM_NEWROUTE", ["dst": "default", "gateway": gateway], in: id)
  }

  // MARK: Published ports

  /// Takes a port of the host and leads it to a container; host port 0 asks for the next ephemeral one. Throws
  /// `EngineError` in dockerd's words when the port is taken or the address is not the host's.
  public func publish(_ binding: PortBinding) throws -> PortBinding {
    try state.withLock { state in
      var binding = binding
      if binding.hostIP.isEmpty { binding.hostIP = "0.0.0.0" }
      let isSix = binding.hostIP.contains(":")
      let shown = isSix ? "[\(binding.hostIP)]" : binding.hostIP
      if !isSix {
        guard let ip = IPv4(binding.hostIP) else {
          throw EngineError(.invalidArgument, "invalid host IP \(binding.hostIP)")
        }
        guard ip == .any || ip.isLoopback || state.namespaces[0]?.owner(of: ip) != nil else {
          throw EngineError(
            .failedPrecondition,
            "failed to bind host port \(shown):\(binding.hostPort)/\(binding.proto): cannot assign requested address")
        }
      }
      let listeners = binding.proto == "tcp" && !isSix ? state.namespaces[0]?.listeners ?? [:] : [:]
      let ip = IPv4(binding.hostIP) ?? .any
      let isFree = { (port: Int) in
        !(listeners[port] ?? []).contains { $0.address == ip || $0.address == .any || ip == .any }
      }
      if binding.hostPort == 0 {
        guard let port = state.ports.next(binding.proto, binding.hostIP, isFree: isFree) else {
          throw EngineError(.failedPrecondition, "all ports are allocated")
        }
        binding.hostPort = port
      } else {
        guard (1...65_535).contains(binding.hostPort) else {
          throw EngineError(.invalidArgument, "invalid port '\(binding.hostPort)'")
        }
        guard !state.ports.isTaken(binding.proto, binding.hostIP, binding.hostPort) else {
          throw EngineError(
            .failedPrecondition, "Bind for \(binding.hostIP):\(binding.hostPort) failed: port is already allocated")
        }
        guard isFree(binding.hostPort) else {
          throw EngineError(
            .failedPrecondition,
            "failed to bind host port \(shown):\(binding.hostPort)/\(binding.proto): address already in use")
        }
      }
      state.ports.add(binding)
      return binding
    }
  }

  /// Gives a published port back. Nothing there is no error.
  public func unpublish(_ binding: PortBinding) {
    state.withLock { state in
      var binding = binding
      if binding.hostIP.isEmpty { binding.hostIP = "0.0.0.0" }
      state.ports.remove(binding)
    }
  }

  /// The published ports, by number.
  public var publishedPorts: [PortBinding] { state.withLock { $0.ports.all } }

  /// The rules that lead traffic between the host, the bridges and the world outside, as `nft list ruleset` would
  /// show their gist: masquerading and isolation of each bridge, then two rules for each published port.
  public func nftRules() -> [String] {
    state.withLock { state in
      var rules: [String] = []
      let bridges = state.bridges.values.sorted { $0.record.name < $1.record.name }
      for bridge in bridges {
        let (name, subnet) = (bridge.record.name, bridge.prefix.description)
        if bridge.record.isInternal {
          rules.append("add rule ip filter DOCKER-INTERNAL iifname \"\(name)\" ip daddr != \(subnet) counter drop")
          rules.append("add rule ip filter DOCKER-INTERNAL oifname \"\(name)\" ip saddr != \(subnet) counter drop")
          continue
        }
        rules.append(
          "add rule ip nat POSTROUTING oifname != \"\(name)\" ip saddr \(subnet) counter masquerade")
        rules.append(
          "add rule ip filter DOCKER-FORWARD iifname \"\(name)\" oifname != \"\(name)\" counter accept")
        rules.append("add rule ip filter DOCKER iifname != \"\(name)\" oifname \"\(name)\" counter drop")
        if !bridge.record.icc {
          rules.append("add rule ip filter DOCKER-FORWARD iifname \"\(name)\" oifname \"\(name)\" counter drop")
        }
      }
      for binding in state.ports.all where !binding.hostIP.contains(":") {
        let bridge = IPv4(binding.containerIP).flatMap { ip in bridges.first { $0.prefix.contains(ip) } }
        let name = bridge?.record.name ?? "docker0"
        let daddr = binding.hostIP == "0.0.0.0" ? "" : "ip daddr \(binding.hostIP) "
        rules.append(
          "add rule ip nat DOCKER iifname != \"\(name)\" \(daddr)\(binding.proto) dport \(binding.hostPort) "
            + "counter dnat to \(binding.containerIP):\(binding.containerPort)")
        rules.append(
          "add rule ip filter DOCKER ip daddr \(binding.containerIP) iifname != \"\(name)\" oifname \"\(name)\" "
            + "\(binding.proto) dport \(binding.containerPort) counter accept")
      }
      return rules
    }
  }
}
