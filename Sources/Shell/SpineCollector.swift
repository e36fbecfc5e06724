import Handoff
import Synchronization

/// Gathers the spine of what belongs to commands, record by record.
final class SpineCollector: TraceSink {
  private let state: Mutex<(builder: Spine.Builder, spine: [String])>
  init(keepsReads: Bool) { state = Mutex((Spine.Builder(keepsReads: keepsReads), [])) }
  func receive(_ record: TraceRecord) {
    guard record.cmd != nil else { return }
    state.withLock { state in
      if let line = state.builder.add(record) { state.spine.append(line) }
    }
  }
  var spine: [String] { state.withLock { $0.spine } }
}
