import Client
import Seams
import Simulation

/// `docker -H HOST`: where the simulated machine's daemon listens, and what else answers there.
enum RemoteDaemon {
  /// The machine's own names and addresses.
  private static let names: Set<String> = [
    "localhost", "127.0.0.1", "[::1]", "0.0.0.0", "drydock", "drydock.example.com", SimNetwork.hostAddress,
  ]

  /// The daemon behind `host`; nil when nothing listens there.
  static func find(_ host: String, withTLS: Bool, _ face: SessionFace) -> (any RemoteAPI)? {
    if ["unix:///var/run/docker.sock", "unix:///run/docker.sock", "unix://"].contains(host) { return face.daemon }
    guard host.hasPrefix("tcp://") else { return nil }
    let authority = host.dropFirst(6).prefix { $0 != "/" }
    guard let colon = authority.lastIndex(of: ":"), names.contains(String(authority[..<colon]).lowercased()),
      authority[authority.index(after: colon)...] == "2376", let daemon = face.remoteDaemon
    else { return nil }
    return withTLS ? daemon : PlainRequests()
  }

  /// What a TLS server says to whoever speaks clear text.
  private struct PlainRequests: RemoteAPI {
    func send(_ request: APIRequest) async throws -> APIResponse {
      APIResponse(400, .text("Client sent an HTTP request to an HTTPS server."))
    }
  }

  /// A client's surroundings with the daemon behind `host`.
  static func environment(
    _ host: String, withTLS: Bool, _ base: any ClientEnvironment, _ face: SessionFace
  ) -> (any ClientEnvironment)? {
    find(host, withTLS: withTLS, face).map { Elsewhere(base: base, daemon: $0, daemonHost: host) }
  }

  /// All as it was, but the daemon.
  private struct Elsewhere: ClientEnvironment {
    let base: any ClientEnvironment
    let daemon: any RemoteAPI
    let daemonHost: String

    var input: ByteChannel { base.input }
    var inputIsTerminal: Bool { base.inputIsTerminal }
    var terminalSize: (columns: Int, rows: Int) { base.terminalSize }
    var interrupts: AsyncStream<ClientInterrupt> { base.interrupts }
    var unixTime: UInt64 { base.unixTime }
    var world: any World { base.world }
    var files: any ClientFiles { base.files }
    var configuration: any ClientConfigurationStore { base.configuration }
    func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool { await base.write(bytes, to: stream) }
    func draw(_ bytes: [UInt8], to stream: ClientStream, holding lines: [String]) async -> Bool {
      await base.draw(bytes, to: stream, holding: lines)
    }
    func isTerminal(_ stream: ClientStream) -> Bool { base.isTerminal(stream) }
    func variable(_ name: String) -> String? { base.variable(name) }
    func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
      try await base.withRawTerminal(body)
    }
  }
}
