import JSONTree

/// The first line of a trace.
public struct TraceHeader: Sendable, Hashable {
  /// The format's number; a reader refuses a higher one.
  public static let version = 1

  public var mode: String
  public var stack: String
  public var runtime: String
  public var engine: String
  /// RFC 3339, UTC.
  public var started: String
  /// The seed of a simulated run, so that `trace verify` can run it again.
  public var seed: UInt64?
  /// What was done before the recording began, when it began in the middle of a session: what its first command found
  /// (images, containers) came of these.
  public var before: [Deed] = []

  /// A command line, when it was entered (nanoseconds since `started`), and what was typed while it ran.
  public struct Deed: Sendable, Hashable {
    public var t: UInt64
    public var line: String
    public var typed: [Typed]
    public init(t: UInt64, line: String, typed: [Typed] = []) { (self.t, self.line, self.typed) = (t, line, typed) }

    /// As the `input` records have it: 0x03 is an interrupt, 0x04 the end.
    public struct Typed: Sendable, Hashable {
      public var t: UInt64
      public var data: String
      public init(t: UInt64, data: String) { (self.t, self.data) = (t, data) }
    }
  }

  public init(mode: String, stack: String, runtime: String, engine: String, started: String, seed: UInt64? = nil) {
    self.mode = mode
    self.stack = stack
    self.runtime = runtime
    self.engine = engine
    self.started = started
    self.seed = seed
  }
}

/// One line of a trace after the header.
public struct TraceRecord: Sendable {
  /// Counts from 1 without gaps.
  public var seq: UInt64
  /// Nanoseconds since the header's `started`.
  public var t: UInt64
  /// The command that this belongs to; nil for what the engine does of itself.
  public var cmd: Int?
  public var event: Event

  public init(seq: UInt64, t: UInt64, cmd: Int?, event: Event) {
    self.seq = seq
    self.t = t
    self.cmd = cmd
    self.event = event
  }

  /// What happened. It is boxed: a record is copied to every sink, and then only a reference is.
  public indirect enum Event: Sendable {
    /// A command line was entered.
    case command(line: String)
    /// One part handed something to another.
    case call(Call)
    /// The answer to a call.
    case `return`(Return)
    /// The connection of a call was hijacked: from here on it carries raw bytes. `id` is the call's own number.
    case upgrade(Call)
    /// Bytes that the command printed.
    case output(stream: Stream, data: String)
    /// Bytes that the user typed into the command.
    case input(data: String)
    /// The command ended.
    case exit(status: Int)
    /// Something that a reader of this version does not know; kept as it was.
    case other(name: String, fields: JSON)
  }

  /// Where output went.
  public enum Stream: String, Sendable, Hashable { case stdout, stderr }

  /// A handoff.
  public struct Call: Sendable {
    public var id: Int
    /// The call that caused this one.
    public var parent: Int?
    public var from: Party
    public var to: Party
    public var via: Via
    /// The operation's name on the wire.
    public var op: String
    public var args: any JSONWritable

    public init(id: Int, parent: Int?, from: Party, to: Party, via: Via, op: String, args: any JSONWritable) {
      self.id = id
      self.parent = parent
      self.from = from
      self.to = to
      self.via = via
      self.op = op
      self.args = args
    }
  }

  /// How a handoff ended.
  public struct Return: Sendable {
    public var id: Int
    public var outcome: Outcome

    public init(id: Int, outcome: Outcome) {
      self.id = id
      self.outcome = outcome
    }
  }

  /// The answer of a call.
  public enum Outcome: Sendable {
    case success(any JSONWritable)
    case failure(code: Int, message: String)

    public var isSuccess: Bool { if case .success = self { true } else { false } }
  }
}
