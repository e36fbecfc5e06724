import Handoff
import JSONTree
import Testing

@testable import Shell

@Suite("The session remembers its newest records")
struct TraceMemoryTests {
  /// Calls `1...count`, each with another inside: the inner one is answered first.
  private func filled(_ memory: TraceMemory, calls count: Int) {
    let recorder = Recorder(clock: { 0 })
    recorder.attach(memory)
    for _ in 0..<count / 2 {
      let outer = recorder.call(
        cmd: 1, parent: nil, from: .client, to: .dockerd, via: .http, op: "outer", args: JSON.null)
      recorder.record(cmd: 1, .output(stream: .stdout, data: "x"))
      let inner = recorder.call(
        cmd: 1, parent: outer, from: .dockerd, to: .containerd, via: .grpc, op: "inner", args: JSON.null)
      recorder.return(cmd: 1, id: inner, .success(JSON.int(Int64(inner))))
      recorder.return(cmd: 1, id: outer, .success(JSON.int(Int64(outer))))
    }
  }

  private func answer(_ memory: TraceMemory, _ id: Int) -> Int? {
    guard case .return(let result)? = memory.handoff(id)?.answer?.event, result.id == id,
      case .success(let value) = result.outcome
    else { return nil }
    return value.json.int
  }

  @Test("a handoff is found by its number, with its own answer")
  func finding() {
    let memory = TraceMemory()
    filled(memory, calls: 6000)
    #expect(memory.count == 15_000)
    #expect(memory.records.map(\.seq) == Array(1...15_000))
    for id in 1...6000 { #expect(answer(memory, id) == id) }
    #expect(memory.handoff(0) == nil)
    #expect(memory.handoff(6001) == nil)
  }

  @Test("an open call has no answer yet")
  func open() {
    let memory = TraceMemory()
    let recorder = Recorder(clock: { 0 })
    recorder.attach(memory)
    let id = recorder.call(cmd: 1, parent: nil, from: .client, to: .dockerd, via: .http, op: "open", args: JSON.null)
    #expect(memory.handoff(id) != nil)
    #expect(memory.handoff(id)?.answer == nil)
  }

  @Test("the oldest are forgotten; positions go on counting")
  func forgetting() {
    let memory = TraceMemory(capacity: 5000)
    filled(memory, calls: 12_000)
    let kept = memory.records
    #expect(memory.count == 30_000)
    #expect((5000..<5000 + 4096).contains(kept.count))
    #expect(kept.last?.seq == 30_000)
    #expect(memory.handoff(1) == nil)
    #expect(answer(memory, 12_000) == 12_000)
    #expect(memory.records(from: 29_990).map(\.seq) == Array(29_991...30_000))
    #expect(memory.records(from: 0).count == kept.count)
    #expect(memory.records(from: 30_000).isEmpty)
  }
}
