import Handoff
import Seams
import Synchronization

/// `step on`: holds each handoff back until the user lets it go.
final class Stepper: StepGate {
  private struct Waiting {
    let call: TraceRecord.Call
    let continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var isOn = false
    var isRunningOn = false
    var waiting: [Waiting] = []
  }
  private let state = Mutex(State())
  /// Whether a handoff is one of those that are shown.
  private let isShown: @Sendable (TraceRecord.Call) -> Bool

  init(isShown: @escaping @Sendable (TraceRecord.Call) -> Bool) { self.isShown = isShown }

  var isOpen: Bool { state.withLock { !$0.isOn || $0.isRunningOn } }

  func pass(_ call: TraceRecord.Call) async {
    guard state.withLock({ $0.isOn && !$0.isRunningOn }), isShown(call) else { return }
    await withCheckedContinuation { continuation in
      state.withLock { $0.waiting.append(Waiting(call: call, continuation: continuation)) }
    }
  }

  var isOn: Bool {
    get { state.withLock { $0.isOn } }
    set { state.withLock { $0.isOn = newValue } }
  }

  /// The handoff that waits for the user.
  var waiting: TraceRecord.Call? { state.withLock { $0.waiting.first?.call } }

  /// Lets the first waiting handoff go.
  func letGo() {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }?.continuation.resume()
  }

  /// Lets everything go until the command ends.
  func runOn() {
    let waiting = state.withLock { state in
      state.isRunningOn = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for item in waiting { item.continuation.resume() }
  }

  /// A new command: handoffs are held back again.
  func commandBegins() { state.withLock { $0.isRunningOn = false } }
}
