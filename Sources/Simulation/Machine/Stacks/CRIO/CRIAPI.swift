import Handoff
import JSONTree
import Seams

/// The seam crictl → CRI-O: the Kubernetes Container Runtime Interface, `runtime.v1`, gRPC on a unix socket, and beside
/// it the streaming server that carries the standard streams of `Exec` and `Attach`.
///
/// Messages have the field names of `api.proto`.
protocol CRIAPI: Sendable {
  /// Calls a method: `RuntimeService/RunPodSandbox`. Throws `EngineError`.
  func call(_ method: String, _ request: JSON) async throws -> JSON
  /// Opens the stream behind a URL that `Exec` or `Attach` answered: `/exec/TOKEN`.
  func open(_ path: String) async throws -> CRIStream
}

/// The connection of an `Exec` or `Attach`.
struct CRIStream: Sendable {
  /// What is read is Docker's multiplexed stream, unless there is a terminal.
  var connection: Duplex
  var terminal: Bool
  /// Waits for the process: its exit status, as the error stream tells it; nil for an attachment.
  var exitStatus: @Sendable () async -> Int?
}

/// Records every call of the CRI.
struct TracedCRI: CRIAPI {
  let next: any CRIAPI
  let grpc: Tap
  let http: Tap

  func call(_ method: String, _ request: JSON) async throws -> JSON {
    try await grpc.carry("runtime.v1.\(method)", redactingSecrets(request), outcome: { .success($0) }) {
      try await next.call(method, request)
    }
  }

  func open(_ path: String) async throws -> CRIStream {
    let verb = path.split(separator: "/").first.map(String.init) ?? ""
    let arguments: JSON = ["path": .string(path), "upgrade": "SPDY/3.1"]
    return try await http.carry(
      "POST /\(verb)/{token}", arguments, isUpgrade: true,
      outcome: { (_: CRIStream) in .success(JSON.object(["status": 101])) }
    ) { try await next.open(path) }
  }
}

extension JSON {
  /// A member, null when it is not there.
  subscript(member name: String) -> JSON { self[name] ?? .null }
  /// Labels, annotations: an object of strings.
  var stringMap: [String: String] {
    var map: [String: String] = [:]
    for member in object?.members ?? [] { map[member.key] = member.value.string ?? "" }
    return map
  }
}
