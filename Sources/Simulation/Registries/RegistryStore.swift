import JSONTree
import OCISpec
import Synchronization

/// What one registry holds: repositories from the catalogue, and what was pushed or deleted since.
final class RegistryStore: Sendable {
  /// A repository that is there from the beginning.
  struct Seed: Sendable {
    var catalogue: Catalogue
    /// Its name in the catalogue.
    var repository: String
  }

  /// A manifest or index.
  struct Manifest: Sendable {
    var mediaType: String
    var digest: Digest
    var bytes: [UInt8]
    /// What it is about (distribution-spec, "Listing Referrers").
    var subject: Digest?
    var artifactType: String?
    var annotations: [String: String]?
  }

  /// A config or layer.
  struct Blob: Sendable {
    var bytes: [UInt8]
    /// What descriptors say of it: layers of trace mode are models.
    var size: Int64
  }

  /// Why a manifest is not taken.
  enum Refusal: Error {
    case invalid(String)
    case blobUnknown(Digest)
  }

  private struct Repository: Sendable {
    var seed: Seed?
    var manifests: [Digest: Manifest] = [:]
    var tags: [String: Digest] = [:]
    var deletedTags: Set<String> = []
    var deletedManifests: Set<Digest> = []
    var blobs: [Digest: Blob] = [:]
    var deletedBlobs: Set<Digest> = []

    func manifest(_ digest: Digest) -> Manifest? {
      if let manifest = manifests[digest] { return manifest }
      guard let seed, !deletedManifests.contains(digest),
        let found = seed.catalogue.manifest(seed.repository, digest: digest)
      else { return nil }
      return Manifest(mediaType: found.mediaType, digest: digest, bytes: found.bytes)
    }

    func digest(tag: String) -> Digest? {
      if let digest = tags[tag] { return digest }
      guard let seed, !deletedTags.contains(tag) else { return nil }
      return seed.catalogue.manifest(seed.repository, tag: tag).flatMap {
        deletedManifests.contains($0.digest) ? nil : $0.digest
      }
    }

    func blob(_ digest: Digest) -> Blob? {
      if let blob = blobs[digest] { return blob }
      guard let seed, !deletedBlobs.contains(digest),
        let found = seed.catalogue.blob(seed.repository, digest: digest)
      else { return nil }
      return Blob(bytes: found.bytes, size: found.size)
    }
  }

  private let repositories: Mutex<[String: Repository]>

  init(_ seeds: [String: Seed] = [:]) {
    repositories = Mutex(seeds.mapValues { Repository(seed: $0) })
  }

  /// All repositories of catalogues under their own names.
  convenience init(_ catalogues: [Catalogue]) {
    var seeds: [String: Seed] = [:]
    for catalogue in catalogues {
      for name in catalogue.repositories { seeds[name] = Seed(catalogue: catalogue, repository: name) }
    }
    self.init(seeds)
  }

  // MARK: Reading

  /// The names of all repositories, sorted.
  var names: [String] { repositories.withLock { $0.keys.sorted() } }

  func contains(_ name: String) -> Bool { repositories.withLock { $0[name] != nil } }

  /// The tags of a repository, sorted; nil when it is not there.
  func tags(_ name: String) -> [String]? {
    repositories.withLock { repositories -> [String]? in
      guard let repository = repositories[name] else { return nil }
      var tags = Set(repository.tags.keys)
      if let seed = repository.seed {
        for tag in seed.catalogue.tags(seed.repository) ?? [] where repository.digest(tag: tag) != nil {
          tags.insert(tag)
        }
      }
      return tags.sorted()
    }
  }

  /// By tag or digest.
  func manifest(_ name: String, _ reference: String) -> Manifest? {
    repositories.withLock { repositories in
      guard let repository = repositories[name] else { return nil }
      if reference.contains(":") { return Digest(reference).flatMap(repository.manifest) }
      return repository.digest(tag: reference).flatMap(repository.manifest)
    }
  }

  func blob(_ name: String, _ digest: Digest) -> Blob? { repositories.withLock { $0[name]?.blob(digest) } }

  /// The manifests whose subject is `digest`, by digest.
  func referrers(_ name: String, _ digest: Digest) -> [Manifest] {
    repositories.withLock { repositories in
      (repositories[name]?.manifests.values.filter { $0.subject == digest } ?? []).sorted { $0.digest < $1.digest }
    }
  }

  // MARK: Changing

  /// An empty repository.
  func create(_ name: String) {
    repositories.withLock { $0[name] = $0[name] ?? Repository() }
  }

  func put(_ name: String, _ digest: Digest, _ blob: Blob) {
    repositories.withLock { repositories in
      repositories[name, default: Repository()].blobs[digest] = blob
      repositories[name]?.deletedBlobs.remove(digest)
    }
  }

  /// Shares a blob of repository `source`; false when it has none.
  func mount(_ digest: Digest, from source: String, into name: String) -> Bool {
    guard let blob = blob(source, digest) else { return false }
    put(name, digest, blob)
    return true
  }

  /// Puts a manifest, under a tag when `tag` is one. All that it points at must be there.
  @discardableResult
  func put(_ name: String, tag: String?, mediaType: String, _ bytes: [UInt8]) throws(Refusal) -> Manifest {
    guard let tree = try? JSON(parsing: bytes, maxDepth: 32), tree.object != nil else {
      throw .invalid("manifest is no JSON document")
    }
    guard tree["schemaVersion"]?.int == 2 else { throw .invalid("unsupported schema version") }
    if let own = tree["mediaType"]?.string, own != mediaType {
      throw .invalid("mediaType in manifest should be '\(mediaType)' not '\(own)'")
    }
    func descriptor(_ json: JSON?) throws(Refusal) -> Descriptor {
      guard let json, let descriptor = try? json.decode(Descriptor.self) else {
        throw .invalid("manifest has an invalid descriptor")
      }
      return descriptor
    }
    var manifest = Manifest(mediaType: mediaType, digest: Digest(sha256: bytes), bytes: bytes)
    var blobs: [Descriptor] = []
    var children: [Descriptor] = []
    if MediaType.isIndex(mediaType) {
      for child in tree["manifests"]?.array ?? [] { children.append(try descriptor(child)) }
    } else {
      blobs.append(try descriptor(tree["config"]))
      for layer in tree["layers"]?.array ?? [] { blobs.append(try descriptor(layer)) }
      manifest.artifactType = blobs[0].mediaType
    }
    manifest.artifactType = tree["artifactType"]?.string ?? manifest.artifactType
    if let subject = tree["subject"] { manifest.subject = try descriptor(subject).digest }
    if let annotations = tree["annotations"]?.object {
      manifest.annotations = Dictionary(
        annotations.members.compactMap { member in member.value.string.map { (member.key, $0) } },
        uniquingKeysWith: { $1 })
    }

    let missing = repositories.withLock { repositories -> Digest? in
      let repository = repositories[name] ?? Repository()
      for blob in blobs where blob.urls == nil && repository.blob(blob.digest) == nil { return blob.digest }
      for child in children where repository.manifest(child.digest) == nil { return child.digest }
      repositories[name, default: Repository()].manifests[manifest.digest] = manifest
      repositories[name]?.deletedManifests.remove(manifest.digest)
      if let tag { repositories[name]?.tags[tag] = manifest.digest }
      // The descriptor knows how large the layer claims to be.
      for blob in blobs where blob.size > repositories[name]?.blobs[blob.digest]?.size ?? .max {
        repositories[name]?.blobs[blob.digest]?.size = blob.size
      }
      return nil
    }
    if let missing { throw .blobUnknown(missing) }
    return manifest
  }

  /// Deletes a tag, or a manifest with all its tags; false when there is none.
  func deleteManifest(_ name: String, _ reference: String) -> Bool {
    repositories.withLock { repositories in
      guard let repository = repositories[name] else { return false }
      if let digest = Digest(reference) {
        guard repository.manifest(digest) != nil else { return false }
        repositories[name]?.manifests[digest] = nil
        repositories[name]?.deletedManifests.insert(digest)
        for (tag, target) in repository.tags where target == digest { repositories[name]?.tags[tag] = nil }
        return true
      }
      guard repository.digest(tag: reference) != nil else { return false }
      repositories[name]?.tags[reference] = nil
      repositories[name]?.deletedTags.insert(reference)
      return true
    }
  }

  func deleteBlob(_ name: String, _ digest: Digest) -> Bool {
    repositories.withLock { repositories in
      guard repositories[name]?.blob(digest) != nil else { return false }
      repositories[name]?.blobs[digest] = nil
      repositories[name]?.deletedBlobs.insert(digest)
      return true
    }
  }

  /// The bytes that the blobs pushed to repositories below `prefix` claim; one that several share counts once.
  func pushedBytes(below prefix: String) -> Int64 {
    repositories.withLock { repositories in
      var sizes: [Digest: Int64] = [:]
      for (name, repository) in repositories where name.hasPrefix(prefix) {
        for (digest, blob) in repository.blobs { sizes[digest] = blob.size }
      }
      return sizes.values.reduce(0, +)
    }
  }
}
