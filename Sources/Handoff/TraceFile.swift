#if canImport(Glibc)
  import Glibc
#endif
import JSONTree
import Synchronization
import Threads

/// Writes a trace to a file. Records are encoded on a thread of its own, so that recording costs the engine little;
/// what has happened is in the file whenever the engine waits, and complete after `finish`.
public final class TraceFile: TraceSink {
  private struct State {
    var pending: [TraceRecord] = []
    var isFinishing = false
    var isDone = false
    var failure: String?
  }
  private let state = Mutex(State())
  private let descriptor: Int32
  public let path: String
  /// As many records as are worth a wake-up, and the longest that one waits (nanoseconds).
  private static let batch = 2048
  private static let longestWait = 20_000_000
  private let wake: Signal
  private let done: Signal

  /// Creates (or replaces) the file and writes the header. `truncating: false` appends to a trace of the same header.
  public init(path: String, header: TraceHeader) throws(TraceError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw TraceError("cannot write the trace \(path): \(String(cString: strerror(errno)))")
    }
    wake = Signal()
    done = Signal()
    var writer = JSONWriter()
    writer.write(header.json)
    writer.raw("\n")
    if !TraceFile.writeAll(descriptor, writer.bytes) {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw TraceError("cannot write the trace \(path): \(reason)")
    }
    do { try DetachedThread.start { [self] in drain() } } catch {
      close(descriptor)
      throw TraceError("cannot write the trace \(path): \(error)")
    }
  }

  public func receive(_ record: TraceRecord) {
    // Waking a thread costs more than encoding a record: it wakes by itself often enough, and earlier only for many.
    let isFull = state.withLock { state in
      state.pending.append(record)
      return state.pending.count == TraceFile.batch
    }
    if isFull { wake.post() }
  }

  public func receive(_ call: TraceRecord, _ answer: TraceRecord) {
    let isFull = state.withLock { state in
      state.pending.append(call)
      state.pending.append(answer)
      return state.pending.count == TraceFile.batch || state.pending.count == TraceFile.batch + 1
    }
    if isFull { wake.post() }
  }

  /// Writes what is left and closes the file. The answer says why the trace is incomplete, if it is.
  @discardableResult
  public func finish() -> String? {
    let isFirst = state.withLock { state in
      defer { state.isFinishing = true }
      return !state.isFinishing
    }
    if isFirst {
      wake.post()
      done.wait()
      close(descriptor)
    }
    return state.withLock { $0.failure }
  }

  private func drain() {
    var writer = JSONWriter(reserving: 1 << 20)
    // Two buffers take turns: neither side allocates.
    var batch: [TraceRecord] = []
    batch.reserveCapacity(TraceFile.batch)
    // A trace counts from 1, whenever it began.
    var seq: UInt64 = 0
    while true {
      wake.wait(atMost: TraceFile.longestWait)
      while true {
        let isLast = state.withLock { state in
          swap(&state.pending, &batch)
          return state.isFinishing
        }
        if batch.isEmpty {
          if isLast {
            done.post()
            return
          }
          break
        }
        writer.bytes.removeAll(keepingCapacity: true)
        for record in batch {
          seq += 1
          record.write(line: &writer, seq: seq)
          if writer.bytes.count > 1 << 20 { flush(&writer) }
        }
        flush(&writer)
        batch.removeAll(keepingCapacity: true)
      }
    }
  }

  private func flush(_ writer: inout JSONWriter) {
    if !TraceFile.writeAll(descriptor, writer.bytes) {
      let reason = String(cString: strerror(errno))
      state.withLock { $0.failure = $0.failure ?? "the trace \(path) is incomplete: \(reason)" }
    }
    writer.bytes.removeAll(keepingCapacity: true)
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = write(descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
        if count < 0 {
          if errno == EINTR { continue }
          return false
        }
        offset += count
      }
      return true
    }
  }
}

/// A counting semaphore (sem_overview(7)).
final class Signal: Sendable {
  // sem_t must not move: it lives in memory of its own, and sem_* are made for use by many threads.
  private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>
  init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }
  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }
  func post() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 && errno == EINTR {} }
  /// Waits no longer than `nanoseconds` (sem_timedwait(3)).
  func wait(atMost nanoseconds: Int) {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    deadline.tv_nsec += nanoseconds
    deadline.tv_sec += deadline.tv_nsec / 1_000_000_000
    deadline.tv_nsec %= 1_000_000_000
    while sem_timedwait(semaphore, &deadline) != 0 && errno == EINTR {}
  }
}
