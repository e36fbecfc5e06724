import JSONTree

/// A network in `docker network ls`.
struct NetworkRow: Sendable {
  let json: JSON
  let truncates: Bool
}

extension Table where Source == NetworkRow {
  static let networks = Table(
    typeName: "*network.networkContext",
    columns: [
      .init("CreatedAt", "CREATED AT") { row in
        guard let (seconds, nanoseconds) = GoTime.parse(row.json.text("Created")) else {
          return "0001-01-01 00:00:00 +0000 UTC"
        }
        return .string(GoTime.string(seconds: seconds, nanoseconds: nanoseconds))
      },
      .init("Driver", "DRIVER") { .string($0.json.text("Driver")) },
      .init("ID", "NETWORK ID") { row in
        .string(row.truncates ? Show.shortID(row.json.text("Id")) : row.json.text("Id"))
      },
      .init("IPv4", "IPV4") { .string("\($0.json.flag("EnableIPv4"))") },
      .init("IPv6", "IPV6") { .string("\($0.json.flag("EnableIPv6"))") },
      .init("Internal", "INTERNAL") { .string("\($0.json.flag("Internal"))") },
      .init("Labels", "LABELS") { .string(Show.labels($0.json["Labels"])) },
      .init("Name", "NAME") { .string($0.json.text("Name")) },
      .init("Scope", "SCOPE") { .string($0.json.text("Scope")) },
      .init(method: "Label") { Show.label($0.json["Labels"], $1) },
    ])
}

extension Command {
  static let networkList = Command(
    "ls", aliases: ["list"], usage: "[OPTIONS]", short: "List networks",
    spellings: "docker network ls, docker network list",
    flags: [
      Flag("filter", "f", .filter, "Provide filter values (e.g. \"driver=bridge\")"),
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("no-trunc", .bool(false), "Do not truncate the output"),
      Flag("quiet", "q", .bool(false), "Only display network IDs"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let filters = Filters.encoded(Filters.parse(flags.values("filter")))
    let networks = try await session.json(
      request("GET", "/networks", query: filters.map { [("filters", $0)] } ?? []))
    let quiet = flags.bool("quiet")
    var format = Layout.choose(
      flags.string("format"), preference: session.environment.configuration.preference("networksFormat"),
      standard: "table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}", quiet: quiet ? "{{.ID}}" : nil)
    if flags.string("format") == "raw" {
      format =
        quiet
        ? "network_id: {{.ID}}"
        : "network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n"
    }
    let rows = (networks.array ?? []).sorted { Show.naturalOrder($0.text("Name"), $1.text("Name")) }.map {
      NetworkRow(json: $0, truncates: !flags.bool("no-trunc"))
    }
    try await invocation.out(try Table.networks.text(rows, format: format))
    return 0
  }
}
