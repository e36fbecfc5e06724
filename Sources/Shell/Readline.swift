@preconcurrency import CReadline
#if canImport(Glibc)
  import Glibc
#endif
import Synchronization

/// GNU readline: line editing with the user's inputrc (emacs or vi keys), history, completion.
enum Readline {
  /// Completions of the word at `text`, given the line before it.
  typealias Completer = @Sendable (_ line: String, _ word: String) -> [String]

  private struct State {
    var completer: Completer = { _, _ in [] }
    var matches: [String] = []
    var line: String?
    var isDone = false
    /// A prompt stands on the screen.
    var isReading = false
  }
  // C callbacks capture nothing: what they need stands here.
  private static let state = Mutex(State())

  static func install(completer: @escaping Completer) {
    state.withLock { $0.completer = completer }
    rl_readline_name = UnsafePointer(strdup("drydock"))
    rl_completer_word_break_characters = UnsafePointer(strdup(" \t\n\"'|"))
    rl_catch_signals = 0
    rl_attempted_completion_function = { word, start, _ in
      rl_attempted_completion_over = 1
      guard let word, let buffer = rl_line_buffer else { return nil }
      let text = String(cString: word)
      let before = String(decoding: UnsafeRawBufferPointer(start: buffer, count: Int(start)), as: UTF8.self)
      let completer = Readline.state.withLock { $0.completer }
      let matches = completer(before, text)
      guard !matches.isEmpty else { return nil }
      if matches.count == 1, matches[0].hasSuffix("/") || matches[0].hasSuffix("=") {
        rl_completion_append_character = 0
      } else {
        rl_completion_append_character = 32
      }
      Readline.state.withLock { $0.matches = matches.reversed() }
      return rl_completion_matches(word) { _, _ in
        Readline.state.withLock { state in state.matches.popLast() }.flatMap { strdup($0) }
      }
    }
  }

  /// How reading a line ended.
  enum Input { case line(String), interrupted, end }

  /// Reads a line with editing. Ctrl-C gives `interrupted`, Ctrl-D on an empty line `end`. `idle` is called while
  /// nothing is typed, four times a second.
  static func read(prompt: String, idle: () -> Void = {}) -> Input {
    state.withLock { ($0.isDone, $0.isReading) = (false, true) }
    defer { state.withLock { $0.isReading = false } }
    rl_callback_handler_install(prompt) { line in
      Readline.state.withLock { state in
        state.line = line.map { String(cString: $0) }
        state.isDone = true
      }
      free(line)
      rl_callback_handler_remove()
    }
    while !state.withLock({ $0.isDone }) {
      var poller = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      let ready = poll(&poller, 1, 250)
      if Interrupts.take() {
        rl_callback_sigcleanup()
        rl_free_line_state()
        rl_callback_handler_remove()
        Terminal.write(1, "^C\n")
        return .interrupted
      }
      if ready > 0 {
        rl_callback_read_char()
      } else if ready < 0, errno == EINTR {
        rl_resize_terminal()
      } else {
        idle()
      }
    }
    guard let line = state.withLock({ $0.line }) else { return .end }
    return .line(line)
  }

  /// Writes around a prompt that stands on the screen: it is taken away and drawn again below.
  static func aroundOutput(_ body: () -> Void) {
    guard state.withLock({ $0.isReading && !$0.isDone }) else { return body() }
    rl_clear_visible_line()
    body()
    rl_on_new_line()
    rl_redisplay()
  }

  static func addHistory(_ line: String) { add_history(line) }
  static func readHistory(_ path: String) { read_history(path) }
  static func writeHistory(_ path: String, limit: Int32 = 2000) {
    stifle_history(limit)
    write_history(path)
  }
}
