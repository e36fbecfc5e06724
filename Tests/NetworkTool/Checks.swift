import Seams
import Synchronization

/// What has been looked at, and how it was. A line each; `FAIL` begins those that are wrong.
final class Checks: Sendable {
  private let failures = Mutex(0)
  var hasFailed: Bool { failures.withLock { $0 > 0 } }

  func expect(_ what: String, _ holds: Bool, _ seen: @autoclosure () -> String = "") {
    if holds { print("ok   \(what)") } else { fail(what, seen()) }
  }

  func equal<T: Equatable>(_ what: String, _ seen: T, _ wanted: T) {
    expect(what, seen == wanted, "saw \(seen), wanted \(wanted)")
  }

  func fail(_ what: String, _ seen: String) {
    failures.withLock { $0 += 1 }
    print("FAIL \(what): \(seen)")
  }

  /// The words of the refusal that `body` ends with; a failure when it does not.
  func refusal(_ what: String, _ wanted: String, _ body: () async throws -> Void) async {
    do {
      try await body()
      fail(what, "not refused")
    } catch let error as EngineError {
      expect(what, error.message.contains(wanted), "saw \"\(error.message)\", wanted \"\(wanted)\"")
    } catch { fail(what, "\(error)") }
  }
}
