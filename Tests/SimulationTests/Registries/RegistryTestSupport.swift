import Encodings
import Engine
import JSONTree
import OCISpec
import Seams
import Synchronization
import Testing

@testable import Simulation

/// A registry world with its clock, and somebody who asks it.
struct RegistryLab {
  let world = SimWorld(seed: 7)
  let registries: RegistryWorld
  init() { registries = RegistryWorld(world: world) }

  /// Runs `body` in virtual time.
  func run<T: Sendable>(_ body: @escaping @Sendable (RegistryLab) async throws -> T) throws -> T {
    let result = try #require(world.runBlocking { await Result { try await body(self) } })
    return try result.get()
  }

  /// One request, as it stands.
  func ask(
    _ method: String, _ url: String, headers: [String: String] = [:], query: [(String, String)] = [],
    body: [UInt8] = []
  ) async throws -> RegistryResponse {
    let scheme = url.prefix { $0 != ":" }
    let rest = url.dropFirst(scheme.count + 3)
    let host = rest.prefix { $0 != "/" }
    return try await registries.send(
      RegistryRequest(
        method, scheme: String(scheme), host: String(host), String(rest.dropFirst(host.count)),
        query: query.map { NameValue($0.0, $0.1) },
        headers: headers.sorted { $0.key < $1.key }.map { NameValue($0.key, $0.value) }, body: body))
  }

  /// A token of Docker Hub.
  func hubToken(_ scope: String, _ user: String? = nil, _ password: String = "drydock") async throws -> String {
    let headers = user.map { ["Authorization": basic($0, password)] } ?? [:]
    let answer = try await ask(
      "GET", "https://auth.docker.io/token", headers: headers,
      query: [("service", "registry.docker.io"), ("scope", scope)])
    return try #require(answer.tree["token"]?.string)
  }

  /// Asks Docker Hub with a token for `repository`.
  func hub(
    _ method: String, _ repository: String, _ rest: String, _ user: String? = nil, actions: String = "pull",
    headers: [String: String] = [:], query: [(String, String)] = [], body: [UInt8] = []
  ) async throws -> RegistryResponse {
    let token = try await hubToken("repository:\(repository):\(actions)", user)
    return try await ask(
      method, "https://registry-1.docker.io/v2/\(repository)/\(rest)",
      headers: headers.merging(["Authorization": "Bearer " + token]) { $1 }, query: query, body: body)
  }

  /// The docker side's own client.
  func client() -> RegistryClient { RegistryClient(world: world, api: registries) }
}

func basic(_ user: String, _ password: String) -> String {
  "Basic " + Base64.encode("\(user):\(password)".utf8)
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}

extension RegistryResponse {
  var tree: JSON { (try? JSON(parsing: body)) ?? nil }
  /// The first error's code and message.
  var code: String? { tree["errors"]?[0]?["code"]?.string }
  var message: String? { tree["errors"]?[0]?["message"]?.string }
}

/// A small image of one's own, as a push has it.
struct TestImage {
  let layer: [UInt8]
  let config: [UInt8]
  let manifest: [UInt8]
  let declaredSize: Int64

  init(_ text: String, declaredSize: Int64? = nil) {
    layer = Array("layer \(text)".utf8)
    self.declaredSize = declaredSize ?? Int64(layer.count)
    config = Array(
      #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"x":"\#(text)"}"#.utf8)
    var writer = JSONWriter()
    ImageManifest(
      config: Descriptor(
        mediaType: MediaType.ociConfig, digest: Digest(sha256: config), size: Int64(config.count)),
      layers: [
        Descriptor(mediaType: MediaType.ociLayerGzip, digest: Digest(sha256: layer), size: self.declaredSize)
      ]
    ).write(to: &writer)
    manifest = writer.bytes
  }
  var digest: Digest { Digest(sha256: manifest) }
  var descriptor: Descriptor {
    Descriptor(mediaType: MediaType.ociManifest, digest: digest, size: Int64(manifest.count))
  }
}

extension TestImage: PushSource {
  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
    let bytes = [layer, config, manifest].first { Digest(sha256: $0) == descriptor.digest } ?? []
    return Array(bytes.dropFirst(Int(offset)).prefix(count))
  }
  func repositories(holding descriptor: Descriptor) async throws -> [String] { [] }
}

/// A blob writer that keeps what it is given.
final class MemoryWriter: BlobWriter {
  private let held = Mutex<[UInt8]>([])
  var bytes: [UInt8] { held.withLock { $0 } }
  func offset() async -> Int64 { Int64(bytes.count) }
  func append(_ bytes: [UInt8]) async throws { held.withLock { $0 += bytes } }
  func truncate(_ size: Int64) async throws { held.withLock { $0 = Array($0.prefix(Int(size))) } }
  func digest() async throws -> Digest { Digest(sha256: bytes) }
  func commit(_ expected: Digest?) async throws -> Digest { Digest(sha256: bytes) }
  func close() async {}
}
