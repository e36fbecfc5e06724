import Handoff

/// What a handoff is for, in plain words, and what would happen without it.
public enum Why {
  /// The text for an operation, by its name on the wire; nil when none is written.
  public static func text(op: String, language: String = "en") -> (purpose: String, without: String)? {
    _ = language
    return nil
  }

  /// The text that `why N` prints.
  public static func text(for call: TraceRecord.Call, language: String = "en") -> String {
    guard let text = text(op: call.op, language: language) else {
      return "\(call.from) asks \(call.to), \(Parties.about(call.to)), for \(call.op)."
    }
    return text.purpose + "\n" + text.without
  }
}
