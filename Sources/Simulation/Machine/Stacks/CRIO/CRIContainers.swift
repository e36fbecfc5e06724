import Engine
import Handoff
import JSONTree
import Seams

/// A container as the docker client wants it: its words say more than the CRI's `ContainerConfig` can.
struct EngineBody: Sendable {
  var name = ""
  /// Engine API `CreateRequest`.
  var body: JSON
  /// A container that is there already and is to be created anew at the runtime.
  var existing: String?
  /// For the creation that happens within.
  @TaskLocal static var current: EngineBody?
}

/// Containers of pods. `CreateContainer` is the runtime's `create`: conmon executes it. `StartContainer` is its `start`,
/// which CRI-O executes itself, as `kill` and `delete`. Sources: server/container_create.go, internal/oci/runtime_oci.go.
extension CRIService {
  func createContainer(_ request: JSON) async throws -> JSON {
    let pod = try pod(request["pod_sandbox_id"]?.string ?? "")
    guard pod.isReady else {
      throw EngineError(.unknown, "CreateContainer failed as the sandbox was stopped: \(pod.id)")
    }
    let config = request[member: "config"]
    let metadata = config[member: "metadata"]
    guard !(metadata["name"]?.string ?? "").isEmpty else {
      throw EngineError(.invalidArgument, "setting container name and id: metadata.Name should not be empty")
    }
    let wanted = EngineBody.current
    if let id = wanted?.existing {
      try await prepare(id)
      change(member: id) { ($0.attempt, $0.isCreated) = ($0.attempt + 1, true) }
      return ["container_id": .string(id)]
    }
    let attempt = metadata["attempt"]?.int ?? 0
    let name = wanted.map(\.name) ?? containerName(metadata, pod, attempt)
    let body = wanted?.body ?? engineBody(config, pod)
    let created = try await engine.ask(
      APIRequest(
        "POST", "/containers/create",
        query: name.isEmpty ? [] : [NameValue("name", name)],
        body: rewritten(body) { body in
          if !pod.usesHostNetwork { body["Hostname"] = .string(pod.hostname) }
          body.change("HostConfig") { host in
            host["NetworkMode"] = pod.usesHostNetwork ? "host" : "bridge"
            host["Runtime"] = .string(pod.runtime)
            host["AutoRemove"] = nil
            host["PortBindings"] = nil
            host["PublishAllPorts"] = nil
          }
          body["NetworkingConfig"] = nil
        }))
    let id = created.json["Id"]?.string ?? ""
    let member = Member(
      id: id, pod: pod.id, config: config, createdAt: parts.world.unixTime, attempt: attempt)
    state.withLock { $0.members.append(member) }
    do { try await prepare(id) } catch {
      state.withLock { state in state.members.removeAll { $0.id == id } }
      _ = try? await engine.dockerd.send(
        APIRequest("DELETE", "/containers/{id}", ["id": id], query: [NameValue("force", "1"), NameValue("v", "1")]))
      throw error
    }
    change(member: id) { $0.isCreated = true }
    return ["container_id": .string(id)]
  }

  private func prepare(_ id: String) async throws {
    do { try await engine.containers.prepareTask(id) } catch let error as EngineError {
      throw EngineError(
        error.code, "container create failed: \(CreateFailure(error.message)?.message ?? error.message)")
    }
  }

  /// `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`.
  private func containerName(_ metadata: JSON, _ pod: Pod, _ attempt: Int) -> String {
    let own = pod.metadata
    return [
      "k8s", metadata["name"]?.string ?? "", pod.name, own["namespace"]?.string ?? "", own["uid"]?.string ?? "",
      "\(attempt)",
    ].joined(separator: "_")
  }

  /// The Engine API's words for a `ContainerConfig`.
  private func engineBody(_ config: JSON, _ pod: Pod) -> JSON {
    var body: JSONObject = ["Image": config["image"]?["image"] ?? .string(config["image"]?.string ?? "")]
    if let command = config["command"]?.array, !command.isEmpty {
      body["Entrypoint"] = .array(command)
      body["Cmd"] = []
    }
    if let arguments = config["args"]?.array, !arguments.isEmpty { body["Cmd"] = .array(arguments) }
    body["Env"] = .array(
      (config["envs"]?.array ?? []).map { .string("\($0["key"]?.string ?? "")=\($0["value"]?.string ?? "")") })
    if let folder = config["working_dir"] { body["WorkingDir"] = folder }
    body["Labels"] = config["labels"]
    body["Tty"] = .bool(config["tty"]?.bool ?? false)
    body["OpenStdin"] = .bool(config["stdin"]?.bool ?? false)
    body["StdinOnce"] = .bool(config["stdin_once"]?.bool ?? false)
    let linux = config[member: "linux"]
    let security = linux[member: "security_context"]
    if let user = security["run_as_user"]?["value"]?.int {
      body["User"] = .string("\(user)")
    } else if let name = security["run_as_username"]?.string {
      body["User"] = .string(name)
    }
    var host: JSONObject = [:]
    host["Binds"] = .array(
      (config["mounts"]?.array ?? []).map { mount in
        let readOnly = mount["readonly"]?.bool ?? false
        return .string(
          "\(mount["host_path"]?.string ?? ""):\(mount["container_path"]?.string ?? "")\(readOnly ? ":ro" : "")")
      })
    let resources = linux[member: "resources"]
    for (key, field) in [
      ("Memory", "memory_limit_in_bytes"), ("MemorySwap", "memory_swap_limit_in_bytes"), ("CpuShares", "cpu_shares"),
      ("CpuQuota", "cpu_quota"), ("CpuPeriod", "cpu_period"), ("CpusetCpus", "cpuset_cpus"),
      ("CpusetMems", "cpuset_mems"), ("OomScoreAdj", "oom_score_adj"),
    ] {
      if let value = resources[field] { host[key] = value }
    }
    if let privileged = security["privileged"]?.bool { host["Privileged"] = .bool(privileged) }
    if let readOnly = security["readonly_rootfs"]?.bool { host["ReadonlyRootfs"] = .bool(readOnly) }
    if let capabilities = security["capabilities"] {
      host["CapAdd"] = capabilities["add_capabilities"] ?? []
      host["CapDrop"] = capabilities["drop_capabilities"] ?? []
    }
    if CRIService.isNode(security["namespace_options"]?["pid"]) { host["PidMode"] = "host" }
    body["HostConfig"] = .object(host)
    return .object(body)
  }

  func startContainer(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    guard member.isCreated else {
      let state = try await inspect(member.id)["State"]?["Status"]?.string ?? ""
      throw EngineError(
        .unknown, "container \(member.id) is not in created state: \(state == "exited" ? "stopped" : state)")
    }
    change(member: member.id) { $0.isCreated = false }
    _ = try await engine.ask(APIRequest("POST", "/containers/{id}/start", ["id": member.id]))
    return [:]
  }

  func stopContainer(_ request: JSON) async throws -> JSON {
    guard let member = try? member(request["container_id"]?.string ?? "") else { return [:] }
    let timeout = request["timeout"]?.int ?? 0
    let response =
      timeout > 0
      ? try await engine.dockerd.send(
        APIRequest("POST", "/containers/{id}/stop", ["id": member.id], query: [NameValue("t", "\(timeout)")]))
      : try await engine.dockerd.send(APIRequest("POST", "/containers/{id}/kill", ["id": member.id]))
    // One that has stopped is what was wanted.
    if let message = response.errorMessage, response.status != 409 {
      throw EngineError(EngineError.code(http: response.status), message)
    }
    return [:]
  }

  func removeContainer(_ request: JSON) async throws -> JSON {
    guard let member = try? member(request["container_id"]?.string ?? "") else { return [:] }
    if EngineBody.current?.existing == member.id {
      // It will be created again: only what the runtime has of it goes.
      await conmon.deleteEnded(member.id)
      return [:]
    }
    _ = try await engine.ask(
      APIRequest(
        "DELETE", "/containers/{id}", ["id": member.id], query: [NameValue("force", "1"), NameValue("v", "1")]))
    state.withLock { state in state.members.removeAll { $0.id == member.id } }
    return [:]
  }

  func updateContainer(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    var body: JSONObject = EngineBody.current?.body.object ?? [:]
    let linux = request[member: "linux"]
    for (key, field) in [
      ("Memory", "memory_limit_in_bytes"), ("MemorySwap", "memory_swap_limit_in_bytes"), ("CpuShares", "cpu_shares"),
      ("CpuQuota", "cpu_quota"), ("CpuPeriod", "cpu_period"), ("CpusetCpus", "cpuset_cpus"),
      ("CpusetMems", "cpuset_mems"),
    ] {
      if let value = linux[field] { body[key] = value }
    }
    return try await engine.ask(
      APIRequest("POST", "/containers/{id}/update", ["id": member.id], body: .object(body))
    ).json
  }

  // MARK: Asking

  /// Engine API `inspect`.
  func inspect(_ id: String) async throws -> JSON {
    try await engine.ask(APIRequest("GET", "/containers/{id}/json", ["id": id])).json
  }

  static func stateName(_ status: String) -> String {
    switch status {
    case "created": "CONTAINER_CREATED"
    case "running", "paused", "restarting": "CONTAINER_RUNNING"
    case "exited", "removing", "dead": "CONTAINER_EXITED"
    default: "CONTAINER_UNKNOWN"
    }
  }

  func listContainers(_ request: JSON) async throws -> JSON {
    let filter = request[member: "filter"]
    let state = filter["state"]?["state"]?.string
    let labels = filter[member: "label_selector"].stringMap
    var listed: [JSON] = []
    for member in self.state.withLock({ $0.members }).reversed() {
      if let id = filter["id"]?.string, !member.id.hasPrefix(id) { continue }
      if let pod = filter["pod_sandbox_id"]?.string, !member.pod.hasPrefix(pod) { continue }
      let own = member.config[member: "labels"].stringMap
      guard labels.allSatisfy({ own[$0.key] == $0.value }), let details = try? await inspect(member.id) else {
        continue
      }
      let name = CRIService.stateName(details["State"]?["Status"]?.string ?? "")
      if let state, state != name { continue }
      listed.append(.object(await description(member, details, state: name)))
    }
    return ["containers": .array(listed)]
  }

  private func description(_ member: Member, _ details: JSON, state: String) async -> JSONObject {
    let image = details["Config"]?["Image"]?.string ?? ""
    let local = try? await engine.daemon.images.image(image)
    var metadata = member.config[member: "metadata"]
    metadata["attempt"] = JSON(member.attempt)
    return [
      "id": .string(member.id), "pod_sandbox_id": .string(member.pod), "metadata": metadata,
      "image": ["image": .string(image)],
      "image_ref": .string(
        local?.configDescriptor.digest.description.split(separator: ":").last.map(String.init) ?? image),
      "state": .string(state), "created_at": JSON(member.createdAt), "labels": member.config["labels"] ?? [:],
      "annotations": member.config["annotations"] ?? [:],
    ]
  }

  func containerStatus(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    var details = try await inspect(member.id)
    if ["running", "created", "paused"].contains(details["State"]?["Status"]?.string ?? "") {
      // What has not ended may have since: CRI-O asks the runtime.
      await conmon.askState(member.id, runtime: details["HostConfig"]?["Runtime"]?.string ?? engine.runtime)
      details = try await inspect(member.id)
    }
    let own = details[member: "State"]
    let name = CRIService.stateName(own["Status"]?.string ?? "")
    var status = await description(member, details, state: name)
    status["started_at"] = JSON(nanoseconds(own["StartedAt"]))
    status["finished_at"] = JSON(name == "CONTAINER_EXITED" ? nanoseconds(own["FinishedAt"]) : 0)
    status["exit_code"] = own["ExitCode"] ?? 0
    let killed = own["OOMKilled"]?.bool ?? false
    status["reason"] = .string(
      name != "CONTAINER_EXITED" ? "" : killed ? "OOMKilled" : own["ExitCode"]?.int == 0 ? "Completed" : "Error")
    status["message"] = own["Error"] ?? ""
    status["log_path"] = details["LogPath"] ?? ""
    status["mounts"] = .array(
      (details["Mounts"]?.array ?? []).map { mount in
        [
          "container_path": mount["Destination"] ?? "", "host_path": mount["Source"] ?? "",
          "readonly": .bool(!(mount["RW"]?.bool ?? true)),
        ]
      })
    var answer: JSONObject = ["status": .object(status)]
    if request["verbose"]?.bool == true {
      answer["info"] = ["pid": own["Pid"] ?? 0, "sandboxID": .string(member.pod)]
    }
    return .object(answer)
  }

  /// Counters of the containers that run, out of their cgroups.
  func containerStats(_ request: JSON) async throws -> JSON {
    let one = request["container_id"]?.string
    let id = one ?? request["filter"]?["id"]?.string
    var stats: [JSON] = []
    for member in state.withLock({ $0.members }).reversed() {
      if let id, !member.id.hasPrefix(id) { continue }
      guard let details = try? await inspect(member.id), details["State"]?["Status"]?.string == "running",
        let data = parts.kernel.statistics(cgroup: CRIOStack.cgroup(member.id))
      else { continue }
      let now = JSON(parts.world.unixTime)
      stats.append([
        "attributes": [
          "id": .string(member.id), "metadata": member.config[member: "metadata"],
          "labels": member.config["labels"] ?? [:], "annotations": member.config["annotations"] ?? [:],
        ],
        "cpu": ["timestamp": now, "usage_core_nano_seconds": ["value": data["cpu"]?["usage"]?["total"] ?? 0]],
        "memory": ["timestamp": now, "working_set_bytes": ["value": data["memory"]?["usage"]?["usage"] ?? 0]],
        "writable_layer": [
          "timestamp": now, "used_bytes": ["value": 0], "inodes_used": ["value": 0],
        ],
      ])
    }
    if let one {
      guard let first = stats.first else { throw EngineError(.notFound, "could not find container \"\(one)\"") }
      return ["stats": first]
    }
    return ["stats": .array(stats)]
  }

  /// A time of the Engine API, in nanoseconds since 1970; 0 for Go's zero time.
  func nanoseconds(_ time: JSON?) -> UInt64 {
    guard let text = time?.string, !text.hasPrefix("0001-") else { return 0 }
    return RFC3339Time.parse(text) ?? 0
  }
}
