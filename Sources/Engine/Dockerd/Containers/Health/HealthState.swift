import JSONTree

/// What the health checks of a container have found.
struct HealthState: Sendable {
  enum Status: String, Sendable { case starting, healthy, unhealthy }

  /// One check.
  struct Result: Sendable, Hashable {
    /// Nanoseconds since 1970.
    var start: UInt64
    var end: UInt64
    /// 0 is healthy; -1: it could not be run, or took too long.
    var exitCode: Int
    var output: String
  }

  /// How many results are kept.
  static let kept = 5

  var status = Status.starting
  var failingStreak = 0
  var log: [Result] = []

  /// Takes a result in; true when the status has changed.
  ///
  /// - Parameters:
  ///   - graceful: it was checked within the start period: a failure does not count.
  mutating func take(_ result: Result, retries: Int, graceful: Bool) -> Bool {
    let before = status
    log.append(result)
    if log.count > HealthState.kept { log.removeFirst(log.count - HealthState.kept) }
    if result.exitCode == 0 {
      failingStreak = 0
      status = .healthy
    } else if !(status == .starting && graceful) {
      failingStreak += 1
      if failingStreak >= retries { status = .unhealthy }
    }
    return status != before
  }

  /// In the status column of `docker ps`.
  var summary: String { status == .starting ? "health: starting" : status.rawValue }

  /// Engine API `Health`.
  var json: JSON {
    [
      "Status": .string(status.rawValue), "FailingStreak": JSON(failingStreak),
      "Log": .array(
        log.map {
          [
            "Start": .string(DockerTime.rfc3339($0.start)), "End": .string(DockerTime.rfc3339($0.end)),
            "ExitCode": JSON($0.exitCode), "Output": .string($0.output),
          ]
        }),
    ]
  }

  init() {}

  /// Reads what `json` wrote.
  init?(stored json: JSON) {
    guard let status = json["Status"]?.string.flatMap(Status.init) else { return nil }
    self.status = status
    failingStreak = json["FailingStreak"]?.int ?? 0
    for entry in json["Log"]?.array ?? [] {
      func time(_ key: String) -> UInt64 { entry[key]?.string.flatMap(RFC3339Time.parse) ?? 0 }
      log.append(
        Result(
          start: time("Start"), end: time("End"), exitCode: entry["ExitCode"]?.int ?? 0,
          output: entry["Output"]?.string ?? ""))
    }
  }
}
