import JSONTree

/// `--ulimit nofile=1024:2048` (docker's go-units).
enum UlimitSpec {
  private static let names: Set<String> = [
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
  ]

  static func parse(_ text: String) throws(ValueError) -> (name: String, soft: Int64, hard: Int64) {
    let (name, limits) = text.cut("=")
    guard let limits else { throw ValueError("invalid ulimit argument: \(text)") }
    guard names.contains(name) else { throw ValueError("invalid ulimit type: \(name)") }
    let parts = limits.parts(":")
    guard parts.count <= 2 else {
      throw ValueError("too many limit value arguments - \(limits), can only have up to two, `soft[:hard]`")
    }
    let soft = try GoNumber.parseInt(parts[0], base: 10)
    var hard = soft
    if parts.count == 2 {
      hard = try GoNumber.parseInt(parts[1], base: 10)
      if hard != -1 {
        guard soft != -1 else {
          throw ValueError(
            "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: \(hard)")
        }
        guard soft <= hard else {
          throw ValueError("ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
        }
      }
    }
    return (name, soft, hard)
  }

  /// The Engine API's `Ulimits`, by name; the last of a name counts.
  static func json(_ texts: [String]) -> JSON {
    var all: [String: (Int64, Int64)] = [:]
    for text in texts { if let (name, soft, hard) = try? parse(text) { all[name] = (soft, hard) } }
    return .array(
      all.sorted { $0.key < $1.key }.map { name, limits in
        ["Name": .string(name), "Hard": .int(limits.1), "Soft": .int(limits.0)]
      })
  }
}

/// `--device` and `--gpus`.
enum DeviceRequests {
  /// `/dev/a[:/dev/b][:rwm]`.
  static func device(_ text: String) throws(ValueError) -> JSON {
    let parts = text.parts(":")
    guard parts.count <= 3, !parts[0].isEmpty else { throw ValueError("bad format for path: \(text)") }
    func isMode(_ text: String) -> Bool {
      !text.isEmpty && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
    }
    let host = parts[0]
    var inside = host
    var mode = "rwm"
    if parts.count == 2 { if isMode(parts[1]) { mode = parts[1] } else { inside = parts[1] } }
    if parts.count == 3 {
      inside = parts[1]
      mode = parts[2]
      guard isMode(mode) else { throw ValueError("bad mode specified: \(mode)") }
    }
    guard Path.isAbsolute(inside) else { throw ValueError("\(inside) is not an absolute path") }
    return ["PathOnHost": .string(host), "PathInContainer": .string(inside), "CgroupPermissions": .string(mode)]
  }

  /// `vendor.com/class=name` of the Container Device Interface.
  static func isCDI(_ text: String) -> Bool {
    let (kind, name) = text.cut("=")
    let (vendor, kindClass) = kind.cut("/")
    func isWord(_ text: String, _ more: String) -> Bool {
      guard let first = text.first, first.isASCII, first.isLetter || first.isNumber else { return false }
      return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || more.contains($0)) }
    }
    guard let name, let kindClass else { return false }
    return isWord(vendor, "_-.") && isWord(kindClass, "_-") && isWord(name, "_-.:")
  }

  /// `all`, a number, or `device=…,capabilities=…`.
  static func parseGPUs(_ text: String) throws(ValueError) -> JSON {
    var count: Int64 = 1
    var ids: JSON = .null
    var driver = ""
    var capabilities = ["gpu"]
    var options: [String: String] = [:]
    for field in CSV.fields(text) {
      let (key, value) = field.cut("=")
      switch (key, value) {
      case (_, nil):
        count = try gpuCount(key)
      case ("device", let value?): ids = JSON(value.parts(","))
      case ("count", let value?):
        count = try gpuCount(value)
      case ("driver", let value?): driver = value
      case ("capabilities", let value?): capabilities = value.parts(",") + ["gpu"]
      case ("options", let value?):
        for option in value.parts(",") { options[option.cut("=").0] = option.cut("=").1 ?? "" }
      default: throw ValueError("unexpected key '\(key)' in '\(field)'")
      }
    }
    return [
      "Driver": .string(driver), "Count": .int(count), "DeviceIDs": ids, "Capabilities": [JSON(capabilities)],
      "Options": JSON(options),
    ]
  }

  private static func gpuCount(_ text: String) throws(ValueError) -> Int64 {
    if text == "all" { return -1 }
    guard let count = Int64(text) else {
      throw ValueError("invalid count (\(text)): value must be either \"all\" or an integer: invalid syntax")
    }
    return count
  }
}
