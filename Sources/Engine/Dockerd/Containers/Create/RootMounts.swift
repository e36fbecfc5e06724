import Synchronization

/// How many users the mount of each container's root file system has.
final class RootMounts: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  /// Counts a user; true for the first, who has to mount.
  func retain(_ id: String) -> Bool {
    counts.withLock { counts in
      counts[id, default: 0] += 1
      return counts[id] == 1
    }
  }

  /// Counts a user off; true for the last, who has to unmount.
  func release(_ id: String) -> Bool {
    counts.withLock { counts in
      guard let count = counts[id] else { return false }
      counts[id] = count > 1 ? count - 1 : nil
      return count == 1
    }
  }

  func isMounted(_ id: String) -> Bool { counts.withLock { $0[id] != nil } }
}
