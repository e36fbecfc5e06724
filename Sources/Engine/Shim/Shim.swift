import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

/// A shim: holds one container for as long as it lives.
///
/// It executes the runtime, which ends when it has done its work; the container's processes become the shim's children
/// (it is their subreaper), so that it learns how they end, and tells containerd. containerd and dockerd may be
/// restarted meanwhile, as neither is a parent of the container.
final class Shim: ShimAPI {
  struct State {
    /// By exec id; init's is empty.
    var processes: [String: ShimProcess] = [:]
    var runtime: ShimRuntime?
    var mounts: [String] = []
    var nextWaiter = 0
    var isCreating = false
  }
  let invocation: ShimInvocation
  let factory: ShimFactory
  let pid: Int
  let state = Mutex(State())

  var id: String { invocation.id }
  var bundle: String { invocation.bundle }

  init(_ invocation: ShimInvocation, factory: ShimFactory, pid: Int) {
    (self.invocation, self.factory, self.pid) = (invocation, factory, pid)
  }

  private static let table: OperationTable<Shim> = {
    var table = OperationTable<Shim>()
    table.on(ShimTask.Create.self) { .init(pid: try await $1.create($0)) }
    table.on(ShimTask.Start.self) { .init(pid: try await $1.start($0.execId)) }
    table.on(ShimTask.Delete.self) { try await $1.delete($0.execId) }
    table.on(ShimTask.Exec.self) { try $1.exec($0) }
    table.on(ShimTask.State.self) { .init(process: try $1.process($0.execId).record($1.id)) }
    table.on(ShimTask.Connect.self) { _, shim in
      .init(shimPid: shim.pid, taskPid: shim.state.withLock { $0.processes[""]?.pid ?? 0 }, version: "v2")
    }
    table.on(ShimTask.Wait.self) { try await $1.wait($0.execId) }
    table.on(ShimTask.Kill.self) { try await $1.kill($0) }
    table.on(ShimTask.Pids.self) { _, shim in .init(processes: try await shim.pids()) }
    table.on(ShimTask.Pause.self) { _, shim in try await shim.pause() }
    table.on(ShimTask.Resume.self) { _, shim in try await shim.resume() }
    table.on(ShimTask.Update.self) { try await $1.update($0.resources) }
    table.on(ShimTask.Stats.self) { _, shim in .init(stats: try await shim.stats()) }
    table.on(ShimTask.ResizePty.self) { try $1.resize($0) }
    table.on(ShimTask.CloseIO.self) { try $1.closeIO($0) }
    table.on(ShimTask.Shutdown.self) { $1.shutdown($0) }
    return table
  }()

  func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    guard let handler = Shim.table.handler(for: O.self) else {
      throw EngineError(.notImplemented, "unknown method \(O.name): not implemented")
    }
    return try await handler.run(operation, self)
  }

  // MARK: What it knows

  /// How the runtime is executed, as `Create` said; runc where nothing was created.
  var runtime: ShimRuntime {
    state.withLock { $0.runtime }
      ?? ShimRuntime(factory.runtime, options: .null, invocation: invocation, caller: pid)
  }

  func process(_ execID: String) throws -> ShimProcess {
    guard let process = state.withLock({ $0.processes[execID] }) else { throw missing(execID) }
    return process
  }

  private func missing(_ execID: String) -> EngineError {
    EngineError(
      .notFound, execID.isEmpty ? "container not created: not found" : "process does not exist \(execID): not found")
  }

  /// Changes a process; throws when it is not there.
  @discardableResult
  func change<T>(_ execID: String, _ body: (inout ShimProcess) throws -> T) throws -> T {
    try state.withLock { state in
      guard var process = state.processes[execID] else { throw missing(execID) }
      defer { state.processes[execID] = process }
      return try body(&process)
    }
  }

  func publish(_ topic: String, _ event: JSON) { invocation.publish?.publish(topic, event) }

  func refuse(_ what: String) -> EngineError { EngineError(.failedPrecondition, "\(what): failed precondition") }

  // MARK: Ends

  /// Watches a process from its birth to its end.
  func watch(_ execID: String, pid: Int) {
    factory.world.spawn { [self] in
      let status = await factory.processes.wait(pid)
      let exit = ShimProcess.Exit(status: status, time: factory.world.unixTime)
      let isEarly = state.withLock { state -> Bool in
        guard state.processes[execID]?.isStarting == true else { return false }
        state.processes[execID]?.early = exit
        return true
      }
      if !isEarly { await ended(execID, exit) }
    }
  }

  /// A process has ended: those who wait are told, and containerd.
  func ended(_ execID: String, _ exit: ShimProcess.Exit) async {
    let (pid, waiting) = state.withLock { state in
      guard var process = state.processes[execID] else { return (0, [CheckedContinuation<Void, Never>]()) }
      process.status = .stopped
      process.exit = exit
      let waiting = process.waiting.sorted { $0.key < $1.key }.map(\.value)
      process.waiting = [:]
      state.processes[execID] = process
      return (process.pid, waiting)
    }
    if factory.processes.wasOOMKilled(pid) { publish("/tasks/oom", ["containerID": .string(id)]) }
    // Without a pid namespace of its own the end of init is nothing to the other processes of the container.
    if execID.isEmpty, !hasOwnPIDNamespace {
      _ = try? await runtime.execute("kill", ["--all", id, "9"])
    }
    for continuation in waiting { continuation.resume() }
    publish(
      "/tasks/exit",
      [
        "containerID": .string(id), "id": .string(execID.isEmpty ? id : execID), "pid": JSON(pid),
        "exitStatus": JSON(exit.status), "exitedAt": JSON(exit.time),
      ])
  }

  /// What the bundle's config.json says.
  var config: JSON? {
    invocation.config ?? (try? factory.files.read(bundle + "/config.json")).flatMap { try? JSON(parsing: $0) }
  }

  private var hasOwnPIDNamespace: Bool {
    (config?["linux"]?["namespaces"]?.array ?? []).contains { namespace in
      namespace["type"]?.string == "pid" && namespace["path"]?.string ?? "" == ""
    }
  }

  private func wait(_ execID: String) async throws -> ShimTask.Wait.Answer {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    while true {
      if let exit = try process(execID).exit { return .init(exitStatus: exit.status, exitedAt: exit.time) }
      try Task.checkCancellation()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let now = state.withLock { state -> Bool in
            guard let process = state.processes[execID], process.exit == nil, !Task.isCancelled else { return true }
            state.processes[execID]?.waiting[number] = continuation
            return false
          }
          if now { continuation.resume() }
        }
      } onCancel: {
        state.withLock { $0.processes[execID]?.waiting.removeValue(forKey: number) }?.resume()
      }
    }
  }

  private func shutdown(_ operation: ShimTask.Shutdown) -> Empty {
    let isBusy = state.withLock { state in state.processes.values.contains { $0.status != .stopped } }
    // A shim that still has a container to hold stays.
    if !isBusy || operation.now { factory.processes.endPart(pid) }
    return Empty()
  }
}
