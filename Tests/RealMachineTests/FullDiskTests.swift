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
}
