import JSONTree
import OCISpec
import Seams

/// What runs in a container, wherever it runs (Engine API `Config`).
struct ContainerConfig: Sendable {
  var hostname = ""
  var domainname = ""
  var user = ""
  var attachStdin = false
  var attachStdout = false
  var attachStderr = false
  /// `80/tcp`, sorted.
  var exposedPorts: [String] = []
  var tty = false
  var openStdin = false
  var stdinOnce = false
  var env: [String]?
  var cmd: [String]?
  var healthcheck: ImageConfig.Healthcheck?
  /// As typed.
  var image = ""
  /// Paths of anonymous volumes, sorted.
  var volumes: [String] = []
  var workingDir = ""
  var entrypoint: [String]?
  var networkDisabled = false
  var onBuild: [String]?
  var labels: [String: String] = [:]
  var stopSignal = ""
  /// Seconds.
  var stopTimeout: Int?
  var shell: [String]?

  init() {}

  init(_ object: JSONObject, path: String) throws(EngineError) {
    let go = GoJSON(path: path)
    for member in object.members where !GoJSON.isZero(member.value) { try read(member.key, member.value, go) }
    // A pointer in moby: 0 seconds are not the default of 10.
    if object["StopTimeout"] == .int(0) { stopTimeout = 0 }
  }

  private mutating func read(_ key: String, _ value: JSON, _ go: GoJSON) throws(EngineError) {
    switch key {
    case "Hostname": hostname = try go.string(value, key)
    case "Domainname": domainname = try go.string(value, key)
    case "User": user = try go.string(value, key)
    case "AttachStdin": attachStdin = try go.bool(value, key)
    case "AttachStdout": attachStdout = try go.bool(value, key)
    case "AttachStderr": attachStderr = try go.bool(value, key)
    case "ExposedPorts": exposedPorts = try go.names(value, key)
    case "Tty": tty = try go.bool(value, key)
    case "OpenStdin": openStdin = try go.bool(value, key)
    case "StdinOnce": stdinOnce = try go.bool(value, key)
    case "Env": env = try go.strings(value, key)
    case "Cmd": cmd = try go.strings(value, key)
    case "Healthcheck": healthcheck = try ContainerConfig.healthcheck(value, go)
    case "Image": image = try go.string(value, key)
    case "Volumes": volumes = try go.names(value, key)
    case "WorkingDir": workingDir = try go.string(value, key)
    case "Entrypoint": entrypoint = try go.strings(value, key)
    case "NetworkDisabled": networkDisabled = try go.bool(value, key)
    case "OnBuild": onBuild = try go.strings(value, key)
    case "Labels": labels = try go.stringMap(value, key)
    case "StopSignal": stopSignal = try go.string(value, key)
    case "StopTimeout": stopTimeout = Int(try go.int(value, key, "int"))
    case "Shell": shell = try go.strings(value, key)
    default: break
    }
  }

  private static func healthcheck(_ value: JSON, _ go: GoJSON) throws(EngineError) -> ImageConfig.Healthcheck {
    let object = try go.object(value, "Healthcheck", "container.HealthConfig")
    let health = GoJSON(path: go.path + ".Healthcheck")
    var check = ImageConfig.Healthcheck()
    for member in object.members where !member.value.isNull {
      let (key, value) = (member.key, member.value)
      switch key {
      case "Test": check.test = try health.strings(value, key)
      case "Interval": check.interval = try health.int(value, key, "time.Duration")
      case "Timeout": check.timeout = try health.int(value, key, "time.Duration")
      case "StartPeriod": check.startPeriod = try health.int(value, key, "time.Duration")
      case "StartInterval": check.startInterval = try health.int(value, key, "time.Duration")
      case "Retries": check.retries = Int(try health.int(value, key, "int"))
      default: break
      }
    }
    return check
  }

  /// As `inspect` shows it.
  var json: JSON {
    var object: JSONObject = [
      "Hostname": .string(hostname), "Domainname": .string(domainname), "User": .string(user),
      "AttachStdin": .bool(attachStdin), "AttachStdout": .bool(attachStdout), "AttachStderr": .bool(attachStderr),
    ]
    func add(_ key: String, _ value: JSON) { object.members.append(.init(key, value)) }
    if !exposedPorts.isEmpty { add("ExposedPorts", .set(exposedPorts)) }
    add("Tty", .bool(tty))
    add("OpenStdin", .bool(openStdin))
    add("StdinOnce", .bool(stdinOnce))
    add("Env", .strings(env))
    add("Cmd", .strings(cmd))
    if let healthcheck { add("Healthcheck", ContainerConfig.json(healthcheck)) }
    add("Image", .string(image))
    add("Volumes", volumes.isEmpty ? .null : .set(volumes))
    add("WorkingDir", .string(workingDir))
    add("Entrypoint", .strings(entrypoint))
    if networkDisabled { add("NetworkDisabled", true) }
    if let onBuild, !onBuild.isEmpty { add("OnBuild", JSON(onBuild)) }
    add("Labels", JSON(labels))
    if !stopSignal.isEmpty { add("StopSignal", .string(stopSignal)) }
    if let stopTimeout { add("StopTimeout", JSON(stopTimeout)) }
    if let shell, !shell.isEmpty { add("Shell", JSON(shell)) }
    return .object(object)
  }

  private static func json(_ check: ImageConfig.Healthcheck) -> JSON {
    var object = JSONObject()
    if let test = check.test, !test.isEmpty { object.members.append(.init("Test", JSON(test))) }
    for (key, value) in [
      ("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.startPeriod),
      ("StartInterval", check.startInterval), ("Retries", check.retries.map(Int64.init)),
    ] {
      if let value, value != 0 { object.members.append(.init(key, .int(value))) }
    }
    return .object(object)
  }
}

extension ContainerConfig {
  /// Fills in what the image says where the request says nothing (moby's merge).
  mutating func merge(_ image: ImageConfig.Execution) {
    if user.isEmpty { user = image.user ?? "" }
    if let ports = image.exposedPorts, !ports.isEmpty {
      exposedPorts = exposedPorts.isEmpty ? ports.keys.sorted() : Set(exposedPorts).union(ports.keys).sorted()
    }
    if let defaults = image.env, !defaults.isEmpty {
      if let own = env, !own.isEmpty {
        let names = Set(own.map(EnvironmentList.name))
        env = own + defaults.filter { !names.contains(EnvironmentList.name($0)) }
      } else {
        env = defaults
      }
    }
    if let defaults = image.labels { labels.merge(defaults) { own, _ in own } }
    if entrypoint?.isEmpty ?? true {
      if cmd?.isEmpty ?? true { cmd = image.cmd }
      if entrypoint == nil { entrypoint = image.entrypoint }
    }
    if let theirs = image.healthcheck { merge(healthcheck: theirs) }
    if workingDir.isEmpty { workingDir = image.workingDir ?? "" }
    if let paths = image.volumes, !paths.isEmpty {
      volumes = volumes.isEmpty ? paths.keys.sorted() : Set(volumes).union(paths.keys).sorted()
    }
    if stopSignal.isEmpty { stopSignal = image.stopSignal ?? "" }
    if shell == nil { shell = image.shell }
  }

  private mutating func merge(healthcheck theirs: ImageConfig.Healthcheck) {
    guard var own = healthcheck else {
      healthcheck = theirs
      return
    }
    if own.test?.isEmpty ?? true { own.test = theirs.test }
    if own.interval ?? 0 == 0 { own.interval = theirs.interval }
    if own.timeout ?? 0 == 0 { own.timeout = theirs.timeout }
    if own.startPeriod ?? 0 == 0 { own.startPeriod = theirs.startPeriod }
    if own.startInterval ?? 0 == 0 { own.startInterval = theirs.startInterval }
    if own.retries ?? 0 == 0 { own.retries = theirs.retries }
    healthcheck = own
  }

  /// Entrypoint and command together: the process's argv.
  var arguments: [String] { (entrypoint ?? []) + (cmd ?? []) }
}

/// `NAME=value` lists.
enum EnvironmentList {
  /// The part before `=`.
  static func name(_ entry: String) -> Substring { entry.prefix { $0 != "=" } }

  /// `defaults` with the entries of `overrides` put in their places or appended; `NAME` alone takes one out.
  static func replaceOrAppend(_ defaults: [String], _ overrides: [String]) -> [String] {
    guard !overrides.isEmpty else { return defaults }
    var result: [String?] = defaults
    var places: [Substring: Int] = [:]
    for (index, entry) in defaults.enumerated() { places[name(entry)] = index }
    for entry in overrides {
      let key = name(entry)
      if key.endIndex == entry.endIndex {
        if let index = places[key] { result[index] = nil }
      } else if let index = places[key] {
        result[index] = entry
      } else {
        result.append(entry)
      }
    }
    return result.compactMap { $0 }
  }
}
