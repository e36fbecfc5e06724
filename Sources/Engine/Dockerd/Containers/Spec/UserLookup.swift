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

  private let passwd: AccountFile
  private let group: AccountFile
  private static let largestID = 2_147_483_647

  /// The contents of the two files; nil when there are none.
  init(passwd: [UInt8]?, group: [UInt8]?) {
    self.passwd = AccountFile(passwd ?? [])
    self.group = AccountFile(group ?? [])
  }

  /// Reads the files below `root`, links resolved within it.
  init(root: String, files: any HostFiles) {
    func read(_ path: String) -> [UInt8]? {
      guard let path = try? files.resolve(path, root: root) else { return nil }
      return try? files.read(path)
    }
    self.init(passwd: read("/etc/passwd"), group: read("/etc/group"))
  }

  /// `user`, `uid`, `user:group`, `uid:gid` or nothing (root). Refuses with
  /// `unable to find user x: no matching entries in passwd file`.
  func find(_ spec: String, adding extra: [String] = []) throws(EngineError) -> User {
    let parts = spec.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let userName = parts.first ?? ""
    let groupName = parts.count > 1 ? parts[1] : ""
    let number = Int(userName)
    var user = User()
    var matched: String?
    let wanted = userName.isEmpty ? 0 : number
    let entry = passwd.first { line in
      guard !line.isComment, let uid = line.number(2), line.number(3) != nil else { return false }
      return wanted.map { $0 == uid } ?? line.has(userName, at: 0)
    }
    if let entry, let uid = entry.number(2), let gid = entry.number(3), let name = entry[0] {
      (user.uid, user.gid) = (UInt32(clamping: uid), UInt32(clamping: gid))
      matched = String(decoding: name, as: UTF8.self)
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
    let entry = group.first { line in
      guard !line.isComment, let gid = line.number(2) else { return false }
      return number.map { $0 == gid } ?? line.has(name, at: 0)
    }
    if let gid = entry?.number(2) { return UInt32(clamping: gid) }
    guard let number else { throw EngineError(.unknown, refusal) }
    return try UserLookup.id(number)
  }

  private func groups(listing user: String) -> [UInt32] {
    var gids: [UInt32] = []
    _ = group.first { line in
      if !line.isComment, line.lists(user, at: 3), let gid = line.number(2).flatMap(UInt32.init(exactly:)) {
        gids.append(gid)
      }
      return false
    }
    return gids
  }
}
