/// A word of the REPL's own, beside Docker's.
struct SessionCommand: Sendable {
  let name: String
  /// What follows the name: `on|off`.
  let usage: String
  let summary: String
  /// It changes the simulated world, so a recording must do it again.
  var isRecorded = false
  /// What can be typed next, given the words so far (the name first, the word under the cursor left out).
  var complete: @Sendable (Session, [String]) -> [String] = { _, _ in [] }
  /// Carries the command out; `words` without the name.
  let run: @Sendable (Session, [String]) -> Int32

  /// All of them, by name.
  static let all: [String: SessionCommand] = {
    var table: [String: SessionCommand] = [:]
    let groups = [
      traceCommands, stepCommands, worldCommands, stackCommands, explainCommands, replayCommands, lessonCommands,
      generalCommands,
    ]
    for command in groups.joined() { table[command.name] = command }
    return table
  }()
}

extension Session {
  /// Tells how a command is used; its exit status.
  func usage(_ name: String) -> Int32 {
    guard let command = SessionCommand.all[name] else { return 1 }
    complain("usage: \(name) \(command.usage)")
    return 1
  }
}
