import Seams
import Synchronization

/// The output of a process, to whoever is attached at that moment.
final class StreamHub: Sendable {
  /// One who is attached.
  struct Sink: Sendable {
    var channel: ByteChannel
    var stdout: Bool
    var stderr: Bool
    /// Both streams in one, framed; false for a terminal.
    var isMultiplexed: Bool
    /// Told when the output has ended.
    var ended: @Sendable () -> Void = {}
  }

  private struct State {
    var sinks: [(id: Int, sink: Sink)] = []
    var next = 0
  }
  private let state = Mutex(State())

  /// From now on `sink` gets the output; the number detaches it.
  func attach(_ sink: Sink) -> Int {
    state.withLock { state in
      state.next += 1
      state.sinks.append((state.next, sink))
      return state.next
    }
  }

  /// `id` gets nothing more; its channel ends.
  func detach(_ id: Int) {
    let sink = state.withLock { state -> Sink? in
      guard let index = state.sinks.firstIndex(where: { $0.id == id }) else { return nil }
      return state.sinks.remove(at: index).sink
    }
    sink?.channel.closeWriting()
    sink?.ended()
  }

  /// Hands a chunk to all who want that stream. Waits for slow readers, as a pipe does.
  func publish(_ stream: StreamMultiplexer.Stream, _ bytes: [UInt8]) async {
    let sinks = state.withLock { $0.sinks }
    guard !sinks.isEmpty else { return }
    for (id, sink) in sinks where stream == .stderr ? sink.stderr : sink.stdout {
      let chunk = sink.isMultiplexed ? StreamMultiplexer.frame(stream, bytes) : bytes
      if await !sink.channel.write(chunk) { detach(id) }
    }
  }

  /// The output has ended: all are told.
  func close() {
    let sinks = state.withLock { state in
      defer { state.sinks = [] }
      return state.sinks
    }
    for (_, sink) in sinks {
      sink.channel.closeWriting()
      sink.ended()
    }
  }
}
