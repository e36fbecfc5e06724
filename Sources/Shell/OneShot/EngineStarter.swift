import DaemonClient
#if canImport(Glibc)
  import Glibc
#endif
import Seams

/// Starts `drydockd` when nobody listens.
enum EngineStarter {
  /// The program, beside this one or on PATH; nil when there is none.
  static var program: String? {
    if let own = Environment.executable {
      let beside = own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/drydockd"
      if access(beside, X_OK) == 0 { return beside }
    }
    for folder in (Environment.variable("PATH") ?? "").split(separator: ":") {
      if access("\(folder)/drydockd", X_OK) == 0 { return "\(folder)/drydockd" }
    }
    return nil
  }

  /// Where an engine of this user keeps its socket, and its options for that.
  private static var place: (socket: String, options: [String]) {
    if geteuid() == 0 { return (DaemonChoice.ownSocket, []) }
    let run = (Environment.variable("XDG_RUNTIME_DIR") ?? "/tmp/drydock-\(geteuid())") + "/drydock"
    let data =
      (Environment.variable("XDG_DATA_HOME") ?? (Environment.variable("HOME") ?? "/tmp") + "/.local/share") + "/drydock"
    return (run + "/drydock.sock", ["--exec-root", run, "--data-root", data])
  }

  /// Whether anybody answers at `host`.
  static func answers(_ host: String) -> Bool {
    guard case .success(let client) = DaemonChoice.client(host, withTLS: false) else { return false }
    let done = Latch()
    let found = Flag()
    Task {
      if let answer = try? await client.send(APIRequest("HEAD", "/_ping")), answer.status < 500 { found.set(true) }
      done.open()
    }
    done.wait(milliseconds: 5000)
    return found.isSet
  }

  /// Starts an engine and waits until it answers; where. Throws `ShellFailure` with the engine's own words.
  static func start(say: (String) -> Void) throws(ShellFailure) -> String {
    guard let program else {
      throw ShellFailure(
        "no engine listens at unix://\(place.socket) or unix:///var/run/docker.sock, and drydockd was neither found beside "
          + "drydock nor on PATH. Build it (swift build --product drydockd), or name a daemon with DRYDOCK_HOST")
    }
    let (socket, options) = place
    let log = (Environment.stateFolder ?? "/tmp") + "/drydockd.log"
    if let folder = Environment.stateFolder { _ = Environment.makeFolder(folder) }
    let words = [program, "--mode", "real", "-H", "unix://\(socket)"] + options
    say("no engine listens: starting \(program) (log: \(log))\n")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID: Ctrl-C at this terminal is not meant for the engine.
    posix_spawnattr_setflags(&attributes, 0x80)
    var process = pid_t()
    let status = withCStrings(words) { posix_spawn(&process, program, &actions, &attributes, $0, environ) }
    guard status == 0 else { throw ShellFailure("cannot start \(program): \(String(cString: strerror(status)))") }
    for _ in 0..<200 {
      if access(socket, F_OK) == 0, answers("unix://\(socket)") { return "unix://\(socket)" }
      var ended: Int32 = 0
      if waitpid(process, &ended, WNOHANG) == process {
        let text = (try? UserFiles().read(log)).map { String(decoding: $0.suffix(2000), as: UTF8.self) } ?? ""
        throw ShellFailure("the engine did not start. It says:\n\(text.trimmed)")
      }
      usleep(50_000)
    }
    throw ShellFailure("the engine does not answer after 10 s; see \(log)")
  }

  /// `words` as execve(2) takes them.
  private static func withCStrings<T>(_ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T) -> T {
    let copies = words.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
