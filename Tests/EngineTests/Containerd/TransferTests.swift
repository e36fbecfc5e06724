import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

/// Pulling and pushing by containerd: what is asked of whom, and what is there afterwards.
@Suite struct TransferTests {
  let fixture = ContainerdFixture()
  var registry: FakeRegistry { fixture.registry }

  func words(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func aPullIsOneHandoffToContainerdAndFourToTheRegistry() throws {
    registry.addImage("lib/busybox", "latest", layers: ["rootfs"])
    try fixture.pull("localhost:5000/lib/busybox:latest")
    // captures/ctr-pull.jsonl
    #expect(
      fixture.lines.lines == [
        "dockerd > containerd containerd.services.transfer.v1.Transfer/Transfer",
        "containerd > registry HEAD /v2/{name}/manifests/{reference}",
        "containerd > registry GET /v2/{name}/manifests/{reference}",
        "containerd > registry GET /v2/{name}/blobs/{digest}", "containerd > registry GET /v2/{name}/blobs/{digest}",
      ])
    #expect(registry.lines[0] == "HEAD /v2/lib/busybox/manifests/latest")
    #expect(registry.lines[1].hasPrefix("GET /v2/lib/busybox/manifests/sha256:"))
  }

  @Test func afterwardsTheImageItsContentAndItsSnapshotsAreThere() throws {
    let target = registry.addImage("lib/app", "1", layers: ["one", "two"])
    try fixture.pull("localhost:5000/lib/app:1")
    let image = try fixture.call(Images.Get(name: "localhost:5000/lib/app:1")).image
    #expect(image.target == target)
    #expect(try fixture.contents().count == 4)
    let (one, two) = (Digest(sha256: Array("one".utf8)), Digest(sha256: Array("two".utf8)))
    let chain = try #require(chainID(of: [one, two]))
    #expect(try fixture.snapshots() == [one.description, chain.description].sorted())
    #expect(try fixture.call(Snapshots.Stat(snapshotter: "", key: chain.description)).info.parent == one.description)

    let manifest = try fixture.call(Content.Info(digest: target.digest)).info
    #expect(manifest.labels["containerd.io/distribution.source.localhost:5000"] == "lib/app")
    #expect(manifest.labels["containerd.io/gc.ref.content.config"] != nil)
    let layer = try #require(manifest.labels["containerd.io/gc.ref.content.l.1"].flatMap { Digest($0) })
    #expect(
      try fixture.call(Content.Info(digest: layer)).info.labels["containerd.io/uncompressed"] == two.description)
    // The lease of the pull is gone, and what it held is not garbage.
    #expect(try fixture.call(Leases.List()).ids == [])
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.contents().count == 4)
  }

  @Test func theSecondPullAsksOneQuestion() throws {
    registry.addImage("lib/app", "1", layers: ["one", "two"])
    try fixture.pull("localhost:5000/lib/app:1")
    registry.forget()
    let progress = try fixture.pull("localhost:5000/lib/app:1")
    #expect(registry.lines == ["HEAD /v2/lib/app/manifests/1"])
    #expect(progress.map(\.event).filter { $0 == "already exists" }.count == 3)
    #expect(!progress.contains { $0.event == "extracting" })
  }

  @Test func sharedLayersComeOnce() throws {
    registry.addImage("lib/base", "1", layers: ["one"])
    registry.addImage("lib/app", "1", layers: ["one", "two"])
    try fixture.pull("localhost:5000/lib/base:1")
    registry.forget()
    try fixture.pull("localhost:5000/lib/app:1")
    #expect(registry.lines.filter { $0.contains("/blobs/") }.count == 2)
    #expect(fixture.driver.ids.count == 2)
  }

  @Test func anIndexGivesTheManifestOfThePlatform() throws {
    var amd = registry.addImage("lib/app", nil, layers: ["amd"])
    amd.platform = Platform(architecture: "amd64")
    var arm = registry.addImage("lib/app", nil, layers: ["arm"], platform: Platform(architecture: "arm", variant: "v7"))
    arm.platform = Platform(architecture: "arm", variant: "v7")
    var old = registry.addImage("lib/app", nil, layers: ["old"], platform: Platform(architecture: "arm", variant: "v6"))
    old.platform = Platform(architecture: "arm", variant: "v6")
    var attestation = registry.addManifest("lib/app", nil, MediaType.ociManifest, ["attestation": true])
    attestation.platform = Platform(os: "unknown", architecture: "unknown")
    attestation.annotations = ["vnd.docker.reference.type": "attestation-manifest"]
    registry.addManifest(
      "lib/app", "1", MediaType.ociIndex, ImageIndex(manifests: [amd, old, arm, attestation]).json)

    try fixture.pull("localhost:5000/lib/app:1", platform: Platform("linux/arm/v7"))
    #expect(registry.lines.filter { $0.hasPrefix("GET /v2/lib/app/manifests") }.count == 2)
    #expect(try fixture.contents().contains(arm.digest))
    #expect(try !fixture.contents().contains(amd.digest))
    #expect(try fixture.snapshots() == [Digest(sha256: Array("arm".utf8)).description])

    #expect(
      words { try fixture.pull("localhost:5000/lib/app:1", platform: Platform("linux/s390x")) }
        == "no matching manifest for linux/s390x in the manifest list entries: no match for platform in manifest: "
        + "not found")
  }

  @Test func allPlatformsAreFetchedAndOneIsUnpacked() throws {
    var amd = registry.addImage("lib/app", nil, layers: ["amd"])
    amd.platform = Platform(architecture: "amd64")
    var arm = registry.addImage("lib/app", nil, layers: ["arm"], platform: Platform(architecture: "arm64"))
    arm.platform = Platform(architecture: "arm64")
    registry.addManifest("lib/app", "1", MediaType.ociIndex, ImageIndex(manifests: [amd, arm]).json)
    try fixture.pull("localhost:5000/lib/app:1", all: true)
    #expect(try fixture.contents().count == 7)
    #expect(try fixture.snapshots() == [Digest(sha256: Array("amd".utf8)).description])
  }

  @Test func anImageForAnotherPlatformIsRefused() throws {
    registry.addImage("lib/app", "1", layers: ["a"], platform: Platform(architecture: "arm64"))
    #expect(
      words { try fixture.pull("localhost:5000/lib/app:1") }
        == "image with reference localhost:5000/lib/app:1 was found but its platform (linux/arm64) does not match the "
        + "specified platform (linux/amd64): not found")
  }

  @Test func artifactsAreCalledArtifacts() throws {
    let config = registry.addBlob(Array("{}".utf8), "application/vnd.cncf.helm.config.v1+json")
    registry.addManifest(
      "lib/chart", "1", MediaType.ociManifest, ImageManifest(config: config, layers: []).json)
    #expect(
      words { try fixture.pull("localhost:5000/lib/chart:1") }
        == "unsupported media type application/vnd.cncf.helm.config.v1+json: localhost:5000/lib/chart:1 is an artifact "
        + "of that type, not a container image")
  }

  @Test func indexesInIndexesEnd() throws {
    var target = registry.addImage("lib/app", nil, layers: ["a"])
    for _ in 0..<12 {
      target = registry.addManifest("lib/app", "1", MediaType.ociIndex, ImageIndex(manifests: [target]).json)
    }
    #expect(words { try fixture.pull("localhost:5000/lib/app:1") }.hasSuffix("is nested too deep: invalid argument"))
  }

  @Test func anIndexThatPointsAtItselfIsRefused() throws {
    // A digest cannot contain itself, so the registry must lie: the bytes are found out.
    let digest = Digest(sha256: [1, 2, 3])
    let index = ImageIndex(manifests: [Descriptor(mediaType: MediaType.ociIndex, digest: digest, size: 200)]).json
    var writer = JSONWriter()
    writer.write(index)
    let bytes = writer.bytes
    registry.fail("manifests") { request in
      RegistryResponse(
        200,
        headers: [
          NameValue("Content-Type", MediaType.ociIndex), NameValue("Docker-Content-Digest", digest.description),
          NameValue("Content-Length", "\(bytes.count)"),
        ], body: request.method == "HEAD" ? [] : bytes)
    }
    #expect(words { try fixture.pull("localhost:5000/lib/app:1") }.contains("unexpected commit digest"))
    #expect(try fixture.contents().isEmpty)
  }

  @Test func tenThousandLayersAreNotFetched() throws {
    let layer = registry.addBlob([1], MediaType.ociLayer)
    let config = registry.addBlob(Array("{}".utf8), MediaType.ociConfig)
    registry.addManifest(
      "lib/app", "1", MediaType.ociManifest,
      ImageManifest(config: config, layers: Array(repeating: layer, count: 10_000)).json)
    #expect(words { try fixture.pull("localhost:5000/lib/app:1") }.hasPrefix("max depth exceeded: 10000 layers"))
    #expect(!registry.lines.contains { $0.contains("/blobs/") })
  }

  @Test func aConfigThatIsNoJSONIsRefused() throws {
    let config = registry.addBlob(Array("not json".utf8), MediaType.ociConfig)
    registry.addManifest("lib/app", "1", MediaType.ociManifest, ImageManifest(config: config, layers: []).json)
    #expect(words { try fixture.pull("localhost:5000/lib/app:1") }.hasPrefix("failed to unmarshal config"))
  }

  @Test func aLayerThatIsNotWhatTheConfigSaysLeavesNothing() throws {
    registry.addImage("lib/app", "1", layers: ["a"], diffIDs: [Digest(sha256: [7])])
    let said = words { try fixture.pull("localhost:5000/lib/app:1") }
    #expect(said.contains("wrong diff id \(Digest(sha256: Array("a".utf8))) calculated on extraction"))
    #expect(try fixture.call(Images.List()).images.isEmpty)
    // No half image, no snapshot, and the content that came is garbage.
    #expect(try fixture.snapshots().isEmpty)
    #expect(try fixture.contents().isEmpty)
    #expect(fixture.driver.ids.isEmpty)
    #expect(fixture.blobs.digests.isEmpty)
  }

  @Test func layersAndDiffIDsMustBeAsMany() throws {
    registry.addImage("lib/app", "1", layers: ["a", "b"], diffIDs: [Digest(sha256: Array("a".utf8))])
    #expect(
      words { try fixture.pull("localhost:5000/lib/app:1") }
        == "number of layers and diffIDs don't match: 2 != 1: invalid argument")
  }

  @Test func aPullThatBrokeGoesOnWhereItBroke() throws {
    registry.addImage("lib/app", "1", layers: ["0123456789"])
    let layer = Digest(sha256: Array("z0123456789".utf8))
    registry.fail("GET /v2/lib/app/blobs/\(layer)") { request in
      request.header("Range") == nil
        ? RegistryResponse(200, headers: [NameValue("Content-Length", "11")], body: Array("z0123".utf8))
        : RegistryResponse(503)
    }
    #expect(
      words { try fixture.pull("localhost:5000/lib/app:1") }
        == "received unexpected HTTP status: 503 Service Unavailable")
    #expect(try fixture.call(Images.List()).images.isEmpty)
    registry.mend()
    registry.forget()
    try fixture.pull("localhost:5000/lib/app:1")
    let again = registry.seen.filter { $0.line.hasSuffix("\(layer)") }
    #expect(again.map { $0.headers["Range"] } == ["bytes=5-"])
    #expect(try fixture.snapshots().count == 1)
  }

  @Test func aLayerThatFailsEndsThePull() throws {
    registry.addImage("lib/app", "1", layers: ["a", "b", "c", "d", "e"])
    registry.fail("GET /v2/lib/app/blobs/\(Digest(sha256: Array("zb".utf8)))") { _ in RegistryResponse(404) }
    #expect(words { try fixture.pull("localhost:5000/lib/app:1") }.contains("not found"))
    #expect(try fixture.call(Images.List()).images.isEmpty)
    #expect(try fixture.contents().isEmpty)
  }

  @Test func atMostThreeBlobsComeAtATime() throws {
    registry.addImage("lib/app", "1", layers: ["a", "b", "c", "d", "e"])
    let slow = SlowRegistry(fixture.registry, fixture.world)
    let containerd = Containerd(
      world: fixture.world, registry: slow,
      shims: ShimFactory(
        world: fixture.world, runtime: fixture.runtime, files: fixture.files, fifos: fixture.fifos,
        processes: fixture.processes), blobs: fixture.blobs, snapshots: fixture.driver, files: fixture.files,
      fifos: fixture.fifos, store: fixture.store)
    try fixture.world.run {
      _ = try await containerd.call(
        Transfer.Transfer(
          source: .registry(reference: "localhost:5000/lib/app:1", auth: nil),
          destination: .imageStore(name: "", platform: Platform(architecture: "amd64"), allPlatforms: false),
          progress: { _ in }), namespace: "moby")
    }
    #expect(slow.most == 3)
  }

  @Test func progressTellsTheStoryInOrder() throws {
    registry.addImage("lib/app", "1", layers: ["a"], claiming: 1_000_000)
    let progress = try fixture.pull("localhost:5000/lib/app:1")
    let layer = progress.filter { $0.descriptor.map { MediaType.isLayer($0.mediaType) } ?? false }
    #expect(
      layer.map(\.event) == ["waiting", "downloading", "downloading", "complete", "extracting", "extracted"])
    #expect(layer.allSatisfy { $0.total == 1_000_000 })
    #expect(progress.first?.event == "resolving")
    #expect(progress.last?.event == "saved")
  }

  @Test func whatTheRegistryDoesNotHaveIsSaidAsDockerSaysIt() throws {
    #expect(
      words { try fixture.pull("localhost:5000/lib/nope:latest") }
        == "manifest for localhost:5000/lib/nope:latest not found: manifest unknown: manifest unknown")
    #expect(registry.lines == ["HEAD /v2/lib/nope/manifests/latest"])
    #expect(words { try fixture.pull("Not A Name") }.hasPrefix("invalid reference format"))
  }

  @Test func pushingSendsWhatThePullBrought() throws {
    registry.addImage("lib/app", "1", layers: ["a", "b"])
    try fixture.pull("localhost:5000/lib/app:1")
    registry.forget()
    _ = try fixture.call(
      Transfer.Transfer(
        source: .imageStore(name: "localhost:5000/lib/app:1", platform: nil, allPlatforms: false),
        destination: .registry(reference: "localhost:5000/lib/copy:2", auth: nil), progress: { _ in }))
    #expect(registry.lines.last == "PUT /v2/lib/copy/manifests/2")
    #expect(registry.manifest("lib/copy", "2") == registry.manifest("lib/app", "1"))
    // What is pushed is known to be there, for the next mount.
    let label = try fixture.call(Content.List()).infos[0].labels["containerd.io/distribution.source.localhost:5000"]
    #expect(label == "lib/app,lib/copy")
  }

  /// Counts how many blobs are under way.
  final class SlowRegistry: DistributionAPI {
    private let next: FakeRegistry
    private let world: RegistryTestWorld
    private let count = Counter()
    init(_ next: FakeRegistry, _ world: RegistryTestWorld) { (self.next, self.world) = (next, world) }
    var most: Int { count.most }
    func send(_ request: RegistryRequest) async throws -> RegistryResponse {
      guard request.path.contains("/blobs/") else { return try await next.send(request) }
      count.enter()
      try await world.sleep(10)
      count.leave()
      return try await next.send(request)
    }
  }
}
