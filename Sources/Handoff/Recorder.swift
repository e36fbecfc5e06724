import JSONTree
import Synchronization

/// Receives every record, in order. Called under the recorder's lock: be quick, never call back.
public protocol TraceSink: AnyObject, Sendable {
  func receive(_ record: TraceRecord)
  /// Two records at once: a call and its answer, between which nothing happened.
  func receive(_ call: TraceRecord, _ answer: TraceRecord)
}

extension TraceSink {
  public func receive(_ call: TraceRecord, _ answer: TraceRecord) {
    receive(call)
    receive(answer)
  }
}

/// Numbers the records of one engine and hands them to its sinks.
///
/// There is one recorder a session. `clock` gives nanoseconds since the session started.
public final class Recorder: Sendable {
  private struct State {
    var seq: UInt64 = 0
    var lastTime: UInt64 = 0
    var calls = 0
    var commands = 0
    var sinks: [any TraceSink] = []
  }
  private let state = Mutex(State())
  private let clock: @Sendable () -> UInt64

  public init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

  /// From now on `sink` receives each record.
  public func attach(_ sink: any TraceSink) { state.withLock { $0.sinks.append(sink) } }

  /// `sink` receives nothing more.
  public func detach(_ sink: any TraceSink) { state.withLock { $0.sinks.removeAll { $0 === sink } } }

  /// A new command begins; its number.
  public func beginCommand(line: String) -> Int {
    state.withLock { state in
      state.commands += 1
      emit(&state, cmd: state.commands, .command(line: line))
      return state.commands
    }
  }

  /// A call begins; its number.
  public func call(
    cmd: Int?, parent: Int?, from: Party, to: Party, via: Via, op: String, args: any JSONWritable,
    isUpgrade: Bool = false
  ) -> Int {
    state.withLock { state in
      state.calls += 1
      let call = TraceRecord.Call(id: state.calls, parent: parent, from: from, to: to, via: via, op: op, args: args)
      emit(&state, cmd: cmd, isUpgrade ? .upgrade(call) : .call(call))
      return state.calls
    }
  }

  /// Call `id` ended.
  public func `return`(cmd: Int?, id: Int, _ outcome: TraceRecord.Outcome) {
    record(cmd: cmd, .return(.init(id: id, outcome: outcome)))
  }

  /// A call that ended before anything else could happen (a system call): both records at once.
  public func exchange(
    cmd: Int?, parent: Int?, from: Party, to: Party, via: Via, op: String, args: any JSONWritable,
    _ outcome: TraceRecord.Outcome
  ) {
    state.withLock { state in
      state.calls += 1
      let id = state.calls
      state.lastTime = max(state.lastTime, clock())
      let call = TraceRecord(
        seq: state.seq + 1, t: state.lastTime, cmd: cmd,
        event: .call(.init(id: id, parent: parent, from: from, to: to, via: via, op: op, args: args)))
      let answer = TraceRecord(
        seq: state.seq + 2, t: state.lastTime, cmd: cmd, event: .return(.init(id: id, outcome: outcome)))
      state.seq += 2
      for sink in state.sinks { sink.receive(call, answer) }
    }
  }

  /// Anything else that happened.
  public func record(cmd: Int?, _ event: TraceRecord.Event) {
    state.withLock { emit(&$0, cmd: cmd, event) }
  }

  private func emit(_ state: inout State, cmd: Int?, _ event: TraceRecord.Event) {
    state.seq += 1
    // Two threads may read the clock in one order and lock in the other; time in a trace never falls.
    state.lastTime = max(state.lastTime, clock())
    let record = TraceRecord(seq: state.seq, t: state.lastTime, cmd: cmd, event: event)
    for sink in state.sinks { sink.receive(record) }
  }
}

extension Recorder {
  /// Goes on with the numbers and the time of `other`, whose world was given up for this one's: time in a trace
  /// never falls, so it stands still until this world has caught up.
  public func continueFrom(_ other: Recorder) {
    let (seq, lastTime, calls, commands) = other.state.withLock { ($0.seq, $0.lastTime, $0.calls, $0.commands) }
    state.withLock { state in
      (state.seq, state.calls, state.commands) = (seq, calls, commands)
      state.lastTime = lastTime
    }
  }
}
