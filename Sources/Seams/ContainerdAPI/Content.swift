import JSONTree
import OCISpec

/// `containerd.services.content.v1.Content`: the content store: blobs by digest.
public enum Content {
  /// Size and labels of a blob.
  public struct Info: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Info" }
    public var digest: Digest
    public init(digest: Digest) {
      self.digest = digest
    }
    /// The answer of `Info`.
    public struct Answer: Codable, JSONWritable {
      public var info: ContentInfo
      public init(info: ContentInfo) {
        self.info = info
      }
    }
  }

  /// All blobs that match the filters.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/List" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var infos: [ContentInfo]
      public init(infos: [ContentInfo]) {
        self.infos = infos
      }
    }
  }

  /// Replaces labels of a blob.
  public struct Update: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Update" }
    public var info: ContentInfo
    public init(info: ContentInfo) {
      self.info = info
    }
    /// The answer of `Update`.
    public struct Answer: Codable, JSONWritable {
      public var info: ContentInfo
      public init(info: ContentInfo) {
        self.info = info
      }
    }
  }

  /// Deletes a blob.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Delete" }
    public var digest: Digest
    public init(digest: Digest) {
      self.digest = digest
    }
    public typealias Answer = Empty
  }

  /// Reads a range of a blob; size 0 means to the end.
  public struct Read: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Read" }
    public var digest: Digest
    public var offset: Int64
    public var size: Int64
    public init(digest: Digest, offset: Int64 = 0, size: Int64 = 0) {
      self.digest = digest
      self.offset = offset
      self.size = size
    }
    /// The answer of `Read`.
    public struct Answer: Codable, JSONWritable {
      public var data: Blob
      public init(data: Blob) {
        self.data = data
      }
      public func write(to writer: inout JSONWriter) {
        writer.raw("{\"data\":")
        data.write(to: &writer)
        writer.raw("}")
      }
    }
  }

  /// Writes bytes under an ingest reference; `commit` verifies size and digest and makes the blob visible.
  public struct Write: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Write" }
    public var ref: String
    public var offset: Int64
    public var data: Blob
    public var total: Int64
    public var expected: Digest?
    public var commit: Bool
    public var labels: [String: String]
    public init(
      ref: String, offset: Int64 = 0, data: Blob, total: Int64 = 0, expected: Digest? = nil, commit: Bool = false,
      labels: [String: String] = [:]
    ) {
      self.ref = ref
      self.offset = offset
      self.data = data
      self.total = total
      self.expected = expected
      self.commit = commit
      self.labels = labels
    }
    /// The answer of `Write`.
    public struct Answer: Codable, JSONWritable {
      public var offset: Int64
      public var digest: Digest?
      public init(offset: Int64, digest: Digest?) {
        self.offset = offset
        self.digest = digest
      }
    }
  }

  /// How far an ingest is.
  public struct Status: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Status" }
    public var ref: String
    public init(ref: String) {
      self.ref = ref
    }
    /// The answer of `Status`.
    public struct Answer: Codable, JSONWritable {
      public var status: IngestStatus
      public init(status: IngestStatus) {
        self.status = status
      }
    }
  }

  /// How far all ingests are.
  public struct ListStatuses: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/ListStatuses" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `ListStatuses`.
    public struct Answer: Codable, JSONWritable {
      public var statuses: [IngestStatus]
      public init(statuses: [IngestStatus]) {
        self.statuses = statuses
      }
    }
  }

  /// Gives an ingest up.
  public struct Abort: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.content.v1.Content/Abort" }
    public var ref: String
    public init(ref: String) {
      self.ref = ref
    }
    public typealias Answer = Empty
  }
}
