import JSONTree

extension Command {
  static let imageList = Command(
    "ls", aliases: ["list"], usage: "[OPTIONS] [REPOSITORY[:TAG]]", short: "List images",
    spellings: "docker image ls, docker image list, docker images", rule: .atMost(1),
    flags: [
      Flag("all", "a", .bool(false), "Show all images (default hides intermediate images)"),
      Flag("digests", .bool(false), "Show digests"),
      Flag("filter", "f", .filter, "Filter output based on conditions provided"),
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("no-trunc", .bool(false), "Don't truncate output"),
      Flag("quiet", "q", .bool(false), "Only show image IDs"),
      Flag("tree", .bool(false), "List multi-platform images as a tree (EXPERIMENTAL)"),
    ], completes: [.images]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    if flags.bool("tree") { return try await imageTree(invocation) }
    var filters = Filters.parse(flags.values("filter"))
    if !invocation.argument.isEmpty { filters.append(("reference", invocation.argument)) }
    let images = try await session.json(
      request("GET", "/images/json", query: imageQuery(flags, filters)))
    let quiet = flags.bool("quiet")
    let given = flags.string("format")
    let digestColumn = flags.bool("digests") ? "{{.Digest}}\\t" : ""
    var format = Layout.choose(
      given, preference: session.environment.configuration.preference("imagesFormat"),
      standard: "table {{.Repository}}\\t{{.Tag}}\\t\(digestColumn){{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}",
      quiet: quiet ? "{{.ID}}" : nil)
    if given == "raw" {
      format =
        quiet
        ? "image_id: {{.ID}}"
        : "repository: {{ .Repository }}\\ntag: {{.Tag}}\\n\(flags.bool("digests") ? "digest: {{.Digest}}\\n" : "")"
          + "image_id: {{.ID}}\\ncreated_at: {{.CreatedAt}}\\nvirtual_size: {{.Size}}\\n"
    }
    let needsDigests = format.contains("{{.Digest}}")
    let rows = (images.array ?? []).flatMap {
      ImageRow.rows(
        $0, truncates: !flags.bool("no-trunc"), showsDigests: flags.bool("digests"),
        needsDigests: needsDigests, now: session.environment.unixTime)
    }
    try await invocation.out(try Table.images.text(rows, format: format))
    return 0
  }

  static func imageQuery(_ flags: Flags, _ filters: [(String, String)]) -> [(String, String)] {
    var query: [(String, String)] = []
    if flags.bool("all") { query.append(("all", "1")) }
    if let text = Filters.encoded(filters) { query.append(("filters", text)) }
    return query
  }

  /// `--tree`: each image with the platforms that are here.
  private static func imageTree(_ invocation: Invocation) async throws -> Int32 {
    let (session, flags) = (invocation.session, invocation.flags)
    for (flag, isGiven) in [
      ("quiet", flags.bool("quiet")), ("digests", flags.bool("digests")), ("no-trunc", flags.bool("no-trunc")),
      ("format", !flags.string("format").isEmpty),
    ] where isGiven {
      throw CommandError("--\(flag) is not yet supported with --tree")
    }
    var filters = Filters.parse(flags.values("filter"))
    if !invocation.argument.isEmpty { filters.append(("reference", invocation.argument)) }
    let images = try await session.json(
      request("GET", "/images/json", query: imageQuery(flags, filters) + [("manifests", "1")]))
    try await invocation.err(
      "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.\n")
    var text = "IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tEXTRA\n"
    for image in images.array ?? [] {
      let names = image["RepoTags"]?.strings ?? []
      for name in names.dropLast() { text += "\(name)\t\t\t\t\n" }
      let manifests = (image["Manifests"]?.array ?? []).filter { $0.text("Kind") == "image" }
      let content = manifests.reduce(Int64(0)) { $0 + $1.number("Size", "Content") }
      let isUsed = (image["Containers"]?.int ?? 0) > 0
      text += "\(names.last ?? "<untagged>")\t\(Show.shortID(image.text("Id")))\t"
      text +=
        "\(Sizes.human(image.number("Size"), digits: 3))\t\(Sizes.human(content, digits: 3))\t\(isUsed ? "U" : "")\n"
      for manifest in manifests where manifest.flag("Available") {
        let data = manifest["ImageData"] ?? [:]
        let parts = ["os", "architecture", "variant"].map { data.text("Platform", $0) }.filter { !$0.isEmpty }
        text += "└─ \(parts.joined(separator: "/"))\t\(Show.shortID(manifest.text("ID")))\t"
        text += "\(Sizes.human(manifest.number("Size", "Total"), digits: 3))\t"
        text += "\(Sizes.human(manifest.number("Size", "Content"), digits: 3))\t"
        text += data["Containers"]?.array?.isEmpty == false ? "U\n" : "\n"
      }
    }
    try await invocation.out(TabWriter.align(text))
    return 0
  }
}
