import JSONTree
import Seams

/// A mount asked for with `--mount` (Engine API `Mount`).
struct MountSpec: Sendable, Hashable {
  /// `bind`, `volume`, `tmpfs`, `image`, `cluster`, `npipe`.
  var type = ""
  var source = ""
  var target = ""
  var readOnly = false
  var consistency = ""
  var bind: BindOptions?
  var volume: VolumeOptions?
  var tmpfs: TmpfsOptions?
  /// Subpath of an image mount; nil without ImageOptions.
  var imageSubpath: String?
  var hasClusterOptions = false

  struct BindOptions: Sendable, Hashable {
    var propagation = ""
    var nonRecursive = false
    var createMountpoint = false
    var readOnlyNonRecursive = false
    var readOnlyForceRecursive = false
  }

  struct VolumeOptions: Sendable, Hashable {
    var noCopy = false
    var labels: [String: String] = [:]
    var subpath = ""
    var driver = ""
    var driverOptions: [String: String] = [:]
  }

  struct TmpfsOptions: Sendable, Hashable {
    var sizeBytes: Int64 = 0
    var mode: Int64 = 0
    var options: [[String]] = []
  }

  init() {}

  init(_ object: JSONObject, _ go: GoJSON) throws(EngineError) {
    for member in object.members where !member.value.isNull {
      let (key, value) = (member.key, member.value)
      switch key {
      case "Type": type = try go.string(value, key, "mount.Type")
      case "Source": source = try go.string(value, key)
      case "Target": target = try go.string(value, key)
      case "ReadOnly": readOnly = try go.bool(value, key)
      case "Consistency": consistency = try go.string(value, key)
      case "BindOptions": bind = try BindOptions(go.object(value, key, "mount.BindOptions"), go)
      case "VolumeOptions": volume = try VolumeOptions(go.object(value, key, "mount.VolumeOptions"), go)
      case "TmpfsOptions": tmpfs = try TmpfsOptions(go.object(value, key, "mount.TmpfsOptions"), go)
      case "ImageOptions":
        imageSubpath = try go.string(
          go.object(value, key, "mount.ImageOptions")["Subpath"] ?? .null, "ImageOptions.Subpath")
      case "ClusterOptions": hasClusterOptions = true
      default: break
      }
    }
  }

  var json: JSON {
    var object: JSONObject = ["Type": .string(type)]
    func add(_ key: String, _ value: JSON) { object.members.append(.init(key, value)) }
    if !source.isEmpty { add("Source", .string(source)) }
    if !target.isEmpty { add("Target", .string(target)) }
    if readOnly { add("ReadOnly", true) }
    if !consistency.isEmpty { add("Consistency", .string(consistency)) }
    if let bind { add("BindOptions", bind.json) }
    if let volume { add("VolumeOptions", volume.json) }
    if let imageSubpath { add("ImageOptions", imageSubpath.isEmpty ? [:] : ["Subpath": .string(imageSubpath)]) }
    if let tmpfs { add("TmpfsOptions", tmpfs.json) }
    return .object(object)
  }
}

extension MountSpec.BindOptions {
  init(_ object: JSONObject, _ go: GoJSON) throws(EngineError) {
    propagation = try go.string(object["Propagation"] ?? .null, "BindOptions.Propagation")
    nonRecursive = try go.bool(object["NonRecursive"] ?? .null, "BindOptions.NonRecursive")
    createMountpoint = try go.bool(object["CreateMountpoint"] ?? .null, "BindOptions.CreateMountpoint")
    readOnlyNonRecursive = try go.bool(object["ReadOnlyNonRecursive"] ?? .null, "BindOptions.ReadOnlyNonRecursive")
    readOnlyForceRecursive = try go.bool(
      object["ReadOnlyForceRecursive"] ?? .null, "BindOptions.ReadOnlyForceRecursive")
  }

  var json: JSON {
    var object = JSONObject()
    if !propagation.isEmpty { object["Propagation"] = .string(propagation) }
    if nonRecursive { object["NonRecursive"] = true }
    if createMountpoint { object["CreateMountpoint"] = true }
    if readOnlyNonRecursive { object["ReadOnlyNonRecursive"] = true }
    if readOnlyForceRecursive { object["ReadOnlyForceRecursive"] = true }
    return .object(object)
  }
}

extension MountSpec.VolumeOptions {
  init(_ object: JSONObject, _ go: GoJSON) throws(EngineError) {
    noCopy = try go.bool(object["NoCopy"] ?? .null, "VolumeOptions.NoCopy")
    labels = try go.stringMap(object["Labels"] ?? .null, "VolumeOptions.Labels")
    subpath = try go.string(object["Subpath"] ?? .null, "VolumeOptions.Subpath")
    let config = try go.object(object["DriverConfig"] ?? .null, "VolumeOptions.DriverConfig", "mount.Driver")
    driver = try go.string(config["Name"] ?? .null, "VolumeOptions.DriverConfig.Name")
    driverOptions = try go.stringMap(config["Options"] ?? .null, "VolumeOptions.DriverConfig.Options")
  }

  var json: JSON {
    var object = JSONObject()
    if noCopy { object["NoCopy"] = true }
    if !labels.isEmpty { object["Labels"] = JSON(labels) }
    if !subpath.isEmpty { object["Subpath"] = .string(subpath) }
    if !driver.isEmpty || !driverOptions.isEmpty {
      var config = JSONObject()
      if !driver.isEmpty { config["Name"] = .string(driver) }
      if !driverOptions.isEmpty { config["Options"] = JSON(driverOptions) }
      object["DriverConfig"] = .object(config)
    }
    return .object(object)
  }
}

extension MountSpec.TmpfsOptions {
  init(_ object: JSONObject, _ go: GoJSON) throws(EngineError) {
    sizeBytes = try go.int(object["SizeBytes"] ?? .null, "TmpfsOptions.SizeBytes")
    mode = try go.int(object["Mode"] ?? .null, "TmpfsOptions.Mode", "fs.FileMode")
    for option in object["Options"]?.array ?? [] {
      options.append(try go.strings(option, "TmpfsOptions.Options") ?? [])
    }
  }

  var json: JSON {
    var object = JSONObject()
    if sizeBytes != 0 { object["SizeBytes"] = .int(sizeBytes) }
    if mode != 0 { object["Mode"] = .int(mode) }
    if !options.isEmpty { object["Options"] = .array(options.map { JSON($0) }) }
    return .object(object)
  }
}

/// Where something of the host is seen in a container.
struct MountPoint: Sendable, Hashable {
  /// `bind`, `volume`, `tmpfs`, `image`.
  var type = ""
  /// Of the volume, or the image.
  var name = ""
  /// On the host.
  var source = ""
  /// In the container, cleaned.
  var destination = ""
  var driver = ""
  /// As typed after the second colon: `ro,z`.
  var mode = ""
  var isWritable = true
  var propagation = ""
  var spec = MountSpec()
  /// The image's content at the destination goes into the volume when that is empty.
  var copiesUp = false
  /// Goes with the container (`rm -v`, `--rm`).
  var isAnonymous = false
  /// A missing source is not created (`--mount type=bind`).
  var skipsCreation = false

  /// As `inspect` shows it.
  var json: JSON {
    var object: JSONObject = ["Type": .string(type)]
    if !name.isEmpty { object["Name"] = .string(name) }
    object["Source"] = .string(source)
    object["Destination"] = .string(destination)
    if !driver.isEmpty { object["Driver"] = .string(driver) }
    object["Mode"] = .string(mode)
    object["RW"] = .bool(isWritable)
    object["Propagation"] = .string(propagation)
    return .object(object)
  }

  /// As the state store keeps it.
  var stored: JSON {
    var json = json
    json["spec"] = spec.json
    json["copiesUp"] = .bool(copiesUp)
    json["isAnonymous"] = .bool(isAnonymous)
    json["skipsCreation"] = .bool(skipsCreation)
    return json
  }

  init() {}

  /// Reads what `stored` wrote.
  init?(stored json: JSON) {
    guard let destination = json["Destination"]?.string else { return nil }
    self.destination = destination
    type = json["Type"]?.string ?? ""
    name = json["Name"]?.string ?? ""
    source = json["Source"]?.string ?? ""
    driver = json["Driver"]?.string ?? ""
    mode = json["Mode"]?.string ?? ""
    isWritable = json["RW"]?.bool ?? true
    propagation = json["Propagation"]?.string ?? ""
    copiesUp = json["copiesUp"]?.bool ?? false
    isAnonymous = json["isAnonymous"]?.bool ?? false
    skipsCreation = json["skipsCreation"]?.bool ?? false
    if let spec = json["spec"]?.object { self.spec = (try? MountSpec(spec, GoJSON(path: "Mounts"))) ?? MountSpec() }
  }
}
