import JSONTree
import OCISpec

/// `containerd.services.introspection.v1.Introspection`: what this containerd is made of.
public enum Introspection {
  /// The server's UUID.
  public struct Server: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.introspection.v1.Introspection/Server" }
    public init() {
    }
    /// The answer of `Server`.
    public struct Answer: Codable, JSONWritable {
      public var uuid: String
      public init(uuid: String) {
        self.uuid = uuid
      }
    }
  }

  /// Its plugins.
  public struct Plugins: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.introspection.v1.Introspection/Plugins" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `Plugins`.
    public struct Answer: Codable, JSONWritable {
      public var plugins: [JSON]
      public init(plugins: [JSON]) {
        self.plugins = plugins
      }
    }
  }
}
