import JSONTree

/// A kind of thing in `docker system df`.
struct UsageRow: Sendable {
  var type: String
  var total: Int
  var active: Int
  var size: Int64
  var reclaimable: Int64
  /// Build cache has no percentage when it is empty.
  var hasPercentage = true

  var reclaimableText: String {
    guard hasPercentage, size > 0 else { return Sizes.human(reclaimable) }
    let percent = reclaimable.multipliedReportingOverflow(by: 100).partialValue / size
    return "\(Sizes.human(reclaimable)) (\(percent)%)"
  }
}

extension Table where Source == UsageRow {
  static let usage = Table(
    typeName: "*formatter.diskUsageImagesContext",
    columns: [
      .init("Active", "ACTIVE") { .string(String($0.active)) },
      .init("Reclaimable", "RECLAIMABLE") { .string($0.reclaimableText) },
      .init("Size", "SIZE") { .string(Sizes.human($0.size)) },
      .init("TotalCount", "TOTAL") { .string(String($0.total)) },
      .init("Type", "TYPE") { .string($0.type) },
    ])
}

/// A build cache record in `docker system df -v`.
struct BuildCacheRow: Sendable {
  let json: JSON
  let now: UInt64
  var isInUse: Bool { json.flag("InUse") }
  func ago(_ key: String) -> String {
    GoTime.parse(json.text(key)).map { HumanDuration.since($0.seconds, now: now) } ?? ""
  }
}

extension Table where Source == BuildCacheRow {
  static let buildCache = Table(
    typeName: "*formatter.buildCacheContext",
    columns: [
      .init("ID", "CACHE ID") { row in .string(Show.shortID(row.json.text("ID")) + (row.isInUse ? "*" : "")) },
      .init("CacheType", "CACHE TYPE") { .string($0.json.text("Type")) },
      .init("Size", "SIZE") { .string(Sizes.human($0.json.number("Size"), digits: 3)) },
      .init("CreatedSince", "CREATED") { .string($0.ago("CreatedAt")) },
      .init("LastUsedSince", "LAST USED") { .string($0.ago("LastUsedAt")) },
      .init("UsageCount", "USAGE") { .string(String($0.json.number("UsageCount"))) },
      .init("Shared", "SHARED") { .string("\($0.json.flag("Shared"))") },
    ])
}

extension Command {
  static let systemDiskUsage = Command(
    "df", usage: "[OPTIONS]", short: "Show docker disk usage",
    flags: [
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("verbose", "v", .bool(false), "Show detailed information on space usage"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let usage = try await session.json(request("GET", "/system/df"))
    let format = flags.string("format")
    if flags.bool("verbose"), format.isEmpty || format == "table" {
      try await invocation.out(try verboseUsage(usage, now: session.environment.unixTime))
      return 0
    }
    let rows = [imageUsage(usage), containerUsage(usage), volumeUsage(usage), cacheUsage(usage)]
    let layout = Layout.choose(
      format, preference: nil,
      standard: "table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}", quiet: nil)
    try await invocation.out(try Table.usage.text(rows, format: layout))
    return 0
  }

  private static func imageUsage(_ usage: JSON) -> UsageRow {
    let images = usage["Images"]?.array ?? []
    var used: Int64 = 0
    for image in images where image.number("Containers") != 0 {
      let (size, shared) = (image.number("Size"), image.number("SharedSize"))
      if size == -1 || shared == -1 { continue }
      used += size - shared
    }
    let total = usage.number("LayersSize")
    return UsageRow(
      type: "Images", total: images.count, active: images.count { $0.number("Containers") > 0 }, size: total,
      reclaimable: total - used)
  }

  private static func containerUsage(_ usage: JSON) -> UsageRow {
    let containers = usage["Containers"]?.array ?? []
    func isActive(_ container: JSON) -> Bool {
      ["running", "paused", "restarting"].contains(container.text("State").lowercased())
    }
    return UsageRow(
      type: "Containers", total: containers.count, active: containers.count(where: isActive),
      size: containers.reduce(0) { $0 + $1.number("SizeRw") },
      reclaimable: containers.filter { !isActive($0) }.reduce(0) { $0 + $1.number("SizeRw") })
  }

  private static func volumeUsage(_ usage: JSON) -> UsageRow {
    let volumes = usage["Volumes"]?.array ?? []
    func size(_ volume: JSON) -> Int64 { max(0, volume.number("UsageData", "Size")) }
    return UsageRow(
      type: "Local Volumes", total: volumes.count, active: volumes.count { $0.number("UsageData", "RefCount") > 0 },
      size: volumes.reduce(0) { $0 + size($1) },
      reclaimable: volumes.filter { $0.number("UsageData", "RefCount") == 0 }.reduce(0) { $0 + size($1) })
  }

  private static func cacheUsage(_ usage: JSON) -> UsageRow {
    let records = usage["BuildCache"]?.array ?? []
    let size = records.reduce(Int64(0)) { $1.flag("Shared") ? $0 : $0 + $1.number("Size") }
    let used = records.filter { $0.flag("InUse") && !$0.flag("Shared") }.reduce(Int64(0)) { $0 + $1.number("Size") }
    return UsageRow(
      type: "Build Cache", total: records.count, active: records.count { $0.flag("InUse") }, size: size,
      reclaimable: size - used, hasPercentage: false)
  }

  private static func verboseUsage(_ usage: JSON, now: UInt64) throws(CommandError) -> String {
    let images = (usage["Images"]?.array ?? []).flatMap {
      ImageRow.rows($0, truncates: true, showsDigests: false, now: now)
    }
    var out = "Images space usage:\n\n"
    out += try Table.images.text(
      images,
      format: "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t"
        + "{{.UniqueSize}}\\t{{.Containers}}")
    out += "\nContainers space usage:\n\n"
    out += try Table.containers.text(
      (usage["Containers"]?.array ?? []).map { ContainerRow(json: $0, truncates: true, now: now) },
      format: "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t"
        + "{{.Status}}\\t{{.Names}}")
    out += "\nLocal Volumes space usage:\n\n"
    out += try Table.volumes.text(
      (usage["Volumes"]?.array ?? []).map { VolumeRow(json: $0) }, format: "table {{.Name}}\\t{{.Links}}\\t{{.Size}}")
    let cache = (usage["BuildCache"]?.array ?? []).map { BuildCacheRow(json: $0, now: now) }
    let total = cache.reduce(Int64(0)) { $1.json.flag("Shared") ? $0 : $0 + $1.json.number("Size") }
    out += "\nBuild cache usage: \(Sizes.human(total))\n\n"
    out += try Table.buildCache.text(
      cache,
      format: "table {{.ID}}\\t{{.CacheType}}\\t{{.Size}}\\t{{.CreatedSince}}\\t{{.LastUsedSince}}\\t{{.UsageCount}}\\t"
        + "{{.Shared}}")
    return out
  }
}
