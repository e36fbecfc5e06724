import JSONTree
import Seams

/// The seam between the two cores where they are libraries of one engine: nothing is recorded of it, but what the engine
/// does its own way is changed on the way down.
struct EngineSeam: ContainerdAPI {
  let next: any ContainerdAPI
  /// Changes a container's config.json into that which the engine would write.
  var spec: @Sendable (_ id: String, _ spec: inout JSONObject) -> Void = { _, _ in }
  /// Before a container's layer is removed, and so the container.
  var removing: @Sendable (_ id: String) async -> Void = { _ in }

  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    switch operation {
    case let create as Containers.Create:
      var record = create.container
      record.spec = rewritten(record.spec) { spec(record.id, &$0) }
      return try answer(try await next.call(Containers.Create(container: record), namespace: namespace))
    case let delete as Leases.Delete where isContainer(delete.id):
      await removing(delete.id)
      return try await next.call(operation, namespace: namespace)
    case let prepare as Snapshots.Prepare:
      return try await SnapshotName.$current.withValue(prepare.key) {
        try await next.call(operation, namespace: namespace)
      }
    default:
      return try await next.call(operation, namespace: namespace)
    }
  }

  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    try await next.events(namespace: namespace)
  }
}

/// The key of the snapshot that is being made, for drivers that name layers by it.
enum SnapshotName {
  @TaskLocal static var current: String?
}

/// A container's lease is called as the container: 64 hexadecimal digits.
func isContainer(_ lease: String) -> Bool {
  lease.utf8.count == 64 && lease.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}

/// An answer as the operation's own type.
func answer<A: Sendable, B>(_ value: A) throws -> B {
  guard let same = value as? B else { throw EngineError(.unknown, "unexpected answer \(A.self)") }
  return same
}

/// A JSON object with `change` made to it.
func rewritten(_ json: JSON, _ change: (inout JSONObject) -> Void) -> JSON {
  var object: JSONObject
  switch json {
  case .object(let members): object = members
  case .encoded(let encoded):
    guard let tree = try? JSON(parsing: encoded.bytes), case .object(let members) = tree else { return json }
    object = members
  default: return json
  }
  change(&object)
  return .object(object)
}

extension JSONObject {
  /// Changes the object `key`, an empty one when there is none.
  mutating func change(_ key: String, _ body: (inout JSONObject) -> Void) {
    var object = self[key]?.object ?? JSONObject()
    body(&object)
    self[key] = .object(object)
  }

  /// The path of a namespace in a config.json: it is joined instead of made.
  mutating func join(namespace kind: String, path: String) {
    change("linux") { linux in
      linux["namespaces"] = .array(
        (linux["namespaces"]?.array ?? []).map { namespace in
          namespace["type"]?.string == kind ? ["type": .string(kind), "path": .string(path)] : namespace
        })
    }
  }
}
