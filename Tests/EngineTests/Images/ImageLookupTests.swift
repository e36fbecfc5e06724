import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct ImageLookupTests {
  let web = SampleImage("web")
  let old = SampleImage("old", created: "2024-01-01T00:00:00Z", labels: ["tier": "front"])

  private func dockerd() async throws -> DockerdFixture {
    let docker = try await DockerdFixture()
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest", "docker.io/library/web:1"])
    old.put(in: docker.containerd, as: ["registry.example/team/old:2"])
    return docker
  }

  @Test func aLookUpAsksContainerdAsTheGenuineDockerdDoes() async throws {
    let docker = try await dockerd()
    let image = try await docker.images.image("web")
    // run-rm.jsonl: Images/Get, four times Content/Info and Content/Read, Images/List.
    let pair = ["Content/Info", "Content/Read"]
    #expect(docker.containerd.operations == ["Images/Get"] + pair + pair + pair + pair + ["Images/List"])
    #expect(image.id == web.target.digest)
    #expect(image.reference == "web:latest")
    #expect(image.storeName == "docker.io/library/web:latest")
    #expect(image.chainID == web.diffID)
    #expect(image.config.config?.cmd == ["sh"])
    // And again: what is parsed already is asked for all the same.
    docker.containerd.clearOperations()
    _ = try await docker.images.image("web")
    #expect(docker.containerd.operations.count == 10)
  }

  @Test func anIndexedImageIsLookedUpByItsManifestForTheHost() async throws {
    let docker = try await DockerdFixture()
    let many = SampleImage("many", indexed: true, alsoFor: [Platform(architecture: "arm64")])
    many.put(in: docker.containerd, as: ["docker.io/library/many:latest"])
    let image = try await docker.images.image("many")
    #expect(image.id == many.target.digest)
    #expect(image.manifestDescriptor.digest == many.manifestDescriptor.digest)
    #expect(docker.containerd.operations.count == 10)
    await #expect(
      throws: EngineError(
        .notFound,
        "image with reference many:latest was found but does not provide the specified platform (linux/arm64)")
    ) { try await docker.images.image("many", platform: Platform(architecture: "arm64")) }
  }

  @Test func anImageIsFoundByNameDigestIdAndTheBeginningOfAnId() async throws {
    let docker = try await dockerd()
    let digits = web.target.digest.encoded
    for name in [
      "web", "web:1", "library/web", "docker.io/library/web:latest", "web@\(web.id)", digits, web.id,
      String(digits.prefix(12)), "sha256:" + digits.prefix(8), String(digits.prefix(4)),
    ] {
      #expect(try await docker.images.image(name).id == web.target.digest, "\(name)")
    }
    #expect(try await docker.images.image(digits).reference == "")
    #expect(await docker.images.displayName(web.target.digest) == "web:1")
    #expect(await docker.images.displayName(Digest(sha256: [1])) == Digest(sha256: [1]).description)
  }

  @Test(arguments: [
    ("nope", "No such image: nope:latest"), ("nope:3", "No such image: nope:3"), ("web:3", "No such image: web:3"),
    ("ffff", "No such image: ffff:latest"),
    (
      "old@sha256:0000000000000000000000000000000000000000000000000000000000000000",
      "No such image: old@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    ),
    (
      "0000000000000000000000000000000000000000000000000000000000000000",
      "No such image: sha256:0000000000000000000000000000000000000000000000000000000000000000"
    ),
  ])
  func whatIsNotHereIsNotFound(_ name: String, _ message: String) async throws {
    let docker = try await dockerd()
    await #expect(throws: EngineError(.notFound, message)) { try await docker.images.image(name) }
  }

  @Test func anotherRepositorysDigestDoesNotCount() async throws {
    let docker = try await dockerd()
    await #expect(throws: EngineError(.notFound, "No such image: other@\(web.id)")) {
      try await docker.images.image("other@\(web.id)")
    }
  }

  @Test func theBeginningOfTwoIdsIsAmbiguous() async throws {
    let docker = try await DockerdFixture()
    // Two images whose ids begin alike are made, not found: the beginning is taken as short as it must be.
    var byStart: [Substring: SampleImage] = [:]
    var pair: (SampleImage, SampleImage)?
    for number in 0..<2000 where pair == nil {
      let image = SampleImage("image \(number)")
      let start = image.target.digest.encoded.prefix(4)
      if let other = byStart[start] { pair = (other, image) }
      byStart[start] = image
    }
    let (a, b) = try #require(pair)
    a.put(in: docker.containerd, as: ["docker.io/library/a:latest"])
    b.put(in: docker.containerd, as: ["docker.io/library/b:latest"])
    await #expect(throws: EngineError(.notFound, "ambiguous reference")) {
      try await docker.images.image(String(a.target.digest.encoded.prefix(4)))
    }
  }

  @Test func upperCaseIsNoName() async throws {
    let docker = try await dockerd()
    await #expect(
      throws: EngineError(
        .invalidArgument, "invalid reference format: repository name (library/Web) must be lowercase")
    ) { try await docker.images.image("Web") }
  }

  @Test func inspectShowsNamesConfigAndSizes() async throws {
    let docker = try await dockerd()
    let (status, json) = try await docker.send("GET", "/images/{name}/json", ["name": "web"])
    #expect(status == 200)
    #expect(json["Id"]?.string == web.id)
    #expect(json["RepoTags"] == ["web:1", "web:latest"])
    #expect(json["RepoDigests"] == [.string("web@\(web.id)")])
    #expect(json["Config"]?["Cmd"] == ["sh"])
    #expect(json["Os"] == "linux")
    #expect(json["Architecture"] == "amd64")
    let packed = Int64(web.layer.count + web.config.count + web.manifest.count)
    #expect(json["Size"] == .int(packed + 1000))
    #expect(json["RootFS"] == ["Type": "layers", "Layers": [.string(web.diffID.description)]])
    #expect(json["Metadata"]?["LastTagTime"] == "2026-01-01T00:00:00Z")
    #expect(json["Manifests"] == nil)
    let manifests = try await docker.send(
      "GET", "/images/{name}/json", ["name": "web"], query: [("manifests", "1")]
    ).json["Manifests"]
    #expect(manifests?[0]?["Kind"] == "image")
    #expect(manifests?[0]?["Available"] == true)
    #expect(
      try await docker.send(
        "GET", "/images/{name}/json", ["name": "web"], query: [("manifests", "1"), ("platform", "linux/amd64")]
      ).status == 400)
  }

  @Test func historyGoesFromTheNewestStepDown() async throws {
    let docker = try await dockerd()
    let (_, json) = try await docker.send("GET", "/images/{name}/history", ["name": "web"])
    let steps = try #require(json.array)
    #expect(steps.map { $0["Id"]?.string } == [web.id, "<missing>"])
    #expect(steps.map { $0["Size"] } == [0, 1000])
    #expect(steps[0]["Tags"] == ["web:1", "web:latest"])
    #expect(steps[1]["Tags"] == .null)
    #expect(steps[1]["Comment"] == "base")
    #expect(steps[1]["Created"] == 1_748_736_000)
  }
}
