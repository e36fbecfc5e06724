import JSONTree

/// `--mount type=bind,source=/a,target=/b,readonly` (docker's opts.MountOpt), as the Engine API's Mount.
enum MountSpec {
  /// - Parameter absolute: makes a relative source absolute.
  static func parse(_ text: String, absolute: (String) -> String) throws(ValueError) -> JSON {
    guard !text.isEmpty else { throw ValueError("EOF") }
    var mount = Parts()
    for field in CSV.fields(text) {
      let (rawKey, value) = field.cut("=")
      let key = rawKey.lowercased()
      guard let value else {
        switch key {
        case "readonly", "ro": mount.isReadOnly = true
        case "volume-nocopy": mount.volume["NoCopy"] = true
        case "bind-nonrecursive": mount.bind["NonRecursive"] = true
        default: throw ValueError("invalid field '\(field)' must be a key=value pair")
        }
        continue
      }
      try mount.set(key, value, field: field, absolute: absolute)
    }
    return try mount.finish()
  }

  private struct Parts {
    var type = "volume"
    var source = ""
    var target = ""
    var consistency = ""
    var isReadOnly = false
    var bind: [String: JSON] = [:]
    var volume: [String: JSON] = [:]
    var labels: [String: String] = [:]
    var driver = ""
    var options: [String: String] = [:]
    var tmpfs: [String: JSON] = [:]
    var image: [String: JSON] = [:]
    /// Kinds whose options were given.
    private var given: Set<String> = []

    mutating func set(
      _ key: String, _ value: String, field: String, absolute: (String) -> String
    ) throws(ValueError) {
      let invalid = ValueError("invalid value for \(key): \(value)")
      if let dash = key.firstIndex(of: "-"),
        !(key == "bind-recursive"
          && !["disabled", "writable", "readonly", "false", "f", "0"].contains(value.lowercased()))
      {
        given.insert(String(key[..<dash]))
      }
      switch key {
      case "type": type = value.lowercased()
      case "source", "src":
        source = value == "." || value.hasPrefix("./") || value.hasPrefix("../") ? absolute(value) : value
      case "target", "dst", "destination": target = value
      case "readonly", "ro":
        guard let flag = try? GoNumber.parseBool(value) else { throw invalid }
        isReadOnly = flag
      case "consistency": consistency = value.lowercased()
      case "bind-propagation": bind["Propagation"] = .string(value.lowercased())
      case "bind-nonrecursive":
        guard let flag = try? GoNumber.parseBool(value) else { throw invalid }
        if flag { bind["NonRecursive"] = true }
      case "bind-recursive":
        var mode = value
        if let flag = try? GoNumber.parseBool(value) { mode = flag ? "enabled" : "disabled" }
        switch mode {
        case "enabled": break
        case "disabled": bind["NonRecursive"] = true
        case "writable": bind["ReadOnlyNonRecursive"] = true
        case "readonly": bind["ReadOnlyForceRecursive"] = true
        default:
          throw ValueError(
            invalid.description + " (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")")
        }
      case "volume-subpath": volume["Subpath"] = .string(value)
      case "volume-nocopy":
        guard let flag = try? GoNumber.parseBool(value) else {
          throw ValueError("invalid value for volume-nocopy: \(value)")
        }
        if flag { volume["NoCopy"] = true }
      case "volume-label":
        let (name, text) = value.cut("=")
        labels[name] = text ?? ""
      case "volume-driver":
        driver = value
      case "volume-opt":
        let (name, text) = value.cut("=")
        options[name] = text ?? ""
      case "image-subpath": image["Subpath"] = .string(value)
      case "tmpfs-size":
        guard let size = try? Sizes.ramInBytes(value) else { throw invalid }
        tmpfs["SizeBytes"] = .int(size)
      case "tmpfs-mode":
        guard let mode = try? GoNumber.parseUInt(value, bits: 32, base: 8) else { throw invalid }
        tmpfs["Mode"] = JSON(mode)
      default: throw ValueError("unexpected key '\(key)' in '\(field)'")
      }
    }

    func finish() throws(ValueError) -> JSON {
      guard !type.isEmpty else { throw ValueError("type is required") }
      guard !target.isEmpty else { throw ValueError("target is required") }
      var given = given
      if !volume.isEmpty { given.insert("volume") }
      if !bind.isEmpty { given.insert("bind") }
      for kind in ["volume", "bind", "image", "tmpfs"] where given.contains(kind) {
        guard type == kind else { throw ValueError("cannot mix '\(kind)-*' options with mount type '\(type)'") }
      }
      if bind["ReadOnlyNonRecursive"] != nil, !isReadOnly {
        throw ValueError("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction")
      }
      if bind["ReadOnlyForceRecursive"] != nil {
        guard isReadOnly else {
          throw ValueError("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
        }
        guard bind["Propagation"] == "rprivate" else {
          throw ValueError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
        }
      }
      var mount: JSONObject = ["Type": .string(type)]
      if !source.isEmpty { mount["Source"] = .string(source) }
      mount["Target"] = .string(target)
      if isReadOnly { mount["ReadOnly"] = true }
      if !consistency.isEmpty { mount["Consistency"] = .string(consistency) }
      func object(_ values: [String: JSON], _ keys: [String]) -> JSONObject {
        JSONObject(keys.compactMap { key in values[key].map { .init(key, $0) } })
      }
      if given.contains("bind") {
        let keys = ["Propagation", "NonRecursive", "ReadOnlyNonRecursive", "ReadOnlyForceRecursive"]
        mount["BindOptions"] = .object(object(bind, keys))
      }
      if given.contains("volume") {
        var out = object(volume, ["NoCopy"])
        if !labels.isEmpty { out["Labels"] = JSON(labels) }
        if let path = volume["Subpath"] { out["Subpath"] = path }
        var config: JSONObject = [:]
        if !driver.isEmpty { config["Name"] = .string(driver) }
        if !options.isEmpty { config["Options"] = JSON(options) }
        out["DriverConfig"] = .object(config)
        mount["VolumeOptions"] = .object(out)
      }
      if given.contains("image") { mount["ImageOptions"] = .object(object(image, ["Subpath"])) }
      if given.contains("tmpfs") { mount["TmpfsOptions"] = .object(object(tmpfs, ["SizeBytes", "Mode"])) }
      return .object(mount)
    }
  }
}
