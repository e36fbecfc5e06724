import Testing

@testable import Archive

private let numbers = Array((1...3000).map { "\($0)\n" }.joined().utf8)

@Suite struct GzipTests {
  @Test(arguments: [1, 9]) func unpacksWhatGzipPacked(_ level: Int) throws {
    let packed = level == 1 ? Fixture.seqFast : Fixture.seq
    #expect(Gzip.isGzip(packed))
    #expect(try Gzip.decompress(packed) == numbers)
  }

  @Test func unpacksStoredBlocksNamesAndSeveralMembers() throws {
    #expect(try Gzip.decompress(Fixture.named) == Array("named\n".utf8))
    #expect(try Gzip.decompress(Fixture.twoMembers) == Array("one\ntwo\n".utf8))
    #expect(try Gzip.decompress(Fixture.noise).count == 200)
  }

  @Test func packsAndUnpacks() throws {
    var noise: [UInt8] = []
    var seed: UInt32 = 1
    for _ in 0..<70_000 {
      seed = seed &* 1_664_525 &+ 1_013_904_223
      noise.append(UInt8(truncatingIfNeeded: seed >> 24))
    }
    let far = noise[..<33_000] + noise[..<33_000]
    for bytes in [
      [], [1], [1, 2, 3], numbers, noise, Array(far), [UInt8](repeating: 0, count: 100_000),
      TarWriter.archive([ArchiveEntry(path: "a", content: numbers)]),
    ] {
      let packed = Gzip.compress(bytes)
      #expect(Gzip.isGzip(packed))
      #expect(try Gzip.decompress(packed) == bytes)
    }
    #expect(Gzip.compress([UInt8](repeating: 0, count: 100_000)).count < 1500)
    #expect(Gzip.compress(numbers).count < numbers.count * 9 / 10)
  }

  @Test func theChecksumIsThatOfTheStandard() {
    #expect(Gzip.crc32(Array("123456789".utf8)) == 0xcbf4_3926)
    #expect(Gzip.crc32("123456789".utf8.lazy.map { $0 }) == 0xcbf4_3926)
  }

  @Test func stopsAtTheLimit() throws {
    let bomb = Gzip.compress([UInt8](repeating: 0, count: 1_000_000))
    #expect(throws: ArchiveError.self) { try Gzip.decompress(bomb, limit: 999_999) }
    #expect(try Gzip.decompress(bomb, limit: 1_000_000).count == 1_000_000)
  }

  @Test func everyTruncationIsRefused() {
    for length in stride(from: 0, to: Fixture.seq.count, by: 97) {
      #expect(throws: ArchiveError.self) { try Gzip.decompress(Array(Fixture.seq[..<length])) }
    }
  }

  /// What is still accepted must be what was packed: a stream has a few bits that say nothing (those after its end of block, RFC
  /// 1951 section 3.2.3). Every bit of the end is flipped by itself, and bits all over what is before.
  @Test func corruptBytesAreRefusedAndNeverCrash() {
    let end = Fixture.seqFast.count * 8
    var accepted: [Int] = []
    for bit in Array(stride(from: 80, to: end - 96, by: 149)) + Array(end - 96..<end) {
      var bytes = Fixture.seqFast
      bytes[bit / 8] ^= 1 << (bit % 8)
      guard let unpacked = try? Gzip.decompress(bytes) else { continue }
      accepted.append(bit)
      #expect(unpacked == numbers, "bit \(bit)")
    }
    #expect(accepted.count < 8, "\(accepted)")
  }
}
