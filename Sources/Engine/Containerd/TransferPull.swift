import JSONTree
import OCISpec
import Seams
import Synchronization

/// One pull: from a name at a registry to an image with its content and snapshots.
struct TransferPull: Sendable {
  private let tenant: ContainerdNamespace
  private let repository: RegistryRepository
  private let name: String
  private let platform: Platform?
  private let allPlatforms: Bool
  private let progress: @Sendable (Transfer.Progress) -> Void

  /// - Parameters:
  ///   - name: of the image in the store; the reference itself when empty.
  ///   - platform: what to unpack for; nil unpacks nothing (and fetches for containerd's own platform).
  init(
    _ tenant: ContainerdNamespace, reference: String, credentials: RegistryCredentials?, name: String,
    platform: Platform?, allPlatforms: Bool, progress: @escaping @Sendable (Transfer.Progress) -> Void
  ) throws {
    self.tenant = tenant
    let reference = try TransferService.parsed(reference)
    repository = tenant.core.registry.repository(reference, credentials: credentials)
    self.name = name.isEmpty ? reference.description : name
    (self.platform, self.allPlatforms, self.progress) = (platform, allPlatforms, progress)
  }

  private var reference: ImageReference { repository.reference }
  private var wanted: Platform { platform ?? tenant.core.configuration.platform }

  func run() async throws {
    progress(.init(event: "resolving", name: reference.description))
    let target = try await repository.resolve()
    progress(.init(event: "resolved", descriptor: target, name: reference.description))
    var seen: Set<Digest> = []
    guard try await fetch(target, depth: 0, &seen) else { throw ImageIndex.noMatch(wanted) }
    if let limit = repository.rateLimit {
      progress(
        .init(
          event: "rate limit", name: reference.domain, offset: Int64(clamping: limit.remaining),
          total: Int64(clamping: limit.limit)))
    }
    try TransferService.keep(ImageRecord(name: name, target: target), tenant)
    progress(.init(event: "saved", descriptor: target, name: name))
  }

  // MARK: Documents

  /// Fetches what `descriptor` describes, and for what is wanted of it. False when it is not for the platform wanted.
  private func fetch(_ descriptor: Descriptor, depth: Int, _ seen: inout Set<Digest>) async throws -> Bool {
    guard seen.insert(descriptor.digest).inserted else {
      throw EngineError(.invalidArgument, "index \(descriptor.digest) refers to itself: invalid argument")
    }
    guard depth <= maxIndexDepth else {
      throw EngineError(.invalidArgument, "index \(descriptor.digest) is nested too deep: invalid argument")
    }
    let bytes = try await document(descriptor)
    switch try ImageDocument(bytes, mediaType: descriptor.mediaType) {
    case .manifest(let manifest):
      try label(descriptor, children: [manifest.config] + manifest.layers)
      return try await fetch(manifest, of: descriptor)
    case .index(let index):
      try label(descriptor, children: index.manifests)
      var found = false
      let children = allPlatforms ? index.manifests : index.candidates(for: wanted)
      for child in children {
        guard MediaType.isIndex(child.mediaType) || MediaType.isManifest(child.mediaType) else { continue }
        // On the way up from here the same document may be met again; on the way down it would be a circle.
        var path = seen
        let isWanted = try await fetch(child, depth: depth + 1, &path)
        found = found || isWanted
        if found, !allPlatforms { break }
      }
      return found
    }
  }

  /// A document, from here or from the registry.
  private func document(_ descriptor: Descriptor) async throws -> [UInt8] {
    if tenant.content.find(descriptor.digest) != nil {
      try tenant.leases.hold(.content(descriptor.digest))
      try tenant.content.addLabels(descriptor.digest, sourceLabel(descriptor.digest))
      return try await tenant.content.read(descriptor.digest)
    }
    let bytes = try await repository.document(descriptor)
    try await tenant.content.put(descriptor, bytes, labels: sourceLabel(descriptor.digest))
    return bytes
  }

  private func sourceLabel(_ digest: Digest) -> [String: String] {
    addingDistributionSource(tenant.content.find(digest)?.labels ?? [:], reference.domain, reference.path)
  }

  /// Notes on a document what it refers to, so that garbage collection finds the way.
  private func label(_ descriptor: Descriptor, children: [Descriptor]) throws {
    var labels: [String: String] = [:]
    var counts: [String: Int] = [:]
    for child in children {
      let kind =
        switch child.mediaType {
        case let type where MediaType.isIndex(type) || MediaType.isManifest(type): "m."
        case let type where MediaType.isConfig(type): "config"
        default: "l."
        }
      let number = counts[kind, default: 0]
      counts[kind] = number + 1
      labels["containerd.io/gc.ref.content.\(kind)\(kind == "config" ? "" : String(number))"] =
        child.digest.description
    }
    try tenant.content.addLabels(descriptor.digest, labels)
  }

  // MARK: Blobs

  /// Fetches config and layers, a few at a time, and unpacks each layer as soon as it and those below it are here.
  private func fetch(_ manifest: ImageManifest, of descriptor: Descriptor) async throws -> Bool {
    if platform != nil, !allPlatforms, let error = manifest.artifactError(reference) { throw error }
    guard manifest.layers.count <= maxLayers else {
      throw EngineError(
        .invalidArgument, "max depth exceeded: \(manifest.layers.count) layers, at most \(maxLayers): invalid argument")
    }
    if let platform = descriptor.platform, !allPlatforms, !wanted.accepts(platform) { return false }

    let blobs = [manifest.config] + manifest.layers
    let arrivals = blobs.map { _ in Arrival() }
    for layer in manifest.layers { progress(.init(event: "waiting", descriptor: layer, total: layer.size)) }
    let failure = FirstError()
    let limit = tenant.core.configuration.maxConcurrentDownloads
    let fetching = tenant.core.world.spawn {
      do {
        try await tenant.core.world.forEach(Array(blobs.indices), concurrency: limit) { index in
          try await fetchBlob(blobs[index])
          arrivals[index].happen(true)
        }
      } catch {
        failure.set(error)
      }
      // Who still waits will wait in vain.
      for arrival in arrivals { arrival.happen(false) }
    }
    do {
      let isWanted = try await withTaskCancellationHandler {
        try await unpack(manifest, arrivals)
      } onCancel: {
        fetching.cancel()
      }
      await fetching.value
      if let error = failure.error { throw error }
      return isWanted
    } catch {
      let first = failure.error ?? error
      fetching.cancel()
      await fetching.value
      throw first
    }
  }

  private func fetchBlob(_ descriptor: Descriptor) async throws {
    let isLayer = MediaType.isLayer(descriptor.mediaType)
    let labels = sourceLabel(descriptor.digest)
    let isNew = try await tenant.content.ingest(descriptor, labels: labels) { writer in
      if descriptor.size <= maxManifestSize, !isLayer {
        let bytes = try await repository.document(descriptor)
        if await writer.offset() > 0 { try await writer.truncate(0) }
        try await writer.append(bytes)
      } else {
        progress(.init(event: "downloading", descriptor: descriptor, total: descriptor.size))
        try await repository.fetch(
          descriptor, into: writer,
          progress: {
            progress(.init(event: "downloading", descriptor: descriptor, offset: $0, total: descriptor.size))
          },
          retrying: { why, pause in
            progress(
              .init(
                event: "retrying", descriptor: descriptor, name: why,
                offset: Int64(clamping: pause / Duration64.second), total: descriptor.size))
          })
      }
    }
    progress(
      .init(
        event: isNew ? "complete" : "already exists", descriptor: descriptor, offset: descriptor.size,
        total: descriptor.size))
  }

  // MARK: Unpacking

  private func unpack(_ manifest: ImageManifest, _ arrivals: [Arrival]) async throws -> Bool {
    guard MediaType.isConfig(manifest.config.mediaType) else { return allPlatforms }
    guard await arrivals[0].wait() else { return false }
    let bytes = try await tenant.content.read(manifest.config.digest)
    let config: ImageConfig
    do { config = try JSON(parsing: bytes).decode() } catch {
      throw EngineError(
        .invalidArgument, "failed to unmarshal config \(manifest.config.digest): \(error): invalid argument")
    }
    let isWanted = wanted.accepts(config.platform)
    if !isWanted, !allPlatforms {
      throw EngineError(
        .notFound,
        "image with reference \(reference.familiar) was found but its platform (\(config.platform)) does not match the "
          + "specified platform (\(wanted)): not found")
    }
    guard platform != nil, isWanted else { return isWanted }
    let diffIDs = config.rootfs.diffIDs
    guard diffIDs.count == manifest.layers.count else {
      throw invalidArgument("number of layers and diffIDs don't match: \(manifest.layers.count) != \(diffIDs.count)")
    }
    var parent: Digest?
    for (index, layer) in manifest.layers.enumerated() {
      guard await arrivals[index + 1].wait() else { return false }
      let chain = parent.map { Digest(sha256: Array("\($0) \(diffIDs[index])".utf8)) } ?? diffIDs[index]
      try await unpack(layer, diffIDs[index], chain, on: parent)
      parent = chain
    }
    if let parent {
      try tenant.content.addLabels(
        manifest.config.digest,
        ["containerd.io/gc.ref.snapshot.\(tenant.snapshots.snapshotter)": parent.description])
    }
    return true
  }

  /// One layer to one snapshot, named by the chain of layers up to it.
  private func unpack(_ layer: Descriptor, _ diffID: Digest, _ chain: Digest, on parent: Digest?) async throws {
    let snapshots = tenant.snapshots
    if snapshots.find(chain.description)?.info.kind == .committed {
      try tenant.leases.hold(.snapshot(chain.description))
      return
    }
    progress(.init(event: "extracting", descriptor: layer, total: layer.size))
    let key = "extract-\(tenant.core.world.unixTime % 1_000_000_000)-\(tenant.core.world.hexID(4)) \(chain)"
    _ = try await snapshots.create(
      key, parent: parent?.description ?? "", kind: .active,
      labels: ["containerd.io/snapshot.ref": chain.description])
    do {
      let applied = try await Differ.apply(layer, to: try snapshots.get(key), tenant)
      guard applied.diffID == diffID else {
        throw failedPrecondition("wrong diff id \(applied.diffID) calculated on extraction \(diffID)")
      }
      try await snapshots.commit(
        key, as: chain.description, labels: ["containerd.io/snapshot.ref": chain.description])
    } catch {
      try? await snapshots.remove(key)
      // Another pull may have been faster.
      guard let failure = error as? EngineError, failure.code == .alreadyExists else {
        guard let failure = error as? EngineError else { throw error }
        throw EngineError(
          failure.code,
          "failed to extract layer (\(layer.mediaType) \(layer.digest)) to \(snapshots.snapshotter) as "
            + "\"\(key)\": \(failure.message)")
      }
      try tenant.leases.hold(.snapshot(chain.description))
    }
    progress(.init(event: "extracted", descriptor: layer, offset: layer.size, total: layer.size))
  }
}

/// As many lower directories as overlayfs stacks (the kernel's OVL_MAX_STACK).
private let maxLayers = 500

/// Something that happens once, or turns out never to.
private final class Arrival: Sendable {
  private struct State {
    var outcome: Bool?
    var waiting: [CheckedContinuation<Bool, Never>] = []
  }
  private let state = Mutex(State())

  /// The first call decides.
  func happen(_ outcome: Bool) {
    let waiting = state.withLock { state in
      guard state.outcome == nil else { return [CheckedContinuation<Bool, Never>]() }
      state.outcome = outcome
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: outcome) }
  }

  /// True when it has happened.
  func wait() async -> Bool {
    if let outcome = state.withLock({ $0.outcome }) { return outcome }
    return await withCheckedContinuation { continuation in
      let outcome = state.withLock { state -> Bool? in
        if state.outcome == nil { state.waiting.append(continuation) }
        return state.outcome
      }
      if let outcome { continuation.resume(returning: outcome) }
    }
  }
}
