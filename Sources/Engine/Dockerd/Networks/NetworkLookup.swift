import JSONTree
import Seams

/// A container's networks from its start to its end.
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
    let gateway = gatewayIndex(asked)
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

  static func checkTogether(_ new: NetworkRecord, with old: NetworkRecord, mode: String) throws {
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

  /// The network that the default route goes through.
  private func gatewayIndex(_ asked: [Asked]) -> Int? {
    asked.indices.filter { asked[$0].network.isBridge && !asked[$0].network.isInternal }.min { a, b in
      Self.isPreferred(
        (asked[a].settings, asked[a].network.name), over: (asked[b].settings, asked[b].network.name))
    }
  }

  /// Whether the default route goes through the one network rather than the other: by `GwPriority`, then by name.
  static func isPreferred(_ a: (settings: JSON, name: String), over b: (settings: JSON, name: String)) -> Bool {
    let (x, y) = (a.settings["GwPriority"]?.int ?? 0, b.settings["GwPriority"]?.int ?? 0)
    return x != y ? x > y : a.name < b.name
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
}
