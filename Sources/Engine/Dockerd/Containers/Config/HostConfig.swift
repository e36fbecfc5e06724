import JSONTree
import Seams

/// How a container uses its host (Engine API `HostConfig`).
struct HostConfig: Sendable {
  var binds: [String]?
  var containerIDFile = ""
  var logType = ""
  var logOptions: [String: String] = [:]
  var networkMode = NetworkMode("")
  /// `80/tcp` → `[{HostIp, HostPort}]`.
  var portBindings = JSONObject()
  var restartPolicy = RestartPolicy()
  var autoRemove = false
  var volumeDriver = ""
  var volumesFrom: [String]?
  var consoleSize = (height: 0, width: 0)
  var annotations: [String: String] = [:]
  var capAdd: [String]?
  var capDrop: [String]?
  /// `private`, `host`, or empty.
  var cgroupnsMode = ""
  var dns: [String] = []
  var dnsOptions: [String] = []
  var dnsSearch: [String] = []
  var extraHosts: [String]?
  var groupAdd: [String]?
  var ipcMode = IPCMode("")
  var cgroup = ""
  var links: [String]?
  var oomScoreAdj: Int64 = 0
  var pidMode = PIDMode("")
  var privileged = false
  var publishAllPorts = false
  var readonlyRootfs = false
  var securityOpt: [String]?
  var storageOpt: [String: String] = [:]
  /// Destination → options.
  var tmpfs: [String: String] = [:]
  /// `host` or empty.
  var utsMode = ""
  var usernsMode = ""
  var shmSize: Int64 = 0
  var sysctls: [String: String] = [:]
  var runtime = ""
  var isolation = ""
  var resources = ContainerResources()
  var mounts: [MountSpec] = []
  /// Nil: Docker's default.
  var maskedPaths: [String]?
  var readonlyPaths: [String]?
  var usesInit: Bool?

  init() {}

  init(_ object: JSONObject, path: String) throws(EngineError) {
    let go = GoJSON(path: path)
    for member in object.members where !GoJSON.isZero(member.value) {
      let (key, value) = (member.key, member.value)
      if try !read(key, value, go), try !readSecurity(key, value, go) {
        _ = try resources.read(key, value, go)
      }
    }
    // False and empty lists are values of their own here.
    if object["Init"] == .bool(false) { usesInit = false }
    resources.readPointers(object)
  }

  private mutating func read(_ key: String, _ value: JSON, _ go: GoJSON) throws(EngineError) -> Bool {
    switch key {
    case "Binds": binds = try go.strings(value, key)
    case "ContainerIDFile": containerIDFile = try go.string(value, key)
    case "LogConfig":
      let log = try go.object(value, key, "container.LogConfig")
      logType = try go.string(log["Type"] ?? .null, "LogConfig.Type")
      logOptions = try go.stringMap(log["Config"] ?? .null, "LogConfig.Config")
    case "NetworkMode": networkMode = NetworkMode(try go.string(value, key))
    case "PortBindings": portBindings = try go.object(value, key, "network.PortMap")
    case "RestartPolicy": restartPolicy = try RestartPolicy(value, go)
    case "AutoRemove": autoRemove = try go.bool(value, key)
    case "VolumeDriver": volumeDriver = try go.string(value, key)
    case "VolumesFrom": volumesFrom = try go.strings(value, key)
    case "ConsoleSize":
      guard let size = value.array else { throw go.mismatch(value, key, "[2]uint") }
      consoleSize = (
        Int(clamping: try go.int(size.first ?? 0, key, "uint")),
        Int(clamping: try go.int(size.dropFirst().first ?? 0, key, "uint"))
      )
    case "Annotations": annotations = try go.stringMap(value, key)
    case "Dns": dns = try go.strings(value, key) ?? []
    case "DnsOptions": dnsOptions = try go.strings(value, key) ?? []
    case "DnsSearch": dnsSearch = try go.strings(value, key) ?? []
    case "ExtraHosts": extraHosts = try go.strings(value, key)
    case "Links": links = try go.strings(value, key)
    case "PublishAllPorts": publishAllPorts = try go.bool(value, key)
    case "StorageOpt": storageOpt = try go.stringMap(value, key)
    case "Tmpfs": tmpfs = try go.stringMap(value, key)
    case "ShmSize": shmSize = try go.int(value, key)
    case "Runtime": runtime = try go.string(value, key)
    case "Isolation": isolation = try go.string(value, key)
    case "Mounts":
      for mount in try go.objects(value, key, "mount.Mount") {
        mounts.append(try MountSpec(mount, GoJSON(path: go.path + ".Mounts")))
      }
    default: return false
    }
    return true
  }

  private mutating func readSecurity(_ key: String, _ value: JSON, _ go: GoJSON) throws(EngineError) -> Bool {
    switch key {
    case "CapAdd": capAdd = try go.strings(value, key)
    case "CapDrop": capDrop = try go.strings(value, key)
    case "CgroupnsMode": cgroupnsMode = try go.string(value, key)
    case "GroupAdd": groupAdd = try go.strings(value, key)
    case "IpcMode": ipcMode = IPCMode(try go.string(value, key))
    case "Cgroup": cgroup = try go.string(value, key)
    case "OomScoreAdj": oomScoreAdj = try go.int(value, key, "int")
    case "PidMode": pidMode = PIDMode(try go.string(value, key))
    case "Privileged": privileged = try go.bool(value, key)
    case "ReadonlyRootfs": readonlyRootfs = try go.bool(value, key)
    case "SecurityOpt": securityOpt = try go.strings(value, key)
    case "UTSMode": utsMode = try go.string(value, key)
    case "UsernsMode": usernsMode = try go.string(value, key)
    case "Sysctls": sysctls = try go.stringMap(value, key)
    case "MaskedPaths": maskedPaths = try go.strings(value, key)
    case "ReadonlyPaths": readonlyPaths = try go.strings(value, key)
    case "Init": usesInit = try go.bool(value, key)
    default: return false
    }
    return true
  }

  /// As `inspect` shows it.
  var json: JSON {
    var object: JSONObject = [
      "Binds": .strings(binds), "ContainerIDFile": .string(containerIDFile),
      "LogConfig": ["Type": .string(logType), "Config": JSON(logOptions)],
      "NetworkMode": .string(networkMode.raw), "PortBindings": .object(portBindings),
      "RestartPolicy": restartPolicy.json, "AutoRemove": .bool(autoRemove), "VolumeDriver": .string(volumeDriver),
      "VolumesFrom": .strings(volumesFrom), "ConsoleSize": [JSON(consoleSize.height), JSON(consoleSize.width)],
    ]
    func add(_ key: String, _ value: JSON) { object.members.append(.init(key, value)) }
    if !annotations.isEmpty { add("Annotations", JSON(annotations)) }
    add("CapAdd", .strings(capAdd))
    add("CapDrop", .strings(capDrop))
    add("CgroupnsMode", .string(cgroupnsMode))
    add("Dns", JSON(dns))
    add("DnsOptions", JSON(dnsOptions))
    add("DnsSearch", JSON(dnsSearch))
    add("ExtraHosts", .strings(extraHosts))
    add("GroupAdd", .strings(groupAdd))
    add("IpcMode", .string(ipcMode.raw))
    add("Cgroup", .string(cgroup))
    add("Links", .strings(links))
    add("OomScoreAdj", .int(oomScoreAdj))
    add("PidMode", .string(pidMode.raw))
    add("Privileged", .bool(privileged))
    add("PublishAllPorts", .bool(publishAllPorts))
    add("ReadonlyRootfs", .bool(readonlyRootfs))
    add("SecurityOpt", .strings(securityOpt))
    if !storageOpt.isEmpty { add("StorageOpt", JSON(storageOpt)) }
    if !tmpfs.isEmpty { add("Tmpfs", JSON(tmpfs)) }
    add("UTSMode", .string(utsMode))
    add("UsernsMode", .string(usernsMode))
    add("ShmSize", .int(shmSize))
    if !sysctls.isEmpty { add("Sysctls", JSON(sysctls)) }
    if !runtime.isEmpty { add("Runtime", .string(runtime)) }
    add("Isolation", .string(isolation))
    resources.addMembers(to: &object)
    if !mounts.isEmpty { add("Mounts", .array(mounts.map(\.json))) }
    add("MaskedPaths", .strings(maskedPaths))
    add("ReadonlyPaths", .strings(readonlyPaths))
    if let usesInit { add("Init", .bool(usesInit)) }
    return .object(object)
  }
}

extension RestartPolicy {
  init(_ value: JSON, _ go: GoJSON) throws(EngineError) {
    let object = try go.object(value, "RestartPolicy", "container.RestartPolicy")
    name = try go.string(object["Name"] ?? .null, "RestartPolicy.Name")
    maximumRetryCount = Int(try go.int(object["MaximumRetryCount"] ?? .null, "RestartPolicy.MaximumRetryCount", "int"))
  }

  var json: JSON { ["Name": .string(name), "MaximumRetryCount": JSON(maximumRetryCount)] }
}
