import Handoff
import JSONTree
import Seams

/// `docker exec` (moby's exec.go).
extension ContainerService {
  func execCreateResponse(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body?.object ?? JSONObject()
    let go = GoJSON(path: "ExecCreateRequest")
    let arguments = try go.strings(body["Cmd"] ?? .null, "Cmd") ?? []
    guard !arguments.isEmpty else { throw EngineError(.invalidArgument, "No exec command specified") }
    let name = request.parameters["id"] ?? ""
    let container = try registry.find(name)
    if let refusal = container.state.refusalToExec(container.id, name: name) { throw refusal }
    let user = try go.string(body["User"] ?? .null, "User")
    if !user.isEmpty { _ = try lookUp(user, in: container) }
    var keys: [UInt8] = []
    let keyText = try go.string(body["DetachKeys"] ?? .null, "DetachKeys")
    if !keyText.isEmpty {
      guard let parsed = DetachKeys.parse(keyText) else {
        throw EngineError(.unknown, "Invalid escape keys (\(keyText)) provided")
      }
      keys = parsed
    }
    var session = ExecSession.Request(arguments: arguments)
    session.tty = try go.bool(body["Tty"] ?? .null, "Tty")
    session.privileged = try go.bool(body["Privileged"] ?? .null, "Privileged")
    session.attachStdin = try go.bool(body["AttachStdin"] ?? .null, "AttachStdin")
    session.attachStdout = try go.bool(body["AttachStdout"] ?? .null, "AttachStdout")
    session.attachStderr = try go.bool(body["AttachStderr"] ?? .null, "AttachStderr")
    session.detachKeys = keys
    session.user = user
    session.workingDir = try go.string(body["WorkingDir"] ?? .null, "WorkingDir")
    session.environment = try go.strings(body["Env"] ?? .null, "Env") ?? []
    session.consoleSize = consoleSize(body["ConsoleSize"]) ?? (0, 0)
    let exec = register(session, in: container)
    return APIResponse(201, .json(["Id": .string(exec.id)]))
  }

  private func consoleSize(_ json: JSON?) -> (height: Int, width: Int)? {
    guard let array = json?.array, array.count == 2, let height = array[0].int, let width = array[1].int else {
      return nil
    }
    return (height, width)
  }

  /// Fills in what the container says, and makes the session known.
  func register(_ request: ExecSession.Request, in container: Container) -> ExecSession {
    var request = request
    container.read { details in
      request.environment = EnvironmentList.replaceOrAppend(details.environment(tty: request.tty), request.environment)
      if request.user.isEmpty { request.user = details.config.user }
      if request.workingDir.isEmpty { request.workingDir = details.config.workingDir }
    }
    let session = ExecSession(id: world.hexID(), container: container, request: request)
    execs.add(session)
    container.withRunning { $0.execs.append(session) }
    publish(container, "exec_create: " + request.arguments.joined(separator: " "), ["execID": session.id])
    return session
  }

  private func lookUp(_ user: String, in container: Container) throws -> UserLookup.User {
    do {
      return try UserLookup(root: rootPath(container.id), files: daemon.files).find(
        user, adding: container.read { $0.hostConfig.groupAdd } ?? [])
    } catch {
      throw EngineError(.invalidArgument, error.message)
    }
  }

  /// The session, if its container can have one started.
  private func session(_ id: String) throws -> ExecSession {
    guard let session = execs[id] else { throw EngineError(.notFound, "No such exec instance: \(id)") }
    let container = session.container
    guard registry[container.id] != nil else { throw EngineError(.notFound, "No such container: \(id)") }
    if let refusal = container.state.refusalToExec(container.id, name: container.id) { throw refusal }
    return session
  }

  func execInspectResponse(_ request: APIRequest) async throws -> APIResponse {
    let id = request.parameters["id"] ?? ""
    guard let session = execs[id], registry[session.container.id] != nil else {
      throw EngineError(.notFound, "No such exec instance: \(id)")
    }
    return APIResponse(200, .json(session.json))
  }

  func execResizeResponse(_ request: APIRequest) async throws -> APIResponse {
    let (height, width) = try terminalSize(request)
    let session = try session(request.parameters["id"] ?? "")
    await session.waitForStart()
    guard session.read({ $0.hasProcess }) else {
      throw EngineError(.invalidArgument, "exec process is not started")
    }
    _ = try await call(
      Tasks.ResizePty(containerId: session.container.id, execId: session.id, width: width, height: height))
    return APIResponse(200)
  }

  // MARK: Starting

  func execStartResponse(_ request: APIRequest) async throws -> APIResponse {
    let session = try session(request.parameters["id"] ?? "")
    let isDetached = request.body?["Detach"]?.bool ?? false
    let size = request.body?["Tty"]?.bool ?? false ? consoleSize(request.body?["ConsoleSize"]) : nil
    if isDetached {
      try await run(session, consoleSize: size)
      return APIResponse(200)
    }
    let connection = Duplex(input: ByteChannel(), output: ByteChannel())
    let wanted = session.request
    let sink = StreamHub.Sink(
      channel: connection.output, stdout: wanted.attachStdout, stderr: wanted.attachStderr,
      isMultiplexed: !wanted.tty)
    // The connection is the client's from here on: what goes wrong is said on it.
    world.spawn { [self] in
      let id = session.output.attach(sink)
      if wanted.attachStdin {
        world.spawn { [self] in await forwardInput(connection.input, to: session, output: id) }
      }
      do { try await run(session, consoleSize: size) } catch {
        let text = Array(((error as? EngineError)?.message ?? "\(error)").utf8) + [0x0d, 0x0a]
        connection.output.push(wanted.tty ? text : StreamMultiplexer.frame(.stdout, text))
        session.output.detach(id)
      }
    }
    return hijacked(connection, wanted.tty)
  }

  /// Executes the process: Tasks/Exec and Tasks/Start.
  func run(_ session: ExecSession, consoleSize: (height: Int, width: Int)?) async throws {
    try session.read { state in
      if state.exitCode != nil {
        throw EngineError(.conflict, "exec command \(session.id) has already run")
      }
      if state.isRunning { throw EngineError(.conflict, "exec command \(session.id) is already running") }
      state.isRunning = true
    }
    let container = session.container
    publish(
      container, "exec_start: " + session.request.arguments.joined(separator: " "), ["execID": session.id])
    let context = TraceContext.current
    if context.cmd != nil { container.withRunning { $0.context = context } }
    await session.lock.lock()
    defer { session.lock.unlock() }
    do {
      try await execute(session, consoleSize)
      session.markStarted()
    } catch {
      session.markStarted()
      let message = (error as? EngineError)?.message ?? "\(error)"
      let failure = StartFailure(message)
      container.withRunning { $0.endExec(session.id) }
      execs.retire(session.id)
      let isRuntimeFailure = session.read { $0.streams != nil }
      session.read { $0.exitCode = isRuntimeFailure ? failure.exitCode : 126 }
      // Those attached are told by the caller; the rest ends here.
      session.read { state in
        state.isRunning = false
        state.streams?.remove()
        state.streams = nil
      }
      throw isRuntimeFailure ? failure.error : error
    }
  }

  private func execute(_ session: ExecSession, _ consoleSize: (height: Int, width: Int)?) async throws {
    let container = session.container
    let record = try await call(Containers.Get(id: container.id)).container
    let spec = try process(of: session, base: record.spec["process"] ?? [:], consoleSize)
    if let refusal = container.state.refusalWhenNotRunning(container.id) { throw refusal }
    let wanted = session.request
    let streams = try ProcessStreams(
      fifos: daemon.fifos, folder: bundle(container.id), process: session.id, stdin: wanted.attachStdin,
      terminal: wanted.tty)
    session.read { $0.streams = streams }
    streams.pump(world: world) { stream, bytes in await session.output.publish(stream, bytes) }
    _ = try await call(
      Tasks.Exec(
        containerId: container.id, execId: session.id, stdin: streams.stdinPath, stdout: streams.stdoutPath,
        stderr: streams.stderrPath, terminal: wanted.tty, spec: spec))
    session.read { $0.hasProcess = true }
    if let fifo = streams.stdin {
      session.input.connect(fifo) { [self] in
        world.spawn { _ = try? await self.call(Tasks.CloseIO(containerId: container.id, execId: session.id)) }
      }
    }
    do {
      let pid = try await call(Tasks.Start(containerId: container.id, execId: session.id)).pid
      session.read { $0.pid = pid }
    } catch {
      session.read { $0.hasProcess = false }
      _ = try? await call(Tasks.DeleteProcess(containerId: container.id, execId: session.id))
      throw error
    }
  }

  /// The process of the runtime spec: the container's, with what the session says.
  private func process(of session: ExecSession, base: JSON, _ size: (height: Int, width: Int)?) throws -> JSON {
    let wanted = session.request
    let details = session.container.details
    let defaults = ContainerSpec(details: details, configuration: configuration, root: rootPath(details.id))
    var process = JSONObject()
    func add(_ key: String, _ value: JSON?) {
      if let value, !value.isNull { process.members.append(.init(key, value)) }
    }
    if wanted.tty {
      add("terminal", true)
      let size = size ?? wanted.consoleSize
      if size.height > 0 || size.width > 0 {
        add("consoleSize", ["height": JSON(size.height), "width": JSON(size.width)])
      }
    }
    add("user", wanted.user.isEmpty ? base["user"] : ContainerSpec.json(try lookUp(wanted.user, in: session.container)))
    add("args", JSON(wanted.arguments))
    add("env", JSON(wanted.environment))
    add("cwd", .string(wanted.workingDir.isEmpty ? "/" : wanted.workingDir))
    add(
      "capabilities",
      wanted.privileged ? ContainerSpec.json(capabilities: ContainerCapabilities.all) : base["capabilities"])
    add("rlimits", base["rlimits"])
    add("noNewPrivileges", base["noNewPrivileges"])
    if configuration.hasAppArmor { add("apparmorProfile", .string(defaults.appArmorProfile)) }
    add("oomScoreAdj", base["oomScoreAdj"])
    return .object(process)
  }

  /// What the client types goes to the process, until it ends or the detach keys are pressed.
  private func forwardInput(_ input: ByteChannel, to session: ExecSession, output: Int) async {
    var detach = DetachKeys(session.request.detachKeys)
    while let bytes = await input.read() {
      guard session.request.tty else {
        guard await session.input.write(bytes) else { return }
        continue
      }
      let (rest, isDetached) = detach.pass(bytes)
      if !rest.isEmpty { guard await session.input.write(rest) else { return } }
      if isDetached {
        publish(session.container, "exec_detach", ["execID": session.id])
        session.output.detach(output)
        input.closeReading()
        return
      }
    }
    if !session.request.tty { session.input.closeWriting() }
  }

  // MARK: Its end

  /// containerd says that an exec process has ended.
  func handleExecExit(_ container: Container, _ id: String, _ exit: TaskExit) async {
    var exitCode = 127
    if let session = execs[id] {
      await session.lock.withLock {}
      exitCode = exit.exitCode
      container.withRunning { $0.endExec(id) }
      session.read { state in
        state.exitCode = exit.exitCode
        state.isRunning = false
      }
      await session.read { $0.streams }?.wait(timeout: 2 * Duration64.second, world: world)
      let hasProcess = session.read { state in
        defer { state.hasProcess = false }
        return state.hasProcess
      }
      session.end(exitCode: exit.exitCode)
      execs.retire(id)
      if hasProcess {
        world.spawn { [self] in
          _ = try? await call(Tasks.Get(containerId: container.id, execId: id))
          _ = try? await call(Tasks.DeleteProcess(containerId: container.id, execId: id))
        }
      }
    }
    publish(container, "exec_die", ["execID": id, "exitCode": String(exitCode)])
  }
}
