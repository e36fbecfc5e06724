import JSONTree
import OCISpec
import Seams
import Synchronization

extension ImageService {
  /// `POST /images/{name}/push`: dockerd itself talks to the registry and reads blobs from containerd.
  func pushResponse(_ request: APIRequest) async throws -> APIResponse {
    let platform = try Self.platform(request.query("platform"))
    let name = request.parameters["name"] ?? ""
    var reference = try parsedReference(name)
    if let tag = request.query("tag"), !tag.isEmpty {
      guard ImageReference.isTag(tag) else { throw EngineError(.invalidArgument, "invalid tag format") }
      (reference.tag, reference.digest) = (tag, nil)
    }
    let auth = Self.credentials(request.registryAuth)
    let wanted = reference
    return try await MessageStream.answer(daemon.world) { [self] out in
      out.status("The push refers to repository [\(wanted.repository)]")
      if wanted.tag != nil || wanted.digest != nil {
        return try await push(wanted, platform: platform, auth: auth, to: out)
      }
      // No tag: all of the repository's.
      let records = try await store.tags(of: wanted.repository)
      guard !records.isEmpty else {
        throw EngineError(.unknown, "An image does not exist locally with the tag: \(wanted.familiarName)")
      }
      for record in records {
        guard let reference = try? ImageReference(record.name) else { continue }
        try await push(reference, platform: platform, auth: auth, to: out)
      }
    }
  }

  /// The client for registries, with dockerd's settings.
  var registryClient: RegistryClient {
    RegistryClient(
      world: daemon.world, api: daemon.registry,
      hosts: RegistryHosts(
        insecure: daemon.configuration.insecureRegistries, hasCertificates: daemon.configuration.hasCertificates),
      userAgent:
        "docker/\(EngineVersion.version) go/\(EngineVersion.language) kernel/\(daemon.configuration.kernelVersion) "
        + "os/\(daemon.configuration.platform.os) arch/\(daemon.configuration.platform.architecture)",
      clientID: "docker")
  }

  private func push(_ reference: ImageReference, platform: Platform?, auth: RegistryCredentials?, to out: MessageStream)
    async throws
  {
    try await store.leased { _ in
      guard let record = try await store.get(reference.description) else {
        throw EngineError(.notFound, "tag does not exist: \(reference.familiar)")
      }
      var target = record.target
      if let platform { target = try await pushTarget(record, platform: platform) }
      let source = ContentPushSource(store, registry: reference.domain)
      try await source.lookForSources(of: target)

      var missing = try await firstMissing(target, source)
      if missing != nil, platform == nil, MediaType.isIndex(target.mediaType) {
        // Not all platforms are here: the one that is goes instead of the index.
        let single = try await pushTarget(record, platform: nil)
        if single.digest != target.digest {
          target = single
          missing = try await firstMissing(target, source)
        }
      }
      if let missing {
        out.aux(["contentMissing": true, "desc": target.json])
        throw EngineError(.notFound, "content digest \(missing): not found")
      }

      let progress = UploadProgress(out)
      _ = try await registryClient.repository(reference, credentials: auth).push(
        target, from: source, progress: { progress.handle($0) })
      if target.digest != record.target.digest {
        out.aux([
          "manifestPushedInsteadOfIndex": true, "originalIndex": record.target.json, "selectedManifest": target.json,
        ])
      }
      try await labelSource(target, reference)
      await logEvent("push", id: reference.familiar, name: reference.familiarName)
      if let tag = reference.tag { out.status("\(tag): digest: \(target.digest) size: \(target.size)") }
    }
  }

  /// What to push for a platform; without one, what of an incomplete index stands for it (moby's getPushDescriptor).
  private func pushTarget(_ record: ImageRecord, platform: Platform?) async throws -> Descriptor {
    guard MediaType.isIndex(record.target.mediaType) else {
      return try await store.bestManifest(record, platform: platform)
    }
    var present: [Descriptor] = []
    var anyMissing = false
    for descriptor in try await store.index(record.target.digest).manifests {
      guard MediaType.isManifest(descriptor.mediaType), try await isComplete(descriptor) else {
        anyMissing = true
        continue
      }
      guard !ImageStore.isPseudo(descriptor) else { continue }
      let own: Platform
      if let known = descriptor.platform {
        own = known
      } else {
        own = try await store.config(try await store.manifest(descriptor.digest).config.digest).config.platform
      }
      if platform.map({ ImageStore.isStrictly(own, $0) }) ?? true { present.append(descriptor) }
    }
    switch present.count {
    case 0: throw ImageStore.platformNotFound(ImageStore.familiarName(record), platform)
    case 1: return platform != nil || anyMissing ? present[0] : record.target
    default:
      if let platform {
        throw EngineError(.conflict, "multiple manifests found for platform \(platform)")
      }
      guard anyMissing else { return record.target }
      let host = daemon.configuration.platform
      if let own = present.first(where: { $0.platform.map(host.accepts) ?? false }) { return own }
      throw EngineError(
        .conflict, "multiple matching manifests found but no specific platform requested")
    }
  }

  private func isComplete(_ descriptor: Descriptor) async throws -> Bool {
    guard try await store.info(descriptor.digest) != nil else { return false }
    for child in try await store.children(descriptor) where try await store.info(child.digest) == nil { return false }
    return true
  }

  /// The first thing below `target` that is neither here nor to be had from another repository of the registry.
  private func firstMissing(_ target: Descriptor, _ source: ContentPushSource) async throws -> Digest? {
    if try await store.info(target.digest) == nil {
      let isMountable = source.hasSources && MediaType.isLayer(target.mediaType)
      return isMountable ? nil : target.digest
    }
    for child in try await store.children(target) {
      if let missing = try await firstMissing(child, source) { return missing }
    }
    return nil
  }

  /// Writes down where the pushed content is now to be had too, so that other repositories can mount it.
  private func labelSource(_ target: Descriptor, _ reference: ImageReference) async throws {
    let key = ContentPushSource.label(reference.domain)
    try await store.walkPresent(target) { descriptor, info in
      var repositories = (info.labels[key] ?? "").split(separator: ",").map(String.init)
      guard !repositories.contains(reference.path) else { return }
      repositories.append(reference.path)
      try await store.label(info, [key: repositories.sorted().joined(separator: ",")])
    }
  }
}

/// The content store as the source of a push.
private final class ContentPushSource: PushSource {
  private let store: ImageStore
  private let registry: String
  private let known = Mutex<[String]>([])

  init(_ store: ImageStore, registry: String) { (self.store, self.registry) = (store, registry) }

  /// containerd's label for the repositories of a registry in which a blob is known to be.
  static func label(_ registry: String) -> String { "containerd.io/distribution.source.\(registry)" }

  /// Some repository of the registry has what was pulled from there, here or not.
  var hasSources: Bool { !known.withLock { $0.isEmpty } }

  func lookForSources(of target: Descriptor) async throws {
    let repositories = Self.repositories(try await store.info(target.digest), registry)
    known.withLock { $0 = repositories }
  }

  private static func repositories(_ info: ContentInfo?, _ registry: String) -> [String] {
    (info?.labels[label(registry)] ?? "").split(separator: ",").map(String.init)
  }

  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
    try await store.read(descriptor.digest, offset: offset, count: Int64(count))
  }

  func repositories(holding descriptor: Descriptor) async throws -> [String] {
    let own = Self.repositories(try await store.info(descriptor.digest), registry)
    return own + known.withLock { $0.filter { !own.contains($0) } }
  }
}

/// A push's steps as Docker's messages.
private final class UploadProgress: Sendable {
  private let out: MessageStream
  init(_ out: MessageStream) { self.out = out }

  func handle(_ step: PushProgress) {
    // Documents and configs are small and not shown.
    let type = step.descriptor.mediaType
    guard !MediaType.isIndex(type), !MediaType.isManifest(type), !MediaType.isConfig(type) else { return }
    let id = truncatedID(step.descriptor.digest.description)
    switch step.step {
    case .waiting: out.progress("Waiting", id: id)
    case .exists: out.progress(MediaType.isLayer(type) ? "Layer already exists" : "Already exists", id: id)
    case .mounted(let from): out.progress("Mounted from \(from)", id: id)
    case .uploading(let bytes):
      out.progress("Pushing", id: id, current: bytes, total: step.descriptor.size)
    case .done: out.progress("Pushed", id: id)
    case .retrying: out.progress("Retrying", id: id)
    }
  }
}
