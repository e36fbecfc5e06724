import Runtime

/// How the host's cgroups are mounted, and where in them a process is, from the texts of procfs.
extension CgroupLayout {
  /// A mount of a cgroup hierarchy: a line of `/proc/self/mountinfo`.
  struct Mount: Hashable {
    /// The folder of the hierarchy that is mounted; not `/` in a container without a cgroup namespace.
    var root: String
    var point: String
    var isUnified: Bool
    /// v1: `cpu`, `cpuacct`, `name=systemd`; the mount's options among them.
    var controllers: Set<String>
  }

  /// Where a process is: a line of `/proc/PID/cgroup`. Controllers are empty for v2.
  struct Membership: Hashable {
    var controllers: [String]
    var path: String
  }

  /// Where a process is in one hierarchy.
  struct Own {
    var name: String
    var own: String
  }

  /// Lines `ID:CONTROLLERS:PATH` (cgroups(7)).
  static func memberships(_ text: String) -> [Membership] {
    var text = text
    return text.withUTF8 { bytes in
      var result: [Membership] = []
      func string(_ start: Int, _ end: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
      }
      var start = 0
      while start < bytes.count {
        var (end, first, second) = (start, -1, -1)
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") {
          if bytes[end] == UInt8(ascii: ":") {
            if first < 0 { first = end } else if second < 0 { second = end }
          }
          end += 1
        }
        if second >= 0 {
          var controllers: [String] = []
          var begin = first + 1
          for index in begin...second where index == second || bytes[index] == UInt8(ascii: ",") {
            if begin < index { controllers.append(string(begin, index)) }
            begin = index + 1
          }
          result.append(Membership(controllers: controllers, path: string(second + 1, end)))
        }
        start = end + 1
      }
      return result
    }
  }

  /// The cgroup mounts of a `mountinfo` (proc_pid_mountinfo(5)).
  static func mounts(_ text: String) -> [Mount] {
    var mounts: [Mount] = []
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
        fields.count > dash + 3
      else { continue }
      let type = fields[dash + 1]
      guard type.elementsEqual("cgroup".utf8) || type.elementsEqual("cgroup2".utf8) else { continue }
      let options = fields[dash + 3].split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
      mounts.append(
        Mount(
          root: unescaped(fields[3]), point: unescaped(fields[4]), isUnified: type.elementsEqual("cgroup2".utf8),
          controllers: Set(options)))
    }
    return mounts
  }

  /// `\040` is a space.
  private static func unescaped(_ text: Substring.UTF8View) -> String {
    guard text.contains(UInt8(ascii: "\\")) else { return String(Substring(text)) }
    var (bytes, rest) = ([UInt8](), text[...])
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let code = UInt8(String(Substring(rest.prefix(3))), radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The layout that the texts of `/proc/self/mountinfo` and `/proc/self/cgroup` show; nil when no cgroups are mounted.
  /// `controllers`: what `cgroup.controllers` of v2's root holds, asked for by its path.
  init?(mountinfo: String, cgroup: String, controllers: (String) -> String?) {
    let mounts = CgroupLayout.mounts(mountinfo)
    let memberships = CgroupLayout.memberships(cgroup)
    let hierarchies = mounts.filter { !$0.isUnified }
    let unified = mounts.first { $0.isUnified }
    func own(_ mount: Mount, _ path: String?) -> String { CgroupLayout.own(path ?? "/", root: mount.root) }
    let unifiedPath = memberships.first { $0.controllers.isEmpty }?.path

    guard let first = hierarchies.first else {
      guard let unified else { return nil }
      let names = (controllers(unified.point) ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
      self.init(.unified, mountPoint: unified.point, controllers: names, own: own(unified, unifiedPath))
      return
    }
    // All of them lie in one folder, by what practically every host does; others cannot be had.
    let folder = PathText.parent(first.point)
    var found: [Own] = []
    for mount in hierarchies where PathText.parent(mount.point) == folder {
      guard let member = memberships.first(where: { $0.controllers.contains { mount.controllers.contains($0) } }) else {
        continue
      }
      let name = String(mount.point.utf8.dropFirst(folder.utf8.count + (folder == "/" ? 0 : 1))) ?? ""
      if !found.contains(where: { $0.name == name }) { found.append(Own(name: name, own: own(mount, member.path))) }
    }
    var unifiedOwn: String?
    if let unified, unified.point == PathText.join(folder, "unified") { unifiedOwn = own(unified, unifiedPath) }
    self.init(mountPoint: folder, hierarchies: found, unified: unifiedOwn)
  }

  /// v1 or hybrid: the hierarchies' folders with the own cgroup in each; `unified`: that of v2 below `unified`.
  init(mountPoint: String, hierarchies: [Own], unified: String?) {
    // A dozen at most: each goes behind those that are not entered after it.
    var (sorted, ranks): ([Own], [Int]) = ([], [])
    for hierarchy in hierarchies {
      let rank = CgroupLayout.rank(hierarchy.name)
      var place = sorted.count
      while place > 0, (rank, hierarchy.name) < (ranks[place - 1], sorted[place - 1].name) { place -= 1 }
      sorted.insert(hierarchy, at: place)
      ranks.insert(rank, at: place)
    }
    // The own cgroup that most have is `own`: usually that of all.
    var (own, most) = ("/", 0)
    for hierarchy in sorted {
      var count = 0
      for other in sorted where other.own == hierarchy.own { count += 1 }
      if count > most || count == most && hierarchy.own < own { (own, most) = (hierarchy.own, count) }
    }
    self.init(
      unified == nil ? .v1 : .hybrid, mountPoint: mountPoint, hierarchies: sorted.map(\.name), controllers: [],
      own: own)
    for hierarchy in sorted where hierarchy.own != own { owns[hierarchy.name] = hierarchy.own }
    if let unified, unified != own { owns["unified"] = unified }
  }

  /// A path of `/proc/PID/cgroup`, seen from the root that is mounted: in a container that sees its host's paths, the
  /// mount begins below them.
  static func own(_ path: String, root: String) -> String {
    let path = path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
    // Outside the cgroup namespace there is nothing that could be named.
    if path.utf8.starts(with: "/..".utf8) { return "/" }
    if root == "/" || root.utf8.starts(with: "/..".utf8) { return PathText.rooted(path) }
    if path == root { return "/" }
    return path.utf8.starts(with: (root + "/").utf8) ? String(path.utf8.dropFirst(root.utf8.count)) ?? "/" : "/"
  }

  /// The place of a hierarchy in the order in which they are entered: runc's; named ones last.
  private static func rank(_ name: String) -> Int {
    if let index = usualHierarchies.firstIndex(of: name) { return index }
    // `cpu`, `cpuacct,cpu`: where its first controller usually is.
    let first = name.utf8.firstIndex(of: UInt8(ascii: ",")).map { String(name[..<$0]) } ?? name
    return usualHierarchies.firstIndex {
      $0.utf8.contains(UInt8(ascii: ",")) && $0.split(separator: ",").contains { $0 == first }
    } ?? usualHierarchies.firstIndex(of: first) ?? usualHierarchies.count
  }
}
