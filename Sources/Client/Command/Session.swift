import JSONTree
import Seams
import Synchronization

/// One docker command while it runs: its connection to the daemon, its output, and what happens on Ctrl-C.
final class Session: Sendable {
  let environment: any ClientEnvironment
  private struct State {
    var hasPinged = false
    var isInterrupted = false
    var handler: (@Sendable (ClientInterrupt) -> Bool)?
    var streams: [ByteChannel] = []
  }
  private let state = Mutex(State())

  init(_ environment: any ClientEnvironment) { self.environment = environment }

  var world: any World { environment.world }

  // MARK: Output

  /// Writes text to standard output.
  func out(_ text: String) async throws { try await write(Array(text.utf8), to: .output) }

  /// Writes text to standard error.
  func err(_ text: String) async throws { try await write(Array(text.utf8), to: .error) }

  func write(_ bytes: [UInt8], to stream: ClientStream) async throws {
    if state.withLock({ $0.isInterrupted }) { throw Interrupted() }
    guard !bytes.isEmpty else { return }
    if await !environment.write(bytes, to: stream), stream == .output { throw BrokenPipe() }
  }

  /// The same for what draws lines over; `lines` stand in them then.
  func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async throws {
    if state.withLock({ $0.isInterrupted }) { throw Interrupted() }
    if await !environment.draw(bytes, to: stream, holding: lines), stream == .output { throw BrokenPipe() }
  }

  // MARK: The daemon

  /// Sends a request; refusals and an unreachable daemon are thrown as `DaemonError`.
  @discardableResult
  func send(_ request: APIRequest) async throws -> APIResponse {
    await ping()
    if state.withLock({ $0.isInterrupted }) { throw Interrupted() }
    let response: APIResponse
    do {
      response = try await environment.daemon.send(request)
    } catch let error as EngineError where error.code != .unavailable {
      throw DaemonError(status: 0, message: error.message)
    } catch {
      throw unreachable
    }
    if state.withLock({ $0.isInterrupted }) {
      if case .stream(let stream) = response.body { stream.closeReading() }
      throw Interrupted()
    }
    if let message = response.errorMessage {
      throw DaemonError(
        status: response.status,
        message: message.isEmpty ? "Error: request returned status \(response.status)" : message)
    }
    return response
  }

  /// What users read when nothing answers.
  var unreachable: DaemonError {
    DaemonError(
      status: 0,
      message: "Cannot connect to the Docker daemon at \(environment.daemonHost). Is the docker daemon running?")
  }

  /// Every command greets the daemon first, to agree on an API version; failures show in what follows.
  private func ping() async {
    let isFirst = state.withLock { state -> Bool in
      defer { state.hasPinged = true }
      return !state.hasPinged
    }
    if isFirst { _ = try? await environment.daemon.send(APIRequest("HEAD", "/_ping")) }
  }

  /// Greets the daemon where the genuine client does so before it asks anything.
  func greet() async { await ping() }

  /// The JSON of an answer, whole, however it comes.
  func json(_ request: APIRequest) async throws -> JSON {
    let response = try await send(request)
    if case .stream(let stream) = response.body { closeOnInterrupt(stream) }
    return try await Session.json(response)
  }

  static func json(_ response: APIResponse) async throws -> JSON {
    switch response.body {
    case .json(let json):
      if case .encoded(let encoded) = json { return try parse(encoded.bytes) }
      return json
    case .text(let text): return text.isEmpty ? .null : try parse(Array(text.utf8))
    case .stream(let stream):
      let bytes = await stream.readAll()
      return bytes.isEmpty ? .null : try parse(bytes)
    case .none, .hijacked: return .null
    }
  }

  private static func parse(_ bytes: [UInt8]) throws -> JSON {
    do { return try JSON(parsing: bytes) } catch { throw CommandError("Error reading remote info: \(error)") }
  }

  /// The bytes of an answer as they come.
  func stream(_ request: APIRequest) async throws -> ByteChannel {
    let response = try await send(request)
    let channel: ByteChannel
    switch response.body {
    case .stream(let stream): channel = stream
    case .hijacked(let duplex): channel = duplex.input
    case .json(let json):
      channel = ByteChannel(capacity: .max)
      channel.push(Array((json.text + "\n").utf8))
      channel.closeWriting()
    case .text(let text):
      channel = ByteChannel(capacity: .max)
      channel.push(Array(text.utf8))
      channel.closeWriting()
    case .none:
      channel = ByteChannel()
      channel.closeWriting()
    }
    closeOnInterrupt(channel)
    return channel
  }

  // MARK: Interrupts

  /// A stream that nobody wants any more when the user interrupts the command.
  func closeOnInterrupt(_ stream: ByteChannel) {
    let isInterrupted = state.withLock { state -> Bool in
      state.streams.append(stream)
      return state.isInterrupted
    }
    if isInterrupted { stream.closeReading() }
  }

  /// While set, signals and new sizes go to `handler`; it answers false for what should end the command after all.
  func onInterrupt(_ handler: (@Sendable (ClientInterrupt) -> Bool)?) {
    state.withLock { $0.handler = handler }
  }

  /// Runs `body`; Ctrl-C ends it at once with status 130, also when it waits for something that never comes.
  func supervise(_ body: @escaping @Sendable () async -> Int32) async -> Int32 {
    let outcome = OneShot<Int32>()
    let work = world.spawn { outcome.resolve(await body()) }
    let interrupts = environment.interrupts
    let watcher = world.spawn { [weak self] in
      for await interrupt in interrupts {
        guard let self else { return }
        if let handler = state.withLock({ $0.handler }), handler(interrupt) { continue }
        guard case .signal(let number) = interrupt else { continue }
        let streams = state.withLock { state in
          state.isInterrupted = true
          return state.streams
        }
        for stream in streams { stream.closeReading() }
        outcome.resolve(128 + number)
        work.cancel()
        return
      }
    }
    let status = await outcome.value()
    watcher.cancel()
    return status
  }
}

/// A value that comes once; anybody may wait for it.
final class OneShot<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var waiters: [CheckedContinuation<Value, Never>] = []
  }
  private let state = Mutex(State())

  /// The first value counts; true for it.
  @discardableResult
  func resolve(_ value: Value) -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Value, Never>]? in
      guard state.value == nil else { return nil }
      state.value = value
      defer { state.waiters = [] }
      return state.waiters
    }
    guard let waiters else { return false }
    for waiter in waiters { waiter.resume(returning: value) }
    return true
  }

  func value() async -> Value {
    await withCheckedContinuation { continuation in
      let now = state.withLock { state -> Value? in
        if state.value == nil { state.waiters.append(continuation) }
        return state.value
      }
      if let now { continuation.resume(returning: now) }
    }
  }

  /// The value, when it is there already.
  var current: Value? { state.withLock { $0.value } }
}
