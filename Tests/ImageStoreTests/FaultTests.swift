import Archive
import Foundation
import OCISpec
import Seams
import Testing

@testable import ImageStore

@Suite("Full disks, deaths, strangers", .enabled(if: isRoot, "mounts take root"))
struct FaultTests {
  private static let content: [UInt8] = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }

  /// A layer of about half a megabyte with a little of everything.
  private static let layer: [UInt8] = TarWriter.archive(
    [ArchiveEntry(path: "d", kind: .directory, mode: 0o755, modified: 5)]
      + (0..<40).map {
        ArchiveEntry(path: "d/f\($0)", mode: 0o4755, modified: 5, content: Array(content.prefix(12_000)))
      }
      + [
        ArchiveEntry(path: "d/link", kind: .symlink, modified: 5, linkTarget: "f1"),
        ArchiveEntry(path: "d/hard", kind: .hardLink, mode: 0o4755, modified: 5, linkTarget: "d/f2"),
        ArchiveEntry(path: "fifo", kind: .fifo, modified: 5),
        ArchiveEntry(path: "x", modified: 5, xattrs: ["user.a": [1]]),
      ])

  @Test(
    "a disk that is full at any moment of ingest, unpacking and diff: an error that says so, and a store that is whole")
  func fullDisk() async throws {
    try await StoreFixture.with { store in
      let layer = URL(fileURLWithPath: store.path + "/layer")
      try Data(FaultTests.layer).write(to: layer)
      let digest = Digest(sha256: FaultTests.layer)
      let script = """
        mkdir -p \(store.path)/disk; failed=0; passed=0
        for size in 40 120 240 400 560 640 720 880 960 1040 1120 1400 2000 4000; do
          mount -t tmpfs -o size=${size}k tmpfs \(store.path)/disk; cd \(store.path)/disk
          step() { if "$@" >>\(store.path)/out 2>\(store.path)/err; then :; else
              grep -q 'no space left on device' \(store.path)/err || { cat \(store.path)/err >&2; exit 9; }; return 1; fi; }
          if step $TOOL . ingest layer <\(layer.path); then
            if step $TOOL \(store.path)/disk apply 1 - \(MediaType.ociLayer) \(digest); then
              if step $TOOL \(store.path)/disk diff 1 - \(MediaType.ociLayer) diff; then passed=$((passed+1));
              else failed=$((failed+1)); fi
            else failed=$((failed+1)); fi
          else failed=$((failed+1)); fi
          # What is visible is whole, and what failed can be taken away.
          for blob in $(find content/blobs -type f 2>/dev/null); do
            [ "$(sha256sum <$blob | cut -d' ' -f1)" = "$(basename $blob)" ] || { echo torn >&2; exit 8; }
          done
          $TOOL \(store.path)/disk remove 1 >/dev/null 2>&1 || true
          [ ! -e snapshots/1 ] || { echo 'snapshot stays' >&2; exit 7; }
          cd /; umount \(store.path)/disk
        done
        echo $failed $passed
        """
      let run = try LayerToolRun.script(script)
      #expect(run.status == 0, "\(run.errors)")
      let counts = run.output.split(separator: "\n").last?.split(separator: " ").compactMap { Int($0) } ?? []
      #expect(counts.count == 2 && counts[0] >= 5 && counts[1] >= 1, "\(run.output)")
    }
  }

  /// Just before each of these, for the first time. It is the kernel that kills, so nothing is tidied up.
  @Test(
    "a process that dies in the middle of taking a blob in",
    arguments: ["mkdirat", "openat2", "write", "renameat", "fsync", "fchmod", "unlinkat"])
  func killedIngest(_ call: String) async throws {
    try await StoreFixture.with { store in
      let digest = Digest(sha256: FaultTests.content)
      let root = store.path + "/other"
      let dead = try LayerToolRun.run(
        ["--die-at", call, root, "ingest", "blob"], input: Data(FaultTests.content))
      #expect(dead.status == 128 + SIGSYS, "\(dead.status) \(dead.errors)")
      let blobs = try DiskBlobStore(root + "/content")
      let early = await blobs.size(digest)
      // Whole, or not there.
      #expect(early == nil || early == Int64(FaultTests.content.count))
      if early != nil { #expect(try await blobs.read(digest) == FaultTests.content) }
      let again = try LayerToolRun.run([root, "ingest", "blob"], input: Data(FaultTests.content))
      #expect(again.status == 0, "\(again.errors)")
      #expect(try await blobs.read(digest) == FaultTests.content)
      #expect(await blobs.ingests().isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/content/ingest").isEmpty)
    }
  }

  @Test(
    "a process that dies in the middle of unpacking: the snapshot goes whole, and the next one is",
    arguments: [
      "mkdirat", "symlinkat", "linkat", "mknodat", "fchown", "fchownat", "fsetxattr", "fchmod", "utimensat", "renameat",
      "syncfs", "openat2",
    ])
  func killedApply(_ call: String) async throws {
    try await StoreFixture.with { store in
      let digest = try await store.blob(FaultTests.layer)
      let apply = [store.path, "apply", "1", "-", MediaType.ociLayer, digest.description]
      let dead = try LayerToolRun.run(["--die-at", call] + apply)
      #expect(dead.status == 128 + SIGSYS || (call == "syncfs" && dead.status == 0), "\(dead.status) \(dead.errors)")
      let driver = try OverlayDriver(store.path)
      try await driver.removeAll(except: [])
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.path + "/snapshots").isEmpty)
      let again = try LayerToolRun.run(apply)
      #expect(again.status == 0, "\(again.errors)")
      #expect(StoreFixture.listing(store.tree(1)).count == 45)
    }
  }

  @Test("what was unpacked in an earlier boot and not known to be on the disk goes, and is named")
  func powerLoss() async throws {
    try await StoreFixture.with { store in
      let driver = try OverlayDriver(store.path)
      for id in [1, 2] { try await store.apply([ArchiveEntry(path: "f", content: [1])], to: id, by: driver) }
      await driver.settle()
      #expect(!FileManager.default.fileExists(atPath: store.path + "/snapshots/1/unsynced"))
      try FileManager.default.createSymbolicLink(
        atPath: store.path + "/snapshots/2/unsynced", withDestinationPath: "another-boot")
      let next = try OverlayDriver(store.path)
      #expect(try await next.removeAll(except: [1, 2]) == [2])
      #expect(StoreFixture.listing(store.tree(1)) == ["f f"])
      #expect(!FileManager.default.fileExists(atPath: store.path + "/snapshots/2"))
    }
  }

  @Test("zstd: a window of 64 MB is unpacked in flat memory, one of 128 MB refused")
  func windows() async throws {
    try await StoreFixture.with(inMemory: true) { store in
      let script = """
        cd \(store.path); mkdir tree; head -c 80000000 /dev/urandom >tree/noise
        for log in 26 27; do tar -cf - -C tree . | zstd -q -1 --long=$log >$log.zst; done; rm -r tree
        """
      try #require(try LayerToolRun.run(["-ec", script], by: "/bin/sh").status == 0)
      for log in [26, 27] {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(store.path)/\(log).zst"))
        let digest = try await store.blob([UInt8](bytes), ref: "\(log)")
        let run = try LayerToolRun.run([store.path, "apply", "\(log)", "-", MediaType.ociLayerZstd, digest.description])
        if log == 26 {
          #expect(run.status == 0, "\(run.errors)")
        } else {
          #expect(run.status != 0 && run.errors.contains("window size exceeded"), "\(run.errors)")
        }
        #expect(run.peak > 0 && run.peak < 110 << 20, "\(log): \(run.peak)")
      }
    }
  }

  @Test("in a user namespace: overlays with userxattr, whiteouts, owners; and plain copies", arguments: [false, true])
  func rootless(_ copies: Bool) async throws {
    try await StoreFixture.with { store in
      let lower = TarWriter.archive([
        ArchiveEntry(path: "a", uid: 5, gid: 6, content: [1]), ArchiveEntry(path: "b", mode: 0o4711, content: [2]),
        ArchiveEntry(path: "d", kind: .directory, mode: 0o755), ArchiveEntry(path: "d/one"),
        // Nobody may make it there, so it is left out.
        ArchiveEntry(path: "device", kind: .characterDevice, deviceMajor: 1, deviceMinor: 3),
      ])
      let upper = TarWriter.archive([
        ArchiveEntry(path: ".wh.a"), ArchiveEntry(path: "d", kind: .directory, mode: 0o755),
        ArchiveEntry(path: "d/.wh..wh..opq"), ArchiveEntry(path: "d/two"),
      ])
      let (first, second) = (store.path + "/1.tar", store.path + "/2.tar")
      try Data(lower).write(to: URL(fileURLWithPath: first))
      try Data(upper).write(to: URL(fileURLWithPath: second))
      let tool = "$TOOL --as-user\(copies ? " --copy" : "")"
      let script = """
        cd \(store.path); mkdir theirs at; chown 100000:100000 theirs; chmod 755 .
        R=\(store.path)/theirs
        \(tool) $R ingest one <1.tar; \(tool) $R ingest two <2.tar
        \(tool) $R apply 1 - \(MediaType.ociLayer) \(Digest(sha256: lower))
        \(tool) $R apply 2 1 \(MediaType.ociLayer) \(Digest(sha256: upper))
        \(tool) $R diff 2 1 \(MediaType.ociLayer) again
        \(tool) $R mounts 9 2,1; \(tool) $R driver; stat -c '%u %g' $R/snapshots/1/fs/a
        stat -c '%a %u' $R/snapshots/1/fs/b
        """
      let run = try LayerToolRun.run(["-ec", script], by: "/bin/sh")
      #expect(run.status == 0, "\(run.errors)")
      let lines = run.output.split(separator: "\n").map(String.init)
      #expect(lines.suffix(2) == ["100005 100006", "4711 100000"])
      #expect(!FileManager.default.fileExists(atPath: store.path + "/theirs/snapshots/1/fs/device"))
      let tree = "\(store.path)/theirs/snapshots/2/fs"
      if copies {
        #expect(StoreFixture.listing(tree) == ["f b", "d d", "f d/two"])
      } else {
        #expect(lines.contains { $0.hasPrefix("overlay ") && $0.contains("userxattr") }, "\(lines)")
        #expect(StoreFixture.listing(tree) == ["c a", "d d", "f d/two"])
        #expect(lines.contains("overlayfs "), "\(lines)")
      }
    }
  }

  @Test("100,000 members (DRYDOCK_MANY=1000000 for more): memory is flat")
  func many() async throws {
    let count = ProcessInfo.processInfo.environment["DRYDOCK_MANY"] ?? "100000"
    try await StoreFixture.with(inMemory: true) { store in
      let run = try LayerToolRun.run([store.path, "million", count, "1"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.peak > 0 && run.peak < 100 << 20, "\(run.peak)")
      var status = stat()
      #expect(lstat(store.tree(1) + "/folder-99/file-1000", &status) == 0 && status.st_nlink == 1)
      #expect(lstat(store.tree(1) + "/folder-99", &status) == 0 && status.st_mtim.tv_sec == 0o13700000000)
    }
  }
}
