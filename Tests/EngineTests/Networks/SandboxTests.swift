import JSONTree
import Seams
import Testing

@testable import Engine

@Suite struct SandboxTests {
  private func docker(_ networks: [JSON] = []) async throws -> DockerdFixture {
    let docker = try await DockerdFixture()
    for body in networks { _ = try await docker.send("POST", "/networks/create", body: body) }
    docker.host.clearOperations()
    return docker
  }

  private func sandbox(
    _ name: String, mode: String = "default", pid: Int = 100, _ endpoints: [(String, JSON)] = [],
    ports: JSON = [:], exposed: [String] = [], publishAll: Bool = false
  ) -> NetworkSandbox {
    let id = String((name + String(repeating: "0", count: 64)).prefix(64))
    return NetworkSandbox(
      containerID: id, name: name, hostname: String(id.prefix(12)), pid: pid, mode: mode,
      endpoints: endpoints.map { (network: $0.0, settings: $0.1) }, portBindings: ports, exposedPorts: exposed,
      publishAll: publishAll)
  }

  private func ports(_ docker: DockerdFixture, _ ports: JSON, exposed: [String] = [], publishAll: Bool = false)
    async throws -> JSONObject
  {
    try await docker.networks.connect(sandbox("web", ports: ports, exposed: exposed, publishAll: publishAll)).ports
  }

  @Test func theDefaultNetworkGivesTheNextAddressAndNoNames() async throws {
    let docker = try await docker()
    // As the client sends it: NetworkMode and EndpointsConfig say "default".
    let state = try await docker.networks.connect(sandbox("web", [("default", [:])]))
    let bridge = try #require(state.networks["bridge"])
    #expect(state.networks.keys == ["bridge"])
    #expect(bridge["IPAddress"] == "172.17.0.2")
    #expect(bridge["IPPrefixLen"] == 16)
    #expect(bridge["Gateway"] == "172.17.0.1")
    #expect(bridge["DNSNames"] == .null)
    #expect(state.primaryAddress == "172.17.0.2")
    #expect(docker.host.operations == ["attach eth0 172.17.0.2/16 via 172.17.0.1"])
    #expect(try await docker.networks.connect(sandbox("db", pid: 101)).primaryAddress == "172.17.0.3")
    let containers = try await docker.send("GET", "/networks/{id}", ["id": "bridge"]).json["Containers"]
    #expect(containers?.object?.members.map { $0.value["IPv4Address"] } == ["172.17.0.2/16", "172.17.0.3/16"])
  }

  @Test func aMACAddressIsLocalAndUnicastOrAsAskedFor() async throws {
    let docker = try await docker()
    let state = try await docker.networks.connect(sandbox("web"))
    let mac = try #require(state.networks["bridge"]?["MacAddress"]?.string)
    let first = try #require(UInt8(mac.prefix(2), radix: 16))
    #expect(mac.count == 17)
    #expect(first & 3 == 2)
    let asked = try await docker.networks.connect(
      sandbox("db", pid: 101, [("bridge", ["MacAddress": "02:42:AC:11:00:09"])]))
    #expect(asked.networks["bridge"]?["MacAddress"] == "02:42:ac:11:00:09")
  }

  @Test func everythingIsGivenBackAtTheEnd() async throws {
    let docker = try await docker([["Name": "n1"]])
    let web = sandbox("web", mode: "n1", ports: ["80/tcp": [["HostPort": "8080"]]])
    _ = try await docker.networks.connect(web)
    #expect(docker.host.takenPorts == ["0.0.0.0:8080/tcp"])
    await docker.networks.release(web.containerID)
    #expect(docker.host.takenPorts == [])
    #expect(docker.host.operations.last == "detach eth0")
    #expect(docker.host.resolve("web", pid: 100) == nil)
    #expect(await docker.networks.state(web.containerID) == nil)
    #expect(try await docker.networks.connect(web).primaryAddress == "172.18.0.2")
    #expect(docker.store.load(NetworkService.sandboxBucket).count == 1)
  }

  @Test(arguments: ["attach", "publish", "dns+"])
  func whatTheHostRefusesLeavesNothing(_ operation: String) async throws {
    let docker = try await docker([["Name": "n1"]])
    docker.host.refuse(operation)
    let web = sandbox("web", mode: "n1", ports: ["80/tcp": [["HostPort": "8080"]]])
    await #expect(throws: EngineError.self) { try await docker.networks.connect(web) }
    docker.host.refuse(nil)
    #expect(docker.host.takenPorts == [])
    #expect(await docker.networks.state(web.containerID) == nil)
    #expect(docker.store.load(NetworkService.sandboxBucket).isEmpty)
    #expect(try await docker.send("DELETE", "/networks/{id}", ["id": "n1"]).status == 204)
  }

  @Test func hostAndNoneHaveNoInterfaces() async throws {
    let docker = try await docker()
    for mode in ["host", "none"] {
      let state = try await docker.networks.connect(sandbox(mode, mode: mode, ports: ["80/tcp": [["HostPort": "80"]]]))
      #expect(state.networks.keys == [mode])
      #expect(state.networks[mode]?["IPAddress"] == "")
      #expect(state.primaryAddress == "")
    }
    #expect(docker.host.operations == [])
  }

  @Test func anothersNetworkIsSharedWhileItRuns() async throws {
    let docker = try await docker()
    docker.containers.add("donor1", name: "donor")
    docker.containers.add("dead1", name: "dead", state: "exited")
    #expect(try await docker.networks.connect(sandbox("web", mode: "container:donor")).networks.isEmpty)
    await #expect(
      throws: EngineError(
        .conflict, "cannot join network namespace of a non running container: container dead is exited")
    ) { try await docker.networks.connect(sandbox("web", mode: "container:dead")) }
    await #expect(
      throws: EngineError(.unknown, "joining network namespace of container: No such container: nope")
    ) { try await docker.networks.connect(sandbox("web", mode: "container:nope")) }
  }

  @Test func networkNamesAreCheckedBeforeAContainerIsMade() async throws {
    let docker = try await docker([["Name": "n1"]])
    try await docker.networks.check(["default", "n1", "host", "none", "container:x", "bridge"])
    await #expect(throws: EngineError(.notFound, "network n2 not found")) { try await docker.networks.check(["n2"]) }
    #expect(try await docker.networks.networkName("default").name == "bridge")
  }

  // MARK: Names

  @Test func namesAliasesAndShortIdsAreFoundOnNetworksOfUsers() async throws {
    let docker = try await docker([["Name": "front"], ["Name": "back"]])
    _ = try await docker.networks.connect(sandbox("db", mode: "back", pid: 1, [("back", ["Aliases": ["Database"]])]))
    _ = try await docker.networks.connect(sandbox("web", mode: "front", pid: 2, [("front", [:]), ("back", [:])]))
    _ = try await docker.networks.connect(sandbox("proxy", mode: "front", pid: 3))
    #expect(docker.host.resolve("db", pid: 2) == ["172.19.0.2"])
    #expect(docker.host.resolve("database", pid: 2) == ["172.19.0.2"])
    #expect(docker.host.resolve("DB.", pid: 2) == ["172.19.0.2"])
    #expect(docker.host.resolve("db.back", pid: 2) == ["172.19.0.2"])
    #expect(docker.host.resolve("db0000000000", pid: 2) == ["172.19.0.2"])
    // Who is not in the network does not see it; the first network wins.
    #expect(docker.host.resolve("db", pid: 3) == nil)
    #expect(docker.host.resolve("web", pid: 3) == ["172.18.0.2"])
    #expect(docker.host.resolve("web", pid: 1) == ["172.19.0.3"])
    #expect(docker.host.resolve("example.com", pid: 2) == nil)
  }

  @Test func anAliasOfSeveralContainersHasAllTheirAddresses() async throws {
    let docker = try await docker([["Name": "n1"]])
    for number in 1...3 {
      _ = try await docker.networks.connect(
        sandbox("w\(number)", mode: "n1", pid: number, [("n1", ["Aliases": ["web"]])]))
    }
    #expect(docker.host.resolve("web", pid: 1) == ["172.18.0.2", "172.18.0.3", "172.18.0.4"])
    await docker.networks.release(sandbox("w2").containerID)
    #expect(docker.host.resolve("web", pid: 1) == ["172.18.0.2", "172.18.0.4"])
  }

  @Test func aLinkIsANameForOneContainerOnly() async throws {
    let docker = try await docker([["Name": "n1"]])
    _ = try await docker.networks.connect(sandbox("db", mode: "n1", pid: 1))
    _ = try await docker.networks.connect(sandbox("web", mode: "n1", pid: 2, [("n1", ["Links": ["db:Store"]])]))
    #expect(docker.host.resolve("store", pid: 2) == ["172.18.0.2"])
    #expect(docker.host.resolve("store.n1", pid: 2) == ["172.18.0.2"])
    #expect(docker.host.resolve("store", pid: 1) == nil)
  }

  @Test func namesGoOnAfterTheDaemonHasBeenStartedAnew() async throws {
    let docker = try await docker([["Name": "n1"]])
    _ = try await docker.networks.connect(sandbox("web", mode: "n1", pid: 1))
    let before = await docker.networks.state(sandbox("web").containerID)
    let next = try await DockerdFixture(store: docker.store)
    #expect(await next.networks.state(sandbox("web").containerID) == before)
    #expect(next.host.resolve("web", pid: 1) == ["172.18.0.2"])
    #expect(try await next.networks.connect(sandbox("db", mode: "n1", pid: 2)).primaryAddress == "172.18.0.3")
  }

  // MARK: Endpoint settings

  @Test func anAddressCanBeAskedFor() async throws {
    let docker = try await docker([["Name": "n1", "IPAM": ["Config": [["Subnet": "10.0.0.0/24"]]]]])
    let asked: JSON = ["IPAMConfig": ["IPv4Address": "10.0.0.77"]]
    let state = try await docker.networks.connect(sandbox("web", mode: "n1", [("n1", asked)]))
    #expect(state.networks["n1"]?["IPAddress"] == "10.0.0.77")
    #expect(state.networks["n1"]?["IPAMConfig"] == ["IPv4Address": "10.0.0.77"])
    await #expect(throws: EngineError(.permissionDenied, "Address already in use")) {
      try await docker.networks.connect(sandbox("db", mode: "n1", pid: 101, [("n1", asked)]))
    }
  }

  static let badSettings: [(String, JSON, String)] = [
    (
      "n1", ["IPAMConfig": ["IPv4Address": "10.9.9.9"]],
      "invalid endpoint settings:\nno configured subnet contains IP address 10.9.9.9"
    ),
    (
      "n1", ["IPAMConfig": ["IPv4Address": "seven"]],
      "invalid endpoint settings:\ninvalid IPv4 address: seven"
    ),
    (
      "bridge", ["IPAMConfig": ["IPv4Address": "172.17.0.9"], "Aliases": ["x"]],
      "invalid endpoint settings:\n* user-specified IP address is supported on user-defined networks only\n"
        + "* network-scoped aliases are only supported for user-defined networks"
    ),
    ("n1", ["MacAddress": "nonsense"], "invalid MAC address: nonsense"),
  ]

  @Test(arguments: badSettings)
  func badSettingsAreRefused(_ network: String, _ settings: JSON, _ message: String) async throws {
    let docker = try await docker([["Name": "n1"]])
    await #expect(throws: EngineError(.invalidArgument, message)) {
      try await docker.networks.connect(sandbox("web", mode: network, [(network, settings)]))
    }
  }

  @Test func theDefaultRouteGoesByPriorityThenByName() async throws {
    let docker = try await docker([["Name": "b"], ["Name": "a"], ["Name": "inner", "Internal": true]])
    _ = try await docker.networks.connect(sandbox("one", mode: "b", pid: 1, [("b", [:]), ("a", [:]), ("inner", [:])]))
    #expect(
      docker.host.operations.filter { $0.hasPrefix("attach") } == [
        "attach eth0 172.18.0.2/16 via ", "attach eth1 172.19.0.2/16 via 172.19.0.1", "attach eth2 172.20.0.2/16 via ",
      ])
    docker.host.clearOperations()
    _ = try await docker.networks.connect(
      sandbox("two", mode: "b", pid: 2, [("b", ["GwPriority": 5]), ("a", [:])]))
    #expect(docker.host.operations.first == "attach eth0 172.18.0.3/16 via 172.18.0.1")
  }

  // MARK: Ports

  @Test func portsArePublishedAsAskedFor() async throws {
    let docker = try await docker()
    let ports = try await ports(
      docker,
      [
        "80/tcp": [["HostPort": "8080"], ["HostIp": "127.0.0.1", "HostPort": "8081"]],
        "53/udp": [["HostPort": "5300"]], "90/tcp": [["HostPort": ""]],
      ], exposed: ["443/tcp"])
    #expect(
      JSON.object(ports) == [
        "443/tcp": .null, "53/udp": [["HostIp": "0.0.0.0", "HostPort": "5300"]],
        "80/tcp": [
          ["HostIp": "0.0.0.0", "HostPort": "8080"], ["HostIp": "127.0.0.1", "HostPort": "8081"],
        ], "90/tcp": [["HostIp": "0.0.0.0", "HostPort": "32768"]],
      ])
  }

  @Test func allExposedPortsArePublishedOnRequest() async throws {
    let ports = try await ports(try await docker(), [:], exposed: ["80/tcp", "443/tcp"], publishAll: true)
    #expect(
      JSON.object(ports) == [
        "443/tcp": [["HostIp": "0.0.0.0", "HostPort": "32769"]],
        "80/tcp": [["HostIp": "0.0.0.0", "HostPort": "32768"]],
      ])
  }

  @Test func ofARangeTheFirstFreePortIsTaken() async throws {
    let docker = try await docker()
    let range: JSON = ["80/tcp": [["HostPort": "8000-8001"]]]
    _ = try await ports(docker, ["80/tcp": [["HostPort": "8000"]]])
    let state = try await docker.networks.connect(sandbox("two", pid: 2, ports: range))
    #expect(state.ports["80/tcp"] == [["HostIp": "0.0.0.0", "HostPort": "8001"]])
    await #expect(throws: EngineError.self) {
      try await docker.networks.connect(sandbox("three", pid: 3, ports: range))
    }
  }

  @Test func aTakenPortIsRefusedInDockersWords() async throws {
    let docker = try await docker()
    _ = try await ports(docker, ["80/tcp": [["HostPort": "8080"]]])
    let error = await #expect(throws: EngineError.self) {
      try await docker.networks.connect(
        sandbox("two", pid: 2, ports: ["80/tcp": [["HostPort": "9090"], ["HostPort": "8080"]]]))
    }
    let message = try #require(error?.message)
    #expect(message.hasPrefix("driver failed programming external connectivity on endpoint two ("))
    #expect(message.hasSuffix("): Bind for 0.0.0.0:8080 failed: port is already allocated"))
    // The port that it had got already is free again.
    #expect(docker.host.takenPorts == ["0.0.0.0:8080/tcp"])
  }

  static let badPorts: [(JSON, String)] = [
    (["80/tcp": [["HostPort": "http"]]], "error parsing HostPort value(http):invalid port range"),
    (["80/tcp": [["HostPort": "70000"]]], "error parsing HostPort value(70000):invalid port range"),
    (["80/tcp": [["HostPort": "9-8"]]], "error parsing HostPort value(9-8):invalid port range"),
    (["0/tcp": [["HostPort": "80"]]], "invalid port specification: \"0/tcp\""),
    (["80/icmp": [["HostPort": "80"]]], "invalid port specification: \"80/icmp\""),
    (["80/tcp": [["HostIp": "1.2.3", "HostPort": "80"]]], "invalid IP address: 1.2.3"),
  ]

  @Test(arguments: badPorts)
  func badPortsAreRefused(_ bindings: JSON, _ message: String) async throws {
    let docker = try await docker()
    await #expect(throws: EngineError(.invalidArgument, message)) { try await ports(docker, bindings) }
    #expect(await docker.networks.state(sandbox("web").containerID) == nil)
  }

  // MARK: Joining and leaving

  private func ask(_ docker: DockerdFixture, _ verb: String, _ network: String, _ body: JSON) async throws
    -> (status: Int, json: JSON)
  {
    try await docker.send("POST", "/networks/{id}/\(verb)", ["id": network], body: body)
  }

  @Test func aRunningContainerJoinsAndLeaves() async throws {
    let docker = try await docker([["Name": "n1"]])
    let web = sandbox("web")
    docker.containers.sandboxes.withLock { $0["web"] = web }
    _ = try await docker.networks.connect(web)
    docker.host.clearOperations()
    let joined = try await ask(docker, "connect", "n1", ["Container": "web", "EndpointConfig": ["Aliases": ["www"]]])
    #expect(joined.status == 200)
    #expect(docker.host.operations == ["attach eth1 172.18.0.2/16 via ", "dns+ 100"])
    let state = try #require(docker.containers.changes.withLock { $0.last?.state })
    #expect(state.networks.keys == ["bridge", "n1"])
    #expect(
      state.networks["n1"]?["DNSNames"] == ["web", "www", .string(String(web.containerID.prefix(12)))])
    #expect(docker.host.resolve("www", pid: 100) == ["172.18.0.2"])

    let again = try await ask(docker, "connect", "n1", ["Container": "web"])
    #expect(again.status == 403)
    #expect(again.json["message"] == "endpoint with name web already exists in network n1")

    let refused = try await docker.send("DELETE", "/networks/{id}", ["id": "n1"])
    #expect(refused.status == 403)
    #expect(
      refused.json["message"]?.string?.hasPrefix(
        "error while removing network: network n1 has active endpoints (name:\"web\" id:\"") ?? false)

    #expect(try await ask(docker, "disconnect", "n1", ["Container": "web"]).status == 200)
    #expect(docker.containers.changes.withLock { $0.last?.state.networks.keys } == ["bridge"])
    #expect(docker.host.resolve("www", pid: 100) == nil)
    let gone = try await ask(docker, "disconnect", "n1", ["Container": "web"])
    #expect(gone.json["message"]?.string == "container \(web.containerID) is not connected to network n1")
    #expect(try await docker.send("DELETE", "/networks/{id}", ["id": "n1"]).status == 204)
  }

  @Test func theWayOutAndThePortsMoveWithIt() async throws {
    let docker = try await docker([["Name": "a"]])
    let web = sandbox("web", ports: ["80/tcp": [["HostPort": ""]]])
    docker.containers.sandboxes.withLock { $0["web"] = web }
    _ = try await docker.networks.connect(web)
    docker.host.clearOperations()
    // "a" comes before "bridge": the default route goes there.
    _ = try await ask(docker, "connect", "a", ["Container": "web"])
    #expect(
      docker.host.operations == [
        "attach eth1 172.18.0.2/16 via 172.18.0.1", "dns+ 100", "publish 0.0.0.0:32768 172.18.0.2:80",
      ])
    docker.host.clearOperations()
    _ = try await ask(docker, "disconnect", "a", ["Container": "web"])
    #expect(
      docker.host.operations == ["detach eth1", "route 172.17.0.1", "publish 0.0.0.0:32768 172.17.0.2:80"])
    #expect(
      docker.containers.changes.withLock { $0.last?.state.ports["80/tcp"] } == [
        ["HostIp": "0.0.0.0", "HostPort": "32768"]
      ])
    _ = try await ask(docker, "disconnect", "bridge", ["Container": "web"])
    #expect(docker.containers.changes.withLock { $0.last?.state.ports["80/tcp"] } == .null)
    #expect(docker.host.takenPorts == [])
  }

  @Test func aFailedJoinLeavesThingsAsTheyWere() async throws {
    let docker = try await docker([["Name": "a"]])
    let web = sandbox("web", ports: ["80/tcp": [["HostPort": "8080"]]])
    docker.containers.sandboxes.withLock { $0["web"] = web }
    let before = try await docker.networks.connect(web)
    docker.host.refuse("dns+")
    #expect(try await ask(docker, "connect", "a", ["Container": "web"]).status == 500)
    #expect(await docker.networks.state(web.containerID) == before)
    #expect(docker.host.takenPorts == ["0.0.0.0:8080/tcp"])
    #expect(docker.host.operations.contains("route 172.17.0.1"))
    #expect(try await docker.send("DELETE", "/networks/{id}", ["id": "a"]).status == 204)
  }

  @Test func aContainerThatDoesNotRunIsOnlyWrittenDown() async throws {
    let docker = try await docker([["Name": "n1"]])
    docker.containers.sandboxes.withLock { $0["web"] = sandbox("web", pid: 0, [("bridge", [:])]) }
    _ = try await ask(docker, "connect", "n1", ["Container": "web", "EndpointConfig": ["Aliases": ["www"]]])
    let state = try #require(docker.containers.changes.withLock { $0.last?.state })
    #expect(state.networks.keys == ["bridge", "n1"])
    #expect(state.networks["n1"]?["IPAddress"] == "")
    #expect(state.networks["n1"]?["Aliases"] == ["www"])
    #expect(docker.host.operations == [])
    _ = try await ask(docker, "disconnect", "bridge", ["Container": "web"])
    #expect(docker.containers.changes.withLock { $0.last?.state.networks.keys } == ["n1"])
    _ = try await ask(docker, "disconnect", "n1", ["Container": "web"])
    let refused = try await ask(docker, "disconnect", "n1", ["Container": "web"])
    #expect(
      refused.json["message"]?.string
        == "container \(sandbox("web").containerID) is not connected to the network n1")
  }

  @Test func whatCannotBeHadTogetherIsRefused() async throws {
    let docker = try await docker([["Name": "n1"]])
    for mode in ["bridge", "host", "none", "container:x"] {
      docker.containers.sandboxes.withLock { $0[mode] = sandbox("c" + mode.prefix(3), mode: mode) }
    }
    for mode in ["bridge", "host", "none"] {
      _ = try await docker.networks.connect(try await docker.containers.sandbox(mode))
    }
    func refusal(_ container: String, _ network: String) async throws -> String? {
      try await ask(docker, "connect", network, ["Container": .string(container)]).json["message"]?.string
    }
    #expect(
      try await refusal("bridge", "host")
        == "cannot connect container to host network - container must be created in host network mode")
    let shared =
      "container sharing network namespace with another container or host cannot be connected to any other network"
    #expect(try await refusal("host", "n1") == shared)
    #expect(try await refusal("container:x", "n1") == shared)
    #expect(
      try await refusal("none", "n1")
        == "container cannot be connected to multiple networks with one of the networks in private (none) mode")
    #expect(
      try await ask(docker, "disconnect", "host", ["Container": "host"]).json["message"]
        == "cannot disconnect container from host network - container was created in host network mode")
    #expect(try await refusal("bridge", "nope") == "network nope not found")
    #expect(try await refusal("nobody", "n1") == "No such container: nobody")
  }

  @Test func tellsOfJoiningAndLeaving() async throws {
    let docker = try await docker()
    let web = sandbox("web")
    _ = try await docker.networks.connect(web)
    await docker.networks.release(web.containerID)
    let events = docker.daemon.events.subscribe { _ in }.past.filter { $0["Type"] == "network" }
    #expect(events.map { $0["Action"]?.string } == ["connect", "disconnect"])
    #expect(
      events[0]["Actor"]?["Attributes"] == [
        "container": .string(web.containerID), "name": "bridge", "type": "bridge",
      ])
  }
}
