import JSONTree
import OCISpec
import Seams
import Synchronization

/// `containerd.services.transfer.v1.Transfer`: an image from a registry into the image store, or the other way.
///
/// A pull is one request to containerd, which does all the rest: it asks the registry what the name points at, fetches
/// documents and blobs into its content store, unpacks them into snapshots, and names the image at last. The shim and
/// the runtime have no part in it.
enum TransferService {
  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Transfer.Transfer.self) { operation, tenant in
      switch (operation.source, operation.destination) {
      case (.registry(let reference, let credentials), .imageStore(let name, let platform, let all)):
        let pull = try TransferPull(
          tenant, reference: reference, credentials: credentials, name: name, platform: platform, allPlatforms: all,
          progress: operation.progress)
        try await underLease(tenant) { try await pull.run() }
      case (.imageStore(let name, _, let all), .registry(let reference, let credentials)):
        try await underLease(tenant) {
          try await push(
            tenant, name: name, reference: reference, credentials: credentials, allPlatforms: all,
            progress: operation.progress)
        }
      case (.imageStore(let name, _, _), .imageStore(let other, _, _)):
        try tag(tenant, name, as: other)
      case (.registry, .registry):
        throw EngineError(
          .notImplemented, "Unable to transfer from registry to registry: not implemented")
      }
      return Empty()
    }
  }

  /// Runs `body` under the caller's lease, or one of its own, so that nothing is taken from under it.
  private static func underLease(_ tenant: ContainerdNamespace, _ body: () async throws -> Void) async throws {
    if ContainerdLease.current != nil { return try await body() }
    let lease = try tenant.leases.create("")
    do {
      try await ContainerdLease.$current.withValue(lease) { try await body() }
    } catch {
      try? tenant.leases.delete(lease)
      await tenant.collectGarbage()
      throw error
    }
    try tenant.leases.delete(lease)
  }

  private static func tag(_ tenant: ContainerdNamespace, _ name: String, as other: String) throws {
    var image = try tenant.images.get(name)
    image.name = other
    try keep(image, tenant)
  }

  /// Creates the image, or points it elsewhere.
  static func keep(_ image: ImageRecord, _ tenant: ContainerdNamespace) throws {
    if tenant.images.find(image.name) == nil {
      _ = try tenant.images.create(image)
    } else {
      _ = try tenant.images.update(image)
    }
  }

  private static func push(
    _ tenant: ContainerdNamespace, name: String, reference: String, credentials: RegistryCredentials?,
    allPlatforms: Bool, progress: @escaping @Sendable (Transfer.Progress) -> Void
  ) async throws {
    let image = try tenant.images.get(name)
    let repository = tenant.core.registry.repository(try parsed(reference), credentials: credentials)
    progress(.init(event: "pushing", descriptor: image.target, name: reference))
    let source = StorePushSource(content: tenant.content, domain: repository.reference.domain)
    try await repository.push(
      image.target, from: source, include: { tenant.content.find($0.digest) != nil },
      progress: { step in
        let name = ingestRef(step.descriptor)
        let size = step.descriptor.size
        switch step.step {
        case .waiting: progress(.init(event: "waiting", descriptor: step.descriptor, name: name, total: size))
        case .exists:
          progress(
            .init(event: "already exists", descriptor: step.descriptor, name: name, offset: size, total: size))
        case .mounted(let from): progress(.init(event: "mounted", descriptor: step.descriptor, name: from))
        case .uploading(let offset):
          progress(.init(event: "uploading", descriptor: step.descriptor, name: name, offset: offset, total: size))
        case .retrying(let why): progress(.init(event: "retrying", descriptor: step.descriptor, name: why))
        case .done:
          progress(.init(event: "uploaded", descriptor: step.descriptor, name: name, offset: size, total: size))
        }
      })
    for digest in try await reachable(image.target, tenant) {
      try? source.noteSource(digest, repository: repository.reference.path)
    }
  }

  /// Everything of an image that is here.
  private static func reachable(_ target: Descriptor, _ tenant: ContainerdNamespace) async throws -> [Digest] {
    var found: [Digest] = []
    var seen: Set<Digest> = []
    var rest = [target]
    while let descriptor = rest.popLast() {
      guard seen.insert(descriptor.digest).inserted, tenant.content.find(descriptor.digest) != nil else { continue }
      found.append(descriptor.digest)
      guard MediaType.isIndex(descriptor.mediaType) || MediaType.isManifest(descriptor.mediaType) else { continue }
      let bytes = try await tenant.content.read(descriptor.digest)
      rest += try ImageDocument(bytes, mediaType: descriptor.mediaType).children.reversed()
    }
    return found
  }

  static func parsed(_ reference: String) throws -> ImageReference {
    do { return try ImageReference(reference).tagged } catch {
      throw EngineError(.invalidArgument, "\(error): invalid argument")
    }
  }
}

/// The content store as a source of a push.
private struct StorePushSource: PushSource {
  let content: ContentStore
  let domain: String

  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
    try await content.read(descriptor.digest, offset, Int64(count))
  }

  func repositories(holding descriptor: Descriptor) -> [String] {
    distributionSources(content.find(descriptor.digest)?.labels ?? [:], domain)
  }

  func noteSource(_ digest: Digest, repository: String) throws {
    let labels = try content.info(digest).labels
    try content.addLabels(digest, addingDistributionSource(labels, domain, repository))
  }
}

/// The repositories of a registry in which a blob is known to be (`containerd.io/distribution.source.DOMAIN`).
func distributionSources(_ labels: [String: String], _ domain: String) -> [String] {
  (labels["containerd.io/distribution.source.\(domain)"] ?? "").split(separator: ",").map(String.init)
}

/// The label with `repository` added to what `labels` say.
func addingDistributionSource(_ labels: [String: String], _ domain: String, _ repository: String) -> [String: String] {
  let sources = Set(distributionSources(labels, domain) + [repository]).sorted()
  return ["containerd.io/distribution.source.\(domain)": sources.joined(separator: ",")]
}
