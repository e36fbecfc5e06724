import Handoff
import JSONTree
import Synchronization

/// An operation of containerd's gRPC API.
public protocol ContainerdOperation: Operation {}

/// The dockerd → containerd seam: containerd.services.*, gRPC on a unix socket.
public protocol ContainerdAPI: Sendable {
  /// Performs `operation` in a containerd namespace (`moby` for Docker). Throws `EngineError`.
  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer
  /// The event stream (containerd.services.events.v1.Events/Subscribe) of one namespace.
  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent>
}

/// The lease under which containerd keeps what a call creates (snapshots, content), so that garbage collection leaves
/// it alone until the lease is deleted. Like the namespace it travels beside the call: `containerd-lease` in the gRPC
/// metadata. Nil: no lease; then what is created and belongs to no image, container or labelled root, nor to anything
/// that does, is garbage, and the next deletion takes it.
///
///     try await ContainerdLease.$current.withValue(lease) { try await containerd.call(Snapshots.Prepare(…), …) }
public enum ContainerdLease {
  @TaskLocal public static var current: String?
}

/// Records every call to containerd.
public struct TracedContainerdAPI: ContainerdAPI {
  private let next: any ContainerdAPI
  private let tap: Tap

  public init(_ next: any ContainerdAPI, tap: Tap) { (self.next, self.tap) = (next, tap) }

  public func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    try await tap.carry(O.name, Namespaced(namespace: namespace, payload: operation), outcome: { .success($0) }) {
      try await next.call(operation, namespace: namespace)
    }
  }

  public func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    try await tap.carry(
      "containerd.services.events.v1.Events/Subscribe", JSON.object(["ns": .string(namespace)]),
      outcome: { (_: AsyncStream<ContainerdEvent>) in .success(Empty()) }
    ) { try await next.events(namespace: namespace) }
  }
}

/// A payload with the namespace that travels beside it, in the gRPC metadata.
private struct Namespaced: JSONWritable {
  let namespace: String
  let payload: any JSONWritable
  var json: JSON {
    var object: JSONObject = ["ns": .string(namespace)]
    object.members += payload.json.object?.members ?? []
    return .object(object)
  }
  func write(to writer: inout JSONWriter) { writer.write(json) }
}

/// What containerd publishes (api/events): the topic and its message.
public struct ContainerdEvent: Sendable, Hashable, Codable, JSONWritable {
  /// Nanoseconds since 1970.
  public var timestamp: UInt64
  /// `/tasks/exit`, `/tasks/oom`, `/images/create`, …
  public var topic: String
  public var namespace: String
  /// The event message's fields. Of tasks: `containerID`; `pid`; of an exec process `execID`; of `/tasks/exit` also
  /// `id` (the exec id, or the container's own for init), `exitStatus` and `exitedAt` (nanoseconds since 1970).
  public var event: JSON

  public init(timestamp: UInt64, topic: String, namespace: String, event: JSON) {
    self.timestamp = timestamp
    self.topic = topic
    self.namespace = namespace
    self.event = event
  }
}

/// Bytes in a message. A trace shows JSON documents as they are, anything else by its size.
public struct Blob: Sendable, Hashable, Codable, JSONWritable {
  public var bytes: [UInt8]
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public var json: JSON {
    if bytes.first == UInt8(ascii: "{"), bytes.count < 65_536, let tree = try? JSON(parsing: bytes) { return tree }
    return ["size": .int(Int64(bytes.count))]
  }
  public func encode(to encoder: any Encoder) throws { try json.encode(to: encoder) }

  /// The documents that were written last, and their text: an image's are read again for each of its containers.
  private static let written = Mutex<[(bytes: [UInt8], text: EncodedJSON)]>([])

  public func write(to writer: inout JSONWriter) {
    guard bytes.count < 65_536 else { return writer.write(json) }
    if let text = Blob.written.withLock({ $0.first { $0.bytes == bytes }?.text }) {
      return writer.write(.encoded(text))
    }
    let text = EncodedJSON(json)
    writer.write(.encoded(text))
    Blob.written.withLock { written in
      if written.count == 8 { written.removeFirst() }
      written.append((bytes, text))
    }
  }
}
