import Client
import DaemonClient
#if canImport(Glibc)
  import Glibc
#endif
import Seams
import Synchronization
import Threads

/// What the docker client of one command has around it when the daemon is real: the process's own descriptors, its
/// environment, the user's files and `~/.docker/config.json`.
final class CommandClient: ClientEnvironment {
  private struct State {
    var isReading = false
    var isFinished = false
    var mode: TerminalMode?
  }
  private let state = Mutex(State())
  let daemon: any RemoteAPI
  let daemonHost: String
  let world: any World = ClientWorld()
  let files: any ClientFiles = UserFiles()
  let configuration: any ClientConfigurationStore
  let interrupts: AsyncStream<ClientInterrupt>
  private let interrupted: AsyncStream<ClientInterrupt>.Continuation
  private let channel = ByteChannel(capacity: 1 << 18)
  private let writer = DescriptorWriter()
  /// Writes handoff lines to the same terminal.
  private let printer: LivePrinter?

  init(
    daemon: any RemoteAPI, daemonHost: String, configuration: any ClientConfigurationStore,
    printer: LivePrinter? = nil
  ) {
    (self.daemon, self.daemonHost, self.configuration) = (daemon, daemonHost, configuration)
    self.printer = printer
    (interrupts, interrupted) = AsyncStream.makeStream(of: ClientInterrupt.self)
  }

  var unixTime: UInt64 { world.unixTime }
  func variable(_ name: String) -> String? { Environment.variable(name) }
  func isTerminal(_ stream: ClientStream) -> Bool { Terminal.isTerminal(stream == .output ? 1 : 2) }
  var inputIsTerminal: Bool { Terminal.isTerminal(0) }
  var terminalSize: (columns: Int, rows: Int) { Terminal.size() }

  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool {
    await draw(bytes, to: stream, holding: [])
  }

  func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async -> Bool {
    let printer = printer
    return await writer.run {
      let descriptor: Int32 = stream == .output ? 1 : 2
      return printer?.output(bytes, to: descriptor, holding: lines) ?? Terminal.write(descriptor, bytes)
    }
  }

  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
    guard inputIsTerminal else { return try await body() }
    state.withLock { $0.mode = TerminalMode.raw() }
    defer { restoreTerminal() }
    return try await body()
  }

  /// Another daemon, for `-H` behind the verb's place (`docker -H tcp://… ps`).
  func connecting(to host: String, withTLS: Bool) -> (any ClientEnvironment)? {
    guard !withTLS, let other = DaemonHost(host) else { return nil }
    return CommandClient(
      daemon: DaemonClient(other), daemonHost: other.description, configuration: configuration,
      printer: printer)
  }

  // MARK: Standard input

  /// Reading begins when somebody wants it: what is typed ahead belongs to the next command.
  var input: ByteChannel {
    let isFirst = state.withLock { state in
      defer { state.isReading = true }
      return !state.isReading && !state.isFinished
    }
    guard isFirst else { return channel }
    do {
      try DetachedThread.start { [channel, weak self] in CommandClient.read(into: channel) { self?.isOver ?? true } }
    } catch {
      Terminal.write(2, "drydock: standard input is not read: \(error)\n")
      channel.closeWriting()
    }
    return channel
  }

  private var isOver: Bool { state.withLock { $0.isFinished } }

  private static func read(into channel: ByteChannel, until isOver: () -> Bool) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !isOver() {
      var poller = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      let ready = poll(&poller, 1, 100)
      guard ready > 0, !isOver() else { continue }
      let count = buffer.withUnsafeMutableBytes { Glibc.read(0, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count > 0 else { break }
      let bytes = Array(buffer[..<count])
      // This thread waits until there is room, as the pipe's writer then does.
      let done = Latch()
      let isWanted = Atomic<Bool>(true)
      Task {
        if await !channel.write(bytes) { isWanted.store(false, ordering: .relaxed) }
        done.open()
      }
      done.wait()
      guard isWanted.load(ordering: .relaxed) else { return }
    }
    channel.closeWriting()
  }

  // MARK: From outside

  func deliver(_ interrupt: ClientInterrupt) { interrupted.yield(interrupt) }

  /// The command is over: the terminal is as it was, and nothing is read for it any more.
  func finish() {
    state.withLock { $0.isFinished = true }
    interrupted.finish()
    restoreTerminal()
  }

  private func restoreTerminal() {
    state.withLock { state in
      defer { state.mode = nil }
      return state.mode
    }?.restore()
  }
}

/// Writes to descriptors on one thread of its own, in order: a reader that stops (`| less`) blocks nobody else.
final class DescriptorWriter: Sendable {
  private struct State {
    var jobs: [@Sendable () -> Void] = []
    var isRunning = false
  }
  private let state = Mutex(State())

  func run(_ body: @escaping @Sendable () -> Bool) async -> Bool {
    await withCheckedContinuation { continuation in
      let mustStart = state.withLock { state in
        state.jobs.append { continuation.resume(returning: body()) }
        defer { state.isRunning = true }
        return !state.isRunning
      }
      // Without a thread to be had, this one waits for the reader.
      if mustStart, (try? DetachedThread.start { [self] in serve() }) == nil { serve() }
    }
  }

  private func serve() {
    while true {
      let jobs = state.withLock { state in
        if state.jobs.isEmpty { state.isRunning = false }
        defer { state.jobs = [] }
        return state.jobs
      }
      if jobs.isEmpty { return }
      for job in jobs { job() }
    }
  }
}

/// Opens once; whoever waits for it, a thread, goes on.
final class Latch: Sendable {
  private let ends: (reading: Int32, writing: Int32)
  init() {
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 { for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) } }
    self.ends = (ends[0], ends[1])
  }
  deinit {
    close(ends.reading)
    close(ends.writing)
  }
  func open() {
    var byte: UInt8 = 1
    _ = write(ends.writing, &byte, 1)
  }
  /// Waits, `milliseconds` at most (-1: for ever). True when it is open; false early when a signal came.
  @discardableResult
  func wait(milliseconds: Int32 = -1) -> Bool {
    var poller = pollfd(fd: ends.reading, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = poll(&poller, 1, milliseconds)
      if ready < 0, errno == EINTR, milliseconds < 0 { continue }
      return ready > 0
    }
  }
}
