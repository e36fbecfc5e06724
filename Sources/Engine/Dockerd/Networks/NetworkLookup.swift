import JSONTree
import Seams

extension NetworkService {
  public func networkName(_ nameOrID: String) async throws -> (id: String, name: String) {
    let network = try locked { try $0.find(nameOrID) }
    return (network.id, network.name)
  }

  public func check(_ names: [String]) async throws {
    for name in names where !name.hasPrefix("container:") && !name.isEmpty { _ = try locked { try $0.find(name) } }
  }

  public func state(_ containerID: String) async -> SandboxState? {
    table.withLock { $0.sandboxes[containerID]?.state }
  }

  // MARK: Starting a container

  public func connect(_ sandbox: NetworkSandbox) async throws -> SandboxState {
    var record = SandboxRecord(
      containerID: sandbox.containerID, name: sandbox.name, hostname: sandbox.hostname, id: daemon.world.hexID(),
      pid: sandbox.pid, portBindings: sandbox.portBindings, exposedPorts: sandbox.exposedPorts,
      publishAll: sandbox.publishAll)
    if sandbox.mode.hasPrefix("container:") {
      try await checkDonor(String(sandbox.mode.dropFirst(10)), for: sandbox.containerID)
      return SandboxState(sandboxID: "", networks: [:], ports: [:], primaryAddress: "")
    }
    // A sandbox that a crash left behind goes first.
    await release(sandbox.containerID)

    var asked = try plan(sandbox)
    let gateway = try gatewayIndex(asked)
    do {
      // The container's own network first: it becomes eth0.
      for index in asked.indices {
        let endpoint = try reserve(
          asked[index].network, asked[index].settings, for: record, isGateway: index == gateway)
        record.endpoints.append(endpoint)
        asked[index].endpointID = endpoint.id
      }
      table.withLock { [record] in $0.put(record) }
      for endpoint in record.endpoints { try await attach(endpoint, pid: record.pid) }
      try await publishPorts(&record)
      if record.endpoints.contains(where: { $0.dnsNames != nil }) {
        try await serveDNS(record)
        record.servesDNS = true
      }
      table.withLock { [record] in $0.put(record) }
      try daemon.store.put(Self.sandboxBucket, record.containerID, record)
    } catch {
      await undo(record)
      throw error
    }
    for endpoint in record.endpoints { logEvent("connect", endpoint, record.containerID) }
    return record.state
  }

  /// Whose network namespace is shared must run.
  private func checkDonor(_ name: String, for containerID: String) async throws {
    let donor: ContainerSummary
    do { donor = try await daemon.containers.find(name) } catch {
      let reason = (error as? EngineError)?.message ?? "\(error)"
      throw EngineError(.unknown, "joining network namespace of container: \(reason)")
    }
    guard donor.id != containerID else { throw EngineError(.unknown, "cannot join own network namespace") }
    if donor.state == "restarting" {
      throw EngineError(
        .conflict,
        "cannot join network namespace of container: container \(name) is restarting, wait until the container is running"
      )
    }
    guard donor.state == "running" || donor.state == "paused" else {
      throw EngineError(
        .conflict,
        "cannot join network namespace of a non running container: container \(donor.name) is \(donor.state)")
    }
  }

  private struct Asked {
    var network: NetworkRecord
    var settings: JSON
    var endpointID = ""
  }

  /// The networks asked for, the one of the mode first; what cannot be had together is refused.
  private func plan(_ sandbox: NetworkSandbox) throws -> [Asked] {
    let mode = sandbox.mode.isEmpty || sandbox.mode == "default" ? "bridge" : sandbox.mode
    return try locked { table in
      let own = try table.find(mode)
      var asked: [Asked] = []
      for (name, settings) in sandbox.endpoints {
        let network = try table.find(name)
        if !asked.contains(where: { $0.network.id == network.id }) {
          asked.append(Asked(network: network, settings: settings))
        }
      }
      if let index = asked.firstIndex(where: { $0.network.id == own.id }) {
        asked.insert(asked.remove(at: index), at: 0)
      } else if asked.isEmpty || own.driver != "bridge" {
        asked.insert(Asked(network: own, settings: [:]), at: 0)
      }
      for other in asked.dropFirst() { try Self.checkTogether(other.network, with: asked[0].network, mode: mode) }
      return asked
    }
  }

  private static func checkTogether(_ new: NetworkRecord, with old: NetworkRecord, mode: String) throws {
    if mode != "host", new.driver == "host" {
      throw EngineError(
        .invalidArgument,
        "cannot connect container to host network - container must be created in host network mode")
    }
    if new.driver == "host" || old.driver == "host" {
      throw EngineError(
        .invalidArgument,
        "container sharing network namespace with another container or host cannot be connected to any other network")
    }
    if new.driver == "null" || old.driver == "null" {
      throw EngineError(
        .invalidArgument,
        "container cannot be connected to multiple networks with one of the networks in private (none) mode")
    }
  }

  /// The endpoint that the default route goes through: the highest `GwPriority`, then the first by the network's name.
  private func gatewayIndex(_ asked: [Asked]) throws -> Int? {
    asked.indices.filter { asked[$0].network.isBridge && !asked[$0].network.isInternal }.min { a, b in
      let priorities = (asked[a].settings["GwPriority"]?.int ?? 0, asked[b].settings["GwPriority"]?.int ?? 0)
      return priorities.0 != priorities.1
        ? priorities.0 > priorities.1 : asked[a].network.name < asked[b].network.name
    }
  }

  // MARK: Endpoints

  /// Takes an address and the names of a new endpoint; nothing of the host has been touched.
  private func reserve(_ network: NetworkRecord, _ settings: JSON, for sandbox: SandboxRecord, isGateway: Bool) throws
    -> EndpointState
  {
    if network.isConfigOnly {
      throw EngineError(.permissionDenied, "cannot create endpoint on configuration-only network")
    }
    try Self.validate(settings, network)
    var endpoint = EndpointState(
      networkID: network.id, networkName: network.name, id: daemon.world.hexID(), settings: settings)
    if network.hasDNS { endpoint.dnsNames = Self.dnsNames(sandbox, settings) }
    guard network.isBridge else {
      table.withLock { $0.join(endpoint, sandbox.containerID) }
      return endpoint
    }
    let mac = settings["MacAddress"]?.string ?? ""
    endpoint.macAddress = mac.isEmpty ? randomMAC() : mac.lowercased()
    endpoint.veth = "veth" + daemon.world.hexID(7)
    endpoint.gateway = network.isInternal ? "" : network.gateway
    endpoint.isGateway = isGateway
    endpoint.interface =
      settings["DriverOpts"]?["com.docker.network.endpoint.ifname"]?.string
      ?? "eth\(Self.freeInterface(sandbox.endpoints))"
    endpoint.prefixLength = IPv4Subnet(network.subnet)?.bits ?? 0
    let wanted = (settings["IPAMConfig"]?["IPv4Address"]?.string).flatMap { IPv4Address($0) }
    return try locked { table in
      guard table[id: network.id] != nil else {
        throw EngineError(.notFound, "network \(network.name) not found")
      }
      if table.attachments(network.id).contains(where: { $0.sandbox.name == sandbox.name }) {
        throw EngineError(
          .permissionDenied, "endpoint with name \(sandbox.name) already exists in network \(network.name)")
      }
      endpoint.address = try table.ipam.take(network.id, wanted).description
      table.join(endpoint, sandbox.containerID)
      return endpoint
    }
  }

  private static func freeInterface(_ endpoints: [EndpointState]) -> Int {
    let used = Set(endpoints.map(\.interface))
    return (0...endpoints.count).first { !used.contains("eth\($0)") } ?? endpoints.count
  }

  /// Random, locally administered, unicast (libnetwork's GenerateRandomMAC).
  private func randomMAC() -> String {
    var bytes = daemon.world.randomBytes(6)
    bytes[0] = bytes[0] & 0xfe | 0x02
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }

  /// The container's name, its aliases, its short id, its hostname.
  static func dnsNames(_ sandbox: SandboxRecord, _ settings: JSON) -> [String] {
    var names: [String] = []
    let wanted =
      [sandbox.name] + (settings["Aliases"]?.strings ?? []) + [truncatedID(sandbox.containerID), sandbox.hostname]
    for name in wanted where !name.isEmpty && !names.contains(name) { names.append(name) }
    return names
  }

  /// moby's checks of `EndpointSettings`.
  static func validate(_ settings: JSON, _ network: NetworkRecord) throws {
    var faults: [String] = []
    let address = settings["IPAMConfig"]?["IPv4Address"]?.string ?? ""
    if network.isPredefined {
      if !address.isEmpty {
        faults.append("user-specified IP address is supported on user-defined networks only")
      }
      if !(settings["Aliases"]?.array ?? []).isEmpty {
        faults.append("network-scoped aliases are only supported for user-defined networks")
      }
    }
    if !address.isEmpty {
      if let parsed = IPv4Address(address), parsed.value != 0 {
        if !(IPv4Subnet(network.subnet)?.contains(parsed) ?? false) {
          faults.append("no configured subnet contains IP address \(address)")
        }
      } else {
        faults.append("invalid IPv4 address: \(address)")
      }
    }
    if !faults.isEmpty { throw EngineError(.invalidArgument, "invalid endpoint settings:\n" + joined(faults)) }
    let mac = settings["MacAddress"]?.string ?? ""
    if !mac.isEmpty, !isMAC(mac) {
      throw EngineError(.invalidArgument, "invalid MAC address: \(mac)")
    }
  }

  private static func isMAC(_ text: String) -> Bool {
    let parts = text.split(separator: text.contains("-") ? "-" : ":", omittingEmptySubsequences: false)
    return parts.count == 6 && parts.allSatisfy { $0.utf8.count == 2 && UInt8($0, radix: 16) != nil }
  }

  private func attach(_ endpoint: EndpointState, pid: Int) async throws {
    guard !endpoint.address.isEmpty, let bridge = bridgeName(endpoint.networkID) else { return }
    try await daemon.network.attach(endpoint.record(bridge: bridge), pid: pid)
  }

  private func bridgeName(_ networkID: String) -> String? {
    table.withLock { $0[id: networkID].map(\.bridgeName) }
  }

  func serveDNS(_ sandbox: SandboxRecord) async throws {
    let container = sandbox.containerID
    try await daemon.network.serveDNS(pid: sandbox.pid) { [self] name in
      table.withLock { $0.resolve(name, for: container) }
    }
  }

  func logEvent(_ action: String, _ endpoint: EndpointState, _ container: String) {
    guard let network = table.withLock({ $0[id: endpoint.networkID] }) else { return }
    logEvent(action, network, container: container)
  }

  // MARK: Ending a container

  public func release(_ containerID: String) async {
    guard let sandbox = table.withLock({ $0.sandboxes[containerID] }) else { return }
    await undo(sandbox)
    try? daemon.store.remove(Self.sandboxBucket, containerID)
    for endpoint in sandbox.endpoints { logEvent("disconnect", endpoint, containerID) }
  }

  /// Gives back what a sandbox holds, in the reverse order of taking.
  private func undo(_ sandbox: SandboxRecord) async {
    if sandbox.servesDNS { await daemon.network.stopDNS(pid: sandbox.pid) }
    for binding in sandbox.published.reversed() { try? await daemon.network.unpublish(binding) }
    for endpoint in sandbox.endpoints.reversed() where !endpoint.address.isEmpty {
      guard let bridge = bridgeName(endpoint.networkID) else { continue }
      try? await daemon.network.detach(endpoint.record(bridge: bridge), pid: sandbox.pid)
    }
    table.withLock { table in
      for endpoint in sandbox.endpoints { table.leave(endpoint, sandbox.containerID) }
      _ = table.removeSandbox(sandbox.containerID)
    }
  }

  // MARK: Joining and leaving one network

  public func connect(_ sandbox: NetworkSandbox, network: String, settings: JSON) async throws -> SandboxState {
    if sandbox.mode.hasPrefix("container:") {
      throw EngineError(
        .invalidArgument,
        "container sharing network namespace with another container or host cannot be connected to any other network")
    }
    let new = try locked { try $0.find(network) }
    guard sandbox.pid > 0 else { return try configure(sandbox, new, settings) }
    guard var record = table.withLock({ $0.sandboxes[sandbox.containerID] }) else {
      throw EngineError(.notFound, "network sandbox for container \(sandbox.containerID) not found")
    }
    for endpoint in record.endpoints {
      guard let old = table.withLock({ $0[id: endpoint.networkID] }) else { continue }
      if old.id == new.id {
        throw EngineError(
          .permissionDenied, "endpoint with name \(record.name) already exists in network \(new.name)")
      }
      try Self.checkTogether(new, with: old, mode: sandbox.mode)
    }
    let hasGateway = record.endpoints.contains(where: \.isGateway)
    let endpoint = try reserve(new, settings, for: record, isGateway: !hasGateway && !new.isInternal)
    do { try await attach(endpoint, pid: record.pid) } catch {
      table.withLock { $0.leave(endpoint, record.containerID) }
      throw error
    }
    let before = record
    record.endpoints.append(endpoint)
    table.withLock { [record] in $0.put(record) }
    do {
      if endpoint.dnsNames != nil, !record.servesDNS {
        try await serveDNS(record)
        record.servesDNS = true
      }
      // Ports were waiting for a network that has a way out.
      if endpoint.isGateway { try await publishPorts(&record) }
      table.withLock { [record] in $0.put(record) }
      try daemon.store.put(Self.sandboxBucket, record.containerID, record)
    } catch {
      if record.servesDNS, !before.servesDNS { await daemon.network.stopDNS(pid: record.pid) }
      try? await daemon.network.detach(endpoint.record(bridge: new.bridgeName), pid: record.pid)
      table.withLock { table in
        table.leave(endpoint, record.containerID)
        table.put(before)
      }
      throw error
    }
    logEvent("connect", endpoint, record.containerID)
    return record.state
  }

  /// Writes a network down for a container that does not run.
  private func configure(_ sandbox: NetworkSandbox, _ new: NetworkRecord, _ settings: JSON) throws -> SandboxState {
    try Self.validate(settings, new)
    let record = SandboxRecord(
      containerID: sandbox.containerID, name: sandbox.name, hostname: sandbox.hostname, id: "", pid: 0)
    var networks = try configured(sandbox)
    for name in networks.keys {
      guard let old = table.withLock({ $0[name: name] }), old.id != new.id else { continue }
      try Self.checkTogether(new, with: old, mode: sandbox.mode)
    }
    if networks[new.name] == nil {
      networks[new.name] = .object(
        EndpointState.configured(
          settings, networkID: new.id, dnsNames: new.hasDNS ? Self.dnsNames(record, settings) : nil))
    }
    return SandboxState(sandboxID: "", networks: networks, ports: [:], primaryAddress: "")
  }

  /// The networks that are written down for a container that does not run, by name.
  private func configured(_ sandbox: NetworkSandbox) throws -> JSONObject {
    var networks: JSONObject = [:]
    for (name, settings) in sandbox.endpoints {
      let network = try? locked { try $0.find(name) }
      networks[network?.name ?? name] = .object(
        EndpointState.configured(
          settings, networkID: network?.id ?? "", dnsNames: settings["DNSNames"]?.strings))
    }
    return networks
  }

  public func disconnect(_ containerID: String, network: String, force: Bool) async throws -> SandboxState {
    let found = try? locked { try $0.find(network) }
    guard var record = table.withLock({ $0.sandboxes[containerID] }) else {
      let sandbox = try await daemon.containers.sandbox(containerID)
      var networks = try configured(sandbox)
      let name = found?.name ?? network
      guard networks[name] != nil else {
        throw EngineError(.unknown, "container \(sandbox.containerID) is not connected to the network \(name)")
      }
      networks[name] = nil
      return SandboxState(sandboxID: "", networks: networks, ports: [:], primaryAddress: "")
    }
    let old = try found ?? locked { try $0.find(network) }
    if old.driver == "host" {
      throw EngineError(
        .invalidArgument,
        "cannot disconnect container from host network - container was created in host network mode")
    }
    guard let index = record.endpoints.firstIndex(where: { $0.networkID == old.id }) else {
      throw EngineError(.unknown, "container \(containerID) is not connected to network \(old.name)")
    }
    let endpoint = record.endpoints.remove(at: index)
    if endpoint.isGateway {
      for binding in record.published.reversed() { try? await daemon.network.unpublish(binding) }
      record.published = []
    }
    if !endpoint.address.isEmpty {
      do { try await daemon.network.detach(endpoint.record(bridge: old.bridgeName), pid: record.pid) } catch {
        let reason = (error as? EngineError)?.message ?? "\(error)"
        if !force {
          throw EngineError(
            .unknown, "container \(containerID) failed to leave network \(old.name): \(reason)")
        }
      }
    }
    if record.servesDNS, !record.endpoints.contains(where: { $0.dnsNames != nil }) {
      await daemon.network.stopDNS(pid: record.pid)
      record.servesDNS = false
    }
    table.withLock { [record] table in
      table.leave(endpoint, containerID)
      table.put(record)
    }
    try daemon.store.put(Self.sandboxBucket, containerID, record)
    logEvent("disconnect", endpoint, containerID)
    return record.state
  }

  // MARK: Requests

  /// `POST /networks/{id}/connect`.
  func connectResponse(_ request: APIRequest) async throws -> APIResponse {
    let sandbox = try await daemon.containers.sandbox(request.body?["Container"]?.string ?? "")
    let settings = request.body?["EndpointConfig"] ?? [:]
    let state = try await connect(
      sandbox, network: request.parameters["id"] ?? "", settings: settings.isNull ? [:] : settings)
    await daemon.containers.networksChanged(sandbox.containerID, state)
    return APIResponse(200)
  }

  /// `POST /networks/{id}/disconnect`.
  func disconnectResponse(_ request: APIRequest) async throws -> APIResponse {
    let sandbox = try await daemon.containers.sandbox(request.body?["Container"]?.string ?? "")
    let state = try await disconnect(
      sandbox.containerID, network: request.parameters["id"] ?? "", force: request.body?["Force"]?.bool ?? false)
    await daemon.containers.networksChanged(sandbox.containerID, state)
    return APIResponse(200)
  }
}
