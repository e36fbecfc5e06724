import Handoff
import JSONTree
import Seams
import Synchronization
import Testing

@testable import Simulation

/// A machine with a stack, and what a docker client does on it: the requests that the commands of the docker CLI send.
final class StackFixture {
  final class Keeper: TraceSink {
    private let kept = Mutex<[TraceRecord]>([])
    func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
    var records: [TraceRecord] { kept.withLock { $0 } }
    func clear() { kept.withLock { $0 = [] } }
  }

  let machine: SimMachine
  let keeper = Keeper()

  init(_ stack: String, runtime: String? = nil, seed: UInt64 = 7) throws {
    machine = try SimMachine(seed: seed, stack: stack, runtime: runtime)
    machine.recorder.attach(keeper)
  }

  /// How a command ended: the text and JSON of its last answer.
  struct Answer: Sendable {
    var status = 0
    var text = ""
    var json: JSON = nil
  }

  /// Runs `body` as one command, drives the world to its end, and for a second more.
  @discardableResult
  func command<T: Sendable>(_ line: String, _ body: @escaping @Sendable (any RemoteAPI) async throws -> T) throws -> T {
    let command = machine.recorder.beginCommand(line: line)
    let daemon = machine.daemon
    let result = machine.world.runBlocking { () -> Result<T, any Error> in
      await TraceContext.$current.withValue(TraceContext(cmd: command)) {
        do { return .success(try await body(daemon)) } catch { return .failure(error) }
      }
    }
    machine.world.run(until: { false }, limit: Duration64.second)
    return try #require(result).get()
  }

  /// The handoffs above the kernel since the last call, one a line: `podman > conmon conmon create`.
  func handoffs(_ isWanted: (TraceRecord.Call) -> Bool = { $0.to != .kernel }) -> [String] {
    defer { keeper.clear() }
    return keeper.records.compactMap { record in
      switch record.event {
      case .call(let call), .upgrade(let call):
        isWanted(call) ? "\(call.from) > \(call.to) \(call.op)" : nil
      default: nil
      }
    }
  }

  /// The spine since the last call.
  func spine() -> [String] { handoffs { Spine.contains($0) } }

  // MARK: The docker client's commands

  @discardableResult
  func pull(_ image: String) throws -> String {
    try command("docker pull \(image)") { daemon in
      let request = APIRequest(
        "POST", "/images/create", query: [NameValue("fromImage", image), NameValue("tag", "latest")])
      return try await daemon.send(request).wholeText()
    }
  }

  /// `docker run [--rm] [-d] IMAGE COMMAND…`: the container's id, its output (stdout and stderr) and exit status.
  @discardableResult
  func run(
    _ image: String, _ arguments: [String], rm: Bool = false, detached: Bool = false, name: String = "",
    host: JSONObject = [:]
  ) throws -> (id: String, output: String, status: Int) {
    try command("docker run \(image) \(arguments.joined(separator: " "))") { daemon in
      var host = host
      if rm { host["AutoRemove"] = true }
      let body: JSON = [
        "Image": .string(image), "Cmd": JSON(arguments), "AttachStdout": .bool(!detached),
        "AttachStderr": .bool(!detached), "HostConfig": .object(host),
      ]
      _ = try await daemon.send(APIRequest("HEAD", "/_ping"))
      let created = try await daemon.send(
        APIRequest(
          "POST", "/containers/create", query: name.isEmpty ? [] : [NameValue("name", name)], body: body)
      ).checked()
      let id = created.json["Id"]?.string ?? ""
      var connection: Duplex?
      if !detached {
        let attached = try await daemon.send(
          APIRequest(
            "POST", "/containers/{id}/attach", ["id": id],
            query: [NameValue("stream", "1"), NameValue("stdout", "1"), NameValue("stderr", "1")], hijack: true)
        ).checked()
        if case .hijacked(let duplex) = attached.body { connection = duplex }
      }
      let wait =
        detached
        ? nil
        : try await daemon.send(
          APIRequest(
            "POST", "/containers/{id}/wait", ["id": id],
            query: [NameValue("condition", rm ? "removed" : "next-exit")]))
      let started = try await daemon.send(APIRequest("POST", "/containers/{id}/start", ["id": id]))
      if let message = started.errorMessage { return (id, message, started.status) }
      guard let wait else { return (id, "", 0) }
      let output = await connection?.input.readAll() ?? []
      let end = try JSON(parsing: await wait.wholeText())
      return (id, demultiplexed(output), end["StatusCode"]?.int ?? -1)
    }
  }

  /// `docker exec CONTAINER COMMAND…`.
  @discardableResult
  func exec(_ container: String, _ arguments: [String]) throws -> (output: String, status: Int) {
    try command("docker exec \(container) \(arguments.joined(separator: " "))") { daemon in
      let created = try await daemon.send(
        APIRequest(
          "POST", "/containers/{id}/exec", ["id": container],
          body: ["Cmd": JSON(arguments), "AttachStdout": true, "AttachStderr": true])
      ).checked()
      let id = created.json["Id"]?.string ?? ""
      let started = try await daemon.send(
        APIRequest("POST", "/exec/{id}/start", ["id": id], body: ["Detach": false, "Tty": false], hijack: true)
      ).checked()
      guard case .hijacked(let duplex) = started.body else { return ("", -1) }
      let output = demultiplexed(await duplex.input.readAll())
      let state = try await daemon.send(APIRequest("GET", "/exec/{id}/json", ["id": id])).checked()
      return (output, state.json["ExitCode"]?.int ?? -1)
    }
  }

  /// One request, as a command of its own.
  @discardableResult
  func send(
    _ method: String, _ template: String, _ parameters: [String: String] = [:], _ query: [String: String] = [:],
    body: JSON? = nil
  ) throws -> Answer {
    try command("\(method) \(template)") { daemon in
      let request = APIRequest(
        method, template, parameters,
        query: query.sorted { $0.key < $1.key }.map { NameValue($0.key, $0.value) }, body: body)
      let response = try await daemon.send(request)
      return Answer(status: response.status, text: await response.wholeText(), json: response.json)
    }
  }

  // MARK: The stack's own client

  /// A command line of `ctr` or `crictl`, blanks between its words; `last` is one more word.
  @discardableResult
  func native(_ line: String, _ last: String? = nil, files: [String: String] = [:], input: String = "") throws -> (
    output: String, error: String, status: Int32
  ) {
    let client = try #require(machine.current.client)
    let arguments = line.split(separator: " ").map(String.init) + (last.map { [$0] } ?? [])
    let (output, errors) = (ByteChannel(capacity: .max), ByteChannel(capacity: .max))
    let typed = ByteChannel(capacity: .max)
    typed.push(Array(input.utf8))
    typed.closeWriting()
    let status = try command("\(machine.clientNames.first ?? "") \(line)") { _ in
      let io = StackIO(
        output: { output.push($0) }, error: { errors.push($0) }, input: { typed },
        readFile: { path in
          guard let text = files[path] else { throw EngineError(.notFound, "no such file") }
          return Array(text.utf8)
        })
      return await client.run(arguments, io: io)
    }
    func text(_ channel: ByteChannel) -> String {
      channel.closeWriting()
      return String(
        decoding: channel.tryRead().map { first in
          var all = first
          while let more = channel.tryRead(), !more.isEmpty { all += more }
          return all
        } ?? [], as: UTF8.self)
    }
    return (text(output), text(errors), status)
  }

  // MARK: What is left on the host

  /// Command lines of the host's processes, but init.
  var processes: [String] { (2..<3_000).compactMap { machine.kernel.info($0)?.command } }

  /// What containers leave on a host if nobody cleans up: processes, mounts, cgroups, links, sorted.
  var traces: [String] {
    let kernel = machine.kernel
    let files = SimHostFiles(kernel)
    var found = processes.map { "process " + $0 }
    found += ((try? kernel.readFile("/proc/1/mountinfo", as: 1)) ?? "").split(separator: "\n").map {
      "mount " + $0.split(separator: " ")[4]
    }
    var folders = ["/sys/fs/cgroup"]
    while let folder = folders.popLast() {
      for name in (try? files.list(folder)) ?? [] where files.lstat("\(folder)/\(name)")?.kind == .directory {
        folders.append("\(folder)/\(name)")
        // A parent of containers' cgroups may stay; those of containers are called by their ids.
        if name.utf8.count >= 30 { found.append("cgroup \(name)") }
      }
    }
    found += machine.network.interfaces(in: 0).filter { $0.name.hasPrefix("veth") }.map { "link " + $0.name }
    found += ((try? files.list("/run/netns")) ?? []).map { "namespace " + $0 }
    return found.sorted()
  }
}

extension APIResponse {
  /// The body, to its end.
  func wholeText() async -> String {
    switch body {
    case .stream(let stream): String(decoding: await stream.readAll(), as: UTF8.self)
    case .text(let text): text
    case .json(let json): json.text
    default: ""
    }
  }

  /// Itself; throws a refusal.
  func checked() throws -> APIResponse {
    if let message = errorMessage { throw EngineError(EngineError.code(http: status), message) }
    return self
  }
}

/// The payloads of Docker's multiplexed stream, one after the other.
func demultiplexed(_ bytes: [UInt8]) -> String {
  var text: [UInt8] = []
  var index = 0
  while index + 8 <= bytes.count {
    let size = bytes[(index + 4)..<(index + 8)].reduce(0) { $0 << 8 | Int($1) }
    text += bytes[(index + 8)..<min(bytes.count, index + 8 + size)]
    index += 8 + size
  }
  return String(decoding: text, as: UTF8.self)
}

extension StackFixture {
  /// The arguments of the last call of an operation; null when there was none.
  func arguments(of op: String) -> JSON {
    for record in keeper.records.reversed() {
      if case .call(let call) = record.event, call.op == op { return call.args.json }
    }
    return .null
  }
}
