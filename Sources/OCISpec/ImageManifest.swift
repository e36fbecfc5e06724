import JSONTree

/// An image for one platform: its config and layers (image-spec, manifest.md; docker's schema 2).
public struct ImageManifest: Codable, Hashable, JSONWritable {
  public var schemaVersion: Int
  public var mediaType: String?
  public var artifactType: String?
  public var config: Descriptor
  public var layers: [Descriptor]
  public var subject: Descriptor?
  public var annotations: [String: String]?

  public init(
    mediaType: String = MediaType.ociManifest, config: Descriptor, layers: [Descriptor],
    annotations: [String: String]? = nil
  ) {
    schemaVersion = 2
    (self.mediaType, self.config, self.layers, self.annotations) = (mediaType, config, layers, annotations)
  }
}

/// One image for several platforms (image-spec, image-index.md; docker's manifest list).
public struct ImageIndex: Codable, Hashable, JSONWritable {
  public var schemaVersion: Int
  public var mediaType: String?
  public var manifests: [Descriptor]
  public var annotations: [String: String]?

  public init(
    mediaType: String = MediaType.ociIndex, manifests: [Descriptor], annotations: [String: String]? = nil
  ) {
    schemaVersion = 2
    (self.mediaType, self.manifests, self.annotations) = (mediaType, manifests, annotations)
  }

  /// The manifest to take for `platform`: the best match first; attestations are passed over.
  public func manifest(for platform: Platform) -> Descriptor? {
    let candidates = manifests.filter { descriptor in
      descriptor.annotations?["vnd.docker.reference.type"] == nil
        && descriptor.platform.map { platform.accepts($0) } ?? false
    }
    return candidates.max { ($0.platform?.variant ?? "") < ($1.platform?.variant ?? "") }
  }
}
