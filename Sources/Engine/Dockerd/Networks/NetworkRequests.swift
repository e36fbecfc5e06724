import JSONTree
import Seams

extension NetworkService {
  /// `GET /networks`.
  func listResponse(_ request: APIRequest) throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["dangling", "driver", "id", "label", "name", "scope", "type"])
    let matches = try select(filters, idMatchesName: false)
    return APIResponse(200, .json(.array(matches.map { .object($0.summary) })))
  }

  /// The networks that `filters` let through, in the order of creation.
  func select(_ filters: APIFilters, idMatchesName: Bool) throws -> [NetworkRecord] {
    var dangling: Bool?
    if filters.contains("dangling") {
      guard filters["dangling"].count == 1 else {
        throw EngineError(.invalidArgument, "got more than one value for filter key \"dangling\"")
      }
      switch filters["dangling"][0] {
      case "0", "false": dangling = false
      case "1", "true": dangling = true
      default:
        throw EngineError(
          .invalidArgument,
          "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")")
      }
    }
    for type in filters["type"] where type != "builtin" && type != "custom" {
      throw EngineError(.invalidArgument, "invalid filter: 'type'='\(type)'")
    }
    let until = try filters.until(now: daemon.world.unixTime)
    return try locked { table in
      table.all.filter { network in
        let isDangling = !network.isPredefined && !table.isUsed(network.id)
        return filters.matchesExactly("driver", network.driver) && filters.matchesPart("name", network.name)
          && (filters.matchesPart("id", network.id) || (idMatchesName && filters.matchesPart("id", network.name)))
          && filters.matchesLabels(network.labels) && filters.matchesExactly("scope", "local")
          && (dangling ?? isDangling) == isDangling
          && (filters["type"].first.map { ($0 == "builtin") == network.isPredefined } ?? true)
          && (until.map { network.created <= $0 } ?? true)
      }
    }
  }

  /// `GET /networks/{id}`: by id, name, or the beginning of an id.
  func inspectResponse(_ request: APIRequest) throws -> APIResponse {
    let verbose = request.query("verbose") ?? ""
    if !verbose.isEmpty,
      !["1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"].contains(verbose)
    {
      throw EngineError(
        .invalidArgument,
        "invalid value for verbose: \(verbose): strconv.ParseBool: parsing \"\(verbose)\": invalid syntax")
    }
    let term = request.parameters["id"] ?? ""
    let scope = request.query("scope") ?? ""
    return try locked { table in
      let network = try table.find(term)
      guard scope.isEmpty || scope == "local" else { throw EngineError(.notFound, "network \(term) not found") }
      var object = network.summary
      object["Containers"] = .object(
        JSONObject(
          table.attachments(network.id).map { sandbox, endpoint in
            .init(
              sandbox.containerID,
              [
                "Name": .string(sandbox.name), "EndpointID": .string(endpoint.id),
                "MacAddress": .string(endpoint.macAddress),
                "IPv4Address": .string(endpoint.address.isEmpty ? "" : "\(endpoint.address)/\(endpoint.prefixLength)"),
                "IPv6Address": "",
              ])
          }))
      var subnets: JSONObject = [:]
      if let pool = table.ipam[network.id] {
        subnets[network.subnet] = [
          "IPsInUse": .int(Int64(pool.inUse)), "DynamicIPsAvailable": .int(Int64(pool.available)),
        ]
      }
      object["Status"] = ["IPAM": ["Subnets": .object(subnets)]]
      return APIResponse(200, .json(.object(object)))
    }
  }

  /// `POST /networks/create`.
  func createResponse(_ request: APIRequest) async throws -> APIResponse {
    let network = try parse(request.body ?? [:])
    try await make(network)
    logEvent("create", network)
    return APIResponse(201, .json(["Id": .string(network.id), "Warning": ""]))
  }

  private func parse(_ body: JSON) throws -> NetworkRecord {
    let name = body["Name"]?.string ?? ""
    guard name.contains(where: { !$0.isWhitespace }) else {
      throw EngineError(.invalidArgument, "invalid name: name is empty")
    }
    if NetworkRecord.predefined.contains(name) {
      throw EngineError(.permissionDenied, "operation is not permitted on predefined \(name) network ")
    }
    var network = NetworkRecord(
      id: daemon.world.hexID(), name: name, created: daemon.world.unixTime,
      driver: body["Driver"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "bridge")
    network.isInternal = body["Internal"]?.bool ?? false
    network.isAttachable = body["Attachable"]?.bool ?? false
    network.isIngress = body["Ingress"]?.bool ?? false
    network.isConfigOnly = body["ConfigOnly"]?.bool ?? false
    network.configFrom = body["ConfigFrom"]?["Network"]?.string ?? ""
    network.options = Self.strings(body["Options"])
    network.labels = Self.strings(body["Labels"])
    network.ipamDriver = body["IPAM"]?["Driver"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
    network.ipamOptions = Self.strings(body["IPAM"]?["Options"])
    network.addresses = (body["IPAM"]?["Config"]?.array ?? []).map { config in
      .init(
        subnet: config["Subnet"]?.string ?? "", range: config["IPRange"]?.string ?? "",
        gateway: config["Gateway"]?.string ?? "",
        auxiliary: Self.strings(config["AuxiliaryAddresses"] ?? config["AuxAddress"]))
    }
    if body["EnableIPv6"]?.bool ?? false {
      throw EngineError(.notImplemented, "IPv6 networks are not supported")
    }
    if network.isConfigOnly { return try parsedTemplate(network, body) }
    if !network.configFrom.isEmpty { try copyConfiguration(into: &network) }
    try checkDriver(network)
    try Self.checkAddresses(network.addresses)
    return network
  }

  private func parsedTemplate(_ network: NetworkRecord, _ body: JSON) throws -> NetworkRecord {
    if !network.configFrom.isEmpty {
      throw EngineError(
        .permissionDenied, "a configuration network cannot depend on another configuration network")
    }
    if let driver = body["Driver"]?.string, !driver.isEmpty,
      driver != "bridge" || network.isIngress
        || network.isAttachable
    {
      throw EngineError(
        .permissionDenied,
        "configuration network can only contain network specific fields. Network operator fields like "
          + "[ ingress | internal | attachable | scope ] are not supported.")
    }
    var network = network
    network.driver = "null"
    try Self.checkAddresses(network.addresses)
    return network
  }

  private func copyConfiguration(into network: inout NetworkRecord) throws {
    guard network.addresses.isEmpty, network.options.isEmpty else {
      throw EngineError(
        .permissionDenied,
        "user-specified configurations are not supported if the network depends on a configuration network")
    }
    let name = network.configFrom
    guard let template = try locked({ $0[name: name] }), template.isConfigOnly else {
      throw EngineError(.notFound, "configuration network \"\(name)\" not found")
    }
    network.addresses = template.addresses
    network.options = template.options
    network.ipamDriver = template.ipamDriver
    network.ipamOptions = template.ipamOptions
    network.labels.merge(template.labels) { own, _ in own }
  }

  private func checkDriver(_ network: NetworkRecord) throws {
    switch network.driver {
    case "bridge": break
    case "host", "null":
      throw EngineError(.permissionDenied, "only one instance of \"\(network.driver)\" network is allowed")
    case "overlay":
      throw EngineError(
        .permissionDenied,
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node "
          + "to swarm and try again.")
    case "macvlan", "ipvlan":
      throw EngineError(.notImplemented, "the network driver \"\(network.driver)\" is not supported")
    default: throw EngineError(.notFound, "plugin \"\(network.driver)\" not found")
    }
    guard network.ipamDriver == "default" else {
      throw EngineError(.notFound, "plugin \"\(network.ipamDriver)\" not found")
    }
    if let mtu = network.options["com.docker.network.driver.mtu"], Int(mtu).map({ $0 < 0 }) ?? true {
      throw EngineError(
        .invalidArgument,
        "failed to parse com.docker.network.driver.mtu value: \"\(mtu)\" (strconv.Atoi: parsing \"\(mtu)\": invalid syntax)"
      )
    }
    if network.addresses.count > 1 {
      throw EngineError(.permissionDenied, "bridge driver doesn't support multiple subnets")
    }
  }

  /// moby's checks of an `IPAMConfig`; all that is wrong is told at once.
  static func checkAddresses(_ configurations: [NetworkRecord.Addresses]) throws {
    var faults: [String] = []
    for configuration in configurations {
      if configuration.subnet.isEmpty, configuration.range.isEmpty, configuration.gateway.isEmpty { continue }
      guard let subnet = IPv4Subnet(configuration.subnet) else {
        if configuration.subnet.isEmpty {
          throw EngineError(
            .unknown,
            "failed to parse pool request for address space \"LocalDefault\" pool \"\" subpool \"\(configuration.range)\": "
              + "invalid address subpool")
        }
        throw EngineError(
          .invalidArgument,
          "invalid network config:\ninvalid subnet \(configuration.subnet): netip.ParsePrefix(\"\(configuration.subnet)\"): "
            + "no '/'")
      }
      if subnet != subnet.masked {
        faults.append("invalid subnet \(subnet): it should be \(subnet.masked)")
      }
      if !configuration.range.isEmpty {
        if let range = IPv4Subnet(configuration.range) {
          if range.bits < subnet.bits {
            faults.append("invalid ip-range \(range): CIDR block is bigger than its parent subnet \(subnet)")
          }
          if range != range.masked { faults.append("invalid ip-range \(range): it should be \(range.masked)") }
          if !subnet.overlaps(range) {
            faults.append("invalid ip-range \(range): parent subnet \(subnet) doesn't contain ip-range")
          }
        } else {
          faults.append("invalid ip-range \(configuration.range): parent subnet is an IPv4 block")
        }
      }
      func check(_ text: String, _ what: String) {
        guard let address = IPv4Address(text) else {
          faults.append("invalid \(what): parent subnet is an IPv4 block")
          return
        }
        if !subnet.contains(address) {
          faults.append("invalid \(what): parent subnet \(subnet) doesn't contain this address")
        }
      }
      if !configuration.gateway.isEmpty { check(configuration.gateway, "gateway \(configuration.gateway)") }
      for (name, text) in configuration.auxiliary.sorted(by: { $0.key < $1.key }) {
        check(text, "auxiliary address \(name)")
      }
    }
    if !faults.isEmpty { throw EngineError(.invalidArgument, "invalid network config:\n" + joined(faults)) }
  }

  /// One fault as it is, several as a list.
  static func joined(_ faults: [String]) -> String {
    faults.count == 1 ? faults[0] : "* " + faults.joined(separator: "\n* ")
  }

  static func strings(_ json: JSON?) -> [String: String] {
    var strings: [String: String] = [:]
    for member in json?.object?.members ?? [] { strings[member.key] = member.value.string ?? "" }
    return strings
  }

  /// `DELETE /networks/{id}`.
  func deleteResponse(_ request: APIRequest) async throws -> APIResponse {
    let term = request.parameters["id"] ?? ""
    try await remove(try locked { try $0.find(term) })
    return APIResponse(204)
  }

  /// `POST /networks/prune`: networks of users that no container is in.
  func pruneResponse(_ request: APIRequest) async throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["label", "label!", "until"])
    var deleted: [String] = []
    for network in try select(filters, idMatchesName: false) where !network.isPredefined {
      guard try locked({ !$0.isUsed(network.id) }) else { continue }
      do { try await remove(network) } catch { continue }
      deleted.append(network.name)
    }
    daemon.events.publish(type: "network", action: "prune", id: "", attributes: ["reclaimed": "0"])
    return APIResponse(200, .json(["NetworksDeleted": deleted.isEmpty ? .null : JSON(deleted)]))
  }
}
