import JSONTree
import Runtime
import Seams

extension Shim {
  /// `Task/Create`: mounts the root, if containerd hands mounts down, and has the runtime create the container. Its
  /// init waits for `Start`.
  func create(_ operation: ShimTask.Create) async throws -> Int {
    try state.withLock { state in
      guard state.processes[""] == nil, !state.isCreating else {
        throw EngineError(.alreadyExists, "container already exists: \(operation.id): already exists")
      }
      state.isCreating = true
      state.runtime = ShimRuntime(
        factory.runtime, options: operation.options, invocation: invocation, caller: pid)
    }
    defer { state.withLock { $0.isCreating = false } }
    ShimRuntime.writeOptions(operation.options, invocation, factory.files)
    try mountRoot(operation.rootfs)
    let io: ShimIO
    do {
      io = try ShimIO(
        stdin: operation.stdin, stdout: operation.stdout, stderr: operation.stderr, terminal: operation.terminal,
        fifos: factory.fifos, files: factory.files, world: factory.world)
    } catch {
      unmountRoot()
      throw error
    }
    do {
      let arguments =
        ["--bundle", bundle, "--pid-file", bundle + "/init.pid"] + consoleSocket(operation.terminal) + [id]
      let result = try await runtime.run(
        "create", arguments, document: config, stdio: io.stdio, failure: "OCI runtime create failed")
      guard let created = result.pid, created > 0 else {
        throw EngineError(.unknown, "failed to retrieve OCI runtime container pid: open \(bundle)/init.pid: unknown")
      }
      var process = ShimProcess(
        execID: "", io: io, paths: (operation.stdin, operation.stdout, operation.stderr))
      process.pid = created
      let stored = process
      state.withLock { $0.processes[""] = stored }
      publish(
        "/tasks/create",
        [
          "containerID": .string(id), "bundle": .string(bundle), "pid": JSON(created),
          "io": [
            "stdin": .string(operation.stdin), "stdout": .string(operation.stdout),
            "stderr": .string(operation.stderr), "terminal": .bool(operation.terminal),
          ],
        ])
      watch("", pid: created)
      return created
    } catch {
      io.close()
      unmountRoot()
      throw error
    }
  }

  /// Where the runtime sends the terminal's other end.
  private func consoleSocket(_ terminal: Bool) -> [String] {
    terminal ? ["--console-socket", "/tmp/pty\(factory.world.hexID(8))/pty.sock"] : []
  }

  private func mountRoot(_ mounts: [MountRecord]) throws {
    for mount in mounts {
      let target = bundle + "/rootfs" + mount.target
      do {
        try factory.files.mount(source: mount.source, target: target, type: mount.type, options: mount.options)
      } catch {
        unmountRoot()
        throw EngineError(.unknown, "failed to mount rootfs component: \(error): unknown")
      }
      state.withLock { $0.mounts.append(target) }
    }
  }

  func unmountRoot() {
    let mounts = state.withLock { state in
      defer { state.mounts = [] }
      return state.mounts
    }
    for target in mounts.reversed() { try? factory.files.unmount(target) }
  }

  // MARK: Start

  /// `Task/Start`: lets init run, or executes a process that `Exec` announced.
  func start(_ execID: String) async throws -> Int {
    try change(execID) { process in
      guard process.status == .created, !process.isStarting else {
        throw refuse("cannot start a \(process.status.word) process")
      }
      process.isStarting = true
    }
    do {
      let pid = execID.isEmpty ? try await startInit() : try await startExec(execID)
      try await started(execID)
      return pid
    } catch {
      // An init that the runtime could not start may have ended for that reason.
      let early = try? change(execID) { process -> ShimProcess.Exit? in
        process.isStarting = false
        return process.early
      }
      if let early { await ended(execID, early) }
      throw error
    }
  }

  private func startInit() async throws -> Int {
    try await runtime.run("start", [id], failure: "OCI runtime start failed")
    let pid = try change("") { process in
      process.status = .running
      return process.pid
    }
    publish("/tasks/start", ["containerID": .string(id), "pid": JSON(pid)])
    return pid
  }

  private func startExec(_ execID: String) async throws -> Int {
    guard let initial = state.withLock({ $0.processes[""] }), initial.status != .stopped else {
      throw refuse("cannot exec in a stopped state")
    }
    if initial.status == .paused { throw refuse("cannot exec in a paused state") }
    let process = try process(execID)
    let arguments =
      ["--process", "/tmp/runc-process\(decimal(10))"] + consoleSocket(process.io.terminal)
      + ["--detach", "--pid-file", "\(bundle)/\(execID).pid", id]
    let result: RuntimeResult
    do {
      result = try await runtime.run(
        "exec", arguments, document: process.spec, stdio: process.io.stdio, failure: "OCI runtime exec failed")
    } catch {
      process.io.close()
      throw error
    }
    guard let pid = result.pid, pid > 0 else {
      throw EngineError(
        .unknown, "failed to retrieve OCI runtime exec pid: open \(bundle)/\(execID).pid: unknown")
    }
    try change(execID) { process in
      process.status = .running
      process.pid = pid
    }
    publish("/tasks/exec-started", ["containerID": .string(id), "execID": .string(execID), "pid": JSON(pid)])
    watch(execID, pid: pid)
    return pid
  }

  /// The start is told; what ended meanwhile ends now.
  private func started(_ execID: String) async throws {
    let early = try change(execID) { process -> ShimProcess.Exit? in
      process.isStarting = false
      defer { process.early = nil }
      return process.early
    }
    if let early { await ended(execID, early) }
  }

  /// A random number of `digits` digits, as Go's `os.CreateTemp` takes for its names.
  private func decimal(_ digits: Int) -> String {
    factory.world.randomBytes(digits).map { String($0 % 10) }.joined()
  }

  // MARK: Exec

  /// `Task/Exec`: announces another process; nothing runs yet.
  func exec(_ operation: ShimTask.Exec) throws -> Empty {
    let initial = try process("")
    if initial.status == .stopped { throw refuse("cannot exec in a stopped state") }
    if initial.status == .paused { throw refuse("cannot exec in a paused state") }
    guard state.withLock({ $0.processes[operation.execId] == nil }), operation.execId != id else {
      throw EngineError(.alreadyExists, "id \(operation.execId): already exists")
    }
    let io = try ShimIO(
      stdin: operation.stdin, stdout: operation.stdout, stderr: operation.stderr, terminal: operation.terminal,
      fifos: factory.fifos, files: factory.files, world: factory.world)
    let process = ShimProcess(
      execID: operation.execId, io: io, paths: (operation.stdin, operation.stdout, operation.stderr),
      spec: operation.spec)
    state.withLock { $0.processes[operation.execId] = process }
    publish("/tasks/exec-added", ["containerID": .string(id), "execID": .string(operation.execId)])
    return Empty()
  }
}
