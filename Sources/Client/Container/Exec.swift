import JSONTree
import Seams

extension Command {
  static let containerExec = Command(
    "exec", usage: "[OPTIONS] CONTAINER COMMAND [ARG...]", short: "Execute a command in a running container",
    spellings: "docker container exec, docker exec", rule: .atLeast(2),
    flags: [
      Flag("detach", "d", .bool(false), "Detached mode: run command in the background"),
      Flag("detach-keys", .string(""), "Override the key sequence for detaching a container"),
      Flag("env", "e", .list(.env), "Set environment variables", completes: .variables),
      Flag("env-file", .list(.any), "Read in a file of environment variables", completes: .files),
      Flag("interactive", "i", .bool(false), "Keep STDIN open even if not attached"),
      Flag("privileged", .bool(false), "Give extended privileges to the command"),
      Flag("tty", "t", .bool(false), "Allocate a pseudo-TTY"),
      Flag("user", "u", .string(""), "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
      Flag("workdir", "w", .string(""), "Working directory inside the container"),
    ], interspersed: false, completes: [.runningContainers, .nothing]
  ) { try await ContainerExec(invocation: $0).run() }
}

/// `docker exec`: look at the container, create the exec session, start it on a connection of its own, and ask how it
/// ended.
private struct ContainerExec {
  let invocation: Invocation
  private var session: Session { invocation.session }
  private var flags: Flags { invocation.flags }

  func run() async throws -> Int32 {
    let container = invocation.arguments[0]
    let env = try Variables.resolve(
      files: flags.values("env-file"), values: flags.values("env"), session.environment, unique: false)
    let isDetached = flags.bool("detach")
    let isTerminal = flags.bool("tty")
    let takesInput = flags.bool("interactive") && !isDetached
    let keysText = flags.isSet("detach-keys") ? flags.string("detach-keys") : nil
    let keys = DetachKeys.chosen(keysText, session.environment)
    // Otherwise an exec session of a container that is not there would be made.
    _ = try await session.json(request("GET", "/containers/{id}/json", ["id": container]))
    if !isDetached, takesInput, isTerminal, !session.environment.inputIsTerminal {
      throw CommandError("the input device is not a TTY")
    }
    var body = JSONObject()
    func add(_ key: String, _ value: JSON) { body.members.append(.init(key, value)) }
    add("User", .string(flags.string("user")))
    add("Privileged", .bool(flags.bool("privileged")))
    add("Tty", .bool(isTerminal))
    if isTerminal { add("ConsoleSize", consoleSize) }
    add("AttachStdin", .bool(takesInput))
    add("AttachStderr", .bool(!isDetached))
    add("AttachStdout", .bool(!isDetached))
    add("Detach", .bool(isDetached))
    add("DetachKeys", .string(keysText ?? session.environment.configuration.preference("detachKeys") ?? ""))
    add("Env", env.isEmpty ? .null : JSON(env))
    add("WorkingDir", .string(flags.string("workdir")))
    add("Cmd", JSON(Array(invocation.arguments.dropFirst())))
    let created = try await session.json(
      request("POST", "/containers/{id}/exec", ["id": container], body: .object(body)))
    let id = created.text("Id")
    guard !id.isEmpty else { throw CommandError("exec ID empty") }
    var start: JSONObject = ["Detach": .bool(isDetached), "Tty": .bool(isTerminal)]
    if isTerminal { start["ConsoleSize"] = consoleSize }
    if isDetached {
      try await session.send(request("POST", "/exec/{id}/start", ["id": id], body: .object(start)))
      return 0
    }
    return try await attend(id, .object(start), takesInput, isTerminal, keys)
  }

  private func attend(
    _ id: String, _ start: JSON, _ takesInput: Bool, _ isTerminal: Bool, _ keys: DetachKeys
  ) async throws -> Int32 {
    let session = session
    let connection = try await session.hijack(
      request("POST", "/exec/{id}/start", ["id": id], body: start, hijack: true))
    let showsTerminal = isTerminal && session.environment.isTerminal(.output)
    if showsTerminal {
      session.onInterrupt { interrupt in
        guard case .resized = interrupt else { return false }
        session.world.spawn { await ContainerExec.resize(id, session) }
        return true
      }
    }
    defer { session.onInterrupt(nil) }
    if showsTerminal { await ContainerExec.resize(id, session) }
    let attachment = Attachment(
      session: session, connection: connection, isTerminal: isTerminal, input: takesInput, output: true, error: true,
      detachKeys: keys)
    if try await attachment.run() == .detached {
      try await session.err("read escape sequence\n")
      return 0
    }
    let state = try await session.json(request("GET", "/exec/{id}/json", ["id": id]))
    return Int32(truncatingIfNeeded: state.number("ExitCode"))
  }

  private var consoleSize: JSON {
    guard session.environment.isTerminal(.output) else { return [0, 0] }
    let size = session.environment.terminalSize
    return [JSON(size.rows), JSON(size.columns)]
  }

  private static func resize(_ id: String, _ session: Session) async {
    let size = session.environment.terminalSize
    _ = try? await session.send(
      request("POST", "/exec/{id}/resize", ["id": id], query: [("h", "\(size.rows)"), ("w", "\(size.columns)")]))
  }
}
