import JSONTree
import OCISpec
import Seams

/// What the flags of `run` and `create` say about a container, as the Engine API's body of
/// `POST /containers/create`: the same members in the same order as the genuine client's.
struct ContainerSettings: Sendable {
  let flags: Flags
  let image: String
  let command: [String]
  let environment: any ClientEnvironment

  /// For `run -d`: nothing is attached.
  var isDetached = false

  // MARK: What is attached

  struct Attached: Sendable, Hashable {
    var input: Bool
    var output: Bool
    var error: Bool
    var any: Bool { input || output || error }
  }

  var attached: Attached {
    if isDetached { return Attached(input: false, output: false, error: false) }
    let named = Set(flags.values("attach").map { $0.lowercased() })
    let isInteractive = flags.bool("interactive")
    if named.isEmpty { return Attached(input: isInteractive, output: true, error: true) }
    return Attached(
      input: named.contains("stdin") || isInteractive, output: named.contains("stdout"), error: named.contains("stderr")
    )
  }

  // MARK: The body

  /// Errors are docker's words for what cannot be.
  func body() throws -> JSON {
    let mac = flags.string("mac-address").trimmed
    if !mac.isEmpty, !ContainerSettings.isMAC(mac) { throw ValueError("\(mac) is not a valid mac address") }
    let swappiness = flags.int("memory-swappiness")
    guard swappiness == -1 || (0...100).contains(swappiness) else {
      throw ValueError("invalid value: \(swappiness). Valid memory swappiness range is 0-100")
    }
    let (binds, volumes) = try storage()
    let ports = try ports()
    let devices = try devices()
    let env = try Variables.resolve(files: flags.values("env-file"), values: flags.values("env"), environment)
    let labels = try Variables.labels(files: flags.values("label-file"), values: flags.values("label"), environment)
    try checkNamespaces()
    let restart = try ContainerSettings.restartPolicy(flags.string("restart"))
    let logging = try logging()
    let security = try security()
    let storageOptions = try storageOptions()
    let health = try health()
    let networks = try networks()
    if flags.bool("rm"), !["no", ""].contains(restart.name) {
      throw ValueError("conflicting options: cannot specify both --restart and --rm")
    }

    let attached = attached
    let isInteractive = flags.bool("interactive")
    var config = JSONObject()
    config.members.reserveCapacity(28)
    func add(_ key: String, _ value: JSON) { config.members.append(.init(key, value)) }
    add("Hostname", .string(flags.string("hostname")))
    add("Domainname", .string(flags.string("domainname")))
    add("User", .string(flags.string("user")))
    add("AttachStdin", .bool(attached.input))
    add("AttachStdout", .bool(attached.output))
    add("AttachStderr", .bool(attached.error))
    if !ports.exposed.isEmpty { add("ExposedPorts", ContainerSettings.set(ports.exposed)) }
    add("Tty", .bool(flags.bool("tty")))
    add("OpenStdin", .bool(isInteractive))
    add("StdinOnce", .bool(isInteractive && attached.input))
    add("Env", env.isEmpty ? .null : JSON(env))
    add("Cmd", command.isEmpty ? .null : JSON(command))
    if let health { add("Healthcheck", health) }
    add("Image", .string(image))
    add("Volumes", ContainerSettings.set(volumes))
    add("WorkingDir", .string(flags.string("workdir")))
    add("Entrypoint", flags.isSet("entrypoint") ? JSON([flags.string("entrypoint")]) : .null)
    add("OnBuild", .null)
    add("Labels", JSON(labels))
    if !flags.string("stop-signal").isEmpty { add("StopSignal", .string(flags.string("stop-signal"))) }
    if flags.isSet("stop-timeout") { add("StopTimeout", .int(flags.int("stop-timeout"))) }
    add(
      "HostConfig",
      hostConfig(
        binds: binds, bindings: ports.bindings, devices: devices, restart: restart, logging: logging,
        security: security, storageOptions: storageOptions, networkMode: networks.mode))
    add("NetworkingConfig", ["EndpointsConfig": networks.endpoints])
    return .object(config)
  }

  static func set(_ names: [String]) -> JSON {
    .object(JSONObject(Set(names).sorted().map { .init($0, [:]) }))
  }

  static func isMAC(_ text: String) -> Bool {
    let separator: Character = text.contains("-") ? "-" : ":"
    let groups = text.parts(separator)
    return [6, 8, 20].contains(groups.count)
      && groups.allSatisfy { $0.count == 2 && $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
  }

  // MARK: Parts

  /// Binds as they go to the daemon, and the paths of anonymous volumes.
  private func storage() throws -> (binds: [String], volumes: [String]) {
    var binds: [String] = []
    var volumes: [String] = []
    for text in flags.values("volume") {
      guard try VolumeSpec.hasSource(text) else {
        volumes.append(text)
        continue
      }
      let (source, rest) = text.cut(":")
      guard source.hasPrefix("."), !Path.isAbsolute(source) else {
        binds.append(text)
        continue
      }
      binds.append(environment.absolute(source) + ":" + (rest ?? ""))
    }
    return (binds, volumes)
  }

  private func ports() throws -> (exposed: [String], bindings: JSON) {
    var exposed: [String] = []
    var bindings: [String: [JSON]] = [:]
    for text in flags.values("publish") {
      for binding in try PortSpec.publish(text) {
        exposed.append(binding.port)
        bindings[binding.port, default: []].append(
          ["HostIp": .string(binding.hostIP), "HostPort": .string(binding.hostPort)])
      }
    }
    for text in flags.values("expose") { exposed += try PortSpec.expose(text) }
    let sorted = bindings.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, .array($0.value)) }
    return (exposed, .object(JSONObject(sorted)))
  }

  private func devices() throws -> (devices: [JSON], requests: [JSON]) {
    var devices: [JSON] = []
    var names: [String] = []
    for text in flags.values("device") {
      if DeviceRequests.isCDI(text) { names.append(text) } else { devices.append(try DeviceRequests.device(text)) }
    }
    var requests = try flags.values("gpus").map { try DeviceRequests.parseGPUs($0) }
    if !names.isEmpty {
      requests.append([
        "Driver": "cdi", "Count": 0, "DeviceIDs": JSON(names), "Capabilities": .null, "Options": .null,
      ])
    }
    return (devices, requests)
  }

  private func checkNamespaces() throws {
    func check(_ flag: String, _ allowed: Set<String>, _ words: String, takesContainer: Bool = false) throws {
      let mode = flags.string(flag)
      if mode.isEmpty || allowed.contains(mode) { return }
      if takesContainer, mode.hasPrefix("container:"), mode.count > 10 { return }
      throw ValueError("--\(flag): invalid \(words) mode")
    }
    try check("pid", ["host"], "PID", takesContainer: true)
    try check("uts", ["host"], "UTS")
    try check("userns", ["host"], "USER")
    try check("cgroupns", ["host", "private"], "CGROUP")
  }

  static func restartPolicy(_ text: String) throws(ValueError) -> (name: String, retries: Int64) {
    let (name, count) = text.cut(":")
    if text.isEmpty { return ("", 0) }
    guard !name.isEmpty else { throw ValueError("invalid restart policy format: no policy provided before colon") }
    guard let count, !count.isEmpty else { return (name, 0) }
    guard let retries = Int64(count) else {
      throw ValueError("invalid restart policy format: maximum retry count must be an integer")
    }
    return (name, retries)
  }

  private func logging() throws -> JSON {
    let driver = flags.string("log-driver")
    let options = flags.map("log-opt")
    if driver == "none", !options.isEmpty { throw ValueError("invalid logging opts for driver \(driver)") }
    return ["Type": .string(driver), "Config": JSON(options)]
  }

  struct Security {
    var options: JSON = .null
    var paths: JSON = .null
  }

  private func security() throws -> Security {
    let given = flags.values("security-opt")
    if given.isEmpty { return Security() }
    var options: [String] = []
    var unconfined = false
    for text in given {
      var (key, value) = text.cut("=")
      if value == nil, key != "no-new-privileges" {
        guard text.contains(":") else { throw ValueError("Invalid --security-opt: \(GoQuote.string(text))") }
        (key, value) = text.cut(":")
      }
      if key == "systempaths", value == "unconfined" {
        unconfined = true
        continue
      }
      if key == "seccomp", let value, value != "unconfined", value != "builtin" {
        options.append("seccomp=" + (try seccompProfile(value)))
      } else {
        options.append(text)
      }
    }
    return Security(options: JSON(options), paths: unconfined ? [] : .null)
  }

  private func seccompProfile(_ path: String) throws -> String {
    let bytes: [UInt8]
    do {
      bytes = try environment.files.read(path)
    } catch {
      throw ValueError("opening seccomp profile (\(path)) failed: \(error.words)")
    }
    do {
      return try JSON(parsing: bytes).text
    } catch {
      // Go's words for the two ways in which a file is no JSON at all.
      let next = bytes.first { $0 > 0x20 }.map { Character(Unicode.Scalar($0)) }
      let words =
        next.map {
          "{[\"-0123456789tfn".contains($0) ? error.message : "invalid character '\($0)' looking for beginning of value"
        }
        ?? "unexpected end of JSON input"
      throw ValueError("compacting json for seccomp profile (\(path)) failed: \(words)")
    }
  }

  private func storageOptions() throws -> [String: String] {
    for text in flags.values("storage-opt") where !text.contains("=") { throw ValueError("invalid storage option") }
    return flags.map("storage-opt")
  }

  private func health() throws -> JSON? {
    let test = flags.string("health-cmd")
    let spans = [
      ("Interval", "health-interval"), ("Timeout", "health-timeout"), ("StartPeriod", "health-start-period"),
      ("StartInterval", "health-start-interval"),
    ]
    let retries = flags.int("health-retries")
    let hasSettings = !test.isEmpty || retries != 0 || spans.contains { flags.duration($0.1) != 0 }
    if flags.bool("no-healthcheck") {
      if hasSettings { throw ValueError("--no-healthcheck conflicts with --health-* options") }
      return ["Test": ["NONE"]]
    }
    guard hasSettings else { return nil }
    for (_, flag) in spans where flags.duration(flag) < 0 { throw ValueError("--\(flag) cannot be negative") }
    if retries < 0 { throw ValueError("--health-retries cannot be negative") }
    var health: JSONObject = [:]
    if !test.isEmpty { health["Test"] = ["CMD-SHELL", .string(test)] }
    for (key, flag) in spans where flags.duration(flag) > 0 { health[key] = .int(flags.duration(flag)) }
    if retries > 0 { health["Retries"] = .int(retries) }
    return .object(health)
  }
}

extension ClientEnvironment {
  /// A path as the daemon must hear it: from the root.
  func absolute(_ path: String) -> String {
    if Path.isAbsolute(path) { return Path.clean(path) }
    return Path.join(variable("PWD") ?? "/", path)
  }
}

/// `-v [SOURCE:]TARGET[:OPTIONS]` (compose's volume format, which docker reads it by).
enum VolumeSpec {
  /// False for an anonymous volume.
  static func hasSource(_ text: String) throws(ValueError) -> Bool {
    if text.isEmpty { throw ValueError("invalid empty volume spec") }
    if text.count <= 2 { return false }
    // A single letter before a colon is a drive of Windows, also on Linux.
    var fields: [String] = []
    var field = ""
    for character in text + ":" {
      let isDrive = character == ":" && field.count == 1 && field.allSatisfy { $0.isASCII && $0.isLetter }
      guard character == ":", !isDrive else {
        field.append(character)
        continue
      }
      if field.isEmpty { throw ValueError("invalid spec: \(text): empty section between colons") }
      fields.append(field)
      field = ""
    }
    if !field.isEmpty { fields.append(String(field.dropLast())) }
    if fields.count > 3 { throw ValueError("invalid spec: \(text): too many colons") }
    return fields.count > 1
  }
}
