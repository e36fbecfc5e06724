import JSONTree
import Seams
import Synchronization

/// `containerd.services.tasks.v1.Tasks`: the running side of containers. containerd itself runs nothing: each task has
/// a shim, which lives on when containerd ends, and what is asked of a task is asked of its shim.
final class TaskManager: Sendable {
  /// A task and how to reach it.
  struct Task: Sendable {
    var shim: any ShimAPI
    var invocation: ShimInvocation
    var pid: Int
  }
  private enum Entry {
    /// Its shim is being started.
    case starting
    case running(Task)
  }
  private let namespace: String
  private let core: ContainerdCore
  private let containers: ContainerMetadata
  private let tasks = Mutex<[String: Entry]>([:])
  private let lost = Mutex<[ShimInvocation]>([])
  private let bucket: String
  private let bundles: String

  init(_ namespace: String, core: ContainerdCore, containers: ContainerMetadata) {
    (self.namespace, self.core, self.containers) = (namespace, core, containers)
    bucket = "containerd/\(namespace)/tasks"
    bundles = "\(core.configuration.state)/io.containerd.runtime.v2.task/\(namespace)"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Tasks.Create.self) { try await $1.tasks.create($0) }
    handlers.on(Tasks.Start.self) { .init(pid: try await $1.tasks.start($0.containerId, $0.execId)) }
    handlers.on(Tasks.Delete.self) { try await $1.tasks.delete($0.containerId) }
    handlers.on(Tasks.DeleteProcess.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      let exit = try await task.shim.call(ShimTask.Delete(id: operation.containerId, execId: operation.execId))
      return .init(id: operation.execId, pid: exit.pid, exitStatus: exit.exitStatus, exitedAt: exit.exitedAt)
    }
    handlers.on(Tasks.Get.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      return .init(process: try await tenant.tasks.state(of: task, operation.containerId, operation.execId))
    }
    handlers.on(Tasks.List.self) { _, tenant in
      var processes: [TaskProcess] = []
      for (id, task) in tenant.tasks.all {
        // A task whose shim does not answer is not there to be seen.
        if let process = try? await tenant.tasks.state(of: task, id, "") { processes.append(process) }
      }
      return .init(tasks: processes)
    }
    handlers.on(Tasks.Kill.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      return try await task.shim.call(
        ShimTask.Kill(
          id: operation.containerId, execId: operation.execId, signal: operation.signal, all: operation.all))
    }
    handlers.on(Tasks.Exec.self) { operation, tenant in
      do { try validateIdentifier(operation.execId) } catch let error as EngineError {
        throw EngineError(error.code, "invalid exec id: \(error.message)")
      }
      let task = try tenant.tasks.find(operation.containerId)
      return try await task.shim.call(
        ShimTask.Exec(
          id: operation.containerId, execId: operation.execId, terminal: operation.terminal, stdin: operation.stdin,
          stdout: operation.stdout, stderr: operation.stderr, spec: operation.spec))
    }
    handlers.on(Tasks.ResizePty.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      return try await task.shim.call(
        ShimTask.ResizePty(
          id: operation.containerId, execId: operation.execId, width: operation.width, height: operation.height))
    }
    handlers.on(Tasks.CloseIO.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      return try await task.shim.call(
        ShimTask.CloseIO(id: operation.containerId, execId: operation.execId, stdin: operation.stdin))
    }
    handlers.on(Tasks.Pause.self) { operation, tenant in
      try await tenant.tasks.find(operation.containerId).shim.call(ShimTask.Pause(id: operation.containerId))
    }
    handlers.on(Tasks.Resume.self) { operation, tenant in
      try await tenant.tasks.find(operation.containerId).shim.call(ShimTask.Resume(id: operation.containerId))
    }
    handlers.on(Tasks.ListPids.self) { operation, tenant in
      let task = try tenant.tasks.find(operation.containerId)
      return .init(processes: try await task.shim.call(ShimTask.Pids(id: operation.containerId)).processes)
    }
    handlers.on(Tasks.Update.self) { operation, tenant in
      try await tenant.tasks.find(operation.containerId).shim.call(
        ShimTask.Update(id: operation.containerId, resources: operation.resources))
    }
    handlers.on(Tasks.Metrics.self) { .init(metrics: try await $1.tasks.metrics($0.filters)) }
    handlers.on(Tasks.Wait.self) { operation, tenant in
      let task = try await tenant.tasks.process(operation.containerId, operation.execId)
      let exit = try await task.shim.call(ShimTask.Wait(id: operation.containerId, execId: operation.execId))
      return .init(exitStatus: exit.exitStatus, exitedAt: exit.exitedAt)
    }
  }

  // MARK: After a restart

  func load() throws {
    for (_, value) in try core.store.load(bucket) {
      guard let invocation: ShimInvocation = try? value.decode() else { continue }
      lost.withLock { $0.append(invocation) }
    }
  }

  /// Finds the shims of tasks from before again; cleans up after those that are gone.
  func restore() async {
    let invocations = lost.withLock { lost in
      defer { lost = [] }
      return lost
    }
    for var invocation in invocations {
      invocation.publish = publisher
      if let shim = await core.configuration.reconnect?(invocation),
        let connected = try? await shim.call(ShimTask.Connect(id: invocation.id))
      {
        let task = Task(shim: shim, invocation: invocation, pid: connected.taskPid)
        tasks.withLock { $0[invocation.id] = .running(task) }
      } else {
        await cleanUpAfterDeadShim(invocation)
      }
    }
  }

  /// What containerd does when a shim is gone without having said goodbye: its container is killed and deleted, and
  /// those who wait are told, as the shim cannot.
  private func cleanUpAfterDeadShim(_ invocation: ShimInvocation) async {
    let exit = try? await core.shims.delete(invocation)
    forget(invocation)
    let (pid, status) = (exit?.pid ?? 0, exit?.exitStatus ?? 137)
    let exited = exit?.exitedAt ?? core.world.unixTime
    core.events.publish(
      "/tasks/exit", namespace,
      [
        "containerID": .string(invocation.id), "id": .string(invocation.id), "pid": JSON(pid),
        "exitStatus": JSON(status), "exitedAt": JSON(exited),
      ])
    core.events.publish(
      "/tasks/delete", namespace,
      [
        "containerID": .string(invocation.id), "pid": JSON(pid), "exitStatus": JSON(status),
        "exitedAt": JSON(exited),
      ])
  }

  // MARK: Finding

  func exists(_ id: String) -> Bool { tasks.withLock { $0[id] != nil } }

  func find(_ id: String) throws -> Task {
    guard case .running(let task) = tasks.withLock({ $0[id] }) else {
      throw notFound("no running task found: task \(id) not found")
    }
    return task
  }

  /// The task, having made sure by a question to the shim that it has the exec process, if one is asked for.
  private func process(_ id: String, _ execID: String) async throws -> Task {
    let task = try find(id)
    if !execID.isEmpty { _ = try await task.shim.call(ShimTask.State(id: id, execId: execID)) }
    return task
  }

  private func state(of task: Task, _ id: String, _ execID: String) async throws -> TaskProcess {
    do { return try await task.shim.call(ShimTask.State(id: id, execId: execID)).process } catch let error
      as EngineError
      where error.code == .notFound && execID.isEmpty
    {
      throw notFound("no running task found: task \(id) not found")
    }
  }

  private var all: [(id: String, task: Task)] {
    tasks.withLock { tasks in
      tasks.compactMap { id, entry in if case .running(let task) = entry { (id, task) } else { nil } }
    }.sorted { $0.id < $1.id }
  }

  // MARK: Life and death

  private var publisher: EventPublisher {
    EventPublisher { [core, namespace] topic, event in core.events.publish(topic, namespace, event) }
  }

  /// `io.containerd.runc.v2` is executed as `containerd-shim-runc-v2`; an absolute path as it is.
  static func shimBinary(_ runtime: String) throws -> String {
    if runtime.hasPrefix("/") { return runtime }
    let parts = runtime.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts.allSatisfy({ !$0.isEmpty }) else {
      throw invalidArgument(
        "invalid runtime name \(runtime), correct runtime name should be either format like "
          + "`io.containerd.runc.v2` or a full path to the binary")
    }
    return "containerd-shim-\(parts[parts.count - 2])-\(parts[parts.count - 1])"
  }

  private func create(_ operation: Tasks.Create) async throws -> Tasks.Create.Answer {
    let id = operation.containerId
    let container = try containers.get(id)
    let binary = try TaskManager.shimBinary(container.runtime)
    try tasks.withLock { tasks in
      guard tasks[id] == nil else { throw alreadyExists("task \(id)") }
      tasks[id] = .starting
    }
    let invocation = ShimInvocation(
      binary: binary, namespace: namespace, id: id,
      bundle: core.configuration.bundle?(namespace, id) ?? "\(bundles)/\(id)",
      address: core.configuration.address, publish: publisher, config: container.spec)
    do {
      try makeBundle(invocation.bundle, container)
      try core.store.put(bucket, id, invocation)
      let shim: any ShimAPI
      do { shim = try await core.shims.start(invocation) } catch let error as EngineError {
        let said = error.message.hasPrefix("failed to start shim") ? "" : "failed to start shim: start failed: "
        throw EngineError(error.code, said + error.message)
      }
      let task = try await create(operation, container, shim, invocation)
      tasks.withLock { $0[id] = .running(task) }
      return .init(containerId: id, pid: task.pid)
    } catch {
      forget(invocation)
      throw error
    }
  }

  /// Has the shim create the container; on failure everything begun is undone.
  private func create(
    _ operation: Tasks.Create, _ container: ContainerRecord, _ shim: any ShimAPI, _ invocation: ShimInvocation
  ) async throws -> Task {
    let id = operation.containerId
    var options = container.runtimeOptions
    if !operation.runtimePath.isEmpty { options["binary_name"] = .string(operation.runtimePath) }
    do {
      _ = try await shim.call(
        ShimTask.Create(
          id: id, bundle: invocation.bundle, rootfs: operation.rootfs, terminal: operation.terminal,
          stdin: operation.stdin, stdout: operation.stdout, stderr: operation.stderr, options: options))
      let connected = try await shim.call(ShimTask.Connect(id: id))
      return Task(shim: shim, invocation: invocation, pid: connected.taskPid)
    } catch {
      _ = try? await shim.call(ShimTask.Delete(id: id))
      _ = try? await shim.call(ShimTask.Shutdown(id: id))
      _ = try? await core.shims.delete(invocation)
      guard let error = error as? EngineError else { throw error }
      throw EngineError(error.code, "failed to create shim task: \(error.message)")
    }
  }

  /// The bundle (runtime-spec, bundle.md): `config.json` as it was handed down, and the place for the root.
  private func makeBundle(_ path: String, _ container: ContainerRecord) throws {
    let files = core.files
    do {
      try files.makeDirectory(path + "/rootfs", mode: 0o711)
      try files.write(path + "/config.json", encoded(container.spec), mode: 0o644)
    } catch {
      throw EngineError(.unknown, "failed to create bundle \(path): \(error): unknown")
    }
  }

  private func removeBundle(_ path: String) {
    try? core.files.unmount(path + "/rootfs")
    try? core.files.removeAll(path)
  }

  private func start(_ id: String, _ execID: String) async throws -> Int {
    let task = try await process(id, execID)
    let started = try await task.shim.call(ShimTask.Start(id: id, execId: execID))
    _ = try await task.shim.call(ShimTask.State(id: id, execId: execID))
    return started.pid
  }

  private func delete(_ id: String) async throws -> Tasks.Delete.Answer {
    let task = try find(id)
    let exit = try await task.shim.call(ShimTask.Delete(id: id))
    // The shim may be gone before it has answered.
    _ = try? await task.shim.call(ShimTask.Shutdown(id: id))
    _ = try? await core.shims.delete(task.invocation)
    forget(task.invocation)
    return .init(id: id, pid: exit.pid, exitStatus: exit.exitStatus, exitedAt: exit.exitedAt)
  }

  private func forget(_ invocation: ShimInvocation) {
    removeBundle(invocation.bundle)
    try? core.store.remove(bucket, invocation.id)
    tasks.withLock { $0[invocation.id] = nil }
  }

  private func metrics(_ filters: [String]) async throws -> [MetricsRecord] {
    let filter = try ContainerdFilters(filters)
    var metrics: [MetricsRecord] = []
    for (id, task) in all
    where filter.match({ path in
      switch path {
      case ["id"]: id
      case ["namespace"]: namespace
      default: nil
      }
    }) {
      guard let stats = try? await task.shim.call(ShimTask.Stats(id: id)) else { continue }
      metrics.append(MetricsRecord(id: id, timestamp: core.world.unixTime, data: stats.stats))
    }
    return metrics
  }
}

/// The bytes of a document; as they are when it is encoded already.
private func encoded(_ json: JSON) -> [UInt8] {
  if case .encoded(let encoded) = json { return encoded.bytes }
  var writer = JSONWriter(reserving: 16_384)
  writer.write(json)
  return writer.bytes
}
