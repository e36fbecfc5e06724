import Synchronization

/// Which entries of a log a client wants, and how they are sent to it.
struct LogFormat: Sendable {
  var stdout: Bool
  var stderr: Bool
  var timestamps: Bool
  /// The attributes of an entry before it.
  var details: Bool
  /// Nanoseconds since 1970.
  var since: UInt64?
  var until: UInt64?
  var isMultiplexed: Bool

  func accepts(_ entry: LogEntry) -> Bool {
    guard entry.stream == "stderr" ? stderr : stdout else { return false }
    if let since, entry.time < since { return false }
    return !isAfter(entry)
  }

  /// Nothing that follows can be wanted.
  func isAfter(_ entry: LogEntry) -> Bool { until.map { entry.time > $0 } ?? false }

  func bytes(_ entry: LogEntry) -> [UInt8] {
    var line: [UInt8] = []
    if timestamps { line += Array((DockerTime.fixed(entry.time) + " ").utf8) }
    if details, !entry.attributes.isEmpty {
      let attributes = entry.attributes.sorted { $0.key < $1.key }.map {
        "\(LogFormat.escaped($0.key))=\(LogFormat.escaped($0.value))"
      }
      line += Array((attributes.joined(separator: ",") + " ").utf8)
    }
    line += entry.line
    guard isMultiplexed else { return line }
    return StreamMultiplexer.frame(entry.stream == "stderr" ? .stderr : .stdout, line)
  }

  /// Go's url.QueryEscape.
  private static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        out.unicodeScalars.append(UnicodeScalar(byte))
      case 0x20: out += "+"
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        out += "%" + (hex.count == 1 ? "0" : "") + hex
      }
    }
    return out
  }
}

/// Holds back what is written to a log while its past is being sent, so that order is kept.
final class FollowGate: Sendable {
  private struct State {
    var isOpen = false
    var held: [LogEntry] = []
    var handle: (@Sendable (LogEntry) -> Void)?
    var end: (@Sendable () -> Void)?
    var id: Int?
  }
  private let state = Mutex(State())

  var id: Int? { state.withLock { $0.id } }

  /// Hands the entry on, or keeps it until `open`.
  func pass(_ entry: LogEntry, _ handle: @escaping @Sendable (LogEntry) -> Void) {
    let isOpen = state.withLock { state in
      if !state.isOpen {
        state.held.append(entry)
        state.handle = handle
      }
      return state.isOpen
    }
    if isOpen { handle(entry) }
  }

  func end(_ end: @escaping @Sendable () -> Void) {
    let isOpen = state.withLock { state in
      if !state.isOpen { state.end = end }
      return state.isOpen
    }
    if isOpen { end() }
  }

  /// The past has been sent.
  func open(_ id: Int?) {
    let (held, handle, end) = state.withLock { state in
      state.isOpen = true
      state.id = id
      defer { (state.held, state.handle, state.end) = ([], nil, nil) }
      return (state.held, state.handle, state.end)
    }
    if let handle { for entry in held { handle(entry) } }
    end?()
  }
}
