import JSONTree

extension Command {
  static let systemPrune = Command(
    "prune", usage: "[OPTIONS]", short: "Remove unused data",
    flags: [
      Flag("all", "a", .bool(false), "Remove all unused images not just dangling ones"),
      Flag("filter", .filter, "Provide filter values (e.g. \"label=<key>=<value>\")"),
      Flag("force", "f", .bool(false), "Do not prompt for confirmation"),
      Flag("volumes", .bool(false), "Prune anonymous volumes"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let filters = Filters.parse(flags.values("filter"))
    let (all, volumes) = (flags.bool("all"), flags.bool("volumes"))
    if volumes, filters.contains(where: { $0.0 == "until" }) {
      throw CommandError("ERROR: The \"until\" filter is not supported with \"--volumes\"")
    }
    var warning = "WARNING! This will remove:\n  - all stopped containers\n"
    warning += "  - all networks not used by at least one container\n"
    if volumes { warning += "  - all anonymous volumes not used by at least one container\n" }
    warning += all ? "  - all images without at least one container associated to them\n" : "  - all dangling images\n"
    warning += all ? "  - all build cache\n" : "  - unused build cache\n"
    if !filters.isEmpty {
      warning += "\n  Items to be pruned will be filtered with:\n"
      for (name, value) in filters.sorted(by: { $0 < $1 }) { warning += "  - \(name)=\(value)\n" }
    }
    guard try await invocation.confirm(warning) else { return 0 }
    var reclaimed: Int64 = 0
    func report(_ part: (text: String, reclaimed: Int64)) async throws {
      reclaimed += part.reclaimed
      try await invocation.out(part.text)
    }
    try await report(try await session.pruneContainers(filters))
    try await invocation.out(try await session.pruneNetworks(filters))
    if volumes { try await report(try await session.pruneVolumes(filters, all: false)) }
    try await report(try await session.pruneImages(filters, all: all))
    try await report(try await session.pruneBuildCache(filters, all: all))
    try await invocation.line("Total reclaimed space: \(Sizes.human(reclaimed))")
    return 0
  }
}
