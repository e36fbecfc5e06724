import JSONTree

extension Command {
  static let containerList = Command(
    "ls", aliases: ["list", "ps"], usage: "[OPTIONS]", short: "List containers",
    spellings: "docker container ls, docker container list, docker container ps, docker ps",
    flags: [
      Flag("all", "a", .bool(false), "Show all containers (default shows just running)"),
      Flag("filter", "f", .filter, "Filter output based on conditions provided"),
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("last", "n", .int(-1), "Show n last created containers (includes all states) (default -1)"),
      Flag("latest", "l", .bool(false), "Show the latest created container (includes all states)"),
      Flag("no-trunc", .bool(false), "Don't truncate output"),
      Flag("quiet", "q", .bool(false), "Only display container IDs"),
      Flag("size", "s", .bool(false), "Display total file sizes"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let quiet = flags.bool("quiet")
    let given = flags.string("format")
    var showsSize = flags.bool("size")
    var format = Layout.choose(
      given, preference: session.environment.configuration.preference("psFormat"),
      standard: Table<ContainerRow>.containersLayout(withSize: showsSize), quiet: quiet ? "{{.ID}}" : nil)
    if given == "raw" {
      format = quiet ? "container_id: {{.ID}}" : Table<ContainerRow>.containersRaw(withSize: showsSize)
    }
    if !given.isEmpty, given != "table", given != "raw", given != "json" {
      showsSize = try needsSize(format) || showsSize
    }
    var query: [(String, String)] = []
    if flags.bool("all") { query.append(("all", "1")) }
    let last = flags.bool("latest") ? 1 : flags.int("last")
    if last > 0 { query.append(("limit", String(last))) }
    if showsSize { query.append(("size", "1")) }
    if let filters = Filters.encoded(Filters.parse(flags.values("filter"))) { query.append(("filters", filters)) }
    let containers = try await session.json(request("GET", "/containers/json", query: query))
    let rows = (containers.array ?? []).map {
      ContainerRow(json: $0, truncates: !flags.bool("no-trunc"), now: session.environment.unixTime)
    }
    try await invocation.out(try Table.containers.text(rows, format: format))
    return 0
  }

  /// Tries the template before anything is asked: sizes are dear for the daemon, and wrong templates need no request.
  private static func needsSize(_ format: String) throws(CommandError) -> Bool {
    let text = format.replacing("\\t", by: "\t").replacing("\\n", by: "\n")
    let template: Template
    do { template = try Template(text) } catch { throw CommandError("failed to parse template: \(error)") }
    do {
      let row = ContainerRow(json: [:], truncates: true, now: 0)
      _ = try template.execute(.context(TableRow(table: .containers, source: row)))
    } catch {
      throw CommandError("failed to execute template: \(error)")
    }
    return template.mentions("Size")
  }
}
