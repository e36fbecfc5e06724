import Handoff
import JSONTree
import Teaching

/// Plays a recorded trace: step, back, to the next command, to a number, search, at a speed, with filters.
public final class Replay {
  private let index: TraceIndex
  private var position = 0
  private var printer: TracePrinter
  private var style: TraceTool.Style
  private let isTerminal: Bool
  private let language: Language

  public init(path: String, style: TraceTool.Style, language: Language = .english) throws {
    index = try TraceIndex(path: path)
    self.style = style
    self.language = language
    isTerminal = Terminal.isTerminal(1)
    printer = TracePrinter(style: style, isTerminal: isTerminal)
  }

  static let help = """
    Enter  next handoff        b      back              n      next command
    N      to handoff N        /WORD  search            p [X]  play, X times as fast (any key stops)
    s N    show payload        w N    why               l 1-3  level
    o A,B  only these parties  t      where we are      q      leave

    """

  /// Replays everything that can be seen, one line after the other.
  public static func plain(_ path: String, style: TraceTool.Style) -> Int32 { TraceTool.show(path, style: style) }

  /// Replays step by step with the user at the terminal.
  static func interactive(_ path: String, style: TraceTool.Style, language: Language) -> Int32 {
    do {
      return try Replay(path: path, style: style, language: language).run {
        switch Readline.read(prompt: "replay> ") {
        case .line(let line): line
        case .interrupted: ""
        case .end: nil
        }
      }
    } catch { return TraceTool.fail(error) }
  }

  /// The conversation. `read` gives the user's next line, nil at the end.
  public func run(read: () -> String?) -> Int32 {
    say(printer.heading(index.header) + "Enter steps, ? helps, q leaves.\n")
    advance()
    while let line = read() {
      let words = line.split(separator: " ").map(String.init)
      switch words.first ?? "" {
      case "": advance()
      case "q", "quit", "exit": return 0
      case "?", "h", "help": say(Replay.help)
      case "b", "back": back()
      case "n", "next": nextCommand()
      case "p", "play": play(speed: words.count > 1 ? Double(words[1]) ?? 1 : 1)
      case "t": say("record \(position) of \(index.count)\n")
      case "l", "level":
        guard words.count > 1, let level = Int(words[1]), (1...3).contains(level) else {
          say("level: 1, 2 or 3\n")
          continue
        }
        style.level = level
        restyle()
      case "o", "only":
        style.only = words.count > 1 ? Set(words[1].split(separator: ",").map(String.init)) : []
        restyle()
      case "s", "show": show(words.count > 1 ? Int(words[1]) : nil)
      case "w", "why": why(words.count > 1 ? Int(words[1]) : nil)
      case let word where word.hasPrefix("/"): search(String(line.dropFirst()))
      case let word:
        if let number = Int(word) { go(to: number) } else { say("unknown: \(word); ? lists what there is\n") }
      }
    }
    return 0
  }

  private func say(_ text: String) { Terminal.write(1, text) }

  private func restyle() { printer = TracePrinter(style: style, isTerminal: isTerminal) }

  /// Shows records up to the next one that has something to show. False at the end.
  @discardableResult
  private func advance() -> Bool {
    while let record = index.record(at: position) {
      position += 1
      if let text = printer.text(record) {
        say(text)
        return true
      }
    }
    say("(end of the trace)\n")
    return false
  }

  /// Goes back to the handoff before the last one shown, and shows it again.
  private func back() {
    var target = position - 1
    var found = 0
    while target >= 0 {
      if let record = index.record(at: target), isVisible(record) {
        found += 1
        if found == 2 { break }
      }
      target -= 1
    }
    guard target >= 0 else {
      say("(beginning of the trace)\n")
      position = 0
      restyle()
      return
    }
    // The printer's indentation depends on what came before within the command.
    var start = target
    while start > 0 {
      if case .command? = index.record(at: start)?.event { break }
      start -= 1
    }
    restyle()
    for earlier in start..<target { if let record = index.record(at: earlier) { _ = printer.text(record) } }
    position = target
    advance()
  }

  private func isVisible(_ record: TraceRecord) -> Bool {
    var probe = printer
    return probe.text(record) != nil
  }

  private func nextCommand() {
    while let record = index.record(at: position) {
      if case .command = record.event {
        advance()
        return
      }
      position += 1
    }
    say("(no further command)\n")
  }

  private func go(to id: Int) {
    restyle()
    var current = 0
    while let record = index.record(at: current) {
      switch record.event {
      case .call(let call) where call.id == id, .upgrade(let call) where call.id == id:
        position = current + 1
        say(printer.text(record) ?? HandoffLines(hasColour: false, width: Terminal.size().columns).line(call, depth: 0))
        return
      default: _ = printer.text(record)
      }
      current += 1
    }
    say("there is no handoff \(id) in this trace\n")
  }

  private func search(_ word: String) {
    var current = position
    while let record = index.record(at: current) {
      current += 1
      let text: String
      switch record.event {
      case .call(let call), .upgrade(let call): text = "\(call.from) \(call.to) \(call.op) \(call.args.json.text)"
      case .command(let line): text = line
      case .output(_, let data): text = data
      default: continue
      }
      guard text.localizedLowercaseContains(word) else { continue }
      position = current - 1
      advance()
      return
    }
    say("\"\(word)\" does not come up again\n")
  }

  private func play(speed: Double) {
    var last: UInt64?
    while let record = index.record(at: position) {
      position += 1
      guard let text = printer.text(record) else { continue }
      if let last, record.t > last, speed > 0 {
        let milliseconds = min(Double(record.t - last) / 1_000_000 / speed, 3000)
        if let input = Terminal.readInput(milliseconds: Int32(milliseconds)), !input.bytes.isEmpty || input.atEnd {
          say("(stopped)\n")
          return
        }
      }
      last = record.t
      say(text)
      if Interrupts.take() { return }
    }
    say("(end of the trace)\n")
  }

  private func handoff(_ id: Int?) -> (call: TraceRecord.Call, answer: TraceRecord.Outcome?)? {
    var found: TraceRecord.Call?
    var current = id == nil ? max(0, position - 1) : 0
    if id == nil {
      while current >= 0, let record = index.record(at: current) {
        if case .call(let call) = record.event {
          found = call
          break
        }
        current -= 1
      }
    }
    while found == nil, let record = index.record(at: current) {
      if case .call(let call) = record.event, call.id == id { found = call }
      if case .upgrade(let call) = record.event, call.id == id { found = call }
      current += 1
    }
    guard let found else { return nil }
    while let record = index.record(at: current) {
      if case .return(let result) = record.event, result.id == found.id { return (found, result.outcome) }
      current += 1
    }
    return (found, nil)
  }

  private func show(_ id: Int?) {
    guard let (call, answer) = handoff(id) else { return say("there is no such handoff\n") }
    say(HandoffDetails.text(call, answer: answer, language: language))
  }

  private func why(_ id: Int?) {
    guard let (call, _) = handoff(id) else { return say("there is no such handoff\n") }
    say(Why.text(for: call, language: language.rawValue) + "\n")
  }
}

extension String {
  /// Whether `word` stands in it, in any case.
  func localizedLowercaseContains(_ word: String) -> Bool { lowercased().contains(word.lowercased()) }
}
