import JSONTree
import OCISpec
import Seams

/// What a manifest or index document says, after it has been looked at with suspicion (containerd: `images.Manifest`,
/// `validateMediaType`).
public enum ImageDocument: Sendable {
  case manifest(ImageManifest)
  case index(ImageIndex)

  /// Parses a document that a descriptor calls `mediaType`. Throws when it is no JSON, when it is something else than
  /// the descriptor says, and when it is of schema 1.
  public init(_ bytes: [UInt8], mediaType: String) throws {
    let tree: JSON
    do { tree = try JSON(parsing: bytes, maxDepth: 64) } catch {
      throw EngineError(.invalidArgument, "failed to unmarshal \(mediaType): \(error)")
    }
    if !(tree["fsLayers"]?.array ?? []).isEmpty {
      throw EngineError(.invalidArgument, "media-type: schema 1 not supported")
    }
    let own = tree["mediaType"]?.string ?? ""
    do {
      if MediaType.isIndex(mediaType) {
        if tree["config"]?.object != nil || tree["layers"]?.array != nil || MediaType.isManifest(own) {
          throw EngineError(.invalidArgument, "media-type: expected index but found manifest (\(mediaType))")
        }
        self = .index(try tree.decode(ImageIndex.self))
      } else if MediaType.isManifest(mediaType) {
        if tree["manifests"]?.array != nil || MediaType.isIndex(own) {
          throw EngineError(.invalidArgument, "media-type: expected manifest but found index (\(mediaType))")
        }
        self = .manifest(try tree.decode(ImageManifest.self))
      } else {
        throw EngineError(.invalidArgument, "unexpected media type \(mediaType): not an image")
      }
    } catch let error as EngineError {
      throw error
    } catch {
      throw EngineError(.invalidArgument, "failed to unmarshal \(mediaType): \(error)")
    }
  }

  /// Everything that the document points at: what a garbage collector follows.
  public var children: [Descriptor] {
    switch self {
    case .manifest(let manifest): [manifest.config] + manifest.layers
    case .index(let index): index.manifests
    }
  }
}

extension ImageManifest {
  /// What kind of artifact this is (a chart, a signature); nil when it is an image that can be run.
  public var artifact: String? {
    if MediaType.isConfig(config.mediaType) { return nil }
    if let artifactType, !artifactType.isEmpty { return artifactType }
    return config.mediaType
  }

  /// Why nothing can be run from this manifest; nil for an image.
  public func artifactError(_ reference: ImageReference) -> EngineError? {
    artifact.map {
      EngineError(
        .invalidArgument,
        "unsupported media type \($0): \(reference.familiar) is an artifact of that type, not a container image")
    }
  }
}

extension ImageIndex {
  /// The manifests that count for `platform`, best first: those that say they fit, then nested indexes, then manifests
  /// that say nothing of their platform. Attestations are passed over.
  public func candidates(for platform: Platform) -> [Descriptor] {
    let images = manifests.filter { $0.annotations?["vnd.docker.reference.type"] == nil }
    let indexes = images.filter { MediaType.isIndex($0.mediaType) }
    let silent = images.filter { $0.platform == nil && MediaType.isManifest($0.mediaType) }
    return (manifest(for: platform).map { [$0] } ?? []) + indexes + silent
  }

  /// In Docker's words, that nothing fits.
  public static func noMatch(_ platform: Platform) -> EngineError {
    EngineError(
      .notFound,
      "no matching manifest for \(platform) in the manifest list entries: no match for platform in manifest: not found")
  }
}
