#if canImport(Glibc)
  import Glibc
#endif
import Synchronization

/// The terminal that the REPL talks to: size, raw mode, keys, colours.
enum Terminal {
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Columns and rows; 80 × 24 when it is no terminal. Never less than 20 columns.
  static func size(_ descriptor: Int32 = 1) -> (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
    return (max(20, Int(size.ws_col)), max(4, Int(size.ws_row)))
  }

  /// Colour on stderr: a terminal, and neither NO_COLOR nor TERM=dumb.
  static let hasColour: Bool = {
    guard isTerminal(2), getenv("NO_COLOR").map({ $0.pointee == 0 }) ?? true else { return false }
    return getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
  }()

  /// Writes everything; false when the reader is gone.
  @discardableResult
  static func write(_ descriptor: Int32, _ text: String) -> Bool { write(descriptor, Array(text.utf8)) }

  @discardableResult
  static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
        if count < 0 {
          if errno == EINTR { continue }
          if errno == EAGAIN {
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&poller, 1, 1000)
            continue
          }
          return false
        }
        offset += count
      }
      return true
    }
  }

  /// Runs `body` with the terminal in raw mode (no echo, no signals when `withoutSignals`).
  static func raw<T>(withoutSignals: Bool, _ body: () throws -> T) rethrows -> T {
    var saved = termios()
    guard tcgetattr(0, &saved) == 0 else { return try body() }
    var raw = saved
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN | (withoutSignals ? ISIG : 0))
    raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | IGNCR | BRKINT | INPCK | ISTRIP)
    tcsetattr(0, TCSADRAIN, &raw)
    defer { tcsetattr(0, TCSADRAIN, &saved) }
    return try body()
  }

  /// Waits for input on standard input. Nil: a signal came. Empty: nothing within `milliseconds` (-1 waits forever).
  static func readInput(milliseconds: Int32) -> (bytes: [UInt8], atEnd: Bool)? {
    var poller = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    let ready = poll(&poller, 1, milliseconds)
    if ready < 0 { return nil }
    if ready == 0 { return ([], false) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
    if count < 0 { return nil }
    return (Array(buffer[..<max(0, count)]), count == 0)
  }

  /// One key, in raw mode. Nil at the end of input.
  static func readKey() -> Character? {
    raw(withoutSignals: false) {
      while true {
        guard let (bytes, atEnd) = readInput(milliseconds: -1) else {
          if Interrupts.pending { return "\u{3}" }
          continue
        }
        if atEnd { return nil }
        return String(decoding: bytes, as: UTF8.self).first
      }
    }
  }
}

/// Ctrl-C. The handler only sets a flag; whoever waits looks at it.
enum Interrupts {
  private static let flag = Atomic<Bool>(false)
  static var pending: Bool { flag.load(ordering: .relaxed) }
  /// True once for each interrupt.
  static func take() -> Bool { flag.exchange(false, ordering: .relaxed) }
  static func raise() { flag.store(true, ordering: .relaxed) }

  /// SIGINT sets the flag and interrupts waiting system calls; SIGPIPE is ignored (writing says EPIPE).
  static func install() {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in Interrupts.raise() }
    sigemptyset(&action.sa_mask)
    sigaction(SIGINT, &action, nil)
    signal(SIGPIPE, SIG_IGN)
  }
}

/// A terminal in raw mode, and the way back.
struct TerminalMode: Sendable {
  private let saved: termios?

  /// Every key comes through, Ctrl-C included; what is written is still given its carriage returns.
  static func raw() -> TerminalMode {
    var saved = termios()
    guard tcgetattr(0, &saved) == 0 else { return TerminalMode(saved: nil) }
    var raw = saved
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN | ISIG)
    raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | IGNCR | BRKINT | INPCK | ISTRIP)
    tcsetattr(0, TCSADRAIN, &raw)
    return TerminalMode(saved: saved)
  }

  func restore() {
    guard var saved else { return }
    tcsetattr(0, TCSADRAIN, &saved)
  }
}
