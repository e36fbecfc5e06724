import JSONTree
import Seams

/// `POST /containers/{id}/attach`.
extension ContainerService {
  func attachResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["id"] ?? ""
    var keys: [UInt8] = []
    if let text = request.query("detachKeys"), !text.isEmpty {
      guard let parsed = DetachKeys.parse(text) else {
        throw EngineError(.invalidArgument, "Invalid detach keys (\(text)) provided")
      }
      keys = parsed
    }
    let container = try registry.find(name)
    if let refusal = container.state.refusalToAttach(name) { throw refusal }
    let (isTerminal, openStdin, stdinOnce) = container.read {
      ($0.config.tty, $0.config.openStdin, $0.config.stdinOnce)
    }
    let connection = Duplex(input: ByteChannel(), output: ByteChannel())
    let sink = StreamHub.Sink(
      channel: connection.output, stdout: request.flag("stdout"), stderr: request.flag("stderr"),
      isMultiplexed: !isTerminal)
    if request.flag("logs") { try await replay(container, to: sink) }
    publish(container, "attach")
    guard request.flag("stream") else {
      connection.output.closeWriting()
      return hijacked(connection, isTerminal)
    }
    let id = sink.stdout || sink.stderr ? container.output.attach(sink) : nil
    if request.flag("stdin"), openStdin {
      world.spawn { [self, keys] in
        await forwardInput(
          connection.input, to: container, isTerminal: isTerminal, keys: keys, closes: stdinOnce, output: id)
        if id == nil { connection.output.closeWriting() }
      }
    }
    return hijacked(connection, isTerminal)
  }

  func hijacked(_ connection: Duplex, _ isTerminal: Bool) -> APIResponse {
    APIResponse(
      101, .hijacked(connection.flipped),
      headers: [
        NameValue(
          "Content-Type",
          isTerminal ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream"),
        NameValue("Connection", "Upgrade"), NameValue("Upgrade", "tcp"),
      ])
  }

  /// What the client types goes to the container, until it ends or the detach keys are pressed.
  private func forwardInput(
    _ input: ByteChannel, to container: Container, isTerminal: Bool, keys: [UInt8], closes: Bool, output: Int?
  ) async {
    var detach = DetachKeys(keys)
    while let bytes = await input.read() {
      guard isTerminal else {
        guard await container.input.write(bytes) else { break }
        continue
      }
      let (rest, isDetached) = detach.pass(bytes)
      if !rest.isEmpty { guard await container.input.write(rest) else { break } }
      if isDetached {
        publish(container, "detach")
        if let output { container.output.detach(output) }
        input.closeReading()
        return
      }
    }
    if closes, !isTerminal {
      container.input.closeWriting()
    } else if let output {
      // Without `StdinOnce` the end of the input is the end of the attachment.
      container.output.detach(output)
    }
  }

  /// Sends what has been logged so far.
  private func replay(_ container: Container, to sink: StreamHub.Sink) async throws {
    guard let log = try readableLog(container) else { return }
    for entry in log.read(nil).entries {
      let stream: StreamMultiplexer.Stream = entry.stream == "stderr" ? .stderr : .stdout
      guard stream == .stderr ? sink.stderr : sink.stdout else { continue }
      sink.channel.push(sink.isMultiplexed ? StreamMultiplexer.frame(stream, entry.line) : entry.line)
    }
  }
}
