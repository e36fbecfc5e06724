import Handoff
import JSONTree
import Seams

/// `POST /containers/{id}/start`.
extension ContainerService {
  static let networkFailure = "failed to set up container networking"

  func startResponse(_ request: APIRequest) async throws -> APIResponse {
    if let body = request.body, !body.isNull, body != [:] {
      throw EngineError(
        .invalidArgument,
        "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24")
    }
    if let checkpoint = request.query("checkpoint"), !checkpoint.isEmpty {
      throw EngineError(.invalidArgument, "checkpoint is only supported in experimental mode")
    }
    let container = try registry.find(request.parameters["id"] ?? "")
    if let refusal = container.state.refusalToStart() { throw refusal }
    // The kernel's abilities may have changed since it was created.
    var validation = ConfigValidation(configuration: configuration, files: daemon.files)
    try container.update { try validation.check(&$0.hostConfig) }
    try await start(container)
    return APIResponse(204)
  }

  /// Starts a container. `isRestart`: by its restart policy, not by hand.
  func start(_ container: Container, isRestart: Bool = false) async throws {
    await container.lock.lock()
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await startLocked(container, isRestart: isRestart))
    } catch {
      outcome = .failure(error)
    }
    container.lock.unlock()
    if case .failure = outcome, container.read({ $0.hostConfig.autoRemove }) {
      try? await remove(container, force: true, removeVolumes: true)
    }
    try outcome.get()
  }

  private func startLocked(_ container: Container, isRestart: Bool) async throws {
    let state = container.state
    if !isRestart, state.isRunning { return }
    // Stopped while its restart was waiting.
    if isRestart, !state.isRestarting { throw CancellationError() }
    if state.isRemoving || state.isDead {
      throw EngineError(.conflict, "container is marked for removal and cannot be started")
    }
    let context = TraceContext.current
    container.withRunning { running in
      if context.cmd != nil { running.context = context }
    }
    do {
      try await launch(container, isRestart: isRestart)
    } catch {
      let message = (error as? EngineError)?.message ?? "\(error)"
      container.update { details in
        details.state.error = message
        if details.state.exitCode == 0 { details.state.exitCode = 128 }
      }
      try? save(container)
      reset(container)
      await cleanUp(container)
      throw error
    }
  }

  private func launch(_ container: Container, isRestart: Bool) async throws {
    let id = container.id
    if !isRestart {
      container.withRunning { $0.restart.reset() }
      container.update { $0.wasManuallyStopped = false }
    }
    let task = try await makeTask(container)
    do {
      // Unless it has been connected before it was created.
      if !container.withRunning({ $0.hasNamespace }) { try await connectNetwork(container, pid: task.pid) }
    } catch {
      await abandonTask(container)
      throw networkRefusal(error)
    }
    do {
      _ = try await call(Tasks.Start(containerId: id))
    } catch let error as EngineError {
      await abandonTask(container)
      throw failStart(container, error.message)
    }
    container.update { details in
      details.state.setRunning(pid: task.pid, at: task.madeAt)
      details.wasManuallyRestarted = false
      details.hasBeenStarted = true
    }
    startHealthMonitor(container)
    try? save(container)
    publish(container, "start")
  }

  private func networkRefusal(_ error: any Error) -> EngineError {
    EngineError(
      (error as? EngineError)?.code ?? .unknown,
      "\(ContainerService.networkFailure): \((error as? EngineError)?.message ?? "\(error)")")
  }

  /// Everything up to the runtime's `create`: the container's first process is there and waits.
  private func makeTask(_ container: Container) async throws -> (pid: Int, madeAt: UInt64) {
    let prepared = container.withRunning { running in
      defer { running.preparedPID = 0 }
      return running.preparedPID
    }
    if prepared > 0 { return (prepared, world.unixTime) }
    let root = try await mountRoot(container.id)
    container.withRunning { $0.hasRoot = true }
    try prepareNetwork(container)
    try setUpSharedMemory(container)
    try container.read { try makeWorkingDirectory($0, root) }
    let spec: JSON
    do { spec = try makeSpec(container, root: root) } catch {
      // Whatever it is, it is no fault of this request.
      throw EngineError(.unknown, (error as? EngineError)?.message ?? "\(error)")
    }
    try await makeNamespace(container)
    do {
      try await createContainer(container, spec)
      let madeAt = world.unixTime
      return (try await createTask(container, spec), madeAt)
    } catch let error as EngineError {
      throw failStart(container, error.message)
    }
  }

  /// Where the engine makes network namespaces: that of the container, on its networks.
  private func makeNamespace(_ container: Container) async throws {
    let mode = container.read { $0.hostConfig.networkMode }
    guard let namespaces = daemon.namespaces, mode.isPrivate, !mode.isNone,
      !container.read({ $0.config.networkDisabled })
    else { return }
    do {
      let pid = try await namespaces.make(for: container.id)
      container.withRunning { $0.hasNamespace = true }
      if let pid { try await connectNetwork(container, pid: pid) }
    } catch { throw networkRefusal(error) }
  }

  /// Makes the task of a container that does not run, so that a start has only to let it go: engines for which creating
  /// a container is the runtime's `create` (CRI-O). Throws what `start` would.
  public func prepareTask(_ nameOrID: String) async throws {
    let container = try registry.find(nameOrID)
    try await container.lock.withLock {
      guard !container.state.isRunning, container.withRunning({ $0.preparedPID }) == 0 else { return }
      if TraceContext.current.cmd != nil { container.withRunning { $0.context = TraceContext.current } }
      do {
        let pid = try await makeTask(container).pid
        container.withRunning { $0.preparedPID = pid }
      } catch {
        reset(container)
        await cleanUp(container)
        throw error
      }
    }
  }

  /// Takes back a task that waits for its start.
  func abandonPrepared(_ container: Container) async {
    let isPrepared = container.withRunning { running in
      defer { running.preparedPID = 0 }
      return running.preparedPID > 0
    }
    guard isPrepared else { return }
    await abandonTask(container)
    reset(container)
    await cleanUp(container)
  }

  /// The exit code says what kind of failure it was.
  private func failStart(_ container: Container, _ message: String) -> EngineError {
    let failure = StartFailure(message)
    container.update { $0.state.exitCode = failure.exitCode }
    return failure.error
  }

  // MARK: containerd

  /// `containerd.runc.v1.Options` for a runtime's name.
  private func runtimeOptions(_ name: String) -> JSON {
    var root = configuration.execRoot
    // /var/run is a link to /run.
    if root.hasPrefix("/var/run/") { root = String(root.dropFirst(4)) }
    let alias = name == "io.containerd.runc.v2" ? "runc" : name
    return [
      "binary_name": .string(configuration.runtimes[name] ?? name), "root": .string("\(root)/runtime-\(alias)"),
    ]
  }

  /// Containers/Create, under a lease that keeps what it refers to from being collected meanwhile.
  private func createContainer(_ container: Container, _ spec: JSON) async throws {
    let (image, runtime) = container.read { ($0.imageStoreName, $0.hostConfig.runtime) }
    var record = Seams.ContainerRecord(
      id: container.id, labels: ["com.docker/engine.bundle.path": bundle(container.id)], image: image,
      runtime: "io.containerd.runc.v2", runtimeOptions: runtimeOptions(runtime), spec: spec)
    let lease = try await call(Leases.Create(id: "\(world.unixTime)-\(world.hexID(8))")).id
    do {
      try await ContainerdLease.$current.withValue(lease) {
        if !image.isEmpty, (try? await call(Images.Get(name: image))) == nil { record.image = "" }
        do {
          _ = try await call(Containers.Create(container: record))
        } catch let error as EngineError where error.code == .alreadyExists {
          // One that an earlier daemon left behind.
          await deleteStale(container.id)
          _ = try await call(Containers.Create(container: record))
        }
      }
      container.withRunning { $0.hasContainer = true }
      _ = try? await call(Leases.Delete(id: lease))
    } catch {
      _ = try? await call(Leases.Delete(id: lease))
      throw error
    }
  }

  private func deleteStale(_ id: String) async {
    if (try? await call(Tasks.Get(containerId: id))) != nil { await forceDeleteTask(id) }
    _ = try? await call(Containers.Delete(id: id))
  }

  /// Tasks/Create: the shim and runC make the container; its process waits. Answers its pid.
  private func createTask(_ container: Container, _ spec: JSON) async throws -> Int {
    let id = container.id
    let (terminal, openStdin) = container.read { ($0.config.tty, $0.config.openStdin) }
    // libcontainerd asks for the spec, and containerd's client once more.
    _ = try await call(Containers.Get(id: id))
    _ = try await call(Containers.Get(id: id))
    let streams = try ProcessStreams(
      fifos: daemon.fifos, folder: bundle(id), process: id, stdin: openStdin || terminal, terminal: terminal)
    let log: ContainerLog?
    do { log = try openLog(container) } catch {
      streams.remove()
      throw EngineError(
        .unknown, "failed to create task for container: \((error as? EngineError)?.message ?? "\(error)")")
    }
    container.withRunning { running in
      running.streams = streams
      running.log = log
    }
    pump(streams, of: container, into: log)
    do {
      let answer = try await call(
        Tasks.Create(
          containerId: id, rootfs: [], stdin: streams.stdinPath, stdout: streams.stdoutPath,
          stderr: streams.stderrPath, terminal: terminal))
      container.withRunning { $0.hasTask = true }
      if let fifo = streams.stdin {
        container.input.connect(fifo) { [self] in
          world.spawn { _ = try? await self.call(Tasks.CloseIO(containerId: id)) }
        }
      }
      return answer.pid
    } catch let error as EngineError {
      throw EngineError(error.code, "failed to create task for container: \(error.message)")
    }
  }

  /// Takes back a task whose start failed.
  private func abandonTask(_ container: Container) async {
    container.withRunning { $0.hasTask = false }
    await forceDeleteTask(container.id)
  }

  private func forceDeleteTask(_ id: String) async {
    _ = try? await call(Tasks.Kill(containerId: id, signal: SignalName.SIGKILL, all: true))
    _ = try? await call(Tasks.Wait(containerId: id))
    _ = try? await call(Tasks.Delete(containerId: id))
  }

  // MARK: Streams

  /// Takes up the streams of a container that outlived the daemon.
  func reattach(_ container: Container) {
    let (terminal, openStdin) = container.read { ($0.config.tty, $0.config.openStdin) }
    guard
      let streams = try? ProcessStreams(
        fifos: daemon.fifos, folder: bundle(container.id), process: container.id, stdin: openStdin || terminal,
        terminal: terminal)
    else { return }
    let log = try? openLog(container)
    container.withRunning { running in
      running.streams = streams
      running.log = log
    }
    pump(streams, of: container, into: log)
    if let fifo = streams.stdin {
      container.input.connect(fifo) { [self] in
        world.spawn { _ = try? await self.call(Tasks.CloseIO(containerId: container.id)) }
      }
    }
  }

  /// Output goes to the log, line by line, and to whoever is attached, as it comes.
  private func pump(_ streams: ProcessStreams, of container: Container, into log: ContainerLog?) {
    let lines = LogLineBuffers()
    let world = world
    streams.pump(world: world) { stream, bytes in
      if let log {
        for line in lines.add(stream, bytes) { log.write(stream, line, time: world.unixTime) }
      }
      await container.output.publish(stream, bytes)
    } finish: { stream in
      if let log, let rest = lines.finish(stream) { log.write(stream, rest, time: world.unixTime) }
    }
  }
}
