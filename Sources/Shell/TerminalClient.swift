import Client
import Handoff
import Seams
import Synchronization

/// What the docker client of one command has around it in the REPL: the user's terminal and the simulated daemon.
final class TerminalClient: ClientEnvironment {
  private struct State {
    var wantsInput = false
    var isRaw = false
    var typed: [TypedInput] = []
  }
  private let state = Mutex(State())
  private let session: SessionFace
  private let command: Int
  private let channel = ByteChannel(capacity: 1 << 20)
  let interrupts: AsyncStream<ClientInterrupt>
  private let interrupted: AsyncStream<ClientInterrupt>.Continuation

  /// `script` is what was typed when the command ran the first time; it comes again at its time.
  init(session: SessionFace, command: Int, script: [TypedInput] = []) {
    self.session = session
    self.command = command
    (interrupts, interrupted) = AsyncStream.makeStream(of: ClientInterrupt.self)
    // Only a person at a terminal types into a command; a script has nothing more to say.
    if script.isEmpty {
      if !session.isInteractive { channel.closeWriting() }
      return
    }
    let world = session.world
    world.spawn { [weak self] in
      for input in script {
        if input.time > world.now { try? await world.sleep(input.time - world.now) }
        switch input.event {
        case .keys(let bytes): self?.type(bytes)
        case .interrupt: self?.interrupt()
        case .end: self?.endInput()
        }
      }
    }
  }

  // MARK: ClientEnvironment

  var daemon: any RemoteAPI { session.daemon }
  var daemonHost: String { "unix:///var/run/docker.sock" }
  var world: any World { session.world }
  var unixTime: UInt64 { session.world.unixTime }
  var files: any ClientFiles { session.files }
  var configuration: any ClientConfigurationStore { session.configuration }
  func variable(_ name: String) -> String? { session.variable(name) }
  func connecting(to host: String, withTLS: Bool) -> (any ClientEnvironment)? {
    RemoteDaemon.environment(host, withTLS: withTLS, self, session)
  }

  var input: ByteChannel {
    state.withLock { $0.wantsInput = true }
    return channel
  }

  @discardableResult
  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool {
    session.write(bytes, to: stream, command: command)
  }

  @discardableResult
  func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async -> Bool {
    session.write(bytes, to: stream, command: command, holding: lines)
  }

  func isTerminal(_ stream: ClientStream) -> Bool { session.isTerminal(stream == .output ? 1 : 2) }
  var inputIsTerminal: Bool { session.isInteractive && session.isTerminal(0) }
  var terminalSize: (columns: Int, rows: Int) { session.isTerminal(1) ? Terminal.size() : (80, 24) }

  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
    guard inputIsTerminal else { return try await body() }
    let mode = TerminalMode.raw()
    state.withLock { $0.isRaw = true }
    defer {
      state.withLock { $0.isRaw = false }
      mode.restore()
    }
    return try await body()
  }

  // MARK: The session's side

  /// Whether what the user types belongs to this command.
  var wantsInput: Bool { state.withLock { $0.wantsInput } && !channel.isWriteClosed }
  var isRaw: Bool { state.withLock { $0.isRaw } }

  func type(_ bytes: [UInt8]) {
    log(.keys(bytes), String(decoding: bytes, as: UTF8.self))
    channel.push(bytes)
  }
  /// Ctrl-D at the beginning of a line: a trace knows it by EOT.
  func endInput() {
    log(.end, "\u{4}")
    channel.closeWriting()
  }
  /// Ctrl-C: a trace knows it by ETX.
  func interrupt() {
    log(.interrupt, "\u{3}")
    deliver(.signal(2))
  }
  /// What the user did so far.
  var typed: [TypedInput] { state.withLock { $0.typed } }

  private func log(_ event: TypedInput.Event, _ data: String) {
    state.withLock { $0.typed.append(TypedInput(time: session.world.now, event: event)) }
    session.recorder.record(cmd: command, .input(data: data))
  }
  func deliver(_ interrupt: ClientInterrupt) { interrupted.yield(interrupt) }
  func finish() { interrupted.finish() }
}

/// Something that the user did while a command ran, and when (virtual nanoseconds).
struct TypedInput: Sendable, Hashable {
  enum Event: Sendable, Hashable { case keys([UInt8]), interrupt, end }
  var time: UInt64
  var event: Event
}

extension TypedInput.Event {
  /// As a trace has it: an interrupt is ETX, the end EOT.
  init(data: String) {
    self =
      switch data {
      case "\u{3}": .interrupt
      case "\u{4}": .end
      default: .keys(Array(data.utf8))
      }
  }

  var data: String {
    switch self {
    case .keys(let bytes): String(decoding: bytes, as: UTF8.self)
    case .interrupt: "\u{3}"
    case .end: "\u{4}"
    }
  }
}

/// What a command's client needs of its session.
struct SessionFace: Sendable {
  let recorder: Recorder
  let daemon: any RemoteAPI
  /// The daemon for clients on other machines.
  let remoteDaemon: (any RemoteAPI)?
  let world: any World
  let files: any ClientFiles
  let configuration: any ClientConfigurationStore
  let isInteractive: Bool
  /// Writes to the terminal and records it.
  let output: SessionOutput

  func write(_ bytes: [UInt8], to stream: ClientStream, command: Int, holding lines: [String] = []) -> Bool {
    if bytes.isEmpty { return output.write(bytes, to: stream, holding: lines) }
    recorder.record(
      cmd: command,
      .output(stream: stream == .output ? .stdout : .stderr, data: String(decoding: bytes, as: UTF8.self)))
    return output.write(bytes, to: stream, holding: lines)
  }
  func isTerminal(_ descriptor: Int32) -> Bool { output.isTerminal(descriptor) }
  func variable(_ name: String) -> String? { Environment.variable(name) }
}

/// Where a session's commands write: the process's own descriptors, in order with the handoff lines.
final class SessionOutput: Sendable {
  private struct State {
    var isMuted = false
    var isOutputClosed = false
    var captured: [UInt8]?
    /// The last byte written to the terminal was no line feed.
    var isMidLine = false
  }
  private let state = Mutex(State())
  private let printer: LivePrinter

  init(printer: LivePrinter) { self.printer = printer }

  /// `lines` then stand at the bottom of the terminal, and handoff lines go above them.
  func write(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String] = []) -> Bool {
    let isDone: Bool? = state.withLock { state in
      if state.isMuted { return true }
      if state.captured != nil {
        if stream == .output { state.captured?.append(contentsOf: bytes) }
        return true
      }
      if stream == .output, state.isOutputClosed { return false }
      if let last = bytes.last { state.isMidLine = last != 10 }
      return nil
    }
    if let isDone { return isDone }
    let isWritten = printer.output(bytes, to: stream == .output ? 1 : 2, holding: lines)
    if !isWritten, stream == .output { state.withLock { $0.isOutputClosed = true } }
    return isWritten
  }

  func isTerminal(_ descriptor: Int32) -> Bool {
    state.withLock { !$0.isMuted && $0.captured == nil } && Terminal.isTerminal(descriptor)
  }
  /// Nobody reads standard output any more (`| head`).
  var isOutputClosed: Bool { state.withLock { $0.isOutputClosed } }
  var isMidLine: Bool { state.withLock { $0.isMidLine } }
  /// What was done before is done again, and nobody shall see it.
  func mute(_ isMuted: Bool) { state.withLock { $0.isMuted = isMuted } }
}
