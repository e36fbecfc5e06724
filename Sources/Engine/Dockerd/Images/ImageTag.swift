import OCISpec
import Seams

extension ImageService {
  /// `POST /images/{name}/tag`.
  func tagResponse(_ request: APIRequest) async throws -> APIResponse {
    let reference = try Self.repoTag(request.query("repo") ?? "", request.query("tag") ?? "")
    guard let reference else { throw EngineError(.invalidArgument, "invalid reference format") }
    guard reference.familiarName != "sha256" else {
      throw EngineError(
        .invalidArgument, "refusing to create an ambiguous tag using digest algorithm as name")
    }
    let source = try await store.resolve(request.parameters["name"] ?? "")
    _ = try await store.bestManifest(source)
    try await createOrReplace(
      ImageRecord(name: reference.description, labels: source.labels, target: source.target))
    return APIResponse(201)
  }

  /// A repository and a tag as one reference, `latest` when there is none; nil without a repository.
  static func repoTag(_ repository: String, _ tag: String) throws -> ImageReference? {
    guard !repository.isEmpty else { return nil }
    var reference = try parsedReference(repository)
    guard reference.digest == nil else {
      throw EngineError(.invalidArgument, "cannot import digest reference")
    }
    if !tag.isEmpty {
      guard ImageReference.isTag(tag) else { throw EngineError(.invalidArgument, "invalid tag format") }
      reference.tag = tag
    }
    return reference.tagged
  }

  /// Gives a name to a target. What bore the name before stays as a dangling image when it has no other.
  func createOrReplace(_ record: ImageRecord) async throws {
    var record = record
    let now = daemon.world.unixTime
    if record.createdAt == 0 { record.createdAt = now }
    record.updatedAt = now
    let digest = record.target.digest
    let isDangling = ImageStore.isDangling(record)

    if try await !store.create(record) {
      let (replaced, all) = try await store.resolveAll(record.name)
      guard let replaced else {
        throw EngineError(
          .unknown, "creating image \(record.name) failed because it already exists, but failed to resolve")
      }
      if replaced.target.digest == digest {
        if !isDangling { await logEvent("tag", id: digest.description, name: ImageStore.familiarName(record)) }
        return
      }
      try await softDelete(replaced, all: all)
      guard try await store.create(record) else {
        throw EngineError(
          .unknown, "failed to create an image \(record.name) with target \(digest) after deleting the existing one")
      }
    }
    if !isDangling {
      try await store.delete(ImageStore.danglingName(digest))
      await logEvent("tag", id: digest.description, name: ImageStore.familiarName(record))
    }
  }

  /// Frees a name; its target stays as a dangling image when this was its last.
  func softDelete(_ record: ImageRecord, all: [ImageRecord]) async throws {
    if all.count == 1 { try await keepDangling(record) }
    try await store.delete(record.name)
  }

  /// Keeps what `record` points at under the name that images without tags have.
  func keepDangling(_ record: ImageRecord) async throws {
    var dangling = record
    dangling.name = ImageStore.danglingName(record.target.digest)
    dangling.labels["io.containerd.image.name"] = nil
    dangling.labels["org.opencontainers.image.ref.name"] = nil
    _ = try await store.create(dangling)
  }
}
