import JSONTree
import Seams

/// crictl's commands about containers.
extension Crictl {
  func create(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["auth"], ["creds"], ["annotation"], ["cancel-timeout", "T"]],
      switches: [["no-pull"], ["with-pull"]])
    guard arguments.operands.count == 3 else {
      throw ClientFailure(
        "Incorrect Usage: crictl create [command options] POD container-config.[json|yaml] pod-config.[json|yaml]")
    }
    let config = try configuration(arguments.operands[1], io)
    let podConfig = try configuration(arguments.operands[2], io)
    try await connect()
    if arguments.has("with-pull") { _ = try await pull(config["image"]?["image"]?.string ?? "") }
    await io.print(try await container(in: arguments.operands[0], config, podConfig))
    return 0
  }

  private func container(in pod: String, _ config: JSON, _ podConfig: JSON) async throws -> String {
    try await asking("creating container") {
      try await runtime(
        "CreateContainer", ["pod_sandbox_id": .string(pod), "config": config, "sandbox_config": podConfig])
    }["container_id"]?.string ?? ""
  }

  func run(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["auth"], ["creds"], ["runtime", "r"], ["cancel-timeout", "T"]],
      switches: [["no-pull"], ["with-pull"]])
    guard arguments.operands.count == 2 else {
      throw ClientFailure(
        "Incorrect Usage: crictl run [command options] container-config.[json|yaml] pod-config.[json|yaml]")
    }
    let config = try configuration(arguments.operands[0], io)
    let podConfig = try configuration(arguments.operands[1], io)
    try await connect()
    if !arguments.has("no-pull") { _ = try await pull(config["image"]?["image"]?.string ?? "") }
    let pod = try await pod(podConfig, handler: arguments.value("runtime") ?? "")
    let id = try await container(in: pod, config, podConfig)
    _ = try await asking("starting the container \"\(id)\"") {
      try await runtime("StartContainer", ["container_id": .string(id)])
    }
    await io.print(id)
    return 0
  }

  func start(_ words: [String], _ io: StackIO) async throws -> Int32 {
    try await forEach(try parsed(words).operands, io) { id in
      _ = try await asking("starting the container \"\(id)\"") {
        try await runtime("StartContainer", ["container_id": .string(id)])
      }
    }
  }

  func stop(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, valued: [["timeout", "t"]])
    let timeout = try arguments.number("timeout") ?? 0
    return try await forEach(arguments.operands, io) { id in
      _ = try await asking("stopping the container \"\(id)\"") {
        try await runtime("StopContainer", ["container_id": .string(id), "timeout": JSON(timeout)])
      }
    }
  }

  func remove(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, switches: [["force", "f"], ["all", "a"], ["keep-logs"]])
    var ids = arguments.operands
    try await connect()
    if arguments.has("all") {
      let listed = try await runtime("ListContainers", ["filter": [:]])["containers"]?.array ?? []
      ids = listed.compactMap { $0["id"]?.string }
    }
    guard !ids.isEmpty || arguments.has("all") else { throw ClientFailure("ID cannot be empty") }
    for id in ids {
      let status = try await asking("getting container status of \"\(id)\"") {
        try await runtime("ContainerStatus", ["container_id": .string(id)])
      }
      if status["status"]?["state"]?.string == "CONTAINER_RUNNING" {
        guard arguments.has("force") else {
          throw ClientFailure("container \"\(id)\" is running, please stop it first")
        }
        _ = try await runtime("StopContainer", ["container_id": .string(id), "timeout": 0])
      }
      _ = try await asking("removing container \"\(id)\"") {
        try await runtime("RemoveContainer", ["container_id": .string(id)])
      }
      await io.print(id)
    }
    return 0
  }

  private func forEach(_ ids: [String], _ io: StackIO, _ body: (String) async throws -> Void) async throws -> Int32 {
    guard !ids.isEmpty else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    for id in ids {
      try await body(id)
      await io.print(id)
    }
    return 0
  }

  func update(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let fields: [(flag: String, field: String)] = [
      ("cpu-period", "cpu_period"), ("cpu-quota", "cpu_quota"), ("cpu-share", "cpu_shares"),
      ("memory", "memory_limit_in_bytes"),
    ]
    let arguments = try parsed(words, valued: fields.map { [$0.flag] } + [["cpuset-cpus"], ["cpuset-mems"]])
    var linux: JSONObject = [:]
    for (flag, field) in fields { if let number = try arguments.number(flag) { linux[field] = JSON(number) } }
    for (flag, field) in [("cpuset-cpus", "cpuset_cpus"), ("cpuset-mems", "cpuset_mems")] {
      if let text = arguments.value(flag) { linux[field] = .string(text) }
    }
    return try await forEach(arguments.operands, io) { id in
      _ = try await asking("updating container resources for \"\(id)\"") {
        try await runtime("UpdateContainerResources", ["container_id": .string(id), "linux": .object(linux)])
      }
    }
  }

  // MARK: Lists

  func ps(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words,
      valued: [
        ["id"], ["name"], ["pod", "p"], ["state", "s"], ["label"], ["output", "o"], ["last", "n"], ["image"],
      ],
      switches: [
        ["all", "a"], ["quiet", "q"], ["no-trunc"], ["verbose", "v"], ["latest", "l"], ["resolve-image-path", "r"],
      ])
    var filter: JSONObject = [:]
    if let id = arguments.value("id") { filter["id"] = .string(id) }
    if let pod = arguments.value("pod") { filter["pod_sandbox_id"] = .string(pod) }
    let count = arguments.has("latest") ? 1 : try arguments.number("last")
    if let state = arguments.value("state")?.lowercased() {
      guard ["created", "running", "exited", "unknown"].contains(state) else {
        throw ClientFailure("listing containers: --state should be one of created, running, exited or unknown")
      }
      filter["state"] = ["state": .string("CONTAINER_\(state.uppercased())")]
    } else if !arguments.has("all"), count == nil {
      filter["state"] = ["state": "CONTAINER_RUNNING"]
    }
    let labels = try labelSelector(arguments.all("label"))
    if !labels.isEmpty { filter["label_selector"] = JSON(labels) }
    try await connect()
    let answer = try await asking("listing containers: call list containers RPC") {
      try await runtime("ListContainers", ["filter": .object(filter)])
    }
    var containers = answer["containers"]?.array ?? []
    if let name = arguments.value("name") {
      containers.removeAll { $0["metadata"]?["name"]?.string?.contains(name) != true }
    }
    if let image = arguments.value("image") {
      containers.removeAll { $0["image"]?["image"]?.string?.contains(image) != true }
    }
    if let count { containers = Array(containers.prefix(max(0, count))) }
    if try await showed(arguments, ["containers": .array(containers)], io) { return 0 }
    if arguments.has("quiet") {
      for container in containers { await io.print(container["id"]?.string ?? "") }
      return 0
    }
    var table = ColumnTable(
      ["CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD", "NAMESPACE"], minimum: 20)
    for container in containers {
      func id(_ key: String) -> String {
        let id = container[key]?.string ?? ""
        return arguments.has("no-trunc") ? id : Crictl.short(id)
      }
      let labels = container[member: "labels"].stringMap
      table.add([
        id("id"), container["image"]?["image"]?.string ?? "", ago(container["created_at"]),
        Crictl.title(container["state"]?.string), container["metadata"]?["name"]?.string ?? "",
        "\(container["metadata"]?["attempt"]?.int ?? 0)", id("pod_sandbox_id"),
        labels["io.kubernetes.pod.name"] ?? "unknown", labels["io.kubernetes.pod.namespace"] ?? "unknown",
      ])
    }
    await io.write(table.text)
    return 0
  }

  func inspect(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, valued: [["output", "o"], ["template"]], switches: [["quiet", "q"]])
    guard !arguments.operands.isEmpty else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    for id in arguments.operands {
      let answer = try await asking("getting the status of the container \"\(id)\"") {
        try await runtime("ContainerStatus", ["container_id": .string(id), "verbose": true])
      }
      await show(withTimes(answer), io)
    }
    return 0
  }

  func stats(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["id"], ["pod", "p"], ["label", "l"], ["output", "o"], ["seconds", "s"]],
      switches: [["all", "a"], ["watch", "w"]])
    var filter: JSONObject = [:]
    if let id = arguments.value("id") ?? arguments.operands.first { filter["id"] = .string(id) }
    try await connect()
    let request: JSON = ["filter": .object(filter)]
    let before = try await runtime("ListContainerStats", request)["stats"]?.array ?? []
    try await world.sleep(UInt64(max(0, min(60, try arguments.number("seconds") ?? 1))) * Duration64.second)
    let answer = try await runtime("ListContainerStats", request)
    if try await showed(arguments, answer, io) { return 0 }
    var table = ColumnTable(["CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES", "SWAP"], minimum: 20)
    for stats in answer["stats"]?.array ?? [] {
      let id = stats["attributes"]?["id"]
      guard let old = before.first(where: { $0["attributes"]?["id"] == id }) else { continue }
      func value(_ stats: JSON, _ part: String, _ key: String) -> Int { stats[part]?[key]?["value"]?.int ?? 0 }
      let used = value(stats, "cpu", "usage_core_nano_seconds") - value(old, "cpu", "usage_core_nano_seconds")
      let passed = max(1, (stats["cpu"]?["timestamp"]?.int ?? 0) - (old["cpu"]?["timestamp"]?.int ?? 0))
      table.add([
        Crictl.short(id?.string ?? ""), stats["attributes"]?["metadata"]?["name"]?.string ?? "",
        percent(used, of: passed), size(value(stats, "memory", "working_set_bytes")),
        size(value(stats, "writable_layer", "used_bytes")), "\(value(stats, "writable_layer", "inodes_used"))", "0B",
      ])
    }
    await io.write(table.text)
    return 0
  }

  /// With two decimals.
  private func percent(_ part: Int, of whole: Int) -> String {
    let hundredths = Int((Double(part) / Double(whole) * 10_000).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }

  func size(_ bytes: Int) -> String {
    humanSize(Int64(bytes), units: ["B", "kB", "MB", "GB", "TB"], base: 1000, digits: 4)
  }

  // MARK: Streams

  func exec(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["timeout"], ["transport", "r"], ["last", "n"]],
      switches: [["sync", "s"], ["tty", "t"], ["interactive", "i"], ["quiet", "q"], ["ignore-errors", "e"]],
      mixed: false)
    guard arguments.operands.count >= 2 else {
      throw ClientFailure(
        arguments.operands.isEmpty
          ? "ID cannot be empty" : "execing command in container: at least one command is needed")
    }
    let id = arguments.operands[0]
    let command = JSON(Array(arguments.operands.dropFirst()))
    try await connect()
    if arguments.has("sync") {
      let answer = try await asking("execing command in container synchronously") {
        try await runtime(
          "ExecSync",
          ["container_id": .string(id), "cmd": command, "timeout": JSON(try arguments.number("timeout") ?? 0)])
      }
      _ = await io.output(Array((answer["stdout"]?.string ?? "").utf8))
      _ = await io.error(Array((answer["stderr"]?.string ?? "").utf8))
      return Int32(truncatingIfNeeded: answer["exit_code"]?.int ?? -1)
    }
    let (tty, stdin) = (arguments.has("tty"), arguments.has("interactive"))
    let answer = try await asking("execing command in container") {
      try await runtime(
        "Exec",
        [
          "container_id": .string(id), "cmd": command, "tty": .bool(tty), "stdin": .bool(stdin), "stdout": true,
          "stderr": .bool(!tty),
        ])
    }
    let status = try await stream(answer["url"]?.string ?? "", stdin: stdin, io)
    if let status, status != 0 {
      await io.complain("FATA[0000] execing command in container: command terminated with exit code \(status)")
      return Int32(truncatingIfNeeded: status)
    }
    return 0
  }

  func attach(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, switches: [["tty", "t"], ["stdin", "i"]])
    guard let id = arguments.operands.first else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    let answer = try await asking("attaching running container failed") {
      try await runtime(
        "Attach",
        ["container_id": .string(id), "stdin": .bool(arguments.has("stdin")), "stdout": true, "stderr": true])
    }
    _ = try await stream(answer["url"]?.string ?? "", stdin: arguments.has("stdin"), io)
    return 0
  }

  /// Opens a stream and carries bytes both ways until the other side ends it; the process's exit status.
  private func stream(_ url: String, stdin: Bool, _ io: StackIO) async throws -> Int? {
    let path = url.split(separator: "/").suffix(2).reduce(into: "") { $0 += "/" + $1 }
    let stream = try await api.open(path)
    if stdin {
      let input = io.input()
      world.spawn {
        while let bytes = await input.read() {
          guard await stream.connection.output.write(bytes) else { return }
        }
        stream.connection.output.closeWriting()
      }
    }
    // Ctrl-C leaves the process to itself.
    let signals = io.signals
    world.spawn { for await _ in signals { stream.connection.input.closeWriting() } }
    var output = DemultiplexedOutput()
    while let bytes = await stream.connection.input.read() {
      if stream.terminal {
        guard await io.output(bytes) else { break }
        continue
      }
      output.add(bytes)
      let said = output.take()
      if !said.stdout.isEmpty { guard await io.output(said.stdout) else { break } }
      if !said.stderr.isEmpty { _ = await io.error(said.stderr) }
    }
    return await stream.exitStatus()
  }

  /// The log is a file, which crictl reads itself: the CRI tells where.
  func logs(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["tail"], ["since"], ["limit-bytes"]],
      switches: [["follow", "f"], ["timestamps", "t"], ["previous", "p"]])
    guard let id = arguments.operands.first else { throw ClientFailure("ID cannot be empty") }
    var tail = try arguments.number("tail") ?? -1
    if tail < 0 { tail = -1 }
    try await connect()
    var offset = 0
    while true {
      let answer = try await asking("getting container status") {
        try await runtime("ContainerStatus", ["container_id": .string(id)])
      }
      let status = answer[member: "status"]
      let lines = logLines(status["log_path"]?.string ?? "")
      let first = offset == 0 && tail >= 0 ? max(0, lines.count - tail) : offset
      for line in lines.dropFirst(first) {
        let text = (arguments.has("timestamps") ? line.time + " " : "") + line.text
        let isWritten = line.isError ? await io.error(Array(text.utf8)) : await io.output(Array(text.utf8))
        if !isWritten { return 0 }
      }
      offset = lines.count
      guard arguments.has("follow"), status["state"]?.string == "CONTAINER_RUNNING" else { return 0 }
      try await world.sleep(Duration64.second)
    }
  }

  private func logLines(_ path: String) -> [(time: String, isError: Bool, text: String)] {
    guard let bytes = try? SimHostFiles(kernel).read(path) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
      guard let entry = try? JSON(parsing: String(line)) else { return nil }
      return (entry["time"]?.string ?? "", entry["stream"]?.string == "stderr", entry["log"]?.string ?? "")
    }
  }
}
