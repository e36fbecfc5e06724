import Engine
import Foundation
import OCISpec
import RegistryHarness
import Seams
import Simulation
import Synchronization
import Testing

@testable import LinuxHost
@testable import Registry

/// Images in memory.
private struct MemoryImages: PushSource {
  var content: [Digest: [UInt8]] = [:]

  mutating func add(_ bytes: [UInt8], _ mediaType: String) -> Descriptor {
    let descriptor = Descriptor(mediaType: mediaType, digest: Digest(sha256: bytes), size: Int64(bytes.count))
    content[descriptor.digest] = bytes
    return descriptor
  }

  /// An image of `layers` random layers.
  mutating func image(layers: Int, size: Int) -> Descriptor {
    var random = SystemRandomNumberGenerator()
    func words(_ list: [Descriptor]) -> String {
      list.map { "{\"mediaType\":\"\($0.mediaType)\",\"digest\":\"\($0.digest)\",\"size\":\($0.size)}" }
        .joined(separator: ",")
    }
    let parts = (0..<layers).map { _ in
      add(
        (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) },
        "application/vnd.oci.image.layer.v1.tar+gzip")
    }
    let config = add(
      Array("{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}".utf8),
      "application/vnd.oci.image.config.v1+json")
    let text =
      "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":\(words([config])),"
      + "\"layers\":[\(words(parts))]}"
    return add(Array(text.utf8), "application/vnd.oci.image.manifest.v1+json")
  }

  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
    let bytes = content[descriptor.digest] ?? []
    let start = min(Int(offset), bytes.count)
    return Array(bytes[start..<(start + min(count, bytes.count - start))])
  }
  func repositories(holding descriptor: Descriptor) async throws -> [String] { [] }
}

@Suite(
  "The genuine docker-registry", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct NeighbourTests {
  private func with(
    passwords: String? = nil, _ body: (GenuineRegistry, RegistryClient) async throws -> Void
  ) async throws {
    try await GenuineRegistry.with(
      settings: passwords == nil ? "" : "auth: {htpasswd: {realm: drydock, path: FOLDER/htpasswd}}",
      prepare: { try passwords?.write(toFile: $0 + "/htpasswd", atomically: true, encoding: .utf8) },
      { registry in
        let api = HTTPDistribution()
        let result: Result<Void, any Error>
        do { result = .success(try await body(registry, RegistryClient(world: SystemWorld(), api: api))) } catch {
          result = .failure(error)
        }
        await api.shutdown()
        try result.get()
      })
  }

  /// Pulls what `reference` names into memory, and gives back the bytes by digest.
  private func pull(_ repository: RegistryRepository) async throws -> (Descriptor, [Digest: [UInt8]]) {
    let target = try await repository.resolve()
    let document = try await repository.document(target)
    var got: [Digest: [UInt8]] = [target.digest: document]
    guard case .manifest(let manifest) = try ImageDocument(document, mediaType: target.mediaType) else {
      Issue.record("no manifest")
      return (target, got)
    }
    let store = MemoryBlobStore(world: SystemWorld())
    for part in manifest.layers + [manifest.config] {
      let writer = try await store.writer(ingestRef(part))
      try await repository.fetch(part, into: writer)
      try await writer.commit(part.digest)
      got[part.digest] = try await store.read(part.digest)
    }
    return (target, got)
  }

  @Test("what is pushed comes back, byte for byte: in one piece and in chunks", arguments: [nil, 100_000])
  func roundTrip(chunkSize: Int?) async throws {
    var images = MemoryImages()
    let target = images.image(layers: 3, size: 350_000)
    try await with { registry, client in
      let repository = client.repository(try ImageReference("\(registry.host)/team/app:1"))
      let digest = try await repository.push(target, from: images, chunkSize: chunkSize)
      #expect(digest == target.digest)
      let (resolved, got) = try await pull(client.repository(try ImageReference("\(registry.host)/team/app:1")))
      #expect(resolved == target)
      #expect(got == images.content)
      // By digest as well; and a second push finds everything there.
      let exact = client.repository(try ImageReference("\(registry.host)/team/app@\(target.digest)"))
      #expect(try await exact.resolve().digest == target.digest)
      let steps = Mutex<[PushProgress.Step]>([])
      try await repository.push(
        target, from: images, progress: { progress in steps.withLock { $0.append(progress.step) } })
      #expect(steps.withLock { $0.count { $0 == .exists } } == 5)
    }
  }

  @Test("what is not there has docker's words")
  func missing() async throws {
    try await with { registry, client in
      let repository = client.repository(try ImageReference("\(registry.host)/nobody/nothing:1"))
      await #expect {
        _ = try await repository.resolve()
      } throws: { ($0 as? EngineError)?.code == .notFound }
    }
  }

  @Test("a password: without one refused, with the wrong one refused, with the right one let in")
  func basicAuthentication() async throws {
    var images = MemoryImages()
    let target = images.image(layers: 1, size: 1000)
    // me:s3cret
    let passwords = "me:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n"
    try await with(passwords: passwords) { registry, client in
      let reference = try ImageReference("\(registry.host)/private/app:1")
      func repository(_ password: String?) -> RegistryRepository {
        client.repository(reference, credentials: password.map { .init(username: "me", password: $0) })
      }
      for password in [nil, "wrong"] {
        await #expect(throws: EngineError.self) {
          _ = try await repository(password).push(target, from: images)
        }
      }
      #expect(try await repository("s3cret").push(target, from: images) == target.digest)
      #expect(try await pull(repository("s3cret")).1 == images.content)
      #expect(try await client.login(registry.host, .init(username: "me", password: "s3cret")).isEmpty)
      await #expect(throws: EngineError.self) {
        _ = try await client.login(registry.host, .init(username: "me", password: "wrong"))
      }
    }
  }
}
