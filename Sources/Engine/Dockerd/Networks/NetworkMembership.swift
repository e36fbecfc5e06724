import JSONTree
import Seams

/// Containers that join and leave networks (`docker network connect`, `disconnect`).
extension NetworkService {
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
    let gateway = record.endpoints.first(where: \.isGateway)
    let takesOver =
      new.isBridge && !new.isInternal
      && gateway.map { Self.isPreferred((settings, new.name), over: ($0.settings, $0.networkName)) } ?? true
    let endpoint = try reserve(new, settings, for: record, isGateway: takesOver)
    let before = record
    do {
      try await attach(endpoint, pid: record.pid)
      if takesOver { for index in record.endpoints.indices { record.endpoints[index].isGateway = false } }
      record.endpoints.append(endpoint)
      table.withLock { [record] in $0.put(record) }
      if endpoint.dnsNames != nil, !record.servesDNS {
        try await serveDNS(record)
        record.servesDNS = true
      }
      // Published ports lead to where the way out is.
      if takesOver { try await movePorts(&record) }
      table.withLock { [record] in $0.put(record) }
      try daemon.store.put(Self.sandboxBucket, record.containerID, record)
    } catch {
      if record.servesDNS, !before.servesDNS { await daemon.network.stopDNS(pid: record.pid) }
      try? await daemon.network.detach(endpoint.record(bridge: new.bridgeName), pid: record.pid)
      if takesOver, let gateway {
        try? await daemon.network.setDefaultRoute(gateway.gateway, pid: record.pid)
        for binding in record.published { try? await daemon.network.unpublish(binding) }
        for binding in before.published { _ = try? await daemon.network.publish(binding) }
      }
      table.withLock { table in
        table.leave(endpoint, record.containerID)
        table.put(before)
      }
      throw error
    }
    logEvent("connect", endpoint, record.containerID)
    return record.state
  }

  /// Publishes a sandbox's ports anew, at the endpoint that is the way out now.
  private func movePorts(_ record: inout SandboxRecord) async throws {
    let old = record.published
    record.published = []
    for binding in old.reversed() { try await daemon.network.unpublish(binding) }
    try await publishPorts(&record, keeping: old)
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
    if !endpoint.address.isEmpty {
      do { try await daemon.network.detach(endpoint.record(bridge: old.bridgeName), pid: record.pid) } catch {
        let reason = (error as? EngineError)?.message ?? "\(error)"
        if !force {
          throw EngineError(
            .unknown, "container \(containerID) failed to leave network \(old.name): \(reason)")
        }
      }
    }
    if endpoint.isGateway {
      let next = record.endpoints.indices.filter { !record.endpoints[$0].gateway.isEmpty }.min { a, b in
        let (a, b) = (record.endpoints[a], record.endpoints[b])
        return Self.isPreferred((a.settings, a.networkName), over: (b.settings, b.networkName))
      }
      if let next {
        record.endpoints[next].isGateway = true
        try await daemon.network.setDefaultRoute(record.endpoints[next].gateway, pid: record.pid)
      }
      try await movePorts(&record)
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
