import Seams

/// Whether, and after how long, a container that ended is started again (moby's restartmanager).
struct RestartManager: Sendable {
  private static let firstDelay = 100 * Duration64.millisecond
  private static let longestDelay = 60 * Duration64.second
  /// A container that ran this long starts over with the shortest delay.
  private static let stableAfter = 10 * Duration64.second

  private(set) var delay: UInt64 = 0
  private(set) var restarts = 0
  /// Somebody stopped the container: it will not be started again by itself.
  var isCancelled = false
  /// Counts the starts by hand, so that a delay that began before can tell that it is no longer wanted.
  private(set) var generation = 0

  /// The delay before the next start; nil when the container stays as it is.
  ///
  /// - Parameters:
  ///   - ranFor: nanoseconds between its start and its end.
  mutating func next(policy: RestartPolicy, exitCode: Int, manuallyStopped: Bool, ranFor: UInt64) -> UInt64? {
    if policy.isNone || isCancelled { return nil }
    if ranFor >= RestartManager.stableAfter { delay = 0 }
    delay = delay == 0 ? RestartManager.firstDelay : min(delay * 2, RestartManager.longestDelay)
    let restarts: Bool
    switch policy.name {
    case "always": restarts = true
    case "unless-stopped": restarts = !manuallyStopped
    case "on-failure":
      restarts = exitCode != 0 && (policy.maximumRetryCount == 0 || self.restarts < policy.maximumRetryCount)
    default: restarts = false
    }
    guard restarts else { return nil }
    self.restarts += 1
    return delay
  }

  /// A start by hand: delays and counts begin anew.
  mutating func reset() { self = RestartManager(generation: generation + 1) }

  init() {}
  private init(generation: Int) { self.generation = generation }
}
