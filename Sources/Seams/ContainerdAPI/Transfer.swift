import JSONTree
import OCISpec

/// `containerd.services.transfer.v1.Transfer`: moving an image from somewhere to somewhere, all by containerd.
public enum Transfer {
  /// Where an image comes from or goes to.
  public enum Endpoint: Sendable, Codable {
    /// A registry; `auth` is never recorded.
    case registry(reference: String, auth: RegistryCredentials?)
    /// The image store, unpacked for a platform (`linux/amd64`); nil means no unpacking.
    case imageStore(name: String, platform: Platform?, allPlatforms: Bool)

    public func encode(to encoder: any Encoder) throws {
      switch self {
      case .registry(let reference, let auth):
        try JSON.object(
          [
            "type": "containerd.types.transfer.OCIRegistry", "reference": .string(reference),
            "auth": auth == nil ? nil : "***",
          ]
        ).encode(to: encoder)
      case .imageStore(let name, let platform, let all):
        try JSON.object([
          "type": "containerd.types.transfer.ImageStore", "name": .string(name),
          "unpack": platform.map { .string($0.description) } ?? nil, "allPlatforms": .bool(all),
        ]).encode(to: encoder)
      }
    }
    public init(from decoder: any Decoder) throws {
      let json = try JSON(from: decoder)
      if let reference = json["reference"]?.string {
        self = .registry(reference: reference, auth: nil)
      } else {
        self = .imageStore(
          name: json["name"]?.string ?? "", platform: json["unpack"]?.string.flatMap(Platform.init),
          allPlatforms: json["allPlatforms"]?.bool ?? false)
      }
    }
  }

  /// Moves an image. Progress goes to `progress` as it happens.
  public struct Transfer: ContainerdOperation {
    public static var name: String { "containerd.services.transfer.v1.Transfer/Transfer" }
    public var source: Endpoint
    public var destination: Endpoint
    /// Not a part of the message: genuine containerd sends progress on a stream beside it.
    public var progress: @Sendable (Progress) -> Void

    public init(source: Endpoint, destination: Endpoint, progress: @escaping @Sendable (Progress) -> Void) {
      (self.source, self.destination, self.progress) = (source, destination, progress)
    }
    public typealias Answer = Empty
    public var json: JSON {
      [
        "source": (try? JSON(encoding: source)) ?? nil, "destination": (try? JSON(encoding: destination)) ?? nil,
      ]
    }
    public func write(to writer: inout JSONWriter) { writer.write(json) }
  }

  /// One step of a transfer.
  public struct Progress: Sendable, Hashable {
    /// `resolving`, `resolved`, `waiting`, `downloading`, `retrying`, `complete`, `extracting`, `extracted`,
    /// `already exists`, `uploading`, `uploaded`, `mounted`, `saved`; `rate limit`: the registry lets `offset` of
    /// `total` pulls through still.
    public var event: String
    /// What it is about.
    public var descriptor: Descriptor?
    /// The image's name or blob's reference.
    public var name: String
    /// Bytes so far, and in all.
    public var offset: Int64
    public var total: Int64

    public init(event: String, descriptor: Descriptor? = nil, name: String = "", offset: Int64 = 0, total: Int64 = 0) {
      self.event = event
      self.descriptor = descriptor
      self.name = name
      self.offset = offset
      self.total = total
    }
  }
}
