import Glibc
import OCISpec
import Seams

/// Where a thread reads a blob from.
protocol BlobSource: Sendable {
  /// Fills the buffer; fewer bytes only at the end. Blocks.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// From a file.
final class FileSource: BlobSource {
  private let file: OpenFile
  private let offset = Monitor<Int64>(0)

  init(_ file: OpenFile) {
    self.file = file
    posix_fadvise(file.fd, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try offset.withLock { offset in
      let count = try file.read(into: buffer, at: offset)
      offset += Int64(count)
      return count
    }
  }
}

/// From any store, whose pieces a task fetches and a thread reads: a queue of two pieces between them.
final class PumpedSource: BlobSource {
  private struct State {
    var pieces: [[UInt8]] = []
    /// How much of the first piece was read.
    var start = 0
    var isFinished = false
    var failure: (any Error)?
    var isAbandoned = false
    var pump: CheckedContinuation<Void, Never>?

    mutating func wakePump() {
      pump?.resume()
      pump = nil
    }
  }
  private let state = Monitor(State())

  /// Fetches the blob until it ends or nobody reads it any more.
  func pump(_ digest: Digest, from store: any BlobStore) async {
    var offset: Int64 = 0
    await pump {
      let piece = try await store.read(digest, offset: offset, count: 1 << 20)
      offset += Int64(piece.count)
      return piece.isEmpty ? nil : piece
    }
  }

  /// Fetches pieces until there are no more or nobody reads them any more.
  func pump(_ fetch: () async throws -> [UInt8]?) async {
    do {
      while true {
        let piece = try await fetch()
        let isOver = state.update { state -> Bool in
          if let piece { state.pieces.append(piece) } else { state.isFinished = true }
          return state.isFinished || state.isAbandoned
        }
        if isOver { return }
        await withCheckedContinuation { continuation in
          state.withLock { state in
            if state.pieces.count < 2 || state.isAbandoned { continuation.resume() } else { state.pump = continuation }
          }
        }
      }
    } catch {
      state.update { ($0.isFinished, $0.failure) = (true, error) }
    }
  }

  /// Nobody reads any more.
  func abandon() {
    state.update { state in
      state.isAbandoned = true
      state.wakePump()
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    while count < buffer.count {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      let taken = try state.wait { state -> Int? in
        if let piece = state.pieces.first {
          let bytes = piece[state.start...].prefix(room.count)
          room.copyBytes(from: bytes)
          state.start += bytes.count
          if state.start == piece.count {
            state.pieces.removeFirst()
            state.start = 0
            state.wakePump()
          }
          return bytes.count
        }
        if let failure = state.failure { throw failure }
        return state.isFinished || state.isAbandoned ? 0 : nil
      }
      if taken == 0 { break }
      count += taken
    }
    return count
  }
}
