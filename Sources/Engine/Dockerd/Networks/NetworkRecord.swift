import JSONTree
import Seams

/// A network, as dockerd keeps it.
struct NetworkRecord: Sendable, Hashable, Codable, JSONWritable {
  /// What was asked of the address manager for one subnet (Engine API `IPAMConfig`).
  struct Addresses: Sendable, Hashable, Codable {
    var subnet = ""
    var range = ""
    var gateway = ""
    var auxiliary: [String: String] = [:]
  }

  var id: String
  var name: String
  /// Nanoseconds since 1970.
  var created: UInt64
  /// Its place in the order of creation.
  var sequence = 0
  /// `bridge`, `host`, `null`.
  var driver: String
  var ipamDriver = "default"
  var ipamOptions: [String: String] = [:]
  /// As asked; what was left open is in `subnet` and `gateway`.
  var addresses: [Addresses] = []
  /// `172.18.0.0/16`; empty for networks without addresses.
  var subnet = ""
  var gateway = ""
  var isInternal = false
  var isAttachable = false
  var isIngress = false
  /// Only a template for others.
  var isConfigOnly = false
  var configFrom = ""
  var options: [String: String] = [:]
  var labels: [String: String] = [:]

  static let predefined: Set<String> = ["bridge", "host", "none", "default"]
  var isPredefined: Bool { Self.predefined.contains(name) }
  var isBridge: Bool { driver == "bridge" && !isConfigOnly }
  /// Container names are resolved on it.
  var hasDNS: Bool { isBridge && !isPredefined }

  /// The interface on the host.
  var bridgeName: String {
    options["com.docker.network.bridge.name"] ?? (isPredefined ? "docker0" : "br-" + id.prefix(12))
  }
  /// Bytes of a frame.
  var mtu: Int { options["com.docker.network.driver.mtu"].flatMap { Int($0) } ?? 1500 }

  var bridge: BridgeRecord {
    BridgeRecord(
      name: bridgeName, networkID: id, subnet: subnet, gateway: gateway, isInternal: isInternal, mtu: mtu,
      icc: options["com.docker.network.bridge.enable_icc"].map(isTrue) ?? true,
      masquerade: options["com.docker.network.bridge.enable_ip_masquerade"].map(isTrue) ?? true ? nil : false)
  }

  /// Engine API `Network`, without containers.
  var summary: JSONObject {
    var configurations: [JSON] = []
    let shown = addresses.isEmpty && !subnet.isEmpty ? [Addresses()] : addresses
    for (index, asked) in shown.enumerated() {
      var object: JSONObject = [:]
      let subnet = asked.subnet.isEmpty && index == 0 ? subnet : asked.subnet
      let gateway = asked.gateway.isEmpty && index == 0 ? gateway : asked.gateway
      if !subnet.isEmpty { object["Subnet"] = .string(subnet) }
      if !asked.range.isEmpty { object["IPRange"] = .string(asked.range) }
      if !gateway.isEmpty { object["Gateway"] = .string(gateway) }
      if !asked.auxiliary.isEmpty { object["AuxiliaryAddresses"] = JSON(asked.auxiliary) }
      configurations.append(.object(object))
    }
    return [
      "Name": .string(name), "Id": .string(id), "Created": .string(RFC3339Time.text(created)), "Scope": "local",
      "Driver": .string(driver), "EnableIPv4": true, "EnableIPv6": false,
      "IPAM": [
        "Driver": .string(ipamDriver), "Options": ipamOptions.isEmpty && isPredefined ? .null : JSON(ipamOptions),
        "Config": configurations.isEmpty && isPredefined ? .null : .array(configurations),
      ],
      "Internal": .bool(isInternal), "Attachable": .bool(isAttachable), "Ingress": .bool(isIngress),
      "ConfigFrom": ["Network": .string(configFrom)], "ConfigOnly": .bool(isConfigOnly),
      "Options": JSON(options), "Labels": JSON(labels),
    ]
  }
}

/// Go's strconv.ParseBool, for options.
func isTrue(_ text: String) -> Bool { ["1", "t", "T", "true", "TRUE", "True"].contains(text) }

/// One container's place in one network.
struct EndpointState: Sendable, Hashable, Codable {
  var networkID: String
  var networkName: String
  /// 64 hex digits.
  var id: String
  /// Empty on `host` and `none`.
  var address = ""
  var prefixLength = 0
  var gateway = ""
  var macAddress = ""
  var veth = ""
  /// `eth0`.
  var interface = ""
  /// The default route goes through it.
  var isGateway = false
  /// Engine API `EndpointSettings` as asked.
  var settings: JSON = [:]
  /// The names that it is found by, the first for reverse look-ups; nil where there is no name service.
  var dnsNames: [String]?

  /// Engine API `EndpointSettings`.
  var json: JSON {
    var object = EndpointState.configured(settings)
    object["NetworkID"] = .string(networkID)
    object["EndpointID"] = .string(id)
    object["Gateway"] = .string(gateway)
    object["IPAddress"] = .string(address)
    object["MacAddress"] = .string(macAddress)
    object["IPPrefixLen"] = .int(Int64(prefixLength))
    object["DNSNames"] = dnsNames.map { JSON($0) } ?? .null
    return .object(object)
  }

  /// `EndpointSettings` of a container that does not run: what was asked, and nothing else.
  static func configured(_ settings: JSON, networkID: String = "", dnsNames: [String]? = nil) -> JSONObject {
    [
      "IPAMConfig": settings["IPAMConfig"] ?? .null, "Links": settings["Links"] ?? .null,
      "Aliases": settings["Aliases"] ?? .null, "DriverOpts": settings["DriverOpts"] ?? .null,
      "GwPriority": settings["GwPriority"] ?? 0, "NetworkID": .string(networkID), "EndpointID": "", "Gateway": "",
      "IPAddress": "", "MacAddress": settings["MacAddress"] ?? "", "IPPrefixLen": 0, "IPv6Gateway": "",
      "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DNSNames": dnsNames.map { JSON($0) } ?? .null,
    ]
  }

  /// What the host is asked to make.
  func record(bridge: String) -> EndpointRecord {
    EndpointRecord(
      endpointID: id, bridge: bridge, vethName: veth, interface: interface, address: address,
      prefixLength: prefixLength, macAddress: macAddress, gateway: isGateway ? gateway : "")
  }
}

/// A running container's networks.
struct SandboxRecord: Sendable, Hashable, Codable, JSONWritable {
  var containerID: String
  var name: String
  var hostname: String
  /// 64 hex digits.
  var id: String
  var pid: Int
  /// In the order of joining.
  var endpoints: [EndpointState] = []
  var published: [PortBinding] = []
  /// Engine API `PortBindings` as asked, ports of the image and of `--expose`, and whether all of them are published.
  var portBindings: JSON = [:]
  var exposedPorts: [String] = []
  var publishAll = false
  var servesDNS = false

  var state: SandboxState {
    var ports: JSONObject = [:]
    let keys = Set(exposedPorts).union(portBindings.object?.keys ?? [])
    for key in keys.sorted() {
      let bound = published.filter { "\($0.containerPort)/\($0.proto)" == key }
      ports.members.append(
        .init(
          key,
          bound.isEmpty
            ? .null : .array(bound.map { ["HostIp": .string($0.hostIP), "HostPort": .string(String($0.hostPort))] })))
    }
    return SandboxState(
      sandboxID: id, networks: JSONObject(endpoints.map { .init($0.networkName, $0.json) }), ports: ports,
      primaryAddress: endpoints.first { !$0.address.isEmpty }?.address ?? "")
  }
}
