import Handoff
import JSONTree
import Seams
import Synchronization

/// The newest records of an engine, and everybody who reads along: `GET /drydock/trace`.
///
/// The answer is a trace as a file has it: the header, then a record a line. `follow=1` goes on with what happens;
/// `tail=N` begins with the last N records. Who reads too slowly misses records: the engine does not wait, and `seq`
/// shows the gap.
public final class TraceFeed: TraceSink {
  /// So many records are kept, and so many may wait for one reader.
  public static let kept = 20_000

  private struct Reader {
    let id: Int
    var pending: [TraceRecord] = []
    var waiter: CheckedContinuation<Void, Never>?
    var isGone = false
  }
  private struct State {
    var newest: [TraceRecord] = []
    var readers: [Reader] = []
    var next = 0
    var isClosed = false
  }
  private let state = Mutex(State())
  private let header: @Sendable () -> TraceHeader

  public init(header: @escaping @Sendable () -> TraceHeader) { self.header = header }

  public func receive(_ record: TraceRecord) {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.newest.append(record)
      if state.newest.count >= 2 * TraceFeed.kept { state.newest.removeFirst(state.newest.count - TraceFeed.kept) }
      var waiters: [CheckedContinuation<Void, Never>] = []
      for index in state.readers.indices {
        if state.readers[index].pending.count < TraceFeed.kept { state.readers[index].pending.append(record) }
        if let waiter = state.readers[index].waiter {
          waiters.append(waiter)
          state.readers[index].waiter = nil
        }
      }
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// No more will come: the readers get what they have not read yet, and the end.
  public func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      return state.readers.indices.compactMap { index in
        defer { state.readers[index].waiter = nil }
        return state.readers[index].waiter
      }
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Answers `GET /drydock/trace`.
  @Sendable public func answer(_ request: APIRequest) async -> APIResponse {
    var tail = TraceFeed.kept
    if let text = request.query("tail"), text != "all", !text.isEmpty {
      guard let count = Int(text), count >= 0 else {
        return APIResponse(error: EngineError(.invalidArgument, "invalid value for tail: \"\(text)\""))
      }
      tail = count
    }
    let follows = request.flag("follow")
    let channel = ByteChannel(capacity: 1 << 18)
    let id = subscribe(tail: tail, follows: follows)
    channel.whenUnread { [weak self] in self?.unsubscribe(id) }
    let header = header()
    Task {
      var writer = JSONWriter()
      writer.write(header.json)
      writer.raw("\n")
      await channel.write(writer.bytes)
      // A trace counts from 1, whenever it began.
      var before: UInt64?
      while let records = await next(id, follows: follows) {
        writer.bytes.removeAll(keepingCapacity: true)
        for record in records {
          let base = before ?? record.seq &- 1
          before = base
          record.write(line: &writer, seq: record.seq &- base)
        }
        guard await channel.write(writer.bytes) else { break }
      }
      unsubscribe(id)
      channel.closeWriting()
    }
    return APIResponse(200, .stream(channel), headers: [NameValue("Content-Type", "application/jsonl")])
  }

  private func subscribe(tail: Int, follows: Bool) -> Int {
    state.withLock { state in
      state.next += 1
      state.readers.append(Reader(id: state.next, pending: Array(state.newest.suffix(min(tail, TraceFeed.kept)))))
      return state.next
    }
  }

  private func unsubscribe(_ id: Int) {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard let index = state.readers.firstIndex(where: { $0.id == id }) else { return nil }
      return state.readers.remove(at: index).waiter
    }?.resume()
  }

  /// The next records of a reader; nil when there will be none.
  private func next(_ id: Int, follows: Bool) async -> [TraceRecord]? {
    while true {
      let (records, isLast) = state.withLock { state -> ([TraceRecord], Bool) in
        guard let index = state.readers.firstIndex(where: { $0.id == id }) else { return ([], true) }
        defer { state.readers[index].pending = [] }
        return (state.readers[index].pending, !follows || state.isClosed)
      }
      if !records.isEmpty { return records }
      if isLast { return nil }
      await withCheckedContinuation { continuation in
        let now = state.withLock { state -> Bool in
          guard let index = state.readers.firstIndex(where: { $0.id == id }), !state.isClosed,
            state.readers[index].pending.isEmpty
          else { return true }
          state.readers[index].waiter = continuation
          return false
        }
        if now { continuation.resume() }
      }
    }
  }
}
