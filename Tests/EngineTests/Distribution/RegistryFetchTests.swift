import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

/// Fetching documents and blobs from registries that break, lie and send elsewhere.
@Suite struct RegistryFetchTests {
  let world = RegistryTestWorld()
  let registry = FakeRegistry()
  let blobs = RegistryTestBlobs()
  let content = Array("0123456789".utf8)

  func fetch(_ descriptor: Descriptor, credentials: RegistryCredentials? = nil) throws {
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"), credentials: credentials)
    let blobs = blobs
    try world.run {
      let writer = try await blobs.writer("r")
      try await repository.fetch(descriptor, into: writer)
      try await writer.commit(descriptor.digest)
    }
  }

  func words(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func aBlobComesInOneRequest() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
    #expect(registry.lines == ["GET /v2/app/blobs/\(blob.digest)"])
    #expect(registry.seen[0].headers["Range"] == nil)
  }

  @Test func aBrokenConnectionIsTakenUpWhereItBroke() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    let content = content
    registry.fail("GET", times: 1) { _ in
      RegistryResponse(200, headers: [NameValue("Content-Length", "10")], body: Array(content[..<4]))
    }
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
    #expect(registry.seen.map { $0.headers["Range"] } == [nil, "bytes=4-"])
    #expect(world.slept.count == 1)
  }

  @Test func aRegistryWithoutRangesStartsOver() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    let content = content
    registry.fail("GET", times: 1) { _ in
      RegistryResponse(200, headers: [NameValue("Content-Length", "10")], body: Array(content[..<4]))
    }
    registry.fail("GET", times: 1) { _ in
      RegistryResponse(200, headers: [NameValue("Content-Length", "10")], body: content)
    }
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
  }

  @Test func aBodyThatNeverComesFails() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    let content = content
    registry.fail("GET") { request in
      request.header("Range") == nil
        ? RegistryResponse(200, headers: [NameValue("Content-Length", "10")], body: Array(content[..<4]))
        : RegistryResponse(503)
    }
    #expect(words { try fetch(blob) } == "received unexpected HTTP status: 503 Service Unavailable")
    #expect(blobs.digests.isEmpty)
    // What came stays for the next time.
    registry.mend()
    registry.forget()
    try fetch(blob)
    #expect(registry.seen.map { $0.headers["Range"] } == ["bytes=4-"])
  }

  @Test func wrongBytesAreRefused() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    registry.fail("GET") { _ in
      RegistryResponse(200, headers: [NameValue("Content-Length", "10")], body: Array("9876543210".utf8))
    }
    #expect(
      words { try fetch(blob) }
        == "failed commit on ref \"layer-\(blob.digest)\": unexpected commit digest "
        + "\(Digest(sha256: Array("9876543210".utf8))), expected \(blob.digest): failed precondition")
    #expect(blobs.digests.isEmpty)
    #expect(registry.lines.count == 1)
  }

  @Test func rubbishFromAnEarlierAttemptIsThrownAway() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    blobs.state.withLock { $0.ingests["r"] = Array("rub".utf8) }
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
    #expect(registry.seen.map { $0.headers["Range"] } == ["bytes=3-", nil])
  }

  @Test func aSizeThatIsNotTheDescriptorsIsRefused() throws {
    var blob = registry.addBlob(content, MediaType.ociLayer)
    blob.size = 11
    #expect(words { try fetch(blob) }.contains("unexpected commit size 10, expected 11: failed precondition"))
    blob.size = 9
    #expect(words { try fetch(blob) }.contains("unexpected commit size 10, expected 9: failed precondition"))
    // Without a Content-Length only the bytes themselves tell.
    let content = content
    registry.fail("GET") { _ in RegistryResponse(200, body: content) }
    #expect(words { try fetch(blob) }.contains("unexpected commit size 10, expected 9: failed precondition"))
  }

  @Test func aModelOfALargerLayerIsTakenForIt() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer, claiming: 3_000_000)
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
    #expect(registry.lines.count == 1)
  }

  @Test func redirectsElsewhereCarryNoCredentials() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    registry.require(token: "secret")
    let content = content
    registry.fail("GET /v2/app/blobs", times: .max) { request in
      request.header("Authorization") == nil
        ? nil
        : RegistryResponse(307, headers: [NameValue("Location", "https://cdn.example/data/x?sig=a%2Fb")])
    }
    registry.fail("GET /data/x") { _ in RegistryResponse(200, body: content) }
    try fetch(blob)
    #expect(
      registry.seen.map { "\($0.host) \($0.line)" } == [
        "registry.example GET /v2/app/blobs/\(blob.digest)", "auth.example GET /token",
        "registry.example GET /v2/app/blobs/\(blob.digest)", "cdn.example GET /data/x",
      ])
    #expect(registry.seen[2].authorization == "Bearer secret")
    #expect(registry.seen[3].authorization == nil)
    #expect(registry.seen[3].query == ["sig": "a/b"])
  }

  @Test func redirectsOnTheSameHostKeepThem() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    registry.require(token: "secret")
    let content = content
    registry.fail("GET /v2/app/blobs") { request in
      request.header("Authorization") == nil ? nil : RegistryResponse(302, headers: [NameValue("Location", "/moved")])
    }
    registry.fail("GET /moved") { request in
      request.header("Authorization") == "Bearer secret" ? RegistryResponse(200, body: content) : RegistryResponse(403)
    }
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
  }

  @Test func aCircleOfRedirectsEnds() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    registry.fail("GET") { _ in RegistryResponse(302, headers: [NameValue("Location", "/round")]) }
    #expect(words { try fetch(blob) }.hasSuffix("stopped after 10 redirects"))
    #expect(registry.lines.count == 11)
  }

  @Test func streamsAreReadToTheirEnd() throws {
    let blob = registry.addBlob(content, MediaType.ociLayer)
    let content = content
    registry.fail("GET") { _ in
      let stream = ByteChannel()
      for byte in content { stream.push([byte]) }
      stream.closeWriting()
      return RegistryResponse(200, headers: [NameValue("Content-Length", "10")], stream: stream)
    }
    try fetch(blob)
    #expect(blobs.digests == [blob.digest])
  }

  // MARK: Documents

  func document(_ descriptor: Descriptor) throws -> [UInt8] {
    let repository = RegistryClient(world: world, api: registry).repository(
      try ImageReference("registry.example/app:1"))
    return try world.run { try await repository.document(descriptor) }
  }

  @Test func aTruncatedManifestIsFetchedAgain() throws {
    let manifest = registry.addImage("app", "1", layers: ["a"])
    let bytes = try #require(registry.manifest("app", "1"))
    registry.fail("GET", times: 1) { _ in RegistryResponse(200, body: Array(bytes.dropLast(5))) }
    #expect(try document(manifest) == bytes)
    #expect(registry.lines.count == 2)
  }

  @Test func aManifestWithOtherBytesIsRefused() throws {
    let manifest = registry.addImage("app", "1", layers: ["a"])
    registry.fail("GET") { _ in RegistryResponse(200, body: [UInt8](repeating: 32, count: Int(manifest.size))) }
    #expect(words { _ = try document(manifest) }.contains("unexpected commit digest"))
  }

  @Test func aManifestOfAGigabyteIsNotRead() throws {
    let huge = Descriptor(mediaType: MediaType.ociManifest, digest: Digest(sha256: [1]), size: 1 << 30)
    #expect(words { _ = try document(huge) }.hasSuffix("exceeded max size"))
    #expect(registry.lines.isEmpty)
  }

  @Test func mediaTypesThatLieAreFoundOut() throws {
    let index = Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8)
    let manifest = Array(
      #"{"schemaVersion":2,"config":{"mediaType":"m","digest":"\#(Digest(sha256: [1]))","size":1},"layers":[]}"#.utf8)
    #expect(
      words { _ = try ImageDocument(index, mediaType: MediaType.ociManifest) }
        == "media-type: expected manifest but found index (\(MediaType.ociManifest))")
    #expect(
      words { _ = try ImageDocument(manifest, mediaType: MediaType.dockerManifestList) }
        == "media-type: expected index but found manifest (\(MediaType.dockerManifestList))")
    #expect(
      words { _ = try ImageDocument(Array(#"{"fsLayers":[{}]}"#.utf8), mediaType: MediaType.ociManifest) }
        == "media-type: schema 1 not supported")
    #expect(
      words { _ = try ImageDocument(Array("<html>".utf8), mediaType: MediaType.ociManifest) }.hasPrefix(
        "failed to unmarshal"))
    #expect(
      words { _ = try ImageDocument(manifest, mediaType: "text/html") }
        == "unexpected media type text/html: not an image")
  }
}
