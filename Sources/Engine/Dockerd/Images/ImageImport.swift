import Archive
import JSONTree
import OCISpec
import Seams
import Synchronization

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
      let archive: any ByteSource =
        source == "-" ? ChannelSource(upload) : try await download(source, to: out)
      let id = try await importImage(
        archive, reference: reference, platform: platform, config: config, message: message)
      out.status(id.description)
    }
  }

  /// Fetches an archive by its URL; `http://` where none is said.
  private func download(_ text: String, to out: MessageStream) async throws -> any ByteSource {
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
    guard let stream = response.stream else { return ChannelSource(head: response.body, nil) }
    let declared = response.header("Content-Length").flatMap { Int64($0) }
    return Download(stream, declared: declared, url: url)
  }

  private func importImage(
    _ archive: any ByteSource, reference: ImageReference?, platform: Platform, config: ImageConfig.Execution,
    message: String
  ) async throws -> Digest {
    let (head, isWhole) = try await Self.head(of: archive, smallArchive)
    let small = isWhole ? try Self.smallLayer(head) : nil
    let now = RFC3339Time.text(daemon.world.unixTime)

    return try await store.leased { _ in
      let layer: Descriptor
      let diffID: Digest
      if let small {
        layer = Descriptor(
          mediaType: MediaType.ociLayerGzip, digest: Digest(sha256: small.layer), size: Int64(small.layer.count))
        diffID = small.diffID
        try await store.write(
          small.layer, digest: layer.digest, ref: daemon.world.hexID(32),
          labels: ["containerd.io/uncompressed": diffID.description])
      } else {
        (layer, diffID) = try await LayerImport(store: store).store(isWhole ? nil : archive, head: head)
      }
      let config = ImageConfig(
        created: now, platform: platform, config: config, rootfs: .init(diffIDs: [diffID]),
        history: [.init(created: now, comment: message)])
      let configDescriptor = try await storeDocument(config, mediaType: MediaType.ociConfig)
      let manifest = ImageManifest(config: configDescriptor, layers: [layer])
      let target = try await storeDocument(
        manifest, mediaType: MediaType.ociManifest, labels: ImageArchive.labels(manifest))
      try await createOrReplace(
        ImageRecord(name: reference?.description ?? ImageStore.danglingName(target.digest), target: target))
      try await store.unpack(manifest, diffIDs: [diffID])
      await logEvent("import", id: target.digest.description, name: target.digest.description)
      return target.digest
    }
  }

  /// A layer of a small archive: as it is when it is gzipped, gzipped when it is plain. Nil when it is larger than it
  /// looks, or compressed otherwise.
  private static func smallLayer(_ archive: [UInt8]) throws -> (layer: [UInt8], diffID: Digest)? {
    let plain: [UInt8]
    switch ArchiveCompression(of: archive) {
    case .none: plain = archive
    case .gzip:
      // A damaged one is told of where it is streamed.
      guard let bytes = try? Gzip.decompress(archive, limit: 4 * smallArchive) else { return nil }
      plain = bytes
    case .zstd, .xz, .bzip2: return nil
    }
    do throws(ArchiveError) {
      var reader = TarReader(plain)
      while try reader.next() != nil {}
    } catch { throw EngineError(.unknown, "Error processing tar file(\(error.description))") }
    return (plain == archive ? Gzip.compress(plain) : archive, Digest(sha256: plain))
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

/// The body of a download, which must be as long as was declared.
private final class Download: ByteSource {
  private let stream: ByteChannel
  private let left: Mutex<Int64?>
  private let url: String

  init(_ stream: ByteChannel, declared: Int64?, url: String) {
    (self.stream, self.url) = (stream, url)
    left = Mutex(declared)
  }

  deinit { stream.closeReading() }

  func next() async throws -> [UInt8]? {
    guard let bytes = await stream.read(1 << 18) else {
      if let left = left.withLock({ $0 }), left > 0 {
        throw EngineError(.unknown, "Get \"\(url)\": unexpected EOF")
      }
      return nil
    }
    left.withLock { $0 = $0.map { $0 - Int64(bytes.count) } }
    return bytes
  }
}
