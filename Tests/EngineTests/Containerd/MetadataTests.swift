import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

/// containerd's metadata: content, images, snapshots, leases, containers, namespaces, filters, garbage collection.
@Suite struct MetadataTests {
  let fixture = ContainerdFixture()

  func write(_ text: String, ref: String = "r", labels: [String: String] = [:], lease: String? = nil) throws -> Digest {
    let bytes = Array(text.utf8)
    let answer = try fixture.call(
      Content.Write(
        ref: ref, data: Blob(bytes), total: Int64(bytes.count), expected: Digest(sha256: bytes), commit: true,
        labels: labels), lease: lease)
    return try #require(answer.digest)
  }
  func layer(_ name: String, on parent: String = "", labels: [String: String] = [:], lease: String? = nil) throws {
    _ = try fixture.call(
      Snapshots.Prepare(snapshotter: "overlayfs", key: "key-" + name, parent: parent), lease: lease)
    _ = try fixture.call(
      Snapshots.Commit(snapshotter: "overlayfs", name: name, key: "key-" + name, labels: labels), lease: lease)
  }
  let root = ["containerd.io/gc.root": "2026"]

  // MARK: Content

  @Test func aBlobIsWrittenInPiecesAndReadInRanges() throws {
    _ = try fixture.call(Content.Write(ref: "r", data: Blob(Array("hello ".utf8)), total: 11))
    #expect(try fixture.call(Content.Status(ref: "r")).status.offset == 6)
    #expect(try fixture.call(Content.ListStatuses()).statuses.map(\.ref) == ["r"])
    #expect(
      fixture.words(Content.Write(ref: "r", offset: 2, data: Blob([1])))
        == "write @offset 2 != current offset 6: out of range")
    let answer = try fixture.call(
      Content.Write(ref: "r", offset: 6, data: Blob(Array("world".utf8)), total: 11, commit: true, labels: root))
    let digest = Digest(sha256: Array("hello world".utf8))
    #expect(answer.digest == digest)
    #expect(try fixture.call(Content.Read(digest: digest, offset: 6, size: 3)).data.bytes == Array("wor".utf8))
    #expect(try fixture.call(Content.Read(digest: digest, offset: 6)).data.bytes == Array("world".utf8))
    #expect(
      fixture.words(Content.Read(digest: digest, offset: 12)) == "read past object length 11 bytes: out of range")
    #expect(fixture.words(Content.Status(ref: "r")) == "ingest key r: not found")
  }

  @Test func contentIsVerifiedBeforeItIsSeen() throws {
    let wrong = Digest(sha256: [1])
    #expect(
      fixture.words(Content.Write(ref: "r", data: Blob([2]), total: 1, expected: wrong, commit: true))
        == "unexpected commit digest \(Digest(sha256: [2])), expected \(wrong): failed precondition")
    #expect(
      fixture.words(Content.Write(ref: "s", data: Blob([2]), total: 5, commit: true))
        == "unexpected commit size 1, expected 5: failed precondition")
    #expect(try fixture.contents().isEmpty)
    _ = try fixture.call(Content.Abort(ref: "r"))
    #expect(fixture.words(Content.Abort(ref: "r")) == "ingest key r: not found")
  }

  @Test func contentThatIsThereIsNotWrittenAgain() throws {
    let digest = try write("x", labels: root)
    #expect(
      fixture.words(Content.Write(ref: "q", data: Blob([1]), expected: digest, commit: true))
        == "content \(digest): already exists")
    #expect(fixture.words(Content.Info(digest: Digest(sha256: [1]))).hasSuffix(": not found"))
  }

  @Test func labelsHaveALimit() throws {
    let digest = try write("x", labels: root)
    let info = ContentInfo(digest: digest, size: 1, labels: ["k": String(repeating: "v", count: 5000)])
    #expect(fixture.words(Content.Update(info: info)).hasPrefix("label key and value length (5001 bytes)"))
  }

  // MARK: Images

  @Test func imagesHaveUniqueNames() throws {
    let target = Descriptor(mediaType: MediaType.ociManifest, digest: Digest(sha256: [1]), size: 1)
    let image = ImageRecord(name: "docker.io/library/a:1", labels: ["k.x": "v"], target: target)
    _ = try fixture.call(Images.Create(image: image))
    #expect(fixture.words(Images.Create(image: image)) == "image \"docker.io/library/a:1\": already exists")
    #expect(fixture.words(Images.Get(name: "b")) == "image \"b\": not found")
    #expect(fixture.words(Images.Update(image: ImageRecord(name: "b", target: target))) == "image \"b\": not found")
    #expect(fixture.words(Images.Delete(name: "b")) == "image \"b\": not found")
    #expect(fixture.words(Images.Create(image: ImageRecord(name: "", target: target))).hasSuffix("invalid argument"))
  }

  @Test func filtersChooseImages() throws {
    for (index, name) in ["a", "b", "c"].enumerated() {
      let target = Descriptor(mediaType: MediaType.ociManifest, digest: Digest(sha256: [UInt8(index)]), size: 1)
      _ = try fixture.call(
        Images.Create(image: ImageRecord(name: name, labels: ["com.example/k": "\(index)"], target: target)))
    }
    func names(_ filters: String...) throws -> [String] {
      try fixture.call(Images.List(filters: filters)).images.map(\.name)
    }
    #expect(try names() == ["a", "b", "c"])
    #expect(try names("name==b") == ["b"])
    #expect(try names("name==b", "name==a") == ["a", "b"])
    #expect(try names("name~=^[bc]$") == ["b", "c"])
    #expect(try names("name~=|^a|") == ["a"])
    #expect(try names("target.digest==\(Digest(sha256: [2]))") == ["c"])
    #expect(try names("target.digest==\(Digest(sha256: [2])),name==a") == [])
    #expect(try names(#"labels."com.example/k"==1"#) == ["b"])
    #expect(try names(#"labels."com.example/k"!=1"#) == ["a", "c"])
    #expect(try names(#"labels."com.example/k""#) == ["a", "b", "c"])
    #expect(try names(#"labels."other""#) == [])
    #expect(try names("name!=b,name!=a") == ["c"])
    for bad in ["name=b", "name==", "=b", "name==a,", #"name=="a"#, "name~=(", "name==a name==b,,"] {
      #expect(fixture.words(Images.List(filters: [bad])).contains("filters: parse error"), "\(bad)")
    }
  }

  // MARK: Snapshots

  @Test func aSnapshotIsPreparedCommittedAndBuiltUpon() throws {
    try layer("base", labels: root)
    let mounts = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "rw", parent: "base")).mounts
    #expect(try fixture.call(Snapshots.Mounts(snapshotter: "", key: "rw")).mounts == mounts)
    #expect(mounts[0].options.contains("lowerdir=/s/1/fs"))
    #expect(try fixture.call(Snapshots.Stat(snapshotter: "", key: "rw")).info.kind == .active)
    #expect(
      fixture.words(Snapshots.Mounts(snapshotter: "", key: "base"))
        == "requested snapshot base not active nor view: failed precondition")
    #expect(
      fixture.words(Snapshots.Prepare(snapshotter: "", key: "x", parent: "rw"))
        == "parent \"rw\" is not committed snapshot: invalid argument")
    #expect(
      fixture.words(Snapshots.Prepare(snapshotter: "", key: "x", parent: "nosuch"))
        == "parent snapshot nosuch does not exist: not found")
    #expect(
      fixture.words(Snapshots.Prepare(snapshotter: "", key: "rw", parent: "base")) == "snapshot \"rw\": already exists")
    #expect(
      fixture.words(Snapshots.Commit(snapshotter: "", name: "base", key: "rw")) == "snapshot \"base\": already exists")
    #expect(
      fixture.words(Snapshots.Commit(snapshotter: "", name: "n", key: "base"))
        == "snapshot base is not active: failed precondition")
    #expect(
      fixture.words(Snapshots.Remove(snapshotter: "", key: "base"))
        == "cannot remove snapshot with child: failed precondition")
    _ = try fixture.call(Snapshots.Remove(snapshotter: "", key: "rw"))
    #expect(fixture.words(Snapshots.Stat(snapshotter: "", key: "rw")) == "snapshot rw does not exist: not found")
    _ = try fixture.call(Snapshots.Remove(snapshotter: "", key: "base"))
    #expect(fixture.driver.ids.isEmpty)
    #expect(
      fixture.words(Snapshots.Stat(snapshotter: "zfs", key: "x")) == "snapshotter not loaded: zfs: invalid argument")
  }

  @Test func aViewIsReadOnlyAndCannotBeCommitted() throws {
    try layer("base", labels: root)
    let mounts = try fixture.call(Snapshots.View(snapshotter: "", key: "v", parent: "base")).mounts
    #expect(mounts[0].options.first == "ro")
    #expect(
      fixture.words(Snapshots.Commit(snapshotter: "", name: "n", key: "v"))
        == "snapshot v is not active: failed precondition")
  }

  @Test func sizesAreCountedAtCommit() throws {
    _ = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "k", parent: ""))
    fixture.driver.write("12345", to: 1)
    #expect(try fixture.call(Snapshots.Usage(snapshotter: "", key: "k")).size == 5)
    _ = try fixture.call(Snapshots.Commit(snapshotter: "", name: "n", key: "k"))
    fixture.driver.write("1234567", to: 1)
    #expect(try fixture.call(Snapshots.Usage(snapshotter: "", key: "n")).size == 5)
  }

  // MARK: Diff

  @Test func aContainersChangesBecomeALayerAndBack() throws {
    try layer("base", labels: root)
    let upper = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "rw", parent: "base")).mounts
    fixture.driver.write("changed", to: 2)
    let lower = try fixture.call(Snapshots.View(snapshotter: "", key: "parent", parent: "base")).mounts
    let diff = try fixture.call(
      Diff.Diff(left: lower, right: upper, mediaType: MediaType.ociLayerGzip, labels: root)
    ).diff
    #expect(diff.digest == Digest(sha256: Array("zchanged".utf8)))
    #expect(diff.size == 8)
    #expect(
      try fixture.call(Content.Info(digest: diff.digest)).info.labels["containerd.io/uncompressed"]
        == Digest(sha256: Array("changed".utf8)).description)

    let other = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "new", parent: "base")).mounts
    let applied = try fixture.call(Diff.Apply(diff: diff, mounts: other)).applied
    #expect(applied.digest == Digest(sha256: Array("changed".utf8)))
    #expect(fixture.driver.text(4) == "changed")
    #expect(fixture.words(Diff.Diff(left: [], right: upper, mediaType: "")).hasSuffix("not implemented"))
    #expect(
      fixture.words(Diff.Apply(diff: Descriptor(mediaType: "text/plain", digest: diff.digest, size: 1), mounts: other))
        == "unsupported diff media type: text/plain: not implemented")
    #expect(fixture.words(Diff.Apply(diff: diff, mounts: [])).hasSuffix("failed precondition"))
  }

  // MARK: Leases and garbage

  @Test func whatNobodyHoldsIsGarbage() throws {
    let kept = try write("kept", labels: root)
    _ = try write("lost", ref: "l")
    try layer("lost")
    #expect(try fixture.snapshots() == ["lost"])
    // Any deletion sweeps.
    let other = try write("other", ref: "o", labels: root)
    _ = try fixture.call(Content.Delete(digest: other))
    #expect(try fixture.contents() == [kept])
    #expect(try fixture.snapshots() == [])
    #expect(fixture.driver.ids.isEmpty)
    #expect(fixture.blobs.digests == [kept])
  }

  @Test func aLeaseHoldsWhatIsMadeUnderIt() throws {
    _ = try fixture.call(Leases.Create(id: "lease"))
    #expect(fixture.words(Leases.Create(id: "lease")) == "lease \"lease\": already exists")
    try layer("base", lease: "lease")
    try layer("top", on: "base", lease: "lease")
    let blob = try write("blob", lease: "lease")
    #expect(
      try fixture.call(Leases.ListResources(id: "lease")).resources.filter { !$0.id.hasPrefix("key-") } == [
        LeaseResource(id: blob.description, type: "content"), LeaseResource(id: "base", type: "snapshots/overlayfs"),
        LeaseResource(id: "top", type: "snapshots/overlayfs"),
      ])
    _ = try fixture.call(Leases.Create(id: "second"))
    _ = try fixture.call(Leases.AddResource(id: "second", resourceId: "base", resourceType: "snapshots/overlayfs"))
    _ = try fixture.call(Leases.Delete(id: "lease"))
    #expect(try fixture.snapshots() == ["base"])
    #expect(try fixture.contents().isEmpty)
    _ = try fixture.call(Leases.DeleteResource(id: "second", resourceId: "base", resourceType: "snapshots/overlayfs"))
    _ = try fixture.call(Leases.Delete(id: "second"))
    #expect(try fixture.snapshots().isEmpty)
    #expect(fixture.words(Leases.Delete(id: "second")) == "lease \"second\": not found")
    #expect(
      fixture.words(Leases.AddResource(id: "second", resourceId: "x", resourceType: "images"))
        == "lease \"second\": not found")
  }

  @Test func whatIsHereAlreadyIsHeldByWhoWantsToWriteIt() throws {
    let digest = try write("x")
    _ = try fixture.call(Leases.Create(id: "l"))
    let again = Content.Write(ref: "r", data: Blob(Array("x".utf8)), expected: digest, commit: true)
    #expect(throws: EngineError.self) { try fixture.call(again, lease: "l") }
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.contents() == [digest])
    _ = try fixture.call(Leases.Delete(id: "l"))
    #expect(try fixture.contents().isEmpty)
  }

  @Test func viewsOfOneParentMayLookAlike() throws {
    try layer("base", labels: root)
    let first = try fixture.call(Snapshots.View(snapshotter: "", key: "v1", parent: "base")).mounts
    let upper = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "rw", parent: "base")).mounts
    #expect(try fixture.call(Snapshots.View(snapshotter: "", key: "v2", parent: "base")).mounts != upper)
    _ = try fixture.call(
      Snapshots.Update(snapshotter: "", info: SnapshotInfo(name: "v1", parent: "", kind: .view, labels: root)))
    _ = try fixture.call(
      Snapshots.Update(snapshotter: "", info: SnapshotInfo(name: "rw", parent: "", kind: .view, labels: root)))
    _ = try fixture.call(Snapshots.Remove(snapshotter: "", key: "v2"))
    #expect(
      try fixture.call(Diff.Diff(left: first, right: upper, mediaType: "")).diff.mediaType == MediaType.ociLayerGzip)
  }

  @Test func leasesEndWhenTheirTimeIsOver() throws {
    _ = try fixture.call(Leases.Create(id: "l", labels: ["containerd.io/gc.expire": "2026-01-01T01:00:00+00:30"]))
    try layer("base", lease: "l")
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.snapshots() == ["base"])
    let world = fixture.world
    try world.run { try await world.sleep(1801 * Duration64.second) }
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.snapshots() == [])
    #expect(try fixture.call(Leases.List()).ids == [])
  }

  @Test func timesOfRFC3339() {
    #expect(nanoseconds(rfc3339: "2026-01-01T00:00:00Z") == RegistryTestWorld.epoch)
    #expect(nanoseconds(rfc3339: "2026-01-01T02:00:00.5+02:00") == RegistryTestWorld.epoch + 500_000_000)
    #expect(nanoseconds(rfc3339: "1970-01-01T00:00:00-01:00") == 3600 * 1_000_000_000)
    for bad in ["", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "1969-12-31T23:59:59Z"] {
      #expect(nanoseconds(rfc3339: bad) == nil, "\(bad)")
    }
  }

  @Test func labelsAreReferences() throws {
    try layer("snap", lease: nil)
    let leaf = try write("leaf", ref: "1")
    let middle = try write(
      "middle", ref: "2",
      labels: ["containerd.io/gc.ref.content.0": leaf.description, "containerd.io/gc.ref.snapshot.overlayfs": "snap"])
    _ = try fixture.call(
      Images.Create(
        image: ImageRecord(
          name: "a", target: Descriptor(mediaType: MediaType.ociManifest, digest: middle, size: 6))))
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.contents() == [leaf, middle].sorted())
    #expect(try fixture.snapshots() == ["snap"])
    _ = try fixture.call(Images.Delete(name: "a", sync: true))
    #expect(try fixture.contents().isEmpty)
    #expect(try fixture.snapshots().isEmpty)
  }

  @Test func anImageThatMovesLetsItsOldTargetGo() throws {
    let old = try write("old", ref: "1")
    let new = try write("new", ref: "2")
    func image(_ digest: Digest) -> ImageRecord {
      ImageRecord(name: "a", target: Descriptor(mediaType: MediaType.ociManifest, digest: digest, size: 3))
    }
    _ = try fixture.call(Images.Create(image: image(old)))
    _ = try fixture.call(Images.Update(image: image(new)))
    _ = try fixture.call(Snapshots.Cleanup(snapshotter: ""))
    #expect(try fixture.contents() == [new])
  }

  @Test func aContainerHoldsItsSnapshot() throws {
    _ = try fixture.call(Leases.Create(id: "l"))
    try layer("base", lease: "l")
    _ = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "rw", parent: "base"), lease: "l")
    try fixture.addContainer(snapshot: "rw")
    _ = try fixture.call(Leases.Delete(id: "l"))
    #expect(try fixture.snapshots() == ["base", "rw"])
    _ = try fixture.call(Containers.Delete(id: "c1"))
    #expect(try fixture.snapshots().isEmpty)
  }

  // MARK: Containers

  @Test func containersKeepTheirRules() throws {
    try fixture.addContainer()
    let container = try fixture.call(Containers.Get(id: "c1")).container
    #expect(fixture.words(Containers.Create(container: container)) == "container \"c1\": already exists")
    #expect(fixture.words(Containers.Get(id: "no")) == "container \"no\" in namespace \"moby\": not found")
    #expect(fixture.words(Containers.Delete(id: "no")) == "container \"no\" in namespace \"moby\": not found")
    var changed = container
    changed.runtime = "io.containerd.kata.v2"
    #expect(
      fixture.words(Containers.Update(container: changed))
        == "container.Runtime.Name field is immutable: invalid argument")
    changed = container
    changed.labels = ["a": "b"]
    _ = try fixture.call(Containers.Update(container: changed))
    #expect(try fixture.call(Containers.List(filters: ["labels.a==b"])).containers.map(\.id) == ["c1"])
    for bad in ["", "a b", ".a", "a..b", String(repeating: "a", count: 77)] {
      changed.id = bad
      #expect(fixture.words(Containers.Create(container: changed)).hasSuffix("invalid argument"), "\(bad)")
    }
  }

  // MARK: Namespaces, introspection, events

  @Test func namespacesDoNotSeeEachOther() throws {
    _ = try write("x", labels: root)
    #expect(try fixture.call(Content.List(), namespace: "other").infos.isEmpty)
    #expect(try fixture.call(Namespaces.List()).namespaces == ["moby", "other"])
    #expect(fixture.words(Namespaces.Get(name: "no")) == "namespace \"no\": not found")
    #expect(fixture.words(Namespaces.Create(name: "other")) == "namespace \"other\": already exists")
    #expect(
      fixture.words(Namespaces.Delete(name: "moby"))
        == "namespace \"moby\" must be empty, but it still has blobs: failed precondition")
    _ = try fixture.call(Namespaces.Delete(name: "other"))
    #expect(fixture.words(Content.List(), namespace: "") == "namespace is required: failed precondition")
    #expect(fixture.words(Content.List(), namespace: "a/b").hasSuffix("invalid argument"))
  }

  @Test func blobsOnDiskAreShared() throws {
    let digest = try write("x", labels: root)
    let bytes = Array("x".utf8)
    _ = try fixture.call(
      Content.Write(ref: "r", data: Blob(bytes), expected: digest, commit: true, labels: root), namespace: "other")
    _ = try fixture.call(Content.Delete(digest: digest))
    #expect(fixture.blobs.digests == [digest])
    _ = try fixture.call(Content.Delete(digest: digest), namespace: "other")
    #expect(fixture.blobs.digests.isEmpty)
  }

  @Test func introspection() throws {
    let uuid = try fixture.call(Introspection.Server()).uuid
    #expect(uuid.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
    #expect(try fixture.call(Introspection.Server()).uuid == uuid)
    #expect(try fixture.call(ContainerdVersion.Version()).version == "v2.2.0")
    let plugins = try fixture.call(Introspection.Plugins(filters: ["type==io.containerd.snapshotter.v1"])).plugins
    #expect(plugins.map { $0["id"]?.string } == ["overlayfs"])
  }

  @Test func eventsReachThoseOfTheNamespace() throws {
    let (api, world) = (fixture.api, fixture.world)
    let stream = try world.run { try await api.events(namespace: "moby") }
    _ = try write("x", labels: root)
    _ = try fixture.call(Content.List(), namespace: "other")
    try layer("base", labels: root)
    let topics = try world.run {
      var topics: [String] = []
      for await event in stream {
        topics.append(event.topic)
        if topics.count == 3 { break }
      }
      return topics
    }
    #expect(topics == ["/content/create", "/snapshot/prepare", "/snapshot/commit"])
  }

  // MARK: Restart

  @Test func everythingIsThereAfterARestart() throws {
    fixture.registry.addImage("lib/app", "1", layers: ["one", "two"])
    try fixture.pull("localhost:5000/lib/app:1")
    _ = try fixture.call(Leases.Create(id: "l"))
    let top = try fixture.snapshots().first { $0 != Digest(sha256: Array("one".utf8)).description }
    _ = try fixture.call(Snapshots.Prepare(snapshotter: "", key: "rw", parent: try #require(top)), lease: "l")
    try fixture.addContainer(snapshot: "rw")
    let (uuid, before) = (try fixture.call(Introspection.Server()).uuid, try fixture.contents())

    let again = try fixture.restarted()
    let world = fixture.world
    func call<O: ContainerdOperation>(_ operation: O) throws -> O.Answer {
      try world.run { try await again.call(operation, namespace: "moby") }
    }
    #expect(try call(Introspection.Server()).uuid == uuid)
    #expect(try call(Content.List()).infos.map(\.digest) == before)
    #expect(try call(Images.List()).images.count == 1)
    #expect(try call(Containers.List()).containers.map(\.id) == ["c1"])
    #expect(try call(Snapshots.List(snapshotter: "")).info.count == 3)
    // New folders do not meet old ones, and garbage is still told from what is held.
    _ = try call(Snapshots.Prepare(snapshotter: "", key: "new", parent: ""))
    #expect(fixture.driver.ids == [1, 2, 3, 4])
    _ = try call(Containers.Delete(id: "c1"))
    #expect(try call(Snapshots.List(snapshotter: "")).info.map(\.name).contains("rw"))
    _ = try call(Leases.Delete(id: "l"))
    #expect(try call(Snapshots.List(snapshotter: "")).info.count == 2)
    _ = try call(Images.Delete(name: "localhost:5000/lib/app:1"))
    #expect(try call(Snapshots.List(snapshotter: "")).info.isEmpty)
    #expect(try call(Content.List()).infos.isEmpty)
  }
}
