import JSONTree
import Seams

/// The Engine API on a stack that is not Docker's: what the stack does its own way, what it does not have, and what it
/// says of itself; everything else is the core's.
struct StackFront: RemoteAPI {
  typealias Handler = @Sendable (APIRequest) async throws -> APIResponse
  let next: any RemoteAPI
  /// The operations that the stack does its own way.
  var handlers: [String: Handler] = [:]
  /// The operations that the stack does not have, and the words in which it says so.
  var refusals: [String: String] = [:]
  /// Changes to the answers of successful operations.
  var edits: [String: @Sendable (inout JSONObject) -> Void] = [:]
  /// The stack's own words for a refusal.
  var words: @Sendable (String) -> String = { $0 }
  /// Called before each request, throws when the engine cannot be reached. Handlers meet it by themselves when
  /// `checksHandlers` is false.
  var before: (@Sendable (APIRequest) async throws -> Void)?
  var checksHandlers = true
  /// Whether a handler's failure is that the engine cannot be reached, rather than its answer.
  var isDown: @Sendable () -> Bool = { false }

  func send(_ request: APIRequest) async throws -> APIResponse {
    if checksHandlers || handlers[request.op] == nil { try await before?(request) }
    if let refusal = refusals[request.op] { return APIResponse(error: EngineError(.notImplemented, refusal)) }
    var response: APIResponse
    if let handler = handlers[request.op] {
      do { response = try await handler(request) } catch let error as EngineError {
        if isDown() { throw error }
        response = APIResponse(error: error)
      }
    } else {
      response = try await next.send(request)
    }
    if let message = response.errorMessage, case .json(let json) = response.body {
      response.body = .json(rewritten(json) { $0["message"] = .string(words(message)) })
    }
    if let edit = edits[request.op], response.status < 300, case .json(let json) = response.body {
      response.body = .json(rewritten(json, edit))
    }
    return response
  }

  /// What an engine says of itself in `docker version` and `docker info`.
  struct Identity: Sendable {
    /// `Podman Engine`.
    var name: String
    var version: String
    /// The newest Remote API that it speaks; nil for the core's.
    var api: String?
    /// Its parts with their versions, the engine first.
    var components: [(name: String, version: String)]
    var storageDriver = "overlay"
    var root: String
  }

  mutating func identify(as identity: Identity) {
    edits["GET /version"] = { version in
      version["Platform"] = ["Name": .string(identity.name)]
      version["Version"] = .string(identity.version)
      version["GitCommit"] = nil
      version["BuildTime"] = nil
      let details = version["Components"]?[0]?["Details"]?.object ?? JSONObject()
      if let api = identity.api { version["ApiVersion"] = .string(api) }
      version["Components"] = .array(
        identity.components.enumerated().map { index, component in
          var own = details
          own["GitCommit"] = nil
          own["BuildTime"] = nil
          if let api = identity.api { own["ApiVersion"] = .string(api) }
          return [
            "Name": .string(index == 0 ? "Engine" : component.name), "Version": .string(component.version),
            "Details": index == 0 ? .object(own) : [:],
          ]
        })
    }
    edits["GET /info"] = { info in
      info["ServerVersion"] = .string(identity.version)
      info["Driver"] = .string(identity.storageDriver)
      info["DriverStatus"] = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]
      info["DockerRootDir"] = .string(identity.root)
      if !identity.components.contains(where: { $0.name == "containerd" }) {
        info["ContainerdCommit"] = ["ID": "N/A"]
        info["Containerd"] = nil
      }
    }
  }
}

/// How a start failed, without the words of parts that the stack does not have: nil when it is no such message.
struct CreateFailure {
  /// What the runtime said.
  var message: String

  init?(_ text: String) {
    let parts = [
      "failed to create task for container: ", "failed to create shim task: ", "OCI runtime create failed: ",
    ]
    guard text.hasPrefix(parts[0]) else { return nil }
    var rest = text[...]
    for part in parts where rest.hasPrefix(part) { rest = rest.dropFirst(part.count) }
    if rest.hasSuffix(": unknown") { rest = rest.dropLast(9) }
    message = String(rest)
  }
}
