import Handoff
import JSONTree
import Seams

/// stop, kill, restart, pause and unpause (moby's stop.go, kill.go, restart.go, pause.go).
extension ContainerService {
  private func timeout(_ request: APIRequest) throws -> Int? {
    guard let text = request.query("t"), !text.isEmpty else { return nil }
    guard let seconds = Int(text) else {
      throw EngineError(.invalidArgument, "strconv.Atoi: parsing \"\(text)\": invalid syntax")
    }
    return seconds
  }

  /// Remembers the command that touched the container, for what happens to it later.
  private func touch(_ container: Container) {
    let context = TraceContext.current
    if context.cmd != nil { container.withRunning { $0.context = context } }
  }

  // MARK: Stop

  func stopResponse(_ request: APIRequest) async throws -> APIResponse {
    let timeout = try timeout(request)
    let name = request.parameters["id"] ?? ""
    let container = try registry.find(name)
    guard container.state.isRunning else { throw EngineError(.notModified, "container is already stopped") }
    do {
      try await stop(container, signal: request.query("signal"), timeout: timeout)
    } catch let error as EngineError {
      throw EngineError(.unknown, "cannot stop container: \(name): \(error.message)")
    }
    return APIResponse(204)
  }

  /// Sends the stop signal, waits, then kills. `timeout` in seconds: below 0 waits for ever, nil is the container's own.
  func stop(_ container: Container, signal: String?, timeout: Int?) async throws {
    guard container.state.isRunning else { return }
    touch(container)
    let (ownSignal, ownTimeout) = container.read { ($0.stopSignal, $0.config.stopTimeout) }
    let seconds = timeout ?? ownTimeout ?? configuration.defaultStopTimeout
    let number = try signal.flatMap { $0.isEmpty ? nil : $0 }.map { text throws(EngineError) in
      try SignalName.parse(text)
    }
    var wait =
      seconds < 0
      ? nil
      : UInt64(clamping: seconds).multipliedReportingOverflow(by: Duration64.second)
        .partialValue
    var failure: (any Error)?
    do { try await send(number ?? ownSignal, to: container) } catch {
      failure = error
      wait = 2 * Duration64.second
    }
    if await container.wait(.notRunning, timeout: wait, world: world) == nil {
      if seconds < 0, let failure { throw failure }
      do {
        try await kill(container)
      } catch {
        // It may have ended all the same.
        if await container.wait(.notRunning, timeout: 2 * Duration64.second, world: world) == nil { throw error }
      }
    }
    publish(container, "stop")
    // What the end has changed is written down before the answer goes out.
    await container.lock.withLock {}
  }

  // MARK: Kill

  func killResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["id"] ?? ""
    do {
      var signal = SignalName.SIGKILL
      if let text = request.query("signal"), !text.isEmpty {
        signal = try SignalName.parse(text)
        guard SignalName.isValid(signal) else {
          throw EngineError(.invalidArgument, "the linux daemon does not support signal \(signal)")
        }
      }
      let container = try registry.find(name)
      touch(container)
      if signal == SignalName.SIGKILL {
        try await kill(container)
      } else {
        try await send(signal, to: container)
      }
    } catch let error as EngineError {
      throw EngineError(error.code, "cannot kill container: \(name): \(error.message)")
    }
    return APIResponse(204)
  }

  /// SIGKILL, and waits for the end.
  func kill(_ container: Container) async throws {
    if let refusal = container.state.refusalWhenNotRunning(container.id) { throw refusal }
    var failure: (any Error)?
    do { try await send(SignalName.SIGKILL, to: container) } catch { failure = error }
    // Nobody to kill: the end is already under way.
    if await container.wait(.notRunning, timeout: 10 * Duration64.second, world: world) != nil { return }
    if let failure { throw failure }
    throw EngineError(.unknown, "tried to kill container, but did not receive an exit event")
  }

  /// Sends a signal to its first process. One that stops the container keeps it from being started again.
  func send(_ signal: Int, to container: Container) async throws {
    try await container.lock.withLock {
      if let refusal = container.state.refusalWhenNotRunning(container.id) { throw refusal }
      let (stopSignal, hasOwnSignal) = container.read { ($0.stopSignal, !$0.config.stopSignal.isEmpty) }
      var unpauses = false
      if !hasOwnSignal || signal == SignalName.SIGKILL || signal == stopSignal {
        container.withRunning { $0.restart.isCancelled = true }
        unpauses = container.state.isPaused
      }
      if !isShuttingDown {
        container.update { $0.wasManuallyStopped = true }
        try? save(container)
      }
      if container.state.isRestarting {
        // There is no process; it will not be started again.
        endRestart(container)
        return
      }
      do {
        _ = try await call(Tasks.Kill(containerId: container.id, signal: signal))
      } catch let error as EngineError {
        guard error.code == .notFound else {
          throw EngineError(error.code, "Cannot kill container \(container.id): \(error.message)")
        }
        unpauses = false
      }
      if unpauses {
        _ = try? await call(Tasks.Resume(containerId: container.id))
        container.update { $0.state.setPaused(false) }
      }
      publish(container, "kill", ["signal": String(signal)])
    }
  }

  /// A container that waits for its restart is stopped at once.
  private func endRestart(_ container: Container) {
    let exitCode = container.state.exitCode
    world.spawn { [self] in
      await container.lock.withLock {
        guard container.state.isRestarting else { return }
        container.setStopped(exitCode: exitCode, at: world.unixTime)
        try? save(container)
      }
    }
  }

  // MARK: Restart

  func restartResponse(_ request: APIRequest) async throws -> APIResponse {
    let timeout = try timeout(request)
    let name = request.parameters["id"] ?? ""
    let container = try registry.find(name)
    do {
      if container.state.isRunning {
        container.update { $0.wasManuallyRestarted = true }
        try await stop(container, signal: request.query("signal"), timeout: timeout)
      }
      try await start(container)
    } catch let error as EngineError {
      throw EngineError(
        error.code == .notModified ? .unknown : error.code, "Cannot restart container \(name): \(error.message)")
    }
    publish(container, "restart")
    return APIResponse(204)
  }

  // MARK: Pause

  func pauseResponse(_ request: APIRequest) async throws -> APIResponse {
    try await pause(try registry.find(request.parameters["id"] ?? ""))
    return APIResponse(204)
  }

  func pause(_ container: Container) async throws {
    touch(container)
    try await container.lock.withLock {
      if let refusal = container.state.refusalToPause(container.id) { throw refusal }
      do {
        _ = try await call(Tasks.Pause(containerId: container.id))
      } catch let error as EngineError {
        throw EngineError(.unknown, "cannot pause container \(container.id): \(error.message)")
      }
      markPaused(container, true)
    }
  }

  func unpauseResponse(_ request: APIRequest) async throws -> APIResponse {
    try await unpause(try registry.find(request.parameters["id"] ?? ""))
    return APIResponse(204)
  }

  func unpause(_ container: Container) async throws {
    touch(container)
    try await container.lock.withLock {
      if let refusal = container.state.refusalToUnpause(container.id) { throw refusal }
      do {
        _ = try await call(Tasks.Resume(containerId: container.id))
      } catch let error as EngineError {
        throw EngineError(.unknown, "Cannot unpause container \(container.id): \(error.message)")
      }
      markPaused(container, false)
    }
  }

  /// containerd's event of the same may have come first.
  private func markPaused(_ container: Container, _ paused: Bool) {
    let changed = container.update { details -> Bool in
      guard details.state.isPaused != paused else { return false }
      details.state.setPaused(paused)
      return true
    }
    guard changed else { return }
    updateHealthMonitor(container)
    publish(container, paused ? "pause" : "unpause")
    try? save(container)
  }
}
