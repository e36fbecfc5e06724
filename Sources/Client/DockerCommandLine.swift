import JSONTree
import Seams

/// The docker command line: reads a command, does it over the Remote API, prints what docker prints.
public struct DockerCommandLine {
  /// Runs one docker command.
  ///
  /// - Parameter arguments: without the leading `docker`: `["run", "--rm", "alpine", "true"]`.
  /// - Returns: docker's exit status: 0; 1 and 125 for what the command line or the daemon refused; 126 and 127 when
  ///   the container's command cannot be run; the container's own status; 128 and the signal's number when interrupted.
  public static func run(_ arguments: [String], in environment: any ClientEnvironment) async -> Int32 {
    let session = Session(environment)
    return await session.supervise { await run(arguments, session) }
  }

  /// Whether `word` is a docker command (or an option of `docker` itself).
  public static func isCommand(_ word: String) -> Bool {
    word == "help" || CommandTree.root.subcommand(word) != nil || CommandTree.later.contains(word)
  }

  /// Every top-level command, by name.
  public static var commandNames: [String] { (CommandTree.root.subcommands.map(\.name) + ["help"]).sorted() }

  private static func run(_ arguments: [String], _ session: Session) async -> Int32 {
    do {
      return try await dispatch(arguments, session)
    } catch let failure as LocatedUsageError {
      let command = failure.command
      var text = failure.error.message + "\n\n"
      if failure.path == "docker" {
        if failure.showsUsage { text += "Usage:  docker [OPTIONS] COMMAND [ARG...]\n\n" }
      } else {
        let line = command.subcommands.isEmpty ? Help.usageLine(command, path: failure.path) : failure.path
        text += "Usage:  \(line)\n\n"
      }
      text += "\(failure.hint) '\(failure.path) --help' for more information\n"
      try? await session.err(text)
      return failure.error.status
    } catch let error as CommandError {
      if !error.message.isEmpty { try? await session.err(error.message + "\n") }
      return error.status
    } catch is BrokenPipe {
      return 141
    } catch is Interrupted {
      return 130
    } catch is CancellationError {
      return 130
    } catch {
      try? await session.err(error.words + "\n")
      return 1
    }
  }

  /// A usage error with the command that it belongs to.
  private struct LocatedUsageError: Error {
    let error: UsageError
    let command: Command
    let path: String
    let hint: String
    var showsUsage = true
  }

  private static func dispatch(_ arguments: [String], _ session: Session) async throws -> Int32 {
    let root = CommandTree.root
    let parsed = try located(root, "docker") { () throws(UsageError) in
      try FlagParser.parse(arguments, for: root, interspersed: false)
    }
    for note in parsed.notes { try await session.err(note + "\n") }
    let flags = parsed.flags
    if flags.bool("version") {
      try await session.out("Docker version \(ClientVersion.version), build \(ClientVersion.commit)\n")
      return 0
    }
    guard let name = parsed.positional.first else {
      let help = Help.text(root, path: "docker", columns: session.environment.terminalSize.columns)
      if flags.bool("help") { try await session.out(help) } else { try await session.err(help) }
      return 0
    }
    let rest = Array(parsed.positional.dropFirst())
    if name == "help" || flags.bool("help") {
      return try await help(name == "help" ? rest : parsed.positional, session)
    }
    if let status = try await globalOptions(flags, session) { return status }
    if let host = flags.values("host").last, host != session.environment.daemonHost {
      let withTLS = flags.bool("tls") || flags.bool("tlsverify")
      guard let other = session.environment.connecting(to: host, withTLS: withTLS) else {
        throw CommandError("Cannot connect to the Docker daemon at \(host). Is the docker daemon running?")
      }
      return try await descend(root, "docker", parsed.positional, Session(other))
    }
    return try await descend(root, "docker", parsed.positional, session)
  }

  private static func globalOptions(_ flags: Flags, _ session: Session) async throws -> Int32? {
    let level = flags.string("log-level")
    guard ["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"].contains(level.lowercased()) else {
      try await session.err("Unable to parse logging level: \(level)\n")
      return 1
    }
    if let context = flags.values("context").last, context != "default" {
      throw CommandError(
        "Failed to initialize: unable to resolve docker endpoint: context \(GoQuote.string(context)): context not found"
      )
    }
    return nil
  }

  /// Walks down to the command that `words` name, and runs it.
  private static func descend(
    _ parent: Command, _ path: String, _ words: [String], _ session: Session
  ) async throws -> Int32 {
    var (command, path, words) = (parent, path, words)
    while !command.subcommands.isEmpty {
      let name: String
      if path == "docker" {
        name = words[0]
        words.removeFirst()
      } else {
        let (parent, at, all) = (command, path, words)
        let parsed = try located(parent, at) { () throws(UsageError) in
          try FlagParser.parse(all, for: parent, interspersed: false)
        }
        for note in parsed.notes { try await session.out(note + "\n") }
        guard !parsed.flags.bool("help"), let first = parsed.positional.first else {
          let text = Help.text(command, path: path, columns: session.environment.terminalSize.columns)
          if parsed.flags.bool("help") { try await session.out(text) } else { try await session.err(text) }
          return 0
        }
        name = first
        words = Array(parsed.positional.dropFirst())
      }
      guard let next = command.subcommand(name) else { return try await unknown(name, command, path, session) }
      path += " " + next.name
      command = next
    }
    return try await execute(command, path, words, session)
  }

  private static func execute(
    _ command: Command, _ path: String, _ words: [String], _ session: Session
  ) async throws -> Int32 {
    let parsed = try located(command, path) { () throws(UsageError) in
      try FlagParser.parse(words, for: command, interspersed: command.interspersed)
    }
    for note in parsed.notes { try await session.out(note + "\n") }
    if parsed.flags.bool("help") {
      try await session.out(Help.text(command, path: path, columns: session.environment.terminalSize.columns))
      return 0
    }
    if let complaint = command.rule.complaint(parsed.positional.count) {
      throw LocatedUsageError(
        error: UsageError("docker: '\(path)' \(complaint)", status: 1), command: command, path: path,
        hint: command.rule.helpHint)
    }
    let invocation = Invocation(
      command: command, path: path, flags: parsed.flags, arguments: parsed.positional, session: session)
    return try await command.body?(invocation) ?? 0
  }

  private static func located<T>(
    _ command: Command, _ path: String, _ body: () throws(UsageError) -> T
  ) throws -> T {
    do { return try body() } catch {
      throw LocatedUsageError(error: error, command: command, path: path, hint: "Run")
    }
  }

  private static func help(_ words: [String], _ session: Session) async throws -> Int32 {
    var (command, path) = (CommandTree.root, "docker")
    for word in words {
      guard let next = command.subcommand(word) else { throw CommandError("unknown help topic: \(word)") }
      path += " " + next.name
      command = next
    }
    try await session.out(Help.text(command, path: path, columns: session.environment.terminalSize.columns))
    return 0
  }

  private static func unknown(
    _ name: String, _ command: Command, _ path: String, _ session: Session
  ) async throws -> Int32 {
    if path == "docker", CommandTree.later.contains(name) {
      throw CommandError(
        "docker: 'docker \(name)' is not part of Drydock yet: \(CommandTree.later.joined(separator: ", ")) come "
          + "later\n\n"
          + "Run 'docker --help' for what there is")
    }
    if path == "docker image", name == "build" {
      throw CommandError("docker: 'docker image build' is not part of Drydock yet: it comes later, with 'docker build'")
    }
    var message = "docker: unknown command: \(path) \(name)"
    let names = command.subcommands.flatMap { [$0.name] + $0.aliases } + (path == "docker" ? ["help"] : [])
    let similar = Similar.names(to: name, in: names)
    if !similar.isEmpty {
      message += "\n\nDid you mean this?\n" + similar.map { "\t\(path) \($0)" }.joined(separator: "\n")
    }
    throw LocatedUsageError(
      error: UsageError(message, status: 1), command: command, path: path, hint: "Run", showsUsage: false)
  }
}

/// Which docker command line this one behaves like.
enum ClientVersion {
  static let version = "28.2.2"
  static let api = "1.50"
  static let commit = "e6534b4"
  static let built = "Fri May 30 12:07:14 2025"
  static let platform = "Drydock"
  /// The place where docker names its Go version.
  static let language = "swift6.3"
  #if arch(arm64)
    static let architecture = "arm64"
  #else
    static let architecture = "amd64"
  #endif
}
