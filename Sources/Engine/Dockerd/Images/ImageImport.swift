import Archive
import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `POST /images/create?fromSrc=…`: an image of one layer from the archive of a file system.
  func importResponse(_ request: APIRequest) async throws -> APIResponse {
    let platform = try Self.platform(request.query("platform")) ?? daemon.configuration.platform
    let source = request.query("fromSrc") ?? ""
    let reference = try Self.repoTag(request.query("repo") ?? "", request.query("tag") ?? "")
    let message = request.query("message").flatMap { $0.isEmpty ? nil : $0 } ?? "Imported from \(source)"
    var execution = ImageConfig.Execution()
    try DockerfileChanges.apply(
      request.query.filter { $0.name == "changes" }.map(\.value), to: &execution)
    let upload = request.upload
    let config = execution
    return try await MessageStream.answer(daemon.world) { [self] out in
      let archive = source == "-" ? await upload?.readAll() ?? [] : try await download(source, to: out)
      let id = try await importImage(
        archive, reference: reference, platform: platform, config: config, message: message)
      out.status(id.description)
    }
  }

  /// Fetches an archive by its URL; `http://` where none is said.
  private func download(_ text: String, to out: MessageStream) async throws -> [UInt8] {
    let url = text.contains("://") ? text : "http://" + text
    guard let separator = url.firstRange(of: "://") else { throw EngineError(.invalidArgument, "invalid URL") }
    let rest = url[separator.upperBound...]
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    let path = rest.dropFirst(host.count).prefix { $0 != "?" }
    guard !host.isEmpty else { throw EngineError(.unknown, "Get \"\(url)\": http: no Host in request URL") }
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw EngineError(.unknown, "Get \"\(url)\": unsupported protocol scheme \"\(url[..<separator.lowerBound])\"")
    }
    let response = try await daemon.registry.send(
      RegistryRequest(
        "GET", scheme: String(url[..<separator.lowerBound]), host: String(host), "/{location}",
        ["location": String(path.drop { $0 == "/" })]))
    guard response.status < 400 else {
      response.discard()
      throw EngineError(.unknown, "failed to GET \(url) with status \(statusText(response.status))")
    }
    out.status("Downloading from \(url)")
    return try await response.collect(limit: 1 << 30)
  }

  /// Makes an image of a layer: as it is when it is compressed, gzipped when not.
  private func importImage(
    _ archive: [UInt8], reference: ImageReference?, platform: Platform, config: ImageConfig.Execution, message: String
  ) async throws -> Digest {
    let isCompressed = Gzip.isGzip(archive)
    let plain: [UInt8]
    do throws(ArchiveError) {
      plain = isCompressed ? try Gzip.decompress(archive) : archive
      var reader = TarReader(plain)
      while try reader.next() != nil {}
    } catch { throw EngineError(.unknown, "Error processing tar file(\(error.description))") }
    let layer = isCompressed ? archive : Gzip.compress(plain)
    let layerDigest = Digest(sha256: layer)
    let diffID = Digest(sha256: plain)
    let now = RFC3339Time.text(daemon.world.unixTime)

    return try await store.leased { _ in
      try await store.write(
        layer, digest: layerDigest, ref: daemon.world.hexID(32),
        labels: ["containerd.io/uncompressed": diffID.description])
      let config = ImageConfig(
        created: now, platform: platform, config: config, rootfs: .init(diffIDs: [diffID]),
        history: [.init(created: now, comment: message)])
      let configDescriptor = try await storeDocument(config, mediaType: MediaType.ociConfig)
      let manifest = ImageManifest(
        config: configDescriptor,
        layers: [
          Descriptor(mediaType: MediaType.ociLayerGzip, digest: layerDigest, size: Int64(layer.count))
        ])
      let target = try await storeDocument(
        manifest, mediaType: MediaType.ociManifest, labels: ImageArchive.labels(manifest))
      try await createOrReplace(
        ImageRecord(name: reference?.description ?? ImageStore.danglingName(target.digest), target: target))
      try await store.unpack(manifest, diffIDs: [diffID])
      await logEvent("import", id: target.digest.description, name: target.digest.description)
      return target.digest
    }
  }

  /// Writes a document into the content store.
  func storeDocument(_ document: some JSONWritable, mediaType: String, labels: [String: String] = [:]) async throws
    -> Descriptor
  {
    var writer = JSONWriter()
    document.write(to: &writer)
    let digest = Digest(sha256: writer.bytes)
    try await store.write(writer.bytes, digest: digest, ref: "document-\(digest)", labels: labels)
    return Descriptor(mediaType: mediaType, digest: digest, size: Int64(writer.bytes.count))
  }
}
