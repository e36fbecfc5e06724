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
    if state.buffer.count > 1 << 16 { write(&state.buffer) }
  }

  /// Writes what has been gathered.
  func flush() {
    guard state.withLock({ !$0.buffer.isEmpty }) else { return }
    around { state.withLock { LivePrinter.write(&$0.buffer) } }
  }

  private static func write(_ buffer: inout [UInt8]) {
    Terminal.write(2, buffer)
    buffer.removeAll(keepingCapacity: true)
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
