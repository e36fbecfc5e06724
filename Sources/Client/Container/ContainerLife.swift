import JSONTree
import Seams

/// A container that the client attends: its streams, its signals, its terminal's size, its end.
struct ContainerLife: Sendable {
  let session: Session
  /// Name or id, as it stands in requests.
  let id: String

  /// Opens the container's streams. The connection stands before the container starts, so nothing is missed.
  func attach(
    _ attached: ContainerSettings.Attached, isTerminal: Bool, keys: DetachKeys, keysText: String?
  ) async throws -> Attachment {
    var query = [("stream", "1")]
    if attached.input { query.append(("stdin", "1")) }
    if attached.output { query.append(("stdout", "1")) }
    if attached.error { query.append(("stderr", "1")) }
    if let keysText, !keysText.isEmpty { query.append(("detachKeys", keysText)) }
    let connection = try await session.hijack(
      request("POST", "/containers/{id}/attach", ["id": id], query: query, hijack: true))
    return Attachment(
      session: session, connection: connection, isTerminal: isTerminal, input: attached.input,
      output: attached.output || isTerminal, error: attached.error, detachKeys: keys)
  }

  /// Asks for the container's end, without waiting for it: the daemon watches when this returns (its answer has begun).
  ///
  /// - Parameter condition: `next-exit`, `removed`, or empty for a container that runs.
  func wait(_ condition: String) async -> OneShot<Result<Int32, any Error>> {
    let outcome = OneShot<Result<Int32, any Error>>()
    let query = condition.isEmpty ? [] : [("condition", condition)]
    let session = session
    do {
      let response = try await session.send(request("POST", "/containers/{id}/wait", ["id": id], query: query))
      if case .stream(let stream) = response.body { session.closeOnInterrupt(stream) }
      session.world.spawn { outcome.resolve(await ContainerLife.status(response, session)) }
    } catch {
      outcome.resolve(.failure(error))
    }
    return outcome
  }

  private static func status(_ response: APIResponse, _ session: Session) async -> Result<Int32, any Error> {
    do {
      let answer = try await Session.json(response)
      if let message = answer["Error"]?["Message"]?.string, !message.isEmpty {
        try await session.err("Error waiting for container: \(message)\n")
        return .success(125)
      }
      return .success(Int32(truncatingIfNeeded: answer.number("StatusCode")))
    } catch {
      return .failure(error)
    }
  }

  /// Signals that the client gets go to the container; with a terminal only the new size does (keys go as they are).
  func proxySignals(isTerminal: Bool) {
    let life = self
    session.onInterrupt { interrupt in
      switch interrupt {
      case .resized:
        if isTerminal { life.session.world.spawn { await life.resize() } }
        return true
      case .signal(let number):
        guard let name = SignalName.of(number) else { return false }
        life.session.world.spawn {
          _ = try? await life.session.send(
            request("POST", "/containers/{id}/kill", ["id": life.id], query: [("signal", name)]))
        }
        return true
      }
    }
  }

  /// Tells the daemon how large the user's terminal is.
  func resize() async {
    let size = session.environment.terminalSize
    guard size.rows > 0, size.columns > 0 else { return }
    _ = try? await session.send(
      request(
        "POST", "/containers/{id}/resize", ["id": id], query: [("h", "\(size.rows)"), ("w", "\(size.columns)")]))
  }
}

/// Signals by number (Linux).
enum SignalName {
  static func of(_ number: Int32) -> String? {
    switch number {
    case 1: "HUP"
    case 2: "INT"
    case 3: "QUIT"
    case 10: "USR1"
    case 12: "USR2"
    case 14: "ALRM"
    case 15: "TERM"
    case 18: "CONT"
    case 20: "TSTP"
    default: nil
    }
  }
}

extension DetachKeys {
  /// The keys of the flag, of the user's preference, or docker's own. What cannot be read is as if it were not there
  /// (the daemon, which is told of it too, refuses it).
  static func chosen(_ given: String?, _ environment: any ClientEnvironment) -> DetachKeys {
    for text in [given, environment.configuration.preference("detachKeys")] {
      if let text, !text.isEmpty { return (try? DetachKeys(text)) ?? .standard }
    }
    return .standard
  }
}
