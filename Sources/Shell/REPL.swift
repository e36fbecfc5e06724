#if canImport(Glibc)
  import Glibc
#endif
import Synchronization

/// The conversation with a user at a terminal.
public enum REPL {
  /// Runs until the user leaves; the exit status. `first` is carried out before the first prompt.
  public static func run(_ session: Session, first: String? = nil) -> Int32 {
    Interrupts.install()
    // A resized terminal interrupts waiting, so that whoever waits can look at the size.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    sigemptyset(&action.sa_mask)
    sigaction(SIGWINCH, &action, nil)
    let face = CompletionFace(session)
    Readline.install(completer: { line, word in face.candidates(line, word) })
    let history = historyPath()
    if let history { Readline.readHistory(history) }
    session.say(greeting(session))
    if let first { session.execute(first) }
    var pending = ""
    while !session.isLeaving {
      var clock = Pacer.monotonic()
      let input = Readline.read(prompt: pending.isEmpty ? prompt(session) : "> ") {
        let now = Pacer.monotonic()
        session.passTime(now - clock)
        clock = now
      }
      switch input {
      case .interrupted: pending = ""
      case .end:
        Terminal.write(1, "\n")
        session.isLeaving = true
      case .line(let line):
        session.passTime(Pacer.monotonic() - clock)
        pending += line
        switch Continuation.state(of: pending) {
        case .needsMore(let soFar): pending = soFar
        case .whole:
          let whole = pending
          pending = ""
          guard !whole.trimmed.isEmpty else { continue }
          Readline.addHistory(whole)
          session.execute(whole)
          _ = Interrupts.take()
        }
      }
    }
    if let history { Readline.writeHistory(history) }
    return session.finish()
  }

  private static func prompt(_ session: Session) -> String {
    let name = session.machine.stack == "docker" ? "drydock" : "drydock(\(session.machine.stack))"
    guard Terminal.hasColour else { return name + "> " }
    // \u{1} and \u{2} tell readline that what stands between takes no room.
    return "\u{1}\u{1B}[1;36m\u{2}\(name)\u{1}\u{1B}[0m\u{2}> "
  }

  private static func greeting(_ session: Session) -> String {
    clipped(
      """
      Drydock: a container engine that can be seen through. Trace mode: nothing is really run.
      Try:  docker run --rm alpine echo hi      then:  why 12   diagram   topology   lesson list   help

      """, width: session.columns)
  }

  /// Where readline keeps its history; nil when there is no place for it.
  private static func historyPath() -> String? {
    guard let folder = Environment.stateFolder, Environment.makeFolder(folder) else { return nil }
    return folder + "/history"
  }
}

/// The session as readline's callback reaches it. Completion happens only while `REPL.run` waits for a line, on its own
/// thread, so the session is never used by two at once.
private final class CompletionFace: Sendable {
  private nonisolated(unsafe) let session: Session
  init(_ session: Session) { self.session = session }
  func candidates(_ line: String, _ word: String) -> [String] {
    Completions.candidates(session, line: line, word: word)
  }
}

/// Lines that go on: they end in a backslash, or a quote is open.
enum Continuation {
  enum State: Equatable { case whole, needsMore(String) }

  static func state(of text: String) -> State {
    do throws(Words.Problem) {
      _ = try Words.split(text)
      return .whole
    } catch {
      switch error {
      case .unfinishedLine: return .needsMore(String(text.dropLast()))
      case .unfinishedQuote: return .needsMore(text + "\n")
      }
    }
  }
}
