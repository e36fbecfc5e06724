import JSONTree

/// What an image says about how to run it, and how it came to be (image-spec, config.md; docker's extensions).
public struct ImageConfig: Codable, Hashable, JSONWritable {
  public var created: String?
  public var author: String?
  public var architecture: String
  public var variant: String?
  public var os: String
  public var config: Execution?
  public var rootfs: RootFS
  public var history: [History]?

  public init(
    created: String? = nil, author: String? = nil, platform: Platform, config: Execution? = nil,
    rootfs: RootFS = .init(), history: [History]? = nil
  ) {
    (self.created, self.author) = (created, author)
    (self.architecture, self.variant, self.os) = (platform.architecture, platform.variant, platform.os)
    (self.config, self.rootfs, self.history) = (config, rootfs, history)
  }

  public var platform: Platform { Platform(os: os, architecture: architecture, variant: variant) }

  /// The defaults of a container's process.
  public struct Execution: Codable, Hashable, Sendable {
    public var user: String?
    public var exposedPorts: [String: Nothing]?
    public var env: [String]?
    public var entrypoint: [String]?
    public var cmd: [String]?
    public var volumes: [String: Nothing]?
    public var workingDir: String?
    public var labels: [String: String]?
    public var stopSignal: String?
    public var healthcheck: Healthcheck?
    public var shell: [String]?
    public var onBuild: [String]?
    public var argsEscaped: Bool?

    enum CodingKeys: String, CodingKey {
      case user = "User", exposedPorts = "ExposedPorts", env = "Env", entrypoint = "Entrypoint", cmd = "Cmd"
      case volumes = "Volumes", workingDir = "WorkingDir", labels = "Labels", stopSignal = "StopSignal"
      case healthcheck = "Healthcheck", shell = "Shell", onBuild = "OnBuild", argsEscaped = "ArgsEscaped"
    }

    public init(
      user: String? = nil, exposedPorts: [String]? = nil, env: [String]? = nil, entrypoint: [String]? = nil,
      cmd: [String]? = nil, volumes: [String]? = nil, workingDir: String? = nil, labels: [String: String]? = nil,
      stopSignal: String? = nil, healthcheck: Healthcheck? = nil
    ) {
      (self.user, self.env, self.entrypoint, self.cmd) = (user, env, entrypoint, cmd)
      (self.workingDir, self.labels, self.stopSignal) = (workingDir, labels, stopSignal)
      self.exposedPorts = exposedPorts.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, Nothing()) }) }
      self.volumes = volumes.map { Dictionary(uniqueKeysWithValues: $0.map { ($0, Nothing()) }) }
      self.healthcheck = healthcheck
    }
  }

  /// A Go `struct{}`: `{}` in JSON.
  public struct Nothing: Codable, Hashable, Sendable { public init() {} }

  /// A health check; times in nanoseconds, 0 means the default.
  public struct Healthcheck: Codable, Hashable, Sendable {
    /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", "…"]`.
    public var test: [String]?
    public var interval: Int64?
    public var timeout: Int64?
    public var startPeriod: Int64?
    public var startInterval: Int64?
    public var retries: Int?
    enum CodingKeys: String, CodingKey {
      case test = "Test", interval = "Interval", timeout = "Timeout", startPeriod = "StartPeriod"
      case startInterval = "StartInterval", retries = "Retries"
    }
    public init(
      test: [String]? = nil, interval: Int64? = nil, timeout: Int64? = nil, startPeriod: Int64? = nil,
      startInterval: Int64? = nil, retries: Int? = nil
    ) {
      (self.test, self.interval, self.timeout) = (test, interval, timeout)
      (self.startPeriod, self.startInterval, self.retries) = (startPeriod, startInterval, retries)
    }
  }

  /// The layers, by the digests of their uncompressed archives.
  public struct RootFS: Codable, Hashable, Sendable {
    public var type: String
    public var diffIDs: [Digest]
    enum CodingKeys: String, CodingKey { case type, diffIDs = "diff_ids" }
    public init(diffIDs: [Digest] = []) { (type, self.diffIDs) = ("layers", diffIDs) }
  }

  /// One step of the build.
  public struct History: Codable, Hashable, Sendable {
    public var created: String?
    public var createdBy: String?
    public var author: String?
    public var comment: String?
    public var emptyLayer: Bool?
    enum CodingKeys: String, CodingKey {
      case created, createdBy = "created_by", author, comment, emptyLayer = "empty_layer"
    }
    public init(
      created: String? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
      emptyLayer: Bool? = nil
    ) {
      (self.created, self.createdBy, self.author) = (created, createdBy, author)
      (self.comment, self.emptyLayer) = (comment, emptyLayer)
    }
  }
}
