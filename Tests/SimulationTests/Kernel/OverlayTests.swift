import Archive
import OCISpec
import Runtime
import Seams
import Testing

@testable import Simulation

/// overlayfs, and the snapshotter on it.
@Suite struct KernelOverlayTests {
  /// Two lower layers and an upper one at /merged.
  private func overlay() throws -> KernelFixture {
    let f = KernelFixture()
    for folder in ["l1/dir", "l1/only1", "l2/dir", "l2/sub/deep", "upper", "work"] {
      try f.files.makeDirectory("/o/\(folder)", mode: 0o755)
    }
    try f.files.write("/o/l2/dir/low", Array("2".utf8), mode: 0o644)
    try f.files.write("/o/l1/dir/near", Array("1".utf8), mode: 0o644)
    try f.files.write("/o/l2/both", Array("far".utf8), mode: 0o644)
    try f.files.write("/o/l1/both", Array("near".utf8), mode: 0o640)
    try f.files.write("/o/l2/sub/deep/file", Array("deep".utf8), mode: 0o604)
    try f.files.makeDirectory("/merged", mode: 0o755)
    try f.files.mount(
      source: "overlay", target: "/merged", type: "overlay",
      options: ["lowerdir=/o/l1:/o/l2", "upperdir=/o/upper", "workdir=/o/work"])
    return f
  }

  @Test func layersShowTogetherTheNearestFirst() throws {
    let f = try overlay()
    #expect(try f.files.list("/merged") == ["both", "dir", "only1", "sub"])
    #expect(try f.files.list("/merged/dir") == ["low", "near"])
    #expect(f.read("/merged/both") == "near")
    #expect(f.files.stat("/merged/both")?.mode == 0o640)
  }

  @Test func writingCopiesTheFileAndItsFoldersUp() throws {
    let f = try overlay()
    #expect(try f.files.list("/o/upper") == [])
    try f.perform(.writeFile(path: "/merged/sub/deep/file", contents: "changed"))
    #expect(f.read("/o/upper/sub/deep/file") == "changed")
    #expect(f.files.stat("/o/upper/sub/deep/file")?.mode == 0o604)
    #expect(f.read("/o/l2/sub/deep/file") == "deep")
    #expect(f.read("/merged/sub/deep/file") == "changed")
  }

  @Test func changingTheModeCopiesUpToo() throws {
    let f = try overlay()
    try f.perform(.chmod(path: "/merged/both", mode: 0o600))
    #expect(f.read("/o/upper/both") == "near")
    #expect(f.files.stat("/o/l1/both")?.mode == 0o640)
  }

  @Test func removingLeavesAWhiteout() throws {
    let f = try overlay()
    try f.perform(.unlink(path: "/merged/both"))
    #expect(f.files.stat("/merged/both") == nil)
    #expect(try f.files.list("/merged") == ["dir", "only1", "sub"])
    let whiteout = f.files.stat("/o/upper/both")
    #expect(whiteout?.device == HostDevice(type: "c", major: 0, minor: 0))
    // A new file takes the whiteout's place.
    try f.perform(.createFile(path: "/merged/both", mode: 0o644))
    #expect(f.read("/merged/both") == "")
    #expect(f.files.stat("/o/upper/both")?.kind == .file)
  }

  @Test func aFolderMadeAgainIsOpaque() throws {
    let f = try overlay()
    try f.files.removeAll("/merged/dir")
    #expect(f.files.stat("/merged/dir") == nil)
    try f.perform(.mkdir(path: "/merged/dir", mode: 0o755))
    #expect(try f.files.list("/merged/dir") == [])
    #expect(try f.files.list("/o/l1/dir") == ["near"])
  }

  @Test func lowerFoldersCannotBeRenamedAndFilesCan() throws {
    let f = try overlay()
    #expect(throws: Errno.EXDEV) { try f.files.rename("/merged/dir", to: "/merged/moved") }
    try f.files.rename("/merged/both", to: "/merged/dir/both")
    #expect(f.read("/merged/dir/both") == "near")
    #expect(f.files.stat("/merged/both") == nil)
    try f.perform(.mkdir(path: "/merged/new", mode: 0o755))
    try f.files.rename("/merged/new", to: "/merged/newer")
    #expect(try f.files.list("/merged").contains("newer"))
  }

  @Test func withoutAnUpperLayerNothingCanBeWritten() throws {
    let f = try overlay()
    try f.files.makeDirectory("/view", mode: 0o755)
    try f.files.mount(source: "overlay", target: "/view", type: "overlay", options: ["lowerdir=/o/l1:/o/l2"])
    #expect(f.errno(.writeFile(path: "/view/both", contents: "x")) == .EROFS)
  }

  @Test func theUpperAndTheWorkFolderMustBeApart() throws {
    let f = try overlay()
    let bad = "lowerdir=/o/l1,upperdir=/o/upper,workdir=/o/upper"
    #expect(f.errno(.mount(source: "overlay", target: "/mnt", type: "overlay", flags: [], data: bad)) == .EINVAL)
    let missing = "lowerdir=/o/none"
    #expect(f.errno(.mount(source: "overlay", target: "/mnt", type: "overlay", flags: [], data: missing)) == .ENOENT)
  }

  // MARK: Snapshots

  private func layer(_ entries: [ArchiveEntry]) -> [UInt8] { TarWriter.archive(entries) }

  private func apply(
    _ f: KernelFixture, _ driver: SimSnapshotDriver, _ bytes: [UInt8], _ id: Int, _ parents: [Int]
  ) -> AppliedLayer? {
    let store = MemoryBlobStore(world: f.world)
    return f.world.runBlocking {
      do {
        let writer = try await store.writer("layer")
        try await writer.append(bytes)
        let digest = try await writer.commit(nil)
        try await driver.create(id, parents: parents)
        return try await driver.apply(digest, mediaType: MediaType.ociLayer, from: store, to: id, parents: parents)
      } catch {
        Issue.record(error)
        return nil
      }
    } ?? nil
  }

  @Test func aLayerIsUnpackedWithItsWhiteouts() throws {
    let f = KernelFixture()
    let driver = SimSnapshotDriver(f.kernel)
    let base = layer([
      ArchiveEntry(path: "etc", kind: .directory, mode: 0o755), ArchiveEntry(path: "etc/a", content: Array("a".utf8)),
      ArchiveEntry(path: "etc/b", content: Array("b".utf8)), ArchiveEntry(path: "big", declaredSize: 1_000_000),
      ArchiveEntry(path: "opt", kind: .directory, mode: 0o700), ArchiveEntry(path: "opt/x"),
      ArchiveEntry(path: "link", kind: .symlink, linkTarget: "etc/a"),
      ArchiveEntry(path: "hard", kind: .hardLink, linkTarget: "etc/b"),
    ])
    let applied = apply(f, driver, base, 1, [])
    #expect(applied?.diffID == Digest(sha256: base))
    #expect((applied?.size ?? 0) > 1_000_000)
    let change = layer([
      ArchiveEntry(path: "etc/.wh.a"), ArchiveEntry(path: "opt/.wh..wh..opq"), ArchiveEntry(path: "opt/y"),
    ])
    #expect(apply(f, driver, change, 2, [1]) != nil)
    for record in driver.mounts(2, parents: [1], readOnly: false) {
      try f.files.makeDirectory("/m", mode: 0o755)
      try f.files.mount(source: record.source, target: "/m", type: record.type, options: record.options)
    }
    #expect(try f.files.list("/m/etc") == ["b"])
    #expect(try f.files.list("/m/opt") == ["y"])
    // The second layer does not name /opt itself: it keeps its mode.
    #expect(f.files.stat("/m/opt")?.mode == 0o700)
    #expect(f.files.stat("/m/big")?.size == 1_000_000)
    #expect(f.read("/m/hard") == "b")
    #expect(f.files.lstat("/m/link")?.linkTarget == "etc/a")
  }

  @Test func theDifferenceIsWhatDockerDiffSays() throws {
    let f = KernelFixture()
    let driver = SimSnapshotDriver(f.kernel)
    let base = layer([
      ArchiveEntry(path: "etc", kind: .directory, mode: 0o755), ArchiveEntry(path: "etc/a"),
      ArchiveEntry(path: "etc/b"),
      ArchiveEntry(path: "var", kind: .directory, mode: 0o755), ArchiveEntry(path: "var/kept"),
    ])
    _ = apply(f, driver, base, 1, [])
    let world = f.world
    #expect(world.runBlocking { (try? await driver.create(2, parents: [1])) != nil } == true)
    try f.files.makeDirectory("/m", mode: 0o755)
    let record = driver.mounts(2, parents: [1], readOnly: false)[0]
    try f.files.mount(source: record.source, target: "/m", type: record.type, options: record.options)
    try f.files.write("/m/etc/new", Array("n".utf8), mode: 0o644)
    try f.files.write("/m/etc/b", Array("changed".utf8), mode: 0o644)
    try f.perform(.unlink(path: "/m/etc/a"))
    let changes = world.runBlocking { (try? await driver.changes(2, parents: [1])) ?? [] }
    #expect(
      changes == [
        SnapshotChange(kind: 0, path: "/etc"), SnapshotChange(kind: 2, path: "/etc/a"),
        SnapshotChange(kind: 0, path: "/etc/b"), SnapshotChange(kind: 1, path: "/etc/new"),
      ])
    let store = MemoryBlobStore(world: world)
    let names = world.runBlocking { () -> [String] in
      guard let writer = try? await store.writer("diff"),
        (try? await driver.diff(2, parents: [1], mediaType: MediaType.ociLayer, into: writer)) != nil,
        let digest = try? await writer.commit(nil), let bytes = try? await store.read(digest)
      else { return [] }
      var names: [String] = []
      var reader = TarReader(bytes)
      while let entry = try? reader.next() { names.append(entry.path) }
      return names
    }
    #expect(names == ["etc", "etc/.wh.a", "etc/b", "etc/new"])
    #expect(world.runBlocking { await driver.usage(2).inodes } == 5)
  }

  @Test func removedSnapshotsAreGone() throws {
    let f = KernelFixture()
    let driver = SimSnapshotDriver(f.kernel)
    _ = apply(f, driver, layer([ArchiveEntry(path: "x")]), 1, [])
    #expect(try f.files.list(SimSnapshotDriver.root) == ["1"])
    #expect(f.world.runBlocking { (try? await driver.remove(1)) != nil } == true)
    #expect(try f.files.list(SimSnapshotDriver.root) == [])
    #expect(f.world.runBlocking { (try? await driver.remove(1)) != nil } == true)
  }
}
