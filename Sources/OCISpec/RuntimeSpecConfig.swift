import JSONTree

extension RuntimeSpec {
  /// `config.json` (runtime-spec, config.md and config-linux.md).
  public struct Config: Sendable, Hashable {
    public var ociVersion: String
    /// Nil only where nothing is to be started.
    public var process: Process?
    public var root: Root?
    public var hostname: String
    public var domainname: String
    public var mounts: [Mount]
    public var hooks: Hooks
    public var annotations: [String: String]
    public var linux: Linux?

    public init(
      ociVersion: String = RuntimeSpec.version, process: Process? = nil, root: Root? = nil, hostname: String = "",
      domainname: String = "", mounts: [Mount] = [], hooks: Hooks = Hooks(), annotations: [String: String] = [:],
      linux: Linux? = nil
    ) {
      (self.ociVersion, self.process, self.root) = (ociVersion, process, root)
      (self.hostname, self.domainname, self.mounts) = (hostname, domainname, mounts)
      (self.hooks, self.annotations, self.linux) = (hooks, annotations, linux)
    }

    /// Reads a document. Members of other platforms and unknown ones are passed over.
    public init(_ json: JSON) throws(Invalid) {
      var cache = SeccompCache()
      try self.init(json, seccomp: &cache)
    }

    /// The same, where many documents carry one and the same seccomp profile: it is read once.
    public init(_ json: JSON, seccomp cache: inout SeccompCache) throws(Invalid) {
      self.init(ociVersion: "")
      if json.isNullValue { throw Invalid("", "config cannot be null") }
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "ociVersion": ociVersion = try SpecReader.string(value)
        case "process": process = try Process(value)
        case "root": root = try Root(value)
        case "hostname": hostname = try SpecReader.string(value)
        case "domainname": domainname = try SpecReader.string(value)
        case "mounts": mounts = try SpecReader.array(value, Mount.init)
        case "hooks": hooks = try Hooks(value)
        case "annotations": annotations = try SpecReader.stringMap(value)
        case "linux": linux = try Linux(value, seccomp: &cache)
        default: break
        }
      }
    }

    /// Reads `config.json` as it stands in a bundle: too large, too deep, not JSON, not a configuration are errors.
    public init(parsing bytes: [UInt8]) throws(Invalid) { try self.init(RuntimeSpec.parse(bytes)) }
  }

  /// A document's tree, within `Limits`.
  public static func parse(_ bytes: [UInt8]) throws(Invalid) -> JSON {
    guard bytes.count <= Limits.size else {
      throw Invalid("", "the document has \(bytes.count) bytes; more than \(Limits.size) are refused")
    }
    do { return try JSON(parsing: bytes, maxDepth: Limits.depth, maxValues: Limits.values) } catch {
      throw Invalid("", error.description)
    }
  }

  /// The container's root file system.
  public struct Root: Sendable, Hashable {
    /// Absolute, or relative to the bundle.
    public var path: String
    public var readonly: Bool
    public init(path: String, readonly: Bool = false) { (self.path, self.readonly) = (path, readonly) }

    init(_ json: JSON) throws(Invalid) {
      self.init(path: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "path": path = try SpecReader.string(member.value)
        case "readonly": readonly = try SpecReader.bool(member.value)
        default: break
        }
      }
    }
  }

  /// A mount on top of the root, in the order in which they are made.
  public struct Mount: Sendable, Hashable {
    public var destination: String
    public var type: String
    public var source: String
    public var options: [String] { didSet { parsedOptions = MountOptions(options) } }
    /// What `options` say.
    public private(set) var parsedOptions: MountOptions
    public var uidMappings: [IDMapping]
    public var gidMappings: [IDMapping]
    public init(
      destination: String, type: String = "", source: String = "", options: [String] = [],
      uidMappings: [IDMapping] = [], gidMappings: [IDMapping] = []
    ) {
      (self.destination, self.type, self.source, self.options) = (destination, type, source, options)
      parsedOptions = MountOptions(options)
      (self.uidMappings, self.gidMappings) = (uidMappings, gidMappings)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(destination: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        let value = member.value
        switch member.key {
        case "destination": destination = try SpecReader.string(value)
        case "type": type = try SpecReader.string(value)
        case "source": source = try SpecReader.string(value)
        case "options": options = try SpecReader.strings(value)
        case "uidMappings": uidMappings = try SpecReader.array(value, IDMapping.init(_:))
        case "gidMappings": gidMappings = try SpecReader.array(value, IDMapping.init(_:))
        default: break
        }
      }
    }
  }

  /// A program that the runtime executes at a point of a container's life.
  public struct Hook: Sendable, Hashable {
    /// Absolute.
    public var path: String
    /// With argv[0].
    public var args: [String]
    public var env: [String]
    /// Seconds.
    public var timeout: Int?
    public init(path: String, args: [String] = [], env: [String] = [], timeout: Int? = nil) {
      (self.path, self.args, self.env, self.timeout) = (path, args, env, timeout)
    }

    init(_ json: JSON) throws(Invalid) {
      self.init(path: "")
      try SpecReader.members(of: json) { member throws(Invalid) in
        switch member.key {
        case "path": path = try SpecReader.string(member.value)
        case "args": args = try SpecReader.strings(member.value)
        case "env": env = try SpecReader.strings(member.value)
        case "timeout": timeout = try SpecReader.integer(member.value)
        default: break
        }
      }
    }
  }

  /// When a hook is executed (runtime.md, "Lifecycle").
  public enum HookStage: String, Sendable, Hashable, CaseIterable {
    /// Deprecated; as `createRuntime`, and before it.
    case prestart
    /// In the runtime's namespaces, when the container's exist and its root is not pivoted to yet.
    case createRuntime
    /// In the container's namespaces, before pivot_root.
    case createContainer
    /// In the container, on `start`, before its program.
    case startContainer
    /// In the runtime's namespaces, after the program was started.
    case poststart
    /// In the runtime's namespaces, after the container was deleted.
    case poststop
  }

  /// The hooks of each stage, in order.
  public struct Hooks: Sendable, Hashable {
    public var prestart: [Hook] = []
    public var createRuntime: [Hook] = []
    public var createContainer: [Hook] = []
    public var startContainer: [Hook] = []
    public var poststart: [Hook] = []
    public var poststop: [Hook] = []
    public init() {}

    /// Those of one stage.
    public subscript(stage: HookStage) -> [Hook] {
      get {
        switch stage {
        case .prestart: prestart
        case .createRuntime: createRuntime
        case .createContainer: createContainer
        case .startContainer: startContainer
        case .poststart: poststart
        case .poststop: poststop
        }
      }
      set {
        switch stage {
        case .prestart: prestart = newValue
        case .createRuntime: createRuntime = newValue
        case .createContainer: createContainer = newValue
        case .startContainer: startContainer = newValue
        case .poststart: poststart = newValue
        case .poststop: poststop = newValue
        }
      }
    }

    init(_ json: JSON) throws(Invalid) {
      self.init()
      try SpecReader.members(of: json) { member throws(Invalid) in
        guard let stage = HookStage(rawValue: member.key) else { return }
        self[stage] = try SpecReader.array(member.value, Hook.init)
      }
    }
  }
}

extension RuntimeSpec.IDMapping {
  init(_ json: JSON) throws(RuntimeSpec.Invalid) {
    self.init(containerID: 0, hostID: 0, size: 0)
    try SpecReader.members(of: json) { member throws(RuntimeSpec.Invalid) in
      switch member.key {
      case "containerID": containerID = try SpecReader.integer(member.value)
      case "hostID": hostID = try SpecReader.integer(member.value)
      case "size": size = try SpecReader.integer(member.value)
      default: break
      }
    }
  }
}

extension JSON {
  /// Without comparing trees.
  var isNullValue: Bool { if case .null = self { true } else { false } }
}
