import JSONTree
import OCISpec
import Synchronization

/// An image of the catalogue: what it is built from, for several platforms; its documents are made when somebody
/// first asks.
final class ImageModel: Sendable {
  /// One instruction of its Dockerfile.
  enum Step: Sendable {
    /// `createdBy` as `docker history` shows it.
    case layer(LayerModel, String)
    case empty(String)
  }

  /// The documents of an image: every manifest, config and attestation by digest, and its index.
  struct Documents: Sendable {
    let index: Document
    let manifests: [Digest: Document]
    let blobs: [Digest: Document]
    /// Which layers there are, by digest of their packed bytes.
    let layers: [Digest: LayerModel.Blob]
  }

  /// A document of a registry.
  struct Document: Sendable {
    let mediaType: String
    let digest: Digest
    let bytes: [UInt8]

    init(_ mediaType: String, _ value: some JSONWritable) {
      var writer = JSONWriter(reserving: 2048)
      value.write(to: &writer)
      self.init(mediaType, bytes: writer.bytes)
    }
    init(_ mediaType: String, bytes: [UInt8]) {
      (self.mediaType, self.bytes, digest) = (mediaType, bytes, Digest(sha256: bytes))
    }
    var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count)) }
  }

  /// `library/nginx`.
  let repository: String
  let tags: [String]
  /// `1.29.4`, for the index's annotations.
  let version: String
  let platforms: [Platform]
  let created: Moment
  let base: ImageModel?
  /// What the Dockerfile's FROM says; `scratch` without a base.
  let baseName: String
  let author: String?
  private let steps: [Step]
  private let execution: @Sendable (Platform) -> ImageConfig.Execution
  private let cache = Mutex<Documents?>(nil)

  init(
    _ repository: String, tags: [String], version: String, platforms: [Platform], created: Moment,
    base: ImageModel? = nil, baseName: String = "scratch", author: String? = nil, steps: [Step],
    execution: @escaping @Sendable (Platform) -> ImageConfig.Execution
  ) {
    (self.repository, self.tags, self.version, self.platforms) = (repository, tags, version, platforms)
    (self.created, self.base, self.baseName, self.author) = (created, base, baseName, author)
    (self.steps, self.execution) = (steps, execution)
  }

  convenience init(
    _ repository: String, tags: [String], version: String, platforms: [Platform], created: Moment,
    base: ImageModel? = nil, baseName: String = "scratch", author: String? = nil, steps: [Step],
    execution: ImageConfig.Execution
  ) {
    self.init(
      repository, tags: tags, version: version, platforms: platforms, created: created, base: base,
      baseName: baseName, author: author, steps: steps, execution: { _ in execution })
  }

  var documents: Documents {
    cache.withLock { cache in
      if let documents = cache { return documents }
      let documents = make()
      cache = documents
      return documents
    }
  }

  /// The documents, when they have been made.
  var madeDocuments: Documents? { cache.withLock { $0 } }

  /// The layers, from the bottom.
  private var layers: [LayerModel] {
    (base?.layers ?? []) + steps.compactMap { if case .layer(let layer, _) = $0 { layer } else { nil } }
  }

  private var history: [ImageConfig.History] {
    (base?.history ?? [])
      + steps.map { step in
        let (text, isEmpty): (String, Bool?) =
          switch step {
          case .layer(_, let text): (text, nil)
          case .empty(let text): (text, true)
          }
        return ImageConfig.History(
          created: created.text, createdBy: text,
          comment: text.hasSuffix("# buildkit") || isEmpty == true
            ? "buildkit.dockerfile.v0" : nil, emptyLayer: isEmpty)
      }
  }

  private func make() -> Documents {
    let (layers, history) = (layers, history)
    var manifests: [Digest: Document] = [:]
    var blobs: [Digest: Document] = [:]
    var layerBlobs: [Digest: LayerModel.Blob] = [:]
    var descriptors: [Descriptor] = []
    var attestations: [Descriptor] = []
    for platform in platforms {
      let built = layers.map { $0.blob(for: platform) }
      for layer in built { layerBlobs[layer.digest] = layer }
      let config = Document(
        MediaType.ociConfig,
        ImageConfig(
          created: created.text, author: author, platform: platform, config: execution(platform),
          rootfs: .init(diffIDs: built.map(\.diffID)), history: history))
      blobs[config.digest] = config
      let manifest = Document(
        MediaType.ociManifest,
        ImageManifest(
          config: config.descriptor,
          layers: built.map {
            Descriptor(mediaType: MediaType.ociLayerGzip, digest: $0.digest, size: $0.size)
          }))
      manifests[manifest.digest] = manifest
      var descriptor = manifest.descriptor
      descriptor.platform = platform
      descriptor.annotations = annotations(platform)
      descriptors.append(descriptor)

      let attestation = attestation(for: manifest.digest, platform, blobs: &blobs)
      manifests[attestation.digest] = attestation
      var statement = attestation.descriptor
      statement.platform = Platform(os: "unknown", architecture: "unknown")
      statement.annotations = [
        "com.docker.official-images.bashbrew.arch": ImageModel.bashbrew(platform),
        "vnd.docker.reference.digest": manifest.digest.description,
        "vnd.docker.reference.type": "attestation-manifest",
      ]
      attestations.append(statement)
    }
    // Each image stands before its attestation.
    let index = Document(
      MediaType.ociIndex, ImageIndex(manifests: zip(descriptors, attestations).flatMap { [$0, $1] }))
    manifests[index.digest] = index
    return Documents(index: index, manifests: manifests, blobs: blobs, layers: layerBlobs)
  }

  private func annotations(_ platform: Platform) -> [String: String] {
    let name = repository.split(separator: "/").last.map(String.init) ?? repository
    return [
      "com.docker.official-images.bashbrew.arch": ImageModel.bashbrew(platform),
      "org.opencontainers.image.base.name": baseName,
      "org.opencontainers.image.created": created.text,
      "org.opencontainers.image.url": "https://hub.docker.com/_/\(name)",
      "org.opencontainers.image.version": version,
    ]
  }

  /// Provenance and software bill of materials, as BuildKit attaches them (image-spec has them as manifests of an
  /// unknown platform).
  private func attestation(for digest: Digest, _ platform: Platform, blobs: inout [Digest: Document]) -> Document {
    var descriptors: [Descriptor] = []
    for predicate in ["https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2"] {
      let statement = Document(
        "application/vnd.in-toto+json",
        [
          "_type": "https://in-toto.io/Statement/v0.1", "predicateType": .string(predicate),
          "subject": [
            [
              "name": .string("pkg:docker/\(repository)@\(version)?platform=\(platform)"),
              "digest": ["sha256": .string(digest.encoded)],
            ]
          ],
          "predicate": predicate.contains("spdx")
            ? ["spdxVersion": "SPDX-2.3", "name": .string(repository), "dataLicense": "CC0-1.0"]
            : [
              "buildType": "https://mobyproject.org/buildkit@v1",
              "metadata": ["buildFinishedOn": .string(created.text), "reproducible": false],
            ],
        ] as JSON)
      blobs[statement.digest] = statement
      var descriptor = statement.descriptor
      descriptor.annotations = ["in-toto.io/predicate-type": predicate]
      descriptors.append(descriptor)
    }
    let config = Document(
      MediaType.ociConfig,
      ImageConfig(
        platform: Platform(os: "unknown", architecture: "unknown"), config: .init(),
        rootfs: .init(diffIDs: descriptors.map(\.digest))))
    blobs[config.digest] = config
    return Document(MediaType.ociManifest, ImageManifest(config: config.descriptor, layers: descriptors))
  }

  /// The official images' own names of architectures.
  private static func bashbrew(_ platform: Platform) -> String {
    switch platform.description {
    case "linux/386": "i386"
    case "linux/arm/v5": "arm32v5"
    case "linux/arm/v6": "arm32v6"
    case "linux/arm/v7": "arm32v7"
    case "linux/arm64/v8": "arm64v8"
    default: platform.architecture
    }
  }
}

extension Platform {
  /// Platforms as `amd64 arm/v7 arm64/v8`, for Linux. Not normalised: an index says `arm64/v8`.
  static func list(_ text: String) -> [Platform] {
    text.split(separator: " ").map { name in
      let parts = name.split(separator: "/").map(String.init)
      return Platform(architecture: parts[0], variant: parts.count > 1 ? parts[1] : nil)
    }
  }

  /// `x86_64`, `aarch64`: as uname(2) and multiarch folders have it.
  var machine: String {
    switch architecture {
    case "amd64": "x86_64"
    case "386": "i386"
    case "arm64": "aarch64"
    case "arm": "arm"
    case "ppc64le": "powerpc64le"
    default: architecture
    }
  }

  /// `x86_64-linux-gnu`: Debian's folder of libraries.
  var multiarch: String {
    switch (architecture, variant) {
    case ("arm", "v7"): "arm-linux-gnueabihf"
    case ("arm", _): "arm-linux-gnueabi"
    default: machine + "-linux-gnu"
    }
  }
}
