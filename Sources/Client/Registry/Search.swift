import JSONTree
import OCISpec

/// A repository that a search found.
struct SearchRow: Sendable {
  let json: JSON
  let truncates: Bool
}

extension Table where Source == SearchRow {
  static let search = Table(
    typeName: "*registry.searchContext",
    columns: [
      .init("Description", "DESCRIPTION") { row in
        let text = row.json.text("description").replacing("\n", by: " ").replacing("\r", by: " ")
        return .string(row.truncates ? Show.ellipsis(text, 45) : text)
      },
      .init("IsOfficial", "OFFICIAL") { .string($0.json.flag("is_official") ? "[OK]" : "") },
      .init("Name", "NAME") { .string($0.json.text("name")) },
      .init("StarCount", "STARS") { .string(String($0.json.number("star_count"))) },
    ])
}

extension Command {
  static let search = Command(
    "search", usage: "[OPTIONS] TERM", short: "Search Docker Hub for images", section: .common, rule: .exactly(1),
    flags: [
      Flag("filter", "f", .filter, "Filter output based on conditions provided"),
      Flag("format", .string(""), "Pretty-print search using a Go template", completes: .words(Words.formats)),
      Flag("limit", .int(0), "Max number of search results"),
      Flag("no-trunc", .bool(false), "Don't truncate output"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let term = invocation.argument
    var query = [("term", term)]
    if let filters = Filters.encoded(Filters.parse(flags.values("filter"))) { query.append(("filters", filters)) }
    if flags.int("limit") != 0 { query.append(("limit", String(flags.int("limit")))) }
    // A term may name a registry: reg.io/name.
    let head = term.cut("/").0
    let isRegistry = term.contains("/") && (head.contains(".") || head.contains(":") || head == "localhost")
    let auth = await RegistryAuth.header(
      key: isRegistry ? RegistryAuth.key(domain: head) : RegistryAuth.hub, session.environment)
    let found = try await session.json(request("GET", "/images/search", query: query, registryAuth: auth))
    let format = Layout.choose(
      flags.string("format"), preference: nil,
      standard: "table {{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}", quiet: nil)
    let isPlain = !Layout(format).isTable
    let rows = (found.array ?? []).map { SearchRow(json: $0, truncates: !flags.bool("no-trunc")) }
    let table = isPlain ? Table.searchPlain : Table.search
    try await invocation.out(try table.text(rows, format: format))
    return 0
  }
}

extension Table where Source == SearchRow {
  /// Outside of tables `IsOfficial` says true or false.
  static var searchPlain: Table {
    Table(
      typeName: search.typeName,
      columns: search.columns.map { column in
        guard column.name == "IsOfficial" else { return column }
        return TableColumn("IsOfficial", "OFFICIAL") { .string("\($0.json.flag("is_official"))") }
      })
  }
}
