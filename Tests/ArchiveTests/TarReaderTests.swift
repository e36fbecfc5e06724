import Testing

@testable import Archive

private func entries(_ bytes: [UInt8]) throws -> [ArchiveEntry] {
  var reader = TarReader(bytes)
  var entries: [ArchiveEntry] = []
  while let entry = try reader.next() { entries.append(entry) }
  return entries
}

private func unpacked(_ fixture: [UInt8]) throws -> [UInt8] { try Gzip.decompress(fixture) }
private let long = String(repeating: "abcdefghij", count: 12)

@Suite struct TarReaderTests {
  @Test(arguments: ["gnu", "pax"]) func readsLongNamesLinksAndSpecialFiles(_ format: String) throws {
    let entries = try entries(unpacked(format == "gnu" ? Fixture.gnu : Fixture.pax))
    let byPath = Dictionary(uniqueKeysWithValues: entries.map { ($0.path, $0) })
    #expect(
      entries.map(\.path) == [
        "d", "d/" + long, "d/\(long)/\(long).txt", "d/exe", "d/fifo", "d/hard", "d/hello.txt", "d/link", "d/longlink",
        "d/olá",
      ])
    #expect(byPath["d"]?.kind == .directory)
    #expect(byPath["d/\(long)/\(long).txt"]?.content == Array("long\n".utf8))
    #expect(byPath["d/exe"]?.mode == 0o4755)
    #expect(byPath["d/fifo"]?.kind == .fifo)
    #expect(byPath["d/hard"]?.content == Array("hello\n".utf8))
    #expect(byPath["d/hello.txt"]?.kind == .hardLink && byPath["d/hello.txt"]?.linkTarget == "d/hard")
    #expect(byPath["d/link"]?.kind == .symlink && byPath["d/link"]?.linkTarget == "hello.txt")
    #expect(byPath["d/longlink"]?.linkTarget == "\(long)/\(long)")
    #expect(byPath["d/olá"]?.content == Array("olá".utf8))
    #expect(entries.allSatisfy { $0.uid == 1000 && $0.gid == 1001 && $0.modified == 1_700_000_000 })
  }

  @Test func readsUstar() throws {
    let entries = try entries(unpacked(Fixture.ustar))
    #expect(entries.map(\.path) == ["d", "d/exe", "d/fifo", "d/hard", "d/hello.txt", "d/link", "d/longlink", "d/olá"])
    #expect(entries[6].linkTarget == String(long.prefix(100)), "the field is full, without a NUL")
  }

  @Test func takesTheDotAwayFromPaths() throws {
    #expect(try entries(unpacked(Fixture.dot)).map(\.path) == ["", "exe", "hard", "hello.txt", "link", "olá"])
  }

  @Test(arguments: ["gnu", "pax"]) func readsLargeOwnersAndTimesBefore1970(_ format: String) throws {
    let fixture = format == "gnu" ? Fixture.gnuBeforeEpoch : Fixture.paxBeforeEpoch
    let entry = try #require(try entries(unpacked(fixture)).first)
    #expect(entry.uid == 3_000_000)
    #expect(entry.modified == -10)
  }

  @Test(arguments: ["gnu", "pax"]) func refusesSparseFiles(_ format: String) throws {
    let fixture = format == "gnu" ? Fixture.sparseGNU : Fixture.sparsePax
    let bytes = try unpacked(fixture)
    let error = #expect(throws: ArchiveError.self) { try entries(bytes) }
    #expect(error?.description.contains("sparse") == true)
  }

  @Test func anEmptyArchiveHasNoMembers() throws {
    #expect(try entries([]).isEmpty)
    #expect(try entries([UInt8](repeating: 0, count: 1024)).isEmpty)
  }

  @Test func saysWhichMemberIsCutOff() throws {
    let whole = TarWriter.archive([ArchiveEntry(path: "etc/passwd", content: [UInt8](repeating: 7, count: 600))])
    let error = #expect(throws: ArchiveError.self) { try entries(Array(whole[..<700])) }
    #expect(error?.description.contains("etc/passwd") == true)
    #expect(throws: ArchiveError.self) { try entries(Array(whole[..<300])) }
  }

  @Test func refusesAHeaderWhoseChecksumIsWrong() throws {
    var bytes = TarWriter.archive([ArchiveEntry(path: "a")])
    bytes[0] = UInt8(ascii: "b")
    let error = #expect(throws: ArchiveError.self) { try entries(bytes) }
    #expect(error?.description.contains("checksum") == true)
  }

  @Test func hostileBytesNeverCrash() throws {
    let whole = try unpacked(Fixture.pax)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0..<3 {
        let block = Int.random(in: 0..<(bytes.count / 512), using: &random) * 512
        let at = block + Int.random(in: 0..<512, using: &random)
        bytes[at] = UInt8.random(in: 0...255, using: &random)
        fixChecksum(&bytes, block)
      }
      _ = try? entries(bytes)
    }
  }

  @Test func refusesAbsurdSizes() throws {
    for size in ["7777777777777", "77777777777 ", "-1          "] {
      var bytes = TarWriter.archive([ArchiveEntry(path: "a", content: [1])])
      bytes.replaceSubrange(124..<136, with: Array(size.utf8.prefix(12)))
      fixChecksum(&bytes, 0)
      #expect(throws: ArchiveError.self) { try entries(bytes) }
    }
    var negative = TarWriter.archive([ArchiveEntry(path: "a", content: [1])])
    negative.replaceSubrange(124..<136, with: [UInt8](repeating: 0xff, count: 12))
    fixChecksum(&negative, 0)
    #expect(throws: ArchiveError.self) { try entries(negative) }
  }

  @Test(arguments: ["99 path=a\n", "0 path=a\n", "path", "9 path=ab", "-5 a=b\n", "99999999999999999999 a=b\n"])
  func refusesMalformedPaxRecords(_ record: String) throws {
    var bytes = TarWriter.archive([ArchiveEntry(path: "x", content: Array(record.utf8)), ArchiveEntry(path: "y")])
    bytes[156] = UInt8(ascii: "x")
    fixChecksum(&bytes, 0)
    #expect(throws: ArchiveError.self) { try entries(bytes) }
  }
}

private func fixChecksum(_ bytes: inout [UInt8], _ block: Int) {
  for index in 148..<156 { bytes[block + index] = 0x20 }
  var sum = bytes[block..<(block + 512)].reduce(0) { $0 + Int($1) }
  for index in stride(from: 153, through: 148, by: -1) {
    bytes[block + index] = UInt8(0x30 + sum & 7)
    sum >>= 3
  }
  bytes[block + 154] = 0
}
