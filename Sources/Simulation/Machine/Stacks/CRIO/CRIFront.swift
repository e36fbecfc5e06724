import Engine
import Handoff
import JSONTree
import OCISpec
import Seams
import Synchronization

/// The docker client's words on CRI-O: each request of the Engine API becomes the calls of the CRI that do the same, as
/// crictl would make them; what the CRI has nothing for is refused.
final class CRIFront: Sendable {
  private struct State {
    /// Containers to be removed when they have ended (`--rm`), and those who wait for that.
    var removed: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// Exec sessions: whether they have a terminal, and their container.
    var sessions: [String: (container: String, body: JSON)] = [:]
  }
  private let parts: SimParts
  private let world: any World
  private let service: CRIService
  /// crictl's end, traced.
  private let cri: any CRIAPI
  private let state = Mutex(State())

  init(_ parts: SimParts, service: CRIService, api: any CRIAPI) {
    (self.parts, world, self.service, cri) = (parts, parts.world, service, api)
  }

  private var core: any RemoteAPI { service.engine.dockerd }

  private static let refusals: [String: String] = [
    "POST /containers/{id}/pause": "pauses a container", "POST /containers/{id}/unpause": "resumes a container",
    "POST /commit": "makes an image of a container", "POST /containers/{id}/rename": "renames a container",
    "GET /containers/{id}/export": "exports a container",
    "GET /containers/{id}/changes": "compares a container's files",
    "GET /containers/{id}/archive": "copies files", "HEAD /containers/{id}/archive": "copies files",
    "PUT /containers/{id}/archive": "copies files", "POST /images/{name}/push": "pushes an image",
    "POST /images/{name}/tag": "tags an image", "GET /images/search": "searches a registry",
    "GET /images/get": "saves an image", "GET /images/{name}/get": "saves an image",
    "POST /images/load": "loads an image", "GET /networks": "knows networks: pods get theirs by CNI",
    "GET /networks/{id}": "knows networks: pods get theirs by CNI",
    "POST /networks/create": "makes networks: pods get theirs by CNI",
    "DELETE /networks/{id}": "removes networks: pods get theirs by CNI",
    "POST /networks/{id}/connect": "connects networks: pods get theirs by CNI",
    "POST /networks/{id}/disconnect": "disconnects networks: pods get theirs by CNI",
    "POST /networks/prune": "removes networks: pods get theirs by CNI",
  ]

  /// The Engine API, answered by way of the CRI.
  var api: any RemoteAPI {
    var front = StackFront(next: core)
    for (op, what) in CRIFront.refusals { front.refusals[op] = "CRI-O: the CRI has no call that \(what)" }
    func on(_ op: String, _ handler: @escaping StackFront.Handler) { front.handlers[op] = handler }
    // What is only asked: the call of the CRI first, then the core's words.
    func asks(_ op: String, _ method: String, _ request: @escaping @Sendable (APIRequest) -> JSON) {
      on(op) { [self] asked in
        _ = try await cri.call(method, request(asked))
        return try await core.send(asked)
      }
    }
    for op in ["HEAD /_ping", "GET /_ping", "GET /version"] {
      asks(op, "RuntimeService/Version") { _ in ["version": "v1"] }
    }
    asks("GET /info", "RuntimeService/Status") { _ in ["verbose": true] }
    asks("GET /containers/json", "RuntimeService/ListContainers") { request in
      request.flag("all") ? ["filter": [:]] : ["filter": ["state": ["state": "CONTAINER_RUNNING"]]]
    }
    asks("GET /images/json", "ImageService/ListImages") { _ in ["filter": [:]] }
    for op in ["GET /images/{name}/json", "GET /images/{name}/history"] {
      asks(op, "ImageService/ImageStatus") {
        ["image": ["image": .string($0.parameters["name"] ?? "")], "verbose": true]
      }
    }
    for op in [
      "GET /containers/{id}/json", "GET /containers/{id}/logs", "GET /containers/{id}/top",
      "GET /containers/{id}/stats",
    ] {
      on(op) { [self] request in
        let answer = try await core.send(request)
        if let id = try? await self.id(request) {
          let method = op.hasSuffix("stats") ? "ContainerStats" : "ContainerStatus"
          _ = try await cri.call("RuntimeService/\(method)", ["container_id": .string(id)])
        }
        return answer
      }
    }
    asks("GET /events", "RuntimeService/GetContainerEvents") { _ in [:] }
    on("POST /images/create") { [self] in try await pull($0) }
    on("DELETE /images/{name}") { [self] in try await removeImage($0) }
    on("POST /containers/create") { [self] in try await create($0) }
    on("POST /containers/{id}/start") { [self] in try await start($0) }
    on("POST /containers/{id}/stop") { [self] in try await stop($0) }
    on("POST /containers/{id}/kill") { [self] in try await kill($0) }
    on("POST /containers/{id}/restart") { [self] in try await restart($0) }
    on("POST /containers/{id}/wait") { [self] in try await wait($0) }
    on("POST /containers/{id}/attach") { [self] in try await attach($0) }
    on("POST /containers/{id}/exec") { [self] in try await createExec($0) }
    on("POST /exec/{id}/start") { [self] in try await startExec($0) }
    on("POST /containers/{id}/update") { [self] in try await update($0) }
    on("DELETE /containers/{id}") { [self] in try await remove($0) }
    on("POST /containers/prune") { [self] in try await prune($0) }
    let (wire, faults) = (parts.wire, parts.faults)
    front.before = { request in
      try await wire.departing(from: .crictl, to: .crio, via: .grpc, op: request.op)
    }
    front.checksHandlers = false
    front.isDown = { faults.kind("crio") == .down }
    front.identify(
      as: .init(
        name: "CRI-O", version: CRIService.version,
        components: [("cri-o", CRIService.version), ("conmon", "2.1.13"), ("runc", "1.3.3")], root: CRIOStack.storage))
    return front
  }

  // MARK: Finding

  /// The container that a request names by id, name or the beginning of an id.
  private func details(_ request: APIRequest) async throws -> JSON {
    try await service.inspect(request.parameters["id"] ?? "")
  }
  private func id(_ request: APIRequest) async throws -> String { try await details(request)["Id"]?.string ?? "" }
  private func status(_ details: JSON) -> String { details["State"]?["Status"]?.string ?? "" }
  private func isAutoRemoved(_ id: String) -> Bool { state.withLock { $0.removed[id] != nil } }

  // MARK: Images

  private func pull(_ request: APIRequest) async throws -> APIResponse {
    guard let image = request.query("fromImage"), !image.isEmpty else {
      return APIResponse(error: EngineError(.notImplemented, "CRI-O: the CRI has no call that imports an image"))
    }
    let tag = request.query("tag") ?? ""
    let name = tag.isEmpty ? image : tag.hasPrefix("sha256:") ? "\(image)@\(tag)" : "\(image):\(tag)"
    var call: JSONObject = ["image": ["image": .string(name)]]
    if let auth = request.registryAuth {
      call["auth"] = [
        "username": auth["username"] ?? "", "password": auth["password"] ?? "",
        "server_address": auth["serveraddress"] ?? "",
      ]
    }
    // PullImage answers when all is here; what it does meanwhile is the core's to tell.
    let relay = PullRelay(request)
    world.spawn { [self, call] in
      do {
        try await PullRelay.$current.withValue(relay) {
          _ = try await cri.call("ImageService/PullImage", .object(call))
        }
        relay.finish(nil)
      } catch { relay.finish(error) }
    }
    return try await relay.response()
  }

  private func removeImage(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["name"] ?? ""
    let removal = ImageRemoval(request)
    return try await ImageRemoval.$current.withValue(removal) {
      _ = try await cri.call("ImageService/RemoveImage", ["image": ["image": .string(name)]])
      return removal.response ?? APIResponse(200, .json([]))
    }
  }

  // MARK: A container's life

  private func create(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body ?? .null
    let host = body[member: "HostConfig"]
    let mode = host["NetworkMode"]?.string ?? ""
    let image = body["Image"]?.string ?? ""
    // An image that is not here is said before a pod is made.
    let platform = request.query("platform").flatMap { Platform($0) }
    if !image.isEmpty { _ = try await service.engine.daemon.images.image(image, platform: platform) }
    var name = request.query("name") ?? ""
    if name.hasPrefix("/") { name.removeFirst() }
    if !name.isEmpty, let other = try? await service.inspect(name), other["Name"]?.string == "/" + name {
      throw EngineError(
        .conflict,
        "Conflict. The container name \"/\(name)\" is already in use by container \"\(other["Id"]?.string ?? "")\". You "
          + "have to remove (or rename) that container to be able to reuse that name.")
    }
    var pod = ""
    var config: JSON = [:]
    var isOwn = true
    switch mode {
    case "", "default", "bridge", "host":
      config = podConfig(name, body, host)
      pod = try await cri.call("RuntimeService/RunPodSandbox", ["config": config])["pod_sandbox_id"]?.string ?? ""
    case let mode where mode.hasPrefix("container:"):
      // Containers of one pod share its network.
      let other = try await service.inspect(String(mode.dropFirst(10)))["Id"]?.string ?? ""
      guard let shared = service.podID(of: other) else { throw EngineError(.notFound, "No such container: \(other)") }
      (pod, isOwn) = (shared, false)
      config = try service.pod(shared).config
    default:
      throw EngineError(
        .notImplemented, "CRI-O: the CRI has no networks to choose from (\(mode)): pods get theirs by CNI")
    }
    do {
      let wanted = EngineBody(name: name, body: body)
      let created = try await EngineBody.$current.withValue(wanted) {
        try await cri.call(
          "RuntimeService/CreateContainer",
          [
            "pod_sandbox_id": .string(pod), "config": containerConfig(name, body, host, in: config),
            "sandbox_config": config,
          ])
      }
      let id = created["container_id"]?.string ?? ""
      if host["AutoRemove"]?.bool == true { state.withLock { $0.removed[id] = [] } }
      return APIResponse(201, .json(["Id": .string(id), "Warnings": []]))
    } catch {
      if isOwn { await removePod(pod) }
      throw error
    }
  }

  private func podConfig(_ name: String, _ body: JSON, _ host: JSON) -> JSON {
    let own = name.isEmpty ? "pod-" + world.hexID(8) : name
    var mappings: [JSON] = []
    for member in host["PortBindings"]?.object?.members ?? [] {
      let parts = member.key.split(separator: "/").map(String.init)
      guard let port = parts.first.flatMap({ Int($0) }) else { continue }
      for binding in member.value.array ?? [] {
        mappings.append([
          "protocol": .string((parts.count > 1 ? parts[1] : "tcp").uppercased()), "container_port": JSON(port),
          "host_port": JSON(Int(binding["HostPort"]?.string ?? "") ?? -1), "host_ip": binding["HostIp"] ?? "",
        ])
      }
    }
    let isHost = host["NetworkMode"]?.string == "host"
    return [
      "metadata": [
        "name": .string(own), "uid": .string(world.uuid()), "namespace": "default", "attempt": 0,
      ],
      "hostname": body["Hostname"]?.string.flatMap { $0.isEmpty ? nil : .string($0) } ?? .string(own),
      "port_mappings": .array(mappings), "labels": body["Labels"] ?? [:],
      "linux": [
        "security_context": ["namespace_options": ["network": .string(isHost ? "NODE" : "POD"), "pid": "CONTAINER"]]
      ],
    ]
  }

  /// The CRI's words for what the docker client asks for.
  private func containerConfig(_ name: String, _ body: JSON, _ host: JSON, in podConfig: JSON) -> JSON {
    var config: JSONObject = [
      "metadata": ["name": .string(name.isEmpty ? "container" : name), "attempt": 0],
      "image": ["image": body["Image"] ?? ""],
    ]
    if let entrypoint = body["Entrypoint"]?.array { config["command"] = .array(entrypoint) }
    if let command = body["Cmd"]?.array { config["args"] = .array(command) }
    if let folder = body["WorkingDir"]?.string, !folder.isEmpty { config["working_dir"] = .string(folder) }
    if let environment = body["Env"]?.strings, !environment.isEmpty {
      config["envs"] = .array(
        environment.map { entry in
          let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
          return ["key": .string(parts[0]), "value": .string(parts.count > 1 ? parts[1] : "")]
        })
    }
    let own = podConfig["metadata"]?[member: "name"].string ?? ""
    config["labels"] = rewritten(body["Labels"] ?? [:]) { labels in
      labels["io.kubernetes.container.name"] = .string(name.isEmpty ? "container" : name)
      labels["io.kubernetes.pod.name"] = .string(own)
      labels["io.kubernetes.pod.namespace"] = "default"
    }
    if let binds = host["Binds"]?.strings, !binds.isEmpty {
      config["mounts"] = .array(
        binds.map { bind in
          let parts = bind.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
          return [
            "host_path": .string(parts[0]), "container_path": .string(parts.count > 1 ? parts[1] : ""),
            "readonly": .bool(parts.count > 2 && parts[2].split(separator: ",").contains("ro")),
          ]
        })
    }
    config["tty"] = .bool(body["Tty"]?.bool ?? false)
    config["stdin"] = .bool(body["OpenStdin"]?.bool ?? false)
    config["stdin_once"] = .bool(body["StdinOnce"]?.bool ?? false)
    var resources: JSONObject = [:]
    for (field, key) in [
      ("cpu_period", "CpuPeriod"), ("cpu_quota", "CpuQuota"), ("cpu_shares", "CpuShares"),
      ("memory_limit_in_bytes", "Memory"), ("memory_swap_limit_in_bytes", "MemorySwap"), ("cpuset_cpus", "CpusetCpus"),
    ] {
      if let value = host[key], value != 0, value != "" { resources[field] = value }
    }
    var security: JSONObject = ["privileged": .bool(host["Privileged"]?.bool ?? false)]
    if host["ReadonlyRootfs"]?.bool == true { security["readonly_rootfs"] = true }
    let (add, drop) = (host["CapAdd"]?.array ?? [], host["CapDrop"]?.array ?? [])
    if !add.isEmpty || !drop.isEmpty {
      security["capabilities"] = ["add_capabilities": .array(add), "drop_capabilities": .array(drop)]
    }
    if let user = body["User"]?.string, !user.isEmpty { security["run_as_username"] = .string(user) }
    config["linux"] = ["resources": .object(resources), "security_context": .object(security)]
    return .object(config)
  }

  private func start(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    let id = details["Id"]?.string ?? ""
    switch status(details) {
    case "created": break
    case "exited":
      // What has ended is not started again: as the kubelet does, it is created anew.
      let member = try service.member(id)
      try await EngineBody.$current.withValue(EngineBody(body: .null, existing: id)) {
        _ = try await cri.call("RuntimeService/RemoveContainer", ["container_id": .string(id)])
        var config = member.config
        if var metadata = config["metadata"]?.object {
          metadata["attempt"] = JSON(member.attempt + 1)
          config["metadata"] = .object(metadata)
        }
        _ = try await cri.call(
          "RuntimeService/CreateContainer", ["pod_sandbox_id": .string(member.pod), "config": config])
      }
    default: return try await core.send(request)
    }
    do { _ = try await cri.call("RuntimeService/StartContainer", ["container_id": .string(id)]) } catch {
      if isAutoRemoved(id) { await autoRemove(id) }
      throw error
    }
    if isAutoRemoved(id) {
      world.spawn { [self] in
        if let response = try? await core.send(APIRequest("POST", "/containers/{id}/wait", ["id": id])),
          case .stream(let body) = response.body
        {
          _ = await body.readAll()
        }
        await autoRemove(id)
      }
    }
    return APIResponse(204)
  }

  /// The container has ended, and was to go then.
  private func autoRemove(_ id: String) async {
    let pod = service.podID(of: id)
    _ = try? await cri.call("RuntimeService/RemoveContainer", ["container_id": .string(id)])
    if let pod, service.members(of: pod).isEmpty { await removePod(pod) }
    let waiters = state.withLock { $0.removed.removeValue(forKey: id) ?? [] }
    for waiter in waiters { waiter.resume() }
  }

  private func removePod(_ pod: String) async {
    _ = try? await cri.call("RuntimeService/StopPodSandbox", ["pod_sandbox_id": .string(pod)])
    _ = try? await cri.call("RuntimeService/RemovePodSandbox", ["pod_sandbox_id": .string(pod)])
  }

  private func stop(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    guard details["State"]?["Running"]?.bool == true else { return try await core.send(request) }
    let timeout = request.query("t").flatMap { Int($0) } ?? details["Config"]?["StopTimeout"]?.int ?? 10
    _ = try await cri.call(
      "RuntimeService/StopContainer",
      ["container_id": details["Id"] ?? "", "timeout": JSON(timeout < 0 ? 1 << 31 : timeout)])
    return APIResponse(204)
  }

  private func kill(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    guard details["State"]?["Running"]?.bool == true else { return try await core.send(request) }
    let signal = (request.query("signal") ?? "").uppercased()
    guard ["", "9", "KILL", "SIGKILL"].contains(signal) else {
      throw EngineError(
        .notImplemented, "CRI-O: the CRI has no call that sends a signal: StopContainer ends a container")
    }
    _ = try await cri.call(
      "RuntimeService/StopContainer", ["container_id": details["Id"] ?? "", "timeout": 0])
    return APIResponse(204)
  }

  private func restart(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    if details["State"]?["Running"]?.bool == true {
      var stopping = request
      stopping.template = "/containers/{id}/stop"
      _ = try await stop(stopping)
    }
    return try await start(APIRequest("POST", "/containers/{id}/start", ["id": details["Id"]?.string ?? ""]))
  }

  /// The CRI has no call that waits: its clients ask for the status until the container has ended.
  private func wait(_ request: APIRequest) async throws -> APIResponse {
    let id = try await id(request)
    var asked = request
    let isRemoval = request.query("condition") == "removed" && isAutoRemoved(id)
    if isRemoval { asked.query = [NameValue("condition", "next-exit")] }
    let response = try await core.send(asked)
    guard case .stream(let stream) = response.body else { return response }
    let body = ByteChannel()
    world.spawn { [self] in
      let end = await stream.readAll()
      _ = try? await cri.call("RuntimeService/ContainerStatus", ["container_id": .string(id)])
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

  private func remove(_ request: APIRequest) async throws -> APIResponse {
    let details = try await details(request)
    let id = details["Id"]?.string ?? ""
    let isRunning = details["State"]?["Running"]?.bool == true
    guard !isRunning || request.flag("force") else { return try await core.send(request) }
    if isRunning {
      _ = try await cri.call("RuntimeService/StopContainer", ["container_id": .string(id), "timeout": 0])
    }
    let pod = service.podID(of: id)
    // One that was to go at its end may be gone by now; removing it twice is no error.
    _ = try await cri.call("RuntimeService/RemoveContainer", ["container_id": .string(id)])
    if let pod, service.members(of: pod).isEmpty { await removePod(pod) }
    return APIResponse(204)
  }

  private func prune(_ request: APIRequest) async throws -> APIResponse {
    var removed: [String] = []
    for member in service.state.withLock({ $0.members }) {
      guard let details = try? await service.inspect(member.id),
        ["created", "exited", "dead"].contains(status(details))
      else { continue }
      _ = try await remove(APIRequest("DELETE", "/containers/{id}", ["id": member.id]))
      removed.append(member.id)
    }
    return APIResponse(
      200, .json(["ContainersDeleted": removed.isEmpty ? .null : JSON(removed), "SpaceReclaimed": 0]))
  }

  private func update(_ request: APIRequest) async throws -> APIResponse {
    let id = try await id(request)
    let body = request.body ?? [:]
    var linux: JSONObject = [:]
    for (field, key) in [
      ("cpu_period", "CpuPeriod"), ("cpu_quota", "CpuQuota"), ("cpu_shares", "CpuShares"),
      ("memory_limit_in_bytes", "Memory"), ("memory_swap_limit_in_bytes", "MemorySwap"), ("cpuset_cpus", "CpusetCpus"),
    ] {
      if let value = body[key], value != 0, value != "" { linux[field] = value }
    }
    return try await EngineBody.$current.withValue(EngineBody(body: body)) {
      APIResponse(
        200,
        .json(
          try await cri.call(
            "RuntimeService/UpdateContainerResources", ["container_id": .string(id), "linux": .object(linux)])))
    }
  }

  // MARK: Streams

  private func attach(_ request: APIRequest) async throws -> APIResponse {
    let id = try await id(request)
    return try await stream(request) {
      try await self.cri.call(
        "RuntimeService/Attach",
        [
          "container_id": .string(id), "stdin": .bool(request.flag("stdin")), "stdout": .bool(request.flag("stdout")),
          "stderr": .bool(request.flag("stderr")),
        ])
    }
  }

  private func createExec(_ request: APIRequest) async throws -> APIResponse {
    let response = try await core.send(request)
    if case .json(let json) = response.body, let session = json["Id"]?.string {
      let id = try await id(request)
      state.withLock { $0.sessions[session] = (id, request.body ?? [:]) }
    }
    return response
  }

  private func startExec(_ request: APIRequest) async throws -> APIResponse {
    let id = request.parameters["id"] ?? ""
    guard let session = state.withLock({ $0.sessions.removeValue(forKey: id) }) else {
      return try await core.send(request)
    }
    let call: JSON = [
      "container_id": .string(session.container), "cmd": session.body["Cmd"] ?? [],
      "tty": .bool(session.body["Tty"]?.bool ?? false), "stdin": .bool(session.body["AttachStdin"]?.bool ?? false),
      "stdout": true, "stderr": .bool(session.body["AttachStderr"]?.bool ?? false),
    ]
    guard request.body?["Detach"]?.bool != true else {
      _ = try await cri.call("RuntimeService/Exec", call)
      return try await core.send(request)
    }
    return try await stream(request) { try await self.cri.call("RuntimeService/Exec", call) }
  }

  /// Gets a URL by a call, and opens it: what happens then is `request`.
  private func stream(_ request: APIRequest, _ call: @Sendable () async throws -> JSON) async throws -> APIResponse {
    try await CRIService.$streamRequest.withValue(request) {
      let url = try await call()["url"]?.string ?? ""
      let path = url.split(separator: "/").suffix(2).reduce(into: "") { $0 += "/" + $1 }
      let stream = try await cri.open(path)
      let type = stream.terminal ? "raw-stream" : "multiplexed-stream"
      return APIResponse(
        101, .hijacked(stream.connection),
        headers: [NameValue("Content-Type", "application/vnd.docker.\(type)")])
    }
  }
}
