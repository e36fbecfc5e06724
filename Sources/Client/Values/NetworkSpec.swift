import JSONTree

/// A network that a container joins, and as what: `--network name` or `--network name=n,alias=a,ip=…` (docker's
/// opts.NetworkOpt).
struct NetworkSpec: Sendable, Hashable {
  var name: String
  var aliases: [String] = []
  var links: [String] = []
  var ipv4 = ""
  var ipv6 = ""
  var linkLocal: [String] = []
  var macAddress = ""
  var driverOptions: [String: String] = [:]
  var priority: Int64 = 0

  static func parse(_ text: String) throws(ValueError) -> NetworkSpec {
    guard text.contains("=") else { return NetworkSpec(name: text.trimmed) }
    var spec = NetworkSpec(name: "")
    for field in CSV.fields(text) {
      let (rawKey, rawValue) = field.cut("=")
      guard let rawValue else { throw ValueError("invalid field \(field)") }
      let (key, value) = (rawKey.trimmed.lowercased(), rawValue.trimmed.lowercased())
      switch key {
      case "name": spec.name = value
      case "alias": spec.aliases.append(value)
      case "ip": spec.ipv4 = value
      case "ip6": spec.ipv6 = value
      case "mac-address": spec.macAddress = value
      case "link-local-ip": spec.linkLocal.append(value)
      case "driver-opt":
        let (option, setting) = value.cut("=")
        guard let setting, !option.isEmpty else { throw ValueError("invalid key value pair format in driver options") }
        spec.driverOptions[option.trimmed] = setting.trimmed
      case "gw-priority":
        guard let priority = Int64(value) else {
          throw ValueError(
            "invalid gw-priority (\(value)): invalid syntax")
        }
        spec.priority = priority
      default: throw ValueError("invalid field key \(rawKey)")
      }
    }
    guard !spec.name.isEmpty else { throw ValueError("network name/id is not specified") }
    return spec
  }

  /// What stands under this network in `EndpointsConfig`, as the genuine client writes EndpointSettings.
  var endpoint: JSON {
    var ipam: JSON = .null
    if !ipv4.isEmpty || !ipv6.isEmpty || !linkLocal.isEmpty {
      var object: JSONObject = [:]
      if !ipv4.isEmpty { object["IPv4Address"] = .string(ipv4) }
      if !ipv6.isEmpty { object["IPv6Address"] = .string(ipv6) }
      if !linkLocal.isEmpty { object["LinkLocalIPs"] = JSON(linkLocal) }
      ipam = .object(object)
    }
    return NetworkSpec.endpoint(
      ipam: ipam, links: links.isEmpty ? .null : JSON(links), aliases: aliases.isEmpty ? .null : JSON(aliases),
      macAddress: macAddress, driverOptions: driverOptions.isEmpty ? .null : JSON(driverOptions), priority: priority)
  }

  static func endpoint(
    ipam: JSON, links: JSON, aliases: JSON, macAddress: String, driverOptions: JSON, priority: Int64
  ) -> JSON {
    .object(
      JSONObject([
        .init("IPAMConfig", ipam), .init("Links", links), .init("Aliases", aliases),
        .init("MacAddress", .string(macAddress)), .init("DriverOpts", driverOptions),
        .init("GwPriority", .int(priority)), .init("NetworkID", ""), .init("EndpointID", ""), .init("Gateway", ""),
        .init("IPAddress", ""), .init("IPPrefixLen", 0), .init("IPv6Gateway", ""), .init("GlobalIPv6Address", ""),
        .init("GlobalIPv6PrefixLen", 0), .init("DNSNames", .null),
      ]))
  }

  /// User-defined: none of docker's own network modes.
  var isUserDefined: Bool {
    !["default", "bridge", "host", "none"].contains(name) && !name.hasPrefix("container:")
  }
}
