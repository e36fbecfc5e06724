import JSONTree
import Seams

/// One container's place in one network: what was asked, what it gets, what is refused.
extension NetworkService {
  /// Takes an address and the names of a new endpoint; nothing of the host has been touched.
  func reserve(_ network: NetworkRecord, _ settings: JSON, for sandbox: SandboxRecord, isGateway: Bool) throws
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
      table.withLock { $0.join(endpoint, sandbox.containerID, named: sandbox.name) }
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
      if table.hasMember(sandbox.name, in: network.id) {
        throw EngineError(
          .permissionDenied, "endpoint with name \(sandbox.name) already exists in network \(network.name)")
      }
      endpoint.address = try table.ipam.take(network.id, wanted).description
      table.join(endpoint, sandbox.containerID, named: sandbox.name)
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

  func attach(_ endpoint: EndpointState, pid: Int) async throws {
    guard !endpoint.address.isEmpty, let bridge = bridgeName(endpoint.networkID) else { return }
    try await daemon.network.attach(endpoint.record(bridge: bridge), pid: pid)
  }

  func bridgeName(_ networkID: String) -> String? {
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
}
