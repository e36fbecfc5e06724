import Synchronization

/// One direction of a byte stream inside a process: a pipe, a FIFO, a response body, half a hijacked connection.
///
/// Any number of writers, one reader at a time. Writing waits while more than `capacity` bytes are unread, as a
/// pipe does (pipe(7)).
public final class ByteChannel: Sendable {
  private struct State {
    var chunks: [[UInt8]] = []
    var buffered = 0
    var writeClosed = false
    var readClosed = false
    var reader: CheckedContinuation<Void, Never>?
    var writers: [CheckedContinuation<Void, Never>] = []
    var onUnread: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())
  private let capacity: Int

  public init(capacity: Int = 65_536) { self.capacity = capacity }

  /// Appends bytes. False when nobody will ever read them (EPIPE) or the writing side is closed.
  @discardableResult
  public func write(_ bytes: [UInt8]) async -> Bool {
    if bytes.isEmpty { return !state.withLock { $0.readClosed || $0.writeClosed } }
    while true {
      let full: Bool? = state.withLock { $0.readClosed || $0.writeClosed ? nil : $0.buffered >= capacity }
      guard let full else { return false }
      if !full { return push(bytes) }
      await withCheckedContinuation { continuation in
        let now = state.withLock { state -> Bool in
          if state.readClosed || state.writeClosed || state.buffered < capacity { return true }
          state.writers.append(continuation)
          return false
        }
        if now { continuation.resume() }
      }
    }
  }

  /// Appends bytes without ever waiting.
  @discardableResult
  public func push(_ bytes: [UInt8]) -> Bool {
    let (accepted, reader): (Bool, CheckedContinuation<Void, Never>?) = state.withLock { state in
      guard !state.readClosed, !state.writeClosed else { return (false, nil) }
      guard !bytes.isEmpty else { return (true, nil) }
      state.chunks.append(bytes)
      state.buffered += bytes.count
      defer { state.reader = nil }
      return (true, state.reader)
    }
    reader?.resume()
    return accepted
  }

  /// The next bytes (at most `limit`), as soon as there are some; nil at the end, or when the task is cancelled.
  public func read(_ limit: Int = .max) async -> [UInt8]? {
    while true {
      if let bytes = tryRead(limit) { return bytes.isEmpty ? nil : bytes }
      if Task.isCancelled { return nil }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let now = state.withLock { state -> Bool in
            if !state.chunks.isEmpty || state.writeClosed || state.readClosed || state.reader != nil { return true }
            state.reader = continuation
            return false
          }
          if now { continuation.resume() }
        }
      } onCancel: {
        state.withLock { state in
          defer { state.reader = nil }
          return state.reader
        }?.resume()
      }
    }
  }

  /// What is there already: nil when the reader would have to wait, empty at the end.
  public func tryRead(_ limit: Int = .max) -> [UInt8]? {
    let (bytes, writers): ([UInt8]?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
      guard var first = state.chunks.first else {
        return (state.writeClosed || state.readClosed ? [] : nil, [])
      }
      if first.count > limit {
        state.chunks[0] = Array(first[limit...])
        first = Array(first[..<limit])
      } else {
        state.chunks.removeFirst()
      }
      state.buffered -= first.count
      defer { state.writers = [] }
      return (first, state.writers)
    }
    for writer in writers { writer.resume() }
    return bytes
  }

  /// Everything until the end.
  public func readAll() async -> [UInt8] {
    var all: [UInt8] = []
    while let bytes = await read() { all += bytes }
    return all
  }

  /// No more bytes will come: the reader sees the end after what is buffered.
  public func closeWriting() {
    let (reader, writers) = state.withLock { state in
      state.writeClosed = true
      defer { (state.reader, state.writers) = (nil, []) }
      return (state.reader, state.writers)
    }
    reader?.resume()
    for writer in writers { writer.resume() }
  }

  /// Nobody reads any more: writers see a broken pipe.
  public func closeReading() {
    let (reader, writers, onUnread) = state.withLock { state in
      state.readClosed = true
      (state.chunks, state.buffered) = ([], 0)
      defer { (state.reader, state.writers, state.onUnread) = (nil, [], []) }
      return (state.reader, state.writers, state.onUnread)
    }
    reader?.resume()
    for writer in writers { writer.resume() }
    for body in onUnread { body() }
  }

  /// Calls `body` once, as soon as nobody reads any more: who makes the bytes need not try to write to learn of it.
  public func whenUnread(_ body: @escaping @Sendable () -> Void) {
    let isUnread = state.withLock { state in
      if !state.readClosed { state.onUnread.append(body) }
      return state.readClosed
    }
    if isUnread { body() }
  }

  /// True when no writer will come any more.
  public var isWriteClosed: Bool { state.withLock { $0.writeClosed } }
}

/// Both directions of a connection.
public struct Duplex: Sendable {
  public let input: ByteChannel
  public let output: ByteChannel

  /// `input` is read by the holder, `output` written.
  public init(input: ByteChannel, output: ByteChannel) {
    self.input = input
    self.output = output
  }

  /// The same connection as the other side sees it.
  public var flipped: Duplex { Duplex(input: output, output: input) }
}
