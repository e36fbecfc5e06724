import Handoff
import Teaching

/// `step on`: a pause before each handoff.
let stepCommands: [SessionCommand] = [
  SessionCommand(
    name: "step", usage: "on|off", summary: "pause before each handoff",
    complete: { _, words in words.count == 1 ? ["on", "off"] : [] },
    run: { session, words in
      switch words {
      case ["on"]:
        guard session.isInteractive else {
          session.complain("step needs somebody at a terminal; in a script read the trace instead")
          return 1
        }
        session.stepper.isOn = true
        session.say("before each handoff that is shown: Enter goes on, d details, w why, b looks back, c runs on\n")
      case ["off"]: session.stepper.isOn = false
      case []: session.say("step is \(session.stepper.isOn ? "on" : "off")\n")
      default: return session.usage("step")
      }
      return 0
    })
]

extension Session {
  /// Asks the user what to do with the handoff that waits.
  func stepPrompt() {
    var lookedBack = 0
    while let call = stepper.waiting {
      Terminal.write(2, painted("2", "   ⏎ go on  d details  w why  b back  c run on ▸ "))
      let key = Terminal.readKey()
      Terminal.write(2, "\r\u{1B}[K")
      switch key {
      case "\n", "\r", " ":
        stepper.letGo()
        return
      case "d": Terminal.write(2, HandoffDetails.text(call, answer: nil, language: language))
      case "w":
        Terminal.write(2, wrapped(Why.text(for: call, language: language.rawValue), width: columns) + "\n")
      case "b":
        lookedBack += 1
        lookBack(lookedBack, before: call.id)
      case "c", nil, "\u{4}":
        stepper.runOn()
        return
      case "\u{3}":
        Interrupts.raise()
        stepper.runOn()
        return
      default: break
      }
    }
  }

  /// Shows the handoff `distance` before number `id` again, with its answer.
  private func lookBack(_ distance: Int, before id: Int) {
    var left = distance
    for record in memory.records.reversed() {
      guard case .call(let call) = record.event, call.id < id, printer.adjust({ $0.accepts(call) }) else { continue }
      left -= 1
      guard left == 0 else { continue }
      var outcome: TraceRecord.Outcome?
      if case .return(let result)? = memory.handoff(call.id)?.answer?.event { outcome = result.outcome }
      Terminal.write(2, HandoffDetails.text(call, answer: outcome, language: language))
      return
    }
    Terminal.write(2, "nothing before that\n")
  }
}
