import Seams

/// A stack's own command line: `ctr`, `crictl`.
///
/// It knows nothing of the docker client, whose verbs go over the Engine API on every stack.
public protocol StackClient: Sendable {
  /// Runs a command line; `words` are what follows the client's name. Answers the exit status.
  func run(_ words: [String], io: StackIO) async -> Int32
  /// What may follow `words`, for completion: subcommands and names of things.
  func candidates(after words: [String]) async -> [String]
}

/// What a stack's client has around it.
public struct StackIO: Sendable {
  /// Writes to standard output; false when nobody reads any more.
  public var output: @Sendable ([UInt8]) async -> Bool
  /// Writes to standard error.
  public var error: @Sendable ([UInt8]) async -> Bool
  /// Standard input; ends when the user ends it.
  public var input: @Sendable () -> ByteChannel
  /// A file of the user's, by its path; throws what the C library says.
  public var readFile: @Sendable (String) throws -> [UInt8]
  /// Columns and rows of the terminal; nil when there is none.
  public var terminal: (columns: Int, rows: Int)?
  /// Signals that reach the client, by number (2 is Ctrl-C).
  public var signals: AsyncStream<Int32>

  public init(
    output: @escaping @Sendable ([UInt8]) async -> Bool, error: @escaping @Sendable ([UInt8]) async -> Bool,
    input: @escaping @Sendable () -> ByteChannel, readFile: @escaping @Sendable (String) throws -> [UInt8],
    terminal: (columns: Int, rows: Int)? = nil, signals: AsyncStream<Int32> = AsyncStream { $0.finish() }
  ) {
    (self.output, self.error, self.input) = (output, error, input)
    (self.readFile, self.terminal, self.signals) = (readFile, terminal, signals)
  }

  /// Prints a line.
  func print(_ line: String) async { _ = await output(Array((line + "\n").utf8)) }
  /// Prints text as it is.
  func write(_ text: String) async { _ = await output(Array(text.utf8)) }
  /// Prints a line to standard error.
  func complain(_ line: String) async { _ = await error(Array((line + "\n").utf8)) }
}

/// What makes a client of a stack give up: its message and exit status.
struct ClientFailure: Error, Sendable {
  var message: String
  var status: Int32
  init(_ message: String, status: Int32 = 1) { (self.message, self.status) = (message, status) }
}

/// A command line's words.
func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
