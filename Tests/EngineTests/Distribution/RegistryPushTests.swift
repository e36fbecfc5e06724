import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

/// Pushing: what is asked, what is uploaded, in which order.
@Suite struct RegistryPushTests {
  struct Source: PushSource {
    var blobs: [Digest: [UInt8]] = [:]
    var elsewhere: [Digest: [String]] = [:]
    func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
      let bytes = blobs[descriptor.digest] ?? []
      return Array(bytes.dropFirst(Int(offset)).prefix(count))
    }
    func repositories(holding descriptor: Descriptor) async throws -> [String] { elsewhere[descriptor.digest] ?? [] }

    mutating func add(_ bytes: [UInt8], _ type: String) -> Descriptor {
      let digest = Digest(sha256: bytes)
      blobs[digest] = bytes
      return Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count))
    }
    mutating func addImage(_ layer: [UInt8]) -> (manifest: Descriptor, layer: Descriptor, config: Descriptor) {
      let layer = add(layer, MediaType.ociLayer)
      let config = add(Array("{}".utf8), MediaType.ociConfig)
      var writer = JSONWriter()
      writer.write(ImageManifest(config: config, layers: [layer]).json)
      return (add(writer.bytes, MediaType.ociManifest), layer, config)
    }
  }

  let world = RegistryTestWorld()
  let registry = FakeRegistry()

  func push(_ target: Descriptor, _ source: Source, concurrency: Int = 1, chunkSize: Int? = nil) throws {
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"))
    _ = try world.run {
      try await repository.push(target, from: source, concurrency: concurrency, chunkSize: chunkSize)
    }
  }

  @Test func blobsGoFirstAndTheManifestLast() throws {
    var source = Source()
    let image = source.addImage(Array("layer".utf8))
    try push(image.manifest, source)
    #expect(
      registry.lines == [
        "HEAD /v2/app/blobs/\(image.layer.digest)", "POST /v2/app/blobs/uploads/",
        "PUT /v2/app/blobs/uploads/upload-1", "HEAD /v2/app/blobs/\(image.config.digest)",
        "POST /v2/app/blobs/uploads/", "PUT /v2/app/blobs/uploads/upload-2", "HEAD /v2/app/manifests/1",
        "PUT /v2/app/manifests/1",
      ])
    #expect(registry.blob(image.layer.digest) == Array("layer".utf8))
    #expect(registry.manifest("app", "1") == source.blobs[image.manifest.digest])
    // What the registry put into the upload's address goes back to it.
    #expect(registry.seen[2].query == ["state": "s=1", "digest": image.layer.digest.description])
    #expect(registry.seen[2].headers["Content-Length"] == "5")
  }

  @Test func whatIsThereIsOnlyAskedFor() throws {
    var source = Source()
    let image = source.addImage(Array("layer".utf8))
    try push(image.manifest, source)
    registry.forget()
    try push(image.manifest, source)
    #expect(
      registry.lines == [
        "HEAD /v2/app/blobs/\(image.layer.digest)", "HEAD /v2/app/blobs/\(image.config.digest)",
        "HEAD /v2/app/manifests/1",
      ])
  }

  @Test func aBlobOfAnotherRepositoryIsMounted() throws {
    var source = Source()
    let image = source.addImage(Array("layer".utf8))
    source.elsewhere[image.layer.digest] = ["app", "library/base"]
    // The blob is in the registry but, so it says, not in this repository.
    registry.addBlob(Array("layer".utf8), MediaType.ociLayer)
    registry.fail("HEAD /v2/app/blobs/\(image.layer.digest)") { _ in RegistryResponse(404) }
    try push(image.manifest, source)
    #expect(registry.lines[1] == "POST /v2/app/blobs/uploads/")
    #expect(registry.seen[1].query == ["mount": image.layer.digest.description, "from": "library/base"])
    #expect(!registry.lines.contains("PUT /v2/app/blobs/uploads/upload-2"))
  }

  @Test func chunksFollowTheRegistrysCount() throws {
    var source = Source()
    let blob = source.add(Array("0123456789".utf8), MediaType.ociLayer)
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"))
    let pushed = source
    try world.run { try await repository.pushBlob(blob, from: pushed, chunkSize: 4) }
    #expect(
      registry.seen.filter { $0.line.hasPrefix("PATCH") }.map { $0.headers["Content-Range"] } == ["0-3", "4-7", "8-9"])
    #expect(registry.lines.last == "PUT /v2/app/blobs/uploads/upload-1")
    #expect(registry.blob(blob.digest) == Array("0123456789".utf8))
  }

  @Test func largeBlobsAreStreamed() throws {
    var source = Source()
    let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let blob = source.add(content, MediaType.ociLayer)
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"))
    let pushed = source
    try world.run { try await repository.pushBlob(blob, from: pushed) }
    #expect(registry.blob(blob.digest) == content)
  }

  @Test func anUploadThatFailsIsBegunAgain() throws {
    var source = Source()
    let image = source.addImage(Array("layer".utf8))
    registry.fail("PUT /v2/app/blobs", times: 5) { _ in RegistryResponse(500) }
    try push(image.manifest, source)
    #expect(registry.blob(image.layer.digest) != nil)
    #expect(registry.lines.filter { $0.hasPrefix("POST") }.count == 3)
  }

  @Test func refusedInDockersWords() throws {
    var source = Source()
    let image = source.addImage(Array("layer".utf8))
    registry.fail("POST") { _ in RegistryResponse(403) }
    #expect { try push(image.manifest, source) } throws: {
      "\($0)" == "denied: requested access to the resource is denied"
    }
  }

  @Test func anIndexFollowsItsManifestsAndWhatIsNotHereIsLeftOut() throws {
    var source = Source()
    let one = source.addImage(Array("one".utf8))
    let two = source.addImage(Array("two".utf8))
    let missing = Descriptor(mediaType: MediaType.ociManifest, digest: Digest(sha256: [1]), size: 5)
    var writer = JSONWriter()
    writer.write(ImageIndex(manifests: [one.manifest, two.manifest, missing]).json)
    let index = source.add(writer.bytes, MediaType.ociIndex)
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"))
    let pushed = source
    _ = try world.run {
      try await repository.push(index, from: pushed, include: { $0.digest != missing.digest })
    }
    #expect(
      registry.lines.filter { $0.hasPrefix("PUT /v2/app/manifests") } == [
        "PUT /v2/app/manifests/\(one.manifest.digest)", "PUT /v2/app/manifests/\(two.manifest.digest)",
        "PUT /v2/app/manifests/1",
      ])
  }
}
