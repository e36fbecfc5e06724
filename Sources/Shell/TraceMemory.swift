import Handoff
import Synchronization

/// The session's records, for `show`, `why`, `diagram`, `trace` and the lessons' checks: the newest `capacity` of them.
public final class TraceMemory: TraceSink {
  private struct State {
    var records: [TraceRecord] = []
    var positions: [Int: Int] = [:]  // call id → index + dropped
    var returns: [Int: Int] = [:]
    var dropped = 0
  }
  private let state = Mutex(State())
  private let capacity: Int

  public init(capacity: Int = 200_000) { self.capacity = capacity }

  public func receive(_ record: TraceRecord) {
    state.withLock { state in
      let position = state.dropped + state.records.count
      switch record.event {
      case .call(let call), .upgrade(let call): state.positions[call.id] = position
      case .return(let result): state.returns[result.id] = position
      default: break
      }
      state.records.append(record)
      if state.records.count > capacity * 2 {
        state.records.removeFirst(capacity)
        state.dropped += capacity
        let dropped = state.dropped
        state.positions = state.positions.filter { $0.value >= dropped }
        state.returns = state.returns.filter { $0.value >= dropped }
      }
    }
  }

  /// All that is kept, in order.
  public var records: [TraceRecord] { state.withLock { $0.records } }

  /// How many records came in all.
  public var count: Int { state.withLock { $0.dropped + $0.records.count } }

  /// The records from number `start` on (counted as `count` counts).
  public func records(from start: Int) -> [TraceRecord] {
    state.withLock { state in Array(state.records.dropFirst(max(0, start - state.dropped))) }
  }

  /// Handoff number `id` and its answer.
  public func handoff(_ id: Int) -> (call: TraceRecord, answer: TraceRecord?)? {
    state.withLock { state in
      guard let position = state.positions[id], position >= state.dropped else { return nil }
      let answer = state.returns[id].map { state.records[$0 - state.dropped] }
      return (state.records[position - state.dropped], answer)
    }
  }
}
