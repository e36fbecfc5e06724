import Glibc

/// A few buffers that one thread fills in order and several others each read in order: how the steps of unpacking
/// overlap in flat memory. A buffer is filled again once everybody has read it.
final class ChunkRing: Sendable {
  private struct State {
    /// How many chunks were ever published, and how many each reader is done with.
    var published = 0
    var done: [Int]
    var sizes: [Int]
    var isFinished = false
    var failure: (any Error)?
    /// Somebody gave up: nobody needs the rest.
    var isCancelled = false
  }
  private let state: Monitor<State>
  /// The buffers, one behind the other. `nonisolated(unsafe)`: a pointer; who may touch which part is decided by
  /// `state`.
  private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer
  private let count: Int
  private let size: Int

  init(chunks count: Int = 12, of size: Int = 1 << 18, readers: Int) {
    (self.count, self.size) = (count, size)
    memory = .allocate(byteCount: count * size, alignment: 4096)
    state = Monitor(State(done: Array(repeating: 0, count: readers), sizes: Array(repeating: 0, count: count)))
  }

  deinit { memory.deallocate() }

  // MARK: The writer

  /// The next buffer to fill, when there is one free; nil when nobody reads any more.
  func claim() -> UnsafeMutableRawBufferPointer? {
    let index = state.wait { state -> Int?? in
      if state.isCancelled { return .some(nil) }
      guard state.published - (state.done.min() ?? 0) < count else { return nil }
      return .some(state.published % count)
    }
    guard let index else { return nil }
    return UnsafeMutableRawBufferPointer(rebasing: memory[(index * size)..<((index + 1) * size)])
  }

  /// Hands the claimed buffer on, with this many bytes in it.
  func publish(_ bytes: Int) {
    state.update { state in
      state.sizes[state.published % count] = bytes
      state.published += 1
    }
  }

  /// Nothing follows: the end, or why there is none.
  func finish(_ failure: (any Error)? = nil) {
    state.update { state in
      if state.isFinished { return }
      (state.isFinished, state.failure) = (true, failure)
    }
  }

  // MARK: Readers

  /// The next chunk for reader `reader`, valid until it asks again. Nil at the end; throws what the writer met, and
  /// CancellationError when somebody gave up.
  func next(_ reader: Int, isFirst: Bool) throws -> UnsafeRawBufferPointer? {
    if !isFirst { state.update { $0.done[reader] += 1 } }
    let found = try state.wait { state -> (index: Int, size: Int)?? in
      if state.isCancelled { throw CancellationError() }
      if state.done[reader] < state.published {
        let index = state.done[reader] % count
        return .some((index, state.sizes[index]))
      }
      guard state.isFinished else { return nil }
      if let failure = state.failure { throw failure }
      return .some(nil)
    }
    guard let found else { return nil }
    return UnsafeRawBufferPointer(rebasing: memory[(found.index * size)..<(found.index * size + found.size)])
  }

  func cancel() { state.update { $0.isCancelled = true } }
}

/// Bytes that come piece by piece; each piece is valid until the next is asked for.
protocol PieceSource: AnyObject {
  /// Nil at the end.
  func next() throws -> UnsafeRawBufferPointer?
}

/// One reader's view of a ring.
final class ChunkReader: PieceSource {
  private let ring: ChunkRing
  private let number: Int
  private var isFirst = true

  init(_ ring: ChunkRing, _ number: Int) { (self.ring, self.number) = (ring, number) }

  func next() throws -> UnsafeRawBufferPointer? {
    defer { isFirst = false }
    return try ring.next(number, isFirst: isFirst)
  }
}
