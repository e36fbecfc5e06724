import Seams
import Synchronization

/// Standard input of a process: what is written before it runs waits, and reaches it when it starts.
final class StdinPipe: Sendable {
  private struct State {
    var fifo: ByteChannel?
    var pending: [[UInt8]] = []
    var isClosed = false
    var close: (@Sendable () -> Void)?
  }
  private let state = Mutex(State())

  /// The process runs: its FIFO, and what tells containerd that no more will come (Tasks/CloseIO).
  func connect(_ fifo: ByteChannel, close: @escaping @Sendable () -> Void) {
    let (pending, isClosed) = state.withLock { state in
      state.fifo = fifo
      state.close = close
      defer { state.pending = [] }
      return (state.pending, state.isClosed)
    }
    for bytes in pending { fifo.push(bytes) }
    if isClosed {
      fifo.closeWriting()
      close()
    }
  }

  /// False when nobody will read it.
  func write(_ bytes: [UInt8]) async -> Bool {
    let fifo = state.withLock { state -> ByteChannel? in
      guard !state.isClosed else { return nil }
      if state.fifo == nil { state.pending.append(bytes) }
      return state.fifo
    }
    guard let fifo else { return state.withLock { !$0.isClosed } }
    return await fifo.write(bytes)
  }

  /// The end of the input.
  func closeWriting() {
    let (fifo, close) = state.withLock { state -> (ByteChannel?, (@Sendable () -> Void)?) in
      if state.isClosed { return (nil, nil) }
      state.isClosed = true
      return (state.fifo, state.close)
    }
    fifo?.closeWriting()
    close?()
  }

  /// The process has ended; the next one starts with an open input.
  func reset() { state.withLock { $0 = State() } }
}
