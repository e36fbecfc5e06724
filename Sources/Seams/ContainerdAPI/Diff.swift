import JSONTree
import OCISpec

/// `containerd.services.diff.v1.Diff`: the difference between two snapshots, as a layer.
public enum Diff {
  /// Unpacks a layer blob onto mounts.
  public struct Apply: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.diff.v1.Diff/Apply" }
    public var diff: Descriptor
    public var mounts: [MountRecord]
    public init(diff: Descriptor, mounts: [MountRecord]) {
      self.diff = diff
      self.mounts = mounts
    }
    /// The answer of `Apply`.
    public struct Answer: Codable, JSONWritable {
      public var applied: Descriptor
      public init(applied: Descriptor) {
        self.applied = applied
      }
    }
  }

  /// Makes a layer blob of what changed from `left` to `right`.
  public struct Diff: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.diff.v1.Diff/Diff" }
    public var left: [MountRecord]
    public var right: [MountRecord]
    public var mediaType: String
    public var ref: String
    public var labels: [String: String]
    public init(
      left: [MountRecord], right: [MountRecord], mediaType: String, ref: String = "", labels: [String: String] = [:]
    ) {
      self.left = left
      self.right = right
      self.mediaType = mediaType
      self.ref = ref
      self.labels = labels
    }
    /// The answer of `Diff`.
    public struct Answer: Codable, JSONWritable {
      public var diff: Descriptor
      public init(diff: Descriptor) {
        self.diff = diff
      }
    }
  }
}
