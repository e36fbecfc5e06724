import Handoff
import JSONTree
import Seams

/// What dockerd does with the containers of an earlier run (moby's daemon.restore).
extension ContainerService {
  /// Loads all containers; those that ran are found again at containerd, or have ended meanwhile; restart policies.
  func restore() async throws {
    var loaded: [Container] = []
    for (_, value) in try daemon.store.load(ContainerService.bucket) {
      guard let details = ContainerDetails(stored: value) else { continue }
      loaded.append(Container(details))
    }
    loaded.sort { ($0.read { $0.created }, $0.id) < ($1.read { $0.created }, $1.id) }
    for container in loaded {
      _ = registry.reserve(name: container.name, for: container.id)
      registry.add(container)
    }
    var restarts: [Container] = []
    for container in loaded {
      if container.state.isDead {
        // It was being removed.
        try? await remove(container, force: true, removeVolumes: true)
        continue
      }
      if container.state.isRunning { await recover(container) }
      guard !container.state.isRunning else { continue }
      if wantsRestart(container) {
        restarts.append(container)
      } else if container.read({ $0.hostConfig.autoRemove && $0.hasBeenStarted }) {
        try? await remove(container, force: true, removeVolumes: true)
      }
    }
    for container in restarts { try? await start(container) }
  }

  private func wantsRestart(_ container: Container) -> Bool {
    let (state, policy, manuallyStopped, hasBeenStarted) = container.read {
      ($0.state, $0.hostConfig.restartPolicy, $0.wasManuallyStopped, $0.hasBeenStarted)
    }
    guard hasBeenStarted else { return false }
    let ranFor = state.finishedAt > state.startedAt ? state.finishedAt - state.startedAt : 0
    return container.withRunning {
      $0.restart.next(policy: policy, exitCode: state.exitCode, manuallyStopped: manuallyStopped, ranFor: ranFor)
    } != nil
  }

  /// A container that ran when the daemon ended.
  private func recover(_ container: Container) async {
    let id = container.id
    let hasContainer = (try? await call(Containers.Get(id: id))) != nil
    let process = hasContainer ? try? await call(Tasks.Get(containerId: id)).process : nil
    container.withRunning { running in
      running.hasContainer = hasContainer
      running.hasTask = process != nil
      running.isConnected = true
    }
    if let process, process.status == .running || process.status == .paused {
      // The shim has held it, and its FIFOs, all the while.
      if (try? await mountRoot(id)) != nil { container.withRunning { $0.hasRoot = true } }
      reattach(container)
      let isPaused = process.status == .paused
      container.update { $0.state.setPaused(isPaused) }
      updateHealthMonitor(container)
      return
    }
    let exit = process.map { TaskExit(exitCode: $0.exitStatus, exitedAt: $0.exitedAt) }
    if container.withRunning({ $0.hasTask }) {
      _ = try? await call(Tasks.Delete(containerId: id))
      container.withRunning { $0.hasTask = false }
    }
    await cleanUp(container)
    // 255: how it ended is not known.
    container.setStopped(exitCode: exit?.exitCode ?? 255, at: exit?.exitedAt ?? world.unixTime)
    try? save(container)
    publish(container, "die", ["exitCode": String(exit?.exitCode ?? 255)])
  }
}
