import Foundation
import JSONTree
import Seams
import StateDatabase
import Testing

@Suite("The state database")
struct StateDatabaseTests {
  private func with(_ body: (String) throws -> Void) throws {
    let folder = MachineFixture.temporaryFolder("state")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder + "/state.db")
  }

  /// What sqlite3 (Debian's) says of the file.
  private func sqlite(_ path: String, _ sql: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
    process.arguments = [path, sql]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  @Test("what was put is there after opening again, by bucket and in order of keys")
  func roundTrip() throws {
    try with { path in
      let first = try StateDatabase(path: path)
      try first.put("b", "2", JSON.string("two"))
      try first.put("b", "1", JSON.object(["n": 1]))
      try first.put("other", "x", JSON.bool(true))
      try first.put("b", "2", JSON.string("zwei"))
      try first.write([.put("b", "3", JSON.int(3)), .remove("b", "1"), .remove("b", "not there")])
      first.close()
      let second = try StateDatabase(path: path)
      let found = try second.load("b")
      #expect(found.map(\.key) == ["2", "3"])
      #expect(found.map(\.value) == [.string("zwei"), .int(3)])
      #expect(try second.load("nothing").isEmpty)
      second.close()
    }
  }

  @Test("every change waits for the disk: write-ahead log, synchronous FULL")
  func durability() throws {
    try with { path in
      let database = try StateDatabase(path: path)
      try database.put("b", "k", JSON.int(1))
      // Before it is closed, another process sees it, and the mode that the file is in.
      #expect(try sqlite(path, "PRAGMA journal_mode; SELECT count(*) FROM state;") == "wal\n1\n")
      #expect(database.synchronous == 2)
      database.close()
    }
  }

  @Test("what need not wait for the disk is seen by other processes at once, and the next change waits again")
  func soon() throws {
    try with { path in
      let database = try StateDatabase(path: path)
      try database.writeSoon([.put("b", "1", JSON.int(1)), .put("b", "2", JSON.int(2)), .remove("b", "1")])
      #expect(try sqlite(path, "SELECT key FROM state;") == "2\n")
      #expect(database.synchronous == 2)
      database.close()
      let again = try StateDatabase(path: path)
      #expect(try again.load("b").map(\.key) == ["2"])
      again.close()
    }
  }

  @Test("a damaged file is refused with its name, and stays as it is")
  func damaged() throws {
    try with { path in
      let junk = Data((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      try junk.write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: EngineError.self) { _ = try StateDatabase(path: path) }
      #expect(error?.message.contains("\(path) is damaged") == true)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == junk)
    }
  }

  @Test("pages damaged in the middle are found when it is opened")
  func damagedPage() throws {
    try with { path in
      let database = try StateDatabase(path: path)
      for index in 0..<500 { try database.put("b", "\(index)", JSON.string(String(repeating: "x", count: 100))) }
      database.close()
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.seek(toOffset: 3 * 4096)
      try file.write(contentsOf: Data(repeating: 0xff, count: 8192))
      try file.close()
      let error = #expect(throws: EngineError.self) { _ = try StateDatabase(path: path) }
      #expect(error?.message.contains("damaged") == true)
    }
  }

  @Test("a database of a newer engine, or of somebody else, is refused and stays as it is")
  func foreign() throws {
    try with { path in
      try StateDatabase(path: path).close()
      _ = try sqlite(path, "PRAGMA user_version = 7")
      let error = #expect(throws: EngineError.self) { _ = try StateDatabase(path: path) }
      #expect(error?.message.contains("newer Drydock (schema 7, this one knows 1)") == true)
      #expect(try sqlite(path, "PRAGMA user_version") == "7\n")
    }
    try with { path in
      _ = try sqlite(path, "CREATE TABLE theirs (a)")
      let error = #expect(throws: EngineError.self) { _ = try StateDatabase(path: path) }
      #expect(error?.message.contains("not a state database of Drydock") == true)
      #expect(try sqlite(path, ".tables").contains("theirs"))
    }
  }

  @Test("a value that is no JSON is an error, not a value less")
  func damagedValue() throws {
    try with { path in
      let database = try StateDatabase(path: path)
      try database.put("b", "k", JSON.int(1))
      _ = try sqlite(path, "UPDATE state SET value = '{'")
      let error = #expect(throws: EngineError.self) { _ = try database.load("b") }
      #expect(error?.message.contains("b/k") == true)
      database.close()
    }
  }
}
