import Handoff
import Synchronization

/// How a part is broken (`break containerd`).
public enum FaultKind: String, Sendable, CaseIterable {
  /// Nothing listens: connections are refused, executables are gone.
  case down
  /// Every answer takes two seconds more.
  case slow
  /// It answers, with an error.
  case refusing
}

/// The parts that are broken, until `mend`.
public final class Faults: Sendable {
  private let broken = Mutex<[String: FaultKind]>([:])
  public init() {}

  /// The parts that can be broken.
  public static let parts = ["dockerd", "containerd", "shim", "runc", "registry"]

  public func set(_ part: String, _ kind: FaultKind) { broken.withLock { $0[part] = kind } }
  /// Mends one part, or all; the parts mended.
  public func mend(_ part: String?) -> [String] {
    broken.withLock { broken in
      let names = broken.keys.filter { part == nil || $0 == part }.sorted()
      for name in names { broken[name] = nil }
      return names
    }
  }
  public func kind(_ part: String) -> FaultKind? { broken.withLock { $0[part] } }
  /// Part and fault, by name.
  public var all: [(part: String, kind: FaultKind)] {
    broken.withLock { broken in broken.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }
}
