import Handoff
import JSONTree
import Seams
import Synchronization
import Testing

@Suite("The traced decorator")
struct TapTests {
  private final class Keeper: TraceSink {
    private let kept = Mutex<[TraceRecord]>([])
    func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
    var records: [TraceRecord] { kept.withLock { $0 } }
  }
  private func tap(_ keeper: Keeper, _ from: Party, _ to: Party, _ via: Via, wire: (any Wire)? = nil) -> Tap {
    let recorder = Recorder(clock: { 0 })
    recorder.attach(keeper)
    return Tap(from: from, to: to, via: via, recorder: recorder, wire: wire)
  }

  @Test("records the call before, and the answer after, what it wraps")
  func order() async throws {
    let keeper = Keeper()
    let answer = try await tap(keeper, .client, .dockerd, .http).carry(
      "GET /info", JSON.null, outcome: { (value: Int) in .success(JSON(value)) },
      {
        #expect(keeper.records.count == 1)
        return 5
      })
    #expect(answer == 5)
    guard case .return(let result)? = keeper.records.last?.event, case .success(let value) = result.outcome else {
      Issue.record("no answer was recorded")
      return
    }
    #expect(value.json == 5)
  }

  @Test("what happens meanwhile is caused by the call")
  func causes() async throws {
    let keeper = Keeper()
    let outer = tap(keeper, .client, .dockerd, .http)
    let inner = Tap(from: .dockerd, to: .containerd, via: .grpc, recorder: outer.recorder)
    try await TraceContext.$current.withValue(TraceContext(cmd: 3)) {
      try await outer.carry("POST /x", JSON.null, outcome: { (_: Void) in .success(Empty()) }) {
        try await inner.carry("y", JSON.null, outcome: { (_: Void) in .success(Empty()) }) {}
      }
    }
    let calls = keeper.records.compactMap { record -> (Int?, Int?)? in
      if case .call(let call) = record.event { return (record.cmd, call.parent) }
      return nil
    }
    #expect(calls.map(\.0) == [3, 3])
    #expect(calls.map(\.1) == [nil, 1])
  }

  @Test(
    "refusals carry HTTP's status over HTTP and gRPC's code over gRPC",
    arguments: [
      (Via.http, 404), (.grpc, 5), (.ttrpc, 5),
    ])
  func codes(via: Via, code: Int) async {
    let keeper = Keeper()
    await #expect(throws: EngineError.self) {
      try await tap(keeper, .client, .dockerd, via).carry(
        "x", JSON.null, outcome: { (_: Void) in .success(Empty()) }, { throw EngineError(.notFound, "gone") })
    }
    guard case .return(let result)? = keeper.records.last?.event,
      case .failure(let recorded, let message) = result.outcome
    else {
      Issue.record("no refusal was recorded")
      return
    }
    #expect(recorded == code)
    #expect(message == "gone")
  }

  @Test("a wire that is down keeps the call from the callee, and is recorded as its answer")
  func down() async {
    struct Cut: Wire {
      func departing(from: Party, to: Party, via: Via, op: String) async throws {
        throw EngineError(.unavailable, "refused")
      }
      func arriving(from: Party, to: Party, via: Via, op: String) async {}
    }
    let keeper = Keeper()
    await #expect(throws: EngineError.self) {
      try await tap(keeper, .client, .dockerd, .http, wire: Cut()).carry(
        "x", JSON.null, outcome: { (_: Void) in .success(Empty()) }, { Issue.record("the callee was called") })
    }
    #expect(keeper.records.count == 2)
  }
}

@Suite("Byte channels behave as pipes do")
struct ByteChannelTests {
  @Test("bytes come out in order, and the end after them")
  func order() async {
    let channel = ByteChannel()
    channel.push([1, 2, 3])
    channel.push([4])
    channel.closeWriting()
    #expect(await channel.read(2) == [1, 2])
    #expect(await channel.readAll() == [3, 4])
    #expect(await channel.read() == nil)
  }

  @Test("writing after the reader has gone says so")
  func brokenPipe() async {
    let channel = ByteChannel()
    channel.closeReading()
    #expect(await channel.write([1]) == false)
    #expect(channel.push([1]) == false)
  }

  @Test("a writer waits while the channel is full")
  func backpressure() async {
    let channel = ByteChannel(capacity: 4)
    await channel.write([1, 2, 3, 4])
    let writer = Task { await channel.write([5]) }
    #expect(await channel.read() == [1, 2, 3, 4])
    #expect(await writer.value)
    #expect(await channel.read() == [5])
  }

  @Test("a cancelled reader stops waiting")
  func cancelled() async {
    let channel = ByteChannel()
    let reader = Task { await channel.read() }
    reader.cancel()
    #expect(await reader.value == nil)
  }

  @Test("nothing yet is not the end")
  func peeking() {
    let channel = ByteChannel()
    #expect(channel.tryRead() == nil)
    channel.closeWriting()
    #expect(channel.tryRead() == [])
  }
}
