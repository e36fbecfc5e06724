import Foundation
import ImageStore
import OCISpec
import Seams
import Testing

@Suite("Blobs on disk")
struct BlobTests {
  @Test("what was written is read again, whole and in parts; its name is its digest")
  func roundTrip() async throws {
    try await StoreFixture.with { store in
      let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
      let digest = try await store.blob(bytes)
      #expect(digest == Digest(sha256: bytes))
      #expect(await store.blobs.size(digest) == 1_000_000)
      #expect(try await store.blobs.read(digest) == bytes)
      #expect(try await store.blobs.read(digest, offset: 999_990, count: 100) == Array(bytes.suffix(10)))
      #expect(try await store.blobs.read(digest, offset: 1_000_000, count: 1).isEmpty)
      #expect(await store.blobs.ingests().isEmpty)
      let file = "\(store.path)/content/blobs/sha256/\(digest.encoded)"
      #expect(FileManager.default.contents(atPath: file) == Data(bytes))
      try await store.blobs.remove(digest)
      #expect(await store.blobs.size(digest) == nil)
      try await store.blobs.remove(digest)
      await #expect(throws: EngineError.self) { _ = try await store.blobs.read(digest) }
    }
  }

  @Test("another digest than was promised: nothing becomes visible, and the ingest stays")
  func wrongDigest() async throws {
    try await StoreFixture.with { store in
      let promised = Digest(sha256: [1, 2, 3])
      let writer = try await store.blobs.writer("r")
      try await writer.append([9, 9, 9])
      await #expect {
        try await writer.commit(promised)
      } throws: { "\($0)".hasPrefix("unexpected commit digest \(Digest(sha256: [9, 9, 9])), expected \(promised)") }
      #expect(await store.blobs.size(promised) == nil)
      #expect(await store.blobs.size(Digest(sha256: [9, 9, 9])) == nil)
      #expect(await store.blobs.ingests().map(\.ref) == ["r"])
      await writer.close()
      try await store.blobs.abort("r")
      #expect(await store.blobs.ingests().isEmpty)
      try await store.blobs.abort("r")
    }
  }

  @Test("an ingest that was cut short goes on where it was, in another store object too")
  func resumed() async throws {
    try await StoreFixture.with { store in
      let first = try await store.blobs.writer("layer sha256:00/../x")
      try await first.append(Array("hello, ".utf8))
      await first.close()
      // As after the death of a process.
      let again = try DiskBlobStore(store.path + "/content")
      #expect(await again.ingests().map(\.ref) == ["layer sha256:00/../x"])
      #expect(await again.ingests().map(\.offset) == [7])
      let second = try await again.writer("layer sha256:00/../x")
      #expect(await second.offset() == 7)
      try await second.append(Array("worlds".utf8))
      try await second.truncate(12)
      #expect(try await second.digest() == Digest(sha256: Array("hello, world".utf8)))
      let digest = try await second.commit(nil)
      #expect(try await again.read(digest) == Array("hello, world".utf8))
    }
  }

  @Test("the same blob twice is there once; whoever writes after the end is told")
  func twice() async throws {
    try await StoreFixture.with { store in
      let one = try await store.blob([1, 2, 3], ref: "a")
      let two = try await store.blob([1, 2, 3], ref: "b")
      #expect(one == two)
      #expect(await store.blobs.ingests().isEmpty)
      let writer = try await store.blobs.writer("c")
      try await writer.commit(nil)
      await #expect(throws: EngineError.self) { try await writer.append([1]) }
    }
  }

  @Test("many writers at once, in small pieces")
  func concurrent() async throws {
    try await StoreFixture.with { store in
      let digests = try await withThrowingTaskGroup(of: (Digest, Digest).self) { group in
        for number in 0..<32 {
          group.addTask {
            let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* (number + 3)) }
            let writer = try await store.blobs.writer("r\(number)")
            for start in stride(from: 0, to: bytes.count, by: 333) {
              try await writer.append(Array(bytes[start..<min(start + 333, bytes.count)]))
            }
            return (try await writer.commit(nil), Digest(sha256: bytes))
          }
        }
        var digests: [(Digest, Digest)] = []
        for try await pair in group { digests.append(pair) }
        return digests
      }
      #expect(digests.count == 32)
      #expect(digests.allSatisfy { $0.0 == $0.1 })
    }
  }

  @Test("kill -9 while a blob is written: what is there is whole, and the ingest can go on")
  func killed() async throws {
    try await StoreFixture.with { store in
      // A process that has died leaves an ingest whose last bytes nobody hashed, and one without a name.
      let writer = try await store.blobs.writer("r")
      try await writer.append([1, 2])
      await writer.close()
      let ingests = "\(store.path)/content/ingest"
      let name = try #require(try FileManager.default.contentsOfDirectory(atPath: ingests).first)
      let handle = try #require(FileHandle(forWritingAtPath: "\(ingests)/\(name)/data"))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([3]))
      try handle.close()
      try FileManager.default.createDirectory(atPath: "\(ingests)/nameless", withIntermediateDirectories: false)
      let again = try DiskBlobStore(store.path + "/content")
      #expect(!FileManager.default.fileExists(atPath: "\(ingests)/nameless"))
      let resumed = try await again.writer("r")
      #expect(await resumed.offset() == 3)
      #expect(try await resumed.commit(nil) == Digest(sha256: [1, 2, 3]))
    }
  }
}
