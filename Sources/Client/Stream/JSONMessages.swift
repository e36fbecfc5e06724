import JSONTree
import Seams

/// Shows the messages of pull, push, load and import as docker does: on a terminal each layer has its line, redrawn in
/// place; otherwise there is a line for each change that is no mere progress (moby, pkg/jsonmessage).
struct JSONMessages: Sendable {
  let isTerminal: Bool
  let columns: Int
  private var lines: [String: Int] = [:]
  /// What stands in the lines that are drawn over, on a terminal.
  private(set) var held: [String] = []

  init(isTerminal: Bool, columns: Int) { (self.isTerminal, self.columns) = (isTerminal, columns) }

  /// What to print for one message. Throws what the daemon says went wrong.
  ///
  /// - Parameter now: seconds since 1970, for the time that is left.
  mutating func show(_ message: JSON, now: Int64) throws(CommandError) -> String {
    if message["aux"] != nil { return "" }
    let id = message.text("id")
    let progress = message["progressDetail"]
    let old = message.text("progress")
    var out = ""
    var difference = 0
    if !id.isEmpty, progress != nil || !old.isEmpty {
      if lines[id] == nil {
        lines[id] = lines.count
        if isTerminal {
          out += "\n"
          held.append("")
        }
      }
      difference = lines.count - (lines[id] ?? 0)
      if isTerminal, difference > 0 { out += "\u{1b}[\(difference)A" }
    } else {
      lines = [:]
      held = []
    }
    if message["errorDetail"] != nil || message["error"] != nil {
      let detail = message.text("errorDetail", "message")
      throw CommandError(detail.isEmpty ? message.text("error") : detail)
    }
    let drawn = text(message, id: id, progress: progress, old: old, now: now)
    out += drawn
    if isTerminal, let line = lines[id], line < held.count {
      held[line] = drawn.replacing("\u{1b}[2K", with: "").filter { $0 != "\r" && $0 != "\n" }
    }
    if isTerminal, !id.isEmpty, difference > 0 { out += "\u{1b}[\(difference)B" }
    return out
  }

  private func text(_ message: JSON, id: String, progress: JSON?, old: String, now: Int64) -> String {
    let stream = message.text("stream")
    var head = id.isEmpty ? "" : "\(id): "
    if !message.text("from").isEmpty { head += "(from \(message.text("from"))) " }
    head += message.text("status")
    if let progress {
      let bar = JSONMessages.bar(progress, columns: columns, now: now)
      if isTerminal, stream.isEmpty {
        // A line must not wrap, or the cursor would come back to the wrong one.
        return "\u{1b}[2K\r" + "\(head) \(bar)".prefix(max(1, columns - 1)) + "\r"
      }
      if !bar.isEmpty, !isTerminal { return "" }
    }
    if progress == nil, !old.isEmpty, !isTerminal { return "\(head) \(old)" }
    if !stream.isEmpty { return (id.isEmpty ? "" : "\(id): ") + stream }
    return head + "\n"
  }

  /// `[=====>      ]  1.2MB/3.4MB`; the bar only where more than 110 columns are.
  static func bar(_ progress: JSON, columns: Int, now: Int64) -> String {
    let (current, total) = (progress.number("current"), progress.number("total"))
    let units = progress.text("units")
    if current <= 0, total <= 0 { return "" }
    func size(_ bytes: Int64) -> String { Sizes.human(bytes) }
    if total <= 0 { return units.isEmpty ? size(current).padded(left: 8) : "\(current) \(units)" }
    let percentage = min(50, max(0, Int(clamped: Double(current) / Double(total) * 100) / 2))
    var out = ""
    if columns > 110 {
      out += "[" + String(repeating: "=", count: percentage) + ">"
      out += String(repeating: " ", count: 50 - percentage) + "] "
    }
    if !progress.flag("hidecounts") {
      if units.isEmpty {
        out += size(current).padded(left: 8) + (current > total ? "" : "/" + size(total))
      } else {
        out += current > total ? "\(current) \(units)" : "\(current)/\(total) \(units)"
      }
    }
    let start = progress.number("start")
    if current > 0, start > 0, percentage < 50, columns > 50 {
      let each = Double(max(0, now - start)) / Double(current)
      out += " " + GoDuration.text(Int64(clamped: each * Double(total - current)) &* 1_000_000_000)
    }
    return out
  }
}

extension Int64 {
  init(clamped value: Double) { self = Int64(Int(clamped: value)) }
}

/// Where messages of the daemon go.
enum ProgressTarget: Sendable {
  case output, error, nowhere
}

extension Session {
  /// Reads the daemon's messages to their end and shows them.
  ///
  /// - Returns: the `aux` values, which programs read.
  @discardableResult
  func showMessages(_ stream: ByteChannel, on target: ProgressTarget) async throws -> [JSON] {
    let clientStream: ClientStream = target == .error ? .error : .output
    var messages = JSONMessages(
      isTerminal: target != .nowhere && environment.isTerminal(clientStream), columns: environment.terminalSize.columns)
    var lines = JSONLines()
    var aux: [JSON] = []
    func show(_ message: JSON) async throws {
      if let value = message["aux"] { aux.append(value) }
      let text = try messages.show(message, now: Int64(clamping: environment.unixTime / 1_000_000_000))
      if target != .nowhere { try await draw(Array(text.utf8), to: clientStream, holding: messages.held) }
    }
    let result: Result<Void, any Error>
    do {
      while let bytes = await stream.read() {
        for message in try lines.add(bytes) { try await show(message) }
      }
      for message in try lines.finish() { try await show(message) }
      result = .success(())
    } catch { result = .failure(error) }
    // What comes now goes below.
    if !messages.held.isEmpty { await environment.draw([], to: clientStream, holding: []) }
    try result.get()
    return aux
  }
}

/// JSON values that come one a line.
struct JSONLines: Sendable {
  private var buffer: [UInt8] = []
  /// No message is longer than this.
  private static let limit = 64 << 20

  mutating func add(_ bytes: [UInt8]) throws(CommandError) -> [JSON] {
    buffer += bytes
    var values: [JSON] = []
    var start = 0
    while let end = buffer[start...].firstIndex(of: 0x0a) {
      if let value = try parse(buffer[start..<end]) { values.append(value) }
      start = end + 1
    }
    if start > 0 { buffer.removeFirst(start) }
    guard buffer.count < JSONLines.limit else { throw CommandError("message of the daemon too long") }
    return values
  }

  /// What stands behind the last line end.
  mutating func finish() throws(CommandError) -> [JSON] {
    defer { buffer = [] }
    return try parse(buffer[...]).map { [$0] } ?? []
  }

  private func parse(_ line: ArraySlice<UInt8>) throws(CommandError) -> JSON? {
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { return nil }
    do { return try JSON(parsing: Array(line)) } catch { throw CommandError("\(error)") }
  }
}
