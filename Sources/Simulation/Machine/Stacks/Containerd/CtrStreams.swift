import Runtime
import Seams
import Synchronization

/// The FIFOs of a process that ctr starts: it makes them, the shim opens their other ends.
struct CtrStreams: Sendable {
  var stdin = ""
  var stdout = ""
  var stderr = ""
  fileprivate let fifos: SimFIFOs

  fileprivate init(_ fifos: SimFIFOs) { self.fifos = fifos }

  /// The client's streams on the process's; the tasks end when the process's outputs do.
  func copy(_ world: any World, _ io: StackIO) -> [Task<Void, Never>] {
    if let input = fifos.channel(stdin) {
      let typed = io.input()
      world.spawn {
        while let bytes = await typed.read() { guard await input.write(bytes) else { return } }
        input.closeWriting()
      }
    }
    let outputs: [(path: String, write: @Sendable ([UInt8]) async -> Bool)] = [(stdout, io.output), (stderr, io.error)]
    return outputs.compactMap { path, write in
      guard let channel = fifos.channel(path) else { return nil }
      return world.spawn {
        while let bytes = await channel.read() {
          guard await write(bytes) else { return channel.closeReading() }
        }
      }
    }
  }

  /// Reads what a detached process says, and throws it away.
  func drain(_ world: any World) {
    for path in [stdout, stderr] {
      guard let channel = fifos.channel(path) else { continue }
      world.spawn { while await channel.read() != nil {} }
    }
  }

  /// The FIFOs are no longer needed.
  func close() {
    for path in [stdin, stdout, stderr] where path.hasPrefix("/") { fifos.remove(path) }
  }
}

extension Ctr {
  /// FIFOs for a process, `/run/containerd/fifo/NUMBER/ID-stdout` and so on; a log instead, or nothing.
  func streams(_ id: String, terminal: Bool, logURI: String?, isNull: Bool, isDetached: Bool) throws -> CtrStreams {
    let fifos = SimFIFOs(kernel)
    var streams = CtrStreams(fifos)
    if isNull { return streams }
    if let logURI {
      guard logURI.hasPrefix("file://") else { throw ClientFailure("unknown log URI scheme: \(logURI)") }
      (streams.stdout, streams.stderr) = (logURI, logURI)
      return streams
    }
    let folder = "/run/containerd/fifo/\(world.randomBytes(9).map { String($0 % 10) }.joined())"
    streams.stdin = isDetached && !terminal ? "" : "\(folder)/\(id)-stdin"
    streams.stdout = "\(folder)/\(id)-stdout"
    streams.stderr = terminal ? "" : "\(folder)/\(id)-stderr"
    for path in [streams.stdin, streams.stdout, streams.stderr] where !path.isEmpty { try fifos.make(path) }
    return streams
  }

  /// The streams of a task that runs.
  func streams(of process: TaskProcess) -> CtrStreams {
    var streams = CtrStreams(SimFIFOs(kernel))
    (streams.stdin, streams.stdout, streams.stderr) = (process.stdin, process.stdout, process.stderr)
    return streams
  }
}

/// A value that comes later, to one who waits for it.
final class Later<T: Sendable>: Sendable {
  private struct State {
    var result: Result<T, any Error>?
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  /// The first result counts.
  func settle(_ result: Result<T, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.result == nil else { return nil }
      state.result = result
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  func value() async throws -> T {
    await withCheckedContinuation { continuation in
      let isSettled = state.withLock { state -> Bool in
        if state.result != nil { return true }
        state.waiter = continuation
        return false
      }
      if isSettled { continuation.resume() }
    }
    guard let result = state.withLock({ $0.result }) else { throw CancellationError() }
    return try result.get()
  }
}
