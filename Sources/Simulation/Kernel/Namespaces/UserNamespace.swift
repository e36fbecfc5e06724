import Runtime

/// Users, groups and capabilities (user_namespaces(7)).
final class UserNamespace: Namespace {
  let above: UserNamespace?
  let level: Int
  /// The user (kuid) who made it, and so has every capability in it.
  let creator: UInt32
  let creatorGroup: UInt32
  private(set) var uidMap: [Range] = []
  private(set) var gidMap: [Range] = []
  /// setgroups(2) is allowed: `/proc/PID/setgroups`.
  var allowsSetgroups: Bool

  /// A line of a map, its lower side already in the kernel's own numbers.
  struct Range: Sendable, Hashable {
    var first: UInt32
    /// The number in the parent namespace, as it was written.
    var lower: UInt32
    /// The kernel's own number.
    var kernelID: UInt32
    var count: UInt32
  }

  /// What a number that has no name here looks like.
  static let overflow: UInt32 = 65534

  init(_ kernel: KernelState, above: UserNamespace?, creator: UInt32, creatorGroup: UInt32, number: UInt64? = nil) {
    (self.above, self.creator, self.creatorGroup) = (above, creator, creatorGroup)
    level = (above?.level ?? -1) + 1
    allowsSetgroups = above?.allowsSetgroups ?? true
    if above == nil {
      let all = Range(first: 0, lower: 0, kernelID: 0, count: .max)
      (uidMap, gidMap) = ([all], [all])
    }
    super.init(kernel, .user, owner: above, number: number)
  }

  var isInitial: Bool { above == nil }

  /// A user's number here → the kernel's; nil when it is not mapped.
  func kernelUser(_ id: UInt32) -> UInt32? { above == nil ? id : UserNamespace.lower(id, uidMap) }
  func kernelGroup(_ id: UInt32) -> UInt32? { above == nil ? id : UserNamespace.lower(id, gidMap) }
  /// The kernel's number → the one here, 65534 when there is none.
  func user(_ kernelID: UInt32) -> UInt32 {
    above == nil ? kernelID : UserNamespace.upper(kernelID, uidMap) ?? UserNamespace.overflow
  }
  func group(_ kernelID: UInt32) -> UInt32 {
    above == nil ? kernelID : UserNamespace.upper(kernelID, gidMap) ?? UserNamespace.overflow
  }
  func maps(user kernelID: UInt32, group: UInt32) -> Bool {
    above == nil || (UserNamespace.upper(kernelID, uidMap) != nil && UserNamespace.upper(group, gidMap) != nil)
  }

  private static func lower(_ id: UInt32, _ map: [Range]) -> UInt32? {
    for range in map where id >= range.first && id - range.first < range.count {
      return range.kernelID &+ (id - range.first)
    }
    return nil
  }
  private static func upper(_ id: UInt32, _ map: [Range]) -> UInt32? {
    for range in map where id >= range.kernelID && id - range.kernelID < range.count {
      return range.first &+ (id - range.kernelID)
    }
    return nil
  }

  /// Whether this is `ancestor` or below it.
  func isWithin(_ ancestor: UserNamespace) -> Bool {
    var here: UserNamespace? = self
    while let namespace = here {
      if namespace === ancestor { return true }
      here = namespace.above
    }
    return false
  }

  /// What `/proc/PID/uid_map` shows.
  func text(_ map: [Range]) -> String {
    map.map { "\(pad($0.first, 10)) \(pad($0.lower, 10)) \(pad($0.count, 10))\n" }.joined()
  }

  /// Writing `/proc/PID/uid_map` or `gid_map`: once, and as user_namespaces(7) allows.
  func setMap(_ text: String, groups: Bool, by writer: LinuxProcess) throws(Errno) {
    guard let above, (groups ? gidMap : uidMap).isEmpty else { throw .EPERM }
    var ranges: [Range] = []
    for line in text.split(separator: "\n") {
      let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard fields.count == 3, let first = UInt32(fields[0]), let lower = UInt32(fields[1]),
        let count = UInt32(fields[2]), count > 0, first <= .max - (count - 1), lower <= .max - (count - 1)
      else { throw .EINVAL }
      for range in ranges {
        let overlap = first < UInt64(range.first) + UInt64(range.count) && range.first < UInt64(first) + UInt64(count)
        if overlap { throw .EINVAL }
      }
      ranges.append(Range(first: first, lower: lower, kernelID: 0, count: count))
    }
    guard !ranges.isEmpty, ranges.count <= 340 else { throw .EINVAL }
    let credentials = writer.credentials
    guard credentials.has(.sysAdmin, in: self) else { throw .EPERM }
    guard credentials.userNamespace === self || credentials.userNamespace === above else { throw .EPERM }
    let isPrivileged = credentials.has(groups ? .setgid : .setuid, in: above)
    if !isPrivileged {
      let own = groups ? above.group(credentials.egid) : above.user(credentials.euid)
      guard ranges.count == 1, ranges[0].count == 1, ranges[0].lower == own else { throw .EPERM }
      if groups, allowsSetgroups { throw .EPERM }
    }
    for index in ranges.indices {
      let map = groups ? above.gidMap : above.uidMap
      let lower = ranges[index].lower
      guard let low = above.isInitial ? lower : UserNamespace.lower(lower, map),
        let high = above.isInitial
          ? lower &+ (ranges[index].count - 1) : UserNamespace.lower(lower &+ (ranges[index].count - 1), map),
        high &- low == ranges[index].count - 1
      else { throw .EPERM }
      ranges[index].kernelID = low
    }
    if groups { gidMap = ranges } else { uidMap = ranges }
  }
}

/// `value`, right-aligned in `width` columns.
func pad(_ value: some CustomStringConvertible, _ width: Int) -> String {
  let text = value.description
  return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
}
