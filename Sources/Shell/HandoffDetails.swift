import Handoff
import JSONTree
import Teaching

/// A handoff in full: who, what, payload, answer.
enum HandoffDetails {
  static func text(_ call: TraceRecord.Call, answer: TraceRecord.Outcome?, language: Language) -> String {
    var out = "handoff \(call.id): \(call.from) → \(call.to) over \(call.via.rawValue)\n\(call.op)\n"
    if let parent = call.parent { out += "caused by handoff \(parent)\n" }
    out += call.args.json.pretty(indent: "  ") + "\n"
    switch answer {
    case nil: out += "no answer is recorded\n"
    case .success(let value)?: out += "answer: " + value.json.pretty(indent: "  ") + "\n"
    case .failure(let code, let message)?: out += "refused: \(code) \(message)\n"
    }
    return out
  }
}
