import Handoff
import JSONTree
import OCISpec
import Seams
import Synchronization

/// Runs the health checks of containers (moby's health.go).
extension ContainerService {
  private static let defaultInterval: Int64 = 30_000_000_000
  private static let defaultTimeout: Int64 = 30_000_000_000
  private static let defaultStartInterval: Int64 = 5_000_000_000
  private static let defaultRetries = 3
  /// Bytes of a check's output that are kept.
  private static let maximumOutput = 4096

  /// The command of the check; nil when there is none.
  private static func probe(_ details: ContainerDetails) -> [String]? {
    guard let test = details.config.healthcheck?.test, let kind = test.first else { return nil }
    let arguments = Array(test.dropFirst())
    switch kind {
    case "CMD": return arguments
    case "CMD-SHELL":
      let shell = details.config.shell ?? []
      return (shell.isEmpty ? ["/bin/sh", "-c"] : shell) + arguments
    default: return nil
    }
  }

  /// The container has started: its health is unknown.
  func startHealthMonitor(_ container: Container) {
    guard container.read({ Self.probe($0) != nil }) else { return }
    stopHealthMonitor(container)
    container.update { details in
      var health = details.health ?? HealthState()
      (health.status, health.failingStreak) = (.starting, 0)
      details.health = health
    }
    updateHealthMonitor(container)
  }

  func stopHealthMonitor(_ container: Container) {
    let task = container.withRunning { running in
      defer { running.healthMonitor = nil }
      running.healthGeneration += 1
      return running.healthMonitor
    }
    task?.cancel()
  }

  /// Checks while the container runs and is not paused.
  func updateHealthMonitor(_ container: Container) {
    let (isWanted, hasHealth) = container.read { details in
      (
        details.state.isRunning && !details.state.isPaused && Self.probe(details) != nil, details.health != nil
      )
    }
    guard hasHealth else { return }
    guard isWanted else { return stopHealthMonitor(container) }
    let generation: Int? = container.withRunning { running in
      if running.healthMonitor != nil { return nil }
      running.healthGeneration += 1
      return running.healthGeneration
    }
    guard let generation else { return }
    let context = TraceContext(cmd: TraceContext.current.cmd)
    let task = TraceContext.$current.withValue(context) {
      world.spawn { [self] in await monitor(container, generation) }
    }
    container.withRunning { if $0.healthGeneration == generation { $0.healthMonitor = task } }
  }

  private func monitor(_ container: Container, _ generation: Int) async {
    func isCurrent() -> Bool { container.withRunning { $0.healthGeneration == generation } }
    while true {
      guard (try? await world.sleep(interval(container))) != nil, isCurrent() else { return }
      let start = world.unixTime
      var result: HealthState.Result
      do { result = try await check(container) } catch {
        result = HealthState.Result(
          start: start, end: world.unixTime, exitCode: -1, output: (error as? EngineError)?.message ?? "\(error)")
      }
      guard isCurrent() else { return }
      result.start = start
      take(result, in: container)
    }
  }

  /// Nanoseconds until the next check.
  private func interval(_ container: Container) -> UInt64 {
    container.read { details in
      func value(_ value: Int64?, _ fallback: Int64) -> UInt64 {
        UInt64(clamping: value.flatMap { $0 == 0 ? nil : $0 } ?? fallback)
      }
      let check = details.config.healthcheck
      let usual = value(check?.interval, Self.defaultInterval)
      let startPeriod = value(check?.startPeriod, 0)
      let now = world.unixTime
      let since = now > details.state.startedAt ? now - details.state.startedAt : 0
      guard since < startPeriod, details.health?.status == .starting else { return usual }
      return value(check?.startInterval, Self.defaultStartInterval)
    }
  }

  private func take(_ result: HealthState.Result, in container: Container) {
    let changed: HealthState.Status? = container.update { details in
      guard var health = details.health else { return nil }
      let check = details.config.healthcheck
      let retries = check?.retries ?? 0
      let period = UInt64(clamping: check?.startPeriod ?? 0)
      let graceful = result.start < details.state.startedAt + period
      let hasChanged = health.take(
        result, retries: retries > 0 ? retries : Self.defaultRetries, graceful: graceful)
      details.health = health
      return hasChanged ? health.status : nil
    }
    if let changed { publish(container, "health_status: \(changed.rawValue)") }
  }

  /// Runs the check once.
  private func check(_ container: Container) async throws -> HealthState.Result {
    let details = container.details
    let command = Self.probe(details) ?? []
    guard !command.isEmpty else {
      throw EngineError(.unknown, "healthcheck for container \(container.id) has no command")
    }
    let session = register(
      ExecSession.Request(arguments: command, attachStdout: true, attachStderr: true), in: container)
    let output = LimitedOutput(limit: Self.maximumOutput)
    let channel = ByteChannel()
    _ = session.output.attach(StreamHub.Sink(channel: channel, stdout: true, stderr: true, isMultiplexed: false))
    world.spawn { while let bytes = await channel.read() { output.add(bytes) } }
    do { try await run(session, consoleSize: nil) } catch {
      session.end(exitCode: -1)
      throw error
    }
    let configured = details.config.healthcheck?.timeout ?? 0
    let timeout = configured == 0 ? Self.defaultTimeout : configured
    let timer = world.spawn { [self] in
      guard (try? await world.sleep(UInt64(clamping: timeout))) != nil else { return }
      output.isLate = true
      _ = try? await call(
        Tasks.Kill(containerId: container.id, execId: session.id, signal: SignalName.SIGKILL))
    }
    await session.waitForEnd()
    timer.cancel()
    if output.isLate {
      let text = output.text
      let message = "Health check exceeded timeout (\(GoDuration.text(timeout)))"
      return HealthState.Result(
        start: 0, end: world.unixTime, exitCode: -1, output: text.isEmpty ? message : "\(message): \(text)")
    }
    return HealthState.Result(
      start: 0, end: world.unixTime, exitCode: session.read { $0.exitCode } ?? -1, output: output.text)
  }
}

/// The first bytes of an output.
private final class LimitedOutput: Sendable {
  private let limit: Int
  private let state = Mutex((bytes: [UInt8](), isTruncated: false, isLate: false))

  init(limit: Int) { self.limit = limit }

  func add(_ bytes: [UInt8]) {
    state.withLock { state in
      let room = limit - state.bytes.count
      state.bytes += bytes.prefix(max(0, room))
      if bytes.count > room { state.isTruncated = true }
    }
  }

  var isLate: Bool {
    get { state.withLock { $0.isLate } }
    set { state.withLock { $0.isLate = newValue } }
  }

  var text: String {
    state.withLock { String(decoding: $0.bytes, as: UTF8.self) + ($0.isTruncated ? "..." : "") }
  }
}

/// Durations as Go prints them.
enum GoDuration {
  static func text(_ nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    func trimmed(_ value: Double) -> String {
      let text = "\(value)"
      return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
    if nanoseconds < 1_000 { return "\(nanoseconds)ns" }
    if nanoseconds < 1_000_000 { return trimmed(Double(nanoseconds) / 1e3) + "µs" }
    if nanoseconds < 1_000_000_000 { return trimmed(Double(nanoseconds) / 1e6) + "ms" }
    let minutes = nanoseconds / 60_000_000_000
    let seconds = trimmed(Double(nanoseconds % 60_000_000_000) / 1e9) + "s"
    if minutes == 0 { return seconds }
    return minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
  }
}
