import JSONTree
import Runtime
import Seams

/// What is asked of a container or process that is there.
extension Shim {
  // MARK: Signals

  /// `Task/Kill`: init's signal goes through the runtime; to an exec process the shim sends it itself, it is its child.
  func kill(_ operation: ShimTask.Kill) async throws -> Empty {
    let process = try process(operation.execId)
    let finished = EngineError(.notFound, "process already finished: not found")
    guard (1...64).contains(operation.signal) || operation.signal == 0 else {
      throw EngineError(.invalidArgument, "invalid signal \(operation.signal): invalid argument")
    }
    if !operation.execId.isEmpty {
      switch process.status {
      case .stopped: throw finished
      case .created: throw refuse("process not created")
      case .running, .paused: break
      }
      do { try factory.processes.kill(process.pid, signal: operation.signal, by: pid) } catch {
        throw error == .ESRCH ? finished : EngineError(.unknown, "\(error): unknown")
      }
      return Empty()
    }
    if process.status == .stopped, !operation.all { throw finished }
    do {
      try await runtime.run("kill", (operation.all ? ["--all"] : []) + [id, "\(operation.signal)"])
    } catch let error as EngineError {
      let said = error.message
      if said.contains("process already finished") || said.contains("no such process")
        || said.contains("container not running")
      {
        throw finished
      }
      if said.contains("does not exist") { throw EngineError(.notFound, "no such container: not found") }
      throw error
    }
    return Empty()
  }

  // MARK: Freezing

  func pause() async throws -> Empty {
    let status = try process("").status
    guard status == .running else { throw refuse("cannot pause a \(status.word) container") }
    try await runtime.run("pause", [id], failure: "OCI runtime pause failed")
    try change("") { if $0.status == .running { $0.status = .paused } }
    publish("/tasks/paused", ["containerID": .string(id)])
    return Empty()
  }

  func resume() async throws -> Empty {
    let status = try process("").status
    guard status == .paused else { throw refuse("cannot resume a \(status.word) container") }
    try await runtime.run("resume", [id], failure: "OCI runtime resume failed")
    try change("") { if $0.status == .paused { $0.status = .running } }
    publish("/tasks/resumed", ["containerID": .string(id)])
    return Empty()
  }

  // MARK: Resources and processes

  func update(_ resources: JSON) async throws -> Empty {
    let status = try process("").status
    if status == .stopped { throw refuse("cannot update a stopped container") }
    try await runtime.run("update", ["--resources=-", id], document: resources, failure: "OCI runtime update failed")
    return Empty()
  }

  func pids() async throws -> [ProcessRecord] {
    _ = try process("")
    let result = try await runtime.run("ps", ["--format", "json", id], failure: "OCI runtime ps failed")
    guard let pids = (try? JSON(parsing: result.stdout))?.array else {
      throw EngineError(.unknown, "failed to parse the answer of \(runtime.binary) ps: unknown")
    }
    let execs = state.withLock { state in
      state.processes.values.filter { !$0.execID.isEmpty && $0.pid > 0 }.map { ($0.pid, $0.execID) }
    }
    let byPID = Dictionary(execs) { first, _ in first }
    return pids.compactMap(\.int).map { ProcessRecord(pid: $0, execId: byPID[$0] ?? "") }
  }

  /// The counters of the container's cgroup, in the form of `data` of `runc events --stats`. The shim reads them itself;
  /// it asks the runtime where it cannot.
  func stats() async throws -> JSON {
    _ = try process("")
    if let path = config?["linux"]?["cgroupsPath"]?.string, let data = factory.processes.statistics(cgroup: path) {
      return data
    }
    let result = try await runtime.run("events", ["--stats", id], failure: "OCI runtime events failed")
    for line in result.stdout.split(separator: "\n") {
      if let event = try? JSON(parsing: String(line)), event["type"]?.string == "stats", let data = event["data"] {
        return data
      }
    }
    throw EngineError(.unknown, "failed to parse the answer of \(runtime.binary) events: unknown")
  }

  // MARK: Streams

  func resize(_ operation: ShimTask.ResizePty) throws -> Empty {
    let process = try process(operation.execId)
    guard process.io.terminal, process.pid > 0, process.status != .stopped else { return Empty() }
    guard (0...65_535).contains(operation.width), (0...65_535).contains(operation.height) else {
      throw EngineError(.invalidArgument, "invalid terminal size: invalid argument")
    }
    factory.processes.resizeTerminal(of: process.pid, rows: operation.height, columns: operation.width)
    return Empty()
  }

  func closeIO(_ operation: ShimTask.CloseIO) throws -> Empty {
    let process = try process(operation.execId)
    if operation.stdin { process.io.stdin?.closeWriting() }
    return Empty()
  }

  // MARK: Delete

  /// `Task/Delete`: forgets a process that has ended; with init the runtime deletes the container.
  func delete(_ execID: String) async throws -> ShimTask.Delete.Answer {
    let process = try process(execID)
    switch process.status {
    case .running, .paused: throw refuse("cannot delete a \(process.status.word) process")
    case .created where process.isStarting: throw refuse("cannot delete a running process")
    case .created, .stopped: break
    }
    if execID.isEmpty {
      do {
        try await runtime.run("delete", [id])
      } catch let error as EngineError where error.message.contains("does not exist") {
        // It is what was wanted.
      } catch let error as EngineError {
        throw EngineError(error.code, "failed to delete task: \(error.message)")
      }
      unmountRoot()
    }
    process.io.close()
    let waiting = state.withLock { state in
      let waiting = state.processes.removeValue(forKey: execID)?.waiting ?? [:]
      return waiting.sorted { $0.key < $1.key }.map(\.value)
    }
    for continuation in waiting { continuation.resume() }
    let (status, time) = (process.exit?.status ?? 0, process.exit?.time ?? 0)
    if execID.isEmpty {
      publish(
        "/tasks/delete",
        [
          "containerID": .string(id), "pid": JSON(process.pid), "exitStatus": JSON(status), "exitedAt": JSON(time),
        ])
    }
    return .init(pid: process.pid, exitStatus: status, exitedAt: time)
  }
}
