import JSONTree
import OCISpec
import Seams
import Synchronization

@testable import Engine

/// Registries in a table: documents, blobs, and faults to order. Every request is kept.
final class FakeRegistry: DistributionAPI {
  struct Seen: Sendable, Equatable, CustomStringConvertible {
    var line: String
    var host: String
    var authorization: String?
    var headers: [String: String]
    var query: [String: String]
    var body: [UInt8]
    var description: String { line }
  }
  private struct State {
    var manifests: [String: (type: String, bytes: [UInt8])] = [:]
    var blobs: [Digest: [UInt8]] = [:]
    var claimed: [Digest: Int64] = [:]
    var uploads: [String: [UInt8]] = [:]
    var seen: [Seen] = []
    var token: String?
    var faults: [Fault] = []
  }
  /// Answers a request instead of the registry; nil lets it pass.
  typealias Fault = @Sendable (RegistryRequest) -> RegistryResponse?
  private let state = Mutex(State())

  var seen: [Seen] { state.withLock { $0.seen } }
  /// `GET /v2/…`, with the host before it where that is not `host`.
  var lines: [String] { seen.map(\.line) }
  func forget() { state.withLock { $0.seen = [] } }
  /// The first faults come first.
  func fault(_ fault: @escaping Fault) { state.withLock { $0.faults.append(fault) } }
  func mend() { state.withLock { $0.faults = [] } }
  /// Wants this bearer token from now on.
  func require(token: String?) { state.withLock { $0.token = token } }

  /// Answers the first `times` requests whose line contains `text`.
  func fail(_ text: String, times: Int = .max, _ response: @escaping @Sendable (RegistryRequest) -> RegistryResponse?) {
    let left = Mutex(times)
    fault { request in
      guard "\(request.method) \(request.path)".contains(text) else { return nil }
      return left.withLock { left in
        guard left > 0 else { return nil }
        guard let answer = response(request) else { return nil }
        left -= 1
        return answer
      }
    }
  }

  // MARK: Content

  @discardableResult
  func addBlob(_ bytes: [UInt8], _ mediaType: String, claiming size: Int64? = nil) -> Descriptor {
    let digest = Digest(sha256: bytes)
    state.withLock { state in
      state.blobs[digest] = bytes
      if let size { state.claimed[digest] = size }
    }
    return Descriptor(mediaType: mediaType, digest: digest, size: size ?? Int64(bytes.count))
  }

  @discardableResult
  func addManifest(_ repository: String, _ tag: String?, _ type: String, _ document: JSON) -> Descriptor {
    var writer = JSONWriter()
    writer.write(document)
    return addManifest(repository, tag, type, writer.bytes)
  }

  @discardableResult
  func addManifest(_ repository: String, _ tag: String?, _ type: String, _ bytes: [UInt8]) -> Descriptor {
    let digest = Digest(sha256: bytes)
    state.withLock { state in
      state.manifests["\(repository)@\(digest)"] = (type, bytes)
      if let tag { state.manifests["\(repository)@\(tag)"] = (type, bytes) }
    }
    return Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count))
  }

  func manifest(_ repository: String, _ reference: String) -> [UInt8]? {
    state.withLock { $0.manifests["\(repository)@\(reference)"]?.bytes }
  }
  func blob(_ digest: Digest) -> [UInt8]? { state.withLock { $0.blobs[digest] } }

  /// An image of one layer a text; the layers' uncompressed form is the text itself.
  @discardableResult
  func addImage(
    _ repository: String, _ tag: String?, layers: [String], platform: Platform = Platform(architecture: "amd64"),
    claiming size: Int64? = nil, diffIDs: [Digest]? = nil
  ) -> Descriptor {
    let descriptors = layers.map {
      addBlob(Array(("z" + $0).utf8), MediaType.ociLayerGzip, claiming: size)
    }
    let ids = diffIDs ?? layers.map { Digest(sha256: Array($0.utf8)) }
    let config = ImageConfig(platform: platform, rootfs: .init(diffIDs: ids))
    var writer = JSONWriter()
    writer.write(config.json)
    let configDescriptor = addBlob(writer.bytes, MediaType.ociConfig)
    return addManifest(
      repository, tag, MediaType.ociManifest, ImageManifest(config: configDescriptor, layers: descriptors).json)
  }

  // MARK: Answers

  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    var body = request.body
    if let upload = request.upload { body = await upload.readAll() }
    let received = body
    return state.withLock { state in
      state.seen.append(
        Seen(
          line: "\(request.method) \(request.path)", host: request.host, authorization: request.header("Authorization"),
          headers: Dictionary(request.headers.map { ($0.name, $0.value) }) { $1 },
          query: Dictionary(request.query.map { ($0.name, $0.value) }) { $0 + " " + $1 }, body: received))
      for fault in state.faults { if let response = fault(request) { return response } }
      return FakeRegistry.answer(request, received, &state)
    }
  }

  private static func error(_ status: Int, _ code: String, _ message: String) -> RegistryResponse {
    RegistryResponse(
      status, headers: [NameValue("Content-Type", "application/json")],
      body: Array(#"{"errors":[{"code":"\#(code)","message":"\#(message)"}]}"#.utf8))
  }

  private static func answer(_ request: RegistryRequest, _ body: [UInt8], _ state: inout State) -> RegistryResponse {
    if request.path == "/token" {
      return RegistryResponse(200, body: Array(#"{"token":"\#(state.token ?? "t")","expires_in":300}"#.utf8))
    }
    if let token = state.token, request.header("Authorization") != "Bearer \(token)" {
      let scope = request.parameters["name"].map { ",scope=\"repository:\($0):pull\"" } ?? ""
      return RegistryResponse(
        401,
        headers: [
          NameValue(
            "WWW-Authenticate", "Bearer realm=\"https://auth.example/token\",service=\"registry.example\"\(scope)")
        ])
    }
    let name = request.parameters["name"] ?? ""
    switch request.template {
    case "/v2/": return RegistryResponse(200)
    case "/v2/{name}/manifests/{reference}":
      let key = "\(name)@\(request.parameters["reference"] ?? "")"
      if request.method == "PUT" {
        let digest = Digest(sha256: body)
        let type = request.header("Content-Type") ?? ""
        state.manifests[key] = (type, body)
        state.manifests["\(name)@\(digest)"] = (type, body)
        return RegistryResponse(201, headers: [NameValue("Docker-Content-Digest", digest.description)])
      }
      guard let manifest = state.manifests[key] else {
        return request.method == "HEAD"
          ? RegistryResponse(404) : error(404, "MANIFEST_UNKNOWN", "manifest unknown")
      }
      return RegistryResponse(
        200,
        headers: [
          NameValue("Content-Type", manifest.type), NameValue("Content-Length", "\(manifest.bytes.count)"),
          NameValue("Docker-Content-Digest", Digest(sha256: manifest.bytes).description),
        ], body: request.method == "HEAD" ? [] : manifest.bytes)
    case "/v2/{name}/blobs/{digest}":
      guard let digest = Digest(request.parameters["digest"] ?? ""), let blob = state.blobs[digest] else {
        return request.method == "HEAD" ? RegistryResponse(404) : error(404, "BLOB_UNKNOWN", "blob unknown to registry")
      }
      let size = state.claimed[digest] ?? Int64(blob.count)
      if request.method == "HEAD" {
        return RegistryResponse(200, headers: [NameValue("Content-Length", "\(size)")])
      }
      if let range = request.header("Range"), let start = Int(range.dropFirst(6).dropLast()) {
        guard start < blob.count else { return RegistryResponse(416) }
        return RegistryResponse(
          206, headers: [NameValue("Content-Range", "bytes \(start)-\(size - 1)/\(size)")], body: Array(blob[start...]))
      }
      return RegistryResponse(200, headers: [NameValue("Content-Length", "\(size)")], body: blob)
    case "/v2/{name}/blobs/uploads/":
      let query = Dictionary(request.query.map { ($0.name, $0.value) }) { $1 }
      if let mount = query["mount"].flatMap(Digest.init), query["from"] != nil, state.blobs[mount] != nil {
        return RegistryResponse(201)
      }
      let id = "upload-\(state.uploads.count + 1)"
      state.uploads[id] = []
      return RegistryResponse(202, headers: [NameValue("Location", "/v2/\(name)/blobs/uploads/\(id)?state=s%3D1")])
    case "/v2/{name}/blobs/uploads/{reference}":
      let id = request.parameters["reference"] ?? ""
      state.uploads[id, default: []] += body
      let have = state.uploads[id] ?? []
      if request.method == "PATCH" {
        return RegistryResponse(
          202,
          headers: [
            NameValue("Location", "/v2/\(name)/blobs/uploads/\(id)"), NameValue("Range", "0-\(have.count - 1)"),
          ])
      }
      guard let digest = request.query.first(where: { $0.name == "digest" }).flatMap({ Digest($0.value) }),
        Digest(sha256: have) == digest
      else { return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content") }
      state.blobs[digest] = have
      return RegistryResponse(201)
    default: return error(404, "UNSUPPORTED", "unknown path \(request.path)")
    }
  }
}

/// Blobs in memory.
final class RegistryTestBlobs: BlobStore {
  struct State {
    var blobs: [Digest: [UInt8]] = [:]
    var ingests: [String: [UInt8]] = [:]
  }
  let state = Mutex(State())

  func size(_ digest: Digest) async -> Int64? { state.withLock { $0.blobs[digest].map { Int64($0.count) } } }
  func read(_ digest: Digest, offset: Int64, count: Int) async throws -> [UInt8] {
    guard let blob = state.withLock({ $0.blobs[digest] }) else {
      throw EngineError(.notFound, "content \(digest): not found")
    }
    let start = min(Int(offset), blob.count)
    return Array(blob[start..<min(blob.count, start + min(count, blob.count))])
  }
  func remove(_ digest: Digest) async throws { state.withLock { $0.blobs[digest] = nil } }
  func writer(_ ref: String) async throws -> any BlobWriter {
    state.withLock { $0.ingests[ref] = $0.ingests[ref] ?? [] }
    return Writer(store: self, ref: ref)
  }
  func ingests() async -> [BlobIngest] {
    state.withLock { state in
      state.ingests.sorted { $0.key < $1.key }.map { BlobIngest(ref: $0.key, offset: Int64($0.value.count)) }
    }
  }
  func abort(_ ref: String) async throws { state.withLock { $0.ingests[ref] = nil } }

  var digests: Set<Digest> { state.withLock { Set($0.blobs.keys) } }

  private struct Writer: BlobWriter {
    let store: RegistryTestBlobs
    let ref: String
    private var bytes: [UInt8] { store.state.withLock { $0.ingests[ref] ?? [] } }
    func offset() async -> Int64 { Int64(bytes.count) }
    func append(_ bytes: [UInt8]) async throws { store.state.withLock { $0.ingests[ref, default: []] += bytes } }
    func truncate(_ size: Int64) async throws {
      store.state.withLock { $0.ingests[ref] = Array(($0.ingests[ref] ?? []).prefix(Int(size))) }
    }
    func digest() async throws -> Digest { Digest(sha256: bytes) }
    func commit(_ expected: Digest?) async throws -> Digest {
      let digest = Digest(sha256: bytes)
      if let expected, expected != digest {
        throw EngineError(
          .failedPrecondition, "unexpected commit digest \(digest), expected \(expected): failed precondition")
      }
      let content = bytes
      store.state.withLock { state in
        state.blobs[digest] = content
        state.ingests[ref] = nil
      }
      return digest
    }
    func close() async {}
  }
}
