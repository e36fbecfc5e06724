import Engine
import Handoff
import JSONTree
import Runtime
import Seams

/// Pods: namespaces that their containers share. CRI-O pins them to files by pinns; no process holds them
/// (`drop_infra_ctr`). Sources: server/sandbox_run_linux.go, internal/config/nsmgr.
extension CRIService {
  static let namespaces = "/var/run"

  func runPod(_ request: JSON) async throws -> JSON {
    let config = request[member: "config"]
    let metadata = config[member: "metadata"]
    for field in ["name", "namespace", "uid"] where (metadata[field]?.string ?? "").isEmpty {
      throw EngineError(
        .invalidArgument,
        "setting pod sandbox name and id: PodSandboxConfig.Metadata.\(field.prefix(1).uppercased())\(field.dropFirst()) "
          + "should not be empty")
    }
    let clash = state.withLock { state in
      state.pods.first {
        $0.metadata["name"] == metadata["name"] && $0.metadata["namespace"] == metadata["namespace"]
          && $0.metadata["uid"] == metadata["uid"] && ($0.metadata["attempt"] ?? 0) == (metadata["attempt"] ?? 0)
      }
    }
    if let clash {
      throw EngineError(
        .alreadyExists,
        "error reserving pod name k8s_\(clash.name)_\(metadata["namespace"]?.string ?? "")_\(metadata["uid"]?.string ?? "")"
          + "_\(metadata["attempt"]?.int ?? 0) for id \(clash.id): name is reserved")
    }
    let handler = request["runtime_handler"]?.string ?? ""
    guard handler.isEmpty || SimMachine.runtimes.contains(handler) else {
      throw EngineError(.unknown, "failed to find runtime handler \(handler) from runtime list map[crun: runc:]")
    }
    var pod = Pod(
      id: parts.world.hexID(), config: config, createdAt: parts.world.unixTime,
      runtime: handler.isEmpty ? engine.runtime : handler)
    let options = config["linux"]?["security_context"]?["namespace_options"]
    pod.usesHostNetwork = CRIService.isNode(options?["network"])
    try await pin(pod)
    if !pod.usesHostNetwork {
      do { _ = try await engine.daemon.networks.connect(sandbox(pod)) } catch {
        pins.remove(for: pod.id)
        throw EngineError(
          (error as? EngineError)?.code ?? .unknown,
          "failed to create pod network sandbox \(pod.name)_\(metadata["namespace"]?.string ?? "")(\(pod.id)): "
            + ((error as? EngineError)?.message ?? "\(error)"))
      }
    }
    state.withLock { [pod] in $0.pods.append(pod) }
    return ["pod_sandbox_id": .string(pod.id)]
  }

  /// NODE of `NamespaceMode`, by name or number.
  static func isNode(_ mode: JSON?) -> Bool { mode?.string == "NODE" || mode?.int == 2 }

  private func pin(_ pod: Pod) async throws {
    let name = parts.world.uuid()
    var kinds: [NamespaceKind] = [.ipc]
    if !pod.usesHostNetwork { kinds += [.network, .uts] }
    let folders: [NamespaceKind: String] = [.ipc: "ipcns", .network: "netns", .uts: "utsns"]
    let flags: [NamespaceKind: String] = [.ipc: "--ipc", .network: "--net", .uts: "--uts"]
    let arguments =
      ["/usr/bin/pinns", "-d", CRIService.namespaces, "-f", name] + kinds.map { flags[$0] ?? "" }
    let files = kinds.map { ($0, "\(CRIService.namespaces)/\(folders[$0] ?? "")/\(name)") }
    try await pinning.carry(
      "pinns", JSON.object(["argv": JSON(arguments)]), outcome: { (_: Void) in .success(JSON.object(["status": 0])) }
    ) { _ = try pins.make(for: pod.id, files, program: arguments) }
  }

  private func sandbox(_ pod: Pod) -> NetworkSandbox {
    var bindings: JSONObject = [:]
    for mapping in pod.config["port_mappings"]?.array ?? [] {
      guard let port = mapping["container_port"]?.int, (1...65_535).contains(port) else { continue }
      // By name or number.
      let protocols = ["TCP", "UDP", "SCTP"]
      let number = max(0, min(2, mapping["protocol"]?.int ?? 0))
      let proto: String = mapping["protocol"]?.string.flatMap { protocols.contains($0) ? $0 : nil } ?? protocols[number]
      let hostPort = mapping["host_port"]?.int ?? 0
      // Without a host port there is nothing to be mapped; below zero asks for any (docker's `-P`, `-p 80`).
      guard hostPort != 0 else { continue }
      let binding: JSON = [
        "HostIp": .string(mapping["host_ip"]?.string ?? ""), "HostPort": .string(hostPort > 0 ? "\(hostPort)" : ""),
      ]
      let key = "\(port)/\(proto.lowercased())"
      bindings[key] = .array((bindings[key]?.array ?? []) + [binding])
    }
    return NetworkSandbox(
      containerID: pod.id, name: pod.name, hostname: pod.hostname, pid: pins[pod.id]?.handle ?? 0, mode: "bridge",
      endpoints: [("bridge", [:])], portBindings: .object(bindings), exposedPorts: bindings.keys, publishAll: false)
  }

  func stopPod(_ request: JSON) async throws -> JSON {
    guard let pod = try? pod(request["pod_sandbox_id"]?.string ?? "") else { return [:] }
    for member in members(of: pod.id) {
      _ = try await engine.dockerd.send(
        APIRequest("POST", "/containers/{id}/stop", ["id": member.id], query: [NameValue("t", "10")]))
    }
    if pod.isReady, !pod.usesHostNetwork { await engine.daemon.networks.release(pod.id) }
    change(pod.id) { $0.isReady = false }
    return [:]
  }

  func removePod(_ request: JSON) async throws -> JSON {
    guard let pod = try? pod(request["pod_sandbox_id"]?.string ?? "") else { return [:] }
    if pod.isReady { _ = try await stopPod(["pod_sandbox_id": .string(pod.id)]) }
    for member in members(of: pod.id) {
      _ = try await removeContainer(["container_id": .string(member.id)])
    }
    pins.remove(for: pod.id)
    state.withLock { state in state.pods.removeAll { $0.id == pod.id } }
    return [:]
  }

  private func change(_ id: String, _ body: (inout Pod) -> Void) {
    state.withLock { state in
      if let index = state.pods.firstIndex(where: { $0.id == id }) { body(&state.pods[index]) }
    }
  }

  // MARK: Asking

  private static func name(_ pod: Pod) -> String { pod.isReady ? "SANDBOX_READY" : "SANDBOX_NOTREADY" }

  func listPods(_ request: JSON) -> JSON {
    let filter = request[member: "filter"]
    let wanted = filter["state"]?["state"]?.string
    let labels = filter[member: "label_selector"].stringMap
    let pods = state.withLock { $0.pods }.reversed().filter { pod in
      (filter["id"]?.string.map { pod.id.hasPrefix($0) } ?? true) && (wanted.map { $0 == CRIService.name(pod) } ?? true)
        && labels.allSatisfy { pod.config[member: "labels"].stringMap[$0.key] == $0.value }
    }
    return ["items": .array(pods.map { .object(description($0)) })]
  }

  private func description(_ pod: Pod) -> JSONObject {
    [
      "id": .string(pod.id), "metadata": pod.metadata, "state": .string(CRIService.name(pod)),
      "created_at": JSON(pod.createdAt), "labels": pod.config["labels"] ?? [:],
      "annotations": pod.config["annotations"] ?? [:], "runtime_handler": .string(pod.runtime),
    ]
  }

  func podStatus(_ request: JSON) async throws -> JSON {
    let pod = try pod(request["pod_sandbox_id"]?.string ?? "")
    var status = description(pod)
    let address = await engine.networks.state(pod.id)?.primaryAddress ?? ""
    status["network"] = ["additional_ips": [], "ip": .string(address)]
    status["linux"] = [
      "namespaces": [
        "options": [
          "ipc": "POD", "network": pod.usesHostNetwork ? "NODE" : "POD", "pid": "CONTAINER", "target_id": "",
        ]
      ]
    ]
    return ["status": .object(status)]
  }
}
