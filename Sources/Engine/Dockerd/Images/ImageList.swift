import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `GET /images/json`: an entry for each target, with all its tags.
  func listResponse(_ request: APIRequest) async throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    let images = try await summaries(
      filters: filters, all: request.flag("all"), sharedSize: request.flag("shared-size"),
      manifests: request.flag("manifests"))
    return APIResponse(200, .json(.array(images)))
  }

  /// Engine API `ImageSummary` of the images, newest first.
  func summaries(filters: APIFilters = APIFilters(), all: Bool, sharedSize: Bool, manifests: Bool) async throws
    -> [JSON]
  {
    try filters.validate(["dangling", "label", "label!", "before", "since", "reference", "until"])
    let accept = try await imageFilter(filters)
    let records = try await store.list()

    // Parents of the classic builder's images are shown only on request.
    var intermediate: Set<Digest> = []
    if !all { intermediate = Set(records.compactMap { $0.labels[ImageStore.parentLabel].flatMap(Digest.init) }) }

    var order: [Digest] = []
    var unique: [Digest: ImageRecord] = [:]
    var tags: [Digest: [String]] = [:]
    for record in records {
      let isDangling = ImageStore.isDangling(record)
      let digest = record.target.digest
      if isDangling, intermediate.contains(digest) { continue }
      guard try await accept(record) else { continue }
      if unique[digest] == nil { order.append(digest) }
      if isDangling {
        if unique[digest] == nil { unique[digest] = record }
        continue
      }
      unique[digest] = record
      tags[digest, default: []].append(ImageStore.familiarName(record))
    }

    let users = await containersByImage()
    var entries: [(created: Int64, json: JSON, overview: ImageOverview)] = []
    for digest in order {
      guard let record = unique[digest] else { continue }
      let overview = try await overview(record, containers: users)
      entries.append(summary(record, overview, tags: tags[digest] ?? [], manifests: manifests))
    }
    if sharedSize { try await addSharedSizes(&entries) }
    return entries.enumerated().sorted { a, b in
      (b.element.created, a.offset) < (a.element.created, b.offset)
    }.map(\.element.json)
  }

  /// The ids of the containers of each image.
  func containersByImage() async -> [Digest: [String]] {
    var users: [Digest: [String]] = [:]
    for container in await daemon.containers.all() { users[container.imageID, default: []].append(container.id) }
    return users
  }

  private func summary(_ record: ImageRecord, _ overview: ImageOverview, tags: [String], manifests: Bool)
    -> (created: Int64, json: JSON, overview: ImageOverview)
  {
    let id = record.target.digest.description
    let created = Int64(overview.config?.created.flatMap(RFC3339Time.parse).map { $0 / 1_000_000_000 } ?? 0)
    var digests: [String] = []
    if overview.best == nil {
      digests = [id]
    } else if !ImageStore.isDangling(record), let reference = try? ImageReference(record.name) {
      digests = ["\(reference.familiarName)@\(id)"]
    }
    var object: JSONObject = [
      "Containers": .int(overview.best == nil ? -1 : Int64(overview.containerCount)), "Created": .int(created),
      "Id": .string(id),
      "Labels": overview.best == nil ? .null : JSON(overview.config?.config?.labels ?? [:]),
      "ParentId": .string(record.labels[ImageStore.parentLabel] ?? ""),
      "Descriptor": record.target.json,
    ]
    if manifests { object["Manifests"] = .array(overview.manifests.map(\.json)) }
    object["RepoDigests"] = JSON(digests)
    object["RepoTags"] = JSON(tags)
    object["SharedSize"] = -1
    object["Size"] = .int(overview.totalSize)
    return (created, .object(object), overview)
  }

  /// The bytes of an image that other images hold too.
  private func addSharedSizes(_ entries: inout [(created: Int64, json: JSON, overview: ImageOverview)]) async throws {
    var layers: [Digest: Int] = [:]
    var blobs: [Digest: Int] = [:]
    for entry in entries {
      for id in entry.overview.chainIDs { layers[id, default: 0] += 1 }
      for digest in Set(entry.overview.content.map(\.digest)) { blobs[digest, default: 0] += 1 }
    }
    var sizes: [Digest: Int64] = [:]
    for index in entries.indices {
      var shared: Int64 = 0
      for id in entries[index].overview.chainIDs where layers[id] != 1 {
        if sizes[id] == nil { sizes[id] = try await store.usage(id) ?? 0 }
        shared += sizes[id] ?? 0
      }
      var seen: Set<Digest> = []
      for blob in entries[index].overview.content where blobs[blob.digest] != 1 && seen.insert(blob.digest).inserted {
        shared += blob.size
      }
      entries[index].json["SharedSize"] = .int(shared)
    }
  }

  // MARK: Disk usage

  func diskUsage() async throws -> DiskUsage {
    let records = try await store.list()
    let users = await containersByImage()
    var usage = DiskUsage()
    usage.items = try await summaries(all: true, sharedSize: true, manifests: false)
    // What several images share counts once, and can be had back only when none of them is used.
    var sizes: [String: (size: Int64, isUsed: Bool)] = [:]
    var seen: Set<Digest> = []
    for record in records where seen.insert(record.target.digest).inserted {
      let overview = try await overview(record, containers: users)
      let isUsed = users[record.target.digest] != nil
      if isUsed { usage.activeCount += 1 }
      for blob in overview.content {
        sizes["c\(blob.digest)"] = (blob.size, isUsed || (sizes["c\(blob.digest)"]?.isUsed ?? false))
      }
      for id in overview.chainIDs {
        let known = sizes["s\(id)"]
        let size: Int64
        if let known { size = known.size } else { size = try await store.usage(id) ?? 0 }
        sizes["s\(id)"] = (size, isUsed || (known?.isUsed ?? false))
      }
    }
    usage.totalSize = sizes.values.reduce(0) { $0 + $1.size }
    usage.reclaimable = sizes.values.reduce(0) { $0 + ($1.isUsed ? 0 : $1.size) }
    return usage
  }

  // MARK: Filters

  /// The test that `filters` ask of each image name.
  func imageFilter(_ filters: APIFilters) async throws -> @Sendable (ImageRecord) async throws -> Bool {
    let before = try await creationTimes(filters["before"])
    let since = try await creationTimes(filters["since"])
    let until = try filters.until(now: daemon.world.unixTime)
    let dangling = filters.contains("dangling") ? try filters.bool("dangling", default: false) : nil
    let references = filters["reference"]
    let needsConfig = !before.isEmpty || !since.isEmpty
    let needsLabels = filters.contains("label") || filters.contains("label!")
    let store = store
    return { record in
      if let until, record.createdAt >= until { return false }
      if let dangling, dangling != ImageStore.isDangling(record) { return false }
      if !references.isEmpty, !Self.matches(record, references) { return false }
      guard needsConfig || needsLabels else { return true }
      guard let descriptor = try? await store.bestManifest(record),
        let manifest = try? await store.manifest(descriptor.digest),
        let config = try? await store.config(manifest.config.digest).config
      else { return false }
      if needsConfig {
        guard let created = config.created.flatMap(RFC3339Time.parse) else { return false }
        if !before.allSatisfy({ created < $0 }) || !since.allSatisfy({ created > $0 }) { return false }
      }
      return !needsLabels || filters.matchesLabels(config.config?.labels ?? [:])
    }
  }

  private func creationTimes(_ names: [String]) async throws -> [UInt64] {
    var times: [UInt64] = []
    for name in names {
      if let created = try await store.localImage(name).config.created.flatMap(RFC3339Time.parse) {
        times.append(created)
      }
    }
    return times
  }

  /// Whether a name fits one of the patterns (path.Match), in its familiar or its full form, with or without tag.
  private static func matches(_ record: ImageRecord, _ patterns: [String]) -> Bool {
    guard !ImageStore.isDangling(record), let reference = try? ImageReference(record.name) else { return false }
    let forms = [
      reference.familiar, reference.familiarName, reference.tagged.description, reference.repository,
    ]
    return patterns.contains { pattern in forms.contains { pathMatch(pattern, $0) } }
  }
}

/// Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]` are sets, `\` takes the next as it is.
func pathMatch(_ pattern: String, _ name: String) -> Bool {
  let pattern = Array(pattern)
  let name = Array(name)
  // Backtracks to the last star only, so the time is at most the product of the lengths.
  var (p, n) = (0, 0)
  var star: (p: Int, n: Int)?
  while n < name.count {
    if p < pattern.count, pattern[p] == "*" {
      star = (p, n)
      p += 1
      continue
    }
    if p < pattern.count, let next = matchOne(pattern, p, name[n]) {
      (p, n) = (next, n + 1)
      continue
    }
    guard let last = star, name[last.n] != "/" else { return false }
    star = (last.p, last.n + 1)
    (p, n) = (last.p + 1, last.n + 1)
  }
  while p < pattern.count, pattern[p] == "*" { p += 1 }
  return p == pattern.count
}

/// The index behind the part of `pattern` at `index` when it accepts `character`.
private func matchOne(_ pattern: [Character], _ index: Int, _ character: Character) -> Int? {
  switch pattern[index] {
  case "?": return character == "/" ? nil : index + 1
  case "\\":
    guard index + 1 < pattern.count else { return nil }
    return pattern[index + 1] == character ? index + 2 : nil
  case "[":
    var at = index + 1
    let isNegated = at < pattern.count && pattern[at] == "^"
    if isNegated { at += 1 }
    var isMatch = false
    var isFirst = true
    while at < pattern.count, isFirst || pattern[at] != "]" {
      isFirst = false
      let low = pattern[at]
      var high = low
      if at + 2 < pattern.count, pattern[at + 1] == "-", pattern[at + 2] != "]" {
        high = pattern[at + 2]
        at += 2
      }
      if low <= character, character <= high { isMatch = true }
      at += 1
    }
    guard at < pattern.count, isMatch != isNegated else { return nil }
    return at + 1
  default: return pattern[index] == character ? index + 1 : nil
  }
}
