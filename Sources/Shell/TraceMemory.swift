import Handoff
import Synchronization

/// The session's records, for `show`, `why`, `diagram`, `trace` and the lessons' checks: the newest `capacity` of them.
public final class TraceMemory: TraceSink {
  private struct State {
    /// Full chunks and the one that is being filled, so that forgetting the oldest moves nothing.
    var chunks: [[TraceRecord]] = []
    var newest: [TraceRecord] = []
    /// How many records stood in chunks that are forgotten.
    var dropped = 0
    var kept = 0

    /// The record at `index`, from 0 for the oldest that is kept.
    func record(_ index: Int) -> TraceRecord {
      let (chunk, place) = index.quotientAndRemainder(dividingBy: TraceMemory.chunk)
      return chunk < chunks.count ? chunks[chunk][place] : newest[place]
    }
  }
  private let state = Mutex(State())
  private let capacity: Int
  private static let chunk = 4096

  /// Keeps at least `capacity` records, and fewer than a chunk more.
  public init(capacity: Int = 200_000) { self.capacity = capacity }

  public func receive(_ record: TraceRecord) { state.withLock { keep(record, &$0) } }

  public func receive(_ call: TraceRecord, _ answer: TraceRecord) {
    state.withLock { state in
      keep(call, &state)
      keep(answer, &state)
    }
  }

  private func keep(_ record: TraceRecord, _ state: inout State) {
    if state.newest.count == TraceMemory.chunk {
      state.chunks.append(state.newest)
      state.newest = []
      state.newest.reserveCapacity(TraceMemory.chunk)
    }
    state.newest.append(record)
    state.kept += 1
    if state.kept - TraceMemory.chunk >= capacity {
      state.chunks.removeFirst()
      state.dropped += TraceMemory.chunk
      state.kept -= TraceMemory.chunk
    }
  }

  /// All that is kept, in order.
  public var records: [TraceRecord] { state.withLock { Array($0.chunks.joined()) + $0.newest } }

  /// How many records came in all.
  public var count: Int { state.withLock { $0.dropped + $0.kept } }

  /// The records from number `start` on (counted as `count` counts).
  public func records(from start: Int) -> [TraceRecord] {
    state.withLock { state in
      let first = max(0, start - state.dropped)
      return first < state.kept ? (first..<state.kept).map(state.record) : []
    }
  }

  /// Handoff number `id` and its answer.
  public func handoff(_ id: Int) -> (call: TraceRecord, answer: TraceRecord?)? {
    state.withLock { state in
      guard let position = TraceMemory.position(of: id, in: state) else { return nil }
      for index in (position + 1)..<max(state.kept, position + 1) {
        let record = state.record(index)
        if case .return(let result) = record.event, result.id == id { return (state.record(position), record) }
      }
      return (state.record(position), nil)
    }
  }

  /// Where call `id` stands: the numbers of calls rise from one to the next.
  private static func position(of id: Int, in state: State) -> Int? {
    var (low, high) = (0, state.kept)
    while low < high {
      let middle = (low + high) / 2
      // Records that are no calls lie between the calls.
      var index = middle
      var found: Int?
      while index < high, found == nil {
        switch state.record(index).event {
        case .call(let call), .upgrade(let call): found = call.id
        default: index += 1
        }
      }
      guard let found else {
        high = middle
        continue
      }
      if found == id { return index }
      if found < id { low = index + 1 } else { high = middle }
    }
    return nil
  }
}
