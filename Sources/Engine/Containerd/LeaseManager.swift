import JSONTree
import OCISpec
import Seams
import Synchronization

/// `containerd.services.leases.v1.Leases`: what a lease holds, garbage collection leaves alone.
final class LeaseManager: Sendable {
  private struct Lease: Codable, JSONWritable {
    var id: String
    var labels: [String: String]
    var createdAt: UInt64
    var resources: [LeaseResource]
    /// When it ends by its label `containerd.io/gc.expire` (RFC 3339), in nanoseconds since 1970.
    var expires: UInt64?
  }
  private struct State {
    var leases: [String: Lease] = [:]
    /// Those that end by themselves, and when.
    var expiring: [String: UInt64] = [:]
  }
  private let core: ContainerdCore
  private let graph: ResourceGraph
  private let state = Mutex(State())
  private let bucket: String
  private let snapshotType: String

  init(_ namespace: String, core: ContainerdCore, graph: ResourceGraph) {
    (self.core, self.graph) = (core, graph)
    bucket = "containerd/\(namespace)/leases"
    snapshotType = "snapshots/\(core.configuration.snapshotter)"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Leases.Create.self) { .init(id: try $1.leases.create($0.id, $0.labels)) }
    handlers.on(Leases.Delete.self) {
      try $1.leases.delete($0.id)
      await $1.collectGarbage()
      return Empty()
    }
    handlers.on(Leases.List.self) { .init(ids: try $1.leases.list($0.filters)) }
    handlers.on(Leases.AddResource.self) {
      try $1.leases.add(LeaseResource(id: $0.resourceId, type: $0.resourceType), to: $0.id)
      return Empty()
    }
    handlers.on(Leases.DeleteResource.self) {
      try $1.leases.remove(LeaseResource(id: $0.resourceId, type: $0.resourceType), from: $0.id)
      return Empty()
    }
    handlers.on(Leases.ListResources.self) { .init(resources: try $1.leases.get($0.id).resources.sorted(by: order)) }
  }

  func load() throws {
    for (id, value) in try core.store.load(bucket) {
      guard let lease: Lease = try? value.decode() else { continue }
      state.withLock { state in
        state.leases[id] = lease
        state.expiring[id] = lease.expires
      }
      graph.replace([], with: lease.resources.compactMap { resource($0) })
    }
  }

  /// Leases of earlier processes, other than `owned`, end `lifetime` nanoseconds after they were made.
  func limit(_ lifetime: UInt64, except owned: (String) -> Bool) {
    state.withLock { state in
      for (id, lease) in state.leases where lease.expires == nil && !owned(id) {
        state.expiring[id] = lease.createdAt &+ lifetime
      }
    }
  }

  /// Ends the leases of earlier processes, other than `owned`, under which nobody will go on: only what pulls have
  /// brought is of use to the next one, and those say so by a label.
  func endAbandoned(except owned: (String) -> Bool) throws {
    let ids = state.withLock { state in
      state.leases.values.filter { $0.expires == nil && $0.labels["moby/prune.images"] == nil }.map(\.id)
    }
    for id in ids.sorted() where !owned(id) { try delete(id) }
  }

  private func get(_ id: String) throws -> Lease {
    guard let lease = state.withLock({ $0.leases[id] }) else { throw notFound("lease \"\(id)\"") }
    return lease
  }

  /// An empty id asks for a random one.
  @discardableResult
  func create(_ id: String, _ labels: [String: String] = [:]) throws -> String {
    try validateLabels(labels)
    let id = id.isEmpty ? "\(core.world.unixTime)-\(core.world.hexID(8))" : id
    let lease = Lease(
      id: id, labels: labels, createdAt: core.world.unixTime, resources: [],
      expires: labels["containerd.io/gc.expire"].flatMap(nanoseconds(rfc3339:)))
    try state.withLock { state in
      guard state.leases[id] == nil else { throw alreadyExists("lease \"\(id)\"") }
      state.leases[id] = lease
      state.expiring[id] = lease.expires
    }
    try core.store.writeSoon([.put(bucket, id, lease)])
    return id
  }

  func delete(_ id: String) throws {
    let lease = state.withLock { state in
      state.expiring[id] = nil
      return state.leases.removeValue(forKey: id)
    }
    guard let lease else { throw notFound("lease \"\(id)\"") }
    // Also where a full disk has no room to write it down: an engine that starts anew ends it again.
    graph.replace(lease.resources.compactMap { resource($0) }, with: [])
    try core.store.writeSoon([.remove(bucket, id)])
  }

  private func list(_ filters: [String]) throws -> [String] {
    let filter = try ContainerdFilters(filters)
    return state.withLock { Array($0.leases.values) }
      .filter { lease in filter.match { $0 == ["id"] ? lease.id : labelField($0, lease.labels) } }
      .map(\.id).sorted()
  }

  /// Ends leases whose time is over.
  func expire() {
    let over = state.withLock { state -> [String] in
      if state.expiring.isEmpty { return [] }
      let now = core.world.unixTime
      return state.expiring.filter { $0.value <= now }.map(\.key).sorted()
    }
    for id in over { try? delete(id) }
  }

  // MARK: What they hold

  private func resource(_ resource: LeaseResource) -> GarbageResource? {
    switch resource.type {
    case "content": Digest(resource.id).map { .content($0) }
    case snapshotType: .snapshot(resource.id)
    default: nil
    }
  }

  /// The lease under which the running code works, if any, holds `resource` from now on.
  func hold(_ resource: GarbageResource) throws {
    guard let id = ContainerdLease.current else { return }
    switch resource {
    case .content(let digest): try add(LeaseResource(id: digest.description, type: "content"), to: id)
    case .snapshot(let key): try add(LeaseResource(id: key, type: snapshotType), to: id)
    }
  }

  private func add(_ given: LeaseResource, to id: String) throws {
    switch given.type {
    case "content":
      guard Digest(given.id) != nil else { throw invalidArgument("invalid content resource id \(given.id)") }
    case snapshotType, "ingests", "images": break
    default:
      throw EngineError(.notImplemented, "resource type \"\(given.type)\" not supported yet: not implemented")
    }
    let changed: Lease? = try state.withLock { state in
      guard let lease = state.leases[id] else { throw notFound("lease \"\(id)\"") }
      if lease.resources.contains(given) { return nil }
      state.leases[id]?.resources.append(given)
      return state.leases[id]
    }
    guard let changed else { return }
    try core.store.writeSoon([.put(bucket, id, changed)])
    if let resource = resource(given) { graph.replace([], with: [resource]) }
  }

  private func remove(_ given: LeaseResource, from id: String) throws {
    let changed: Lease? = try state.withLock { state in
      guard let lease = state.leases[id] else { throw notFound("lease \"\(id)\"") }
      guard let index = lease.resources.firstIndex(of: given) else { return nil }
      state.leases[id]?.resources.remove(at: index)
      return state.leases[id]
    }
    guard let changed else { return }
    try core.store.writeSoon([.put(bucket, id, changed)])
    if let resource = resource(given) { graph.replace([resource], with: []) }
  }

  private static func order(_ a: LeaseResource, _ b: LeaseResource) -> Bool { (a.type, a.id) < (b.type, b.id) }
}

/// A time of RFC 3339 (`2026-01-01T00:00:00.5Z`, `…+02:00`) in nanoseconds since 1970; nil when malformed or earlier.
func nanoseconds(rfc3339 text: String) -> UInt64? {
  let bytes = Array(text.utf8)
  guard bytes.count >= 20, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[10] == 0x54 || bytes[10] == 0x74,
    bytes[13] == 0x3a, bytes[16] == 0x3a
  else { return nil }
  func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
  guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
    let minute = number(14..<16), let second = number(17..<19), (1970...2500).contains(year), (1...12).contains(month),
    (1...31).contains(day), (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
  else { return nil }
  var index = 19
  var fraction = 0
  if bytes[index] == UInt8(ascii: ".") {
    index += 1
    var digits = 0
    while index < bytes.count, (0x30...0x39).contains(bytes[index]) {
      if digits < 9 {
        fraction = fraction * 10 + Int(bytes[index] - 0x30)
        digits += 1
      }
      index += 1
    }
    while digits < 9 { (fraction, digits) = (fraction * 10, digits + 1) }
  }
  var offset = 0
  switch index < bytes.count ? bytes[index] : 0 {
  case UInt8(ascii: "Z"), UInt8(ascii: "z"): break
  case UInt8(ascii: "+"), UInt8(ascii: "-"):
    guard bytes.count == index + 6, let hours = number(index + 1..<index + 3),
      let minutes = number(index + 4..<index + 6), (0...23).contains(hours), (0...59).contains(minutes)
    else { return nil }
    offset = (hours * 60 + minutes) * 60 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
  default: return nil
  }
  let seconds = unixSeconds(year: year, month: month, day: day) + hour * 3600 + minute * 60 + second - offset
  return seconds < 0 ? nil : UInt64(seconds) * 1_000_000_000 + UInt64(fraction)
}
