import Engine
import Handoff
import JSONTree
import Seams

/// `ExecSync`, `Exec` and `Attach`. The first waits for its process and answers what it said; the others answer a URL of
/// CRI-O's streaming server, and what they do begins when it is opened. Source: server/container_exec.go.
extension CRIService {
  /// What an opened stream does, when the docker client has a request of its own for it.
  @TaskLocal static var streamRequest: APIRequest?

  func execSync(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    try await requireRunning(member.id)
    // Here conmon watches the process, for CRI-O reads what it says from conmon's log.
    return try await Conmon.$watchesExec.withValue(true) {
      let stream = try await begin(member.id, request, stdin: false)
      var collected = DemultiplexedOutput()
      while let bytes = await stream.connection.input.read() { collected.add(bytes) }
      return [
        "stdout": .string(String(decoding: collected.stdout, as: UTF8.self)),
        "stderr": .string(String(decoding: collected.stderr, as: UTF8.self)),
        "exit_code": JSON(await stream.exitStatus() ?? -1),
      ]
    }
  }

  private func requireRunning(_ id: String) async throws {
    let status = try await inspect(id)["State"]?["Status"]?.string ?? ""
    guard status == "running" else {
      throw EngineError(.unknown, "container is not created or running")
    }
  }

  func exec(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    try await requireRunning(member.id)
    let wanted = CRIService.streamRequest
    return register("exec") { [self] in
      if let wanted { return try await open(wanted, terminal: request["tty"]?.bool ?? false) }
      return try await begin(member.id, request, stdin: request["stdin"]?.bool ?? false)
    }
  }

  func attach(_ request: JSON) async throws -> JSON {
    let member = try member(request["container_id"]?.string ?? "")
    let tty = try await inspect(member.id)["Config"]?["Tty"]?.bool ?? false
    let wanted =
      CRIService.streamRequest
      ?? APIRequest(
        "POST", "/containers/{id}/attach", ["id": member.id],
        query: ["stream", "stdout", "stderr"].map { NameValue($0, "1") }
          + (request["stdin"]?.bool == true ? [NameValue("stdin", "1")] : []), hijack: true)
    return register("attach") { [self] in try await open(wanted, terminal: tty) }
  }

  private func register(_ verb: String, _ source: @escaping @Sendable () async throws -> CRIStream) -> JSON {
    let token = parts.world.hexID(8)
    state.withLock { $0.streams[token] = source }
    return ["url": .string("http://127.0.0.1:10010/\(verb)/\(token)")]
  }

  /// Creates an exec session and starts it.
  private func begin(_ id: String, _ request: JSON, stdin: Bool) async throws -> CRIStream {
    let tty = request["tty"]?.bool ?? false
    let created = try await engine.ask(
      APIRequest(
        "POST", "/containers/{id}/exec", ["id": id],
        body: [
          "Cmd": request["cmd"] ?? [], "AttachStdout": true, "AttachStderr": true, "AttachStdin": .bool(stdin),
          "Tty": .bool(tty),
        ]))
    let session = created.json["Id"]?.string ?? ""
    let start = APIRequest(
      "POST", "/exec/{id}/start", ["id": session], body: ["Detach": false, "Tty": .bool(tty)], hijack: true)
    return try await open(start, terminal: tty)
  }

  /// The connection of a request that is hijacked.
  private func open(_ request: APIRequest, terminal: Bool) async throws -> CRIStream {
    let response = try await engine.ask(request)
    guard case .hijacked(let connection) = response.body else {
      throw EngineError(.unknown, "unable to upgrade connection")
    }
    let (engine, id) = (engine, request.parameters["id"] ?? "")
    let isExec = request.template == "/exec/{id}/start"
    return CRIStream(connection: connection, terminal: terminal) {
      guard isExec else { return nil }
      let state = try? await engine.ask(APIRequest("GET", "/exec/{id}/json", ["id": id])).json
      return state?["ExitCode"]?.int
    }
  }
}

/// Takes Docker's multiplexed stream apart.
struct DemultiplexedOutput: Sendable {
  private(set) var stdout: [UInt8] = []
  private(set) var stderr: [UInt8] = []
  private var rest: [UInt8] = []

  /// Adds bytes as they come; what is not whole yet waits.
  mutating func add(_ bytes: [UInt8]) {
    rest += bytes
    var start = 0
    while rest.count - start >= 8 {
      let size = rest[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
      guard rest.count - start - 8 >= size else { break }
      let payload = rest[(start + 8)..<(start + 8 + size)]
      if rest[start] == 2 { stderr += payload } else { stdout += payload }
      start += 8 + size
    }
    if start > 0 { rest.removeFirst(start) }
  }

  /// What has come, once.
  mutating func take() -> (stdout: [UInt8], stderr: [UInt8]) {
    defer { (stdout, stderr) = ([], []) }
    return (stdout, stderr)
  }
}
