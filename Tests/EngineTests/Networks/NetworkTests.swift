import JSONTree
import Seams
import Testing

@testable import Engine

@Suite struct NetworkTests {
  private func create(_ docker: DockerdFixture, _ body: JSON) async throws -> (status: Int, json: JSON) {
    try await docker.send("POST", "/networks/create", body: body)
  }
  private func inspect(_ docker: DockerdFixture, _ name: String) async throws -> JSON {
    try await docker.send("GET", "/networks/{id}", ["id": name]).json
  }
  private func names(_ docker: DockerdFixture, _ filters: String = "") async throws -> [String] {
    let list = try await docker.send("GET", "/networks", query: [("filters", filters)]).json
    return (list.array ?? []).compactMap { $0["Name"]?.string }
  }

  @Test func threeNetworksAreThereFromTheStart() async throws {
    let docker = try await DockerdFixture()
    #expect(try await names(docker) == ["bridge", "host", "none"])
    let bridge = try await inspect(docker, "bridge")
    #expect(bridge["IPAM"]?["Config"] == [["Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"]])
    #expect(bridge["Options"]?["com.docker.network.bridge.name"] == "docker0")
    #expect(try await inspect(docker, "none")["Driver"] == "null")
    #expect(try await inspect(docker, "host")["IPAM"]?["Config"] == .null)
  }

  @Test func aNetworkGetsABridgeAndTheNextPool() async throws {
    let docker = try await DockerdFixture()
    // The body of network-create.jsonl.
    let (status, json) = try await create(
      docker,
      [
        "Driver": "bridge", "Scope": "", "IPAM": ["Driver": "default", "Options": [:], "Config": []],
        "Internal": false, "Attachable": false, "Ingress": false, "ConfigOnly": false, "ConfigFrom": .null,
        "Options": [:], "Labels": [:], "Name": "n1",
      ])
    #expect(status == 201)
    let id = try #require(json["Id"]?.string)
    #expect(id.count == 64)
    #expect(json["Warning"] == "")
    #expect(docker.host.operations == ["bridge+ br-\(id.prefix(12)) 172.18.0.0/16 172.18.0.1"])
    let network = try await inspect(docker, "n1")
    #expect(network["Created"] == "2026-01-01T00:00:00Z")
    #expect(
      network["IPAM"] == [
        "Driver": "default", "Options": [:], "Config": [["Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"]],
      ])
    #expect(network["Containers"] == [:])
    #expect(
      network["Status"] == ["IPAM": ["Subnets": ["172.18.0.0/16": ["IPsInUse": 3, "DynamicIPsAvailable": 65533]]]])
    #expect(try await inspect(docker, String(id.prefix(6)))["Name"] == "n1")
  }

  @Test func whatIsAskedForIsHad() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(
      docker,
      [
        "Name": "n1", "Internal": true, "Attachable": true, "Labels": ["a": "b"],
        "Options": ["com.docker.network.bridge.name": "mine", "com.docker.network.driver.mtu": "1400"],
        "IPAM": [
          "Config": [
            [
              "Subnet": "10.1.0.0/16", "IPRange": "10.1.5.0/24", "Gateway": "10.1.0.9",
              "AuxiliaryAddresses": ["router": "10.1.5.0"],
            ]
          ]
        ],
      ])
    #expect(docker.host.operations == ["bridge+ mine 10.1.0.0/16 10.1.0.9 internal"])
    let network = try await inspect(docker, "n1")
    #expect(
      network["IPAM"]?["Config"] == [
        [
          "Subnet": "10.1.0.0/16", "IPRange": "10.1.5.0/24", "Gateway": "10.1.0.9",
          "AuxiliaryAddresses": ["router": "10.1.5.0"],
        ]
      ])
    #expect(network["Internal"] == true)
    #expect(network["Labels"] == ["a": "b"])
  }

  static let refusals: [(JSON, Int, String)] = [
    (["Name": ""], 400, "invalid name: name is empty"),
    (["Name": "bridge"], 403, "operation is not permitted on predefined bridge network "),
    (["Name": "n1"], 409, "network with name n1 already exists"),
    (["Name": "n2", "Driver": "weave"], 404, "plugin \"weave\" not found"),
    (["Name": "n2", "Driver": "host"], 403, "only one instance of \"host\" network is allowed"),
    (
      ["Name": "n2", "Driver": "overlay"], 403,
      "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to "
        + "swarm and try again."
    ),
    (
      ["Name": "n2", "IPAM": ["Config": [["Subnet": "172.18.5.0/24"]]]], 403,
      "invalid pool request: Pool overlaps with other one on this address space"
    ),
    (
      ["Name": "n2", "IPAM": ["Config": [["Subnet": "10.1.2.3/16"]]]], 400,
      "invalid network config:\ninvalid subnet 10.1.2.3/16: it should be 10.1.0.0/16"
    ),
    (
      [
        "Name": "n2", "IPAM": ["Config": [["Subnet": "10.1.0.0/16", "IPRange": "10.2.0.0/24", "Gateway": "10.3.0.1"]]],
      ],
      400,
      "invalid network config:\n* invalid ip-range 10.2.0.0/24: parent subnet 10.1.0.0/16 doesn't contain ip-range\n"
        + "* invalid gateway 10.3.0.1: parent subnet 10.1.0.0/16 doesn't contain this address"
    ),
    (
      ["Name": "n2", "IPAM": ["Config": [["Subnet": "10.1.0.0/24"], ["Subnet": "10.2.0.0/24"]]]], 403,
      "bridge driver doesn't support multiple subnets"
    ),
    (
      ["Name": "n2", "IPAM": ["Config": [["Subnet": "10.1.0.0/24", "Gateway": "10.1.0.0"]]]], 500,
      "failed to allocate gateway (10.1.0.0): Address already in use"
    ),
    (["Name": "n2", "ConfigFrom": ["Network": "x"]], 404, "configuration network \"x\" not found"),
  ]

  @Test(arguments: refusals)
  func whatCannotBeIsRefusedAndLeavesNothing(_ body: JSON, _ status: Int, _ message: String) async throws {
    let docker = try await DockerdFixture()
    _ = try await create(docker, ["Name": "n1"])
    let answer = try await create(docker, body)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
    #expect(try await names(docker) == ["bridge", "host", "none", "n1"])
    // The pool is free again.
    _ = try await create(docker, ["Name": "n3"])
    #expect(try await inspect(docker, "n3")["IPAM"]?["Config"]?[0]?["Subnet"] == "172.19.0.0/16")
  }

  @Test func aBridgeThatTheHostRefusesLeavesNothing() async throws {
    let docker = try await DockerdFixture()
    docker.host.refuse("bridge+")
    #expect(try await create(docker, ["Name": "n1"]).json["message"] == "operation not permitted")
    docker.host.refuse(nil)
    #expect(try await names(docker) == ["bridge", "host", "none"])
    _ = try await create(docker, ["Name": "n1"])
    #expect(try await inspect(docker, "n1")["IPAM"]?["Config"]?[0]?["Subnet"] == "172.18.0.0/16")
  }

  @Test func aConfigurationNetworkIsATemplate() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(
      docker, ["Name": "template", "ConfigOnly": true, "IPAM": ["Config": [["Subnet": "10.9.0.0/24"]]]])
    _ = try await create(docker, ["Name": "n1", "ConfigFrom": ["Network": "template"]])
    let network = try await inspect(docker, "n1")
    #expect(network["IPAM"]?["Config"]?[0]?["Subnet"] == "10.9.0.0/24")
    #expect(network["ConfigFrom"] == ["Network": "template"])
    let refused = try await docker.send("DELETE", "/networks/{id}", ["id": "template"])
    #expect(
      refused.json["message"] == "error while removing network: configuration network \"template\" is in use")
  }

  @Test func removingGivesEverythingBack() async throws {
    let docker = try await DockerdFixture()
    let id = try await create(docker, ["Name": "n1"]).json["Id"]?.string ?? ""
    docker.host.clearOperations()
    #expect(try await docker.send("DELETE", "/networks/{id}", ["id": "n1"]).status == 204)
    #expect(docker.host.operations == ["bridge- br-\(id.prefix(12))"])
    let gone = try await docker.send("DELETE", "/networks/{id}", ["id": "n1"])
    #expect(gone.status == 404)
    #expect(gone.json["message"] == "network n1 not found")
    let predefined = try await docker.send("DELETE", "/networks/{id}", ["id": "bridge"])
    #expect(predefined.status == 403)
    #expect(predefined.json["message"] == "bridge is a pre-defined network and cannot be removed")
  }

  @Test func filtersLetThrough() async throws {
    let docker = try await DockerdFixture()
    let id = try await create(docker, ["Name": "front", "Labels": ["tier": "web"]]).json["Id"]?.string ?? ""
    _ = try await create(docker, ["Name": "back"])
    #expect(try await names(docker, #"{"name":["^fro"]}"#) == ["front"])
    #expect(try await names(docker, #"{"id":["\#(id.prefix(8))"]}"#) == ["front"])
    #expect(try await names(docker, #"{"driver":["bridge"]}"#) == ["bridge", "front", "back"])
    #expect(try await names(docker, #"{"label":["tier"]}"#) == ["front"])
    #expect(try await names(docker, #"{"type":["builtin"]}"#) == ["bridge", "host", "none"])
    #expect(try await names(docker, #"{"type":["custom"]}"#) == ["front", "back"])
    #expect(try await names(docker, #"{"dangling":["true"]}"#) == ["front", "back"])
    #expect(try await names(docker, #"{"scope":["swarm"]}"#) == [])
    let refused = try await docker.send("GET", "/networks", query: [("filters", #"{"dangling":["x"]}"#)])
    #expect(
      refused.json["message"]
        == "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")")
  }

  @Test func pruneTakesWhatNobodyUses() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(docker, ["Name": "n1"])
    _ = try await create(docker, ["Name": "n2", "Labels": ["keep": ""]])
    let (status, json) = try await docker.send(
      "POST", "/networks/prune", query: [("filters", #"{"label!":["keep"]}"#)])
    #expect(status == 200)
    #expect(json == ["NetworksDeleted": ["n1"]])
    #expect(try await names(docker) == ["bridge", "host", "none", "n2"])
  }

  @Test func networksOutliveTheDaemon() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(docker, ["Name": "n1"])
    let before = try await docker.send("GET", "/networks").json
    let next = try await DockerdFixture(store: docker.store)
    #expect(try await next.send("GET", "/networks").json == before)
    _ = try await create(next, ["Name": "n2"])
    #expect(try await inspect(next, "n2")["IPAM"]?["Config"]?[0]?["Subnet"] == "172.19.0.0/16")
  }

  @Test func anAmbiguousIdIsRefused() throws {
    var table = NetworkTable()
    table.insert(NetworkRecord(id: "abc1", name: "one", created: 0, driver: "bridge"))
    table.insert(NetworkRecord(id: "abc2", name: "two", created: 0, driver: "bridge"))
    #expect(
      throws: EngineError(.invalidArgument, "network abc is ambiguous (2 matches found on ID prefix)")
    ) { try table.find("abc") }
    #expect(try table.find("abc2").name == "two")
    #expect(throws: EngineError(.notFound, "network  not found")) { try table.find("") }
  }
}
