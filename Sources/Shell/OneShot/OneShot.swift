import Client
import DaemonClient
#if canImport(Glibc)
  import Glibc
#endif
import Synchronization

extension Launch {
  /// Whether the command line is one docker command (`drydock ps`, `drydock -H … run …`) rather than the REPL and its
  /// kind. What is left when it is: without the options that choose the daemon.
  public static func isOneShot(_ arguments: [String]) -> Bool {
    guard let word = OneShotLine(arguments).command.first else { return false }
    return word != "help" && !word.hasPrefix("-") && DockerCommandLine.isCommand(word)
  }

  /// One docker command against a daemon; docker's exit status.
  public static func oneShot(_ arguments: [String]) -> Int32 {
    let line = OneShotLine(arguments)
    let host = DaemonChoice.host(line.host)
    let daemon: DaemonClient
    switch DaemonChoice.client(host, withTLS: line.wantsTLS || DaemonChoice.environmentWantsTLS) {
    case .success(let client): daemon = client
    case .failure(let failure):
      Terminal.write(2, "drydock: \(failure)\n")
      return 1
    }
    let client = CommandClient(
      daemon: daemon, daemonHost: daemon.host.description, configuration: DaemonChoice.configuration)
    ProcessSignals.install { client.deliver($0) }
    defer { client.finish() }
    let done = Latch()
    let status = Mutex<Int32>(1)
    Task {
      let result = await DockerCommandLine.run(line.command, in: client)
      status.withLock { $0 = result }
      done.open()
    }
    done.wait()
    return status.withLock { $0 }
  }
}

/// A command line of `drydock` as docker reads it: what stands before the verb belongs to docker itself.
struct OneShotLine {
  /// `-H`: the last counts.
  private(set) var host: String?
  private(set) var wantsTLS = false
  /// The verb and what follows.
  private(set) var command: [String] = []

  init(_ arguments: [String]) {
    var rest = arguments[...]
    while let word = rest.first {
      if word == "-H" || word == "--host", rest.count > 1 {
        host = rest.dropFirst().first
        rest = rest.dropFirst(2)
      } else if word.hasPrefix("--host=") {
        host = String(word.dropFirst(7))
        rest = rest.dropFirst()
      } else if word.hasPrefix("-H"), word.count > 2 {
        host = String(word.dropFirst(word.hasPrefix("-H=") ? 3 : 2))
        rest = rest.dropFirst()
      } else if word == "--tls" || word == "--tlsverify" {
        wantsTLS = true
        rest = rest.dropFirst()
      } else {
        break
      }
    }
    command = Array(rest)
  }
}
