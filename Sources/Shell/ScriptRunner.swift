#if canImport(Glibc)
  import Glibc
#endif

/// Commands from a file or standard input, without a prompt.
public enum ScriptRunner {
  /// Carries out each line of `path` (`-`: standard input) as it comes. The exit status of the last command;
  /// `failFast` ends at the first that fails.
  public static func run(_ session: Session, path: String, failFast: Bool) -> Int32 {
    Interrupts.install()
    let descriptor = path == "-" ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      session.complain("cannot read the script \(path): \(String(cString: strerror(errno)).lowercased())")
      return 2
    }
    defer { close(descriptor) }
    var lines = ScriptLines(descriptor: descriptor)
    var pending = ""
    while !session.isLeaving, !session.output.isOutputClosed, let line = lines.next() {
      if Interrupts.take() { break }
      pending += line
      if case .needsMore(let soFar) = Continuation.state(of: pending), pending.utf8.count < ScriptLines.longest {
        pending = soFar
        continue
      }
      let status = session.execute(pending)
      pending = ""
      if failFast, status != 0 { break }
    }
    if !pending.isEmpty, !session.isLeaving { session.execute(pending) }
    return session.finish()
  }
}

/// Splits what a descriptor gives into lines, as it comes. Bytes that are no UTF-8 are replaced.
struct ScriptLines {
  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0
  private var isAtEnd = false
  /// A longer line is handed over in pieces of this size, which the session refuses.
  static let longest = 4 << 20

  init(descriptor: Int32) { self.descriptor = descriptor }

  mutating func next() -> String? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: 10) {
        defer { start = end + 1 }
        return String(decoding: buffer[start..<end], as: UTF8.self)
      }
      if isAtEnd || buffer.count - start > ScriptLines.longest {
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        return String(decoding: buffer[start...], as: UTF8.self)
      }
      buffer.removeFirst(start)
      start = 0
      searched = buffer.count
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        buffer.append(contentsOf: chunk[..<count])
      } else if count == 0 || errno != EINTR {
        isAtEnd = true
      }
    }
  }
}
