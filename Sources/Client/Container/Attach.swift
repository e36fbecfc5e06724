import JSONTree
import Seams

extension Command {
  static let containerAttach = Command(
    "attach", usage: "[OPTIONS] CONTAINER",
    short: "Attach local standard input, output, and error streams to a running container",
    spellings: "docker container attach, docker attach", rule: .exactly(1),
    flags: [
      Flag("detach-keys", .string(""), "Override the key sequence for detaching a container"),
      Flag("no-stdin", .bool(false), "Do not attach STDIN"),
      Flag("sig-proxy", .bool(true), "Proxy all received signals to the process (default true)"),
    ], completes: [.runningContainers]
  ) { invocation in
    let (session, flags, name) = (invocation.session, invocation.flags, invocation.argument)
    await session.greet()
    let life = ContainerLife(session: session, id: name)
    let waiting = await life.wait("")
    let container = try await inspectRunning(invocation)
    let isTerminal = container.flag("Config", "Tty")
    let takesInput = !flags.bool("no-stdin")
    if takesInput, isTerminal, !session.environment.inputIsTerminal {
      throw CommandError("the input device is not a TTY")
    }
    let keysText = flags.isSet("detach-keys") ? flags.string("detach-keys") : nil
    let keys = DetachKeys.chosen(keysText, session.environment)
    if isTerminal || flags.bool("sig-proxy") { life.proxySignals(isTerminal: isTerminal) }
    defer { session.onInterrupt(nil) }
    let attached = ContainerSettings.Attached(
      input: takesInput && container.flag("Config", "OpenStdin"), output: true, error: true)
    let attachment = try await life.attach(attached, isTerminal: isTerminal, keys: keys, keysText: keysText)
    // It may have stopped between the first look and the attach; nobody would end the streams then.
    _ = try await inspectRunning(invocation)
    if isTerminal, session.environment.isTerminal(.output) { await life.resize() }
    if try await attachment.run() == .detached {
      try await session.err("read escape sequence\n")
      return 0
    }
    return try await waiting.value().get()
  }

  private static func inspectRunning(_ invocation: Invocation) async throws -> JSON {
    let container = try await invocation.session.json(
      request("GET", "/containers/{id}/json", ["id": invocation.argument]))
    if container.flag("State", "Paused") {
      throw CommandError("You cannot attach to a paused container, unpause it first")
    }
    if container.flag("State", "Restarting") {
      throw CommandError("You cannot attach to a restarting container, wait until it is running")
    }
    if !container.flag("State", "Running") {
      throw CommandError("You cannot attach to a stopped container, start it first")
    }
    return container
  }
}
