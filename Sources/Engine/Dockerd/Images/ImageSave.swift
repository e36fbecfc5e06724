import Archive
import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `GET /images/get?names=…` and `GET /images/{name}/get`: a tar that is an OCI image layout and has Docker's
  /// `manifest.json` too.
  func saveResponse(_ request: APIRequest) async throws -> APIResponse {
    let platforms = try Self.platforms(request)
    let names =
      request.parameters["name"].map { [$0] } ?? request.query.filter { $0.name == "names" }.map(\.value)
    return try await MessageStream.answer(daemon.world, contentType: "application/x-tar") { [self] out in
      try await store.leased { lease in
        let files = try await export(names, platforms: platforms, lease: lease)
        try await write(files, to: out)
      }
    }
  }

  /// What a file of the archive holds.
  private enum FileContent {
    case bytes([UInt8])
    /// A large blob, read when its turn comes.
    case blob(Digest, size: Int64)
  }

  private struct Export {
    var target: Descriptor
    var record: ImageRecord
    /// Nil when it was asked for by id: then it has no name in the archive.
    var reference: ImageReference?
  }

  private func export(_ names: [String], platforms: [Platform], lease: String) async throws
    -> [String: FileContent]
  {
    var exports: [Export] = []
    for name in names { exports += try await find(name, platforms: platforms) }
    for export in exports {
      try await store.lease(lease, export.target)
      await logEvent("save", id: export.target.digest.description, name: export.target.digest.description)
    }

    var files: [String: FileContent] = ["oci-layout": .bytes(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))]
    var index: [JSON] = []
    var docker: [(config: String, layers: [String], tags: [String])] = []
    for export in exports {
      try await addContent(of: export.target, platforms: platforms, to: &files)
      var descriptor = export.target
      if let reference = export.reference {
        var annotations = descriptor.annotations ?? [:]
        annotations["io.containerd.image.name"] = reference.description
        annotations["org.opencontainers.image.ref.name"] = reference.tag ?? reference.description
        descriptor.annotations = annotations
      } else {
        descriptor.annotations?["io.containerd.image.name"] = nil
        descriptor.annotations?["org.opencontainers.image.ref.name"] = nil
      }
      index.append(descriptor.json)
      guard let manifest = try await dockerManifest(export, platforms: platforms) else { continue }
      if let known = docker.firstIndex(where: { $0.config == manifest.config && $0.layers == manifest.layers }) {
        docker[known].tags += manifest.tags
      } else {
        docker.append(manifest)
      }
    }
    files["index.json"] = document([
      "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex), "manifests": .array(index),
    ])
    if !docker.isEmpty {
      files["manifest.json"] = document(
        .array(
          docker.map {
            [
              "Config": .string($0.config), "RepoTags": $0.tags.isEmpty ? .null : JSON($0.tags),
              "Layers": JSON($0.layers),
            ]
          }))
    }

    return files
  }

  /// Writes the archive at the client's pace; nothing larger than a piece is held.
  private func write(_ files: [String: FileContent], to out: MessageStream) async throws {
    var archive = TarWriter()
    archive.add(ArchiveEntry(path: "blobs", kind: .directory, mode: 0o755))
    archive.add(ArchiveEntry(path: "blobs/sha256", kind: .directory, mode: 0o755))
    for (path, content) in files.sorted(by: { $0.key < $1.key }) {
      var entry = ArchiveEntry(path: path, mode: path.hasSuffix(".json") ? 0o644 : 0o444)
      switch content {
      case .bytes(let bytes):
        entry.content = bytes
        archive.add(entry)
        if archive.count > savePiece { try await out.write(archive.take()) }
      case .blob(let digest, let size):
        archive.begin(entry, size: Int(size))
        try await out.write(archive.take())
        var offset: Int64 = 0
        while offset < size {
          let piece = try await store.read(digest, offset: offset, count: min(Int64(savePiece), size - offset))
          guard !piece.isEmpty else {
            throw EngineError(.unknown, "content \(digest): unexpected EOF at \(offset) of \(size) bytes")
          }
          offset += Int64(piece.count)
          try await out.write(piece)
        }
        let padding = Int((512 - size % 512) % 512)
        if padding > 0 { try await out.write([UInt8](repeating: 0, count: padding)) }
      }
    }
    try await out.write(archive.finish())
  }

  /// What a name stands for: an image, or without tag all those of the repository.
  private func find(_ name: String, platforms: [Platform]) async throws -> [Export] {
    let reference = try? ImageReference(name)
    var failure: (any Error)?
    var record: ImageRecord?
    do { record = try await store.resolve(name) } catch { failure = error }
    let isID = record.map { isIDPrefix(name, of: $0.target.digest) } ?? false
    let isDigested = isID || reference?.digest != nil
    if let reference, reference.tag == nil, reference.digest == nil, !isDigested || record == nil {
      let records = try await store.tags(of: reference.repository)
      guard !records.isEmpty else { throw ImageName.named(reference).noSuchImage }
      var exports: [Export] = []
      for record in records {
        guard let own = try? ImageReference(record.name) else { continue }
        exports.append(Export(target: try await exportTarget(record, platforms), record: record, reference: own))
      }
      return exports
    }
    guard let record else { throw failure ?? EngineError(.notFound, "No such image: \(name)") }
    return [
      Export(target: try await exportTarget(record, platforms), record: record, reference: isDigested ? nil : reference)
    ]
  }

  /// For one platform its manifest alone, else everything that is here.
  private func exportTarget(_ record: ImageRecord, _ platforms: [Platform]) async throws -> Descriptor {
    guard platforms.count == 1 else { return record.target }
    do { return try await store.bestManifest(record, platform: platforms[0]) } catch let error as EngineError {
      throw EngineError(error.code, "no suitable export target found: \(error.message)")
    }
  }

  private func addContent(of target: Descriptor, platforms: [Platform], to files: inout [String: FileContent])
    async throws
  {
    guard let info = try await store.info(target.digest) else { return }
    let path = "blobs/\(target.digest.algorithm)/\(target.digest.encoded)"
    guard files[path] == nil else { return }
    let head = try await store.read(target.digest, offset: 0, count: min(info.size, Int64(savePiece)))
    // A model of trace mode has fewer bytes than its size says: it is all here.
    files[path] =
      head.count == savePiece && info.size > Int64(savePiece) ? .blob(target.digest, size: info.size) : .bytes(head)
    for child in try await store.children(target) {
      if let own = child.platform, platforms.count > 1, !platforms.contains(where: { ImageStore.isStrictly(own, $0) }) {
        continue
      }
      try await addContent(of: child, platforms: platforms, to: &files)
    }
  }

  /// The entry of `manifest.json`, for engines that know no OCI layouts: one platform of an image.
  private func dockerManifest(_ export: Export, platforms: [Platform]) async throws
    -> (config: String, layers: [String], tags: [String])?
  {
    var record = export.record
    record.target = export.target
    let wanted = platforms.count > 1 ? platforms[0] : nil
    guard let descriptor = try? await store.bestManifest(record, platform: wanted) else { return nil }
    let manifest = try await store.manifest(descriptor.digest)
    guard MediaType.isConfig(manifest.config.mediaType) else { return nil }
    func path(_ digest: Digest) -> String { "blobs/\(digest.algorithm)/\(digest.encoded)" }
    return (
      path(manifest.config.digest), manifest.layers.map { path($0.digest) },
      export.reference.flatMap { $0.tag == nil ? nil : [$0.familiar] } ?? []
    )
  }

  private func document(_ json: JSON) -> FileContent {
    var writer = JSONWriter()
    writer.write(json)
    return .bytes(writer.bytes)
  }
}

/// Bytes that are read and written at once.
private let savePiece = 1 << 20
