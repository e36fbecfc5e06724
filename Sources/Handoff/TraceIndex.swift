#if canImport(Glibc)
  import Glibc
#endif
import JSONTree

/// Random access to a trace: the offsets of its lines, found as far as anybody has looked.
public final class TraceIndex {
  public let header: TraceHeader
  private let descriptor: Int32
  private var offsets: [UInt64] = []
  private var scanned: UInt64 = 0
  private var isComplete = false

  /// Opens the trace at `path`; pipes cannot be replayed, since replay goes back.
  public init(path: String) throws(TraceError) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TraceError("cannot open the trace \(path): \(String(cString: strerror(errno)))")
    }
    header = try TraceReader(path: path).header
    extend()
    // The first line is the header.
    if !offsets.isEmpty { offsets.removeFirst() }
  }

  deinit { close(descriptor) }

  /// Record number `position`, from 0; nil beyond the last, or where the trace is damaged.
  public func record(at position: Int) -> TraceRecord? {
    while !isComplete, position + 1 >= offsets.count { extend() }
    guard position >= 0, position < offsets.count else { return nil }
    let end = position + 1 < offsets.count ? offsets[position + 1] : scanned
    let length = Int(end - offsets[position])
    guard length > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: length)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, length, off_t(offsets[position])) }
    guard count == length else { return nil }
    return try? TraceRecord(line: bytes)
  }

  /// How many records there are; reads to the end.
  public var count: Int {
    while !isComplete { extend() }
    return offsets.count
  }

  /// Looks one megabyte further.
  private func extend() {
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    let count = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(scanned)) }
    guard count > 0 else {
      isComplete = true
      // What follows the last line feed is a line only when something stands there.
      if let last = offsets.last, last >= scanned { offsets.removeLast() }
      return
    }
    if scanned == 0, offsets.isEmpty { offsets.append(0) }
    for index in 0..<count where chunk[index] == 10 { offsets.append(scanned + UInt64(index) + 1) }
    scanned += UInt64(count)
  }
}
