import Handoff
import JSONTree
import Seams

/// What containerd tells of tasks, and what dockerd does when a container has ended (moby's monitor.go).
extension ContainerService {
  /// Listens to containerd's events; again when the stream breaks.
  func listen() async throws {
    let stream = try await daemon.containerd.events(namespace: namespace)
    world.spawn { [self] in
      for await event in stream { receive(event) }
      while !isShuttingDown {
        guard (try? await world.sleep(100 * Duration64.millisecond)) != nil else { return }
        if (try? await listen()) != nil { return }
      }
    }
  }

  private func receive(_ event: ContainerdEvent) {
    guard event.topic.hasPrefix("/tasks/"), let id = event.event["containerID"]?.string, let container = registry[id]
    else { return }
    // It is caused by the command that touched the container last.
    let context = TraceContext(cmd: container.withRunning { $0.context.cmd })
    switch event.topic {
    case "/tasks/exit":
      let process = event.event["id"]?.string ?? id
      let exit = TaskExit(
        exitCode: event.event["exitStatus"]?.int ?? 0,
        exitedAt: UInt64(clamping: event.event["exitedAt"]?.int ?? Int(clamping: event.timestamp)))
      TraceContext.$current.withValue(context) {
        _ = world.spawn { [self] in
          if process == id {
            await handleExit(container, exit)
          } else {
            await handleExecExit(container, process, exit)
          }
        }
      }
    case "/tasks/oom":
      container.update { $0.state.oomKilled = true }
      try? save(container)
      publish(container, "oom")
    case "/tasks/paused":
      setPaused(container, true)
    case "/tasks/resumed":
      setPaused(container, false)
    default: break
    }
  }

  /// How a process ended.
  struct TaskExit: Sendable {
    var exitCode: Int
    /// Nanoseconds since 1970.
    var exitedAt: UInt64
  }

  /// Somebody else paused or resumed it (`ctr`); what dockerd did itself changes nothing any more.
  private func setPaused(_ container: Container, _ paused: Bool) {
    let changed = container.update { details -> Bool in
      guard details.state.isRunning, details.state.isPaused != paused else { return false }
      details.state.setPaused(paused)
      return true
    }
    guard changed else { return }
    updateHealthMonitor(container)
    try? save(container)
    publish(container, paused ? "pause" : "unpause")
  }

  /// The container has ended.
  func handleExit(_ container: Container, _ exit: TaskExit?) async {
    await container.lock.lock()
    let isRemovable = await handleExitLocked(container, exit)
    container.lock.unlock()
    if isRemovable { await autoRemove(container) }
  }

  private func handleExitLocked(_ container: Container, _ exit: TaskExit?) async -> Bool {
    // A container whose networking failed was never started.
    // Usually there is no error, and to look for words in it costs more than anything else here.
    if container.read({ !$0.state.error.isEmpty && $0.state.error.contains(ContainerService.networkFailure) }) {
      return false
    }
    if let exit, await isDuplicate(container, exit) { return false }
    stopHealthMonitor(container)
    var (exitCode, exitedAt) = (0, world.unixTime)
    if container.withRunning({ $0.hasTask }) {
      _ = try? await call(Tasks.Get(containerId: container.id))
      if let deleted = try? await call(Tasks.Delete(containerId: container.id)) {
        (exitCode, exitedAt) = (deleted.exitStatus, deleted.exitedAt)
      }
      container.withRunning { $0.hasTask = false }
    }
    if let exit { (exitCode, exitedAt) = (exit.exitCode, exit.exitedAt) }
    await container.withRunning { $0.streams }?.wait(timeout: 2 * Duration64.second, world: world)
    reset(container)

    let (startedAt, policy, manuallyStopped) = container.read {
      ($0.state.startedAt, $0.hostConfig.restartPolicy, $0.wasManuallyStopped)
    }
    let now = world.unixTime
    let ranFor = now > startedAt ? now - startedAt : 0
    let stays = isShuttingDown || manuallyStopped
    let delay = container.withRunning {
      $0.restart.next(policy: policy, exitCode: exitCode, manuallyStopped: stays, ranFor: ranFor)
    }
    await cleanUp(container)
    if let delay {
      container.update { $0.restartCount += 1 }
      container.setRestarting(exitCode: exitCode, at: exitedAt)
      scheduleRestart(container, after: delay, exitCode: exitCode)
    } else {
      container.setStopped(exitCode: exitCode, at: exitedAt)
    }
    try? save(container)
    publish(
      container, "die", ["exitCode": String(exitCode), "execDuration": String(ranFor / Duration64.second)])
    return delay == nil && !container.read { $0.wasManuallyRestarted }
  }

  /// An exit that has been dealt with already, or belongs to an earlier run.
  private func isDuplicate(_ container: Container, _ exit: TaskExit) async -> Bool {
    switch container.state.status {
    case .removing, .exited, .dead, .restarting: return true
    case .running:
      guard container.withRunning({ $0.hasTask }),
        let process = try? await call(Tasks.Get(containerId: container.id)).process
      else { return false }
      return process.status == .running || (process.status == .stopped && process.exitStatus != exit.exitCode)
    case .created, .paused: return false
    }
  }

  /// Starts it again after the policy's delay, unless it is stopped, removed or started by hand meanwhile.
  private func scheduleRestart(_ container: Container, after delay: UInt64, exitCode: Int) {
    let generation = container.withRunning { $0.restart.generation }
    world.spawn { [self] in
      guard (try? await world.sleep(delay)) != nil else { return }
      let isWanted = container.withRunning { $0.restart.generation == generation && !$0.restart.isCancelled }
      if isWanted, !isShuttingDown {
        do {
          try await start(container, isRestart: true)
          return
        } catch {}
      }
      guard container.state.isRestarting else { return }
      container.setStopped(exitCode: exitCode, at: world.unixTime)
      try? save(container)
      await autoRemove(container)
    }
  }

  /// Ends the streams of a run: those attached see the end, the log is closed, the next run begins afresh.
  func reset(_ container: Container) {
    let (streams, log) = container.withRunning { running in
      defer { (running.streams, running.log) = (nil, nil) }
      return (running.streams, running.log)
    }
    container.output.close()
    container.input.reset()
    log?.close()
    streams?.remove()
  }

  /// Gives back what a run held: the container at containerd, the networks, the mounts, the exec sessions.
  func cleanUp(_ container: Container) async {
    let hasContainer = container.withRunning { running in
      defer { running.hasContainer = false }
      return running.hasContainer
    }
    if hasContainer {
      // containerd's client makes sure that there is no task.
      _ = try? await call(Tasks.Get(containerId: container.id))
      _ = try? await call(Containers.Get(id: container.id))
      _ = try? await call(Containers.Delete(id: container.id))
    }
    await releaseNetwork(container)
    let (shm, hadRoot, sessions) = container.withRunning { running in
      defer { (running.shmPath, running.hasRoot, running.execs) = ("", false, []) }
      return (running.shmPath, running.hasRoot, running.execs)
    }
    if shm.hasPrefix(folder(container.id)) { unmount(shm) }
    if hadRoot { unmountRoot(container.id) }
    for session in sessions { execs.remove(session.id) }
    for mount in container.read({ $0.mounts }) where mount.type == "volume" && hadRoot {
      daemon.events.publish(
        type: "volume", action: "unmount", id: mount.name,
        attributes: ["driver": mount.driver, "container": container.id])
    }
  }

  private func autoRemove(_ container: Container) async {
    guard container.read({ $0.hostConfig.autoRemove }) else { return }
    try? await remove(container, force: true, removeVolumes: true)
  }
}
