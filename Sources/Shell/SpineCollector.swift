import Handoff
import Synchronization

/// Gathers the spines of commands, record by record.
final class SpineCollector: TraceSink {
  private struct State {
    var builders: [Int: Spine.Builder] = [:]
    var spines: [Int: [String]] = [:]
  }
  private let state = Mutex(State())
  private let keepsReads: Bool

  init(keepsReads: Bool) { self.keepsReads = keepsReads }

  func receive(_ record: TraceRecord) {
    guard let command = record.cmd else { return }
    state.withLock { state in
      if let line = state.builders[command, default: Spine.Builder(keepsReads: keepsReads)].add(record) {
        state.spines[command, default: []].append(line)
      }
    }
  }

  /// What command number `number` handed over so far.
  func spine(of number: Int) -> [String] { state.withLock { $0.spines[number] ?? [] } }
}
