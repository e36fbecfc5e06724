import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `POST /images/prune`: dangling images, or with `dangling=false` all that no container uses.
  func pruneResponse(_ request: APIRequest) async throws -> APIResponse {
    var filters = try APIFilters(request.query("filters"))
    let isBusy = isPruning.withLock { busy in
      defer { busy = true }
      return busy
    }
    guard !isBusy else { throw EngineError(.conflict, "a prune operation is already running") }
    defer { isPruning.withLock { $0 = false } }

    try filters.validate(["dangling", "label", "label!", "until"])
    let danglingOnly = try filters.bool("dangling", default: true)
    filters.remove("dangling")
    let accept = try await imageFilter(filters)
    try await store.pruneLeases()

    let (done, bytes) = try await prune(try await prunable(danglingOnly: danglingOnly, accept))
    daemon.events.publish(type: "image", action: "prune", id: "", attributes: ["reclaimed": String(bytes)])
    return APIResponse(
      200, .json(["ImagesDeleted": done.isEmpty ? .null : .array(done.map(\.json)), "SpaceReclaimed": .int(bytes)]))
  }

  /// The names that may go: not those that containers were created by, nor the last name of a used target.
  private func prunable(danglingOnly: Bool, _ accept: @Sendable (ImageRecord) async throws -> Bool) async throws
    -> [ImageRecord]
  {
    var references: [Digest: Int] = [:]
    var candidates: [String: ImageRecord] = [:]
    for record in try await store.list() {
      references[record.target.digest, default: 0] += 1
      if !danglingOnly || ImageStore.isDangling(record), try await accept(record) { candidates[record.name] = record }
    }
    var used: Set<Digest> = []
    for container in await daemon.containers.all() {
      candidates[ImageStore.danglingName(container.imageID)] = nil
      let digits = container.image.hasPrefix("sha256:") ? String(container.image.dropFirst(7)) : container.image
      if !digits.isEmpty,
        container.imageID.encoded.hasPrefix(digits)
          || container.image.hasSuffix("@\(container.imageID)")
      {
        used.insert(container.imageID)
      }
      guard let reference = try? ImageReference(container.image) else { continue }
      candidates[reference.tagged.description] = nil
      if let tag = reference.tag, reference.digest != nil {
        candidates["\(reference.repository):\(tag)"] = nil
      }
    }
    for name in candidates.keys.sorted() {
      guard let digest = candidates[name]?.target.digest else { continue }
      if let count = references[digest], count > 1 {
        references[digest] = count - 1
      } else if used.contains(digest) {
        candidates[name] = nil
      }
    }
    return candidates.sorted { $0.key < $1.key }.map(\.value)
  }

  private func prune(_ records: [ImageRecord]) async throws -> ([ImageDeletion], Int64) {
    var done: [ImageDeletion] = []
    var bytes: Int64 = 0
    for record in records {
      var blobs: [Descriptor] = []
      var snapshots: [(id: Digest, size: Int64)] = []
      try await store.walkPresent(record.target) { descriptor, _ in
        blobs.append(descriptor)
        guard MediaType.isConfig(descriptor.mediaType) else { return }
        for id in try await store.config(descriptor.digest).chain where !snapshots.contains(where: { $0.id == id }) {
          snapshots.append((id, try await store.usage(id) ?? 0))
        }
      }
      guard try await store.delete(record.name, sync: true) else { continue }
      let name = ImageStore.familiarName(record)
      logEvent("untag", record, name: name)
      done.append(.untagged(name))
      var isDeleted = false
      for blob in blobs where try await store.info(blob.digest) == nil {
        if MediaType.isManifest(blob.mediaType) || MediaType.isIndex(blob.mediaType) {
          isDeleted = true
          done.append(.deleted(blob.digest.description))
        }
        bytes += blob.size
      }
      for snapshot in snapshots where try await store.usage(snapshot.id) == nil { bytes += snapshot.size }
      if isDeleted { logEvent("delete", record, name: name) }
    }
    return (done, bytes)
  }
}
