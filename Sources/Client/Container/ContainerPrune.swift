import JSONTree

extension Command {
  static let containerPrune = Command(
    "prune", usage: "[OPTIONS]", short: "Remove all stopped containers",
    flags: [
      Flag("filter", .filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
      Flag("force", "f", .bool(false), "Do not prompt for confirmation"),
    ]
  ) { invocation in
    guard try await invocation.confirm("WARNING! This will remove all stopped containers.") else { return 0 }
    let (text, reclaimed) = try await invocation.session.pruneContainers(
      Filters.parse(invocation.flags.values("filter")))
    try await invocation.out(text + "Total reclaimed space: \(Sizes.human(reclaimed))\n")
    return 0
  }
}

extension Invocation {
  /// Asks before something is removed; `--force` answers yes.
  func confirm(_ warning: String) async throws -> Bool {
    if flags.bool("force") { return true }
    return try await session.confirm(warning + "\nAre you sure you want to continue? [y/N] ")
  }
}

extension Session {
  /// Prints a question and reads the answer from standard input.
  func confirm(_ question: String) async throws -> Bool {
    try await out(question)
    let answer = await readLine() ?? ""
    return answer.lowercased() == "y"
  }

  /// A line of standard input without its end; nil at the end of input.
  func readLine() async -> String? {
    var line: [UInt8] = []
    while let bytes = await environment.input.read(1) {
      if bytes[0] == 0x0a { return String(decoding: line, as: UTF8.self).trimmed }
      line += bytes
      if line.count > 65_536 { break }
    }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self).trimmed
  }

  private func pruneQuery(_ filters: [(String, String)]) -> [(String, String)] {
    Filters.encoded(filters).map { [("filters", $0)] } ?? []
  }

  private func listed(_ title: String, _ names: [String]) -> String {
    names.isEmpty ? "" : "\(title):\n" + names.map { $0 + "\n" }.joined() + "\n"
  }

  func pruneContainers(_ filters: [(String, String)]) async throws -> (text: String, reclaimed: Int64) {
    let report = try await json(request("POST", "/containers/prune", query: pruneQuery(filters)))
    return (listed("Deleted Containers", report["ContainersDeleted"]?.strings ?? []), report.number("SpaceReclaimed"))
  }

  func pruneNetworks(_ filters: [(String, String)]) async throws -> String {
    let report = try await json(request("POST", "/networks/prune", query: pruneQuery(filters)))
    return listed("Deleted Networks", report["NetworksDeleted"]?.strings ?? [])
  }

  /// - Parameter all: named volumes too.
  func pruneVolumes(_ filters: [(String, String)], all: Bool) async throws -> (text: String, reclaimed: Int64) {
    let filters = all ? filters + [("all", "true")] : filters
    let report = try await json(request("POST", "/volumes/prune", query: pruneQuery(filters)))
    return (listed("Deleted Volumes", report["VolumesDeleted"]?.strings ?? []), report.number("SpaceReclaimed"))
  }

  /// - Parameter all: every image that no container uses, not only those without a name.
  func pruneImages(_ filters: [(String, String)], all: Bool) async throws -> (text: String, reclaimed: Int64) {
    let filters = filters + [("dangling", all ? "false" : "true")]
    let report = try await json(request("POST", "/images/prune", query: pruneQuery(filters)))
    let lines = (report["ImagesDeleted"]?.array ?? []).map { image in
      image.text("Untagged").isEmpty ? "deleted: \(image.text("Deleted"))" : "untagged: \(image.text("Untagged"))"
    }
    return (listed("Deleted Images", lines), report.number("SpaceReclaimed"))
  }

  func pruneBuildCache(_ filters: [(String, String)], all: Bool) async throws -> (text: String, reclaimed: Int64) {
    var query = [("filters", Filters.encoded(filters) ?? "")]
    if all { query.append(("all", "1")) }
    let report = try await json(request("POST", "/build/prune", query: query))
    return (
      listed("Deleted build cache objects", report["CachesDeleted"]?.strings ?? []), report.number("SpaceReclaimed")
    )
  }
}
