import Synchronization

/// Which network namespaces have a default route, by the pid that they are known by: the name servers outside are
/// asked only for those that could ask themselves.
final class WaysOut: Sendable {
  private let pids = Mutex<Set<Int>>([])
  func insert(_ pid: Int) { pids.withLock { _ = $0.insert(pid) } }
  func remove(_ pid: Int) { pids.withLock { _ = $0.remove(pid) } }
  func contains(_ pid: Int) -> Bool { pids.withLock { $0.contains(pid) } }
}
