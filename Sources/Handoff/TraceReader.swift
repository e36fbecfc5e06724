#if canImport(Glibc)
  import Glibc
#endif
import JSONTree

/// Reads a trace from a file, line by line, in flat memory.
///
/// A trace is valid up to its last whole line: a last line without a line feed that cannot be read ends it quietly;
/// `damage` says when a line in the midst could not be read, and reading ends there.
public final class TraceReader {
  public let header: TraceHeader
  public let path: String
  /// Why reading ended before the end of the file.
  public private(set) var damage: String?
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0
  private var atEnd = false
  private var lineNumber = 0

  /// Opens `path` (`-` is standard input) and reads the header.
  public init(path: String) throws(TraceError) {
    self.path = path
    if path == "-" {
      descriptor = dup(0)
    } else {
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
    }
    guard descriptor >= 0 else {
      throw TraceError("cannot open the trace \(path): \(String(cString: strerror(errno)))")
    }
    var lines = LineBuffer(descriptor: descriptor)
    guard let first = lines.next() else {
      close(descriptor)
      throw TraceError("\(path): not a Drydock trace: the file is empty")
    }
    do throws(TraceError) { header = try TraceHeader(line: first) } catch {
      close(descriptor)
      throw TraceError("\(path): \(error.description)")
    }
    (buffer, start, atEnd) = (lines.buffer, lines.start, lines.atEnd)
    lineNumber = 1
  }

  deinit { close(descriptor) }

  /// The next record; nil at the end.
  public func next() -> TraceRecord? {
    guard let line = nextLine() else { return nil }
    do throws(TraceError) {
      return try TraceRecord(line: line.bytes)
    } catch {
      if line.isWhole {
        damage = "\(path): line \(lineNumber) cannot be read: \(error.description); the rest is left out"
      }
      atEnd = true
      start = buffer.count
      return nil
    }
  }

  /// The next line as it stands.
  public func nextLine() -> (bytes: ArraySlice<UInt8>, isWhole: Bool)? {
    var lines = LineBuffer(descriptor: descriptor, buffer: buffer, start: start, atEnd: atEnd)
    buffer = []
    defer { (buffer, start, atEnd) = (lines.buffer, lines.start, lines.atEnd) }
    while let line = lines.next() {
      lineNumber += 1
      if line.isEmpty { continue }
      return (line, lines.lastWasWhole)
    }
    return nil
  }
}

/// Splits what a descriptor gives into lines.
struct LineBuffer {
  let descriptor: Int32
  var buffer: [UInt8] = []
  var start = 0
  var atEnd = false
  var lastWasWhole = true
  /// A line longer than this is given out in pieces, which no reader takes for a record.
  static let longest = 64 << 20

  mutating func next() -> ArraySlice<UInt8>? {
    var searched = start
    while true {
      let found: Int? = buffer.withUnsafeBytes { bytes in
        guard searched < bytes.count, let base = bytes.baseAddress else { return nil }
        guard let hit = memchr(base + searched, 10, bytes.count - searched) else { return nil }
        return base.distance(to: UnsafeRawPointer(hit))
      }
      if let found {
        defer { start = found + 1 }
        lastWasWhole = true
        return buffer[start..<found]
      }
      if atEnd || buffer.count - start > LineBuffer.longest {
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        lastWasWhole = false
        return buffer[start...]
      }
      searched = buffer.count - start
      buffer.removeFirst(start)
      start = 0
      fill()
    }
  }

  private mutating func fill() {
    let chunk = 1 << 16
    let old = buffer.count
    buffer.reserveCapacity(old + chunk)
    var piece = [UInt8](repeating: 0, count: chunk)
    let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, chunk) }
    if count <= 0 {
      atEnd = true
    } else {
      buffer.append(contentsOf: piece[0..<count])
    }
  }
}
