import Testing

@testable import Archive

private func roundTrip(_ entries: [ArchiveEntry]) throws -> [ArchiveEntry] {
  var reader = TarReader(TarWriter.archive(entries))
  var back: [ArchiveEntry] = []
  while let entry = try reader.next() { back.append(entry) }
  return back
}

@Suite struct TarWriterTests {
  @Test func everyKindOfMemberComesBackAsItWas() throws {
    let entries = [
      ArchiveEntry(path: "", kind: .directory, mode: 0o755),
      ArchiveEntry(path: "etc", kind: .directory, mode: 0o1777, modified: 1_700_000_000),
      ArchiveEntry(path: "etc/passwd", mode: 0o644, uid: 1, gid: 2, content: Array("root:x:0:0\n".utf8)),
      ArchiveEntry(path: "etc/link", kind: .symlink, mode: 0o777, linkTarget: "../etc/passwd"),
      ArchiveEntry(path: "etc/hard", kind: .hardLink, linkTarget: "etc/passwd"),
      ArchiveEntry(path: "dev/null", kind: .characterDevice, mode: 0o666, deviceMajor: 1, deviceMinor: 3),
      ArchiveEntry(path: "dev/sda", kind: .blockDevice, mode: 0o660, deviceMajor: 8),
      ArchiveEntry(path: "run/fifo", kind: .fifo),
      ArchiveEntry(path: "empty"),
      ArchiveEntry(path: "block", content: [UInt8](repeating: 9, count: 512)),
    ]
    #expect(try roundTrip(entries) == entries)
  }

  @Test func whatUstarCannotSayGoesIntoPaxRecords() throws {
    let deep = (0..<30).map { "folder\($0)" }.joined(separator: "/")
    let entries = [
      ArchiveEntry(path: deep + "/file", content: [1]),
      ArchiveEntry(path: String(repeating: "n", count: 240), kind: .directory, mode: 0o755),
      ArchiveEntry(path: "olá", kind: .symlink, linkTarget: String(repeating: "á", count: 90)),
      ArchiveEntry(path: "owner", uid: 4_000_000_000, gid: 3_000_000, modified: -5),
      ArchiveEntry(path: "late", modified: 1 << 40),
      ArchiveEntry(path: "attr", xattrs: ["user.b": Array("=\n\0".utf8), "security.capability": [1, 2, 3]]),
      ArchiveEntry(path: "usr/bin/postgres", mode: 0o755, content: [1, 2], declaredSize: 9_876_543_210),
    ]
    #expect(try roundTrip(entries) == entries)
    #expect(entries[6].size == 9_876_543_210)
  }

  @Test func aPathOf256BytesIsSplitAtASlash() throws {
    let path = String(repeating: "p", count: 150) + "/" + String(repeating: "n", count: 100)
    let bytes = TarWriter.archive([ArchiveEntry(path: path)])
    #expect(bytes.count == 512 + 1024, "no extended header is needed")
    #expect(bytes[156] == UInt8(ascii: "0"))
    #expect(try roundTrip([ArchiveEntry(path: path)])[0].path == path)
  }

  @Test(arguments: 60...180) func paxRecordsCountTheirOwnLength(_ length: Int) throws {
    let entry = ArchiveEntry(path: "x", xattrs: ["user.x": [UInt8](repeating: 65, count: length)])
    #expect(try roundTrip([entry]) == [entry])
  }

  @Test func theSameEntriesGiveTheSameBytes() {
    let entry = ArchiveEntry(path: "a", xattrs: ["user.c": [1], "user.a": [2], "user.b": [3]])
    let bytes = TarWriter.archive([entry])
    for _ in 0..<10 { #expect(TarWriter.archive([entry]) == bytes) }
  }
}
