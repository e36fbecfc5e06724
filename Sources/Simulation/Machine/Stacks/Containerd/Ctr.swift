import Handoff
import JSONTree
import Runtime
import Seams

/// ctr: containerd's own client, for debugging (containerd, cmd/ctr).
final class Ctr: StackClient {
  let world: SimWorld
  let kernel: SimKernel
  /// containerd over the wire, and without a trace.
  let wire: any ContainerdAPI
  let quiet: any ContainerdAPI
  /// The runtime of the stack.
  let runtime: @Sendable () -> String
  private let tap: Tap
  static let version = "v2.2.0"

  init(_ parts: SimParts, wire: any ContainerdAPI, quiet: any ContainerdAPI, runtime: @escaping @Sendable () -> String)
  {
    (world, kernel, self.wire, self.quiet, self.runtime) = (parts.world, parts.kernel, wire, quiet, runtime)
    tap = parts.tap(.ctr, .containerd, .grpc)
  }

  /// One command line: what it was called with.
  struct Call: Sendable {
    var words: [String]
    var namespace: String
    var io: StackIO
  }

  typealias Command = @Sendable (Ctr, Call) async throws -> Int32
  private static let groups: [String: [String: Command]] = [
    "images": [
      "pull": { try await $0.pull($1) }, "push": { try await $0.push($1) }, "list": { try await $0.images($1) },
      "remove": { try await $0.removeImages($1) }, "tag": { try await $0.tag($1) },
      "check": { try await $0.check($1) }, "label": { try await $0.labelImage($1) },
      "inspect": { try await $0.inspectImage($1) },
    ],
    "containers": [
      "create": { try await $0.createContainer($1) }, "delete": { try await $0.deleteContainers($1) },
      "info": { try await $0.containerInfo($1) }, "list": { try await $0.containers($1) },
      "label": { try await $0.labelContainer($1) },
    ],
    "tasks": [
      "start": { try await $0.startTask($1) }, "exec": { try await $0.exec($1) }, "kill": { try await $0.kill($1) },
      "delete": { try await $0.deleteTasks($1) }, "list": { try await $0.tasks($1) }, "ps": { try await $0.ps($1) },
      "pause": { try await $0.pause($1) }, "resume": { try await $0.resume($1) },
      "metrics": { try await $0.metrics($1) }, "attach": { try await $0.attach($1) },
    ],
    "snapshots": [
      "list": { try await $0.snapshots($1) }, "info": { try await $0.snapshotInfo($1) },
      "mounts": { try await $0.snapshotMounts($1) }, "usage": { try await $0.snapshotUsage($1) },
      "delete": { try await $0.removeSnapshots($1) }, "tree": { try await $0.snapshotTree($1) },
    ],
    "content": [
      "list": { try await $0.content($1) }, "get": { try await $0.contentGet($1) },
      "delete": { try await $0.deleteContent($1) },
    ],
    "namespaces": [
      "list": { try await $0.namespaces($1) }, "create": { try await $0.createNamespace($1) },
      "remove": { try await $0.removeNamespaces($1) },
    ],
    "leases": [
      "list": { try await $0.leases($1) }, "create": { try await $0.createLease($1) },
      "delete": { try await $0.deleteLeases($1) },
    ],
    "plugins": ["list": { try await $0.plugins($1) }],
  ]
  private static let alone: [String: Command] = [
    "run": { try await $0.run($1) }, "version": { try await $0.version($1) },
  ]
  private static let aliases: [String: String] = [
    "image": "images", "i": "images", "container": "containers", "c": "containers", "task": "tasks", "t": "tasks",
    "snapshot": "snapshots", "namespace": "namespaces", "ns": "namespaces", "plugin": "plugins", "lease": "leases",
  ]
  private static let verbs: [String: String] = [
    "ls": "list", "rm": "remove", "del": "delete", "remove": "remove", "delete": "delete", "c": "create",
    "processes": "ps", "metric": "metrics",
  ]

  func run(_ words: [String], io: StackIO) async -> Int32 {
    do {
      let arguments = try ClientArguments(
        words,
        .init(
          valued: [["namespace", "n"], ["address", "a"], ["timeout"], ["connect-timeout"]],
          switches: [["debug"], ["help", "h"], ["version", "v"]]))
      if arguments.has("version") {
        await io.print("ctr containerd.io \(Ctr.version)")
        return 0
      }
      guard let first = arguments.operands.first, first != "help", first != "h", !arguments.has("help") else {
        await io.write(Ctr.help)
        return 0
      }
      var call = Call(
        words: Array(arguments.operands.dropFirst()),
        namespace: arguments.value("namespace") ?? ContainerdStack.namespace, io: io)
      if let command = Ctr.alone[first] { return try await command(self, call) }
      let group = Ctr.aliases[first] ?? first
      guard let commands = Ctr.groups[group] else {
        throw ClientFailure("No help topic for '\(first)'", status: 3)
      }
      guard let verb = call.words.first, verb != "help", verb != "--help" else {
        await io.write("NAME:\n   ctr \(group) - manage \(group)\n\nCOMMANDS:\n")
        for name in commands.keys.sorted() { await io.print("   \(name)") }
        return 0
      }
      let name = Ctr.verbs[verb] ?? verb
      // Each group has one word for removing, and takes the other for it.
      let command =
        commands[name] ?? (name == "remove" ? commands["delete"] : name == "delete" ? commands["remove"] : nil)
      guard let command else { throw ClientFailure("No help topic for '\(verb)'", status: 3) }
      call.words.removeFirst()
      return try await command(self, call)
    } catch let failure as ClientFailure {
      await io.complain(failure.status == 3 ? failure.message : "ctr: \(failure.message)")
      return failure.status
    } catch let error as EngineError where error.code == .unavailable && error.message.contains("dial unix") {
      await io.complain(
        "ctr: failed to dial \"/run/containerd/containerd.sock\": \(error.message.replacing(": unavailable", with: ""))"
      )
      return 1
    } catch {
      await io.complain("ctr: \((error as? EngineError)?.message ?? "\(error)")")
      return 1
    }
  }

  private static let help = """
    NAME:
       ctr -
            __
      _____/ /______
     / ___/ __/ ___/
    / /__/ /_/ /
    \\___/\\__/_/

    containerd CLI


    USAGE:
       ctr [global options] command [command options]

    VERSION:
       \(version)

    DESCRIPTION:

    ctr is an unsupported debug and administrative client for interacting
    with the containerd daemon. Because it is unsupported, the commands,
    options, and operations are not guaranteed to be backward compatible or
    stable from release to release of the containerd project.

    COMMANDS:
       plugins, plugin           Provides information about containerd plugins
       version                   Print the client and server versions
       containers, c, container  Manage containers
       content                   Manage content
       images, image, i          Manage images
       leases                    Manage leases
       namespaces, namespace, ns  Manage namespaces
       run                       Run a container
       snapshots, snapshot       Manage snapshots
       tasks, t, task            Manage tasks
       help, h                   Shows a list of commands or help for one command

    """

  func candidates(after words: [String]) async -> [String] {
    let namespace = ContainerdStack.namespace
    guard let first = words.first else { return Ctr.groups.keys.sorted() + Ctr.alone.keys.sorted() }
    let group = Ctr.aliases[first] ?? first
    if words.count == 1, let commands = Ctr.groups[group] { return commands.keys.sorted() }
    switch group {
    case "images", "run":
      return ((try? await quiet.call(Images.List(), namespace: namespace).images) ?? []).map(\.name)
    case "containers", "tasks":
      return ((try? await quiet.call(Containers.List(), namespace: namespace).containers) ?? []).map(\.id)
    default: return []
    }
  }

  // MARK: What commands share

  /// Calls containerd.
  func ask<O: ContainerdOperation>(_ operation: O, _ call: Call) async throws -> O.Answer {
    try await wire.call(operation, namespace: call.namespace)
  }

  /// Progress and questions for credentials come over a stream beside the call that they belong to.
  func openStream(_ name: String) async throws {
    try await tap.carry(
      "containerd.services.streaming.v1.Streaming/Stream", JSON.object(["id": .string("\(name)-\(world.hexID(8))")]),
      outcome: { (_: Void) in .success(Empty()) }
    ) {}
  }

  func parsed(_ call: Call, valued: [[String]] = [], switches: [[String]] = [], mixed: Bool = false) throws
    -> ClientArguments
  {
    try ClientArguments(call.words, .init(valued: valued, switches: switches, stopsAtOperand: !mixed))
  }

  /// A lease around `body`, as containerd's client makes for what consists of several calls.
  func underLease<T: Sendable>(_ call: Call, _ body: () async throws -> T) async throws -> T {
    let lease = "\(world.unixTime)-\(world.hexID(4))"
    _ = try await ask(Leases.Create(id: lease), call)
    do {
      let answer = try await ContainerdLease.$current.withValue(lease) { try await body() }
      _ = try await ask(Leases.Delete(id: lease), call)
      return answer
    } catch {
      _ = try? await ask(Leases.Delete(id: lease), call)
      throw error
    }
  }

  static func size(_ bytes: Int64) -> String {
    humanSize(bytes, units: ["B", "KiB", "MiB", "GiB", "TiB"], base: 1024, separator: " ", digits: 3)
  }
}
