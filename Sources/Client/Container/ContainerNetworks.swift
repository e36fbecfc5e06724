import JSONTree

extension ContainerSettings {
  /// The networks of the container: its `NetworkMode`, and the endpoints' settings.
  func networks() throws -> (mode: String, endpoints: JSON) {
    let given = flags.values("network").compactMap { try? NetworkSpec.parse($0) }
    if given.isEmpty {
      var spec = NetworkSpec(name: "default")
      try applyFlags(to: &spec)
      return ("default", .object(JSONObject([.init("default", spec.endpoint)])))
    }
    var endpoints: [String: JSON] = [:]
    for (index, network) in given.enumerated() {
      var spec = network
      if spec.name.isEmpty { throw ValueError("no name set for network") }
      if index == 0 { try applyFlags(to: &spec) }
      guard endpoints[spec.name] == nil else {
        throw ValueError("network \(GoQuote.string(spec.name)) is specified multiple times")
      }
      // A single network without settings of its own is left to the daemon.
      if given.count == 1, spec == NetworkSpec(name: spec.name) { continue }
      endpoints[spec.name] = spec.endpoint
    }
    if given.contains(where: \.isUserDefined), given.contains(where: { !$0.isUserDefined }) {
      throw ValueError(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes")
    }
    let sorted = endpoints.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return (given[0].name, .object(JSONObject(sorted)))
  }

  /// Flags that speak of the first network.
  private func applyFlags(to spec: inout NetworkSpec) throws(ValueError) {
    func conflict(_ flag: String, _ words: String) -> ValueError {
      ValueError("conflicting options: cannot specify both --\(flag) and per-network \(words)")
    }
    let (aliases, links) = (flags.values("network-alias"), flags.values("link"))
    if !spec.aliases.isEmpty, !aliases.isEmpty { throw conflict("network-alias", "alias") }
    if !spec.links.isEmpty, !links.isEmpty { throw conflict("link", "links") }
    if !spec.ipv4.isEmpty, !flags.string("ip").isEmpty { throw conflict("ip", "IPv4 address") }
    if !spec.ipv6.isEmpty, !flags.string("ip6").isEmpty { throw conflict("ip6", "IPv6 address") }
    if !spec.macAddress.isEmpty, !flags.string("mac-address").isEmpty { throw conflict("mac-address", "MAC address") }
    if !spec.linkLocal.isEmpty, !flags.values("link-local-ip").isEmpty {
      throw conflict("link-local-ip", "link-local IP addresses")
    }
    if !aliases.isEmpty {
      guard spec.isUserDefined else {
        throw ValueError("network-scoped aliases are only supported for user-defined networks")
      }
      spec.aliases = aliases
    }
    if !links.isEmpty, spec.isUserDefined { spec.links = links }
    if !flags.string("ip").isEmpty { spec.ipv4 = flags.string("ip") }
    if !flags.string("ip6").isEmpty { spec.ipv6 = flags.string("ip6") }
    if !flags.string("mac-address").isEmpty { spec.macAddress = flags.string("mac-address") }
    if !flags.values("link-local-ip").isEmpty { spec.linkLocal = flags.values("link-local-ip") }
  }
}
