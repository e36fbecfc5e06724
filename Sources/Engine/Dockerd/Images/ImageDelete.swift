import JSONTree
import OCISpec
import Seams

/// What was done of a deletion (Engine API `ImageDeleteResponseItem`).
enum ImageDeletion: Sendable, Hashable {
  case untagged(String)
  case deleted(String)

  var json: JSON {
    switch self {
    case .untagged(let name): ["Untagged": .string(name)]
    case .deleted(let id): ["Deleted": .string(id)]
    }
  }
}

/// Why an image may not go. Running containers always forbid it; the others yield to force.
private struct Conflicts: OptionSet {
  let rawValue: Int
  static let running = Conflicts(rawValue: 1)
  static let references = Conflicts(rawValue: 2)
  static let stopped = Conflicts(rawValue: 4)
  static let soft: Conflicts = [.references, .stopped]
}

extension ImageService {
  /// `DELETE /images/{name}`.
  func deleteResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["name"] ?? ""
    guard name.contains(where: { !$0.isWhitespace }) else {
      throw EngineError(.invalidArgument, "image name cannot be blank")
    }
    let done = try await delete(
      name, force: request.flag("force"), prune: !request.flag("noprune"),
      platforms: try Self.platforms(request, "platforms"))
    return APIResponse(200, .json(.array(done.map(\.json))))
  }

  /// Removes a name, and what it points at when it was the last (moby's rules, told in `docker rmi`).
  ///
  /// - Parameter prune: untagged parents go too.
  func delete(_ name: String, force: Bool, prune: Bool, platforms: [Platform] = []) async throws -> [ImageDeletion] {
    if !platforms.isEmpty, !force {
      throw EngineError(
        .invalidArgument,
        "Content will be removed from all images referencing this variant. Use —-force to force delete.")
    }
    var conflicts: Conflicts = force ? [] : .soft
    let (image, all) = try await store.resolveAll(name)

    guard let image else {
      guard let id = all.first?.target.digest else { throw try ImageName(name).noSuchImage }
      let named = isIDPrefix(name, of: id) ? nil : try? ImageReference(name)
      let same = Self.sameReferences(named, all)
      if same.isEmpty, named != nil { throw try ImageName(name).noSuchImage }
      if !platforms.isEmpty { return try await delete(platforms, of: id) }
      if same.count == all.count, !force { conflicts.remove(.references) }
      if named != nil, same.count != all.count { return try await untag(same) }
      return try await deleteAll(id, all, conflicts, prune: prune)
    }

    let id = image.target.digest
    if isIDPrefix(name, of: id) || (ImageStore.isDanglingName(name) && ImageStore.isDangling(image)) {
      if !platforms.isEmpty { return try await delete(platforms, of: id) }
      return try await deleteAll(id, all, conflicts, prune: prune)
    }
    if !platforms.isEmpty { return try await delete(platforms, of: id) }
    let reference = try parsedReference(image.name)
    let same = Self.sameReferences(reference, all)
    if same.count != all.count { return try await untag(same) }
    if all.count > 1, !force { conflicts.remove(.references) }
    if let user = await containers(of: id).first {
      guard force else {
        throw EngineError(
          .conflict,
          "conflict: unable to delete \(reference.familiar) (must be forced) - container \(truncatedID(user.id)) "
            + "is using its referenced image \(truncatedID(id.description))")
      }
      try await softDelete(image, all: all)
      logEvent("untag", image, name: reference.familiar)
      return [.untagged(reference.familiar)]
    }
    return try await deleteAll(id, all, conflicts, prune: prune)
  }

  /// The names that count as one with `named`: the same repository and tag, and digests of the repository when it has
  /// no other tag. Without `named`, those of the first name found.
  static func sameReferences(_ named: ImageReference?, _ records: [ImageRecord]) -> [ImageRecord] {
    var named = named
    var tag = named?.tag
    let allTags = named.map { $0.tag == nil && $0.digest != nil } ?? false
    var same: [ImageRecord] = []
    var digests: [ImageRecord]? = []
    for record in records {
      if !ImageStore.isDangling(record), let reference = try? ImageReference(record.name) {
        if named == nil {
          named = reference
          tag = reference.tag
        } else if named?.repository != reference.repository {
          continue
        } else if !allTags {
          if let own = reference.tag {
            if tag == nil {
              tag = own
            } else if tag != own {
              digests = nil
              continue
            }
          } else {
            digests?.append(record)
            continue
          }
        }
      }
      same.append(record)
    }
    return same + (digests ?? [])
  }

  private func untag(_ records: [ImageRecord]) async throws -> [ImageDeletion] {
    var done: [ImageDeletion] = []
    for record in records {
      try await store.delete(record.name)
      guard let reference = try? ImageReference(record.name) else { continue }
      logEvent("untag", record, name: reference.familiar)
      done.append(.untagged(reference.familiar))
    }
    return done
  }

  private func deleteAll(_ id: Digest, _ all: [ImageRecord], _ conflicts: Conflicts, prune: Bool) async throws
    -> [ImageDeletion]
  {
    let parents = prune ? (try? await parents(of: id)) ?? [] : []
    var done: [ImageDeletion] = []
    for record in all { try await delete(record, of: all, conflicts, &done) }
    await logEvent("delete", id: id.description, name: id.description)
    done.append(.deleted(id.description))
    for parent in parents {
      guard ImageStore.isDangling(parent) else { break }
      do { try await delete(parent, of: all, .soft, &done) } catch { break }
      let parentID = parent.target.digest.description
      await logEvent("delete", id: parentID, name: parentID)
      done.append(.deleted(parentID))
    }
    return done
  }

  private func parents(of id: Digest) async throws -> [ImageRecord] {
    var image = try await store.resolve(id.description)
    var parents: [ImageRecord] = []
    while let parent = image.labels[ImageStore.parentLabel], !parent.isEmpty, parents.count < 512 {
      image = try await store.resolve(parent)
      parents.append(image)
    }
    return parents
  }

  private func delete(
    _ record: ImageRecord, of all: [ImageRecord], _ extra: Conflicts, _ done: inout [ImageDeletion]
  ) async throws {
    let id = record.target.digest
    try await checkConflicts(id, all, extra.union(.running))
    let isDangling = ImageStore.isDangling(record)
    if !isDangling, all.count == 1, extra.contains(.references), try await !store.children(of: id).isEmpty {
      var kept = record
      kept.name = ImageStore.danglingName(id)
      _ = try await store.create(kept)
    }
    guard try await store.delete(record.name, sync: true) else {
      throw EngineError(.notFound, "image \"\(record.name)\": not found")
    }
    if !isDangling {
      let name = ImageStore.familiarName(record)
      logEvent("untag", record, name: name)
      done.append(.untagged(name))
    }
  }

  private func checkConflicts(_ id: Digest, _ all: [ImageRecord], _ mask: Conflicts) async throws {
    let short = truncatedID(id.description)
    let users = await containers(of: id)
    func isRunning(_ container: ContainerSummary) -> Bool {
      ["running", "paused", "restarting"].contains(container.state)
    }
    if mask.contains(.running), let user = users.first(where: isRunning) {
      throw EngineError(
        .conflict,
        "conflict: unable to delete \(short) (cannot be forced) - image is being used by running container "
          + truncatedID(user.id))
    }
    if mask.contains(.stopped), let user = users.first(where: { !isRunning($0) }) {
      throw EngineError(
        .conflict,
        "conflict: unable to delete \(short) (must be forced) - image is being used by stopped container "
          + truncatedID(user.id))
    }
    if mask.contains(.references), all.count > 1 {
      throw EngineError(
        .conflict,
        "conflict: unable to delete \(short) (must be forced) - image is referenced in multiple repositories")
    }
  }

  /// Removes what is here of some platforms, of every image that refers to it.
  private func delete(_ platforms: [Platform], of id: Digest) async throws -> [ImageDeletion] {
    let record = try await store.resolve(id.description)
    var done: [ImageDeletion] = []
    for platform in platforms {
      let manifest: Descriptor
      do { manifest = try await store.bestManifest(record, platform: platform) } catch {
        let reason = (error as? EngineError) ?? EngineError(.unknown, "\(error)")
        throw EngineError(
          reason.code, "failed to delete platform \(platform) for image \(id): \(reason.message)")
      }
      var blobs: [Descriptor] = []
      try await store.walkPresent(manifest) { descriptor, _ in blobs.append(descriptor) }
      for blob in blobs where try await store.deleteContent(blob.digest) {
        if MediaType.isManifest(blob.mediaType) || MediaType.isIndex(blob.mediaType) {
          done.append(.deleted(blob.digest.description))
        }
      }
    }
    return done
  }
}
