import JSONTree
import Seams

/// The state machine of a container: created, running, paused, restarting, exited, removing, dead.
///
/// As in moby a state is not one word but a few facts: a paused or restarting container is also running. The word is
/// what they come to. Each refusal of a transition has Docker's status and words.
struct ContainerState: Sendable {
  /// The word for a state (Engine API `State.Status`).
  enum Status: String, Sendable {
    case created, running, paused, restarting, exited, removing, dead
  }

  private(set) var isRunning = false
  private(set) var isPaused = false
  private(set) var isRestarting = false
  var oomKilled = false
  var isRemoving = false
  private(set) var isDead = false
  private(set) var pid = 0
  var exitCode = 0
  /// What went wrong at the last start.
  var error = ""
  /// Nanoseconds since 1970; 0 for never.
  private(set) var startedAt: UInt64 = 0
  private(set) var finishedAt: UInt64 = 0

  var status: Status {
    if isRunning { return isPaused ? .paused : isRestarting ? .restarting : .running }
    if isRemoving { return .removing }
    if isDead { return .dead }
    return startedAt == 0 ? .created : .exited
  }

  // MARK: Transitions

  mutating func setRunning(pid: Int, at time: UInt64) {
    error = ""
    (isRunning, isPaused, isRestarting, oomKilled) = (true, false, false, false)
    exitCode = 0
    self.pid = pid
    startedAt = time
  }

  mutating func setPaused(_ paused: Bool) { isPaused = paused }

  mutating func setStopped(exitCode: Int, at time: UInt64) {
    (isRunning, isPaused, isRestarting) = (false, false, false)
    pid = 0
    self.exitCode = exitCode
    finishedAt = time
  }

  /// It ended and will be started again: it counts as running until somebody stops that.
  mutating func setRestarting(exitCode: Int, at time: UInt64) {
    (isRunning, isPaused, isRestarting) = (true, false, true)
    pid = 0
    self.exitCode = exitCode
    finishedAt = time
  }

  mutating func setDead() { isDead = true }

  // MARK: Refusals

  /// Why it cannot be started.
  func refusalToStart() -> EngineError? {
    // A paused container is also running: that is said first.
    if isPaused { return EngineError(.conflict, "cannot start a paused container, try unpause instead") }
    if isRunning { return EngineError(.notModified, "container is already running") }
    if isRemoving || isDead {
      return EngineError(.conflict, "container is marked for removal and cannot be started")
    }
    return nil
  }

  /// Why there is no task to be talked to.
  func refusalWhenNotRunning(_ id: String) -> EngineError? {
    isRunning ? nil : EngineError(.conflict, "container \(id) is not running")
  }

  /// Why it cannot be paused.
  func refusalToPause(_ id: String) -> EngineError? {
    if let refusal = refusalWhenNotRunning(id) { return refusal }
    if isPaused { return EngineError(.conflict, "container \(id) is already paused") }
    if isRestarting { return ContainerState.restarting(id) }
    return nil
  }

  /// Why it cannot be unpaused.
  func refusalToUnpause(_ id: String) -> EngineError? {
    isPaused ? refusalWhenNotRunning(id) : EngineError(.unknown, "Container \(id) is not paused")
  }

  /// Why a process cannot be executed in it; `name` as the user typed it.
  func refusalToExec(_ id: String, name: String) -> EngineError? {
    if let refusal = refusalWhenNotRunning(id) { return refusal }
    if isPaused {
      return EngineError(.conflict, "Container \(name) is paused, unpause the container before exec")
    }
    if isRestarting { return ContainerState.restarting(id) }
    return nil
  }

  /// Why one cannot attach to it; `name` as the user typed it.
  func refusalToAttach(_ name: String) -> EngineError? {
    if isPaused {
      return EngineError(.conflict, "container \(name) is paused, unpause the container before attach")
    }
    if isRestarting {
      return EngineError(.conflict, "container \(name) is restarting, wait until the container is running")
    }
    return nil
  }

  /// Why it cannot be removed without force.
  func refusalToRemove() -> EngineError? {
    guard isRunning else { return nil }
    if isPaused { return EngineError(.conflict, "container is paused and must be unpaused first") }
    return EngineError(
      .conflict, "container is \(status.rawValue): stop the container before removing or force remove")
  }

  static func restarting(_ id: String) -> EngineError {
    EngineError(.conflict, "Container \(id) is restarting, wait until the container is running")
  }

  // MARK: Words

  /// `Up 3 minutes (healthy)`, `Exited (0) 2 seconds ago`: the status column of `docker ps`.
  func summary(now: UInt64, health: String?) -> String {
    func ago(_ time: UInt64) -> String { HumanDuration.text(now > time ? now - time : 0) }
    if isRunning {
      let up = "Up " + ago(startedAt)
      if isPaused { return up + " (Paused)" }
      if isRestarting { return "Restarting (\(exitCode)) \(ago(finishedAt)) ago" }
      return health.map { "\(up) (\($0))" } ?? up
    }
    if isRemoving { return "Removal In Progress" }
    if isDead { return "Dead" }
    if startedAt == 0 { return "Created" }
    if finishedAt == 0 { return "" }
    return "Exited (\(exitCode)) \(ago(finishedAt)) ago"
  }

  // MARK: The state store

  var stored: JSON {
    [
      "Running": .bool(isRunning), "Paused": .bool(isPaused), "Restarting": .bool(isRestarting),
      "OOMKilled": .bool(oomKilled), "Dead": .bool(isDead), "Pid": JSON(pid), "ExitCode": JSON(exitCode),
      "Error": .string(error), "StartedAt": JSON(startedAt), "FinishedAt": JSON(finishedAt),
    ]
  }

  init() {}

  init(stored json: JSON) {
    isRunning = json["Running"]?.bool ?? false
    isPaused = json["Paused"]?.bool ?? false
    isRestarting = json["Restarting"]?.bool ?? false
    oomKilled = json["OOMKilled"]?.bool ?? false
    isDead = json["Dead"]?.bool ?? false
    pid = json["Pid"]?.int ?? 0
    exitCode = json["ExitCode"]?.int ?? 0
    error = json["Error"]?.string ?? ""
    startedAt = UInt64(clamping: json["StartedAt"]?.int ?? 0)
    finishedAt = UInt64(clamping: json["FinishedAt"]?.int ?? 0)
  }
}
