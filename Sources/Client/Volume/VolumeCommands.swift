import JSONTree

extension Command {
  static let volumeCreate = Command(
    "create", usage: "[OPTIONS] [VOLUME]", short: "Create a volume", rule: .atMost(1),
    flags: [
      Flag(
        "availability", .string("active"),
        "Cluster Volume availability (\"active\", \"pause\", \"drain\") (default \"active\")"),
      Flag("driver", "d", .string("local"), "Specify volume driver name (default \"local\")"),
      Flag("group", .string(""), "Cluster Volume group (cluster volumes)"),
      Flag("label", .list(.label), "Set metadata for a volume"),
      Flag("limit-bytes", .bytes, "Minimum size of the Cluster Volume in bytes"),
      Flag("opt", "o", .map(.any), "Set driver specific options (default map[])"),
      Flag("required-bytes", .bytes, "Maximum size of the Cluster Volume in bytes"),
      Flag("scope", .string("single"), "Cluster Volume access scope (\"single\", \"multi\") (default \"single\")"),
      Flag("secret", .map(.any), "Cluster Volume secrets (default map[])"),
      Flag(
        "sharing", .string("none"),
        "Cluster Volume access sharing (\"none\", \"readonly\", \"onewriter\", \"all\") (default \"none\")"),
      Flag("topology-preferred", .list(.any), "A topology that the Cluster Volume would be preferred in"),
      Flag("topology-required", .list(.any), "A topology that the Cluster Volume must be accessible from"),
      Flag(
        "type", .string("block"), "Cluster Volume access type (\"mount\", \"block\") (default \"block\")",
        completes: .words(Words.objectTypes)),
      Flag("name", .string(""), "Specify volume name", isHidden: true),
    ]
  ) { invocation in
    let flags = invocation.flags
    guard flags.string("name").isEmpty || invocation.argument.isEmpty else {
      throw CommandError(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg")
    }
    let name = invocation.argument.isEmpty ? flags.string("name") : invocation.argument
    var body: JSONObject = ["Driver": .string(flags.string("driver"))]
    let (options, labels) = (flags.map("opt"), flags.map("label"))
    if !options.isEmpty { body["DriverOpts"] = JSON(options) }
    if !labels.isEmpty { body["Labels"] = JSON(labels) }
    if !name.isEmpty { body["Name"] = .string(name) }
    let answer = try await invocation.session.json(request("POST", "/volumes/create", body: .object(body)))
    try await invocation.line(answer.text("Name"))
    return 0
  }

  static let volumeRemove = Command(
    "rm", aliases: ["remove"], usage: "[OPTIONS] VOLUME [VOLUME...]", short: "Remove one or more volumes",
    long: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    spellings: "docker volume rm, docker volume remove", rule: .atLeast(1),
    flags: [
      Flag("force", "f", .bool(false), "Force the removal of one or more volumes")
    ], completes: [.volumes]
  ) { invocation in
    try await invocation.forEach(invocation.arguments) { name in
      try await invocation.session.send(
        request(
          "DELETE", "/volumes/{name}", ["name": name], query: invocation.flags.bool("force") ? [("force", "1")] : []))
      return name
    }
  }

  static let volumePrune = Command(
    "prune", usage: "[OPTIONS]", short: "Remove unused local volumes",
    flags: [
      Flag("all", "a", .bool(false), "Remove all unused volumes, not just anonymous ones"),
      Flag("filter", .filter, "Provide filter values (e.g. \"label=<label>\")"),
      Flag("force", "f", .bool(false), "Do not prompt for confirmation"),
    ]
  ) { invocation in
    let all = invocation.flags.bool("all")
    let warning =
      all
      ? "WARNING! This will remove all local volumes not used by at least one container."
      : "WARNING! This will remove anonymous local volumes not used by at least one container."
    guard try await invocation.confirm(warning) else { return 0 }
    let (text, reclaimed) = try await invocation.session.pruneVolumes(
      Filters.parse(invocation.flags.values("filter")), all: all)
    try await invocation.out(text + "Total reclaimed space: \(Sizes.human(reclaimed))\n")
    return 0
  }
}
