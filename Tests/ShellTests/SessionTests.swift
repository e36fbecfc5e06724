import Foundation
import Handoff
import Testing

@testable import Shell

@Suite("A session", .serialized)
struct SessionTests {
  private func session(seed: UInt64 = 1, stack: String = "docker") throws -> Session {
    var options = SessionOptions()
    options.showsHandoffs = false
    options.seed = seed
    options.stack = stack
    let session = try Session(options)
    session.output.mute(true)
    return session
  }

  /// What a session's newest command printed, and its status.
  private func run(_ session: Session, _ line: String) -> (status: Int32, text: String) {
    let mark = session.memory.count
    let status = session.execute(line)
    var text = ""
    for record in session.memory.records(from: mark) { if case .output(_, let data) = record.event { text += data } }
    return (status, text)
  }

  static let tour = [
    "docker run --rm alpine echo hi", "docker run -d --name box alpine sleep 1000", "docker exec box ps", "clock +1h",
    "docker ps", "docker stop -t 1 box", "docker rm box", "docker images", "docker network create n1",
    "docker volume create v1", "docker run --rm alpine nosuch",
  ]

  @Test("the same commands with the same seed give the same bytes; another seed gives others")
  func deterministic() throws {
    func record(_ seed: UInt64) throws -> String {
      let path = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(UUID().uuidString)").path
      defer { try? FileManager.default.removeItem(atPath: path) }
      let session = try session(seed: seed)
      #expect(session.startRecording(path) == nil)
      for line in Self.tour { session.execute(line) }
      _ = session.finish()
      return try String(contentsOfFile: path, encoding: .utf8)
    }
    let first = try record(7)
    #expect(try record(7) == first)
    #expect(try record(8) != first)
    #expect(first.split(separator: "\n").count > 500)
  }

  @Test(
    "docker's words and exit statuses for what is wrong",
    arguments: [
      ("docker frobnicate", 1, "frobnicate"), ("docker run --nope alpine", 125, "unknown flag: --nope"),
      ("docker run alpine:NOPE!", 125, "invalid reference format"), ("docker start nope", 1, "No such container: nope"),
      ("docker run -p 99999:80 alpine", 125, "99999"), ("docker run -m lots alpine", 125, "invalid size: 'lots'"),
      ("docker run --rm alpine nosuch", 127, "executable file not found"),
      ("docker run --rm alpine /etc", 126, "permission denied"), ("docker run --rm alpine sh -c 'exit 7'", 7, ""),
      ("docker rmi nope", 1, "No such image: nope"), ("docker network rm nope", 1, "nope"),
      ("docker volume rm nope", 1, "nope"), ("frobnicate", 127, "no such command"),
      ("dokcer ps", 127, "did you mean docker?"), ("show 99999", 1, "no handoff"),
      ("clock +x", 1, "not a duration"), ("break everything", 1, "cannot be broken"),
      ("stack use nope", 1, "no such stack"),
      ("runtime use nope", 1, "no such runtime"), ("docker run -v relative:path:what:else alpine", 125, "invalid"),
      ("trace show /nonexistent", 2, ""), ("docker build .", 1, "later"), ("docker compose up", 1, "later"),
      ("echo 'unfinished", 2, "not closed"), ("docker pull alpine@sha256:zz", 1, "invalid reference format"),
    ])
  func refusals(line: String, status: Int32, words: String) throws {
    let session = try session()
    _ = run(session, "docker pull -q alpine")
    let answer = run(session, line)
    #expect(answer.status == status, "\(answer.text)")
    if !words.isEmpty, line.hasPrefix("docker") { #expect(answer.text.contains(words), "\(answer.text)") }
    // The session goes on with its state whole.
    #expect(run(session, "docker images -q").text.split(separator: "\n").count == 1)
  }

  @Test("hostile lines are refused, and the session goes on")
  func hostile() throws {
    let session = try session()
    #expect(run(session, "docker \u{0}ps").status == 1)
    #expect(run(session, String(repeating: "x", count: 2 << 20)).status == 1)
    #expect(run(session, "docker ps " + String(repeating: "-f a=b ", count: 2000)).status != 139)
    #expect(run(session, "docker ps --format '" + String(repeating: "{{", count: 5000) + "'").status != 0)
    #expect(run(session, "docker ps").status == 0)
  }

  @Test("undo goes back to before the last command; reset to the start; numbers go on")
  func undo() throws {
    let session = try session()
    _ = run(session, "docker pull -q alpine")
    _ = run(session, "docker run -d --name box alpine sleep 1000")
    let id = run(session, "docker ps -q").text
    _ = run(session, "docker rm -f box")
    #expect(run(session, "undo").status == 0)
    #expect(run(session, "docker ps -q").text == id)
    _ = run(session, "reset")
    #expect(run(session, "docker images -q").text.isEmpty)
    let records = session.memory.records
    #expect(zip(records, records.dropFirst()).allSatisfy { $0.seq + 1 == $1.seq && $0.t <= $1.t })
  }

  @Test("what runs goes on without dockerd and containerd, since the shim holds it")
  func faults() throws {
    let session = try session()
    _ = run(session, "docker pull -q alpine")
    _ = run(session, "docker run -d --name box alpine sh -c 'while true; do sleep 1; done'")
    _ = run(session, "break dockerd")
    let refused = run(session, "docker ps")
    #expect(refused.status == 1)
    #expect(refused.text.contains("Cannot connect to the Docker daemon"))
    _ = run(session, "clock +10s")
    _ = run(session, "mend")
    #expect(run(session, "docker ps").text.contains("box"))
    _ = run(session, "break containerd")
    #expect(run(session, "docker ps").status == 0)
    #expect(run(session, "docker run -d alpine sleep 5").status == 125)
    _ = run(session, "mend")
    #expect(run(session, "docker exec box true").status == 0)
    _ = run(session, "break runc")
    #expect(run(session, "docker pull -q busybox").status == 0)
    #expect(run(session, "docker exec box true").status != 0)
    _ = run(session, "mend")
    _ = run(session, "break registry")
    #expect(run(session, "docker run --rm alpine true").status == 0)
    #expect(run(session, "docker pull redis").status == 1)
  }

  @Test("Docker Hub's limit: 100 anonymous pulls in six hours, then 429, then again")
  func limit() throws {
    let session = try session()
    // A pull counts when a manifest is really fetched, so the image goes in between.
    for _ in 0..<100 {
      #expect(session.execute("docker pull -q hello-world") == 0)
      #expect(session.execute("docker rmi hello-world") == 0)
    }
    let refused = run(session, "docker pull alpine")
    #expect(refused.status == 1)
    #expect(refused.text.lowercased().contains("pull rate limit"), "\(refused.text)")
    _ = run(session, "clock +6h")
    #expect(run(session, "docker pull -q alpine").status == 0)
  }

  @Test("pipes and substitutions run on the simulated host, with docker among its programs")
  func pipes() throws {
    let session = try session()
    _ = run(session, "docker pull -q alpine")
    #expect(run(session, "echo secret | docker run -i --rm alpine cat").text == "secret\n")
    _ = run(session, "for i in 1 2 3; do docker run -d --name box$i alpine sleep 100; done")
    #expect(run(session, "docker ps -q | wc -l").text.trimmed == "3")
    #expect(run(session, "docker rm -f $(docker ps -aq)").status == 0)
    #expect(run(session, "docker ps -aq").text.isEmpty)
  }
}

@Suite("trace verify", .serialized)
struct VerifyTests {
  @Test("a recording verifies; one with a handoff taken out does not")
  func verify() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("t.jsonl").path
    var options = SessionOptions()
    options.showsHandoffs = false
    options.recordPath = path
    let session = try Session(options)
    session.output.mute(true)
    for line in ["docker pull -q alpine", "docker run --rm alpine true", "docker run --rm alpine nosuch"] {
      session.execute(line)
    }
    _ = session.finish()
    #expect(TraceTool.verify(path) == 0)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    let without = lines.filter { !($0.contains("\"ev\":\"call\"") && $0.contains("runc start")) }
    #expect(without.count == lines.count - 1)
    try without.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(TraceTool.verify(path) == 1)
    #expect(TraceTool.verify("/nonexistent") == 2)
  }

  @Test("a recording that begins in the middle of a session verifies too: its header knows what was there")
  func middle() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var options = SessionOptions()
    options.showsHandoffs = false
    let session = try Session(options)
    session.output.mute(true)
    for line in ["docker run -d --name box alpine sleep 1000", "runtime use crun"] { session.execute(line) }
    #expect(session.startRecording(path) == nil)
    for line in ["docker run --rm alpine true", "docker stop -t 1 box"] { session.execute(line) }
    _ = session.finish()
    #expect(TraceTool.verify(path) == 0)
    let header = try #require(try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").first)
    #expect(header.contains("docker run -d --name box alpine sleep 1000"))
    #expect(header.contains("runtime use runc"))
  }
}
