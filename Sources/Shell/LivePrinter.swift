import Handoff
import Synchronization

/// Shows the handoffs of the running session on stderr as they happen.
///
/// Lines are gathered and written together: before anything else is written, and whenever the session waits.
final class LivePrinter: TraceSink {
  private struct State {
    var lines: HandoffLines
    var isOn = true
    var isMuted = false
    var buffer: [UInt8] = []
    /// What a command draws over at the bottom of the terminal.
    var held: [String] = []
  }
  private let state: Mutex<State>
  /// Called around writing while a prompt stands on the screen.
  private let around: @Sendable (() -> Void) -> Void

  init(lines: HandoffLines, isOn: Bool, around: @escaping @Sendable (() -> Void) -> Void = { $0() }) {
    state = Mutex(State(lines: lines, isOn: isOn))
    self.around = around
  }

  func receive(_ record: TraceRecord) {
    state.withLock { state in
      guard !state.isMuted, state.isOn else { return }
      LivePrinter.show(record, &state)
    }
  }

  func receive(_ call: TraceRecord, _ answer: TraceRecord) {
    state.withLock { state in
      guard !state.isMuted, state.isOn else { return }
      LivePrinter.show(call, &state)
      LivePrinter.show(answer, &state)
    }
  }

  private static func show(_ record: TraceRecord, _ state: inout State) {
    guard let text = state.lines.text(for: record) else { return }
    state.buffer.append(contentsOf: text.utf8)
    if state.buffer.count > 1 << 16 { write(&state) }
  }

  /// Writes what has been gathered.
  func flush() {
    guard state.withLock({ !$0.buffer.isEmpty }) else { return }
    around { state.withLock { LivePrinter.write(&$0) } }
  }

  /// Writes what a command has to say, behind what has been gathered. `lines` stand at the bottom of the terminal then,
  /// the cursor below them; handoff lines go above.
  func output(_ bytes: [UInt8], to descriptor: Int32, holding lines: [String] = []) -> Bool {
    flush()
    return state.withLock { state in
      LivePrinter.write(&state)
      state.held = lines
      return Terminal.write(descriptor, bytes)
    }
  }

  private static func write(_ state: inout State) {
    guard !state.buffer.isEmpty else { return }
    Terminal.write(2, above(state.held, state.buffer, rows: Terminal.isTerminal(2) ? Terminal.size(2).rows : 0))
    state.buffer.removeAll(keepingCapacity: true)
  }

  /// `text` with what puts it above the lines that are held at the bottom of a terminal of so many rows (CSI n A, CSI J).
  static func above(_ held: [String], _ text: [UInt8], rows: Int) -> [UInt8] {
    // Lines that have left the screen cannot be drawn over.
    guard !held.isEmpty, held.count < rows else { return text }
    return Array("\u{1b}[\(held.count)A\r\u{1b}[J".utf8) + text
      + held.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }
  }

  /// Changes what is shown.
  func adjust<T: Sendable>(_ body: (inout HandoffLines) -> T) -> T { state.withLock { body(&$0.lines) } }
  var level: Int { state.withLock { $0.isOn ? $0.lines.level : 0 } }
  var only: Set<String> { state.withLock { $0.lines.only } }
  var isOn: Bool {
    get { state.withLock { $0.isOn } }
    set { state.withLock { $0.isOn = newValue } }
  }
  /// Nothing is even looked at: what was done before is done again (`undo`).
  func mute(_ isMuted: Bool) { state.withLock { $0.isMuted = isMuted } }
}
