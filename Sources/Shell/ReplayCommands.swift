import Handoff

/// `record` and `replay`.
let replayCommands: [SessionCommand] = [
  SessionCommand(
    name: "record", usage: "start FILE | stop", summary: "write the handoffs from now on to a trace",
    complete: { session, words in
      words.count == 1 ? ["start", "stop"] : words.count == 2 && words[1] == "start" ? [Completions.files] : []
    },
    run: { session, words in
      switch words.first {
      case "start"? where words.count == 2:
        guard session.recordingPath == nil else {
          session.complain("already recording to \(session.recordingPath ?? ""); `record stop` ends it")
          return 1
        }
        if let failure = session.startRecording(words[1]) {
          session.complain(failure)
          return 1
        }
        session.say("recording to \(words[1])\n")
      case "stop"? where words.count <= 2:
        guard let path = session.recordingPath, words.count == 1 || words[1] == path else {
          session.complain(session.recordingPath.map { "recording to \($0)" } ?? "nothing is being recorded")
          return 1
        }
        if let damage = session.stopRecording() {
          session.complain(damage)
          return 1
        }
        session.say("recorded to \(path)\n")
      case nil: session.say(session.recordingPath.map { "recording to \($0)\n" } ?? "nothing is being recorded\n")
      default: return session.usage("record")
      }
      return 0
    }),
  SessionCommand(
    name: "replay", usage: "FILE [--plain] [--level N] [--only PARTY,…]", summary: "play a recorded trace",
    complete: { _, words in words.count == 1 ? [Completions.files] : ["--plain", "--level", "--only"] },
    run: { session, words in
      var style = TraceTool.Style(level: 2)
      var path: String?
      var isPlain = !session.isInteractive
      var rest = words[...]
      while let word = rest.popFirst() {
        switch word {
        case "--plain": isPlain = true
        case "--level":
          guard let level = rest.popFirst().flatMap({ Int($0) }), (1...3).contains(level) else {
            return session.usage("replay")
          }
          style.level = level
        case "--only":
          guard let names = rest.popFirst() else { return session.usage("replay") }
          style.only = Set(names.split(separator: ",").map(String.init))
        default:
          guard path == nil, !word.hasPrefix("-") else { return session.usage("replay") }
          path = word
        }
      }
      guard let path else { return session.usage("replay") }
      if isPlain { return Replay.plain(path, style: style) }
      return Replay.interactive(path, style: style, language: session.language)
    }),
]
