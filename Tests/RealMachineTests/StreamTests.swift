import Archive
import Foundation
import JSONTree
import OCISpec
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// Archives that users hand in: compressed in every way that docker knows, damaged, and larger than memory is worth.
@Suite("Archives of load and import", .enabled(if: geteuid() == 0 || isCI, "owners take root"))
struct ArchiveStreamTests {
  /// What a shell prints.
  @discardableResult
  private func shell(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-ec", script]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(script)")
    return String(decoding: data, as: UTF8.self)
  }

  private func with(_ body: (String) async throws -> Void) async throws {
    let folder = MachineFixture.temporaryFolder("archives")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
  }

  private func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

  private static let packers = ["cat", "gzip -1", "zstd -q -1", "xz -0", "bzip2 -1"]

  @Test("import: plain, gzip, zstd, xz, bzip2; small ones and large ones become the same image", arguments: packers)
  func importing(packer: String) async throws {
    try await with { folder in
      try shell(
        """
        cd \(folder); mkdir small large; echo hello >small/file; mkdir large/d; head -c 9000000 /dev/urandom >large/d/noise
        for size in small large; do
          tar --format=pax -cf $size.tar -C $size .
          \(packer) <$size.tar >$size.packed
        done
        """)
      try await MachineFixture.with { engine in
        for size in ["small", "large"] {
          let packed = try bytes("\(folder)/\(size).packed")
          let plain = Digest(sha256: try bytes("\(folder)/\(size).tar"))
          let answer = try await engine.post("/images/create?fromSrc=-&repo=\(size)&tag=1", upload: packed)
          #expect(answer.error == nil, "\(size): \(answer.text)")
          let inspected = try await engine.get("/images/\(size):1/json").json
          #expect(inspected["RootFS"]?["Layers"]?.strings == [plain.description], "\(size)")
          // What is a layer's form already stays as it is.
          if packer.hasPrefix("gzip") || packer.hasPrefix("zstd") {
            #expect(engine.blobs.contains(Digest(sha256: packed).encoded), "\(size)")
          }
          #expect(engine.ingests.isEmpty)
          // Cut in the middle, and with a bit of it changed.
          var wrong = packed
          wrong[wrong.count / 2] ^= 0x10
          // An archive has nothing but zeros at its end.
          let cut = Array(packed.prefix(packer == "cat" && size == "small" ? 600 : packed.count / 2))
          for broken in packer == "cat" ? [cut] : [cut, wrong] {
            let refused = try await engine.post("/images/create?fromSrc=-&repo=broken", upload: broken)
            #expect(refused.error != nil, "\(size): \(refused.text)")
          }
          #expect(engine.ingests.isEmpty)
        }
        #expect(engine.snapshots.count == 2)
        for name in ["small:1", "large:1"] { _ = try await engine.delete("/images/\(name)") }
        #expect(engine.blobs.isEmpty && engine.snapshots.isEmpty)
      }
    }
  }

  /// Docker's own format, with one layer of so many bytes.
  private func dockerArchive(_ folder: String, megabytes: Int, packer: String) throws {
    try shell(
      """
      cd \(folder); mkdir tree parts; head -c 100000 /dev/urandom >tree/noise; truncate -s \(megabytes)M tree/zeros
      tar -cf parts/layer.tar -C tree .
      sum=$(sha256sum <parts/layer.tar | cut -d' ' -f1)
      printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $sum >parts/config.json
      printf '[{"Config":"config.json","RepoTags":["packed:1"],"Layers":["layer.tar"]}]' >parts/manifest.json
      tar -cf - -C parts . | \(packer) >archive
      """)
  }

  @Test("load: the archive may be compressed as a whole", arguments: packers)
  func loading(packer: String) async throws {
    for megabytes in [1, 9] {
      try await with { folder in
        try dockerArchive(folder, megabytes: megabytes, packer: packer)
        try await MachineFixture.with { engine in
          let packed = try bytes(folder + "/archive")
          let answer = try await engine.post("/images/load", upload: packed)
          #expect(answer.text.contains("Loaded image: packed:1"), "\(answer.text)")
          #expect(engine.snapshots.count == 1)
          _ = try await engine.delete("/images/packed:1")
          #expect(engine.blobs.isEmpty)
          let cut = try await engine.post("/images/load", upload: Array(packed.prefix(packed.count / 2)))
          #expect(cut.error != nil, "\(cut.text)")
          #expect(engine.blobs.isEmpty && engine.ingests.isEmpty && engine.snapshots.isEmpty)
        }
      }
    }
  }

  @Test("300 MB pass through load and import in flat memory")
  func memory() async throws {
    try await with { folder in
      try dockerArchive(folder, megabytes: 300, packer: "gzip -1")
      try shell("cd \(folder); tar -cf - -C tree . | zstd -q -1 >import")
      for (request, file) in [
        (["POST", "/images/load"], "archive"), (["POST", "/images/create?fromSrc=-&repo=packed&tag=1"], "import"),
      ] {
        let root = "/dev/shm/" + (MachineFixture.temporaryFolder("flat").split(separator: "/").last ?? "")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let run = try CrashingEngine.run(root, ["none", "0"], request + ["\(folder)/\(file)"])
        #expect(run.status == 0 && !run.text.contains("error"), "\(run.text)")
        let peak = CrashingEngine.number("peak", in: run.text)
        #expect(peak > 0 && peak < 100 << 10, "\(request[1]): \(peak) KiB")
      }
    }
  }

  @Test("documents without end, and an archive that inflates without end, are refused")
  func bombs() async throws {
    try await with { folder in
      try shell(
        """
        cd \(folder); mkdir many; for i in $(seq 9); do (printf '{'; head -c 7000000 /dev/zero | tr '\\0' ' ') >many/$i.json; done
        tar -cf - -C many . | gzip -1 >many.gz
        """)
      try await MachineFixture.with { engine in
        let answer = try await engine.post("/images/load", upload: try bytes(folder + "/many.gz"))
        #expect(answer.error?.contains("bytes of documents") == true, "\(answer.text)")
        #expect(engine.blobs.isEmpty && engine.ingests.isEmpty)
      }
    }
  }
}
