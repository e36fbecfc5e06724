import JSONTree

/// A volume in `docker volume ls` and `docker system df -v`.
struct VolumeRow: Sendable {
  let json: JSON
}

extension Table where Source == VolumeRow {
  static let volumes = Table(
    typeName: "*formatter.volumeContext",
    columns: [
      .init("Availability", "AVAILABILITY") { _ in "N/A" },
      .init("Driver", "DRIVER") { .string($0.json.text("Driver")) },
      .init("Group", "GROUP") { _ in "N/A" },
      .init("Labels", "LABELS") { .string(Show.labels($0.json["Labels"])) },
      .init("Links", "LINKS") { row in
        .string(row.json["UsageData"]?["RefCount"]?.int.map { String($0) } ?? "N/A")
      },
      .init("Mountpoint", "MOUNTPOINT") { .string($0.json.text("Mountpoint")) },
      .init("Name", "VOLUME NAME") { .string($0.json.text("Name")) },
      .init("Scope", "SCOPE") { .string($0.json.text("Scope")) },
      .init("Size", "SIZE") { row in
        .string(row.json["UsageData"]?["Size"]?.int.map { Sizes.human(Int64($0)) } ?? "N/A")
      },
      .init("Status", "STATUS") { _ in "N/A" },
      .init(method: "Label") { Show.label($0.json["Labels"], $1) },
    ])
}

extension Command {
  static let volumeList = Command(
    "ls", aliases: ["list"], usage: "[OPTIONS]", short: "List volumes",
    spellings: "docker volume ls, docker volume list",
    flags: [
      Flag("cluster", .bool(false), "Display only cluster volumes, and use cluster volume list formatting"),
      Flag("filter", "f", .filter, "Provide filter values (e.g. \"dangling=true\")"),
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("quiet", "q", .bool(false), "Only display volume names"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let filters = Filters.encoded(Filters.parse(flags.values("filter")))
    let answer = try await session.json(
      request("GET", "/volumes", query: filters.map { [("filters", $0)] } ?? []))
    let quiet = flags.bool("quiet")
    var format = Layout.choose(
      flags.string("format"), preference: session.environment.configuration.preference("volumesFormat"),
      standard: "table {{.Driver}}\\t{{.Name}}", quiet: quiet ? "{{.Name}}" : nil)
    if flags.string("format") == "raw" {
      format = quiet ? "name: {{.Name}}" : "name: {{.Name}}\\ndriver: {{.Driver}}\\n"
    }
    let rows = (answer["Volumes"]?.array ?? []).sorted { Show.naturalOrder($0.text("Name"), $1.text("Name")) }.map {
      VolumeRow(json: $0)
    }
    try await invocation.out(try Table.volumes.text(rows, format: format))
    return 0
  }
}
