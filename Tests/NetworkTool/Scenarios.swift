import Glibc
import LinuxNetwork
import Seams

/// What is looked at, each in a namespace of its own. The names are the arguments of the tool.
struct Scenarios: Sendable {
  let checks: Checks

  func run(_ name: String, _ arguments: [String]) async throws {
    // A host is up before an engine starts.
    if name != "build" { _ = try await Program.ip("link set lo up") }
    switch name {
    case "bridges": try await bridges()
    case "endpoints": try await endpoints()
    case "measure": try await measure(arguments.first.flatMap { Int($0) } ?? 50)
    default: throw ToolError("unknown scenario \(name)")
    }
  }

  // MARK: Pieces

  static func bridge(_ number: Int, _ change: (inout BridgeRecord) -> Void = { _ in }) -> BridgeRecord {
    var bridge = BridgeRecord(
      name: "br\(number)", networkID: "network\(number)", subnet: "10.\(number).0.0/16", gateway: "10.\(number).0.1")
    change(&bridge)
    return bridge
  }

  /// The endpoint `host` of network `number`.
  static func endpoint(_ number: Int, _ host: Int, interface: String = "eth0", isGateway: Bool = true) -> EndpointRecord
  {
    func hex(_ byte: Int) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    return EndpointRecord(
      endpointID: "endpoint-\(number)-\(host)", bridge: "br\(number)", vethName: "veth\(number)x\(host)",
      interface: interface, address: "10.\(number).0.\(host)", prefixLength: 16,
      macAddress: "02:42:0a:\(hex(number)):00:\(hex(host))", gateway: isGateway ? "10.\(number).0.1" : "")
  }

  /// Interfaces of the tool's namespace besides lo.
  static func interfaces() async throws -> [String] {
    try await Program.ip("-o link").split(separator: "\n").compactMap { line in
      line.split(separator: " ").dropFirst().first.map { String($0.prefix { $0 != ":" && $0 != "@" }) }
    }.filter { $0 != "lo" }.sorted()
  }

  static func ruleset() async throws -> String { try await Program.nft("list ruleset") }

  // MARK: Bridges

  private func bridges() async throws {
    let network = try LinuxNetwork()
    try await network.reconcile(KnownNetworks())
    checks.equal("an engine that starts makes no interface", try await Self.interfaces(), [])

    _ = try await Program.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"])
    try await network.createBridge(Self.bridge(1) { $0.mtu = 1400 })
    let shown = try await Program.ip("-d address show br1")
    for wanted in ["10.1.0.1/16", "brd 10.1.255.255", "mtu 1400", "bridge", "drydock network network1", ",UP"] {
      checks.expect("the bridge has \(wanted)", shown.contains(wanted), shown)
    }
    checks.expect("the bridge has no IPv6 of its own making", !shown.contains("inet6"), shown)
    let forwarding = try await Program.run(["cat", "/proc/sys/net/ipv4/ip_forward"])
    checks.equal("the host forwards", forwarding, "1\n")
    checks.expect(
      "an engine that made the host a router forwards only what is its own",
      try await Self.ruleset().contains("policy drop"))

    // It is there already: after the engine's restart, or the administrator's.
    try await network.createBridge(Self.bridge(1) { $0.mtu = 1400 })
    _ = try await Program.ip("link add br2 type bridge")
    try await network.createBridge(Self.bridge(2))
    checks.expect(
      "the administrator's bridge gets the address", try await Program.ip("address show br2").contains("10.2.0.1/16"))
    let used = await network.usedSubnets()
    checks.equal("its own networks are not in its way", used, [])
    _ = try await Program.ip("link add other type veth peer name rehto")
    _ = try await Program.ip("address add 10.9.0.1/24 dev other")
    for end in ["other", "rehto"] { _ = try await Program.ip("link set \(end) up") }
    checks.equal("others' networks are", await network.usedSubnets(), ["10.9.0.0/24"])

    await checks.refusal("a name that something else has", "existing interface other is not a bridge") {
      try await network.createBridge(Self.bridge(3) { $0.name = "other" })
    }
    for name in ["", "a/b", "sixteen-letters-", "x\" } ; flush ruleset ; #", "a b"] {
      await checks.refusal("the name '\(name)'", "invalid interface name") {
        try await network.createBridge(Self.bridge(3) { $0.name = name })
      }
    }
    await checks.refusal("a network that is masqueraded already", "nftables: ") {
      try await network.createBridge(Self.bridge(4) { ($0.subnet, $0.gateway) = ("10.1.128.0/17", "10.1.128.1") })
    }
    checks.equal("what was refused leaves nothing", try await Self.interfaces(), ["br1", "br2", "other", "rehto"])

    try await network.deleteBridge("br1")
    try await network.deleteBridge("br2")
    try await network.deleteBridge("br2")
    checks.equal("the administrator's stays", try await Self.interfaces(), ["br2", "other", "rehto"])
    let rules = try await Self.ruleset()
    checks.expect("no rule is left that names them", !rules.contains("br1") && !rules.contains("10.1.0.0"), rules)
  }

  // MARK: Endpoints

  private func endpoints() async throws {
    let network = try LinuxNetwork()
    try await network.reconcile(KnownNetworks())
    try await network.createBridge(Self.bridge(1) { $0.mtu = 1400 })
    try await network.createBridge(Self.bridge(2))
    try await network.createBridge(Self.bridge(3) { $0.icc = false })
    try await network.createBridge(Self.bridge(4) { $0.isInternal = true })
    let (a, b, c) = (try Namespace(), try Namespace(), try Namespace())
    try await network.attach(Self.endpoint(1, 2), pid: a.pid)
    try await network.attach(Self.endpoint(1, 3), pid: b.pid)
    try await network.attach(Self.endpoint(2, 2), pid: c.pid)

    let shown = try await Program.ip("-d address show eth0", in: a)
    for wanted in ["10.1.0.2/16", "brd 10.1.255.255", "02:42:0a:01:00:02", "mtu 1400", "veth", ",UP"] {
      checks.expect("the container's interface has \(wanted)", shown.contains(wanted), shown)
    }
    checks.expect("and no IPv6", !shown.contains("inet6"), shown)
    let routes = try await Program.ip("route", in: a)
    checks.expect("the way out", routes.contains("default via 10.1.0.1 dev eth0"), routes)
    checks.expect("lo is up", try await Program.ip("address show lo", in: a).contains("127.0.0.1"))
    let host = try await Program.ip("-d link show veth1x2")
    for wanted in ["master br1", "drydock endpoint endpoint-1-2", "mtu 1400", ",UP"] {
      checks.expect("the host's end has \(wanted)", host.contains(wanted), host)
    }

    let servers = [try await Traffic.Server(a, 80), try await Traffic.Server(nil, 81), try await Traffic.Server(c, 80)]
    checks.equal("a neighbour", try await Traffic.ask("10.1.0.2", 80, from: b), "10.1.0.3")
    checks.equal("a neighbour by UDP", try await Traffic.ask("10.1.0.2", 80, "udp", from: b), "10.1.0.3")
    checks.equal("the host at the gateway's address", try await Traffic.ask("10.1.0.1", 81, from: b), "10.1.0.3")
    checks.equal("the host reaches the container", try await Traffic.ask("10.1.0.2", 80, from: nil), "10.1.0.1")
    checks.expect("networks are isolated", try await Traffic.isSilent("10.2.0.2", 80, from: a))
    checks.expect("both ways", try await Traffic.isSilent("10.1.0.2", 80, "udp", from: c))

    // Containers that may not talk to each other.
    let (d, e) = (try Namespace(), try Namespace())
    try await network.attach(Self.endpoint(3, 2), pid: d.pid)
    try await network.attach(Self.endpoint(3, 3), pid: e.pid)
    let silent = try await Traffic.Server(d, 80)
    checks.expect("without icc a neighbour is out of reach", try await Traffic.isSilent("10.3.0.2", 80, from: e))
    checks.equal("and the host is not", try await Traffic.ask("10.3.0.1", 81, from: e), "10.3.0.3")

    // A second network while it runs, then the first goes, and the way out with it.
    try await network.attach(Self.endpoint(2, 3, interface: "eth1", isGateway: false), pid: a.pid)
    checks.equal("in two networks", try await Traffic.ask("10.2.0.2", 80, from: a), "10.2.0.3")
    try await network.setDefaultRoute("10.2.0.1", pid: a.pid)
    let changed = try await Program.ip("route", in: a)
    checks.expect(
      "the way out has changed",
      changed.contains("default via 10.2.0.1 dev eth1") && !changed.contains("via 10.1.0.1"), changed)
    try await network.detach(Self.endpoint(1, 2), pid: a.pid)
    checks.expect(
      "the interface is gone from the container",
      !(try await Program.ip("-o link", in: a).contains("eth0")))
    try await network.attach(Self.endpoint(1, 2), pid: a.pid)
    checks.expect(
      "the way out is back", try await Program.ip("route", in: a).contains("default via 10.1.0.1 dev eth0"))

    // The address of one that has gone is another's at once, and who knew the one reaches the other.
    let f = try Namespace()
    checks.equal("known", try await Traffic.ask("10.1.0.2", 80, from: b), "10.1.0.3")
    a.end()
    for endpoint in [Self.endpoint(1, 2), Self.endpoint(2, 3)] { try await network.detach(endpoint, pid: a.pid) }
    var heir = Self.endpoint(1, 2)
    (heir.vethName, heir.macAddress) = ("vethheir", "02:42:0a:01:00:99")
    try await network.attach(heir, pid: f.pid)
    let inherited = try await Traffic.Server(f, 80)
    checks.equal("the heir, from a neighbour", try await Traffic.ask("10.1.0.2", 80, from: b), "10.1.0.3")
    checks.equal("the heir, from the host", try await Traffic.ask("10.1.0.2", 80, from: nil), "10.1.0.1")

    await checks.refusal("an interface that is there", "file exists") {
      try await network.attach(Self.endpoint(1, 9), pid: f.pid)
    }
    await checks.refusal("a process that is not", "no such process") {
      try await network.attach(Self.endpoint(1, 9), pid: 4_000_000)
    }
    await checks.refusal("the host itself", "is in the host's network namespace") {
      try await network.attach(Self.endpoint(1, 9), pid: Int(getpid()))
    }
    await checks.refusal("no bridge", "no such device (bridge br9)") {
      try await network.attach(Self.endpoint(9, 9), pid: f.pid)
    }
    checks.expect(
      "what was refused leaves nothing", try await !Self.interfaces().contains { $0.hasSuffix("x9") })

    for server in servers + [silent, inherited] { server.stop() }
    for (endpoint, namespace) in [
      (heir, f), (Self.endpoint(1, 3), b), (Self.endpoint(2, 2), c), (Self.endpoint(3, 2), d), (Self.endpoint(3, 3), e),
    ] {
      try await network.detach(endpoint, pid: namespace.pid)
      try await network.detach(endpoint, pid: namespace.pid)
    }
    for number in 1...4 { try await network.deleteBridge("br\(number)") }
    await network.drain()
    checks.equal("nothing is left", try await Self.interfaces(), [])
  }

  // MARK: Time

  private func measure(_ rounds: Int) async throws {
    let network = try LinuxNetwork()
    try await network.reconcile(KnownNetworks())
    try await network.createBridge(Self.bridge(1))
    var times: [String: [Double]] = [:]
    func timed(_ what: String, _ body: () async throws -> Void) async throws {
      let clock = ContinuousClock()
      let began = clock.now
      try await body()
      let taken = clock.now - began
      times[what, default: []].append(
        Double(taken.components.attoseconds) / 1e15 + Double(taken.components.seconds) * 1e3)
    }
    for _ in 0..<rounds {
      let container = try Namespace()
      var binding = PortBinding(
        proto: "tcp", hostIP: "0.0.0.0", hostPort: 0, containerIP: "10.1.0.2", containerPort: 80)
      try await timed("all of a start") {
        try await timed("attach") { try await network.attach(Self.endpoint(1, 2), pid: container.pid) }
        try await timed("publish") { binding = try await network.publish(binding) }
      }
      try await timed("serve DNS") { try await network.serveDNS(pid: container.pid) { _ in nil } }
      await network.stopDNS(pid: container.pid)
      try await timed("unpublish") { try await network.unpublish(binding) }
      container.end()
      try await timed("detach") { try await network.detach(Self.endpoint(1, 2), pid: container.pid) }
      await network.drain()
    }
    for (what, all) in times.sorted(by: { $0.key < $1.key }) {
      let sorted = all.sorted()
      func text(_ value: Double) -> String { "\(Double(Int(value * 1000)) / 1000) ms" }
      print("\(what): p50 \(text(sorted[sorted.count / 2])), p95 \(text(sorted[sorted.count * 95 / 100]))")
    }
  }
}
