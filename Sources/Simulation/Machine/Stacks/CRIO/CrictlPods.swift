import JSONTree
import Seams

/// crictl's commands about pods.
extension Crictl {
  func runPod(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, valued: [["runtime", "r"], ["cancel-timeout", "T"]])
    guard arguments.operands.count == 1 else {
      throw ClientFailure("cannot run runp: exactly one pod-config is needed")
    }
    let config = try configuration(arguments.operands[0], io)
    try await connect()
    let pod = try await pod(config, handler: arguments.value("runtime") ?? "")
    await io.print(pod)
    return 0
  }

  func pod(_ config: JSON, handler: String) async throws -> String {
    var request: JSONObject = ["config": config]
    if !handler.isEmpty { request["runtime_handler"] = .string(handler) }
    do {
      return try await runtime("RunPodSandbox", .object(request))["pod_sandbox_id"]?.string ?? ""
    } catch let error as EngineError {
      throw ClientFailure("run pod sandbox: rpc error: code = \(Crictl.code(error)) desc = \(error.message)")
    }
  }

  func pods(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["id"], ["name"], ["namespace"], ["state", "s"], ["label"], ["output", "o"], ["last", "n"]],
      switches: [["quiet", "q"], ["no-trunc"], ["verbose", "v"], ["latest", "l"]])
    var filter: JSONObject = [:]
    if let id = arguments.value("id") { filter["id"] = .string(id) }
    if let state = arguments.value("state")?.lowercased() {
      guard ["ready", "notready"].contains(state) else {
        throw ClientFailure("listing pod sandboxes: --state should be ready or notready")
      }
      filter["state"] = ["state": .string(state == "ready" ? "SANDBOX_READY" : "SANDBOX_NOTREADY")]
    }
    let labels = try labelSelector(arguments.all("label"))
    if !labels.isEmpty { filter["label_selector"] = JSON(labels) }
    try await connect()
    let answer = try await runtime("ListPodSandbox", ["filter": .object(filter)])
    var pods = answer["items"]?.array ?? []
    if let name = arguments.value("name") { pods.removeAll { $0["metadata"]?["name"]?.string?.contains(name) != true } }
    if let namespace = arguments.value("namespace") {
      pods.removeAll { $0["metadata"]?["namespace"]?.string?.contains(namespace) != true }
    }
    if let count = arguments.has("latest") ? 1 : try arguments.number("last") {
      pods = Array(pods.prefix(max(0, count)))
    }
    if try await showed(arguments, ["items": .array(pods)], io) { return 0 }
    if arguments.has("quiet") {
      for pod in pods { await io.print(pod["id"]?.string ?? "") }
      return 0
    }
    var table = ColumnTable(["POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"], minimum: 20)
    for pod in pods {
      let id = pod["id"]?.string ?? ""
      let metadata = pod[member: "metadata"]
      table.add([
        arguments.has("no-trunc") ? id : Crictl.short(id), ago(pod["created_at"]), Crictl.title(pod["state"]?.string),
        metadata["name"]?.string ?? "", metadata["namespace"]?.string ?? "", "\(metadata["attempt"]?.int ?? 0)",
        pod["runtime_handler"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "(default)",
      ])
    }
    await io.write(table.text)
    return 0
  }

  /// `-o json`: printed, and true. Refuses formats that there are not.
  func showed(_ arguments: ClientArguments, _ json: JSON, _ io: StackIO) async throws -> Bool {
    switch arguments.value("output") ?? "table" {
    case "table", "": return false
    case "json":
      await show(json, io)
      return true
    case let format: throw ClientFailure("unsupported output format \"\(format)\"")
    }
  }

  func labelSelector(_ labels: [String]) throws -> [String: String] {
    var selector: [String: String] = [:]
    for label in labels {
      let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw ClientFailure("incorrectly specified label: \(label)") }
      selector[parts[0]] = parts[1]
    }
    return selector
  }

  func inspectPod(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, valued: [["output", "o"], ["id"]], switches: [["quiet", "q"]])
    guard !arguments.operands.isEmpty else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    for id in arguments.operands {
      let answer = try await asking("getting the pod sandbox status") {
        try await runtime("PodSandboxStatus", ["pod_sandbox_id": .string(id), "verbose": true])
      }
      await show(withTimes(answer), io)
    }
    return 0
  }

  /// Words before the error of a call.
  func asking<T>(_ what: String, _ body: () async throws -> T) async throws -> T {
    do { return try await body() } catch let error as EngineError {
      throw ClientFailure("\(what): rpc error: code = \(Crictl.code(error)) desc = \(error.message)")
    }
  }

  func stopPods(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words)
    guard !arguments.operands.isEmpty else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    for id in arguments.operands {
      _ = try await asking("stopping the pod sandbox \"\(id)\"") {
        try await runtime("StopPodSandbox", ["pod_sandbox_id": .string(id)])
      }
      await io.print("Stopped sandbox \(id)")
    }
    return 0
  }

  func removePods(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, switches: [["force", "f"], ["all", "a"], ["keep-logs"]])
    try await connect()
    var ids = arguments.operands
    if arguments.has("all") {
      let listed = try await runtime("ListPodSandbox", ["filter": [:]])["items"]?.array ?? []
      ids = listed.compactMap { $0["id"]?.string }
    }
    guard !ids.isEmpty || arguments.has("all") else { throw ClientFailure("ID cannot be empty") }
    for id in ids {
      let status = try await asking("getting sandbox status of pod \"\(id)\"") {
        try await runtime("PodSandboxStatus", ["pod_sandbox_id": .string(id)])
      }
      if status["status"]?["state"]?.string == "SANDBOX_READY" {
        guard arguments.has("force") else {
          throw ClientFailure(
            "pod sandbox \"\(id)\" is running, please stop it first")
        }
        _ = try await runtime("StopPodSandbox", ["pod_sandbox_id": .string(id)])
      }
      _ = try await asking("removing the pod sandbox \"\(id)\"") {
        try await runtime("RemovePodSandbox", ["pod_sandbox_id": .string(id)])
      }
      await io.print("Removed sandbox \(id)")
    }
    return 0
  }

  /// Times as `inspect` shows them: RFC 3339.
  func withTimes(_ json: JSON) -> JSON {
    rewritten(json) { answer in
      answer.change("status") { status in
        for key in ["created_at", "started_at", "finished_at"] {
          guard let time = status[key]?.int else { continue }
          status[key] = .string(time == 0 ? "0001-01-01T00:00:00Z" : timestamp(UInt64(clamping: time)))
        }
      }
    }
  }
}
