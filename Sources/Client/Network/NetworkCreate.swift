import JSONTree

extension Command {
  static let networkCreate = Command(
    "create", usage: "[OPTIONS] NETWORK", short: "Create a network", rule: .exactly(1),
    flags: [
      Flag("attachable", .bool(false), "Enable manual container attachment"),
      Flag("aux-address", .map(.any), "Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])"),
      Flag("config-from", .string(""), "The network from which to copy the configuration"),
      Flag("config-only", .bool(false), "Create a configuration only network"),
      Flag("driver", "d", .string("bridge"), "Driver to manage the Network (default \"bridge\")"),
      Flag("gateway", .strings, "IPv4 or IPv6 Gateway for the master subnet"),
      Flag("ingress", .bool(false), "Create swarm routing-mesh network"),
      Flag("internal", .bool(false), "Restrict external access to the network"),
      Flag("ip-range", .strings, "Allocate container ip from a sub-range"),
      Flag("ipam-driver", .string("default"), "IP Address Management Driver (default \"default\")"),
      Flag("ipam-opt", .map(.any), "Set IPAM driver specific options (default map[])"),
      Flag("ipv4", .bool(true), "Enable or disable IPv4 address assignment (default true)"),
      Flag("ipv6", .bool(false), "Enable or disable IPv6 address assignment"),
      Flag("label", .list(.label), "Set metadata on a network"),
      Flag("opt", "o", .map(.any), "Set driver specific options (default map[])"),
      Flag("scope", .string(""), "Control the network's scope"),
      Flag("subnet", .strings, "Subnet in CIDR format that represents a network segment"),
    ]
  ) { invocation in
    let flags = invocation.flags
    let pools = try AddressPools(
      subnets: flags.separated("subnet"), ranges: flags.separated("ip-range"), gateways: flags.separated("gateway"),
      auxiliary: flags.map("aux-address"))
    var body: JSONObject = ["Driver": .string(flags.string("driver")), "Scope": .string(flags.string("scope"))]
    if flags.isSet("ipv4") { body["EnableIPv4"] = .bool(flags.bool("ipv4")) }
    if flags.isSet("ipv6") { body["EnableIPv6"] = .bool(flags.bool("ipv6")) }
    body["IPAM"] = [
      "Driver": .string(flags.string("ipam-driver")), "Options": JSON(flags.map("ipam-opt")), "Config": pools.json,
    ]
    body["Internal"] = .bool(flags.bool("internal"))
    body["Attachable"] = .bool(flags.bool("attachable"))
    body["Ingress"] = .bool(flags.bool("ingress"))
    body["ConfigOnly"] = .bool(flags.bool("config-only"))
    let from = flags.string("config-from")
    body["ConfigFrom"] = from.isEmpty ? .null : ["Network": .string(from)]
    body["Options"] = JSON(flags.map("opt"))
    body["Labels"] = JSON(flags.map("label"))
    body["Name"] = .string(invocation.argument)
    let answer = try await invocation.session.json(request("POST", "/networks/create", body: .object(body)))
    try await invocation.line(answer.text("Id"))
    return 0
  }
}

/// The subnets of a network with their ranges, gateways and reserved addresses.
private struct AddressPools {
  private struct Pool {
    var subnet: String
    var range = ""
    var gateway = ""
    var auxiliary: [String: String] = [:]
  }
  private var pools: [Pool] = []

  init(subnets: [String], ranges: [String], gateways: [String], auxiliary: [String: String]) throws {
    guard subnets.count >= ranges.count, subnets.count >= gateways.count else {
      throw CommandError("every ip-range or gateway must have a corresponding subnet")
    }
    for subnet in subnets {
      for other in pools where try AddressPools.overlaps(subnet, other.subnet) {
        throw CommandError("multiple overlapping subnet configuration is not supported")
      }
      pools.append(Pool(subnet: subnet))
    }
    for range in ranges {
      guard let index = try pools.firstIndex(where: { try AddressPools.overlaps($0.subnet, range) }) else {
        throw CommandError("no matching subnet for range \(range)")
      }
      guard pools[index].range.isEmpty else {
        throw CommandError(
          "cannot configure multiple ranges (\(range), \(pools[index].range)) on the same subnet "
            + "(\(pools[index].subnet))"
        )
      }
      pools[index].range = range
    }
    for gateway in gateways {
      guard let index = pools.firstIndex(where: { AddressPools.contains($0.subnet, gateway) }) else {
        throw CommandError("no matching subnet for gateway \(gateway)")
      }
      guard pools[index].gateway.isEmpty else {
        throw CommandError(
          "cannot configure multiple gateways (\(gateway), \(pools[index].gateway)) for the same subnet "
            + "(\(pools[index].subnet))"
        )
      }
      pools[index].gateway = gateway
    }
    for (name, address) in auxiliary.sorted(by: { $0.key < $1.key }) {
      guard let index = pools.firstIndex(where: { AddressPools.contains($0.subnet, address) }) else {
        throw CommandError("no matching subnet for aux-address \(address)")
      }
      pools[index].auxiliary[name] = address
    }
  }

  var json: JSON {
    .array(
      pools.map { pool in
        var object: JSONObject = ["Subnet": .string(pool.subnet)]
        if !pool.range.isEmpty { object["IPRange"] = .string(pool.range) }
        if !pool.gateway.isEmpty { object["Gateway"] = .string(pool.gateway) }
        if !pool.auxiliary.isEmpty { object["AuxiliaryAddresses"] = JSON(pool.auxiliary) }
        return .object(object)
      })
  }

  /// Bits of an address and of its prefix.
  private static func block(_ text: String) -> (bits: [Bool], length: Int)? {
    let (address, prefix) = text.cut("/")
    guard let prefix, let length = Int(prefix), length >= 0, let bits = bits(address), length <= bits.count else {
      return nil
    }
    return (bits, length)
  }

  private static func bits(_ address: String) -> [Bool]? {
    if let v4 = IPAddress.v4(address) { return (0..<32).map { v4 >> UInt32(31 - $0) & 1 == 1 } }
    guard let v6 = IPAddress.v6(address) else { return nil }
    return v6.flatMap { group in (0..<16).map { group >> UInt16(15 - $0) & 1 == 1 } }
  }

  private static func overlaps(_ a: String, _ b: String) throws -> Bool {
    guard let x = block(a) else { throw CommandError("invalid subnet \(a) : invalid CIDR address: \(a)") }
    guard let y = block(b) else { throw CommandError("invalid subnet \(b) : invalid CIDR address: \(b)") }
    guard x.bits.count == y.bits.count else { return false }
    let common = min(x.length, y.length)
    return x.bits[..<common].elementsEqual(y.bits[..<common])
  }

  private static func contains(_ subnet: String, _ address: String) -> Bool {
    guard let block = block(subnet), let bits = bits(address.cut("/").0), bits.count == block.bits.count else {
      return false
    }
    return block.bits[..<block.length].elementsEqual(bits[..<block.length])
  }
}
