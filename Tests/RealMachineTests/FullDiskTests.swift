import Engine
import Foundation
import LinuxHost
import OCISpec
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// A data root on a file system of its own that is too small, and then large enough.
@Suite("A full disk", .serialized, .enabled(if: geteuid() == 0, "mounting needs root"))
struct FullDiskTests {
  /// Runs `body` with a data root of so many megabytes, and a way to make it larger.
  private func with(
    megabytes: Int, _ body: (MachineFixture, _ enlarge: (Int) throws -> Void) async throws -> Void
  ) async throws {
    let root = MachineFixture.temporaryFolder("full")
    let files = LinuxFiles()
    try files.makeDirectory(root + "/data", mode: 0o755)
    try files.mount(source: "drydock-test", target: root + "/data", type: "tmpfs", options: ["size=\(megabytes)m"])
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await MachineFixture.with(root: root) { engine in
          try await body(engine) { megabytes in
            try files.mount(
              source: "drydock-test", target: root + "/data", type: "tmpfs",
              options: ["remount", "size=\(megabytes)m"])
          }
        })
    } catch { result = .failure(error) }
    try files.unmount(root + "/data")
    try? FileManager.default.removeItem(atPath: root)
    try result.get()
  }

  /// 2 MB are full while the layer comes, 5 MB while it is unpacked (layer and file together are 6 MB).
  @Test("a pull that has no room says so, leaves no half image, and goes on when there is room", arguments: [2, 5])
  func pull(megabytes: Int) async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("large", size: 3_000_000)])
    let served = images
    try await with(megabytes: megabytes) { engine, enlarge in
      try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
        let name = "\(registry.host)/app:1"
        let full = try await engine.pull(name)
        #expect(full.error?.contains("no space left on device") == true, "\(full.text)")
        #expect(try await engine.get("/images/json").json == [])
        #expect(engine.snapshots.isEmpty)
        try enlarge(64)
        let again = try await engine.pull(name)
        #expect(again.error == nil, "\(again.text)")
        #expect(engine.snapshots.count == 1)
        #expect(engine.ingests.isEmpty)
      }
    }
  }

  /// Runs `body` on a file system of 32 MB, with a way to leave only so many kilobytes of it free; none again by nil.
  private func disk(_ body: (String, _ leave: (Int?) throws -> Void) async throws -> Void) async throws {
    let root = MachineFixture.temporaryFolder("full")
    let files = LinuxFiles()
    try files.makeDirectory(root, mode: 0o755)
    try files.mount(source: "drydock-test", target: root, type: "tmpfs", options: ["size=32m"])
    let filler = root + "/filler"
    let result: Result<Void, any Error>
    do {
      try await body(root) { kilobytes in
        unlink(filler)
        guard let kilobytes else { return }
        var status = statvfs()
        let file = open(filler, O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        try #require(file >= 0 && statvfs(root, &status) == 0)
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        try #require(posix_fallocate(file, 0, free - kilobytes * 1024) == 0)
      }
      result = .success(())
    } catch { result = .failure(error) }
    try files.unmount(root)
    try? FileManager.default.removeItem(atPath: root)
    try result.get()
  }

  @Test("a disk that is full at any moment of a pull: an error that says so, nothing half, and the next one succeeds")
  func pullAnywhere() async throws {
    var images = TestImages()
    let target = images.image([
      TestImages.layer("a", size: 300_000, seed: 1), TestImages.layer("b", size: 200_000, seed: 2),
    ])
    let served = images
    try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
      let name = "\(registry.host)/app:1"
      var (failed, passed) = (0, 0)
      for kilobytes in [0, 4, 8, 16, 32, 64, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 2000, 4000]
      {
        try await disk { root, leave in
          try await MachineFixture.with(root: root) { engine in
            try leave(kilobytes)
            let answer = try await engine.pull(name)
            if let error = answer.error {
              failed += 1
              #expect(error.contains("no space left on device") || error.contains("disk is full"), "\(error)")
              #expect(try await engine.get("/images/json").json == [], "\(kilobytes)")
              #expect(engine.snapshots.isEmpty, "\(kilobytes): \(engine.snapshots)")
            } else {
              passed += 1
            }
            try leave(nil)
            #expect(try await engine.pull(name).error == nil, "\(kilobytes)")
            #expect(engine.snapshots.count == 2, "\(kilobytes)")
            #expect(engine.ingests.isEmpty, "\(kilobytes)")
            // A full disk can be made emptier.
            try leave(0)
            #expect(try await engine.delete("/images/\(name)").status == 200, "\(kilobytes)")
            #expect(engine.blobs.isEmpty && engine.snapshots.isEmpty, "\(kilobytes)")
          }
        }
      }
      #expect(failed >= 10 && passed >= 2, "\(failed) failed, \(passed) passed")
    }
  }

  @Test("a disk that is full at any moment of a commit, and of a prune", .enabled(if: GenuineRegistry.isHere || isCI))
  func commitAnywhere() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", size: 50_000, seed: 1)])
    let served = images
    try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
      let name = "\(registry.host)/app:1"
      var (failed, passed) = (0, 0)
      for kilobytes in [0, 8, 32, 64, 100, 130, 160, 200, 240, 280, 320, 360, 400, 500, 800, 2000] {
        try await disk { root, leave in
          try await MachineFixture.with(root: root) { engine in
            let pulled = try await engine.pull(name)
            #expect(pulled.error == nil)
          }
          #expect(try CrashingEngine.run(root, ["none", "0"], ["PREPARE", name]).status == 0)
          try leave(kilobytes)
          let full = try CrashingEngine.run(root, ["none", "0"], ["COMMIT", name])
          if full.status == 0 {
            passed += 1
          } else {
            failed += 1
            #expect(full.text.contains("no space left on device") || full.text.contains("is full"), "\(full.text)")
          }
          try leave(nil)
          let again = try CrashingEngine.run(root, ["none", "0"], ["COMMIT", name])
          #expect(again.status == 0, "\(kilobytes): \(again.text)")
          #expect(try CrashingEngine.run(root, ["none", "0"], ["END", name]).status == 0)
          try await MachineFixture.with(root: root) { engine in
            #expect(engine.snapshots.count == 2 && engine.ingests.isEmpty, "\(kilobytes)")
            try leave(0)
            let pruned = try await engine.post("/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D")
            #expect(pruned.status == 200, "\(kilobytes): \(pruned.text)")
            #expect(engine.blobs.isEmpty && engine.snapshots.isEmpty, "\(kilobytes): \(engine.blobs)")
          }
        }
      }
      #expect(failed >= 4 && passed >= 2, "\(failed) failed, \(passed) passed")
    }
  }
}
