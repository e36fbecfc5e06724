import Archive
import Foundation
import OCISpec
import Seams
import Testing

@testable import ImageStore

@Suite("Compressed streams and hostile headers")
struct StreamTests {
  /// Decompresses in pieces of `size` bytes, with `room` bytes of room at a time.
  private func decompressed(_ bytes: [UInt8], _ kind: Compression, size: Int, room: Int) throws -> [UInt8] {
    var stream = try CompressionStream(decompressing: kind)
    var result: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
    defer { buffer.deallocate() }
    for start in stride(from: 0, to: bytes.count, by: size) {
      try Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { piece in
        var input = piece
        var isFull = false
        while !input.isEmpty || isFull {
          var space = buffer
          _ = try stream.step(&input, &space)
          result += buffer[..<(room - space.count)]
          isFull = space.isEmpty
        }
      }
    }
    return result
  }

  private func compressed(_ bytes: [UInt8], _ kind: Compression) throws -> [UInt8] {
    var stream = try CompressionStream(compressing: kind)
    var result: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    defer { buffer.deallocate() }
    try bytes.withUnsafeBytes { whole in
      var input = whole
      while true {
        var space = buffer
        let outcome = try stream.step(&input, &space, isLast: true)
        result += buffer[..<(4096 - space.count)]
        if outcome == .end { return }
      }
    }
    return result
  }

  @Test("members follow each other, wherever the pieces end", arguments: [Compression.gzip, .zstd])
  func members(_ kind: Compression) throws {
    let parts = (0..<6).map { part in (0..<(part * 700)).map { UInt8(truncatingIfNeeded: $0 &* (part + 3) / 5) } }
    let bytes = try parts.flatMap { try compressed($0, kind) }
    for size in [1, 2, 3, 5, 7, 8, 9, 13, 64, 100, 1000, 100_000] {
      #expect(try decompressed(bytes, kind, size: size, room: 1 + size * 3) == parts.flatMap { $0 }, "\(size)")
    }
  }

  @Test("a wrong checksum is seen", arguments: [Compression.gzip, .zstd])
  func checksum(_ kind: Compression) throws {
    var bytes = try compressed([UInt8](repeating: 7, count: 5000), kind)
    bytes[bytes.count - (kind == .gzip ? 6 : 1)] ^= 1
    #expect(throws: EngineError.self) { try decompressed(bytes, kind, size: 100, room: 9000) }
  }

  @Test("a bomb is stopped at its limit, with words that say why", arguments: [Compression.gzip, .zstd])
  func bomb(_ kind: Compression) async throws {
    try await StoreFixture.with(inMemory: true) { store in
      var header = TarWriter()
      header.add(ArchiveEntry(path: "zeros", content: [UInt8](repeating: 0, count: 64 << 20)))
      let digest = try await store.blob(try compressed(header.finish(), kind))
      #expect(await store.blobs.size(digest) ?? .max < 1 << 20)
      let driver = try OverlayDriver(store.path, limits: UnpackLimits(bytes: 8 << 20))
      try await driver.create(1, parents: [])
      await #expect {
        _ = try await driver.apply(
          digest, mediaType: MediaType.ociLayerGzip, from: store.blobs, to: 1, parents: [])
      } throws: { error in
        (error as? EngineError)?.code == .resourceExhausted
          && "\(error)".contains("layer is larger than 8388608 bytes uncompressed")
      }
    }
  }

  /// A pax header with these records, and a file behind it.
  private func pax(_ records: [String]) -> [UInt8] {
    let text = records.map { record in
      var length = record.utf8.count + 2
      while "\(length)".utf8.count + record.utf8.count + 2 != length { length += 1 }
      return "\(length) \(record)\n"
    }.joined()
    var bytes = TarWriter.archive([
      ArchiveEntry(path: "pax", content: Array(text.utf8)),
      ArchiveEntry(path: "file", uid: geteuid(), gid: getegid(), content: [1, 2, 3]),
    ])
    bytes[156] = UInt8(ascii: "x")
    let sum = bytes[0..<512].enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
    let digits = Array(String(sum, radix: 8).utf8)
    bytes.replaceSubrange(148..<155, with: [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0])
    return bytes
  }

  @Test("LIBARCHIVE.xattr is decoded, and SCHILY.xattr counts where both are")
  func libarchive() throws {
    var records = PaxRecords()
    let text =
      "39 LIBARCHIVE.xattr.user.a%3Db=AAEC/w==\n" + "32 LIBARCHIVE.xattr.user.c=eHg=\n"
      + "26 SCHILY.xattr.user.c=yy\n"
    let fixed = text.split(separator: "\n").map { line -> String in
      let record = line.drop { $0 != " " }.dropFirst()
      var length = record.utf8.count + 3
      while "\(length)".utf8.count + record.utf8.count + 2 != length { length += 1 }
      return "\(length) \(record)\n"
    }.joined()
    try records.merge(Array(fixed.utf8)[...])
    #expect(records.xattrs == ["user.a=b": [0, 1, 2, 255], "user.c": Array("yy".utf8)])
    #expect(throws: PaxRecords.Failure.self) {
      try records.merge(Array("29 LIBARCHIVE.xattr.user.c=x\n".utf8)[...])
    }
  }

  @Test(
    "numbers, names and records beyond all bounds are refused",
    arguments: [
      "size=99999999999999999999", "size=-1", "uid=4294967295", "gid=-5", "mtime=1e5", "path=a\u{0}b",
      "GNU.sparse.size=9223372036854775807", "GNU.sparse.map=5", "GNU.sparse.major=1", "SCHILY.xattr.user.x\u{0}y=1",
    ])
  func records(_ record: String) async throws {
    try await StoreFixture.with(inMemory: true) { store in
      let digest = try await store.blob(pax([record]))
      let driver = try OverlayDriver(store.path)
      try await driver.create(1, parents: [])
      await #expect(throws: EngineError.self) {
        _ = try await driver.apply(digest, mediaType: MediaType.ociLayer, from: store.blobs, to: 1, parents: [])
      }
    }
  }

  @Test("headers without end before one member are refused, not collected")
  func metadata() async throws {
    try await StoreFixture.with(inMemory: true) { store in
      let one = pax((0..<8).map { "SCHILY.xattr.user.n\($0)=" + String(repeating: "x", count: 60_000) })
      // Without the file and the end of the archive.
      let header = Array(one.dropLast(2048))
      let digest = try await store.blob((0..<20).flatMap { _ in header } + one)
      let driver = try OverlayDriver(store.path)
      try await driver.create(1, parents: [])
      await #expect {
        _ = try await driver.apply(digest, mediaType: MediaType.ociLayer, from: store.blobs, to: 1, parents: [])
      } throws: { "\($0)".contains("header field too long") }
    }
  }

  @Test("archives made at random by a seed (DRYDOCK_FUZZ=N for more): never a crash, never a byte outside")
  func fuzz() async throws {
    let rounds = ProcessInfo.processInfo.environment["DRYDOCK_FUZZ"].flatMap { Int($0) } ?? 300
    try await StoreFixture.with(inMemory: true) { store in
      let victim = store.path + "/victim"
      try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: false)
      try Data("untouched".utf8).write(to: URL(fileURLWithPath: victim + "/file"))
      var done = 0
      for seed in 0..<rounds {
        var random = Seeded(seed: UInt64(seed))
        // Names that meet: few parts, links among them, and ways up and out.
        let parts = ["a", "b", "c", "..", ".", "victim", ".wh.a", ".wh..wh..opq", "..", victim, "file", "/"]
        func name() -> String {
          (0...random.below(4)).map { _ in parts[random.below(parts.count)] }.joined(separator: "/")
        }
        let kinds: [ArchiveEntry.Kind] = [.file, .directory, .symlink, .hardLink, .fifo, .file, .directory, .symlink]
        let entries = (0...random.below(24)).map { _ in
          ArchiveEntry(
            path: name(), kind: kinds[random.below(kinds.count)], mode: [0o755, 0, 0o4777, 0o555][random.below(4)],
            uid: geteuid(), gid: getegid(), linkTarget: String(repeating: "../", count: random.below(6)) + name(),
            content: Array("fuzz".utf8))
        }
        let driver: any SnapshotDriver = seed % 2 == 0 ? try OverlayDriver(store.path) : try CopyDriver(store.path)
        try await driver.create(1, parents: [])
        try await store.apply([ArchiveEntry(path: "a", uid: geteuid(), gid: getegid())], to: 2, by: driver)
        let digest = try await store.blob(TarWriter.archive(entries), ref: "r\(seed)")
        try await driver.create(3, parents: [1])
        do {
          _ = try await driver.apply(digest, mediaType: MediaType.ociLayer, from: store.blobs, to: 3, parents: [1])
          // What was unpacked can be compared and written again.
          let writer = try await store.blobs.writer("diff")
          _ = try await driver.diff(3, parents: [1], mediaType: MediaType.ociLayerGzip, into: writer)
          await writer.close()
          try await store.blobs.abort("diff")
          done += 1
        } catch is EngineError {}
        for id in [3, 2, 1] { try await driver.remove(id) }
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: store.path).sorted() == [
            "content", "snapshots", "victim",
          ],
          "seed \(seed)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: victim) == ["file"], "seed \(seed)")
        var status = stat()
        #expect(lstat(victim + "/file", &status) == 0 && status.st_nlink == 1 && status.st_mode & 0o777 == 0o644)
        #expect(FileManager.default.contents(atPath: victim + "/file") == Data("untouched".utf8), "seed \(seed)")
      }
      #expect(done > rounds / 20, "\(done) of \(rounds) were unpacked")
    }
  }
}

/// SplitMix64.
private struct Seeded {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(bound))
  }
}
