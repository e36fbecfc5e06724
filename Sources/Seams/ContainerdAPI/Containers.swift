import JSONTree
import OCISpec

/// `containerd.services.containers.v1.Containers`: container metadata: what shall run, not that it runs.
public enum Containers {
  /// Looks a container up.
  public struct Get: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.containers.v1.Containers/Get" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    /// The answer of `Get`.
    public struct Answer: Codable, JSONWritable {
      public var container: ContainerRecord
      public init(container: ContainerRecord) {
        self.container = container
      }
    }
  }

  /// Lists containers.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.containers.v1.Containers/List" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var containers: [ContainerRecord]
      public init(containers: [ContainerRecord]) {
        self.containers = containers
      }
    }
  }

  /// Creates the metadata of a container.
  public struct Create: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.containers.v1.Containers/Create" }
    public var container: ContainerRecord
    public init(container: ContainerRecord) {
      self.container = container
    }
    /// The answer of `Create`.
    public struct Answer: Codable, JSONWritable {
      public var container: ContainerRecord
      public init(container: ContainerRecord) {
        self.container = container
      }
    }
  }

  /// Replaces metadata.
  public struct Update: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.containers.v1.Containers/Update" }
    public var container: ContainerRecord
    public init(container: ContainerRecord) {
      self.container = container
    }
    /// The answer of `Update`.
    public struct Answer: Codable, JSONWritable {
      public var container: ContainerRecord
      public init(container: ContainerRecord) {
        self.container = container
      }
    }
  }

  /// Deletes metadata; refused while a task exists.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.containers.v1.Containers/Delete" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    public typealias Answer = Empty
  }
}
