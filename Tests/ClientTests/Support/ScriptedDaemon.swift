import JSONTree
import Seams
import Synchronization

@testable import Client

/// A daemon that answers as it was told, and keeps what it was asked.
final class ScriptedDaemon: RemoteAPI {
  /// An answer for requests of an operation, by `METHOD /path` with parameters put in.
  struct Answer: Sendable {
    var path: String
    var respond: @Sendable (APIRequest, ScriptedDaemon) async throws -> APIResponse
  }
  private struct State {
    var answers: [Answer] = []
    var requests: [Asked] = []
    var onStart: [OneShot<Void>] = []
  }
  /// A request as the wire has it.
  struct Asked: Sendable, Hashable {
    var method: String
    var path: String
    var query: [NameValue]
    var body: JSON?
    var auth: JSON?
    var hijack: Bool
    var line: String {
      "\(method) \(path)" + (query.isEmpty ? "" : "?" + query.map { "\($0.name)=\($0.value)" }.joined(separator: "&"))
    }
  }
  private let state = Mutex(State())
  let started = OneShot<Void>()
  let uploads = Mutex<[[UInt8]]>([])
  /// What came down hijacked connections.
  let inputs = Mutex<[[UInt8]]>([])

  init(_ answers: [Answer] = []) { state.withLock { $0.answers = answers } }

  /// Each answer serves once; the last for a path goes on serving.
  func on(_ path: String, _ respond: @escaping @Sendable (APIRequest, ScriptedDaemon) async throws -> APIResponse) {
    state.withLock { $0.answers.append(Answer(path: path, respond: respond)) }
  }
  func on(_ path: String, _ status: Int = 200, _ json: JSON) {
    on(path) { _, _ in APIResponse(status, .json(json)) }
  }
  func on(_ path: String, stream: [String]) {
    on(path) { _, _ in
      let channel = ByteChannel(capacity: .max)
      for chunk in stream { channel.push(Array(chunk.utf8)) }
      channel.closeWriting()
      return APIResponse(200, .stream(channel))
    }
  }

  var requests: [Asked] { state.withLock(\.requests) }
  /// `METHOD /path?query` of everything but greetings.
  var lines: [String] { requests.map(\.line).filter { $0 != "HEAD /_ping" } }

  static func path(_ request: APIRequest) -> String {
    var path = request.template
    for (name, value) in request.parameters {
      if let range = path.firstRange(of: "{\(name)}") { path.replaceSubrange(range, with: value) }
    }
    return path
  }

  func send(_ request: APIRequest) async throws -> APIResponse {
    let path = ScriptedDaemon.path(request)
    let key = "\(request.method) \(path)"
    let answer = state.withLock { state -> Answer? in
      state.requests.append(
        Asked(
          method: request.method, path: path, query: request.query, body: request.body, auth: request.registryAuth,
          hijack: request.hijack))
      guard let index = state.answers.firstIndex(where: { $0.path == key }) else { return nil }
      let answer = state.answers[index]
      if state.answers[(index + 1)...].contains(where: { $0.path == key }) { state.answers.remove(at: index) }
      return answer
    }
    if key == "HEAD /_ping", answer == nil { return APIResponse(200) }
    if let upload = request.upload {
      let bytes = await upload.readAll()
      uploads.withLock { $0.append(bytes) }
    }
    guard let answer else { return APIResponse(404, .json(["message": "page not found"])) }
    let response = try await answer.respond(request, self)
    if key.hasPrefix("POST /containers/"), key.hasSuffix("/start") { started.resolve(()) }
    return response
  }

  /// An answer that begins at once and comes when the container has started.
  func later(_ json: JSON, world: any World) -> APIResponse {
    let body = ByteChannel(capacity: .max)
    world.spawn { [self] in
      await started.value()
      body.push(Array(json.text.utf8))
      body.closeWriting()
    }
    return APIResponse(200, .stream(body))
  }

  /// A connection on which the container says `chunks`, once it has started (`afterStart`), and hears what the client
  /// sends (`listens`: until the client ends it).
  func connection(_ chunks: [[UInt8]], afterStart: Bool, listens: Bool, world: any World) -> Duplex {
    let duplex = Duplex(input: ByteChannel(capacity: .max), output: ByteChannel(capacity: .max))
    world.spawn { [self] in
      if afterStart { await started.value() }
      if listens {
        let bytes = await duplex.output.readAll()
        inputs.withLock { $0.append(bytes) }
      }
      for chunk in chunks { duplex.input.push(chunk) }
      duplex.input.closeWriting()
    }
    return duplex
  }
}

/// A frame of the stream that the daemon sends without a terminal.
func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
  let bytes = Array(text.utf8)
  return [stream, 0, 0, 0, 0, 0, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
}
