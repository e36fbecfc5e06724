import Synchronization

/// One line of a container's log.
struct LogEntry: Sendable, Hashable {
  /// `stdout`, `stderr`.
  var stream: String
  /// Nanoseconds since 1970.
  var time: UInt64
  /// With its newline, unless the line goes on in the next entry.
  var line: [UInt8]
  /// `labels`, `env` and `tag` options: what `--details` shows.
  var attributes: [String: String] = [:]

  var isPartial: Bool { line.last != 0x0a }
}

/// Breaks the output of a process into lines, as moby's log copier does: a line longer than 16 KiB, and the rest at
/// the end, are entries without a newline.
struct LogLines: Sendable {
  static let longest = 16 * 1024
  private var pending: [UInt8] = []

  /// The entries that `bytes` complete.
  mutating func add(_ bytes: [UInt8]) -> [[UInt8]] {
    // Most writes are whole lines.
    if pending.isEmpty, bytes.count <= LogLines.longest, bytes.last == 0x0a,
      bytes.firstIndex(of: 0x0a) == bytes.count - 1
    {
      return [bytes]
    }
    pending += bytes
    var lines: [[UInt8]] = []
    var start = 0
    while let newline = pending[start...].firstIndex(of: 0x0a) {
      var from = start
      while newline + 1 - from > LogLines.longest {
        lines.append(Array(pending[from..<(from + LogLines.longest)]))
        from += LogLines.longest
      }
      lines.append(Array(pending[from...newline]))
      start = newline + 1
    }
    while pending.count - start >= LogLines.longest {
      lines.append(Array(pending[start..<(start + LogLines.longest)]))
      start += LogLines.longest
    }
    pending.removeFirst(start)
    return lines
  }

  /// What is left at the end of the output.
  mutating func finish() -> [UInt8]? {
    defer { pending = [] }
    return pending.isEmpty ? nil : pending
  }
}

/// The unfinished lines of both streams of a process.
final class LogLineBuffers: Sendable {
  private let buffers = Mutex((stdout: LogLines(), stderr: LogLines()))

  func add(_ stream: StreamMultiplexer.Stream, _ bytes: [UInt8]) -> [[UInt8]] {
    buffers.withLock { stream == .stderr ? $0.stderr.add(bytes) : $0.stdout.add(bytes) }
  }

  func finish(_ stream: StreamMultiplexer.Stream) -> [UInt8]? {
    buffers.withLock { stream == .stderr ? $0.stderr.finish() : $0.stdout.finish() }
  }
}
