import JSONTree
import OCISpec

/// `containerd.services.leases.v1.Leases`: leases: what they hold, garbage collection leaves alone.
public enum Leases {
  /// Creates a lease.
  public struct Create: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/Create" }
    public var id: String
    public var labels: [String: String]
    public init(id: String, labels: [String: String] = [:]) {
      self.id = id
      self.labels = labels
    }
    /// The answer of `Create`.
    public struct Answer: Codable, JSONWritable {
      public var id: String
      public init(id: String) {
        self.id = id
      }
    }
  }

  /// Deletes a lease; `sync` collects garbage at once.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/Delete" }
    public var id: String
    public var sync: Bool
    public init(id: String, sync: Bool = false) {
      self.id = id
      self.sync = sync
    }
    public typealias Answer = Empty
  }

  /// Lists leases.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/List" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var ids: [String]
      public init(ids: [String]) {
        self.ids = ids
      }
    }
  }

  /// Puts a resource under a lease.
  public struct AddResource: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/AddResource" }
    public var id: String
    public var resourceId: String
    public var resourceType: String
    public init(id: String, resourceId: String, resourceType: String) {
      self.id = id
      self.resourceId = resourceId
      self.resourceType = resourceType
    }
    public typealias Answer = Empty
  }

  /// Takes a resource out of a lease.
  public struct DeleteResource: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/DeleteResource" }
    public var id: String
    public var resourceId: String
    public var resourceType: String
    public init(id: String, resourceId: String, resourceType: String) {
      self.id = id
      self.resourceId = resourceId
      self.resourceType = resourceType
    }
    public typealias Answer = Empty
  }

  /// What a lease holds.
  public struct ListResources: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.leases.v1.Leases/ListResources" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    /// The answer of `ListResources`.
    public struct Answer: Codable, JSONWritable {
      public var resources: [LeaseResource]
      public init(resources: [LeaseResource]) {
        self.resources = resources
      }
    }
  }
}
