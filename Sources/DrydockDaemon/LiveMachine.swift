#if canImport(Glibc)
  import Glibc
#endif
import Handoff
import Seams
import Simulation
import Synchronization
import Threads

/// A simulated machine that real clients use while real time passes: driven by a thread of its own, its clock follows
/// the world's.
///
/// Virtual time never jumps here, as it does in a script: `sleep 5` takes five seconds, `logs -f` shows a line when it is
/// written, a health check runs when it is due, and the genuine client, which compares the engine's times with its own
/// clock, reads "5 seconds ago". `speed` makes all of it go faster, for tests. When nothing is due the thread sleeps.
public final class LiveMachine: Sendable {
  private struct State {
    var jobs: [@Sendable () -> Void] = []
    var isStopping = false
    var hasEnded = false
    var onEnd: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())
  private let hasNews = Atomic<Bool>(false)
  private let bell = Doorbell()
  /// The machine. Ask it only through `run` once the thread is there.
  public let machine: SimMachine
  private let speed: Double

  /// Virtual time that is made up for at once (nanoseconds, at `speed` 1): in between, clients have their turn.
  private static let stride: Double = 50_000_000
  /// When the simulation cannot keep up by more than this (real nanoseconds), its clock falls behind for good.
  private static let patience: UInt64 = 1_000_000_000

  /// Starts the thread. `speed` is virtual seconds in each real one.
  public init(_ machine: SimMachine, speed: Double = 1) throws(NoThread) {
    self.machine = machine
    self.speed = min(max(speed, 0.001), 1_000_000)
    try DetachedThread.start { [self] in drive() }
  }

  // MARK: From other threads

  /// Has `body` done on the machine's thread, at the time that it is now. False when the machine has been stopped.
  @discardableResult
  public func post(_ body: @escaping @Sendable () -> Void) -> Bool {
    let isAccepted = state.withLock { state in
      if !state.isStopping { state.jobs.append(body) }
      return !state.isStopping
    }
    guard isAccepted else { return false }
    hasNews.store(true, ordering: .releasing)
    bell.ring()
    return true
  }

  /// Runs `body` in the simulated world; its answer. Cancelling the caller cancels it. Nil when the machine has been
  /// stopped.
  public func run<T: Sendable>(_ body: @escaping @Sendable () async -> T) async -> T? {
    let work = Mutex<Task<Void, Never>?>(nil)
    let isCancelled = Atomic<Bool>(false)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isPosted = post { [self] in
          let task = machine.world.spawn { continuation.resume(returning: await body()) }
          work.withLock { $0 = task }
          if isCancelled.load(ordering: .acquiring) { task.cancel() }
        }
        if !isPosted { continuation.resume(returning: nil) }
      }
    } onCancel: {
      isCancelled.store(true, ordering: .releasing)
      post { work.withLock { $0 }?.cancel() }
    }
  }

  /// Ends the thread: what was posted is still done, what waits in the simulated world waits for ever.
  public func stop() async {
    state.withLock { $0.isStopping = true }
    hasNews.store(true, ordering: .releasing)
    bell.ring()
    await withCheckedContinuation { continuation in
      let hasEnded = state.withLock { state in
        if !state.hasEnded { state.onEnd.append(continuation) }
        return state.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  /// The daemon of the machine's stack, for clients outside of the simulated world.
  public func daemon(overTLS isSecure: Bool = false) -> any RemoteAPI { LiveDaemon(live: self, isSecure: isSecure) }

  // MARK: The thread

  private func drive() {
    let world = machine.world
    var pace = LivePace(virtual: world.now, speed: speed)
    while true {
      hasNews.store(false, ordering: .releasing)
      let (jobs, isStopping) = state.withLock { state in
        defer { state.jobs = [] }
        return (state.jobs, state.isStopping)
      }
      let target = pace.target()
      if target > world.now {
        world.advance(min(target - world.now, UInt64(LiveMachine.stride * speed)))
        if pace.realTime(until: world.now) == 0, pace.lag(of: world.now) > LiveMachine.patience {
          pace = LivePace(virtual: world.now, speed: speed)
        }
      }
      for job in jobs { job() }
      if isStopping { break }
      let outcome = world.run(
        until: { hasNews.load(ordering: .acquiring) },
        pace: { [bell] wait in
          // Not longer than what is due: other things may come meanwhile, and the clock is looked at again.
          let real = pace.realTime(until: world.now &+ wait)
          guard real > 0 else { return true }
          let milliseconds = Int32(clamping: min((real + 999_999) / 1_000_000, 60_000))
          return !bell.wait(milliseconds: milliseconds) && pace.realTime(until: world.now &+ wait) == 0
        })
      if outcome == .idle, !hasNews.load(ordering: .acquiring) { bell.wait() }
    }
    // What the last jobs began is let come to rest, as far as it does so by itself.
    world.run(until: { false }, limit: 10_000_000_000)
    state.withLock { state in
      state.hasEnded = true
      defer { state.onEnd = [] }
      return state.onEnd
    }.forEach { $0.resume() }
  }
}

/// Where the virtual clock should be by now.
private struct LivePace {
  private let real: UInt64
  private let virtual: UInt64
  private let speed: Double

  init(virtual: UInt64, speed: Double) {
    (real, self.virtual, self.speed) = (Clock.monotonic, virtual, speed)
  }

  func target() -> UInt64 { virtual &+ UInt64(Double(Clock.monotonic - real) * speed) }

  /// Real nanoseconds until virtual time `time`; 0 when it has come.
  func realTime(until time: UInt64) -> UInt64 {
    guard time > virtual else { return 0 }
    let due = Double(time - virtual) / speed
    let elapsed = Double(Clock.monotonic - real)
    return due <= elapsed ? 0 : UInt64(min(due - elapsed, 1e18))
  }

  /// By how many real nanoseconds virtual time `time` is late.
  func lag(of time: UInt64) -> UInt64 {
    let target = target()
    return target > time ? UInt64(Double(target - time) / speed) : 0
  }
}

/// The simulated daemon as seen from outside: requests go in, and bytes go both ways, at the machine's own time.
private struct LiveDaemon: RemoteAPI {
  let live: LiveMachine
  let isSecure: Bool
  private static let stopped = EngineError(.unavailable, "the engine is shutting down")

  func send(_ request: APIRequest) async throws -> APIResponse {
    var request = request
    if let upload = request.upload { request.upload = inward(upload) }
    let machine = live.machine
    let isSecure = isSecure
    let answer = await live.run { [request] () -> Result<APIResponse, EngineError> in
      do {
        let daemon = isSecure ? machine.remoteDaemon ?? machine.daemon : machine.daemon
        return .success(try await daemon.send(request))
      } catch { return .failure(error as? EngineError ?? EngineError(.unknown, "\(error)")) }
    }
    guard let answer else { throw LiveDaemon.stopped }
    var response = try answer.get()
    switch response.body {
    case .stream(let stream): response.body = .stream(outward(stream))
    case .hijacked(let duplex):
      // `output` is what the client writes: it goes inward.
      let typed = ByteChannel()
      pass(typed, into: duplex.output)
      response.body = .hijacked(Duplex(input: outward(duplex.input), output: typed))
    case .none, .json, .text: break
    }
    return response
  }

  /// What is written outside is read inside.
  private func inward(_ outside: ByteChannel) -> ByteChannel {
    let inside = ByteChannel()
    pass(outside, into: inside)
    return inside
  }

  private func pass(_ outside: ByteChannel, into inside: ByteChannel) {
    let live = live
    inside.whenUnread { outside.closeReading() }
    Task.detached {
      while let bytes = await outside.read() {
        guard await live.run({ await inside.write(bytes) }) ?? false else { break }
      }
      outside.closeReading()
      live.post { inside.closeWriting() }
    }
  }

  /// What is written inside is read outside.
  private func outward(_ inside: ByteChannel) -> ByteChannel {
    let outside = ByteChannel()
    let live = live
    outside.whenUnread { live.post { inside.closeReading() } }
    Task.detached {
      while let bytes = await live.run({ await inside.read(1 << 16) }) ?? nil {
        guard await outside.write(bytes) else { break }
      }
      outside.closeWriting()
    }
    return outside
  }
}
