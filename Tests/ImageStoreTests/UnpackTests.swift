import Archive
import Foundation
import ImageStore
import OCISpec
import Seams
import Testing

@Suite("Layers are unpacked")
struct UnpackTests {
  private func file(_ path: String, _ text: String = "x", mode: UInt32 = 0o644) -> ArchiveEntry {
    ArchiveEntry(
      path: path, mode: mode, uid: geteuid(), gid: getegid(), modified: 1_600_000_000, content: Array(text.utf8))
  }
  private func folder(_ path: String, mode: UInt32 = 0o755) -> ArchiveEntry {
    ArchiveEntry(path: path, kind: .directory, mode: mode, uid: geteuid(), gid: getegid(), modified: 1_500_000_000)
  }
  private func link(_ path: String, to target: String) -> ArchiveEntry {
    ArchiveEntry(path: path, kind: .symlink, uid: geteuid(), gid: getegid(), linkTarget: target)
  }
  /// As tar writes them, with the attributes of what they link to.
  private func hardLink(_ path: String, to target: String, mode: UInt32 = 0o644) -> ArchiveEntry {
    ArchiveEntry(
      path: path, kind: .hardLink, mode: mode, uid: geteuid(), gid: getegid(), modified: 1_600_000_000,
      linkTarget: target)
  }

  @Test("files, folders, links, modes with setuid, times; the diff id is that of the tar")
  func plain() async throws {
    try await StoreFixture.with { store in
      let entries = [
        folder("bin", mode: 0o1777), file("bin/su", "su", mode: 0o4755), link("bin/sh", to: "busybox"),
        hardLink("bin/su2", to: "bin/su", mode: 0o4755), file("deep/er/file"),
        file(String(repeating: "long/", count: 60) + "name", "long"),
      ]
      let driver = try OverlayDriver(store.path)
      let layer = try await store.apply(entries, by: driver)
      #expect(layer.diffID == Digest(sha256: TarWriter.archive(entries)))
      #expect(layer.size == Int64(TarWriter.archive(entries).count))
      var status = stat()
      #expect(lstat(store.tree(1) + "/bin/su", &status) == 0)
      #expect(status.st_mode & 0o7777 == 0o4755)
      #expect(status.st_nlink == 2)
      #expect(status.st_mtim.tv_sec == 1_600_000_000)
      #expect(lstat(store.tree(1) + "/bin", &status) == 0)
      #expect(status.st_mode & 0o7777 == 0o1777)
      // Set at the end: what came into it later has not changed it.
      #expect(status.st_mtim.tv_sec == 1_500_000_000)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: store.tree(1) + "/bin/sh") == "busybox")
      #expect(
        FileManager.default.contents(
          atPath: store.tree(1) + "/" + String(repeating: "long/", count: 60) + "name") == Data("long".utf8))
      #expect(await driver.usage(1).inodes > 60)
    }
  }

  /// Each tries to write `escaped` next to the store's own folder, or over a file of the host.
  @Test(
    "archives that reach for the outside",
    arguments: [
      "dots", "absolute", "absolute link", "link then file", "link to a folder above", "chain of links",
      "hard link to outside", "hard link through a link", "file over a link", "folder over a link",
      "link made after a folder was seen",
    ])
  func hostile(_ name: String) async throws {
    try await StoreFixture.with { store in
      let victim = "\(store.path)/victim"
      try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: false)
      try Data("untouched".utf8).write(to: URL(fileURLWithPath: victim + "/file"))
      let up = "../../../victim"
      let entries: [ArchiveEntry] =
        switch name {
        case "dots": [file("../../../victim/file"), file("a/../../../../victim/new")]
        case "absolute": [file(victim + "/file"), file("/" + victim + "/new")]
        case "absolute link": [link("l", to: victim), file("l/file"), file("l/new")]
        case "link then file": [link("l", to: up), file("l/file"), file("l/new")]
        case "link to a folder above": [link("l", to: "../../.."), file("l/victim/file"), file("l/victim/new")]
        case "chain of links":
          [link("a", to: "b"), link("b", to: "c/.."), link("c", to: victim), file("a/victim/file"), file("c/file")]
        case "hard link to outside": [hardLink("h", to: victim + "/file"), file("h", "changed")]
        case "hard link through a link": [link("l", to: victim), hardLink("h", to: "l/file"), file("h", "changed")]
        case "file over a link": [link("f", to: victim + "/file"), file("f", "changed")]
        case "folder over a link": [link("d", to: victim), folder("d", mode: 0o700), file("d/file", "changed")]
        default: [folder("d"), file("d/one"), link("d", to: victim), file("d/file", "changed"), file("d/new")]
        }
      let driver = try OverlayDriver(store.path)
      // Refused or confined: both will do.
      do { try await store.apply(entries, by: driver) } catch is EngineError {}
      #expect(FileManager.default.contents(atPath: victim + "/file") == Data("untouched".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: victim) == ["file"])
      #expect(access(victim, X_OK) == 0)
      var status = stat()
      #expect(lstat(victim + "/file", &status) == 0 && status.st_nlink == 1)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: store.path).sorted() == ["content", "snapshots", "victim"])
    }
  }

  @Test("one thing over another: the later one stands")
  func replaced() async throws {
    try await StoreFixture.with { store in
      let driver = try OverlayDriver(store.path)
      try await store.apply(
        [
          file("a", "1"), file("a", "2"), folder("b"), file("b/inside"), file("b", "now a file"), file("c"),
          folder("c"), file("c/inside"), link("d", to: "a"), file("d", "not a"),
        ], by: driver)
      #expect(StoreFixture.listing(store.tree(1)) == ["f a", "f b", "d c", "f c/inside", "f d"])
      #expect(FileManager.default.contents(atPath: store.tree(1) + "/a") == Data("2".utf8))
      #expect(FileManager.default.contents(atPath: store.tree(1) + "/d") == Data("not a".utf8))
    }
  }

  @Test("gzip, and what is no gzip at all", arguments: ["whole", "cut", "garbled", "not a tar", "cut tar"])
  func compressed(_ name: String) async throws {
    try await StoreFixture.with { store in
      let tar = TarWriter.archive((0..<50).map { file("f\($0)", String(repeating: "text ", count: 1000)) })
      var bytes = Gzip.compress(tar)
      switch name {
      case "cut": bytes = Array(bytes.prefix(bytes.count / 2))
      case "garbled": for index in stride(from: 100, to: bytes.count, by: 50) { bytes[index] ^= 0x5a }
      case "not a tar": bytes = Gzip.compress([UInt8](repeating: 65, count: 4096))
      case "cut tar": bytes = Gzip.compress(Array(tar.prefix(tar.count / 2 + 100)))
      default: break
      }
      let digest = try await store.blob(bytes)
      let driver = try OverlayDriver(store.path)
      try await driver.create(1, parents: [])
      if name == "whole" {
        let layer = try await driver.apply(
          digest, mediaType: MediaType.ociLayerGzip, from: store.blobs, to: 1, parents: [])
        #expect(layer.diffID == Digest(sha256: tar))
        #expect(StoreFixture.listing(store.tree(1)).count == 50)
      } else {
        await #expect(throws: EngineError.self) {
          _ = try await driver.apply(
            digest, mediaType: MediaType.ociLayerGzip, from: store.blobs, to: 1, parents: [])
        }
      }
      // A half-made snapshot goes whole.
      try await driver.remove(1)
      #expect(!FileManager.default.fileExists(atPath: "\(store.path)/snapshots/1"))
    }
  }

  @Test("limits: members and bytes")
  func limits() async throws {
    try await StoreFixture.with { store in
      let driver = try OverlayDriver(store.path, limits: UnpackLimits(bytes: 1 << 20, entries: 10))
      await #expect(throws: EngineError.self) {
        try await store.apply((0..<11).map { file("f\($0)") }, by: driver)
      }
      await #expect(throws: EngineError.self) {
        try await store.apply([file("large", String(repeating: "x", count: 2 << 20))], to: 2, by: driver)
      }
    }
  }

  @Test(
    "whiteouts and opaque folders hide what lies below, and a diff says the same again",
    .enabled(if: isRoot, "overlayfs' marks take root"))
  func whiteouts() async throws {
    try await StoreFixture.with { store in
      let driver = try OverlayDriver(store.path)
      try await store.apply([file("a"), file("b"), folder("d"), file("d/one"), folder("e"), file("e/one")], by: driver)
      let upper = [
        file(".wh.a", ""), folder("d"), file("d/.wh..wh..opq", ""), file("d/two"), folder("e"), file("e/.wh.one", ""),
        file("new"),
      ]
      try await store.apply(upper, to: 2, parents: [1], by: driver)
      var status = stat()
      #expect(lstat(store.tree(2) + "/a", &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0)
      // The kernel reads the marks as they were meant.
      let mount = try #require(driver.mounts(9, parents: [2, 1], readOnly: true).first)
      #expect(mount.type == "overlay")
      let seen = try StoreFixture.shell(
        "mkdir '\(store.path)/at' && mount -t overlay -o '\(mount.options.joined(separator: ","))' overlay "
          + "'\(store.path)/at' && cd '\(store.path)/at' && find . -type f | sort")
      #expect(seen == "./b\n./d/two\n./new\n")
      let changes = try await driver.changes(2, parents: [1])
      let lines = changes.map { "\(["C", "A", "D"][$0.kind]) /\($0.path.drop { $0 == "/" })" }
      #expect(Set(lines).isSuperset(of: ["D /a", "D /e/one", "A /new", "A /d/two", "D /d/one"]), "\(lines)")
      #expect(!lines.contains { $0.hasSuffix("/b") })
      // There and back.
      let writer = try await store.blobs.writer("diff")
      let written = try await driver.diff(2, parents: [1], mediaType: MediaType.ociLayerGzip, into: writer)
      let digest = try await writer.commit(nil)
      try await driver.create(3, parents: [1])
      let read = try await driver.apply(
        digest, mediaType: MediaType.ociLayerGzip, from: store.blobs, to: 3, parents: [1])
      #expect(read == written)
      #expect(try await driver.changes(3, parents: [1]) == changes)
    }
  }

  @Test("without overlayfs: whole copies, in which whiteouts remove")
  func copies() async throws {
    try await StoreFixture.with { store in
      let driver = try CopyDriver(store.path)
      try await store.apply([file("a"), file("b"), folder("d"), file("d/one")], by: driver)
      try await store.apply(
        [file(".wh.a", ""), folder("d"), file("d/.wh..wh..opq", ""), file("d/two")], to: 2, parents: [1], by: driver)
      #expect(StoreFixture.listing(store.tree(2)) == ["f b", "d d", "f d/two"])
      #expect(StoreFixture.listing(store.tree(1)) == ["f a", "f b", "d d", "f d/one"])
      let kinds = try await driver.changes(2, parents: [1]).map { "\($0.kind) \($0.path.drop { $0 == "/" })" }
      #expect(Set(kinds).isSuperset(of: ["2 a", "2 d/one", "1 d/two"]), "\(kinds)")
    }
  }

  @Test("a store that is opened again forgets what was half made")
  func halfMade() async throws {
    try await StoreFixture.with { store in
      _ = try OverlayDriver(store.path)
      for name in ["new-7-1", "rm-8-1-1"] {
        try FileManager.default.createDirectory(
          atPath: "\(store.path)/snapshots/\(name)/fs/deep", withIntermediateDirectories: true)
      }
      let driver = try OverlayDriver(store.path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.path + "/snapshots").isEmpty)
      try await driver.create(9, parents: [])
      await #expect(throws: EngineError.self) { try await driver.create(9, parents: []) }
      try await driver.removeAll(except: [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.path + "/snapshots").isEmpty)
    }
  }

  @Test("500 archives with bytes changed at random (by a seed): refused or unpacked, never a crash, nothing outside")
  func fuzz() async throws {
    try await StoreFixture.with(inMemory: true) { store in
      var seed: UInt64 = 20_261_124
      func random(_ bound: Int) -> Int {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(seed >> 33) % bound
      }
      let good = TarWriter.archive([
        folder("d"), file("d/a", String(repeating: "a", count: 700)), link("l", to: "../../.."),
        hardLink("h", to: "d/a"),
        file(String(repeating: "p/", count: 70) + "q"), file(".wh.x", ""), file("l/victim", "changed"),
      ])
      let driver = try OverlayDriver(store.path)
      try Data("untouched".utf8).write(to: URL(fileURLWithPath: store.path + "/victim"))
      var refused = 0
      for round in 1...500 {
        var bytes = good
        for _ in 0...random(6) {
          // Mostly headers: their fields, sizes, types, names.
          let header = random(bytes.count / 512) * 512
          switch random(4) {
          case 0: bytes[header + random(512)] = UInt8(random(256))
          case 1: bytes[header + 124 + random(12)] = UInt8(ascii: "7")
          case 2: bytes[header + 156] = UInt8(random(128))
          default: bytes = Array(bytes.prefix(max(512, bytes.count - random(1024))))
          }
        }
        let digest = try await store.blob(bytes, ref: "r\(round)")
        try await driver.create(round, parents: [])
        do {
          _ = try await driver.apply(
            digest, mediaType: MediaType.ociLayer, from: store.blobs, to: round, parents: [])
        } catch is EngineError { refused += 1 }
        try await driver.remove(round)
      }
      #expect(refused > 50 && refused < 500, "\(refused)")
      #expect(FileManager.default.contents(atPath: store.path + "/victim") == Data("untouched".utf8))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: store.path).sorted() == ["content", "snapshots", "victim"])
    }
  }
}
