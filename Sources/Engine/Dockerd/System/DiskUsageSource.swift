import JSONTree

/// What one kind of object holds on the disk.
struct DiskUsage: Sendable {
  /// The objects as the Engine API lists them, with their sizes.
  var items: [JSON] = []
  /// How many of them containers use (of containers: how many run).
  var activeCount = 0
  /// Bytes, what is shared counted once.
  var totalSize: Int64 = 0
  /// Bytes that removing what is not used would give back.
  var reclaimable: Int64 = 0

  /// Engine API `ImagesDiskUsage` and its like.
  func json(withItems: Bool) -> JSON {
    var object: JSONObject = [:]
    if activeCount > 0 { object["ActiveCount"] = .int(Int64(activeCount)) }
    if withItems, !items.isEmpty { object["Items"] = .array(items) }
    if reclaimable > 0 { object["Reclaimable"] = .int(reclaimable) }
    if !items.isEmpty { object["TotalCount"] = .int(Int64(items.count)) }
    if totalSize > 0 { object["TotalSize"] = .int(totalSize) }
    return .object(object)
  }
}

/// A service that can say what it holds on the disk, for `GET /system/df`.
protocol DiskUsageSource: Sendable {
  func diskUsage() async throws -> DiskUsage
}
