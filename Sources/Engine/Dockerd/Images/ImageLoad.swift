import Archive
import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `POST /images/load`: an OCI image layout or Docker's own format, compressed or not. A failure is a message of the
  /// stream, never a status (as moby's).
  func loadResponse(_ request: APIRequest) async throws -> APIResponse {
    let platforms = try Self.platforms(request)
    let upload = request.upload
    return try await MessageStream.answer(daemon.world) { [self] out in
      do {
        var start: [UInt8] = []
        while start.count < 10, let bytes = await upload?.read(1 << 18) { start += bytes }
        let archive = try daemon.codec.decompressed(
          ChannelSource(head: start, upload), ArchiveCompression(of: start))
        let (head, isWhole) = try await Self.head(of: archive, smallArchive)
        if isWhole {
          try await load(head, platforms: platforms, to: out)
        } else {
          try await load(ArchiveStream(head: head, archive), platforms: platforms, to: out)
        }
      } catch {
        let message = (error as? EngineError)?.message ?? "\(error)"
        out.send(["errorDetail": ["message": .string(message)], "error": .string(message)])
      }
    }
  }

  /// What comes first of a source, until it is more than `limit` bytes or all.
  static func head(of source: any ByteSource, _ limit: Int) async throws -> (bytes: [UInt8], isWhole: Bool) {
    var head: [UInt8] = []
    while let bytes = try await source.next() {
      head += bytes
      if head.count > limit { return (head, false) }
    }
    return (head, true)
  }

  private func load(_ archive: [UInt8], platforms: [Platform], to out: MessageStream) async throws {
    let layout = try ImageArchive(archive)
    try await store.leased { _ in try await keep(layout, platforms: platforms, to: out) }
  }

  /// A large archive: what is large in it goes straight into the content store, as it comes.
  private func load(_ archive: ArchiveStream, platforms: [Platform], to out: MessageStream) async throws {
    try await store.leased { _ in
      var archive = archive
      var members = ImageArchive.Members()
      var held: Int64 = 0
      while let member = try await archive.next() {
        switch member.kind {
        case .symlink, .hardLink:
          members.add(link: member.path, to: member.linkTarget, isSymbolic: member.kind == .symlink)
        case .other: continue
        case .file:
          let first = try await archive.read(loadPiece) ?? []
          // Documents are JSON; what is not goes into the content store, whatever its size.
          let isDocument = first.first == UInt8(ascii: "{") || first.first == UInt8(ascii: "[")
          guard member.size <= (isDocument ? largestDocument : smallMember) else {
            members.stored[member.path] = try await ingest(member, first: first, from: &archive)
            continue
          }
          held += member.size
          guard held <= heldLimit else {
            throw EngineError(.resourceExhausted, "archive has more than \(heldLimit) bytes of documents")
          }
          members.files[member.path] = first + (try await archive.readAll())
        }
      }
      try await keep(try ImageArchive(members), platforms: platforms, to: out)
    }
  }

  /// Writes a member into the content store, under the digest that it is named after or its own.
  private func ingest(
    _ member: ArchiveStream.Member, first: [UInt8], from archive: inout ArchiveStream
  ) async throws -> ImageArchive.Stored {
    let parts = member.path.split(separator: "/")
    let named = parts.count == 3 && parts[0] == "blobs" ? Digest("\(parts[1]):\(parts[2])") : nil
    let isGzip = Gzip.isGzip(first)
    if let named, try await store.info(named) != nil {
      // The lease holds it from now on.
      try await store.write([], digest: named, ref: "load-\(named)")
      return .init(digest: named, size: member.size, isGzip: isGzip)
    }
    let ref = "load-\(daemon.world.hexID(16))"
    do {
      var offset: Int64 = 0
      var piece: [UInt8]? = first
      while let bytes = piece {
        offset = try await store.append(bytes, at: offset, to: ref)
        piece = try await archive.read(loadPiece)
      }
      let digest = try await store.commit(ref, at: offset, expected: named)
      return .init(digest: digest, size: member.size, isGzip: isGzip)
    } catch {
      await store.abort(ref)
      throw error
    }
  }

  private func keep(_ layout: ImageArchive, platforms: [Platform], to out: MessageStream) async throws {
    for (digest, content) in layout.blobs.sorted(by: { $0.key < $1.key }) {
      try await store.write(
        content, digest: digest, size: layout.sizes[digest], ref: "import-\(digest)", labels: layout.labels(digest))
    }
    var loaded: [ImageRecord] = []
    for (name, target) in layout.images {
      guard try await store.info(target.digest) != nil else {
        throw EngineError(.notFound, "content digest \(target.digest): not found")
      }
      let record = ImageRecord(
        name: name?.tagged.description ?? ImageStore.danglingName(target.digest), target: target)
      if name != nil, let old = try await store.get(record.name), old.target.digest != target.digest {
        try await keepDangling(old)
        try await store.delete(old.name)
      }
      try await put(record)
      loaded.append(record)
    }
    if !platforms.isEmpty { try await checkPlatforms(loaded, platforms) }
    for record in loaded { await finish(record, platforms: platforms, to: out) }
  }

  private func put(_ record: ImageRecord) async throws {
    var record = record
    record.createdAt = daemon.world.unixTime
    record.updatedAt = record.createdAt
    if try await !store.create(record) { try await store.update(record) }
  }

  private func checkPlatforms(_ records: [ImageRecord], _ platforms: [Platform]) async throws {
    let wanted = "[" + platforms.map(\.description).joined(separator: " ") + "]"
    var incomplete: [String] = []
    for record in records {
      var isThere = false
      for platform in platforms where (try? await store.bestManifest(record, platform: platform)) != nil {
        isThere = true
      }
      if !isThere { incomplete.append(ImageStore.familiarName(record)) }
    }
    switch incomplete.count {
    case 0: return
    case 1:
      throw EngineError(
        .notFound,
        "image \(incomplete[0]) was loaded, but doesn't provide the requested platform (\(wanted))")
    default:
      throw EngineError(
        .notFound,
        "images [\(incomplete.joined(separator: ", "))] were loaded, but don't provide the requested platform (\(wanted))"
      )
    }
  }

  /// Unpacks what the host can run, and says what has been loaded.
  private func finish(_ record: ImageRecord, platforms: [Platform], to out: MessageStream) async {
    let isDangling = ImageStore.isDangling(record)
    let name = ImageStore.familiarName(record)
    var failure: (any Error)?
    do {
      if let descriptor = try? await store.bestManifest(record, platform: platforms.first) {
        let manifest = try await store.manifest(descriptor.digest)
        if MediaType.isConfig(manifest.config.mediaType) {
          let config = try await store.config(manifest.config.digest).config
          try await store.unpack(manifest, diffIDs: config.rootfs.diffIDs)
        }
      }
    } catch { failure = error }
    out.send(["stream": .string("\(isDangling ? "Loaded image ID" : "Loaded image"): \(name)\n")])
    let id = record.target.digest.description
    await logEvent("load", id: id, name: id)
    if let failure {
      let reason = (failure as? EngineError)?.message ?? "\(failure)"
      out.send(["stream": .string("Error unpacking image \(name): \(reason)\n")])
    }
  }
}

/// The images in an archive of `docker save`.
struct ImageArchive {
  /// A file that is in the content store already.
  struct Stored: Sendable {
    var digest: Digest
    var size: Int64
    var isGzip: Bool
  }

  /// The files of an archive by path.
  struct Members: Sendable {
    var files: [String: [UInt8]] = [:]
    var stored: [String: Stored] = [:]
    /// What the path of a link leads to: old archives link to layers that images share.
    private(set) var links: [String: String] = [:]

    mutating func add(link path: String, to target: String, isSymbolic: Bool) {
      links[path] = isSymbolic ? ImageArchive.resolve(target, from: path) : target
    }

    fileprivate mutating func follow() {
      for (path, target) in links {
        if let content = files[target] { files[path] = content }
        if let content = stored[target] { stored[path] = content }
      }
    }
  }

  /// In the content store already.
  private var known: Set<Digest> = []
  /// Verified against their digests.
  private(set) var blobs: [Digest: [UInt8]] = [:]
  /// Names and what they point at; a nil name for images that were saved by id.
  private(set) var images: [(name: ImageReference?, target: Descriptor)] = []
  /// Bytes of blobs as their descriptors have it.
  private(set) var sizes: [Digest: Int64] = [:]
  private var references: [Digest: [String: String]] = [:]

  /// Of an uncompressed archive. Throws `EngineError` when it is neither of the known formats.
  init(_ archive: [UInt8]) throws {
    var members = Members()
    do throws(ArchiveError) {
      var reader = TarReader(archive)
      while let entry = try reader.next() {
        switch entry.kind {
        case .file: members.files[entry.path] = entry.content
        case .symlink: members.add(link: entry.path, to: entry.linkTarget, isSymbolic: true)
        case .hardLink: members.add(link: entry.path, to: entry.linkTarget, isSymbolic: false)
        default: break
        }
      }
    } catch { throw EngineError(.unknown, error.description) }
    try self.init(members)
  }

  /// The same of files that were sorted already.
  init(_ given: Members) throws {
    var members = given
    members.follow()
    known = Set(members.stored.values.map(\.digest))
    if let index = members.files["index.json"], members.files["oci-layout"] != nil {
      try read(layout: index, members.files)
    } else if let manifest = members.files["manifest.json"] {
      try read(docker: manifest, members)
    } else {
      throw EngineError(.unknown, "unrecognized image format")
    }
  }

  private static let plainLayer = "application/vnd.docker.image.rootfs.diff.tar"

  /// What garbage collection has to know of a blob: the blobs that it refers to.
  func labels(_ digest: Digest) -> [String: String] { references[digest] ?? [:] }

  private static func resolve(_ target: String, from path: String) -> String {
    if target.hasPrefix("/") { return String(target.drop { $0 == "/" }) }
    var parts = path.split(separator: "/").dropLast().map(String.init)
    for part in target.split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
    }
    return parts.joined(separator: "/")
  }

  private mutating func read(layout index: [UInt8], _ files: [String: [UInt8]]) throws {
    for (path, content) in files.sorted(by: { $0.key < $1.key }) where path.hasPrefix("blobs/") {
      let parts = path.split(separator: "/")
      guard parts.count == 3, let digest = Digest("\(parts[1]):\(parts[2])") else { continue }
      try add(content, digest)
    }
    let document: ImageIndex
    do { document = try JSON(parsing: index).decode(ImageIndex.self) } catch {
      throw EngineError(.unknown, "failed to unmarshal index.json: \(error)")
    }
    for descriptor in document.manifests {
      let annotations = descriptor.annotations ?? [:]
      let text =
        annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"] ?? ""
      var target = descriptor
      target.annotations = nil
      guard blobs[target.digest] != nil || known.contains(target.digest) else {
        throw EngineError(.notFound, "content digest \(target.digest): not found")
      }
      // A bare tag is no name.
      let name = text.contains("/") || text.contains(":") ? try? ImageReference(text) : nil
      images.append((name, target))
      try follow(target)
    }
  }

  /// Finds what each document refers to.
  private mutating func follow(_ descriptor: Descriptor, depth: Int = 0) throws {
    guard depth < 8, let content = blobs[descriptor.digest], references[descriptor.digest] == nil,
      MediaType.isIndex(descriptor.mediaType) || MediaType.isManifest(descriptor.mediaType)
    else { return }
    var labels: [String: String] = [:]
    let document = try ImageDocument(content, mediaType: descriptor.mediaType)
    for child in document.children { sizes[child.digest] = child.size }
    switch document {
    case .index(let index):
      for (place, child) in index.manifests.enumerated() {
        labels["containerd.io/gc.ref.content.m.\(place)"] = child.digest.description
      }
      references[descriptor.digest] = labels
      for child in index.manifests { try follow(child, depth: depth + 1) }
    case .manifest(let manifest):
      references[descriptor.digest] = Self.labels(manifest)
    }
  }

  static func labels(_ manifest: ImageManifest) -> [String: String] {
    var labels = ["containerd.io/gc.ref.content.config": manifest.config.digest.description]
    for (place, layer) in manifest.layers.enumerated() {
      labels["containerd.io/gc.ref.content.l.\(place)"] = layer.digest.description
    }
    return labels
  }

  /// Docker's own format: configs and layers under paths of their own; the manifests are made here.
  private mutating func read(docker manifest: [UInt8], _ members: Members) throws {
    let files = members.files
    guard let entries = (try? JSON(parsing: manifest))?.array else {
      throw EngineError(.unknown, "untar manifest: invalid manifest.json")
    }
    for entry in entries {
      let path = entry["Config"]?.string ?? ""
      guard let config = files[path] else {
        throw EngineError(.unknown, "image config \"\(path)\" not found")
      }
      let configDigest = Digest(sha256: config)
      blobs[configDigest] = config
      var layers: [Descriptor] = []
      for path in entry["Layers"]?.strings ?? [] {
        if let stored = members.stored[path] {
          layers.append(
            Descriptor(
              mediaType: stored.isGzip ? MediaType.dockerLayer : Self.plainLayer, digest: stored.digest,
              size: stored.size))
          continue
        }
        guard let layer = files[path] else { throw EngineError(.unknown, "layer \"\(path)\" not found") }
        let digest = Digest(sha256: layer)
        blobs[digest] = layer
        layers.append(
          Descriptor(
            mediaType: Gzip.isGzip(layer) ? MediaType.dockerLayer : Self.plainLayer,
            digest: digest, size: Int64(layer.count)))
      }
      let document = ImageManifest(
        mediaType: MediaType.dockerManifest,
        config: Descriptor(
          mediaType: MediaType.dockerConfig, digest: configDigest, size: Int64(config.count)), layers: layers)
      var writer = JSONWriter()
      document.write(to: &writer)
      let digest = Digest(sha256: writer.bytes)
      blobs[digest] = writer.bytes
      references[digest] = Self.labels(document)
      let platform = (try? JSON(parsing: config).decode(ImageConfig.self))?.platform
      let target = Descriptor(
        mediaType: MediaType.dockerManifest, digest: digest, size: Int64(writer.bytes.count), platform: platform)
      let names = try (entry["RepoTags"]?.strings ?? []).map { try parsedReference($0) }
      if names.isEmpty { images.append((nil, target)) }
      for name in names { images.append((name, target)) }
    }
  }

  private mutating func add(_ content: [UInt8], _ digest: Digest) throws {
    if digest.algorithm == "sha256" {
      let own = Digest(sha256: content)
      guard own == digest else {
        throw EngineError(
          .failedPrecondition, "unexpected commit digest \(own), expected \(digest): failed precondition")
      }
    }
    blobs[digest] = content
  }
}

/// An archive of at most so many bytes, uncompressed, is read into memory whole.
let smallArchive = 8 << 20
/// Members of a larger one that are kept in memory: documents, and whatever is tiny; all together no more than this.
private let largestDocument: Int64 = 8 << 20
private let smallMember: Int64 = 4096
private let heldLimit: Int64 = 32 << 20
/// Bytes that go into the content store at once.
private let loadPiece = 1 << 20
