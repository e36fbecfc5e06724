import Seams

/// The client's socket as far as hijacked connections are concerned: what dockerd writes last, and that it closed the
/// connection, reaches the client's program a little later. Between the genuine parts that takes about a millisecond
/// (captures of Docker 29: the client asks for an exec's exit status only after dockerd has begun to delete it).
struct HijackLatency: RemoteAPI {
  let next: any RemoteAPI
  let world: any World
  /// Nanoseconds.
  static let closing: UInt64 = 1_000_000

  func send(_ request: APIRequest) async throws -> APIResponse {
    var response = try await next.send(request)
    guard case .hijacked(let connection) = response.body else { return response }
    let delivered = ByteChannel()
    let world = world
    world.spawn {
      while let bytes = await connection.input.read() {
        guard await delivered.write(bytes) else { return connection.input.closeReading() }
      }
      try? await world.sleep(HijackLatency.closing)
      delivered.closeWriting()
    }
    response.body = .hijacked(Duplex(input: delivered, output: connection.output))
    return response
  }
}
