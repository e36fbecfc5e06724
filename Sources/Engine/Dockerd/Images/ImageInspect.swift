import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `GET /images/{name}/json`.
  func inspectResponse(_ request: APIRequest) async throws -> APIResponse {
    let platform = try Self.platform(request.query("platform"))
    let manifests = request.flag("manifests")
    if manifests, platform != nil {
      throw EngineError(
        .invalidArgument, "conflicting options: manifests and platform options cannot both be set")
    }
    return APIResponse(
      200, .json(try await inspect(request.parameters["name"] ?? "", platform: platform, manifests: manifests)))
  }

  /// Engine API `ImageInspect`.
  func inspect(_ name: String, platform: Platform?, manifests: Bool) async throws -> JSON {
    let record = try await store.resolve(name)
    let tagged = try await store.names(of: record.target.digest)
    let overview = try await overview(record, platform: platform, containers: await containersByImage())
    if overview.best == nil, let platform { throw ImageStore.platformNotFound(name, platform) }
    let parent = try await store.parent(of: record.target.digest)

    let target = platform == nil ? record.target : overview.best?.descriptor ?? record.target
    let (tags, digests) = Self.tagsAndDigests(tagged)
    let config = overview.config
    var object: JSONObject = [
      "Id": .string(target.digest.description), "RepoTags": JSON(tags), "RepoDigests": JSON(digests),
    ]
    if let comment = config?.history?.last?.comment, !comment.isEmpty { object["Comment"] = .string(comment) }
    if let created = config?.created { object["Created"] = .string(created) }
    if let author = config?.author, !author.isEmpty { object["Author"] = .string(author) }
    object["Config"] = config?.config.flatMap { try? JSON(encoding: $0) } ?? [:]
    object["Architecture"] = .string(config?.architecture ?? "")
    if let variant = config?.variant, !variant.isEmpty { object["Variant"] = .string(variant) }
    object["Os"] = .string(config?.os ?? "")
    object["Size"] = .int(overview.best.map { $0.contentSize + $0.unpackedSize } ?? overview.totalSize)
    if !parent.isEmpty { object["Parent"] = .string(parent) }
    object["RootFS"] =
      config.map { ["Type": .string($0.rootfs.type), "Layers": JSON($0.rootfs.diffIDs.map(\.description))] } ?? [:]
    object["Metadata"] = [
      "LastTagTime": .string(RFC3339Time.text(tagged.map(\.updatedAt).max() ?? 0))
    ]
    object["Descriptor"] = target.json
    if manifests { object["Manifests"] = .array(overview.manifests.map(\.json)) }
    return .object(object)
  }

  /// The names of one target as users type them, and with the digest in the tag's place.
  static func tagsAndDigests(_ records: [ImageRecord]) -> (tags: [String], digests: [String]) {
    var tags: [String] = []
    var digests: [String] = []
    for record in records where !ImageStore.isDangling(record) {
      guard let reference = try? ImageReference(record.name) else {
        tags.append(record.name)
        continue
      }
      if !tags.contains(reference.familiar) { tags.append(reference.familiar) }
      let digested =
        reference.digest == nil ? "\(reference.familiarName)@\(record.target.digest)" : reference.familiar
      if !digests.contains(digested) { digests.append(digested) }
    }
    return (tags, digests)
  }

  /// `GET /images/{name}/history`: the steps that made an image, newest first.
  func historyResponse(_ request: APIRequest) async throws -> APIResponse {
    let platform = try Self.platform(request.query("platform"))
    let record = try await store.resolve(request.parameters["name"] ?? "")
    let descriptor = try await store.bestManifest(record, platform: platform)
    let manifest = try await store.manifest(descriptor.digest)
    let (config, chain) = try await store.config(manifest.config.digest)

    var sizes: [Int64] = []
    for id in chain { sizes.append(try await store.usage(id) ?? 0) }
    var layer = 0
    var items: [JSONObject] = []
    for step in config.history ?? [] {
      var size: Int64 = 0
      if !(step.emptyLayer ?? false) {
        guard layer < sizes.count else { throw EngineError(.unknown, "unable to find the size of the layer") }
        size = sizes[layer]
        layer += 1
      }
      items.append([
        "Id": "<missing>",
        "Created": .int(Int64(step.created.flatMap(RFC3339Time.parse).map { $0 / 1_000_000_000 } ?? 0)),
        "CreatedBy": .string(step.createdBy ?? ""), "Tags": .null, "Size": .int(size),
        "Comment": .string(step.comment ?? ""),
      ])
    }
    items.reverse()

    // The newest step is this image; those below are known only by the parents that a builder wrote down.
    var current: ImageRecord? = record
    for index in items.indices {
      guard let image = current else { break }
      items[index]["Id"] = .string(image.target.digest.description)
      let tags = Self.tagsAndDigests(try await store.names(of: image.target.digest)).tags
      if !tags.isEmpty { items[index]["Tags"] = JSON(tags) }
      current = nil
      if let parent = image.labels[ImageStore.parentLabel].flatMap(Digest.init) {
        current = try await store.names(of: parent).first
      }
    }
    return APIResponse(200, .json(.array(items.map(JSON.object))))
  }
}
