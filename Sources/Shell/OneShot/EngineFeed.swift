import DaemonClient
import Handoff
import Seams
import Synchronization

/// Follows the handoffs that an engine of ours streams (`GET /drydock/trace`).
final class EngineFeed: Sendable {
  private struct State {
    var header: TraceHeader?
    var isRefused = false
    var count = 0
    var damage: String?
  }
  private let state = Mutex(State())
  private let begun = Latch()
  private let channel = Mutex<ByteChannel?>(nil)

  /// Follows from now on; records go to `receive` as they come.
  init(_ client: DaemonClient, receive: @escaping @Sendable (TraceRecord) -> Void) {
    Task { [self] in
      let request = APIRequest(
        "GET", "/drydock/trace", query: [NameValue("follow", "1"), NameValue("tail", "0")])
      guard let answer = try? await client.send(request), answer.status == 200, case .stream(let stream) = answer.body
      else {
        state.withLock { $0.isRefused = true }
        return begun.open()
      }
      channel.withLock { $0 = stream }
      var pending: [UInt8] = []
      while let bytes = await stream.read() {
        pending += bytes
        var start = 0
        while let end = pending[start...].firstIndex(of: 10) {
          take(pending[start..<end], receive)
          start = end + 1
        }
        pending.removeFirst(start)
      }
    }
  }

  private func take(_ line: ArraySlice<UInt8>, _ receive: (TraceRecord) -> Void) {
    if state.withLock({ $0.header == nil }) {
      do throws(TraceError) {
        let header = try TraceHeader(line: line)
        state.withLock { $0.header = header }
      } catch {
        state.withLock { ($0.isRefused, $0.damage) = (true, error.description) }
      }
      return begun.open()
    }
    guard let record = try? TraceRecord(line: line) else { return }
    receive(record)
    state.withLock { $0.count += 1 }
  }

  /// The header, as soon as it is there; nil when the daemon has no such stream (the genuine dockerd).
  func header() -> TraceHeader? {
    begun.wait(milliseconds: 5000)
    return state.withLock { $0.header }
  }

  /// Waits until nothing has come for a while: the engine's last handoffs of a command trail its answer.
  func settle() {
    var seen = -1
    for _ in 0..<10 {
      let count = state.withLock { $0.count }
      if count == seen { return }
      seen = count
      _ = Latch().wait(milliseconds: 30)
    }
  }

  func close() { channel.withLock { $0 }?.closeReading() }
}
