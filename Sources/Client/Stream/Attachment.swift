import Seams

/// The user's terminal or pipes on a connection to a container (attach, exec).
struct Attachment: Sendable {
  let session: Session
  let connection: Duplex
  /// The container has a terminal: one raw stream instead of two in frames.
  let isTerminal: Bool
  let input: Bool
  let output: Bool
  let error: Bool
  let detachKeys: DetachKeys

  enum End: Sendable { case ended, detached }

  /// Carries both directions until the container's side ends or the user detaches.
  ///
  /// The user's end of input closes only the direction to the container (half-close): its output goes on.
  func run() async throws -> End {
    if isTerminal, input, session.environment.inputIsTerminal {
      return try await session.environment.withRawTerminal { try await carry() }
    }
    return try await carry()
  }

  private func carry() async throws -> End {
    session.closeOnInterrupt(connection.input)
    let end = OneShot<End>()
    let forwarding = input ? session.world.spawn { await forward(end) } : nil
    defer { forwarding?.cancel() }
    do {
      try await session.copy(connection.input, isTerminal: isTerminal, output: output, error: error)
    } catch {
      connection.input.closeReading()
      throw error
    }
    return end.current ?? .ended
  }

  private func forward(_ end: OneShot<End>) async {
    var keys = detachKeys
    while let bytes = await session.environment.input.read() {
      guard isTerminal else {
        guard await connection.output.write(bytes) else { return }
        continue
      }
      let (passed, isDetached) = keys.pass(bytes)
      if !passed.isEmpty, await !connection.output.write(passed) { return }
      if isDetached {
        end.resolve(.detached)
        connection.output.closeWriting()
        connection.input.closeReading()
        return
      }
    }
    if !Task.isCancelled { connection.output.closeWriting() }
  }
}

extension Session {
  /// Opens a connection to a container.
  func hijack(_ request: APIRequest) async throws -> Duplex {
    let response = try await send(request)
    guard case .hijacked(let duplex) = response.body else {
      throw CommandError("unable to upgrade to tcp, received \(response.status)")
    }
    return duplex
  }
}
