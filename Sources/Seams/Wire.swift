import Handoff
import JSONTree

/// What lies between two parts: in real mode nothing of ours; in trace mode the model of a socket,
/// with its latency and with what a broken part does to those who call it.
public protocol Wire: Sendable {
  /// Called before the callee sees the call. Throws what the caller sees when the callee cannot be reached.
  func departing(from: Party, to: Party, via: Via, op: String) async throws
  /// Called before the caller sees the answer.
  func arriving(from: Party, to: Party, via: Via, op: String) async
  /// `departing`, if it need not suspend and nothing is wrong; false: nothing was done.
  func departsAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool
  /// `arriving`, if it need not suspend; false: nothing was done.
  func arrivesAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool
}

extension Wire {
  public func departsAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool { false }
  public func arrivesAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool { false }
}

/// Called between the recording of a call and its being carried out; `step on` waits here for the user.
public protocol StepGate: Sendable {
  func pass(_ call: TraceRecord.Call) async
  /// Nothing is held back: `pass` need not be asked.
  var isOpen: Bool { get }
}

extension StepGate {
  public var isOpen: Bool { false }
}

/// The traced decorator of every seam: records each call and each return around whatever it wraps.
/// Nothing else writes handoffs.
public struct Tap: Sendable {
  public let from: Party
  public let to: Party
  public let via: Via
  public let recorder: Recorder
  public let wire: (any Wire)?
  public let gate: (any StepGate)?

  public init(
    from: Party, to: Party, via: Via, recorder: Recorder, wire: (any Wire)? = nil, gate: (any StepGate)? = nil
  ) {
    self.from = from
    self.to = to
    self.via = via
    self.recorder = recorder
    self.wire = wire
    self.gate = gate
  }

  /// Records the call, carries it over the wire, and records how it ended.
  /// What `body` does meanwhile is recorded as caused by this call.
  public func carry<Answer: Sendable>(
    _ op: String, _ args: any JSONWritable, isUpgrade: Bool = false,
    outcome: (Answer) -> TraceRecord.Outcome,
    _ body: () async throws -> Answer
  ) async throws -> Answer {
    let context = TraceContext.current
    let id = recorder.call(
      cmd: context.cmd, parent: context.parent, from: from, to: to, via: via, op: op, args: args, isUpgrade: isUpgrade)
    if let gate, !gate.isOpen {
      await gate.pass(.init(id: id, parent: context.parent, from: from, to: to, via: via, op: op, args: args))
    }
    do {
      let answer = try await TraceContext.$current.withValue(TraceContext(cmd: context.cmd, parent: id)) {
        if let wire, !wire.departsAtOnce(from: from, to: to, via: via, op: op) {
          try await wire.departing(from: from, to: to, via: via, op: op)
        }
        let answer = try await body()
        if let wire, !wire.arrivesAtOnce(from: from, to: to, via: via, op: op) {
          await wire.arriving(from: from, to: to, via: via, op: op)
        }
        return answer
      }
      recorder.return(cmd: context.cmd, id: id, outcome(answer))
      return answer
    } catch {
      let failure = error as? EngineError ?? EngineError(.unknown, "\(error)")
      let code = via == .http || via == .https ? failure.httpStatus : failure.grpcCode
      recorder.return(cmd: context.cmd, id: id, .failure(code: code, message: failure.message))
      throw error
    }
  }

  /// Carries an operation of one of the seams.
  public func carry<O: Operation>(_ operation: O, _ body: () async throws -> O.Answer) async throws -> O.Answer {
    try await carry(O.name, operation, outcome: { .success($0) }, body)
  }
}

extension Tap {
  /// Records a call that ended before anybody could wait for it (a system call), and how: the cheap form of `carry`,
  /// without suspension, wire and gate.
  public func note(
    _ op: String, _ args: any JSONWritable, _ outcome: TraceRecord.Outcome, in context: TraceContext
  ) {
    recorder.exchange(
      cmd: context.cmd, parent: context.parent, from: from, to: to, via: via, op: op, args: args, outcome)
  }
}
