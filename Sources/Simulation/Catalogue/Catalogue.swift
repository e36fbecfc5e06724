import OCISpec
import Synchronization

/// The images that registries of trace mode have from the beginning. Nothing is built before it is asked for, and
/// nothing twice; the catalogue never changes, so all sessions of a process share it.
public final class Catalogue: Sendable {
  /// A document or layer as a registry serves it.
  public struct Blob: Sendable {
    public let mediaType: String
    public let digest: Digest
    public let bytes: [UInt8]
    /// What a descriptor says of it: more than `bytes` holds when it is a layer, which is a model here.
    public let size: Int64
  }

  /// Docker Hub's official images, and a few others there.
  public static let hub = Catalogue(hubImages)
  /// What the private registries of the lessons hold.
  public static let shop = Catalogue(shopImages)

  private let images: [ImageModel]
  private let byRepository: [String: [ImageModel]]
  private let layerCache = Mutex<[Digest: Blob]>([:])

  init(_ images: [ImageModel]) {
    self.images = images
    byRepository = Dictionary(grouping: images, by: \.repository)
  }

  /// Names such as `library/nginx`, sorted.
  public var repositories: [String] { byRepository.keys.sorted() }

  /// The tags of a repository, sorted; nil when there is no such repository.
  public func tags(_ repository: String) -> [String]? { byRepository[repository].map { $0.flatMap(\.tags).sorted() } }

  /// What a tag points at: an index.
  public func manifest(_ repository: String, tag: String) -> Blob? {
    guard let image = byRepository[repository]?.first(where: { $0.tags.contains(tag) }) else { return nil }
    return blob(image.documents.index)
  }

  /// An index or manifest by its digest.
  public func manifest(_ repository: String, digest: Digest) -> Blob? {
    find(repository) { $0.manifests[digest] }.map(blob)
  }

  /// A config or layer by its digest.
  public func blob(_ repository: String, digest: Digest) -> Blob? {
    if let document = find(repository, { $0.blobs[digest] }) { return blob(document) }
    if let cached = layerCache.withLock({ $0[digest] }), find(repository, { $0.layers[digest] }) != nil {
      return cached
    }
    guard let layer = find(repository, { $0.layers[digest] }) else { return nil }
    let blob = Blob(mediaType: MediaType.ociLayerGzip, digest: digest, bytes: layer.bytes, size: layer.size)
    layerCache.withLock { $0[digest] = blob }
    return blob
  }

  /// Looks first where documents have been made already.
  private func find<T>(_ repository: String, _ body: (ImageModel.Documents) -> T?) -> T? {
    let images = byRepository[repository] ?? []
    for image in images { if let found = image.madeDocuments.flatMap(body) { return found } }
    for image in images where image.madeDocuments == nil { if let found = body(image.documents) { return found } }
    return nil
  }

  private func blob(_ document: ImageModel.Document) -> Blob {
    Blob(
      mediaType: document.mediaType, digest: document.digest, bytes: document.bytes,
      size: Int64(document.bytes.count))
  }
}
