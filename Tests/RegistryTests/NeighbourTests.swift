import Engine
import Foundation
import OCISpec
import Seams
import Simulation
import Synchronization
import Testing

@testable import LinuxHost
@testable import Registry

/// The genuine registry of the distribution project (Debian's `docker-registry`), on a port of the loopback.
final class GenuineRegistry {
  private let process = Process()
  let folder: URL
  let host: String

  static let program = "/usr/bin/docker-registry"
  static var isHere: Bool { FileManager.default.isExecutableFile(atPath: program) }

  /// `passwords` is the content of an htpasswd file with bcrypt.
  init(passwords: String? = nil) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-registry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // A port that is free now; another program could only take it in the next moment.
    let port = try GenuineRegistry.freePort()
    host = "127.0.0.1:\(port)"
    var text = """
      version: 0.1
      log: {level: error, accesslog: {disabled: true}}
      storage: {filesystem: {rootdirectory: \(folder.path)/data}, delete: {enabled: true}}
      http: {addr: "\(host)"}
      """
    if let passwords {
      try passwords.write(to: folder.appendingPathComponent("htpasswd"), atomically: true, encoding: .utf8)
      text += "\nauth: {htpasswd: {realm: drydock, path: \(folder.path)/htpasswd}}\n"
    }
    let file = folder.appendingPathComponent("config.yml")
    try text.write(to: file, atomically: true, encoding: .utf8)
    process.executableURL = URL(fileURLWithPath: GenuineRegistry.program)
    process.arguments = ["serve", file.path]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    process.environment = ["OTEL_TRACES_EXPORTER": "none", "PATH": "/usr/bin:/bin"]
    try process.run()
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
      }
    }
    try #require(result == 0)
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Waits until it answers.
  func awake(_ client: HTTPDistribution) async throws {
    for _ in 0..<500 {
      if (try? await client.send(RegistryRequest("GET", scheme: "http", host: host, "/v2/"))) != nil { return }
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    Issue.record("docker-registry does not answer at \(host)")
  }

  func end() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }
}

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
    let registry = try GenuineRegistry(passwords: passwords)
    let api = HTTPDistribution()
    let result: Result<Void, any Error>
    do {
      try await registry.awake(api)
      result = .success(try await body(registry, RegistryClient(world: SystemWorld(), api: api)))
    } catch { result = .failure(error) }
    await api.shutdown()
    registry.end()
    try result.get()
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

/// Under CI what a test needs is there, or it fails.
let isCI = ProcessInfo.processInfo.environment["CI"] == "true"
