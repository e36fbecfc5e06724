import JSONTree
import Seams

/// Everything that the network service knows; changed only under its lock.
struct NetworkTable: Sendable {
  /// In the order of creation.
  private(set) var order: [String] = []
  private var networks: [String: NetworkRecord] = [:]
  private var byName: [String: String] = [:]
  var ipam = IPAM()
  private(set) var sandboxes: [String: SandboxRecord] = [:]
  /// By network and container: when it joined, and its name.
  private var members: [String: [String: (order: Int, name: String)]] = [:]
  private var memberNames: [String: Set<String>] = [:]
  private var joined = 0
  /// Addresses by lower-case name, by network.
  private var names: [String: [String: [String]]] = [:]

  // MARK: Networks

  var all: [NetworkRecord] { order.compactMap { networks[$0] } }
  subscript(id id: String) -> NetworkRecord? { networks[id] }
  subscript(name name: String) -> NetworkRecord? { byName[name].flatMap { networks[$0] } }

  /// The place in the order of creation that the next network takes.
  var nextSequence: Int { (order.last.flatMap { networks[$0]?.sequence } ?? 0) + 1 }

  mutating func insert(_ network: NetworkRecord) {
    if networks[network.id] == nil { order.append(network.id) }
    networks[network.id] = network
    byName[network.name] = network.id
  }

  mutating func remove(_ id: String) {
    guard let network = networks.removeValue(forKey: id) else { return }
    order.removeAll { $0 == id }
    byName[network.name] = nil
    ipam.removePool(id)
    members[id] = nil
    memberNames[id] = nil
    names[id] = nil
  }

  /// By id, by name, by the beginning of an id (moby's FindNetwork).
  func find(_ term: String) throws -> NetworkRecord {
    if let network = networks[term] ?? self[name: term == "default" ? "bridge" : term] { return network }
    let matches = term.isEmpty ? [] : order.filter { $0.hasPrefix(term) }
    if matches.count > 1 {
      throw EngineError(
        .invalidArgument, "network \(term) is ambiguous (\(matches.count) matches found on ID prefix)")
    }
    guard let id = matches.first, let network = networks[id] else {
      throw EngineError(.notFound, "network \(term) not found")
    }
    return network
  }

  // MARK: Sandboxes

  /// The containers in a network with their endpoints, in the order of joining.
  func attachments(_ network: String) -> [(sandbox: SandboxRecord, endpoint: EndpointState)] {
    (members[network] ?? [:]).sorted { $0.value.order < $1.value.order }.compactMap { container, _ in
      guard let sandbox = sandboxes[container],
        let endpoint = sandbox.endpoints.first(where: { $0.networkID == network })
      else { return nil }
      return (sandbox, endpoint)
    }
  }
  func isUsed(_ network: String) -> Bool { !(members[network] ?? [:]).isEmpty }
  /// Whether a container of that name is in a network.
  func hasMember(_ name: String, in network: String) -> Bool { memberNames[network]?.contains(name) ?? false }

  mutating func put(_ sandbox: SandboxRecord) { sandboxes[sandbox.containerID] = sandbox }

  mutating func join(_ endpoint: EndpointState, _ container: String, named name: String) {
    joined += 1
    members[endpoint.networkID, default: [:]][container] = (joined, name)
    memberNames[endpoint.networkID, default: []].insert(name)
    for name in endpoint.dnsNames ?? [] where !endpoint.address.isEmpty {
      names[endpoint.networkID, default: [:]][name.lowercased(), default: []].append(endpoint.address)
    }
  }

  mutating func leave(_ endpoint: EndpointState, _ container: String) {
    if let member = members[endpoint.networkID]?.removeValue(forKey: container) {
      memberNames[endpoint.networkID]?.remove(member.name)
    }
    for name in endpoint.dnsNames ?? [] {
      let key = name.lowercased()
      guard let index = names[endpoint.networkID]?[key]?.firstIndex(of: endpoint.address) else { continue }
      names[endpoint.networkID]?[key]?.remove(at: index)
      if names[endpoint.networkID]?[key]?.isEmpty ?? false { names[endpoint.networkID]?[key] = nil }
    }
    if let address = IPv4Address(endpoint.address) { ipam.release(endpoint.networkID, address) }
  }

  mutating func removeSandbox(_ container: String) -> SandboxRecord? { sandboxes.removeValue(forKey: container) }

  /// The addresses that `name` has for a container: `web`, an alias, a short id, a link of its own, or `web.frontend`
  /// with the network's name behind; nil when its networks know none.
  func resolve(_ name: String, for container: String) -> [String]? {
    guard let sandbox = sandboxes[container] else { return nil }
    var name = name.lowercased()
    if name.last == "." { name.removeLast() }
    for endpoint in sandbox.endpoints where endpoint.dnsNames != nil {
      if let addresses = names[endpoint.networkID]?[Self.target(of: name, endpoint)] { return addresses }
    }
    for endpoint in sandbox.endpoints where endpoint.dnsNames != nil {
      let suffix = "." + endpoint.networkName.lowercased()
      guard name.hasSuffix(suffix) else { continue }
      let short = Self.target(of: String(name.dropLast(suffix.count)), endpoint)
      if let addresses = names[endpoint.networkID]?[short] { return addresses }
    }
    return nil
  }

  /// What `name` is a link to (`Links`: `db:database`), else itself.
  private static func target(of name: String, _ endpoint: EndpointState) -> String {
    for link in endpoint.settings["Links"]?.strings ?? [] {
      let parts = link.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[1].lowercased() == name { return parts[0].lowercased() }
    }
    return name
  }
}
