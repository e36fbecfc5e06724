import Handoff
import JSONTree
import Seams

/// crictl: the command line that speaks the CRI in the kubelet's place (kubernetes-sigs/cri-tools).
final class Crictl: StackClient {
  let world: any World
  /// CRI-O, traced.
  let api: any CRIAPI
  /// The same without a trace: for completion.
  let untraced: any CRIAPI
  let kernel: SimKernel

  init(world: any World, api: any CRIAPI, untraced: any CRIAPI, kernel: SimKernel) {
    (self.world, self.api, self.untraced, self.kernel) = (world, api, untraced, kernel)
  }

  static let version = "v1.34.0"

  typealias Command = @Sendable (Crictl, [String], StackIO) async throws -> Int32

  /// By name and alias.
  private static let commands: [String: Command] = [
    "attach": { try await $0.attach($1, $2) }, "create": { try await $0.create($1, $2) },
    "exec": { try await $0.exec($1, $2) }, "version": { try await $0.version($1, $2) },
    "images": { try await $0.images($1, $2) }, "image": { try await $0.images($1, $2) },
    "img": { try await $0.images($1, $2) }, "inspect": { try await $0.inspect($1, $2) },
    "inspecti": { try await $0.inspectImage($1, $2) }, "imagefsinfo": { try await $0.imageFsInfo($1, $2) },
    "inspectp": { try await $0.inspectPod($1, $2) }, "logs": { try await $0.logs($1, $2) },
    "ps": { try await $0.ps($1, $2) }, "pull": { try await $0.pull($1, $2) }, "run": { try await $0.run($1, $2) },
    "runp": { try await $0.runPod($1, $2) }, "rm": { try await $0.remove($1, $2) },
    "rmi": { try await $0.removeImages($1, $2) }, "rmp": { try await $0.removePods($1, $2) },
    "pods": { try await $0.pods($1, $2) }, "start": { try await $0.start($1, $2) },
    "info": { try await $0.info($1, $2) }, "stop": { try await $0.stop($1, $2) },
    "stopp": { try await $0.stopPods($1, $2) }, "update": { try await $0.update($1, $2) },
    "stats": { try await $0.stats($1, $2) },
  ]

  func run(_ words: [String], io: StackIO) async -> Int32 {
    do {
      let arguments = try ClientArguments(
        words,
        .init(
          valued: [["runtime-endpoint", "r"], ["image-endpoint", "i"], ["timeout", "t"], ["config", "c"]],
          switches: [["debug", "D"], ["help", "h"], ["version", "v"]]))
      if arguments.has("version") {
        await io.print("crictl version \(Crictl.version)")
        return 0
      }
      guard let name = arguments.operands.first, name != "help", name != "h", !arguments.has("help") else {
        await io.write(Crictl.help)
        return 0
      }
      guard let command = Crictl.commands[name] else {
        throw ClientFailure("unknown command \"\(name)\" for \"crictl\"")
      }
      let rest = Array(arguments.operands.dropFirst())
      return try await command(self, rest, io)
    } catch let failure as ClientFailure {
      await io.complain(fatal + failure.message)
      return failure.status
    } catch {
      let message = (error as? EngineError)?.message ?? "\(error)"
      await io.complain(fatal + "rpc error: code = \(Crictl.code(error)) desc = \(message)")
      return 1
    }
  }

  /// How logrus begins a fatal message on a terminal that is none.
  private var fatal: String { "FATA[0000] " }

  /// The name of a gRPC status code.
  static func code(_ error: any Error) -> String {
    switch (error as? EngineError)?.grpcCode ?? 2 {
    case 1: "Canceled"
    case 3: "InvalidArgument"
    case 4: "DeadlineExceeded"
    case 5: "NotFound"
    case 6: "AlreadyExists"
    case 7: "PermissionDenied"
    case 8: "ResourceExhausted"
    case 9: "FailedPrecondition"
    case 12: "Unimplemented"
    case 14: "Unavailable"
    case 16: "Unauthenticated"
    default: "Unknown"
    }
  }

  private static let help = """
    NAME:
       crictl - client for CRI

    USAGE:
       crictl [global options] command [command options]

    VERSION:
       \(version)

    COMMANDS:
       attach             Attach to a running container
       create             Create a new container
       exec               Run a command in a running container
       version            Display runtime version information
       images, image, img List images
       inspect            Display the status of one or more containers
       inspecti           Return the status of one or more images
       imagefsinfo        Return image filesystem info
       inspectp           Display the status of one or more pods
       logs               Fetch the logs of a container
       ps                 List containers
       pull               Pull an image from a registry
       run                Run a new container inside a sandbox
       runp               Run a new pod
       rm                 Remove one or more containers
       rmi                Remove one or more images
       rmp                Remove one or more pods
       pods               List pods
       start              Start one or more created containers
       info               Display information of the container runtime
       stop               Stop one or more running containers
       stopp              Stop one or more running pods
       update             Update one or more running containers
       stats              List container(s) resource usage statistics
       help, h            Shows a list of commands or help for one command

    """

  func candidates(after words: [String]) async -> [String] {
    guard let name = words.first else { return Crictl.commands.keys.sorted() + ["help"] }
    func ids(_ method: String, _ list: String) async -> [String] {
      let answer = try? await untraced.call(method, ["filter": [:]])
      return (answer?[list]?.array ?? []).compactMap { $0["id"]?.string.map { String($0.prefix(13)) } }
    }
    switch name {
    case "exec", "logs", "start", "stop", "rm", "inspect", "attach", "update", "stats":
      return await ids("RuntimeService/ListContainers", "containers")
    case "stopp", "rmp", "inspectp": return await ids("RuntimeService/ListPodSandbox", "items")
    case "create": return words.count == 1 ? await ids("RuntimeService/ListPodSandbox", "items") : Crictl.examples
    case "runp", "run": return Crictl.examples
    case "rmi", "inspecti", "pull":
      let answer = try? await untraced.call("ImageService/ListImages", [:])
      return (answer?["images"]?.array ?? []).flatMap { $0["repo_tags"]?.strings ?? [] }
    default: return []
    }
  }

  // MARK: What commands share

  /// crictl begins by asking which version of the CRI is spoken.
  func connect() async throws { _ = try await api.call("RuntimeService/Version", ["version": "v1"]) }
  func runtime(_ method: String, _ request: JSON) async throws -> JSON {
    try await api.call("RuntimeService/\(method)", request)
  }
  func images(_ method: String, _ request: JSON) async throws -> JSON {
    try await api.call("ImageService/\(method)", request)
  }

  func parsed(_ words: [String], valued: [[String]] = [], switches: [[String]] = [], mixed: Bool = true) throws
    -> ClientArguments
  {
    try ClientArguments(words, .init(valued: valued, switches: switches, stopsAtOperand: !mixed))
  }

  static func short(_ id: String) -> String {
    let bare = id.hasPrefix("sha256:") ? String(id.dropFirst(7)) : id
    return String(bare.prefix(13))
  }

  func ago(_ nanoseconds: JSON?) -> String {
    let time = UInt64(clamping: nanoseconds?.int ?? 0)
    return humanDuration(world.unixTime > time ? world.unixTime - time : 0) + " ago"
  }

  /// `CONTAINER_RUNNING` is Running.
  static func title(_ state: String?) -> String {
    switch state {
    case "CONTAINER_CREATED": "Created"
    case "CONTAINER_RUNNING": "Running"
    case "CONTAINER_EXITED": "Exited"
    case "SANDBOX_READY": "Ready"
    case "SANDBOX_NOTREADY": "NotReady"
    default: "Unknown"
    }
  }

  /// Names with lower camel case, as protobuf's JSON has them.
  static func camelCase(_ json: JSON) -> JSON {
    switch json {
    case .array(let values): .array(values.map(camelCase))
    case .object(let object):
      .object(
        JSONObject(
          object.members.map { member in
            // The keys of labels and annotations are the user's.
            let isMap = ["labels", "annotations", "env"].contains(member.key)
            return .init(camelCase(member.key), isMap ? member.value : camelCase(member.value))
          }))
    default: json
    }
  }

  private static func camelCase(_ name: String) -> String {
    guard !name.contains(".") else { return name }
    let parts = name.split(separator: "_", omittingEmptySubsequences: true)
    guard let first = parts.first else { return name }
    return first + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// Prints a message as `-o json` does. Times are text in what `inspect` shows.
  func show(_ json: JSON, _ io: StackIO) async { await io.print(Crictl.camelCase(json).pretty(indent: "  ")) }

  /// A configuration in JSON: of the user's, or one of the examples on the host.
  func configuration(_ path: String, _ io: StackIO) throws -> JSON {
    let bytes: [UInt8]
    do { bytes = try io.readFile(path) } catch {
      let own = path.hasPrefix("/") ? path : "/root/" + path
      guard let found = try? SimHostFiles(kernel).read(own) else {
        throw ClientFailure("load config: open \(path): no such file or directory")
      }
      bytes = found
    }
    do { return try JSON(parsing: bytes) } catch { throw ClientFailure("load config: \(path): \(error)") }
  }

  static let examples = ["pod.json", "container.json"]

  /// Examples of configurations, in root's home.
  static func putExamples(_ files: SimHostFiles) throws {
    let pod = """
      {
        "metadata": { "name": "demo", "namespace": "default", "uid": "hdishd83djaidwnduwk28bcsb", "attempt": 1 },
        "hostname": "demo",
        "log_directory": "/var/log/pods/demo",
        "linux": {}
      }

      """
    let container = """
      {
        "metadata": { "name": "busybox" },
        "image": { "image": "busybox:latest" },
        "command": [ "sleep" ],
        "args": [ "3600" ],
        "log_path": "busybox.0.log",
        "linux": {}
      }

      """
    for (name, text) in [("pod.json", pod), ("container.json", container)] {
      do { try files.write("/root/\(name)", Array(text.utf8), mode: 0o644) } catch {
        throw EngineError(.unknown, "open /root/\(name): \(error.message)")
      }
    }
  }
}
