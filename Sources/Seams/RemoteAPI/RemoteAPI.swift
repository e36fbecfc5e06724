import Handoff
import JSONTree

/// The client → dockerd seam: the Docker Engine API (HTTP/1.1 on a socket).
///
/// Refusals are answers (status 400 and more, `{"message": …}`); `send` throws only when the daemon cannot be reached.
public protocol RemoteAPI: Sendable {
  func send(_ request: APIRequest) async throws -> APIResponse
}

/// A name and its value in a query string or a header.
public struct NameValue: Sendable, Hashable {
  public var name: String
  public var value: String
  public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// One request of the Docker Engine API.
public struct APIRequest: Sendable {
  public var method: String
  /// The path with its parameters in braces and without version prefix: `/containers/{id}/start`.
  public var template: String
  /// Values of the template's parameters, unescaped.
  public var parameters: [String: String]
  public var query: [NameValue]
  /// JSON body.
  public var body: JSON?
  /// A body of bytes (`docker load`, `cp`, `import`), instead of JSON.
  public var upload: ByteChannel?
  /// The registry credentials of `X-Registry-Auth`, decoded. Never recorded.
  public var registryAuth: JSON?
  /// Asks for `Upgrade: tcp`: the connection becomes a raw stream (attach, exec start).
  public var hijack: Bool

  public init(
    _ method: String, _ template: String, _ parameters: [String: String] = [:], query: [NameValue] = [],
    body: JSON? = nil, upload: ByteChannel? = nil, registryAuth: JSON? = nil, hijack: Bool = false
  ) {
    self.method = method
    self.template = template
    self.parameters = parameters
    self.query = query
    self.body = body
    self.upload = upload
    self.registryAuth = registryAuth
    self.hijack = hijack
  }

  /// The first query value of `name`.
  public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// `1` and `true` are true, as in moby's httputils.BoolValue; absent is false.
  public func flag(_ name: String) -> Bool {
    guard let value = query(name)?.lowercased() else { return false }
    return !["", "0", "no", "false", "none"].contains(value)
  }

  /// The operation's name in a trace.
  public var op: String { "\(method) \(template)" }
}

/// What the daemon answers.
public struct APIResponse: Sendable {
  public enum Body: Sendable {
    case none
    case json(JSON)
    case text(String)
    /// Bytes that come as they are made: progress messages, logs, events, archives.
    case stream(ByteChannel)
    /// The raw connection after `101 UPGRADED`; stdout and stderr multiplexed unless it is a terminal.
    case hijacked(Duplex)
  }
  public var status: Int
  public var headers: [NameValue]
  public var body: Body

  public init(_ status: Int, _ body: Body = .none, headers: [NameValue] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A refusal, as the Engine API words it.
  public init(error: EngineError) {
    self.init(error.httpStatus, error.httpStatus == 304 ? .none : .json(["message": .string(error.message)]))
  }

  /// The first value of header `name`, in any case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The message of a refusal; nil for a success.
  public var errorMessage: String? {
    guard status >= 400 else { return nil }
    switch body {
    case .json(let json): return json["message"]?.string ?? json.text
    case .text(let text): return text
    default: return "request returned status \(status)"
    }
  }
}

/// Records every request to a daemon.
public struct TracedRemoteAPI: RemoteAPI {
  private let next: any RemoteAPI
  private let tap: Tap

  public init(_ next: any RemoteAPI, tap: Tap) { (self.next, self.tap) = (next, tap) }

  public func send(_ request: APIRequest) async throws -> APIResponse {
    // A started exec session is a hijack with a body; captures of the genuine wire see the upgrade, not a call.
    let isUpgrade = request.hijack && request.template == "/exec/{id}/start"
    return try await tap.carry(
      request.op, RequestPayload(request: request), isUpgrade: isUpgrade,
      outcome: { response in
        if let message = response.errorMessage { return .failure(code: response.status, message: message) }
        return .success(ResponsePayload(response: response))
      },
      { try await next.send(request) })
  }
}

private struct RequestPayload: JSONWritable {
  let request: APIRequest
  var json: JSON {
    var path = request.template
    for (name, value) in request.parameters {
      if let range = path.firstRange(of: "{\(name)}") { path.replaceSubrange(range, with: value) }
    }
    var object: JSONObject = ["path": .string(path)]
    if !request.query.isEmpty {
      object["query"] = .object(JSONObject(request.query.map { .init($0.name, .string($0.value)) }))
    }
    if request.registryAuth != nil { object["headers"] = ["X-Registry-Auth": "***"] }
    if let body = request.body { object["body"] = redactingSecrets(body) }
    if request.hijack { object["upgrade"] = "tcp" }
    return .object(object)
  }
  func write(to writer: inout JSONWriter) { writer.write(json) }
}

private struct ResponsePayload: JSONWritable {
  let response: APIResponse
  var json: JSON {
    var object: JSONObject = ["status": .int(Int64(response.status))]
    switch response.body {
    case .none: break
    case .json(let json): object["body"] = redactingSecrets(json)
    case .text(let text): object["body"] = .string(text)
    case .stream: object["body"] = "(stream)"
    case .hijacked: object["upgraded"] = "tcp"
    }
    return .object(object)
  }
  func write(to writer: inout JSONWriter) { writer.write(json) }
}
