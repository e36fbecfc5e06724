import OCISpec
import Seams

/// Writes a diff on three threads: one walks and reads, one hashes, one compresses. What comes out goes to `writer`.
func writeDiff(
  _ mediaType: String, into writer: any BlobWriter, _ comparison: @escaping @Sendable () throws -> SnapshotComparison
) async throws -> AppliedLayer {
  let outgoing = OutgoingPieces()
  do {
    return try await withTaskCancellationHandler {
      async let applied = BlockingPool.pipelines.run {
        do {
          let applied = try compressed(Compression(writing: mediaType), outgoing, comparison)
          outgoing.finish()
          return applied
        } catch {
          outgoing.finish()
          throw error
        }
      }
      do {
        while let piece = await outgoing.next() { try await writer.append(piece) }
      } catch {
        outgoing.abandon()
        _ = try? await applied
        throw error
      }
      return try await applied
    } onCancel: {
      outgoing.abandon()
    }
  } catch {
    throw engineError(error, "failed to write diff")
  }
}

/// Performs it, on the calling thread and two more. Blocks.
private func compressed(
  _ compression: Compression, _ outgoing: OutgoingPieces, _ comparison: () throws -> SnapshotComparison
) throws -> AppliedLayer {
  let ring = ChunkRing(readers: 2)
  let comparison = try comparison()
  let hashed = Monitor<Result<AppliedLayer, any Error>?>(nil)
  let sent = Monitor<Result<Void, any Error>?>(nil)
  let hashing = try BlockingThread {
    let result = Result { try LayerPipeline.hash(ChunkReader(ring, 0)) }
    hashed.update { $0 = result }
  }
  defer {
    ring.cancel()
    hashing.join()
  }
  let sending = try BlockingThread {
    let result = Result { try compress(compression, ChunkReader(ring, 1), outgoing) }
    if case .failure = result { ring.cancel() }
    sent.update { $0 = result }
  }
  do {
    try DiffWriter(comparison, into: ring).run()
    ring.finish()
  } catch {
    ring.finish(error)
    sending.join()
    // Where the other thread failed first, it knows why.
    if error is CancellationError, case .failure(let first)? = sent.withLock({ $0 }) { throw first }
    throw error
  }
  sending.join()
  hashing.join()
  guard let sent = sent.withLock({ $0 }), let hashed = hashed.withLock({ $0 }) else { throw CancellationError() }
  try sent.get()
  return try hashed.get()
}

/// Compresses what `reader` has, on the calling thread.
func compress(_ compression: Compression, _ reader: any PieceSource, _ outgoing: OutgoingPieces) throws {
  if compression == .none {
    while let piece = try reader.next() { try outgoing.put(Array(piece)) }
    return
  }
  var stream = try CompressionStream(compressing: compression)
  let size = 1 << 18
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
  defer { buffer.deallocate() }
  var room = buffer
  func flush() throws {
    let count = size - room.count
    if count > 0 { try outgoing.put(Array(buffer[..<count])) }
    room = buffer
  }
  while let piece = try reader.next() {
    var input = piece
    while !input.isEmpty {
      _ = try stream.step(&input, &room)
      if room.isEmpty { try flush() }
    }
  }
  var nothing = UnsafeRawBufferPointer(start: nil, count: 0)
  while try stream.step(&nothing, &room, isLast: true) == .more { try flush() }
  try flush()
}

/// Pieces that a thread makes and a task takes; the thread waits when four are waiting.
final class OutgoingPieces: Sendable {
  private struct State {
    var pieces: [[UInt8]] = []
    var isFinished = false
    var failure: (any Error)?
    var isAbandoned = false
    var waiting: CheckedContinuation<[UInt8]?, Never>?
  }
  private let state = Monitor(State())

  /// Throws CancellationError when nobody takes them any more.
  func put(_ piece: [UInt8]) throws {
    try state.wait { state -> Void? in
      if state.isAbandoned { throw CancellationError() }
      if let waiting = state.waiting {
        state.waiting = nil
        waiting.resume(returning: piece)
        return ()
      }
      if state.pieces.count >= 4 { return nil }
      state.pieces.append(piece)
      return ()
    }
  }

  /// Nothing follows: the end, or why there is none.
  func finish(_ failure: (any Error)? = nil) {
    state.update { state in
      (state.isFinished, state.failure) = (true, failure)
      state.waiting?.resume(returning: nil)
      state.waiting = nil
    }
  }

  func abandon() {
    state.update { state in
      state.isAbandoned = true
      state.waiting?.resume(returning: nil)
      state.waiting = nil
    }
  }

  /// Why there was an end.
  var failure: (any Error)? { state.withLock { $0.failure } }

  /// Nil at the end, or after `abandon`.
  func next() async -> [UInt8]? {
    await withCheckedContinuation { continuation in
      state.update { state in
        if state.isAbandoned {
          continuation.resume(returning: nil)
        } else if !state.pieces.isEmpty {
          continuation.resume(returning: state.pieces.removeFirst())
        } else if state.isFinished {
          continuation.resume(returning: nil)
        } else {
          state.waiting = continuation
        }
      }
    }
  }
}
