import Foundation
import Handoff
import JSONTree
import Synchronization

/// A file that is there as long as the test.
final class TemporaryFile {
  let path: String
  init(_ text: String = "") throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(UUID().uuidString)").path
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  var text: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}

let exampleHeader = TraceHeader(
  mode: "trace", stack: "docker", runtime: "runc", engine: "0.1.0", started: "2026-01-01T00:00:00Z", seed: 7)

/// A recorder whose clock goes on by a microsecond each time it is read.
func tickingRecorder() -> Recorder {
  let ticks = Ticks()
  return Recorder(clock: { ticks.next() })
}

private final class Ticks: Sendable {
  private let time = Mutex<UInt64>(0)
  func next() -> UInt64 {
    time.withLock { time in
      time += 1000
      return time
    }
  }
}
