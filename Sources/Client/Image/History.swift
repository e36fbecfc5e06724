import JSONTree

/// A step in the making of an image.
struct HistoryRow: Sendable {
  let json: JSON
  let truncates: Bool
  let isHuman: Bool
  let now: UInt64
  var created: Int64 { json.number("Created") }
}

extension Table where Source == HistoryRow {
  static func history(isHuman: Bool) -> Table {
    Table(
      typeName: "*image.historyContext",
      columns: [
        .init("Comment", "COMMENT") { .string($0.json.text("Comment")) },
        .init("CreatedAt", "CREATED AT") { row in
          .string(row.created <= 0 ? "N/A" : GoTime.rfc3339(row.created))
        },
        .init("CreatedBy", "CREATED BY") { row in
          let text = row.json.text("CreatedBy").replacing("\t", by: " ")
          return .string(row.truncates ? Show.ellipsis(text, 45) : text)
        },
        .init("CreatedSince", isHuman ? "CREATED" : "CREATED AT") { row in
          guard row.isHuman else { return .string(row.created <= 0 ? "N/A" : GoTime.rfc3339(row.created)) }
          return .string(row.created <= 0 ? "N/A" : HumanDuration.since(row.created, now: row.now))
        },
        .init("ID", "IMAGE") { row in
          .string(row.truncates ? Show.shortID(row.json.text("Id")) : row.json.text("Id"))
        },
        .init("Size", "SIZE") { row in
          let size = row.json.number("Size")
          return .string(row.isHuman ? Sizes.human(size, digits: 3) : String(size))
        },
      ])
  }
}

extension Command {
  static let imageHistory = Command(
    "history", usage: "[OPTIONS] IMAGE", short: "Show the history of an image",
    spellings: "docker image history, docker history", rule: .exactly(1),
    flags: [
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("human", "H", .bool(true), "Print sizes and dates in human readable format (default true)"),
      Flag("no-trunc", .bool(false), "Don't truncate output"),
      Flag(
        "platform", .string(""),
        "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        completes: .words(Words.platforms)),
      Flag("quiet", "q", .bool(false), "Only show image IDs"),
    ], completes: [.images]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let platform = try PlatformFlag.json(flags.string("platform"))
    let history = try await session.json(
      request(
        "GET", "/images/{name}/history", ["name": invocation.argument],
        query: platform.map { [("platform", $0)] } ?? []))
    let isHuman = flags.bool("human")
    let format = Layout.choose(
      flags.string("format"), preference: nil,
      standard: "table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}",
      quiet: flags.bool("quiet") ? "{{.ID}}" : nil)
    let rows = (history.array ?? []).map {
      HistoryRow(
        json: $0, truncates: !flags.bool("no-trunc"), isHuman: isHuman, now: session.environment.unixTime)
    }
    try await invocation.out(try Table.history(isHuman: isHuman).text(rows, format: format))
    return 0
  }
}
