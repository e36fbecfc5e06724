import JSONTree
import Seams
import Synchronization

/// dockerd's networks (Engine API, "Network"; libnetwork).
///
/// Decisions (names, addresses, what is refused) are taken under one lock and at once; the host is asked afterwards,
/// and what it refuses is taken back.
public final class NetworkService: DockerdService, NetworkLookup {
  let daemon: Daemon
  let table = Mutex(NetworkTable())
  static let bucket = "networks"
  static let sandboxBucket = "network-sandboxes"

  public init(daemon: Daemon) { self.daemon = daemon }

  public func register(in router: inout Router) {
    router.on("GET /networks") { [self] in try listResponse($0) }
    router.on("GET /networks/{id}") { [self] in try inspectResponse($0) }
    router.on("POST /networks/create") { [self] in try await createResponse($0) }
    router.on("DELETE /networks/{id}") { [self] in try await deleteResponse($0) }
    router.on("POST /networks/prune") { [self] in try await pruneResponse($0) }
    router.on("POST /networks/{id}/connect") { [self] in try await connectResponse($0) }
    router.on("POST /networks/{id}/disconnect") { [self] in try await disconnectResponse($0) }
  }

  /// Loads the networks and the sandboxes of containers that went on without us, and makes the predefined networks.
  public func start() async throws {
    var restored: [NetworkRecord] = []
    for (_, value) in try daemon.store.load(Self.bucket) {
      if let network = try? value.decode(NetworkRecord.self) { restored.append(network) }
    }
    restored.sort { $0.sequence < $1.sequence }
    for network in restored { try restore(network) }
    for (_, value) in try daemon.store.load(Self.sandboxBucket) {
      if let sandbox = try? value.decode(SandboxRecord.self) { restore(sandbox) }
    }
    try await daemon.network.reconcile(known())
    for network in restored where network.isBridge {
      // It is there unless the host has been started anew.
      try? await daemon.network.createBridge(network.bridge)
    }
    for sandbox in table.withLock({ $0.sandboxes }).values.sorted(by: { $0.containerID < $1.containerID })
    where sandbox.servesDNS {
      try? await serveDNS(sandbox)
    }
    try await makePredefined()
  }

  public func shutdown() async {}

  /// What the host's network is compared with.
  private func known() -> KnownNetworks {
    table.withLock { table in
      var known = KnownNetworks(bridges: table.all.filter(\.isBridge).map(\.bridge))
      for sandbox in table.sandboxes.values.sorted(by: { $0.containerID < $1.containerID }) {
        for endpoint in sandbox.endpoints where !endpoint.address.isEmpty {
          guard let bridge = table[id: endpoint.networkID]?.bridgeName else { continue }
          known.endpoints.append(.init(record: endpoint.record(bridge: bridge), pid: sandbox.pid))
        }
        known.bindings += sandbox.published
      }
      return known
    }
  }

  private func restore(_ network: NetworkRecord) throws {
    try table.withLock { table in
      if let subnet = IPv4Subnet(network.subnet) {
        _ = try table.ipam.makePool(
          network.id, subnet: subnet, range: network.addresses.first.flatMap { IPv4Subnet($0.range) })
        for text in [network.gateway] + (network.addresses.first?.auxiliary.values.sorted() ?? []) {
          if let address = IPv4Address(text) { _ = try? table.ipam.take(network.id, address) }
        }
      }
      table.insert(network)
    }
  }

  private func restore(_ sandbox: SandboxRecord) {
    table.withLock { table in
      for endpoint in sandbox.endpoints {
        if let address = IPv4Address(endpoint.address) { _ = try? table.ipam.take(endpoint.networkID, address) }
        table.join(endpoint, sandbox.containerID, named: sandbox.name)
      }
      table.put(sandbox)
    }
  }

  private func makePredefined() async throws {
    for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")]
    where table.withLock({ $0[name: name] }) == nil {
      var network = NetworkRecord(
        id: daemon.world.hexID(), name: name, created: daemon.world.unixTime, driver: driver)
      if name == "bridge" {
        network.options = [
          "com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.enable_icc": "true",
          "com.docker.network.bridge.enable_ip_masquerade": "true",
          "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
          "com.docker.network.bridge.name": daemon.configuration.bridgeName,
          "com.docker.network.driver.mtu": "1500",
        ]
        let subnet = daemon.configuration.bridgeSubnet
        if !subnet.isEmpty { network.addresses = [.init(subnet: subnet)] }
      }
      try await make(network)
    }
  }

  // MARK: Making and removing

  /// Allocates a network's addresses, makes its bridge, and keeps it; when something fails nothing stays.
  func make(_ asked: NetworkRecord) async throws {
    let network = try table.withLock { table in
      var network = asked
      network.sequence = table.nextSequence
      if table[name: network.name] != nil {
        throw EngineError(.conflict, "network with name \(network.name) already exists")
      }
      if network.isBridge {
        do { try Self.allocate(&network, &table.ipam) } catch {
          table.ipam.removePool(network.id)
          throw error
        }
        let clash = table.all.first { $0.isBridge && $0.bridgeName == network.bridgeName }
        if let clash {
          table.ipam.removePool(network.id)
          throw EngineError(
            .permissionDenied,
            "cannot create network \(network.id) (\(network.bridgeName)): conflicts with network \(clash.id) "
              + "(\(clash.bridgeName)): networks have same bridge name")
        }
      }
      table.insert(network)
      return network
    }
    do {
      if network.isBridge { try await daemon.network.createBridge(network.bridge) }
      try daemon.store.put(Self.bucket, network.id, network)
    } catch {
      table.withLock { $0.remove(network.id) }
      throw error
    }
  }

  private static func allocate(_ network: inout NetworkRecord, _ ipam: inout IPAM) throws {
    let asked = network.addresses.first ?? .init()
    let subnet = try ipam.makePool(network.id, subnet: IPv4Subnet(asked.subnet), range: IPv4Subnet(asked.range))
    network.subnet = subnet.description
    let gateway: IPv4Address
    do { gateway = try ipam.take(network.id, IPv4Address(asked.gateway)) } catch {
      let reason = (error as? EngineError)?.message ?? "\(error)"
      throw EngineError(.unknown, "failed to allocate gateway (\(asked.gateway)): \(reason)")
    }
    network.gateway = gateway.description
    for (name, text) in asked.auxiliary.sorted(by: { $0.key < $1.key }) {
      do { _ = try ipam.take(network.id, IPv4Address(text)) } catch {
        let reason = (error as? EngineError)?.message ?? "\(error)"
        throw EngineError(.unknown, "failed to allocate secondary ip address (\(name):\(text)): \(reason)")
      }
    }
  }

  /// Removes an unused network.
  func remove(_ network: NetworkRecord) async throws {
    if network.isPredefined {
      throw EngineError(.permissionDenied, "\(network.name) is a pre-defined network and cannot be removed")
    }
    let prefix = "error while removing network: "
    try table.withLock { table in
      guard table[id: network.id] != nil else {
        throw EngineError(.notFound, prefix + "unknown network \(network.name) id \(network.id)")
      }
      if network.isConfigOnly, table.all.contains(where: { $0.configFrom == network.name }) {
        throw EngineError(.permissionDenied, prefix + "configuration network \"\(network.name)\" is in use")
      }
      let endpoints = table.attachments(network.id).map {
        "name:\"\($0.sandbox.name)\" id:\"\(truncatedID($0.endpoint.id))\""
      }
      guard endpoints.isEmpty else {
        throw EngineError(
          .permissionDenied,
          prefix + "network \(network.name) has active endpoints (\(endpoints.joined(separator: ", ")))")
      }
      table.remove(network.id)
    }
    if network.isBridge { try await daemon.network.deleteBridge(network.bridgeName) }
    try daemon.store.remove(Self.bucket, network.id)
    logEvent("destroy", network)
  }

  /// Tells of something that happened to a network.
  func logEvent(_ action: String, _ network: NetworkRecord, container: String? = nil) {
    var attributes = ["name": network.name, "type": network.driver]
    if let container { attributes["container"] = container }
    daemon.events.publish(type: "network", action: action, id: network.id, attributes: attributes)
  }

  /// Decides under the lock.
  func locked<T>(_ body: (inout NetworkTable) throws -> T) throws -> T { try table.withLock { try body(&$0) } }
}
