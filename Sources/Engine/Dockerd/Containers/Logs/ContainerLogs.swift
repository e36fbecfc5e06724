import JSONTree
import Seams

/// `GET /containers/{id}/logs`, and the opening of logs.
extension ContainerService {
  /// The log of a run that begins; nil for the driver `none`.
  func openLog(_ container: Container) throws -> ContainerLog? {
    let details = container.details
    let (driver, options) = (details.hostConfig.logType, details.hostConfig.logOptions)
    if driver == "none" { return nil }
    if let reason = LogOptions.unreachable(driver: driver, options) {
      throw EngineError(.unknown, "failed to initialize logging driver: \(reason)")
    }
    let path = logPath(details)
    if driver == "local" {
      do { try daemon.files.makeDirectory(DockerPath.parent(path), mode: 0o700) } catch {
        throw EngineError(.unknown, "error creating local logs dir: \(error.message)")
      }
    }
    return try ContainerLog(
      files: daemon.files, path: path, codec: driver == "local" ? LocalCodec() : JSONFileCodec(),
      rotation: try LogOptions.rotation(driver: driver, options), attributes: try logAttributes(details))
  }

  /// What `labels`, `env` and `tag` options add to each entry.
  private func logAttributes(_ details: ContainerDetails) throws -> [String: String] {
    let options = details.hostConfig.logOptions
    var attributes: [String: String] = [:]
    func list(_ name: String) -> [String] { (options[name] ?? "").split(separator: ",").map(String.init) }
    for name in list("labels") { attributes[name] = details.config.labels[name] }
    var environment: [String: String] = [:]
    for entry in details.config.env ?? [] {
      let name = EnvironmentList.name(entry)
      environment[String(name)] = String(entry.dropFirst(name.count + 1))
    }
    for name in list("env") { attributes[name] = environment[name] }
    for (option, values) in [("labels-regex", details.config.labels), ("env-regex", environment)] {
      guard let pattern = options[option], !pattern.isEmpty else { continue }
      guard let regex = try? Regex(pattern) else {
        throw EngineError(
          .unknown, "failed to initialize logging driver: error parsing regexp: `\(pattern)`")
      }
      for (name, value) in values where name.contains(regex) { attributes[name] = value }
    }
    if let template = options["tag"], !template.isEmpty { attributes["tag"] = tag(template, details) }
    return attributes
  }

  /// The fields that log tags use.
  private func tag(_ template: String, _ details: ContainerDetails) -> String {
    let image = details.imageID?.description ?? ""
    var text = template
    for (field, value) in [
      ("ID", String(details.id.prefix(12))), ("FullID", details.id), ("Name", details.name),
      ("ImageID", truncatedID(image)), ("ImageFullID", image), ("ImageName", details.config.image),
      ("DaemonName", "docker"),
      ("Command", ([details.path] + details.args).joined(separator: " ")),
    ] {
      text = text.replacing("{{.\(field)}}", with: value).replacing("{{ .\(field) }}", with: value)
    }
    return text
  }

  /// The log of the run that goes on, or the file of the last one; nil when there is none to be read.
  func readableLog(_ container: Container) throws -> ContainerLog? {
    if let log = container.withRunning({ $0.log }) { return log }
    let details = container.details
    guard ["json-file", "local"].contains(details.hostConfig.logType) else {
      throw EngineError(.notImplemented, "configured logging driver does not support reading")
    }
    guard daemon.files.stat(logPath(details)) != nil else { return nil }
    return try openLog(container)
  }

  func logsResponse(_ request: APIRequest) async throws -> APIResponse {
    let (stdout, stderr) = (request.flag("stdout"), request.flag("stderr"))
    guard stdout || stderr else {
      throw EngineError(.invalidArgument, "must specify at least one of 'stdout' or 'stderr'")
    }
    func moment(_ name: String) throws -> UInt64? {
      guard let text = request.query(name), !text.isEmpty, text != "0" else { return nil }
      guard let time = RFC3339Time.moment(text, now: world.unixTime) else {
        throw EngineError(
          .invalidArgument, "invalid value for \"\(name)\": strconv.ParseInt: parsing \"\(text)\": invalid syntax")
      }
      return time
    }
    let (since, until) = (try moment("since"), try moment("until"))
    let container = try registry.find(request.parameters["id"] ?? "")
    let (state, isTerminal, driver) = container.read { ($0.state, $0.config.tty, $0.hostConfig.logType) }
    if state.isRemoving || state.isDead {
      throw EngineError(.conflict, "can not get logs from container which is dead or marked for removal")
    }
    if driver == "none" {
      throw EngineError(.notImplemented, "configured logging driver does not support reading")
    }
    let channel = ByteChannel(capacity: .max)
    let format = LogFormat(
      stdout: stdout, stderr: stderr, timestamps: request.flag("timestamps"), details: request.flag("details"),
      since: since, until: until, isMultiplexed: !isTerminal)
    if let log = try readableLog(container) {
      let follows = request.flag("follow") && container.withRunning({ $0.log != nil })
      send(log, to: channel, format, tail: request.query("tail"), follows: follows)
    } else {
      channel.closeWriting()
    }
    return APIResponse(
      200, .stream(channel),
      headers: [
        NameValue(
          "Content-Type",
          isTerminal ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream")
      ])
  }

  private func send(_ log: ContainerLog, to channel: ByteChannel, _ format: LogFormat, tail: String?, follows: Bool) {
    let gate = FollowGate()
    let follower = ContainerLog.Follower(
      entry: { entry in
        gate.pass(entry) { entry in
          if format.isAfter(entry) { return channel.closeWriting() }
          guard format.accepts(entry) else { return }
          if !channel.push(format.bytes(entry)), let id = gate.id { log.stopFollowing(id) }
        }
      },
      ended: { gate.end { channel.closeWriting() } })
    let (all, id) = log.read(follows ? follower : nil)
    var entries = all.filter(format.accepts)
    if let count = tail.flatMap({ Int($0) }), count >= 0 { entries = Array(entries.suffix(count)) }
    for entry in entries { channel.push(format.bytes(entry)) }
    if id == nil { channel.closeWriting() } else { gate.open(id) }
  }
}
