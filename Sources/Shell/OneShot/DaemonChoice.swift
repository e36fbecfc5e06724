import DaemonClient
#if canImport(Glibc)
  import Glibc
#endif
import UserConfiguration

/// Which daemon a command is for.
enum DaemonChoice {
  static let ownSocket = "/run/drydock/drydock.sock"

  /// `-H` (or `--host`) of the command line, `DRYDOCK_HOST`, `DOCKER_HOST`, our engine's socket if it is there, docker's.
  static func host(_ given: String? = nil) -> String {
    if let given { return given }
    for name in ["DRYDOCK_HOST", "DOCKER_HOST"] {
      if let value = Environment.variable(name), !value.isEmpty { return value }
    }
    return access(ownSocket, F_OK) == 0 ? "unix://\(ownSocket)" : "unix:///var/run/docker.sock"
  }

  /// The client of a daemon, or why there is none.
  static func client(_ host: String, withTLS: Bool) -> Result<DaemonClient, ShellFailure> {
    if withTLS, !host.hasPrefix("unix://") {
      return .failure(
        ShellFailure(
          "\(host): this client has no TLS. Use the daemon's unix socket, a tunnel to it (ssh -L), or the docker client, "
            + "which works with drydockd over TLS"))
    }
    guard let place = DaemonHost(host) else {
      return .failure(
        ShellFailure("\(host): no such host: give unix://PATH or tcp://ADDRESS:PORT (-H, DRYDOCK_HOST, DOCKER_HOST)"))
    }
    return .success(
      DaemonClient(place, version: Environment.variable("DOCKER_API_VERSION").flatMap { $0.isEmpty ? nil : $0 }))
  }

  /// `~/.docker/config.json`, shared with the genuine docker client.
  static var configuration: UserConfiguration {
    var environment: [String: String] = [:]
    for name in ["DOCKER_CONFIG", "HOME", "PATH"] { environment[name] = Environment.variable(name) }
    return UserConfiguration(environment: environment)
  }

  /// `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set.
  static var environmentWantsTLS: Bool {
    ["DOCKER_TLS_VERIFY", "DOCKER_TLS"].contains { !(Environment.variable($0) ?? "").isEmpty }
  }
}

/// What went wrong, in words for the user.
struct ShellFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
