import JSONTree

/// What a blob is and where it is found (image-spec, descriptor.md).
public struct Descriptor: Codable, Hashable, JSONWritable {
  public var mediaType: String
  public var digest: Digest
  /// Bytes.
  public var size: Int64
  public var urls: [String]?
  public var annotations: [String: String]?
  /// Of a manifest within an index.
  public var platform: Platform?
  public var artifactType: String?

  public init(
    mediaType: String, digest: Digest, size: Int64, urls: [String]? = nil, annotations: [String: String]? = nil,
    platform: Platform? = nil, artifactType: String? = nil
  ) {
    (self.mediaType, self.digest, self.size) = (mediaType, digest, size)
    (self.urls, self.annotations, self.platform, self.artifactType) = (urls, annotations, platform, artifactType)
  }
}
