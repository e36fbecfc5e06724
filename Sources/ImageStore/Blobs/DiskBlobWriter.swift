import CLinux
import Glibc
import OCISpec
import Seams
import Synchronization

/// Writes one blob to disk behind the caller's back: `append` hands bytes over and returns, so that what comes from
/// the network, hashing and the disk overlap. What went wrong is said by the next call.
final class DiskBlobWriter: BlobWriter {
  private struct State {
    /// Handed over and not written yet.
    var pending: [[UInt8]] = []
    var pendingBytes = 0
    var isWriting = false
    /// Whoever waits until less is pending, or nothing.
    var waiting: [(limit: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var failure: EngineError?
    /// Nil once it is committed or closed.
    var data: OpenFile?
  }
  /// What only one thread at a time touches: the one that writes, or a call while nothing is pending.
  private struct Written {
    var hash = FastSHA256()
    var offset: Int64 = 0
    /// Up to where the kernel was asked to begin writing to the disk.
    var begun: Int64 = 0
  }
  private static let pendingLimit = 4 << 20
  /// So much is written to the disk while more comes, so that `commit` has little to wait for.
  private static let stretch: Int64 = 8 << 20

  private let store: DiskBlobStore
  private let ref: String
  private let state: Mutex<State>
  private let written: Mutex<Written>

  /// Goes on behind what `data` holds, which is read again to hash it. Blocks.
  init(store: DiskBlobStore, ref: String, data: OpenFile) throws {
    (self.store, self.ref) = (store, ref)
    state = Mutex(State(data: data))
    written = Mutex(try DiskBlobWriter.hashed(data, upTo: .max))
    guard lseek(data.fd, 0, SEEK_END) >= 0 else { throw FileError(errno, "lseek") }
  }

  private static func hashed(_ data: OpenFile, upTo limit: Int64) throws(FileError) -> Written {
    var written = Written()
    if limit == 0 { return written }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { buffer.deallocate() }
    while written.offset < limit {
      let piece = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(Int64(buffer.count), limit - written.offset))])
      let count = try data.read(into: piece, at: written.offset)
      if count == 0 { break }
      written.hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
      written.offset += Int64(count)
    }
    return written
  }

  // MARK: BlobWriter

  func offset() async -> Int64 {
    await settle(0)
    return written.withLock { $0.offset }
  }

  func append(_ bytes: [UInt8]) async throws {
    if bytes.isEmpty { return }
    let mustStart = try state.withLock { state -> Bool in
      if let failure = state.failure { throw failure }
      guard state.data != nil else { throw closed }
      state.pending.append(bytes)
      state.pendingBytes += bytes.count
      if state.isWriting { return false }
      state.isWriting = true
      return true
    }
    if mustStart { store.pool.submit { self.writePending() } }
    await settle(DiskBlobWriter.pendingLimit)
  }

  func truncate(_ size: Int64) async throws {
    guard size >= 0 else { throw EngineError(.invalidArgument, "invalid size \(size): invalid argument") }
    let data = try await settled()
    try await store.pool.run {
      do {
        guard size < self.written.withLock({ $0.offset }) else { return }
        guard ftruncate(data.fd, off_t(size)) == 0, lseek(data.fd, 0, SEEK_END) >= 0 else {
          throw FileError(errno, "truncate")
        }
        let kept = try DiskBlobWriter.hashed(data, upTo: size)
        self.written.withLock { $0 = kept }
      } catch {
        throw engineError(error, "ingest \"\(self.ref)\"")
      }
    }
  }

  func digest() async throws -> Digest {
    _ = try await settled()
    return written.withLock { Digest(sha256Digest: $0.hash.finalize()) }
  }

  @discardableResult
  func commit(_ expected: Digest?) async throws -> Digest {
    let data = try await settled()
    let actual = try await digest()
    if let expected, expected != actual {
      throw EngineError(
        .failedPrecondition, "unexpected commit digest \(actual), expected \(expected): failed precondition")
    }
    try await store.pool.run {
      do { try self.store.commit(self.ref, data, as: actual) } catch {
        throw engineError(error, "ingest \"\(self.ref)\"")
      }
    }
    state.withLock { $0.data = nil }
    return actual
  }

  func close() async {
    await settle(0)
    state.withLock { $0.data = nil }
  }

  // MARK: Behind the caller's back

  private var closed: EngineError { EngineError(.notFound, "ingest \"\(ref)\": not found") }

  /// Returns when at most `limit` bytes are pending.
  private func settle(_ limit: Int) async {
    await withCheckedContinuation { continuation in
      let isSettled = state.withLock { state -> Bool in
        if limit == 0 ? !state.isWriting : state.pendingBytes <= limit { return true }
        state.waiting.append((limit, continuation))
        return false
      }
      if isSettled { continuation.resume() }
    }
  }

  /// The file, with everything written.
  private func settled() async throws -> OpenFile {
    await settle(0)
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      guard let data = state.data else { throw closed }
      return data
    }
  }

  private func writePending() {
    while true {
      let (pieces, data) = state.withLock { state in
        defer { state.pending = [] }
        return (state.pending, state.data)
      }
      if let data, !pieces.isEmpty {
        do {
          for piece in pieces {
            try piece.withUnsafeBytes { bytes in
              try data.write(bytes)
              let ready = written.withLock { written -> Range<Int64>? in
                written.hash.update(bytes)
                written.offset += Int64(bytes.count)
                guard written.offset - written.begun >= DiskBlobWriter.stretch else { return nil }
                defer { written.begun = written.offset }
                return written.begun..<written.offset
              }
              // Only for speed: not every file system can.
              if let ready { _ = clinux_begin_writing(data.fd, Int(ready.lowerBound), ready.count) }
            }
          }
        } catch {
          let failure = engineError(error, "ingest \"\(ref)\"")
          // What was written of a piece is not counted: it goes, or the next writer hashes it.
          ftruncate(data.fd, off_t(written.withLock { $0.offset }))
          state.withLock { $0.failure = failure }
        }
      }
      let count = pieces.reduce(0) { $0 + $1.count }
      let (isOver, ready) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
        if state.failure != nil { state.pending = [] }
        state.pendingBytes = state.pending.isEmpty ? 0 : state.pendingBytes - count
        if state.pending.isEmpty { state.isWriting = false }
        let left = state.isWriting ? state.pendingBytes : 0
        var ready: [CheckedContinuation<Void, Never>] = []
        state.waiting.removeAll { waiting in
          guard waiting.limit == 0 ? !state.isWriting : left <= waiting.limit else { return false }
          ready.append(waiting.continuation)
          return true
        }
        return (!state.isWriting, ready)
      }
      for continuation in ready { continuation.resume() }
      if isOver { return }
    }
  }
}
