import JSONTree

/// One thing that a part can be asked to do over a seam: its name on the wire, its arguments, its answer.
public protocol Operation: JSONWritable {
  associatedtype Answer: JSONWritable
  /// The name on the wire, e.g. `containerd.services.tasks.v1.Tasks/Start`.
  static var name: String { get }
}

/// An answer that says nothing (google.protobuf.Empty).
public struct Empty: Codable, Hashable, JSONWritable {
  public init() {}
  public func write(to writer: inout JSONWriter) { writer.raw("{}") }
  public var json: JSON { .object([:]) }
}
