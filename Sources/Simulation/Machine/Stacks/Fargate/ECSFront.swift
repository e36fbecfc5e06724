import Engine
import Handoff
import JSONTree
import Seams
import Synchronization

/// The docker client's words on Fargate: calls of the ECS API to the control plane, which hands the work to the agent
/// over the connection that the agent keeps open (the Agent Communication Service, a web socket).
final class ECSFront: Sendable {
  private struct State {
    /// Tasks to be forgotten when they have ended (`--rm`).
    var removed: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// Exec sessions and their containers.
    var sessions: [String: (container: String, body: JSON)] = [:]
    /// Containers whose end has been told.
    var watched: Set<String> = []
  }
  private let world: SimWorld
  private let engine: LibraryEngine
  private let faults: Faults
  private let wire: any Wire
  /// Client → ECS, ECS → agent, agent → ECS, client and agent → CloudWatch.
  private let ecs: Tap
  private let agent: Tap
  private let reports: Tap
  private let logs: Tap
  private let state = Mutex(State())
  private static let account = "123456789012"

  init(_ parts: SimParts, engine: LibraryEngine) {
    (world, self.engine, faults, wire) = (parts.world, engine, parts.faults, parts.wire)
    ecs = parts.tap(.client, .ecs, .https)
    agent = parts.tap(.ecs, .agent, .https)
    reports = parts.tap(.agent, .ecs, .https)
    logs = parts.tap(.client, .cloudwatch, .https)
  }

  private var core: any RemoteAPI { engine.dockerd }

  private static let refusals: [String: String] = [
    "POST /containers/{id}/pause": "pauses a task", "POST /containers/{id}/unpause": "resumes a task",
    "POST /commit": "makes an image of a container", "POST /containers/{id}/rename": "renames a task",
    "GET /containers/{id}/export": "exports a container",
    "GET /containers/{id}/changes": "compares a container's files",
    "GET /containers/{id}/archive": "copies files", "HEAD /containers/{id}/archive": "copies files",
    "PUT /containers/{id}/archive": "copies files", "POST /containers/{id}/update": "changes a running task",
    "GET /containers/{id}/top": "lists a task's processes", "POST /images/{name}/push": "pushes an image",
    "POST /images/{name}/tag": "tags an image", "GET /images/get": "saves an image",
    "GET /images/{name}/get": "saves an image", "POST /images/load": "loads an image",
    "GET /images/search": "searches a registry",
    "POST /networks/create": "makes a network: a task has an interface in the VPC's subnet",
    "DELETE /networks/{id}": "removes a network: a task has an interface in the VPC's subnet",
    "POST /networks/{id}/connect": "connects a network: a task has an interface in the VPC's subnet",
    "POST /networks/{id}/disconnect": "disconnects a network: a task has an interface in the VPC's subnet",
  ]

  var api: any RemoteAPI {
    var front = StackFront(next: core)
    for (op, what) in ECSFront.refusals { front.refusals[op] = "Fargate: ECS has no call that \(what)" }
    func on(_ op: String, _ handler: @escaping StackFront.Handler) { front.handlers[op] = handler }
    func asks(_ op: String, _ action: String, _ request: @escaping @Sendable (APIRequest) -> JSON) {
      on(op) { [self] asked in
        try await self.ask(action, request(asked))
        return try await core.send(asked)
      }
    }
    for op in ["HEAD /_ping", "GET /_ping"] { on(op) { [self] in try await core.send($0) } }
    for op in ["GET /version", "GET /info"] {
      asks(op, "DescribeClusters") { _ in ["clusters": ["default"]] }
    }
    asks("GET /containers/json", "ListTasks") { request in
      ["cluster": "default", "launchType": "FARGATE", "desiredStatus": request.flag("all") ? "STOPPED" : "RUNNING"]
    }
    for op in ["GET /containers/{id}/json", "GET /containers/{id}/stats"] {
      on(op) { [self] request in
        let answer = try await core.send(request)
        if let id = try? await self.id(request) { try await ask("DescribeTasks", describe(id)) }
        return answer
      }
    }
    on("GET /containers/{id}/logs") { [self] request in
      let answer = try await core.send(request)
      if let id = try? await self.id(request) { try await askLogs("GetLogEvents", id) }
      return answer
    }
    on("POST /images/create") { [self] in try await pull($0) }
    on("POST /containers/create") { [self] in try await create($0) }
    on("POST /containers/{id}/start") { [self] in try await start($0) }
    on("POST /containers/{id}/stop") { [self] in try await stop($0, reason: "stopped by the user") }
    on("POST /containers/{id}/kill") { [self] in try await kill($0) }
    on("POST /containers/{id}/restart") { [self] in try await restart($0) }
    on("POST /containers/{id}/wait") { [self] in try await wait($0) }
    on("POST /containers/{id}/attach") { [self] in try await attach($0) }
    on("POST /containers/{id}/exec") { [self] in try await createExec($0) }
    on("POST /exec/{id}/start") { [self] in try await startExec($0) }
    on("DELETE /containers/{id}") { [self] in try await remove($0) }
    let (wire, faults) = (wire, faults)
    front.before = { try await wire.departing(from: .client, to: .ecs, via: .https, op: $0.op) }
    front.checksHandlers = false
    front.isDown = { faults.kind("ecs") == .down }
    front.words = {
      $0.replacing(
        "failed to create task for container: ",
        with: "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: ")
    }
    front.identify(
      as: .init(
        name: "AWS Fargate", version: "1.4.0",
        components: [("fargate-agent", "1.4.0"), ("containerd", "v2.2.0"), ("runc", "1.3.3")],
        storageDriver: "overlayfs", root: "/var/lib/containerd"))
    return front
  }

  // MARK: Calls

  /// A call of the ECS API.
  private func ask<T: Sendable>(
    _ action: String, _ request: JSON, _ body: @Sendable () async throws -> T
  ) async throws -> T {
    try await ecs.carry(
      "AmazonEC2ContainerServiceV20141113.\(action)", redactingSecrets(request),
      outcome: { (_: T) in .success(Empty()) }, body)
  }
  private func ask(_ action: String, _ request: JSON) async throws { try await ask(action, request) {} }

  /// What the control plane tells the agent.
  private func tell<T: Sendable>(
    _ desired: String, _ id: String, _ body: @Sendable () async throws -> T
  ) async throws -> T {
    try await agent.carry(
      "PayloadMessage",
      JSON.object([
        "clusterArn": .string(arn("cluster/default")),
        "tasks": [["arn": .string(task(id)), "desiredStatus": .string(desired), "launchType": "FARGATE"]],
      ]), outcome: { (_: T) in .success(JSON.object(["type": "AckRequest"])) }, body)
  }

  /// What the agent reports.
  private func report(_ id: String, _ status: String, exitCode: Int? = nil) async {
    var container: JSONObject = ["containerName": "main", "status": .string(status)]
    if let exitCode { container["exitCode"] = JSON(exitCode) }
    try? await reports.carry(
      "AmazonEC2ContainerServiceV20141113.SubmitTaskStateChange",
      JSON.object([
        "cluster": "default", "task": .string(task(id)), "status": .string(status), "containers": [.object(container)],
      ]), outcome: { (_: Void) in .success(JSON.object(["acknowledgment": "ACCEPT"])) }
    ) {}
  }

  private func askLogs(_ action: String, _ id: String) async throws {
    try await logs.carry(
      "Logs_20140328.\(action)",
      JSON.object(["logGroupName": "/ecs/fargate", "logStreamName": .string("ecs/main/\(id.prefix(32))")]),
      outcome: { (_: Void) in .success(Empty()) }
    ) {}
  }

  private func arn(_ resource: String) -> String { "arn:aws:ecs:us-east-1:\(ECSFront.account):\(resource)" }
  private func task(_ id: String) -> String { arn("task/default/\(id.prefix(32))") }
  private func describe(_ id: String) -> JSON { ["cluster": "default", "tasks": [.string(task(id))]] }

  private func details(_ request: APIRequest) async throws -> JSON {
    try await engine.ask(APIRequest("GET", "/containers/{id}/json", ["id": request.parameters["id"] ?? ""])).json
  }
  private func id(_ request: APIRequest) async throws -> String { try await details(request)["Id"]?.string ?? "" }
  private func isRunning(_ details: JSON) -> Bool { details["State"]?["Running"]?.bool == true }

  // MARK: Images

  /// ECS has no call for it: an image is pulled when a task needs it, by containerd for the agent. So the docker client's
  /// pull is what the agent does before a task.
  private func pull(_ request: APIRequest) async throws -> APIResponse {
    guard faults.kind("agent") != .down else {
      throw EngineError(.unavailable, "the Fargate agent is not connected to ECS")
    }
    return try await core.send(request)
  }

  // MARK: A task's life

  private func create(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body ?? .null
    let mode = body["HostConfig"]?["NetworkMode"]?.string ?? ""
    guard ["", "default", "bridge", "none"].contains(mode) else {
      throw EngineError(
        .notImplemented, "Fargate: a task's network mode is awsvpc, and there is no other (\(mode))")
    }
    guard body["HostConfig"]?["Privileged"]?.bool != true else {
      throw EngineError(
        .invalidArgument,
        "ClientException: Fargate requires that 'privileged' is not true, since the host is nobody's")
    }
    let wanted = request
    let isRemoved = body["HostConfig"]?["AutoRemove"]?.bool == true
    let created = try await engine.ask(
      APIRequest(
        wanted.method, wanted.template, wanted.parameters, query: wanted.query,
        body: rewritten(body) { $0.change("HostConfig") { $0["AutoRemove"] = nil } }))
    let id = created.json["Id"]?.string ?? ""
    if isRemoved { state.withLock { $0.removed[id] = [] } }
    do { try await ask("RegisterTaskDefinition", definition(body)) } catch {
      _ = try? await core.send(APIRequest("DELETE", "/containers/{id}", ["id": id], query: [NameValue("v", "1")]))
      state.withLock { $0.removed[id] = nil }
      throw error
    }
    return created
  }

  private func definition(_ body: JSON) -> JSON {
    let host = body[member: "HostConfig"]
    var container: JSONObject = ["name": "main", "image": body["Image"] ?? "", "essential": true]
    if let command = body["Cmd"], !command.isNull { container["command"] = command }
    if let entrypoint = body["Entrypoint"], !entrypoint.isNull { container["entryPoint"] = entrypoint }
    if let environment = body["Env"]?.strings, !environment.isEmpty {
      container["environment"] = .array(
        environment.map { entry in
          let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
          return ["name": .string(parts[0]), "value": .string(parts.count > 1 ? parts[1] : "")]
        })
    }
    let ports = (host["PortBindings"]?.object?.keys ?? []).compactMap { Int($0.prefix { $0 != "/" }) }
    if !ports.isEmpty {
      container["portMappings"] = .array(ports.map { ["containerPort": JSON($0), "protocol": "tcp"] })
    }
    container["logConfiguration"] = [
      "logDriver": "awslogs",
      "options": ["awslogs-group": "/ecs/fargate", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"],
    ]
    let memory = (host["Memory"]?.int ?? 0) / 1_048_576
    return [
      "family": "docker", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
      "memory": .string("\(memory > 512 ? memory : 512)"),
      "executionRoleArn": .string("arn:aws:iam::\(ECSFront.account):role/ecsTaskExecutionRole"),
      "containerDefinitions": [.object(container)],
    ]
  }

  private func start(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    let id = details["Id"]?.string ?? ""
    if isRunning(details) { return try await core.send(request) }
    let core = core
    let response: APIResponse
    do {
      response = try await ask(
        "RunTask",
        ["cluster": "default", "taskDefinition": "docker:1", "launchType": "FARGATE", "platformVersion": "1.4.0"]
      ) {
        try await self.tell("RUNNING", id) { try await core.send(request) }
      }
    } catch {
      if state.withLock({ $0.removed[id] != nil }) { await forget(id) }
      throw error
    }
    guard response.errorMessage == nil else {
      await report(id, "STOPPED")
      if state.withLock({ $0.removed[id] != nil }) { await forget(id) }
      return response
    }
    await report(id, "RUNNING")
    world.spawn { [self] in await watch(id) }
    return response
  }

  /// The agent tells ECS of the end of a task.
  private func watch(_ id: String) async {
    let response = try? await core.send(APIRequest("POST", "/containers/{id}/wait", ["id": id]))
    var exitCode: Int?
    if case .stream(let body) = response?.body, let end = try? JSON(parsing: await body.readAll()) {
      exitCode = end["StatusCode"]?.int
    }
    await report(id, "STOPPED", exitCode: exitCode)
    if state.withLock({ $0.removed[id] != nil }) { await forget(id) }
  }

  /// A stopped task is forgotten: the agent deletes its containers.
  private func forget(_ id: String) async {
    _ = try? await core.send(
      APIRequest("DELETE", "/containers/{id}", ["id": id], query: [NameValue("force", "1"), NameValue("v", "1")]))
    let waiters = state.withLock { $0.removed.removeValue(forKey: id) ?? [] }
    for waiter in waiters { waiter.resume() }
  }

  private func stop(_ request: APIRequest, reason: String) async throws -> APIResponse {
    let details = try await details(request)
    guard isRunning(details) else { return try await core.send(request) }
    let (id, core) = (details["Id"]?.string ?? "", core)
    return try await ask("StopTask", ["cluster": "default", "task": .string(task(id)), "reason": .string(reason)]) {
      try await self.tell("STOPPED", id) { try await core.send(request) }
    }
  }

  private func kill(_ request: APIRequest) async throws -> APIResponse {
    let signal = (request.query("signal") ?? "").uppercased()
    guard ["", "9", "KILL", "SIGKILL", "15", "TERM", "SIGTERM"].contains(signal) else {
      throw EngineError(.notImplemented, "Fargate: ECS has no call that sends a signal: StopTask ends a task")
    }
    return try await stop(request, reason: "killed by the user")
  }

  private func restart(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    let id = details["Id"]?.string ?? ""
    if isRunning(details) {
      _ = try await stop(
        APIRequest("POST", "/containers/{id}/stop", ["id": id], query: request.query), reason: "restarted by the user")
    }
    return try await start(APIRequest("POST", "/containers/{id}/start", ["id": id]))
  }

  private func remove(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    let (id, core) = (details["Id"]?.string ?? "", core)
    if isRunning(details) {
      guard request.flag("force") else { return try await core.send(request) }
      return try await ask(
        "StopTask", ["cluster": "default", "task": .string(task(id)), "reason": "removed by the user"]
      ) {
        try await self.tell("STOPPED", id) { try await core.send(request) }
      }
    }
    try await ask("DeregisterTaskDefinition", ["taskDefinition": "docker:1"])
    return try await core.send(request)
  }

  /// The ECS API has no call that waits: its clients describe the task until it has stopped.
  private func wait(_ request: APIRequest) async throws -> APIResponse {
    let id = try await id(request)
    var asked = request
    let isRemoval = request.query("condition") == "removed" && state.withLock { $0.removed[id] != nil }
    if isRemoval { asked.query = [NameValue("condition", "next-exit")] }
    let response = try await core.send(asked)
    guard case .stream(let stream) = response.body else { return response }
    let body = ByteChannel()
    world.spawn { [self] in
      let end = await stream.readAll()
      try? await ask("DescribeTasks", describe(id))
      if isRemoval {
        await withCheckedContinuation { continuation in
          let isGone = state.withLock { state -> Bool in
            guard state.removed[id] != nil else { return true }
            state.removed[id]?.append(continuation)
            return false
          }
          if isGone { continuation.resume() }
        }
      }
      body.push(end)
      body.closeWriting()
    }
    return APIResponse(response.status, .stream(body), headers: response.headers)
  }

  // MARK: Streams

  /// What a task says goes to CloudWatch; whoever wants to see it as it comes follows it there.
  private func attach(_ request: APIRequest) async throws -> APIResponse {
    let id = try await id(request)
    let response = try await core.send(request)
    if response.errorMessage == nil { try await askLogs("StartLiveTail", id) }
    return response
  }

  private func createExec(_ request: APIRequest) async throws -> APIResponse {
    let response = try await core.send(request)
    if case .json(let json) = response.body, let session = json["Id"]?.string {
      let id = try await id(request)
      state.withLock { $0.sessions[session] = (id, request.body ?? [:]) }
    }
    return response
  }

  /// ECS Exec: the command runs over a session of Systems Manager, whose agent is in the task.
  private func startExec(_ request: APIRequest) async throws -> APIResponse {
    let session = state.withLock { $0.sessions.removeValue(forKey: request.parameters["id"] ?? "") }
    guard let session else { return try await core.send(request) }
    let (core, id) = (core, session.container)
    let command = (session.body["Cmd"]?.strings ?? []).joined(separator: " ")
    return try await ask(
      "ExecuteCommand",
      ["cluster": "default", "task": .string(task(id)), "command": .string(command), "interactive": true]
    ) {
      try await self.tell("RUNNING", id) { try await core.send(request) }
    }
  }
}
