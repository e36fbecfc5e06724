import JSONTree
import OCISpec

/// An image in containerd's store: a name and what it points at.
public struct ImageRecord: Codable, Hashable, JSONWritable {
  public var name: String
  public var labels: [String: String]
  public var target: Descriptor
  /// Nanoseconds since 1970.
  public var createdAt: UInt64
  public var updatedAt: UInt64
  public init(
    name: String, labels: [String: String] = [:], target: Descriptor, createdAt: UInt64 = 0, updatedAt: UInt64 = 0
  ) {
    (self.name, self.labels, self.target, self.createdAt, self.updatedAt) = (name, labels, target, createdAt, updatedAt)
  }
}

/// What the content store knows of a blob.
public struct ContentInfo: Codable, Hashable, JSONWritable {
  public var digest: Digest
  public var size: Int64
  public var labels: [String: String]
  public var createdAt: UInt64
  public var updatedAt: UInt64
  public init(digest: Digest, size: Int64, labels: [String: String] = [:], createdAt: UInt64 = 0, updatedAt: UInt64 = 0)
  {
    (self.digest, self.size, self.labels, self.createdAt, self.updatedAt) = (digest, size, labels, createdAt, updatedAt)
  }
}

/// How far an ingest is (containerd.services.content.v1.Status).
public struct IngestStatus: Codable, Hashable, JSONWritable {
  public var ref: String
  public var offset: Int64
  public var total: Int64
  public var expected: Digest?
  public var startedAt: UInt64
  public var updatedAt: UInt64
  public init(
    ref: String, offset: Int64, total: Int64 = 0, expected: Digest? = nil, startedAt: UInt64 = 0, updatedAt: UInt64 = 0
  ) {
    (self.ref, self.offset, self.total, self.expected) = (ref, offset, total, expected)
    (self.startedAt, self.updatedAt) = (startedAt, updatedAt)
  }
}

/// A mount as containerd hands it down (containerd.types.Mount).
public struct MountRecord: Codable, Hashable, JSONWritable {
  public var type: String
  public var source: String
  public var target: String
  public var options: [String]
  public init(type: String, source: String, target: String = "", options: [String] = []) {
    (self.type, self.source, self.target, self.options) = (type, source, target, options)
  }
}

/// What a snapshotter knows of a snapshot.
public struct SnapshotInfo: Codable, Hashable, JSONWritable {
  public enum Kind: String, Codable, Sendable { case view, active, committed }
  public var name: String
  public var parent: String
  public var kind: Kind
  public var labels: [String: String]
  public var createdAt: UInt64
  public var updatedAt: UInt64
  public init(
    name: String, parent: String, kind: Kind, labels: [String: String] = [:], createdAt: UInt64 = 0,
    updatedAt: UInt64 = 0
  ) {
    (self.name, self.parent, self.kind) = (name, parent, kind)
    (self.labels, self.createdAt, self.updatedAt) = (labels, createdAt, updatedAt)
  }
}

/// A container's metadata in containerd.
public struct ContainerRecord: Codable, Hashable, JSONWritable {
  public var id: String
  public var labels: [String: String]
  public var image: String
  /// The runtime's name: `io.containerd.runc.v2`.
  public var runtime: String
  /// containerd.runc.v1.Options: `binary_name` (`runc`, `crun`, a path), `root` (`/run/docker/runtime-runc`: runc's
  /// state, the namespace is appended), `systemd_cgroup`. Null for the defaults.
  public var runtimeOptions: JSON
  /// The OCI config.json.
  public var spec: JSON
  public var snapshotter: String
  public var snapshotKey: String
  public var createdAt: UInt64
  public var updatedAt: UInt64
  public init(
    id: String, labels: [String: String] = [:], image: String = "", runtime: String, runtimeOptions: JSON = nil,
    spec: JSON,
    snapshotter: String = "", snapshotKey: String = "", createdAt: UInt64 = 0, updatedAt: UInt64 = 0
  ) {
    (self.id, self.labels, self.image, self.runtime, self.runtimeOptions) = (id, labels, image, runtime, runtimeOptions)
    (self.spec, self.snapshotter, self.snapshotKey) = (spec, snapshotter, snapshotKey)
    (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
  }
}

/// A process of a task (containerd.v1.types.Process).
public struct TaskProcess: Codable, Hashable, JSONWritable {
  public enum Status: String, Codable, Sendable { case created, running, stopped, paused, pausing, unknown }
  public var containerId: String
  /// The exec id; the container's own id for init.
  public var id: String
  public var pid: Int
  public var status: Status
  public var stdin: String
  public var stdout: String
  public var stderr: String
  public var terminal: Bool
  public var exitStatus: Int
  public var exitedAt: UInt64
  public init(
    containerId: String, id: String, pid: Int, status: Status, stdin: String = "", stdout: String = "",
    stderr: String = "",
    terminal: Bool = false, exitStatus: Int = 0, exitedAt: UInt64 = 0
  ) {
    (self.containerId, self.id, self.pid, self.status) = (containerId, id, pid, status)
    (self.stdin, self.stdout, self.stderr, self.terminal) = (stdin, stdout, stderr, terminal)
    (self.exitStatus, self.exitedAt) = (exitStatus, exitedAt)
  }
}

/// A process id of a task, and the exec id when it is one.
public struct ProcessRecord: Codable, Hashable, JSONWritable {
  public var pid: Int
  public var execId: String
  public init(pid: Int, execId: String = "") { (self.pid, self.execId) = (pid, execId) }
}

/// cgroup metrics of a task.
public struct MetricsRecord: Codable, Hashable, JSONWritable {
  public var id: String
  public var timestamp: UInt64
  public var data: JSON
  public init(id: String, timestamp: UInt64, data: JSON) {
    (self.id, self.timestamp, self.data) = (id, timestamp, data)
  }
}

/// Something a lease holds.
public struct LeaseResource: Codable, Hashable, JSONWritable {
  public var id: String
  /// `content`, `snapshots/overlayfs`, `images`.
  public var type: String
  public init(id: String, type: String) { (self.id, self.type) = (id, type) }
}

/// How to sign in to a registry. Never recorded.
public struct RegistryCredentials: Codable, Hashable, Sendable {
  public var username: String
  public var password: String
  public var identityToken: String
  public init(username: String, password: String, identityToken: String = "") {
    (self.username, self.password, self.identityToken) = (username, password, identityToken)
  }
}
