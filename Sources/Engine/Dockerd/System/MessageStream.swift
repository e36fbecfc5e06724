import JSONTree
import Seams
import Synchronization

/// A stream of JSON messages as an answer (Engine API: pull, push, load, import): one object a line, ended by CR LF.
///
/// As long as nothing has been sent a failure is an ordinary refusal with its status; afterwards it is a message of
/// the stream, for the status has gone out.
final class MessageStream: Sendable {
  private struct State {
    var hasSent = false
    var outcome: Result<Void, EngineError>?
    var waiter: CheckedContinuation<EngineError?, Never>?
  }
  /// `send` never waits; `write` does, while more than this is unread.
  private let channel = ByteChannel(capacity: 1 << 20)
  private let state = Mutex(State())

  /// Runs `body` on its own; the answer comes as soon as it has sent something or has ended.
  static func answer(
    _ world: any World, contentType: String = "application/json",
    _ body: @escaping @Sendable (MessageStream) async throws -> Void
  ) async throws -> APIResponse {
    let stream = MessageStream()
    let work = world.spawn {
      do {
        try await body(stream)
        stream.end(.success(()))
      } catch is CancellationError {
        stream.end(.failure(EngineError(.canceled, "context canceled")))
      } catch {
        stream.end(.failure(error as? EngineError ?? EngineError(.unknown, "\(error)")))
      }
    }
    // The client has gone: nobody wants the rest.
    stream.channel.whenUnread { work.cancel() }
    let failure: EngineError? = await withTaskCancellationHandler {
      await stream.begun()
    } onCancel: {
      work.cancel()
    }
    if let failure { throw failure }
    return APIResponse(200, .stream(stream.channel), headers: [NameValue("Content-Type", contentType)])
  }

  /// Waits until something has been sent, or what went wrong before.
  private func begun() async -> EngineError? {
    await withCheckedContinuation { continuation in
      let now: EngineError?? = state.withLock { state in
        if state.hasSent { return .some(nil) }
        switch state.outcome {
        case .success: return .some(nil)
        case .failure(let error): return .some(error)
        case nil:
          state.waiter = continuation
          return nil
        }
      }
      if let now { continuation.resume(returning: now) }
    }
  }

  /// Sends one message.
  func send(_ message: JSON) {
    var writer = JSONWriter()
    writer.write(message)
    sendBytes(writer.bytes + [0x0d, 0x0a])
  }

  /// Sends bytes as they are.
  func sendBytes(_ bytes: [UInt8]) {
    channel.push(bytes)
    sent()
  }

  /// The answer can go out.
  private func sent() {
    let waiter = state.withLock { state in
      state.hasSent = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: nil)
  }

  /// Sends bytes as they are, waiting until the client has read what came before. Throws when it has gone.
  func write(_ bytes: [UInt8]) async throws {
    sent()
    guard await channel.write(bytes) else { throw CancellationError() }
  }

  /// `{"status":…}`, of something (`id`) when it is a layer's or a tag's.
  func status(_ text: String, id: String = "") {
    send(id.isEmpty ? ["status": .string(text)] : ["status": .string(text), "id": .string(id)])
  }

  /// A step of some work: `{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"…"}`.
  func progress(
    _ action: String, id: String, current: Int64 = 0, total: Int64 = 0, hidesCounts: Bool = false, units: String = ""
  ) {
    var detail: JSONObject = [:]
    if current > 0 { detail["current"] = .int(current) }
    if total > 0 { detail["total"] = .int(total) }
    if hidesCounts { detail["hidecounts"] = true }
    if !units.isEmpty { detail["units"] = .string(units) }
    send(["status": .string(action), "progressDetail": .object(detail), "id": .string(id)])
  }

  /// Facts for programs, not shown to users.
  func aux(_ value: JSON) { send(["progressDetail": [:], "aux": value]) }

  private func end(_ outcome: Result<Void, EngineError>) {
    let hasSent = state.withLock(\.hasSent)
    if hasSent, case .failure(let error) = outcome {
      send(["errorDetail": ["message": .string(error.message)], "error": .string(error.message)])
    }
    let waiter = state.withLock { state in
      state.outcome = outcome
      defer { state.waiter = nil }
      return state.waiter
    }
    channel.closeWriting()
    switch outcome {
    case .success: waiter?.resume(returning: nil)
    case .failure(let error): waiter?.resume(returning: error)
    }
  }
}

/// The first twelve digits of an id or digest, as Docker shows them.
func truncatedID(_ id: String) -> String {
  let hex = id.firstIndex(of: ":").map { id[id.index(after: $0)...] } ?? id[...]
  return String(hex.prefix(12))
}
