import JSONTree
import OCISpec

/// `containerd.services.snapshots.v1.Snapshots`: snapshots: prepare or view, commit, remove; a parent is always committed.
public enum Snapshots {
  /// Creates an active snapshot on top of `parent` (empty for none).
  public struct Prepare: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Prepare" }
    public var snapshotter: String
    public var key: String
    public var parent: String
    public var labels: [String: String]
    public init(snapshotter: String, key: String, parent: String, labels: [String: String] = [:]) {
      self.snapshotter = snapshotter
      self.key = key
      self.parent = parent
      self.labels = labels
    }
    /// The answer of `Prepare`.
    public struct Answer: Codable, JSONWritable {
      public var mounts: [MountRecord]
      public init(mounts: [MountRecord]) {
        self.mounts = mounts
      }
    }
  }

  /// Creates a read-only snapshot.
  public struct View: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/View" }
    public var snapshotter: String
    public var key: String
    public var parent: String
    public var labels: [String: String]
    public init(snapshotter: String, key: String, parent: String, labels: [String: String] = [:]) {
      self.snapshotter = snapshotter
      self.key = key
      self.parent = parent
      self.labels = labels
    }
    /// The answer of `View`.
    public struct Answer: Codable, JSONWritable {
      public var mounts: [MountRecord]
      public init(mounts: [MountRecord]) {
        self.mounts = mounts
      }
    }
  }

  /// The mounts that show a snapshot.
  public struct Mounts: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Mounts" }
    public var snapshotter: String
    public var key: String
    public init(snapshotter: String, key: String) {
      self.snapshotter = snapshotter
      self.key = key
    }
    /// The answer of `Mounts`.
    public struct Answer: Codable, JSONWritable {
      public var mounts: [MountRecord]
      public init(mounts: [MountRecord]) {
        self.mounts = mounts
      }
    }
  }

  /// Turns the active snapshot `key` into the committed `name`.
  public struct Commit: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Commit" }
    public var snapshotter: String
    public var name: String
    public var key: String
    public var labels: [String: String]
    public init(snapshotter: String, name: String, key: String, labels: [String: String] = [:]) {
      self.snapshotter = snapshotter
      self.name = name
      self.key = key
      self.labels = labels
    }
    public typealias Answer = Empty
  }

  /// Removes a snapshot without children.
  public struct Remove: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Remove" }
    public var snapshotter: String
    public var key: String
    public init(snapshotter: String, key: String) {
      self.snapshotter = snapshotter
      self.key = key
    }
    public typealias Answer = Empty
  }

  /// Kind, parent and times of a snapshot.
  public struct Stat: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Stat" }
    public var snapshotter: String
    public var key: String
    public init(snapshotter: String, key: String) {
      self.snapshotter = snapshotter
      self.key = key
    }
    /// The answer of `Stat`.
    public struct Answer: Codable, JSONWritable {
      public var info: SnapshotInfo
      public init(info: SnapshotInfo) {
        self.info = info
      }
    }
  }

  /// Replaces labels of a snapshot.
  public struct Update: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Update" }
    public var snapshotter: String
    public var info: SnapshotInfo
    public init(snapshotter: String, info: SnapshotInfo) {
      self.snapshotter = snapshotter
      self.info = info
    }
    /// The answer of `Update`.
    public struct Answer: Codable, JSONWritable {
      public var info: SnapshotInfo
      public init(info: SnapshotInfo) {
        self.info = info
      }
    }
  }

  /// Lists snapshots.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/List" }
    public var snapshotter: String
    public var filters: [String]
    public init(snapshotter: String, filters: [String] = []) {
      self.snapshotter = snapshotter
      self.filters = filters
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var info: [SnapshotInfo]
      public init(info: [SnapshotInfo]) {
        self.info = info
      }
    }
  }

  /// Bytes and inodes of a snapshot alone.
  public struct Usage: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Usage" }
    public var snapshotter: String
    public var key: String
    public init(snapshotter: String, key: String) {
      self.snapshotter = snapshotter
      self.key = key
    }
    /// The answer of `Usage`.
    public struct Answer: Codable, JSONWritable {
      public var size: Int64
      public var inodes: Int64
      public init(size: Int64, inodes: Int64) {
        self.size = size
        self.inodes = inodes
      }
    }
  }

  /// Removes what a crash left behind.
  public struct Cleanup: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.snapshots.v1.Snapshots/Cleanup" }
    public var snapshotter: String
    public init(snapshotter: String) {
      self.snapshotter = snapshotter
    }
    public typealias Answer = Empty
  }
}
