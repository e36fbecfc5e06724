import Client
#if canImport(Glibc)
  import Glibc
#endif
import Simulation
import Teaching

/// What the executable starts.
public enum Launch {
  /// The REPL or a script; the exit status.
  public static func shell(_ options: SessionOptions, script: String?, failFast: Bool) -> Int32 {
    var options = options
    options.isInteractive = script == nil && Terminal.isTerminal(0) && Terminal.isTerminal(1)
    do {
      let session = try Session(options)
      // Without a terminal the commands come from standard input, as a shell takes them.
      guard options.isInteractive else { return ScriptRunner.run(session, path: script ?? "-", failFast: failFast) }
      return REPL.run(session)
    } catch { return TraceTool.fail(error) }
  }

  /// Before anything else: a reader of our output that has gone (`| head`) is told by EPIPE, not by the process's end.
  public static func prepare() { signal(SIGPIPE, SIG_IGN) }

  /// Ends the process with what is wrong.
  public static func fail(_ text: String) -> Never {
    Terminal.write(2, text + "\n")
    exit(1)
  }

  /// `lesson …` as the first command of a session.
  public static func lesson(_ words: [String], _ language: Language) -> Int32 {
    var options = SessionOptions()
    options.language = language
    options.isInteractive = Terminal.isTerminal(0) && Terminal.isTerminal(1)
    do {
      let session = try Session(options)
      let line = "lesson " + words.map(Words.quoted).joined(separator: " ")
      guard options.isInteractive, words.first == "start" else {
        session.execute(line)
        return session.finish()
      }
      return REPL.run(session, first: line)
    } catch { return TraceTool.fail(error) }
  }

  /// A trace, step by step or printed.
  public static func replay(_ path: String, style: TraceTool.Style, plain: Bool, language: Language) -> Int32 {
    Interrupts.install()
    if plain || !Terminal.isTerminal(0) || !Terminal.isTerminal(1) { return Replay.plain(path, style: style) }
    return Replay.interactive(path, style: style, language: language)
  }
}

extension SessionOptions {
  public static var stacks: [String] { Topology.stacks }
  public static var runtimes: [String] { SimMachine.runtimes }
}

/// Drydock's version.
public enum Version { public static let text = SimMachine.engineVersion }
