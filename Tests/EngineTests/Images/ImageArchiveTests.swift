import Archive
import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct ImageArchiveTests {
  let web = SampleImage("web")
  let other = SampleImage("other")

  private func entries(_ archive: [UInt8]) throws -> [String: [UInt8]] {
    var reader = TarReader(archive)
    var files: [String: [UInt8]] = [:]
    while let entry = try reader.next() {
      if entry.kind == .file { files[entry.path] = entry.content }
    }
    return files
  }

  private func save(_ docker: DockerdFixture, _ names: [String]) async throws -> [UInt8] {
    try await docker.bytes("GET", "/images/get", query: names.map { ("names", $0) })
  }

  private func load(_ docker: DockerdFixture, _ archive: [UInt8], _ query: [(String, String)] = []) async throws
    -> [String]
  {
    let answer = try await docker.send("POST", "/images/load", query: query, upload: archive)
    #expect(answer.status == 200)
    return DockerdFixture.lines(answer.json)
  }

  @Test func anArchiveIsAnOCILayoutAndDockersFormatInOne() async throws {
    let docker = try await DockerdFixture()
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest"])
    let archive = try await save(docker, ["web:latest"])
    let files = try entries(archive)
    func blob(_ digest: Digest) -> String { "blobs/sha256/\(digest.encoded)" }
    #expect(
      Set(files.keys) == [
        "oci-layout", "index.json", "manifest.json", blob(web.target.digest), blob(web.configDescriptor.digest),
        blob(web.layerDescriptor.digest),
      ])
    #expect(files[blob(web.layerDescriptor.digest)] == web.layer)
    let index = try JSON(parsing: files["index.json"] ?? [])
    #expect(index["manifests"]?[0]?["digest"]?.string == web.id)
    #expect(
      index["manifests"]?[0]?["annotations"] == [
        "io.containerd.image.name": "docker.io/library/web:latest", "org.opencontainers.image.ref.name": "latest",
      ])
    #expect(
      try JSON(parsing: files["manifest.json"] ?? []) == [
        [
          "Config": .string(blob(web.configDescriptor.digest)), "RepoTags": ["web:latest"],
          "Layers": [.string(blob(web.layerDescriptor.digest))],
        ]
      ])
  }

  @Test func whatIsSavedLoadsAgainBitForBit() async throws {
    let here = try await DockerdFixture()
    web.put(in: here.containerd, as: ["docker.io/library/web:latest", "docker.io/library/web:1"])
    other.put(in: here.containerd, as: ["registry.example/team/other:2"])
    let archive = try await save(here, ["web", "registry.example/team/other:2"])

    let there = try await DockerdFixture()
    there.containerd.state.withLock {
      $0.applied = [web.layerDescriptor.digest: web.diffID, other.layerDescriptor.digest: other.diffID]
    }
    #expect(
      try await load(there, archive) == [
        "Loaded image: web:1\n", "Loaded image: web:latest\n", "Loaded image: registry.example/team/other:2\n",
      ])
    let (before, after) = (
      here.containerd.state.withLock { $0.blobs.mapValues(\.bytes) },
      there.containerd.state.withLock { $0.blobs.mapValues(\.bytes) }
    )
    #expect(before == after)
    #expect(there.containerd.names == here.containerd.names)
    #expect(there.containerd.state.withLock { $0.snapshots[web.diffID.description]?.info.kind } == .committed)
    #expect(try await save(there, ["web", "registry.example/team/other:2"]) == archive)
    // And once more, over itself: the same.
    _ = try await load(there, archive)
    #expect(there.containerd.names == here.containerd.names)
  }

  @Test func garbageCollectionIsToldWhatALoadedImageHolds() async throws {
    let here = try await DockerdFixture()
    let many = SampleImage("many", indexed: true)
    many.put(in: here.containerd, as: ["docker.io/library/many:latest"])
    let there = try await DockerdFixture()
    there.containerd.state.withLock { $0.applied[many.layerDescriptor.digest] = many.diffID }
    _ = try await load(there, try await save(here, ["many:latest"]))
    let labels = there.containerd.state.withLock { $0.blobs.mapValues(\.info.labels) }
    #expect(
      labels[many.target.digest] == [
        "containerd.io/gc.ref.content.m.0": many.manifestDescriptor.digest.description
      ])
    #expect(
      labels[many.manifestDescriptor.digest] == [
        "containerd.io/gc.ref.content.config": many.configDescriptor.digest.description,
        "containerd.io/gc.ref.content.l.0": many.layerDescriptor.digest.description,
      ])
    #expect(
      labels[many.configDescriptor.digest] == [
        "containerd.io/gc.ref.snapshot.overlayfs": many.diffID.description
      ])
    #expect(there.containerd.state.withLock { $0.leases.isEmpty })
  }

  @Test func theSizeThatAModelOfALayerClaimsIsKept() async throws {
    let here = try await DockerdFixture()
    let model = SampleImage("model", size: 3_000_000)
    model.put(in: here.containerd, as: ["docker.io/library/model:latest"])
    let there = try await DockerdFixture()
    there.containerd.state.withLock { $0.applied[model.layerDescriptor.digest] = model.diffID }
    _ = try await load(there, try await save(here, ["model:latest"]))
    let totals = there.containerd.state.withLock { $0.written }
    #expect(totals[model.layerDescriptor.digest] == 3_000_000)
    #expect(totals[model.configDescriptor.digest] == Int64(model.config.count))
  }

  @Test func anImageSavedByItsIdHasNoName() async throws {
    let here = try await DockerdFixture()
    web.put(in: here.containerd, as: ["docker.io/library/web:latest"])
    let archive = try await save(here, [truncatedID(web.id)])
    let there = try await DockerdFixture()
    there.containerd.state.withLock { $0.applied[web.layerDescriptor.digest] = web.diffID }
    #expect(try await load(there, archive) == ["Loaded image ID: \(web.id)\n"])
    #expect(there.containerd.names == [SampleImage.dangling(web)])
  }

  @Test func loadingOverANameKeepsWhatItPointedAt() async throws {
    let here = try await DockerdFixture()
    web.put(in: here.containerd, as: ["docker.io/library/web:latest"])
    let there = try await DockerdFixture()
    other.put(in: there.containerd, as: ["docker.io/library/web:latest"])
    there.containerd.state.withLock { $0.applied[web.layerDescriptor.digest] = web.diffID }
    _ = try await load(there, try await save(here, ["web:latest"]))
    #expect(there.containerd.names == ["docker.io/library/web:latest", SampleImage.dangling(other)])
    #expect(try await there.images.image("web").id == web.target.digest)
  }

  @Test func dockersOldFormatLoadsGzippedToo() async throws {
    let tar = try Gzip.decompress(web.layer)
    let archive = TarWriter.archive([
      ArchiveEntry(path: "layer1/layer.tar", content: tar),
      ArchiveEntry(path: "layer2/layer.tar", kind: .symlink, linkTarget: "../layer1/layer.tar"),
      ArchiveEntry(path: "config.json", content: web.config),
      ArchiveEntry(
        path: "manifest.json",
        content: Array(#"[{"Config":"config.json","RepoTags":["web:old"],"Layers":["layer2/layer.tar"]}]"#.utf8)),
    ])
    let docker = try await DockerdFixture()
    #expect(try await load(docker, Gzip.compress(archive)) == ["Loaded image: web:old\n"])
    let image = try await docker.images.image("web:old")
    #expect(image.config.rootfs.diffIDs == [web.diffID])
    #expect(image.manifest.layers[0].digest == web.diffID)
    #expect(image.manifest.layers[0].mediaType == "application/vnd.docker.image.rootfs.diff.tar")
  }

  @Test func whatIsNoArchiveOfImagesIsRefusedInTheStream() async throws {
    let docker = try await DockerdFixture()
    #expect(try await load(docker, []) == ["error: unrecognized image format"])
    let files = TarWriter.archive([ArchiveEntry(path: "readme", content: [1])])
    #expect(try await load(docker, files) == ["error: unrecognized image format"])
    #expect(try await load(docker, Array("nonsense".utf8))[0].hasPrefix("error: "))
    var archive = try await saved()
    archive[archive.count / 2] ^= 1
    #expect(try await load(docker, archive)[0].hasPrefix("error: "))
    #expect(docker.containerd.names.isEmpty)
  }

  private func saved() async throws -> [UInt8] {
    let here = try await DockerdFixture()
    web.put(in: here.containerd, as: ["docker.io/library/web:latest"])
    return try await save(here, ["web:latest"])
  }

  @Test func aBlobThatIsNotWhatItsNameSaysIsRefused() async throws {
    let archive = TarWriter.archive([
      ArchiveEntry(path: "oci-layout", content: Array("{}".utf8)),
      ArchiveEntry(path: "index.json", content: Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8)),
      ArchiveEntry(path: "blobs/sha256/\(web.target.digest.encoded)", content: Array("else".utf8)),
    ])
    let docker = try await DockerdFixture()
    #expect(
      try await load(docker, archive) == [
        "error: unexpected commit digest \(Digest(sha256: Array("else".utf8))), expected \(web.id): failed precondition"
      ])
  }

  @Test func aPlatformThatAnArchiveDoesNotHoldIsMissed() async throws {
    let docker = try await DockerdFixture()
    docker.containerd.state.withLock { $0.applied[web.layerDescriptor.digest] = web.diffID }
    #expect(
      try await load(docker, try await saved(), [("platform", "linux/arm64")]) == [
        "error: image web:latest was loaded, but doesn't provide the requested platform ([linux/arm64])"
      ])
  }

  @Test func whatIsNotHereCannotBeSaved() async throws {
    let docker = try await DockerdFixture()
    let answer = try await docker.send("GET", "/images/get", query: [("names", "nope:1")])
    #expect(answer.status == 404)
    #expect(answer.json["message"] == "No such image: nope:1")
    #expect(
      try await docker.send("GET", "/images/{name}/get", ["name": "nope"]).json["message"]
        == "No such image: nope:latest")
  }

  // MARK: import

  @Test func anImportedArchiveIsAnImageOfOneLayer() async throws {
    let docker = try await DockerdFixture()
    let tar = try Gzip.decompress(web.layer)
    docker.containerd.state.withLock { $0.applied[Digest(sha256: Gzip.compress(tar))] = web.diffID }
    let answer = try await docker.send(
      "POST", "/images/create",
      query: [
        ("fromSrc", "-"), ("repo", "mine"), ("tag", "1"), ("message", "by hand"),
        ("changes", #"CMD ["serve","-p","80"]"#), ("changes", "ENV A=1 B=\"two words\""), ("changes", "EXPOSE 80"),
        ("changes", "LABEL who=me"), ("changes", "WORKDIR /srv"),
      ], upload: tar)
    #expect(answer.status == 200)
    let image = try await docker.images.image("mine:1")
    #expect(answer.json == [["status": .string(image.id.description)]])
    #expect(image.config.config?.cmd == ["serve", "-p", "80"])
    #expect(image.config.config?.env == ["A=1", "B=two words"])
    #expect(image.config.config?.exposedPorts?.keys.sorted() == ["80/tcp"])
    #expect(image.config.config?.labels == ["who": "me"])
    #expect(image.config.config?.workingDir == "/srv")
    #expect(image.config.history?[0].comment == "by hand")
    #expect(image.config.rootfs.diffIDs == [web.diffID])
    #expect(image.config.created == "2026-01-01T00:00:00Z")
    #expect(docker.containerd.state.withLock { $0.leases.isEmpty })
  }

  @Test func anImportFromAURLSaysWhereItComesFrom() async throws {
    let docker = try await DockerdFixture()
    let layer = web.layer
    docker.registry.answer { request in
      request.host == "files.example" ? RegistryResponse(200, body: layer) : RegistryResponse(404)
    }
    docker.containerd.state.withLock { $0.applied[web.layerDescriptor.digest] = web.diffID }
    let answer = try await docker.send(
      "POST", "/images/create", query: [("fromSrc", "files.example/rootfs.tgz"), ("repo", "mine")])
    #expect(DockerdFixture.lines(answer.json)[0] == "Downloading from http://files.example/rootfs.tgz")
    #expect(
      try await docker.images.image("mine").config.history?[0].comment == "Imported from files.example/rootfs.tgz")
  }

  @Test(arguments: [
    ("RUN make", "run is not a valid change command"),
    ("FLY high", "dockerfile parse error on line 1: unknown instruction: FLY"),
    ("ENV", "ENV requires at least one argument"), ("ENV A", "ENV must have two arguments"),
    ("ENV A=1 B", "Syntax error - can't find = in \"B\". Must be of the form: name=value"),
    ("EXPOSE http", "invalid port specification: \"http\""),
    ("HEALTHCHECK curl", "Unknown type \"curl\" in HEALTHCHECK (try CMD)"),
  ])
  func badChangesAreRefused(_ change: String, _ message: String) async throws {
    let docker = try await DockerdFixture()
    let answer = try await docker.send(
      "POST", "/images/create", query: [("fromSrc", "-"), ("changes", change)], upload: [])
    #expect(answer.status == 400)
    #expect(answer.json["message"]?.string == message)
  }

  @Test func changesAreThoseOfADockerfile() throws {
    var config = ImageConfig.Execution(env: ["PATH=/bin", "A=0"], cmd: ["old"], workingDir: "/a")
    try DockerfileChanges.apply(
      [
        "# a comment", "env A 1 2", "ENTRYPOINT run it", "VOLUME [\"/data\", \"/log\"]", "WORKDIR b", "USER me:us",
        "STOPSIGNAL SIGQUIT", "ONBUILD RUN x", "HEALTHCHECK --interval=5s --retries=3 CMD curl -f localhost",
      ], to: &config)
    #expect(config.env == ["PATH=/bin", "A=1 2"])
    #expect(config.entrypoint == ["/bin/sh", "-c", "run it"])
    #expect(config.cmd == nil)
    #expect(config.volumes?.keys.sorted() == ["/data", "/log"])
    #expect(config.workingDir == "/a/b")
    #expect(config.user == "me:us")
    #expect(config.onBuild == ["RUN x"])
    #expect(
      config.healthcheck
        == .init(test: ["CMD-SHELL", "curl -f localhost"], interval: 5_000_000_000, retries: 3))
  }
}
