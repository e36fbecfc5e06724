import Handoff
import JSONTree
import Synchronization
import Testing

@Suite("Trace files: JSON Lines, append-only")
struct TraceFileTests {
  private func writeExample(to path: String) throws -> [TraceRecord] {
    let recorder = tickingRecorder()
    let file = try TraceFile(path: path, header: exampleHeader)
    let memory = Keeper()
    recorder.attach(file)
    recorder.attach(memory)
    let command = recorder.beginCommand(line: "docker run --rm alpine echo hi")
    let call = recorder.call(
      cmd: command, parent: nil, from: .client, to: .dockerd, via: .http, op: "POST /containers/create",
      args: JSON.object(["path": "/containers/create"]))
    recorder.return(cmd: command, id: call, .failure(code: 409, message: "taken \"web\""))
    recorder.record(cmd: command, .output(stream: .stdout, data: "hi\n"))
    recorder.record(cmd: command, .exit(status: 125))
    #expect(file.finish() == nil)
    return memory.records
  }

  @Test("a trace that begins in mid-session counts from 1")
  func later() throws {
    let recorder = Recorder(clock: { 0 })
    let command = recorder.beginCommand(line: "docker ps")
    recorder.record(cmd: command, .exit(status: 0))
    let temporary = try TemporaryFile()
    let file = try TraceFile(path: temporary.path, header: exampleHeader)
    recorder.attach(file)
    for line in ["docker images", "docker info"] { _ = recorder.beginCommand(line: line) }
    #expect(file.finish() == nil)
    let reader = try TraceReader(path: temporary.path)
    var read: [UInt64] = []
    while let record = reader.next() { read.append(record.seq) }
    #expect(read == [1, 2])
  }

  @Test("what was recorded is read again, numbered from 1 without gaps, time never falling")
  func roundTrip() throws {
    let file = try TemporaryFile()
    let written = try writeExample(to: file.path)
    let reader = try TraceReader(path: file.path)
    #expect(reader.header == exampleHeader)
    var read: [TraceRecord] = []
    while let record = reader.next() { read.append(record) }
    #expect(read.map(\.seq) == [1, 2, 3, 4, 5])
    #expect(zip(read, read.dropFirst()).allSatisfy { $0.t <= $1.t })
    #expect(read.map(lineOf) == written.map(lineOf))
    #expect(reader.damage == nil)
  }

  @Test("a trace cut in its last line is valid up to the last whole one")
  func truncated() throws {
    let whole = try TemporaryFile()
    _ = try writeExample(to: whole.path)
    let cut = try TemporaryFile(String(whole.text.dropLast(7)))
    let reader = try TraceReader(path: cut.path)
    var count = 0
    while reader.next() != nil { count += 1 }
    #expect(count == 4)
    #expect(reader.damage == nil)
  }

  @Test("damage in the midst is told with its line, and ends the reading")
  func damaged() throws {
    let whole = try TemporaryFile()
    _ = try writeExample(to: whole.path)
    var lines = whole.text.split(separator: "\n").map(String.init)
    lines[2] = "{\"seq\":2,\"t\":\u{1}"
    let file = try TemporaryFile(lines.joined(separator: "\n") + "\n")
    let reader = try TraceReader(path: file.path)
    #expect(reader.next() != nil)
    #expect(reader.next() == nil)
    #expect(reader.damage?.contains("line 3") == true)
  }

  @Test(
    "what is no trace is refused with the reason",
    arguments: [
      ("", "empty"), ("hello\n", "no JSON"), ("{\"a\":1}\n", "drydock-trace"),
      ("{\"drydock-trace\":99}\n", "newer Drydock"),
      ("\u{0}\u{1}\u{2}", "no JSON"),
    ])
  func alien(text: String, reason: String) throws {
    let file = try TemporaryFile(text)
    let error = #expect(throws: TraceError.self) { try TraceReader(path: file.path) }
    #expect(error?.description.contains(reason) == true)
  }

  @Test("records and members that this version does not know are passed over")
  func unknown() throws {
    let file = try TemporaryFile(
      "{\"drydock-trace\":1,\"mode\":\"trace\",\"new\":true}\n{\"seq\":1,\"t\":0,\"ev\":\"weather\",\"sun\":1}\n"
        + "{\"seq\":2,\"t\":0,\"ev\":\"exit\",\"cmd\":1,\"status\":0,\"mood\":\"good\"}\n")
    let reader = try TraceReader(path: file.path)
    guard case .other(name: "weather", _)? = reader.next()?.event else {
      Issue.record("the unknown record is gone")
      return
    }
    guard case .exit(0)? = reader.next()?.event else {
      Issue.record("the exit record is gone")
      return
    }
  }

  @Test("the index finds each record by its position, in any order")
  func index() throws {
    let file = try TemporaryFile()
    let written = try writeExample(to: file.path)
    let index = try TraceIndex(path: file.path)
    #expect(index.record(at: 4).map(lineOf) == lineOf(written[4]))
    #expect(index.record(at: 0).map(lineOf) == lineOf(written[0]))
    #expect(index.record(at: 5) == nil)
    #expect(index.record(at: -1) == nil)
    #expect(index.count == 5)
  }

  @Test("a folder that is not there is told")
  func unwritable() {
    let error = #expect(throws: TraceError.self) {
      try TraceFile(path: "/nonexistent/folder/t.jsonl", header: exampleHeader)
    }
    #expect(error?.description.contains("/nonexistent/folder/t.jsonl") == true)
  }
}

/// A record as its line in a file.
func lineOf(_ record: TraceRecord) -> String {
  var writer = JSONWriter()
  record.write(line: &writer)
  return String(decoding: writer.bytes, as: UTF8.self)
}

/// Keeps records.
final class Keeper: TraceSink {
  private let kept = Mutex<[TraceRecord]>([])
  func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
  var records: [TraceRecord] { kept.withLock { $0 } }
}
