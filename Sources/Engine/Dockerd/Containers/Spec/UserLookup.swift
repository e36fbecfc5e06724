import Seams

/// The user that a process runs as, found in the image's `/etc/passwd` and `/etc/group` (moby/sys/user).
struct UserLookup: Sendable {
  /// Numeric ids.
  struct User: Sendable, Hashable {
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    /// Groups that list the user, and those of `--group-add`.
    var groups: [UInt32] = []

    /// `additionalGids` of the runtime spec: the own group comes first.
    var additionalGids: [UInt32] { [gid] + groups }
  }

  private let passwd: [Substring]
  private let group: [Substring]
  private static let largestID = 2_147_483_647

  /// The contents of the two files; nil when there are none.
  init(passwd: [UInt8]?, group: [UInt8]?) {
    self.passwd = UserLookup.lines(passwd)
    self.group = UserLookup.lines(group)
  }

  /// Reads the files below `root`, links resolved within it.
  init(root: String, files: any HostFiles) {
    func read(_ path: String) -> [UInt8]? {
      guard let path = try? files.resolve(path, root: root) else { return nil }
      return try? files.read(path)
    }
    self.init(passwd: read("/etc/passwd"), group: read("/etc/group"))
  }

  private static func lines(_ bytes: [UInt8]?) -> [Substring] {
    guard let bytes else { return [] }
    return Substring(decoding: bytes, as: UTF8.self).utf8.split(separator: UInt8(ascii: "\n"))
      .filter { $0.first != UInt8(ascii: "#") }.map { Substring($0) }
  }

  /// Byte by byte: looking for characters costs ten times as much, and every start of a container looks.
  private static func fields(_ line: Substring) -> [Substring] {
    line.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { Substring($0) }
  }

  /// `user`, `uid`, `user:group`, `uid:gid` or nothing (root). Refuses with
  /// `unable to find user x: no matching entries in passwd file`.
  func find(_ spec: String, adding extra: [String] = []) throws(EngineError) -> User {
    let parts = spec.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let userName = parts.first ?? ""
    let groupName = parts.count > 1 ? parts[1] : ""
    let number = Int(userName)
    var user = User()
    var matched: Substring?
    let wanted = userName.isEmpty ? 0 : number
    for line in passwd {
      let fields = UserLookup.fields(line)
      guard fields.count >= 4, let uid = Int(fields[2]), let gid = Int(fields[3]) else { continue }
      guard wanted.map({ $0 == uid }) ?? (fields[0] == userName) else { continue }
      (user.uid, user.gid) = (UInt32(clamping: uid), UInt32(clamping: gid))
      matched = fields[0]
      break
    }
    if matched == nil, !userName.isEmpty {
      guard let number else {
        throw EngineError(.unknown, "unable to find user \(userName): no matching entries in passwd file")
      }
      user.uid = try UserLookup.id(number)
    }
    if !groupName.isEmpty {
      user.gid = try findGroup(groupName, "unable to find group \(groupName): no matching entries in group file")
    } else if let matched {
      user.groups = groups(listing: matched)
    }
    for name in extra {
      user.groups.append(try findGroup(Substring(name), "Unable to find group \(name)"))
    }
    return user
  }

  private static func id(_ number: Int) throws(EngineError) -> UInt32 {
    guard (0...largestID).contains(number) else {
      throw EngineError(.unknown, "uids and gids must be in range 0-\(largestID)")
    }
    return UInt32(number)
  }

  private func findGroup(_ name: Substring, _ refusal: String) throws(EngineError) -> UInt32 {
    let number = Int(name)
    for line in group {
      let fields = UserLookup.fields(line)
      guard fields.count >= 3, let gid = Int(fields[2]) else { continue }
      if number.map({ $0 == gid }) ?? (fields[0] == name) { return UInt32(clamping: gid) }
    }
    guard let number else { throw EngineError(.unknown, refusal) }
    return try UserLookup.id(number)
  }

  private func groups(listing user: Substring) -> [UInt32] {
    var gids: [UInt32] = []
    for line in group {
      let fields = UserLookup.fields(line)
      guard fields.count >= 4, let gid = UInt32(fields[2]) else { continue }
      if !fields[3].isEmpty, fields[3].split(separator: ",").contains(user) { gids.append(gid) }
    }
    return gids
  }
}
