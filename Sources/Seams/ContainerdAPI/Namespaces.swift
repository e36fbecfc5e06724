import JSONTree
import OCISpec

/// `containerd.services.namespaces.v1.Namespaces`: namespaces: tenants of one containerd.
public enum Namespaces {
  /// Looks a namespace up.
  public struct Get: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.namespaces.v1.Namespaces/Get" }
    public var name: String
    public init(name: String) {
      self.name = name
    }
    /// The answer of `Get`.
    public struct Answer: Codable, JSONWritable {
      public var name: String
      public var labels: [String: String]
      public init(name: String, labels: [String: String]) {
        (self.name, self.labels) = (name, labels)
      }
    }
  }

  /// Creates a namespace; alreadyExists when it is there. Any other call in a namespace creates it too.
  public struct Create: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.namespaces.v1.Namespaces/Create" }
    public var name: String
    public var labels: [String: String]
    public init(name: String, labels: [String: String] = [:]) {
      (self.name, self.labels) = (name, labels)
    }
    public typealias Answer = Empty
  }

  /// Deletes an empty namespace.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.namespaces.v1.Namespaces/Delete" }
    public var name: String
    public init(name: String) {
      self.name = name
    }
    public typealias Answer = Empty
  }

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
