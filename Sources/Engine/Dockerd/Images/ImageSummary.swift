import JSONTree
import OCISpec
import Seams

/// What is here of an image for all its platforms, and the manifest that stands for it.
struct ImageOverview: Sendable {
  /// One of an index's manifests (Engine API `ImageManifestSummary`).
  struct Manifest: Sendable {
    var descriptor: Descriptor
    var isAvailable = false
    var contentSize: Int64 = 0
    var unpackedSize: Int64 = 0
    var kind = "unknown"
    var platform: Platform?
    /// What an attestation speaks of.
    var attestationFor: String?
    var containers: [String] = []
  }

  var manifests: [Manifest] = []
  /// Packed and unpacked bytes of everything that is here.
  var totalSize: Int64 = 0
  var best: Manifest?
  var config: ImageConfig?
  /// Snapshots and blobs, to find what images share.
  var chainIDs: [Digest] = []
  var content: [Descriptor] = []
  var containerCount = 0
}

extension ImageOverview.Manifest {
  /// Engine API `ImageManifestSummary`.
  var json: JSON {
    var object: JSONObject = [
      "ID": .string(descriptor.digest.description), "Descriptor": descriptor.json, "Available": .bool(isAvailable),
      "Size": ["Content": .int(contentSize), "Total": .int(contentSize + unpackedSize)], "Kind": .string(kind),
    ]
    if kind == "image" {
      object["ImageData"] = [
        "Platform": platform.flatMap { try? JSON(encoding: $0) } ?? [:],
        "Size": ["Unpacked": .int(unpackedSize)], "Containers": JSON(containers),
      ]
    }
    if let attestationFor { object["AttestationData"] = ["For": .string(attestationFor)] }
    return .object(object)
  }
}

extension ImageService {
  /// Walks an image's manifests and weighs them.
  ///
  /// - Parameters:
  ///   - platform: only this one may stand for the image; without one, the host's or any.
  ///   - containers: all containers, by the id of their image.
  func overview(_ record: ImageRecord, platform: Platform? = nil, containers: [Digest: [String]]) async throws
    -> ImageOverview
  {
    var overview = ImageOverview()
    let target = record.target
    var descriptors = [target]
    if MediaType.isIndex(target.mediaType) {
      do {
        descriptors = try await store.index(target.digest).manifests.filter { MediaType.isManifest($0.mediaType) }
      } catch let error as EngineError where error.code == .notFound { return overview }
    } else if !MediaType.isManifest(target.mediaType) {
      return overview
    }
    for descriptor in descriptors {
      let (manifest, config) = try await weigh(descriptor, into: &overview)
      overview.manifests.append(manifest)
      guard manifest.kind == "image" else { continue }
      if isBetter(manifest, than: overview.best, platform: platform) {
        overview.best = manifest
        overview.config = config
      }
    }
    // Containers know the image, and run the manifest that stands for it.
    let users = containers[target.digest] ?? []
    overview.containerCount = users.count
    if let best = overview.best, let index = overview.manifests.firstIndex(where: { $0.descriptor == best.descriptor })
    {
      overview.manifests[index].containers = users
      overview.best?.containers = users
    }
    return overview
  }

  private func weigh(_ descriptor: Descriptor, into overview: inout ImageOverview) async throws
    -> (ImageOverview.Manifest, ImageConfig?)
  {
    var summary = ImageOverview.Manifest(descriptor: descriptor, platform: descriptor.platform)
    if ImageStore.isPseudo(descriptor) {
      if let subject = descriptor.annotations?["vnd.docker.reference.digest"] {
        (summary.kind, summary.attestationFor) = ("attestation", subject)
      }
      if let info = try await store.info(descriptor.digest) { summary.contentSize = info.size }
      summary.isAvailable = summary.contentSize > 0
      overview.totalSize += summary.contentSize
      return (summary, nil)
    }
    summary.kind = "image"
    guard try await store.info(descriptor.digest) != nil else { return (summary, nil) }
    let manifest = try await store.manifest(descriptor.digest)
    summary.isAvailable = true
    summary.contentSize = descriptor.size
    overview.content.append(descriptor)
    for child in [manifest.config] + manifest.layers {
      if try await store.info(child.digest) != nil {
        summary.contentSize += child.size
        overview.content.append(child)
      } else {
        summary.isAvailable = false
      }
    }
    overview.totalSize += summary.contentSize
    guard overview.content.contains(where: { $0.digest == manifest.config.digest }) else { return (summary, nil) }
    let (config, chain) = try await store.config(manifest.config.digest)
    if summary.platform == nil { summary.platform = config.platform }
    if let top = chain.last {
      summary.unpackedSize = try await store.totalUsage(top)
      overview.totalSize += summary.unpackedSize
      overview.chainIDs += chain
    }
    return (summary, config)
  }

  private func isBetter(_ new: ImageOverview.Manifest, than old: ImageOverview.Manifest?, platform: Platform?) -> Bool {
    if let platform { return old == nil && new.platform.map { ImageStore.isStrictly($0, platform) } ?? false }
    guard let old else { return true }
    let host = daemon.configuration.platform
    func rank(_ manifest: ImageOverview.Manifest) -> Int {
      ((manifest.platform.map(host.accepts) ?? false) ? 2 : 0) + (manifest.isAvailable ? 1 : 0)
    }
    return rank(new) > rank(old)
  }
}
