import JSONTree
import OCISpec

/// `containerd.services.version.v1.Version`: containerd's version.
public enum ContainerdVersion {
  /// Version and revision.
  public struct Version: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.version.v1.Version/Version" }
    public init() {
    }
    /// The answer of `Version`.
    public struct Answer: Codable, JSONWritable {
      public var version: String
      public var revision: String
      public init(version: String, revision: String) {
        self.version = version
        self.revision = revision
      }
    }
  }
}
