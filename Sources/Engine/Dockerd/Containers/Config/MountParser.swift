import Seams

/// How `-v`, `--mount` and `--volumes-from` are read and refused (moby's volume/mounts, Linux).
enum MountParser {
  static let propagationModes: Set<String> = ["private", "rprivate", "slave", "rslave", "shared", "rshared"]
  static let defaultPropagation = "rprivate"
  private static let tmpfsOptions: Set<String> = ["exec", "noexec"]

  /// `SOURCE:DESTINATION:MODE`, `VOLUME:DESTINATION` or `DESTINATION`.
  static func parse(bind raw: String, volumeDriver: String) throws(EngineError) -> MountPoint {
    let parts = raw.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let invalid = EngineError(.invalidArgument, "invalid volume specification: '\(raw)'")
    guard !parts[0].isEmpty, parts.count <= 3 else { throw invalid }
    var spec = MountSpec()
    var mode = ""
    switch parts.count {
    case 1: spec.target = parts[0]
    case 2:
      guard !isMode(parts[1]) else { throw invalid }
      (spec.source, spec.target) = (parts[0], parts[1])
    default: (spec.source, spec.target, mode) = (parts[0], parts[1], parts[2])
    }
    guard isMode(mode) else { throw EngineError(.invalidArgument, "invalid mode: \(mode)") }
    let options = mode.split(separator: ",").map(String.init)
    spec.type = spec.source.hasPrefix("/") ? "bind" : "volume"
    spec.readOnly = options.contains("ro")
    if spec.type == "volume" {
      if !volumeDriver.isEmpty { spec.volume = .init(driver: volumeDriver) }
      if options.contains("nocopy") {
        var volume = spec.volume ?? .init()
        volume.noCopy = true
        spec.volume = volume
      }
    }
    if let propagation = options.first(where: propagationModes.contains) {
      spec.bind = .init(propagation: propagation)
    }
    do {
      var mount = try mountPoint(of: spec, checkingSource: nil)
      mount.mode = mode
      return mount
    } catch {
      throw EngineError(.invalidArgument, "\(invalid.message): \(error.message)")
    }
  }

  /// A `Mount` of the request, checked; `files` says whether a bind's source is there.
  static func mountPoint(of spec: MountSpec, checkingSource files: (any HostFiles)?) throws(EngineError) -> MountPoint {
    if let refusal = refusal(of: spec, files) {
      throw EngineError(.invalidArgument, "invalid mount config for type \"\(spec.type)\": \(refusal)")
    }
    var mount = MountPoint()
    mount.type = spec.type
    mount.spec = spec
    mount.destination = DockerPath.clean(spec.target)
    mount.isWritable = !spec.readOnly
    switch spec.type {
    case "volume":
      mount.name = spec.source
      mount.driver = spec.volume?.driver ?? ""
      mount.copiesUp = !(spec.volume?.noCopy ?? false)
    case "bind":
      mount.source = DockerPath.clean(spec.source)
      mount.propagation = spec.bind.map(\.propagation).flatMap { $0.isEmpty ? nil : $0 } ?? defaultPropagation
    case "image":
      mount.source = spec.source
      mount.propagation = defaultPropagation
    default: break
    }
    return mount
  }

  /// Why a `Mount` cannot be; nil when it can.
  private static func refusal(of spec: MountSpec, _ files: (any HostFiles)?) -> String? {
    func extra(_ name: String) -> String { "field \(name) must not be specified" }
    if spec.type != "bind", spec.bind != nil, files != nil { return extra("BindOptions") }
    if spec.type != "volume", spec.volume != nil { return extra("VolumeOptions") }
    if spec.type != "image", spec.imageSubpath != nil { return extra("ImageOptions") }
    if spec.type != "tmpfs", spec.tmpfs != nil { return extra("TmpfsOptions") }
    if spec.type != "cluster", spec.hasClusterOptions { return extra("ClusterOptions") }
    if spec.target.isEmpty { return "field Target must not be empty" }
    if let refusal = refusal(ofDestination: spec.target) { return refusal }
    switch spec.type {
    case "bind":
      if spec.source.isEmpty { return "field Source must not be empty" }
      if let propagation = spec.bind?.propagation, !propagation.isEmpty, !propagationModes.contains(propagation) {
        return "invalid propagation mode: \(propagation)"
      }
      if !spec.source.hasPrefix("/") {
        return "invalid mount path: '\(spec.source)' mount path must be absolute"
      }
      if let files, !(spec.bind?.createMountpoint ?? false), files.stat(spec.source) == nil {
        return "bind source path does not exist: \(spec.source)"
      }
    case "volume":
      guard let subpath = spec.volume?.subpath, !subpath.isEmpty else { break }
      if spec.source.isEmpty { return "must not set Subpath when using anonymous volumes" }
      if !isLocal(subpath) { return "subpath must be a relative path within the volume" }
    case "tmpfs":
      if !spec.source.isEmpty { return extra("Source") }
      for option in spec.tmpfs?.options ?? [] {
        guard let name = option.first, option.count <= 2 else { return "invalid option array length" }
        if !tmpfsOptions.contains(name) { return "invalid option: " + name }
      }
    case "image":
      if spec.source.isEmpty { return "field Source must not be empty" }
      if let subpath = spec.imageSubpath, !subpath.isEmpty, !isLocal(subpath) {
        return "subpath must be a relative path within the volume"
      }
    default: return "mount type unknown"
    }
    return nil
  }

  /// Why a path cannot be mounted on.
  static func refusal(ofDestination path: String) -> String? {
    if DockerPath.clean(path) == "/" { return "invalid specification: destination can't be '/'" }
    if !path.hasPrefix("/") { return "invalid mount path: '\(path)' mount path must be absolute" }
    return nil
  }

  /// `CONTAINER[:MODE]`.
  static func parse(volumesFrom raw: String) throws(EngineError) -> (container: String, isWritable: Bool) {
    guard !raw.isEmpty else {
      throw EngineError(.invalidArgument, "volumes-from specification cannot be an empty string")
    }
    let parts = raw.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[1].isEmpty else { return (parts[0], true) }
    let options = parts[1].split(separator: ",").map(String.init)
    guard isMode(parts[1]), !options.contains(where: { propagationModes.contains($0) || $0 == "nocopy" }) else {
      throw EngineError(.invalidArgument, "invalid mode: \(parts[1])")
    }
    return (parts[0], !options.contains("ro"))
  }

  /// The options of a tmpfs mount of the request, as `--tmpfs` has them.
  static func options(of tmpfs: MountSpec.TmpfsOptions?, readOnly: Bool) -> String {
    var options = readOnly ? ["ro"] : []
    if let mode = tmpfs?.mode, mode != 0 { options.append("mode=" + String(mode, radix: 8)) }
    if let size = tmpfs?.sizeBytes, size != 0 {
      let units: [(String, Int64)] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)]
      let unit = units.first { size % $0.1 == 0 } ?? ("", 1)
      options.append("size=\(size / unit.1)\(unit.0)")
    }
    options += (tmpfs?.options ?? []).map { $0.joined(separator: "=") }
    return options.joined(separator: ",")
  }

  /// Whether a text is a comma list of at most one option of each kind: rw, label, propagation, copy, consistency.
  private static func isMode(_ mode: String) -> Bool {
    if mode.isEmpty { return true }
    var counts = [0, 0, 0, 0, 0]
    for option in mode.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      switch option {
      case "rw", "ro": counts[0] += 1
      case "z", "Z": counts[1] += 1
      case _ where propagationModes.contains(option): counts[2] += 1
      case "nocopy": counts[3] += 1
      case "consistent", "cached", "delegated", "default": counts[4] += 1
      default: return false
      }
    }
    return counts.allSatisfy { $0 <= 1 }
  }

  /// Whether a path stays below where it starts.
  private static func isLocal(_ path: String) -> Bool {
    !path.hasPrefix("/") && !DockerPath.clean(path).split(separator: "/").contains("..")
  }
}

/// Path arithmetic as Go's `path` has it.
enum DockerPath {
  /// The shortest path of the same meaning: no `.`, no `//`, `..` resolved where it can be.
  static func clean(_ path: String) -> String {
    guard !path.isEmpty else { return "." }
    if isClean(path) { return path }
    let isAbsolute = path.hasPrefix("/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." {
        if let last = parts.last, last != ".." {
          parts.removeLast()
        } else if !isAbsolute {
          parts.append(part)
        }
      } else {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return isAbsolute ? "/" + joined : joined.isEmpty ? "." : joined
  }

  /// Absolute, and nothing in it that could be cleaned: so nearly every path is, and bytes are quicker to look at than
  /// characters.
  private static func isClean(_ path: String) -> Bool {
    let bytes = path.utf8.span
    guard bytes[0] == UInt8(ascii: "/") else { return false }
    var previous = UInt8(ascii: "/")
    for index in 1..<max(1, bytes.count) {
      let byte = bytes[index]
      if previous == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
      previous = byte
    }
    return bytes.count == 1 || previous != UInt8(ascii: "/")
  }

  /// `/a/b` of `/a/b/c`; `/` of `/a`.
  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The last component.
  static func base(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? "/"
  }
}
