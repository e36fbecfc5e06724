import Handoff
import JSONTree
import Testing

@Suite("The spine: what changes something, in order")
struct SpineTests {
  private func call(_ from: Party, _ to: Party, _ op: String) -> TraceRecord {
    TraceRecord(
      seq: 1, t: 0, cmd: 1,
      event: .call(.init(id: 1, parent: nil, from: from, to: to, via: .grpc, op: op, args: JSON.null)))
  }

  @Test("reads, leases and kernel calls fall out")
  func reads() {
    let records = [
      call(.client, .dockerd, "HEAD /_ping"), call(.client, .dockerd, "POST /containers/create"),
      call(.dockerd, .containerd, "containerd.services.images.v1.Images/Get"),
      call(.dockerd, .containerd, "containerd.services.leases.v1.Leases/Create"),
      call(.dockerd, .containerd, "containerd.services.snapshots.v1.Snapshots/Prepare"),
      call(.shim, .runc, "runc create"), call(.runc, .kernel, "clone3"),
    ]
    #expect(
      Spine.of(records) == [
        "client     > dockerd    POST /containers/create",
        "dockerd    > containerd containerd.services.snapshots.v1.Snapshots/Prepare",
        "shim       > runc       runc create",
      ])
    #expect(Spine.of(records, keepingReads: true).count == 6)
  }

  @Test("one write of a blob in several pieces is one line")
  func writes() {
    let write = call(.dockerd, .containerd, "containerd.services.content.v1.Content/Write")
    #expect(Spine.of([write, write, write]).count == 1)
  }

  @Test(
    "two spines side by side",
    arguments: [
      (["a", "b", "c"], ["a", "b", "c"], 0), (["a", "b", "c"], ["a", "c"], 1), (["a", "c"], ["a", "b", "c"], 1),
      (["a", "x", "c", "d"], ["a", "y", "c", "d"], 2), ([], ["a"], 1), (["a"], [], 1), ([], [], 0),
    ])
  func diff(left: [String], right: [String], differences: Int) {
    var (a, b) = (left.makeIterator(), right.makeIterator())
    var diff = StreamDiff(left: { a.next() }, right: { b.next() })
    var (seenLeft, seenRight): ([String], [String]) = ([], [])
    while let row = diff.next() {
      switch row {
      case .same(let line):
        seenLeft.append(line)
        seenRight.append(line)
      case .left(let line): seenLeft.append(line)
      case .right(let line): seenRight.append(line)
      }
    }
    #expect(seenLeft == left)
    #expect(seenRight == right)
    #expect(diff.differences == differences)
  }
}

@Suite("Secrets never enter a trace")
struct RedactionTests {
  @Test("by the names of their members, at any depth, in any case")
  func names() {
    let redacted = redactingSecrets(
      ["Authorization": "Bearer x", "body": ["password": "p", "user": "ana", "list": [["Token": "t"]]], "token": ""])
    #expect(
      redacted == [
        "Authorization": "***", "body": ["password": "***", "user": "ana", "list": [["Token": "***"]]], "token": "",
      ])
  }
}

@Suite("The recorder")
struct RecorderTests {
  @Test("a world given up hands its numbers on")
  func continuing() {
    let (old, new) = (tickingRecorder(), tickingRecorder())
    let keeper = Keeper()
    old.attach(keeper)
    _ = old.beginCommand(line: "a")
    _ = old.call(cmd: 1, parent: nil, from: .client, to: .dockerd, via: .http, op: "x", args: JSON.null)
    new.continueFrom(old)
    new.attach(keeper)
    #expect(new.beginCommand(line: "b") == 2)
    #expect(new.call(cmd: 2, parent: nil, from: .client, to: .dockerd, via: .http, op: "x", args: JSON.null) == 2)
    #expect(keeper.records.map(\.seq) == [1, 2, 3, 4])
    #expect(zip(keeper.records, keeper.records.dropFirst()).allSatisfy { $0.t <= $1.t })
  }

  @Test("a sink that was detached receives nothing more")
  func detaching() {
    let recorder = tickingRecorder()
    let keeper = Keeper()
    recorder.attach(keeper)
    recorder.record(cmd: nil, .exit(status: 0))
    recorder.detach(keeper)
    recorder.record(cmd: nil, .exit(status: 1))
    #expect(keeper.records.count == 1)
  }
}
