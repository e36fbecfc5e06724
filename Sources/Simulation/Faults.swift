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
  private let observers = Mutex<[@Sendable (String, FaultKind?) -> Void]>([])
  public init() {}

  /// The parts of every stack that can be broken; those of the stack in use are `SimMachine.breakable`.
  public static let parts = [
    "dockerd", "containerd", "shim", "crio", "podman", "agent", "ecs", "conmon", "pinns", "cni", "netavark", "runc",
    "registry",
  ]

  public func set(_ part: String, _ kind: FaultKind) {
    broken.withLock { $0[part] = kind }
    tell(part, kind)
  }
  /// Mends one part, or all; the parts mended.
  public func mend(_ part: String?) -> [String] {
    let mended = broken.withLock { broken in
      let names = broken.keys.filter { part == nil || $0 == part }.sorted()
      for name in names { broken[name] = nil }
      return names
    }
    for name in mended { tell(name, nil) }
    return mended
  }
  /// Calls `body` whenever a part is broken, or (nil) mended.
  func observe(_ body: @escaping @Sendable (_ part: String, _ kind: FaultKind?) -> Void) {
    observers.withLock { $0.append(body) }
  }
  private func tell(_ part: String, _ kind: FaultKind?) {
    for body in observers.withLock({ $0 }) { body(part, kind) }
  }
  public func kind(_ part: String) -> FaultKind? { broken.withLock { $0[part] } }
  /// Whether any part is broken.
  var areAny: Bool { broken.withLock { !$0.isEmpty } }
  /// Part and fault, by name.
  public var all: [(part: String, kind: FaultKind)] {
    broken.withLock { broken in broken.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }
}
