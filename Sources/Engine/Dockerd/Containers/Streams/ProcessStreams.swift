import Seams
import Synchronization

/// The FIFOs of one process of a container: dockerd makes them, the shim opens their other ends.
///
/// Output goes to a consumer as it comes; whoever must know that all of it has been seen waits for the end.
final class ProcessStreams: Sendable {
  let stdinPath: String
  let stdoutPath: String
  let stderrPath: String
  private let fifos: any FIFOs

  private struct State {
    var open = 0
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  /// FIFOs `FOLDER/PROCESS-stdout` and so on; a terminal has no standard error of its own.
  init(fifos: any FIFOs, folder: String, process: String, stdin: Bool, terminal: Bool) throws {
    self.fifos = fifos
    stdoutPath = "\(folder)/\(process)-stdout"
    stdinPath = stdin ? "\(folder)/\(process)-stdin" : ""
    stderrPath = terminal ? "" : "\(folder)/\(process)-stderr"
    for path in [stdinPath, stdoutPath, stderrPath] where !path.isEmpty { try fifos.make(path) }
  }

  var stdin: ByteChannel? { stdinPath.isEmpty ? nil : fifos.channel(stdinPath) }

  /// Reads both outputs until their ends.
  func pump(
    world: any World, _ consume: @escaping @Sendable (StreamMultiplexer.Stream, [UInt8]) async -> Void,
    finish: @escaping @Sendable (StreamMultiplexer.Stream) async -> Void = { _ in }
  ) {
    let outputs: [(StreamMultiplexer.Stream, ByteChannel)] = [(.stdout, stdoutPath), (.stderr, stderrPath)]
      .compactMap { stream, path in
        path.isEmpty ? nil : fifos.channel(path).map { (stream, $0) }
      }
    state.withLock { $0.open = outputs.count }
    for (stream, channel) in outputs {
      world.spawn {
        while let bytes = await channel.read() { await consume(stream, bytes) }
        await finish(stream)
        self.ended()
      }
    }
  }

  private func ended() {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.open -= 1
      guard state.open <= 0 else { return [] }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Waits until all output has been consumed, `timeout` nanoseconds at most: a process that left the container with
  /// its output open must not hold up the end.
  func wait(timeout: UInt64, world: any World) async {
    if state.withLock({ $0.open <= 0 }) { return }
    let timer = world.spawn {
      guard (try? await world.sleep(timeout)) != nil else { return }
      self.giveUp()
    }
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state -> Bool in
        if state.open <= 0 { return true }
        state.waiters.append(continuation)
        return false
      }
      if isDone { continuation.resume() }
    }
    timer.cancel()
  }

  private func giveUp() {
    let waiters = state.withLock { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// The FIFOs are no longer needed.
  func remove() {
    for path in [stdinPath, stdoutPath, stderrPath] where !path.isEmpty { fifos.remove(path) }
  }
}
