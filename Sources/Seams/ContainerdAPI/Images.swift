import JSONTree
import OCISpec

/// `containerd.services.images.v1.Images`: image metadata: a name that points at a target descriptor.
public enum Images {
  /// Looks an image up by name.
  public struct Get: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.images.v1.Images/Get" }
    public var name: String
    public init(name: String) {
      self.name = name
    }
    /// The answer of `Get`.
    public struct Answer: Codable, JSONWritable {
      public var image: ImageRecord
      public init(image: ImageRecord) {
        self.image = image
      }
    }
  }

  /// Lists images by containerd filters.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.images.v1.Images/List" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var images: [ImageRecord]
      public init(images: [ImageRecord]) {
        self.images = images
      }
    }
  }

  /// Creates an image; alreadyExists when the name is taken.
  public struct Create: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.images.v1.Images/Create" }
    public var image: ImageRecord
    public init(image: ImageRecord) {
      self.image = image
    }
    /// The answer of `Create`.
    public struct Answer: Codable, JSONWritable {
      public var image: ImageRecord
      public init(image: ImageRecord) {
        self.image = image
      }
    }
  }

  /// Replaces an image's target or labels.
  public struct Update: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.images.v1.Images/Update" }
    public var image: ImageRecord
    public init(image: ImageRecord) {
      self.image = image
    }
    /// The answer of `Update`.
    public struct Answer: Codable, JSONWritable {
      public var image: ImageRecord
      public init(image: ImageRecord) {
        self.image = image
      }
    }
  }

  /// Deletes an image; its content falls to garbage collection.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.images.v1.Images/Delete" }
    public var name: String
    public var sync: Bool
    public init(name: String, sync: Bool = false) {
      self.name = name
      self.sync = sync
    }
    public typealias Answer = Empty
  }
}
