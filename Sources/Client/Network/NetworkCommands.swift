import JSONTree

extension Command {
  static let networkConnect = Command(
    "connect", usage: "[OPTIONS] NETWORK CONTAINER", short: "Connect a container to a network", rule: .exactly(2),
    flags: [
      Flag("alias", .strings, "Add network-scoped alias for the container"),
      Flag("driver-opt", .strings, "driver options for the network"),
      Flag(
        "gw-priority", .int(0),
        "Highest gw-priority provides the default gateway. Accepts positive and negative values."),
      Flag("ip", .string(""), "IPv4 address (e.g., \"172.30.100.104\")"),
      Flag("ip6", .string(""), "IPv6 address (e.g., \"2001:db8::33\")"),
      Flag("link", .list(.link), "Add link to another container", completes: .containers),
      Flag("link-local-ip", .strings, "Add a link-local address for the container"),
    ], completes: [.networks, .containers]
  ) { invocation in
    let flags = invocation.flags
    var options: [String: String] = [:]
    for option in flags.separated("driver-opt") {
      let (key, value) = option.cut("=")
      guard let value, !key.isEmpty else { throw CommandError("invalid key/value pair format in driver options") }
      options[key.trimmed] = value.trimmed
    }
    var ipam: JSONObject = [:]
    if !flags.string("ip").isEmpty { ipam["IPv4Address"] = .string(flags.string("ip")) }
    if !flags.string("ip6").isEmpty { ipam["IPv6Address"] = .string(flags.string("ip6")) }
    if flags.isSet("link-local-ip") { ipam["LinkLocalIPs"] = JSON(flags.separated("link-local-ip")) }
    let links = flags.values("link")
    let endpoint = NetworkSpec.endpoint(
      ipam: .object(ipam), links: links.isEmpty ? .null : JSON(links), aliases: JSON(flags.separated("alias")),
      macAddress: "", driverOptions: JSON(options), priority: flags.int("gw-priority"))
    try await invocation.session.send(
      request(
        "POST", "/networks/{id}/connect", ["id": invocation.arguments[0]],
        body: ["Container": .string(invocation.arguments[1]), "EndpointConfig": endpoint]))
    return 0
  }

  static let networkDisconnect = Command(
    "disconnect", usage: "[OPTIONS] NETWORK CONTAINER", short: "Disconnect a container from a network",
    rule: .exactly(2),
    flags: [
      Flag("force", "f", .bool(false), "Force the container to disconnect from a network")
    ], completes: [.networks, .containers]
  ) { invocation in
    try await invocation.session.send(
      request(
        "POST", "/networks/{id}/disconnect", ["id": invocation.arguments[0]],
        body: ["Container": .string(invocation.arguments[1]), "Force": .bool(invocation.flags.bool("force"))]))
    return 0
  }

  static let networkRemove = Command(
    "rm", aliases: ["remove"], usage: "NETWORK [NETWORK...]", short: "Remove one or more networks",
    spellings: "docker network rm, docker network remove", rule: .atLeast(1),
    flags: [
      Flag("force", "f", .bool(false), "Do not error if the network does not exist")
    ], completes: [.networks]
  ) { invocation in
    var hasFailed = false
    for name in invocation.arguments {
      // The ingress network is worth a question.
      if let network = try? await invocation.session.inspectNetwork(name), network.flag("Ingress") {
        let question =
          "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same "
          + "docker "
          + "engine version. Otherwise, removal may not be effective and functionality of newly create ingress "
          + "networks "
          + "will be impaired.\nAre you sure you want to continue? [y/N] "
        guard try await invocation.session.confirm(question) else { continue }
      }
      do {
        try await invocation.session.send(request("DELETE", "/networks/{id}", ["id": name]))
        try await invocation.line(name)
      } catch let error as DaemonError {
        if invocation.flags.bool("force"), error.isNotFound { continue }
        try await invocation.err(error.description + "\n")
        hasFailed = true
      }
    }
    if hasFailed { throw CommandError("exit status 1") }
    return 0
  }

  static let networkPrune = Command(
    "prune", usage: "[OPTIONS]", short: "Remove all unused networks",
    flags: [
      Flag("filter", .filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
      Flag("force", "f", .bool(false), "Do not prompt for confirmation"),
    ]
  ) { invocation in
    guard
      try await invocation.confirm(
        "WARNING! This will remove all custom networks not used by at least one container.")
    else { return 0 }
    try await invocation.out(
      try await invocation.session.pruneNetworks(Filters.parse(invocation.flags.values("filter"))))
    return 0
  }
}
