import JSONTree
import OCISpec
import Runtime

/// What `state.json` says of a container: everything that a later verb must know without reading its configuration.
///
/// The names are libcontainer's where it has some, so that what reads runc's notes can read ours. The configuration
/// itself lies beside it, as it was when the container was created (`StateDirectory.config`).
struct ContainerRecord: Sendable, Hashable {
  /// How far `create` came. What the process does meanwhile is asked of the kernel, not of the notes.
  enum Progress: String, Sendable, Hashable { case creating, created }

  var id: String
  var ociVersion: String
  /// Absolute.
  var bundle: String
  /// Absolute.
  var rootfs: String
  var progress: Progress
  /// The container's first process; `none` before it was made.
  var initProcess = ProcessIdentity.none
  /// The runtime that creates it: while it lives, a container that is not finished is `creating`.
  var creator: ProcessIdentity
  /// Nanoseconds since 1970.
  var created: UInt64
  /// Who created it: effective uid.
  var owner: UInt32
  var rootless: Bool
  var cgroups: CgroupPaths
  /// The kinds of namespaces that it does not share with the runtime, in config.json's order.
  var namespaces: [NamespaceKind]
  /// A PID namespace of its own: killing the first process kills all.
  var hasOwnPIDs: Bool
  var annotations: [String: String]

  /// Before anything of it exists.
  init(
    id: String, bundle: String, rootfs: String, config: RuntimeSpec.Config, cgroups: CgroupPaths,
    creator: ProcessIdentity, created: UInt64, owner: UInt32, rootless: Bool
  ) {
    (self.id, self.bundle, self.rootfs, ociVersion) = (id, bundle, rootfs, config.ociVersion)
    (progress, self.creator, self.created, self.owner) = (.creating, creator, created, owner)
    (self.rootless, self.cgroups, annotations) = (rootless, cgroups, config.annotations)
    namespaces = config.linux?.namespaces.map(\.type) ?? []
    hasOwnPIDs = config.linux?.isNew(.pid) ?? false
  }

  /// The container as plans of the later verbs need it. `config`: `StateDirectory.config`.
  func facts(_ config: RuntimeSpec.Config, in directory: StateDirectory) -> ContainerFacts {
    ContainerFacts(
      id: id, bundle: bundle, rootfs: rootfs, stateDirectory: directory.path, pid: initProcess.pid, cgroups: cgroups,
      config: config, rootless: rootless)
  }

  /// runtime-spec's state, as hooks and seccomp agents read it.
  func state(_ status: RuntimeSpec.Status) -> RuntimeSpec.State {
    RuntimeSpec.State(
      ociVersion: ociVersion, id: id, status: status, pid: status == .stopped ? 0 : initProcess.pid, bundle: bundle,
      annotations: annotations)
  }

  // MARK: As JSON

  var json: JSON {
    var paths: JSONObject = [:]
    for path in cgroups.all { paths.members.append(.init(controller(of: path), .string(path))) }
    var joined: JSONObject = [:]
    if initProcess.pid != 0 {
      for kind in namespaces {
        joined.members.append(
          .init(String(kind.flag.dropFirst(6)), .string("/proc/\(initProcess.pid)/ns/\(kind.procName)")))
      }
    }
    let labels = ["bundle=" + bundle] + annotations.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return [
      "id": .string(id), "init_process_pid": JSON(initProcess.pid), "init_process_start": JSON(initProcess.start),
      "created": .string(RFC3339.text(created)),
      "config": ["rootfs": .string(rootfs), "labels": JSON(labels), "version": .string(ociVersion)],
      "rootless": .bool(rootless), "cgroup_paths": .object(paths), "namespace_paths": .object(joined),
      "drydock": [
        "version": 1, "status": .string(progress.rawValue),
        "creator": ["pid": JSON(creator.pid), "start": JSON(creator.start)], "bundle": .string(bundle),
        "annotations": JSON(annotations), "owner": JSON(owner),
        "namespaces": .array(namespaces.map { .string($0.rawValue) }), "own_pids": .bool(hasOwnPIDs),
        "cgroup": cgroups.json,
      ],
    ]
  }

  private func controller(of path: String) -> String {
    if path == cgroups.unified { return "" }
    return String(path.dropFirst(cgroups.layout.mountPoint.utf8.count + 1).prefix { $0 != "/" })
  }

  /// Reads what `json` wrote, and believes nothing that it could not have written. `id` is the state directory's name.
  init(_ json: JSON, id: String) throws(Invalid) {
    let top = StateReader(json, "")
    let own = try top.object("drydock")
    guard try own.integer("version", 1...Int.max) == 1 else {
      throw Invalid("drydock.version: written by a newer drydock-runc")
    }
    self.id = try top.string("id")
    guard self.id == id else { throw Invalid("id: \(JSON.string(self.id).text) is not this container's") }
    let config = try top.object("config")
    ociVersion = try config.string("version")
    rootfs = try config.path("rootfs")
    bundle = try own.path("bundle")
    guard let progress = Progress(rawValue: try own.string("status")) else { throw Invalid("drydock.status: unknown") }
    self.progress = progress
    initProcess = ProcessIdentity(
      pid: try top.integer("init_process_pid", 0...StateReader.maximalPID),
      start: UInt64(try top.integer("init_process_start", 0...Int.max)))
    let creator = try own.object("creator")
    self.creator = ProcessIdentity(
      pid: try creator.integer("pid", 0...StateReader.maximalPID),
      start: UInt64(try creator.integer("start", 0...Int.max)))
    guard let created = RFC3339.nanoseconds(try top.string("created")) else {
      throw Invalid("created: not a time in RFC 3339")
    }
    self.created = created
    owner = UInt32(try own.integer("owner", 0...Int(UInt32.max)))
    rootless = try top.bool("rootless")
    cgroups = try CgroupPaths(own.object("cgroup"))
    namespaces = []
    for name in try own.strings("namespaces") {
      guard let kind = NamespaceKind(rawValue: name) else { throw Invalid("drydock.namespaces: \(name) is unknown") }
      namespaces.append(kind)
    }
    hasOwnPIDs = try own.bool("own_pids")
    annotations = try own.stringMap("annotations")
  }

  /// What is wrong with a `state.json`, and where.
  struct Invalid: Error, Hashable {
    var message: String
    init(_ message: String) { self.message = message }
  }
}

/// Reads a JSON object strictly: each member must be there and be of its kind.
struct StateReader {
  typealias Invalid = ContainerRecord.Invalid
  /// The kernel's upper limit of pid_max.
  static let maximalPID = 1 << 22

  private let json: JSON
  private let path: String
  init(_ json: JSON, _ path: String) { (self.json, self.path) = (json, path) }

  private func member(_ key: String) throws(Invalid) -> JSON {
    guard let value = json[key] else { throw Invalid("\(path)\(key): missing") }
    return value
  }
  private func mismatch(_ key: String, _ expected: String) -> Invalid { Invalid("\(path)\(key): expected \(expected)") }

  func object(_ key: String) throws(Invalid) -> StateReader {
    let value = try member(key)
    guard case .object = value else { throw mismatch(key, "an object") }
    return StateReader(value, "\(path)\(key).")
  }
  func string(_ key: String) throws(Invalid) -> String {
    guard let value = try member(key).string, !value.utf8.contains(0) else { throw mismatch(key, "a string") }
    return value
  }
  func bool(_ key: String) throws(Invalid) -> Bool {
    guard let value = try member(key).bool else { throw mismatch(key, "true or false") }
    return value
  }
  func integer(_ key: String, _ range: ClosedRange<Int>) throws(Invalid) -> Int {
    guard case .int(let value) = try member(key), range.contains(Int(value)) else {
      throw mismatch(key, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return Int(value)
  }
  func strings(_ key: String) throws(Invalid) -> [String] {
    guard let values = try member(key).strings else { throw mismatch(key, "an array of strings") }
    return values
  }
  func stringMap(_ key: String) throws(Invalid) -> [String: String] {
    guard let object = try member(key).object else { throw mismatch(key, "an object of strings") }
    var map: [String: String] = [:]
    for member in object.members {
      guard let value = member.value.string else { throw mismatch(key, "an object of strings") }
      map[member.key] = value
    }
    return map
  }
  func paths(_ key: String) throws(Invalid) -> [String: String] {
    let map = try stringMap(key)
    guard map.values.allSatisfy({ $0.utf8.first == UInt8(ascii: "/") && StateReader.isStraight($0) }) else {
      throw mismatch(key, "absolute paths without detours")
    }
    return map
  }
  /// Nil for null.
  func relativePath(_ key: String) throws(Invalid) -> String? {
    if try member(key).isNull { return nil }
    let value = try string(key)
    guard !value.isEmpty, value.utf8.first != UInt8(ascii: "/"), StateReader.isStraight(value) else {
      throw mismatch(key, "a relative path without detours")
    }
    return value
  }
  private static func isStraight(_ path: String) -> Bool {
    !path.split(separator: "/").contains { $0 == ".." || $0 == "." }
  }
  /// An absolute path that goes straight where it leads.
  func path(_ key: String) throws(Invalid) -> String {
    let value = try string(key)
    guard value.utf8.first == UInt8(ascii: "/"), StateReader.isStraight(value) else {
      throw mismatch(key, "an absolute path without detours")
    }
    return value
  }
}

extension CgroupPaths {
  var json: JSON {
    [
      "version": .string(layout.version.rawValue), "mount": .string(layout.mountPoint),
      "hierarchies": JSON(layout.hierarchies), "controllers": JSON(layout.controllers), "own": .string(layout.own),
      "path": .string(inner), "owns": JSON(layout.owns), "relative": JSON(relative),
    ]
  }

  init(_ reader: StateReader) throws(StateReader.Invalid) {
    guard let version = CgroupLayout.Version(rawValue: try reader.string("version")) else {
      throw StateReader.Invalid("drydock.cgroup.version: unknown")
    }
    let hierarchies = try reader.strings("hierarchies")
    for name in hierarchies where name.isEmpty || name == "." || name == ".." || name.utf8.contains(UInt8(ascii: "/")) {
      throw StateReader.Invalid("drydock.cgroup.hierarchies: \(JSON.string(name).text) is no hierarchy")
    }
    var layout = CgroupLayout(
      version, mountPoint: try reader.path("mount"), hierarchies: hierarchies,
      controllers: try reader.strings("controllers"), own: try reader.path("own"))
    layout.owns = try reader.paths("owns")
    self.init(layout: layout, inner: try reader.path("path"), relative: try reader.relativePath("relative"))
    guard inner != "/" else { throw StateReader.Invalid("drydock.cgroup.path: the root cgroup is nobody's") }
  }
}
