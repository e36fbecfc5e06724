import JSONTree
import Seams

extension Command {
  static let containerStart = Command(
    "start", usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Start one or more stopped containers",
    spellings: "docker container start, docker start", rule: .atLeast(1),
    flags: [
      Flag("attach", "a", .bool(false), "Attach STDOUT/STDERR and forward signals"),
      Flag("detach-keys", .string(""), "Override the key sequence for detaching a container"),
      Flag("interactive", "i", .bool(false), "Attach container's STDIN"),
    ], completes: [.containers]
  ) { invocation in
    let flags = invocation.flags
    if flags.bool("attach") || flags.bool("interactive") { return try await startAttached(invocation) }
    var failed: [String] = []
    for name in invocation.arguments {
      do {
        try await invocation.session.send(request("POST", "/containers/{id}/start", ["id": name]))
        try await invocation.line(name)
      } catch let error as DaemonError {
        try await invocation.err(error.description + "\n")
        failed.append(name)
      }
    }
    if failed.isEmpty { return 0 }
    throw CommandError("Error: failed to start containers: " + failed.joined(separator: ", "))
  }

  private static func startAttached(_ invocation: Invocation) async throws -> Int32 {
    let (session, flags) = (invocation.session, invocation.flags)
    guard invocation.arguments.count == 1 else {
      throw CommandError("you cannot start and attach multiple containers at once")
    }
    let container = try await session.json(request("GET", "/containers/{id}/json", ["id": invocation.argument]))
    let isTerminal = container.flag("Config", "Tty")
    let life = ContainerLife(session: session, id: container.text("Id"))
    let keysText = flags.isSet("detach-keys") ? flags.string("detach-keys") : nil
    let keys = DetachKeys.chosen(keysText, session.environment)
    let attached = ContainerSettings.Attached(
      input: flags.bool("interactive") && container.flag("Config", "OpenStdin"), output: true, error: true)
    if flags.bool("sig-proxy"), !isTerminal { life.proxySignals(isTerminal: false) }
    if isTerminal { life.proxySignals(isTerminal: true) }
    defer { session.onInterrupt(nil) }
    let attachment = try await life.attach(attached, isTerminal: isTerminal, keys: keys, keysText: keysText)
    let removes = container.flag("HostConfig", "AutoRemove")
    let waiting = await life.wait(removes ? "removed" : "next-exit")
    do {
      try await session.send(request("POST", "/containers/{id}/start", ["id": life.id]))
    } catch {
      attachment.connection.input.closeReading()
      attachment.connection.output.closeWriting()
      if removes, error is DaemonError { _ = await waiting.value() }
      throw error
    }
    if isTerminal, session.environment.isTerminal(.output) { await life.resize() }
    if try await attachment.run() == .detached {
      try await session.err("read escape sequence\n")
      return 0
    }
    return try await waiting.value().get()
  }
}
