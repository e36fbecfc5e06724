import JSONTree
import OCISpec

/// `containerd.services.namespaces.v1.Namespaces`: namespaces: tenants of one containerd.
public enum Namespaces {
  /// All namespaces.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.namespaces.v1.Namespaces/List" }
    public init() {
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var namespaces: [String]
      public init(namespaces: [String]) {
        self.namespaces = namespaces
      }
    }
  }
}
