import JSONTree
import OCISpec
import Seams

/// Where the bytes of a push come from.
public protocol PushSource: Sendable {
  /// At most `count` bytes of a blob from `offset`; empty at the end.
  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8]
  /// Other repositories of the same registry in which the blob is known to be (`library/alpine`), nearest first: they
  /// are asked to share it. containerd keeps them in labels `containerd.io/distribution.source.HOST`.
  func repositories(holding descriptor: Descriptor) async throws -> [String]
}

/// One step of a push.
public struct PushProgress: Sendable, Hashable {
  public enum Step: Sendable, Hashable {
    case waiting
    /// The registry has it.
    case exists
    /// The registry shares it from another repository.
    case mounted(from: String)
    /// Bytes sent so far.
    case uploading(Int64)
    case done
    case retrying(String)
  }
  public var descriptor: Descriptor
  public var step: Step
  public init(_ descriptor: Descriptor, _ step: Step) { (self.descriptor, self.step) = (descriptor, step) }
}

extension RegistryRepository {
  /// Pushes `target` with all that it points at: blobs first, `concurrency` at a time, then manifests, then the indexes
  /// above them, at last the target under the reference's tag (or its digest). The answer is the target's digest.
  ///
  /// - Parameter include: which children of an index to push (docker pushes those that are here); all by default.
  @discardableResult
  public func push(
    _ target: Descriptor, from source: any PushSource, concurrency: Int = 5, chunkSize: Int? = nil,
    include: @escaping @Sendable (Descriptor) async throws -> Bool = { _ in true },
    progress: @escaping @Sendable (PushProgress) -> Void = { _ in }
  ) async throws -> Digest {
    var blobs: [Descriptor] = []
    var documents: [(descriptor: Descriptor, bytes: [UInt8])] = []
    var seen: Set<Digest> = []
    try await collect(target, source, include, depth: 0, &seen, &blobs, &documents)
    for blob in blobs { progress(.init(blob, .waiting)) }
    try await client.world.forEach(blobs, concurrency: concurrency) { blob in
      try await self.pushBlob(blob, from: source, chunkSize: chunkSize, progress: progress)
    }
    for (descriptor, bytes) in documents {
      let name =
        descriptor.digest == target.digest
        ? reference.tag ?? reference.digest?.description ?? "latest" : descriptor.digest.description
      try await pushManifest(descriptor, bytes, as: name, progress: progress)
    }
    return target.digest
  }

  /// Walks depth first, children before parents.
  private func collect(
    _ descriptor: Descriptor, _ source: any PushSource, _ include: @Sendable (Descriptor) async throws -> Bool,
    depth: Int, _ seen: inout Set<Digest>, _ blobs: inout [Descriptor],
    _ documents: inout [(descriptor: Descriptor, bytes: [UInt8])]
  ) async throws {
    guard seen.insert(descriptor.digest).inserted else { return }
    guard depth <= maxIndexDepth else {
      throw EngineError(.invalidArgument, "index \(descriptor.digest) is nested too deep")
    }
    guard MediaType.isIndex(descriptor.mediaType) || MediaType.isManifest(descriptor.mediaType) else {
      blobs.append(descriptor)
      return
    }
    let bytes = try await source.read(descriptor, offset: 0, count: Int(maxManifestSize))
    switch try ImageDocument(bytes, mediaType: descriptor.mediaType) {
    case .manifest(let manifest):
      for child in manifest.layers + [manifest.config] where seen.insert(child.digest).inserted { blobs.append(child) }
    case .index(let index):
      for child in index.manifests where try await include(child) {
        try await collect(child, source, include, depth: depth + 1, &seen, &blobs, &documents)
      }
    }
    documents.append((descriptor, bytes))
  }

  /// Pushes one blob: asks whether it is there, has it mounted from another repository, or uploads it, in one piece or
  /// in chunks of `chunkSize`.
  public func pushBlob(
    _ descriptor: Descriptor, from source: any PushSource, chunkSize: Int? = nil,
    progress: @escaping @Sendable (PushProgress) -> Void = { _ in }
  ) async throws {
    let digest = descriptor.digest.description
    try await asking(pushing: true) { endpoint in
      let head = try await send("HEAD", "/v2/{name}/blobs/{digest}", ["digest": digest], at: endpoint, action: .push)
      head.discard()
      switch head.status {
      case 200: return progress(.init(descriptor, .exists))
      case 404: break
      default: throw await refusal(head, "HEAD", "blobs/\(digest)", action: .push)
      }
      var attempt = 1
      var chunkSize = chunkSize
      while true {
        do {
          return try await upload(descriptor, from: source, chunkSize: chunkSize, at: endpoint, progress: progress)
        } catch let error as TooLarge {
          // What stands before the registry takes no requests of that size: smaller ones, down to a megabyte.
          guard let smaller = error.smaller(than: chunkSize) else { throw error.refusal }
          chunkSize = smaller
        } catch let error as EngineError where error.code == .unavailable && attempt < RegistryClient.maxAttempts {
          attempt += 1
          progress(.init(descriptor, .retrying(error.message)))
          try await client.world.sleep(RegistryClient.backoff(attempt))
        }
      }
    }
  }

  /// 413 for the body of an upload.
  private struct TooLarge: Error {
    var refusal: EngineError
    func smaller(than size: Int?) -> Int? {
      guard let size else { return 8 << 20 }
      return size > 1 << 20 ? max(size / 4, 1 << 20) : nil
    }
  }

  private func upload(
    _ descriptor: Descriptor, from source: any PushSource, chunkSize: Int?, at endpoint: RegistryEndpoint,
    progress: @escaping @Sendable (PushProgress) -> Void
  ) async throws {
    let digest = descriptor.digest.description
    let other = try await source.repositories(holding: descriptor).first { $0 != reference.path }
    var query: [NameValue] = []
    if let other { query = [NameValue("mount", digest), NameValue("from", other)] }
    var begun = try await send(
      "POST", "/v2/{name}/blobs/uploads/", at: endpoint, query: query, action: .push, mountingFrom: other)
    if begun.status == 401 || begun.status == 403, other != nil {
      // The other repository is not ours to read.
      begun.discard()
      begun = try await send("POST", "/v2/{name}/blobs/uploads/", at: endpoint, action: .push)
    }
    switch begun.status {
    case 201:
      begun.discard()
      return progress(.init(descriptor, other.map { .mounted(from: $0) } ?? .exists))
    case 202: break
    default: throw await refusal(begun, "POST", "blobs/uploads/", action: .push)
    }
    begun.discard()
    guard let location = begun.header("Location") else {
      throw EngineError(.unknown, "missing Location of an upload in the answer of \(endpoint.host)")
    }
    progress(.init(descriptor, .uploading(0)))
    let session = UploadSession(location, at: endpoint, name: reference.path)
    // A registry may want chunks of at least a certain size (distribution-spec, "Pushing a blob in chunks").
    let least = begun.header("OCI-Chunk-Min-Length").flatMap { Int($0) } ?? 0
    if let chunkSize, Int64(max(chunkSize, least, 1)) < descriptor.size {
      try await uploadChunks(descriptor, from: source, chunkSize: max(chunkSize, least, 1), session, progress)
    } else {
      try await uploadWhole(descriptor, from: source, session, progress)
    }
    progress(.init(descriptor, .done))
  }

  private func uploadWhole(
    _ descriptor: Descriptor, from source: any PushSource, _ session: UploadSession,
    _ progress: @escaping @Sendable (PushProgress) -> Void
  ) async throws {
    let headers = [
      NameValue("Content-Type", "application/octet-stream"), NameValue("Content-Length", "\(descriptor.size)"),
    ]
    let query = session.query + [NameValue("digest", descriptor.digest.description)]
    let response: RegistryResponse
    if descriptor.size <= 1 << 20 {
      response = try await send(
        "PUT", session.template, session.parameters, at: session.endpoint, query: query, headers: headers,
        body: try await source.read(descriptor, offset: 0, count: Int(descriptor.size)), action: .push)
    } else {
      let channel = ByteChannel(capacity: 1 << 20)
      let failure = FirstError()
      let producer = client.world.spawn {
        do {
          var offset: Int64 = 0
          while true {
            let bytes = try await source.read(descriptor, offset: offset, count: 1 << 20)
            if bytes.isEmpty { break }
            guard await channel.write(bytes) else { break }
            offset += Int64(bytes.count)
            progress(.init(descriptor, .uploading(offset)))
          }
        } catch {
          failure.set(error)
        }
        channel.closeWriting()
      }
      do {
        response = try await send(
          "PUT", session.template, session.parameters, at: session.endpoint, query: query, headers: headers,
          upload: channel, action: .push)
      } catch {
        channel.closeReading()
        producer.cancel()
        throw failure.error ?? error
      }
      channel.closeReading()
      if let error = failure.error { throw error }
    }
    try await checkUpload(response, session)
    response.discard()
  }

  private func uploadChunks(
    _ descriptor: Descriptor, from source: any PushSource, chunkSize: Int, _ first: UploadSession,
    _ progress: @Sendable (PushProgress) -> Void
  ) async throws {
    var session = first
    var offset: Int64 = 0
    var conflicts = 0
    while true {
      let bytes = try await source.read(descriptor, offset: offset, count: chunkSize)
      if bytes.isEmpty { break }
      let response = try await send(
        "PATCH", session.template, session.parameters, at: session.endpoint, query: session.query,
        headers: [
          NameValue("Content-Type", "application/octet-stream"), NameValue("Content-Length", "\(bytes.count)"),
          NameValue("Content-Range", "\(offset)-\(offset + Int64(bytes.count) - 1)"),
        ], body: bytes, action: .push)
      if response.status == 416, conflicts < RegistryClient.maxAttempts {
        // Out of step: the registry says how far it is.
        response.discard()
        conflicts += 1
        let status = try await send(
          "GET", session.template, session.parameters, at: session.endpoint, query: session.query, action: .push)
        status.discard()
        guard (200..<300).contains(status.status) else { throw await uploadRefusal(status, session) }
        offset = uploaded(status) ?? 0
        session.move(to: status.header("Location"))
        continue
      }
      try await checkUpload(response, session)
      response.discard()
      offset = uploaded(response) ?? offset + Int64(bytes.count)
      session.move(to: response.header("Location"))
      progress(.init(descriptor, .uploading(offset)))
    }
    let response = try await send(
      "PUT", session.template, session.parameters, at: session.endpoint,
      query: session.query + [NameValue("digest", descriptor.digest.description)],
      headers: [NameValue("Content-Length", "0")], action: .push)
    guard (200..<300).contains(response.status) else { throw await uploadRefusal(response, session) }
    response.discard()
  }

  /// The bytes that a registry has of an upload, from `Range: 0-1023`.
  private func uploaded(_ response: RegistryResponse) -> Int64? {
    response.header("Range").flatMap { $0.split(separator: "-").last }.flatMap { Int64($0) }.map { $0 + 1 }
  }

  private func checkUpload(_ response: RegistryResponse, _ session: UploadSession) async throws {
    if (200..<300).contains(response.status) { return }
    let refusal = await uploadRefusal(response, session)
    if response.status == 413 { throw TooLarge(refusal: refusal) }
    throw refusal
  }

  private func uploadRefusal(_ response: RegistryResponse, _ session: UploadSession) async -> EngineError {
    await refusal(response, "PUT", "blobs/uploads/", action: .push)
  }

  /// Puts a manifest or index under a tag or its digest, unless that is what the registry has there already.
  public func pushManifest(
    _ descriptor: Descriptor, _ bytes: [UInt8], as name: String,
    progress: @Sendable (PushProgress) -> Void = { _ in }
  ) async throws {
    try await asking(pushing: true) { endpoint in
      let template = "/v2/{name}/manifests/{reference}"
      let head = try await send(
        "HEAD", template, ["reference": name], at: endpoint,
        headers: [NameValue("Accept", "\(descriptor.mediaType), */*")], action: .push)
      head.discard()
      if head.status == 200, head.header("Docker-Content-Digest") == descriptor.digest.description {
        return progress(.init(descriptor, .exists))
      }
      guard head.status == 200 || head.status == 404 else {
        throw await refusal(head, "HEAD", "manifests/\(name)", action: .push)
      }
      let response = try await send(
        "PUT", template, ["reference": name], at: endpoint,
        headers: [
          NameValue("Content-Type", descriptor.mediaType), NameValue("Content-Length", "\(bytes.count)"),
        ], body: bytes, action: .push)
      guard (200..<300).contains(response.status) else {
        throw await refusal(response, "PUT", "manifests/\(name)", action: .push)
      }
      response.discard()
      if let digest = response.header("Docker-Content-Digest"), digest != descriptor.digest.description {
        throw EngineError(.unknown, "got digest \(digest), expected \(descriptor.digest)")
      }
      progress(.init(descriptor, .done))
    }
  }
}

/// Where an upload goes on: the registry may move it with every answer.
private struct UploadSession {
  var endpoint: RegistryEndpoint
  let name: String
  var template = ""
  var parameters: [String: String] = [:]
  var query: [NameValue] = []

  init(_ location: String, at endpoint: RegistryEndpoint, name: String) {
    (self.endpoint, self.name) = (endpoint, name)
    move(to: location)
  }

  mutating func move(to location: String?) {
    guard let location else { return }
    let url = RegistryURL(location, relativeTo: endpoint.scheme, endpoint.host)
    endpoint = RegistryEndpoint(scheme: url.scheme, host: url.host, mirrored: nil)
    query = url.query
    let usual = "/v2/\(name)/blobs/uploads/"
    if url.path.hasPrefix(usual), url.path.utf8.count > usual.utf8.count {
      template = "/v2/{name}/blobs/uploads/{reference}"
      parameters = ["reference": String(url.path.dropFirst(usual.count))]
    } else {
      template = "/{location}"
      parameters = ["location": String(url.path.drop { $0 == "/" })]
    }
  }
}
