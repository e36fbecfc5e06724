import JSONTree
import Seams

extension Command {
  static let containerRun = Command(
    "run", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]", short: "Create and run a new container from an image",
    spellings: "docker container run, docker run", rule: .atLeast(1),
    flags: Flag.container + [
      Flag("detach", "d", .bool(false), "Run container in background and print container ID"),
      Flag("detach-keys", .string(""), "Override the key sequence for detaching a container"),
      Flag(
        "pull", .string("missing"),
        "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")",
        completes: .words(Words.pullPolicies)),
      Flag("sig-proxy", .bool(true), "Proxy received signals to the process (default true)"),
    ], interspersed: false, completes: [.images, .files]
  ) { try await ContainerRun($0).run() }
}

/// `docker run`: create (pulling first when it must), attach, wait, start, and carry the streams until the end.
private struct ContainerRun {
  let invocation: Invocation
  let session: Session
  let flags: Flags
  let creation: ContainerCreation

  init(_ invocation: Invocation) {
    self.invocation = invocation
    (session, flags) = (invocation.session, invocation.flags)
    var settings = ContainerSettings(
      flags: flags, image: invocation.arguments[0], command: Array(invocation.arguments.dropFirst()),
      environment: invocation.environment)
    settings.isDetached = flags.bool("detach")
    creation = ContainerCreation(invocation: invocation, settings: settings)
  }

  func run() async throws -> Int32 {
    let isDetached = flags.bool("detach")
    let isTerminal = flags.bool("tty")
    if isDetached {
      guard flags.values("attach").isEmpty else {
        throw CommandError("conflicting options: cannot specify both --attach and --detach")
      }
    } else if creation.settings.attached.input, isTerminal, !session.environment.inputIsTerminal {
      throw CommandError("the input device is not a TTY")
    }
    let keysText = flags.isSet("detach-keys") ? flags.string("detach-keys") : nil
    let keys = DetachKeys.chosen(keysText, session.environment)
    do {
      let created = try await creation.create()
      return try await start(created, isTerminal: isTerminal, keys: keys, keysText: keysText)
    } catch let error as ContainerEnd {
      return error.status
    } catch {
      throw creation.failure(error)
    }
  }

  private func start(
    _ created: ContainerCreation.Created, isTerminal: Bool, keys: DetachKeys, keysText: String?
  ) async throws -> Int32 {
    let (id, attached) = (created.id, created.attached)
    let life = ContainerLife(session: session, id: id)
    let proxies = flags.bool("sig-proxy") && attached.any
    if proxies { life.proxySignals(isTerminal: isTerminal) }
    defer { session.onInterrupt(nil) }
    if !attached.output, !attached.error { try await invocation.line(id) }
    let attachment =
      attached.any
      ? try await life.attach(attached, isTerminal: isTerminal, keys: keys, keysText: keysText) : nil
    let removes = flags.bool("rm")
    let waiting = await life.wait(removes ? "removed" : "next-exit")
    do {
      try await session.send(request("POST", "/containers/{id}/start", ["id": id]))
    } catch {
      attachment?.connection.input.closeReading()
      attachment?.connection.output.closeWriting()
      // The container that never ran is removed before the command ends.
      if removes, error is DaemonError { _ = await waiting.value() }
      throw error
    }
    guard let attachment else { return 0 }
    if isTerminal, session.environment.isTerminal(.output) { await life.resize() }
    if try await attachment.run() == .detached {
      try await session.err("read escape sequence\n")
      return 0
    }
    throw ContainerEnd(status: try await waiting.value().get())
  }
}

/// How a container ended: no failure of the command.
struct ContainerEnd: Error { let status: Int32 }
