import JSONTree
import Seams

/// What the docker client has around it: the daemon, the terminal, the user's files and configuration.
///
/// The REPL gives it a terminal and a simulated daemon; the one-shot command line the process's own descriptors and a
/// daemon behind a socket; a test gives it buffers.
public protocol ClientEnvironment: Sendable {
  /// The daemon, traced.
  var daemon: any RemoteAPI { get }
  /// How the daemon is reached, for messages: `unix:///var/run/docker.sock`.
  var daemonHost: String { get }
  /// Writes to standard output or error. False when nobody reads any more.
  @discardableResult
  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool
  /// Writes what draws lines over at the bottom of a terminal, and says what stands in them then: what others write
  /// there meanwhile goes above them. None when they are done with.
  @discardableResult
  func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async -> Bool
  /// Standard input; ends when the user ends it. In raw mode (a terminal with `-t`) it carries every key.
  var input: ByteChannel { get }
  func isTerminal(_ stream: ClientStream) -> Bool
  var inputIsTerminal: Bool { get }
  /// Columns and rows of the terminal.
  var terminalSize: (columns: Int, rows: Int) { get }
  /// The terminal passes every key on, without echo, while `body` runs (`run -it`, `exec -it`, `attach`, passwords).
  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T
  /// Signals that the client got (2 is Ctrl-C) and sizes that the terminal changed to, as they come.
  var interrupts: AsyncStream<ClientInterrupt> { get }
  /// An environment variable of the client.
  func variable(_ name: String) -> String?
  /// The client's clock: nanoseconds since 1970.
  var unixTime: UInt64 { get }
  var world: any World { get }
  /// The user's files (`--env-file`, `cp`, `save -o`, `load -i`, `--cidfile`); relative to the working directory.
  var files: any ClientFiles { get }
  /// `~/.docker/config.json`: credentials and preferences.
  var configuration: any ClientConfigurationStore { get }
  /// The same surroundings with another daemon (`docker -H tcp://…`); nil when nothing listens there.
  func connecting(to host: String, withTLS: Bool) -> (any ClientEnvironment)?
}

extension ClientEnvironment {
  /// Nobody else writes to this terminal.
  public func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async -> Bool {
    await write(bytes, to: stream)
  }
  public func connecting(to host: String, withTLS: Bool) -> (any ClientEnvironment)? { nil }
}

/// Standard output or standard error.
public enum ClientStream: Sendable, Hashable { case output, error }

/// What reaches the client from outside while a command runs.
public enum ClientInterrupt: Sendable, Hashable {
  /// A signal by number.
  case signal(Int32)
  case resized(columns: Int, rows: Int)
}

/// The user's file system, as the client needs it. Errors are `ClientFileError` in the words of the C library.
public protocol ClientFiles: Sendable {
  /// Nil when there is nothing.
  func kind(_ path: String) -> ClientFileKind?
  func read(_ path: String) throws -> [UInt8]
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws
  func makeDirectory(_ path: String, mode: UInt32) throws
  /// A tar of `path`, entries named from its last component (`docker cp` in).
  func archive(_ path: String) throws -> [UInt8]
  /// Unpacks a tar into the folder `path`; nothing is written outside of it.
  func extract(_ archive: [UInt8], into path: String) throws
  /// Names in a folder, for completion; empty when it cannot be read.
  func list(_ path: String) -> [String]
}

public enum ClientFileKind: Sendable, Hashable { case file, directory, other }

/// Why a file of the user cannot be used: `open x: no such file or directory`.
public struct ClientFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Credentials by registry (`https://index.docker.io/v1/` for Docker Hub), and preferences of `config.json`.
public protocol ClientConfigurationStore: Sendable {
  func credentials(_ registry: String) async -> RegistryCredentials?
  func store(_ credentials: RegistryCredentials, for registry: String) async throws
  /// False when there were none.
  func erase(_ registry: String) async throws -> Bool
  /// `detachKeys`, `psFormat`, `imagesFormat`, …
  func preference(_ name: String) -> String?
  /// The file in which credentials stand unencrypted, for the warning at sign-in; nil when they do not.
  var plainTextLocation: String? { get }
}

extension ClientConfigurationStore {
  public var plainTextLocation: String? { nil }
}
