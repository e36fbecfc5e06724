import Handoff
import Teaching

/// `trace`, `show`, `why`, `diagram`: reading the handoffs of this session.
let traceCommands: [SessionCommand] = [
  SessionCommand(
    name: "trace", usage: "level 1|2|3 | only PARTY,… | only | on | off | show|diff|verify|export FILE…",
    summary: "choose which handoffs are shown; read recorded traces",
    complete: { session, words in
      switch words.count {
      case 1: return ["level", "only", "on", "off", "show", "diff", "verify", "export"]
      case 2 where words[1] == "level": return ["1", "2", "3"]
      case 2 where words[1] == "only": return session.machine.parties
      default: return []
      }
    },
    run: { session, words in
      switch words.first {
      case nil:
        session.say(session.traceSettings)
        return 0
      case "level"?:
        guard words.count == 2, let level = Int(words[1]), (1...3).contains(level) else {
          return session.usage("trace")
        }
        session.printer.adjust { $0.level = level }
        session.printer.isOn = true
      case "only"?:
        let names = words.dropFirst().joined(separator: ",").split(separator: ",").map(String.init)
        let unknown = names.filter { !session.machine.parties.contains($0) }
        guard unknown.isEmpty else {
          session.complain(
            "no such party: \(unknown.joined(separator: ", ")); there are \(session.machine.parties.joined(separator: ", "))"
          )
          return 1
        }
        session.printer.adjust { $0.only = Set(names) }
        session.printer.isOn = true
      case "on"?: session.printer.isOn = true
      case "off"?: session.printer.isOn = false
      case "show"?, "diff"?, "verify"?, "export"?: return session.traceFiles(words)
      default: return session.usage("trace")
      }
      session.say(session.traceSettings)
      return 0
    }),
  SessionCommand(
    name: "show", usage: "NUMBER", summary: "the whole payload of a handoff and of its answer",
    complete: { session, words in words.count == 1 ? session.recentHandoffs : [] },
    run: { session, words in
      if words == ["me"] { return session.showMe() }
      return session.withHandoff(words, command: "show") { call, answer in
        HandoffDetails.text(call, answer: answer, language: session.language)
      }
    }),
  SessionCommand(
    name: "why", usage: "NUMBER", summary: "what a handoff is for, and what would happen without it",
    complete: { session, words in words.count == 1 ? session.recentHandoffs : [] },
    run: { session, words in
      session.withHandoff(words, command: "why") { call, _ in
        wrapped(Why.text(for: call, language: session.language.rawValue), width: session.columns) + "\n"
      }
    }),
  SessionCommand(
    name: "diagram", usage: "[--mermaid] [--reads] [--kernel]", summary: "the last command as a swim-lane drawing",
    complete: { _, words in ["--mermaid", "--reads", "--kernel"].filter { !words.contains($0) } },
    run: { session, words in
      let unknown = words.filter { !["--mermaid", "--reads", "--kernel"].contains($0) }
      guard unknown.isEmpty else { return session.usage("diagram") }
      let diagram = Diagram(
        session.lastCommandRecords, withKernel: words.contains("--kernel"), withReads: words.contains("--reads"))
      guard !diagram.isEmpty else {
        session.complain("the last command handed nothing over; run a docker command first")
        return 1
      }
      if words.contains("--mermaid") {
        session.say(diagram.mermaid)
      } else {
        session.say(diagram.text(width: session.columns) { party, text in session.paint(party, text) })
      }
      return 0
    }),
]

extension Session {
  var traceSettings: String {
    guard printer.isOn else { return "handoffs are not shown (trace on)\n" }
    let level = printer.level
    let words = ["", "the spine", "with reads and answers", "with kernel calls and payloads"][level]
    let only = printer.only.sorted()
    return "trace level \(level): \(words)" + (only.isEmpty ? "" : "; only \(only.joined(separator: ", "))") + "\n"
  }

  /// The numbers of the newest handoffs, for completion.
  var recentHandoffs: [String] {
    memory.records.suffix(400).compactMap { record in
      if case .call(let call) = record.event, call.to != .kernel { return String(call.id) }
      return nil
    }
  }

  func withHandoff(
    _ words: [String], command: String, _ text: (TraceRecord.Call, TraceRecord.Outcome?) -> String
  ) -> Int32 {
    guard words.count == 1, let id = Int(words[0]) else { return usage(command) }
    guard let (record, answer) = memory.handoff(id) else {
      complain("there is no handoff \(id) in this session")
      return 1
    }
    switch record.event {
    case .call(let call), .upgrade(let call):
      var outcome: TraceRecord.Outcome?
      if case .return(let result)? = answer?.event { outcome = result.outcome }
      say(text(call, outcome))
      return 0
    default: return 1
    }
  }

  /// `trace show|diff|verify|export …` in the REPL: the same words as on the command line of `drydock trace`.
  func traceFiles(_ words: [String]) -> Int32 {
    let files = words.dropFirst().filter { !$0.hasPrefix("-") }
    let flags = words.dropFirst().filter { $0.hasPrefix("-") }
    let keepsReads = flags.contains("--all")
    printer.flush()
    switch (words[0], files.count) {
    case ("show", 1): return TraceTool.show(files[0], style: .init(level: keepsReads ? 3 : 2))
    case ("diff", 2): return TraceTool.diff(files[0], files[1], keepingReads: keepsReads)
    case ("verify", 1): return TraceTool.verify(files[0], keepingReads: keepsReads)
    case ("export", 1):
      return TraceTool.export(
        files[0], format: flags.first.map { String($0.drop { $0 == "-" }) } ?? "mermaid", command: nil)
    default:
      complain("usage: trace show FILE | diff A B | verify FILE | export FILE --mermaid|--diagram|--spine|--json")
      return 1
    }
  }

  /// The records of the newest command that handed something over.
  var lastCommandRecords: [TraceRecord] {
    let records = memory.records
    guard
      let last = records.last(where: { record in
        if case .call = record.event { return record.cmd != nil }
        return false
      })?.cmd
    else { return [] }
    return records.filter { $0.cmd == last }
  }
}

/// `text` with its lines broken between words at `width` columns.
func wrapped(_ text: String, width: Int) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    var out = ""
    var column = 0
    for word in line.split(separator: " ") {
      if column > 0, column + 1 + word.count > width {
        out += "\n"
        column = 0
      } else if column > 0 {
        out += " "
        column += 1
      }
      out += word
      column += word.count
    }
    return out
  }.joined(separator: "\n")
}
