import Handoff
import JSONTree
import Teaching

/// `drydock trace show|diff|verify|export`: reading traces, record by record, in flat memory.
public enum TraceTool {
  /// Buffered output that ends quietly when its reader has gone (`| head`).
  struct Output {
    private var buffer: [UInt8] = []
    private(set) var isClosed = false
    private var hasFlushed = false
    mutating func write(_ text: String) {
      buffer.append(contentsOf: text.utf8)
      // The first lines go out at once, so that a reader of a long trace sees something.
      if buffer.count > 1 << 16 || (!hasFlushed && buffer.count > 2048) { flush() }
    }
    mutating func flush() {
      hasFlushed = true
      if !isClosed, !Terminal.write(1, buffer) { isClosed = true }
      buffer.removeAll(keepingCapacity: true)
    }
  }

  /// How a trace is shown.
  public struct Style: Sendable {
    public var level: Int
    public var only: Set<String>
    public var command: Int?
    public init(level: Int = 2, only: Set<String> = [], command: Int? = nil) {
      (self.level, self.only, self.command) = (level, only, command)
    }
  }

  /// Prints a trace: commands, handoffs, answers, output. The exit status.
  public static func show(_ path: String, style: Style) -> Int32 {
    do {
      let reader = try TraceReader(path: path)
      var out = Output()
      var printer = TracePrinter(style: style, isTerminal: Terminal.isTerminal(1))
      out.write(printer.heading(reader.header))
      while !out.isClosed, let record = reader.next() {
        if let text = printer.text(record) { out.write(text) }
      }
      out.flush()
      return warn(reader.damage)
    } catch { return fail(error) }
  }

  /// Prints two traces' spines side by side. 0: the same, 1: they differ, 2: trouble.
  public static func diff(_ a: String, _ b: String, keepingReads: Bool = false) -> Int32 {
    do {
      let (left, right) = (try TraceReader(path: a), try TraceReader(path: b))
      var (leftSpine, rightSpine) = (Spine.Builder(keepsReads: keepingReads), Spine.Builder(keepsReads: keepingReads))
      var rows = StreamDiff(
        left: { nextLine(left, &leftSpine) }, right: { nextLine(right, &rightSpine) })
      let columns = max(30, ((Terminal.isTerminal(1) ? Terminal.size().columns : 160) - 3) / 2)
      let hasColour = Terminal.isTerminal(1) && Terminal.hasColour
      var out = Output()
      func cell(_ text: String) -> String {
        text.count > columns
          ? text.prefix(columns - 1) + "…" : text + String(repeating: " ", count: columns - text.count)
      }
      func paint(_ code: String, _ text: String) -> String { hasColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
      out.write(cell(a) + "   " + b + "\n")
      var count = 0
      while !out.isClosed, let row = rows.next() {
        count += 1
        switch row {
        case .same(let line): out.write(cell(line) + "   " + clip(line, columns) + "\n")
        case .left(let line): out.write(paint("31", cell(line) + " <") + "\n")
        case .right(let line): out.write(paint("32", cell("") + " > " + clip(line, columns)) + "\n")
        }
      }
      out.write(
        rows.differences == 0
          ? "same spine: \(count) handoffs\n" : "\(rows.differences) handoffs stand on one side only\n")
      out.flush()
      if warn(left.damage) + warn(right.damage) != 0 { return 2 }
      return rows.differences == 0 ? 0 : 1
    } catch { return fail(error) }
  }

  /// Runs the commands of a trace again. 0: the same handoffs, 1: others, 2: trouble.
  public static func verify(_ path: String, keepingReads: Bool = false) -> Int32 {
    Verify.run(path, keepingReads: keepingReads)
  }

  /// Writes a trace in another form: `mermaid`, `diagram`, `spine`, `json`.
  public static func export(_ path: String, format: String, command: Int?) -> Int32 {
    do {
      let reader = try TraceReader(path: path)
      var out = Output()
      switch format {
      case "spine":
        var spine = Spine.Builder()
        while !out.isClosed, let record = reader.next() {
          if command == nil || record.cmd == command, let line = spine.add(record) { out.write(line + "\n") }
        }
      case "mermaid", "diagram":
        var records: [TraceRecord] = []
        while let record = reader.next() {
          guard command == nil || record.cmd == command else { continue }
          if case .call(let call) = record.event, call.to != .kernel { records.append(record) }
          guard records.count < 10_000 else {
            Terminal.write(2, "drydock: more than 10,000 handoffs make no drawing: name a command with --cmd\n")
            return 1
          }
        }
        let diagram = Diagram(records)
        out.write(format == "mermaid" ? diagram.mermaid : diagram.text(width: Terminal.size().columns))
      case "json":
        out.write("[" + reader.header.json.text)
        while !out.isClosed, let record = reader.next() {
          var writer = JSONWriter()
          record.write(line: &writer)
          out.write(",\n" + String(decoding: writer.bytes.dropLast(), as: UTF8.self))
        }
        out.write("]\n")
      default:
        Terminal.write(2, "drydock: unknown format \"\(format)\": use mermaid, diagram, spine or json\n")
        return 2
      }
      out.flush()
      return warn(reader.damage)
    } catch { return fail(error) }
  }

  /// The next record's line in a spine.
  private static func nextLine(_ reader: TraceReader, _ spine: inout Spine.Builder) -> String? {
    while let record = reader.next() {
      if let line = spine.add(record) { return line }
    }
    return nil
  }

  private static func clip(_ text: String, _ width: Int) -> String {
    text.count > width ? text.prefix(width - 1) + "…" : text
  }
  static func warn(_ damage: String?) -> Int32 {
    guard let damage else { return 0 }
    Terminal.write(2, "drydock: \(damage)\n")
    return 1
  }
  static func fail(_ error: any Error) -> Int32 {
    Terminal.write(2, "drydock: \(error)\n")
    return 2
  }
}

/// Records as text, in the style of the live session.
struct TracePrinter {
  private var lines: HandoffLines
  private let style: TraceTool.Style
  private let isTerminal: Bool

  init(style: TraceTool.Style, isTerminal: Bool) {
    self.style = style
    self.isTerminal = isTerminal
    lines = HandoffLines(
      hasColour: isTerminal && Terminal.hasColour, width: isTerminal ? Terminal.size().columns : 200)
    lines.level = style.level
    lines.only = style.only
  }

  func heading(_ header: TraceHeader) -> String {
    "# \(header.mode) of \(header.stack) with \(header.runtime), \(header.engine), started \(header.started)\n"
  }

  mutating func text(_ record: TraceRecord) -> String? {
    if let command = style.command, record.cmd != command { return nil }
    switch record.event {
    case .command(let line):
      _ = lines.text(for: record)
      return "$ \(line)\n"
    case .output(_, let data): return data.hasSuffix("\n") ? data : data + "\n"
    case .exit(let status): return status == 0 ? nil : "(exit status \(status))\n"
    default: return lines.text(for: record)
    }
  }
}
