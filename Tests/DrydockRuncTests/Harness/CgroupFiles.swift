import Glibc

/// The host's cgroup hierarchies, read from the mount table.
struct CgroupFiles: Sendable {
  struct Hierarchy: Sendable {
    let mountPoint: String
    /// v1: the controllers of this hierarchy (`name=systemd` for the named one). v2: none.
    let controllers: [String]
    let isUnified: Bool
  }

  let hierarchies: [Hierarchy]

  static let host = CgroupFiles()

  init() {
    var found: [Hierarchy] = []
    for line in Files.textIfAny("/proc/self/mountinfo")?.lines ?? [] {
      let words = line.words
      guard let dash = words.firstIndex(of: "-"), words.count > dash + 3 else { continue }
      let type = words[dash + 1]
      guard type == "cgroup" || type == "cgroup2" else { continue }
      let options = words[dash + 3].split(separator: ",").map(String.init)
      found.append(
        Hierarchy(
          mountPoint: words[4], controllers: type == "cgroup" ? options.filter { $0 != "rw" && $0 != "ro" } : [],
          isUnified: type == "cgroup2"))
    }
    hierarchies = found
  }

  /// True when controllers live in a v1 hierarchy.
  var isV1: Bool { hierarchies.contains { !$0.isUnified && $0.controllers != ["name=systemd"] } }

  /// The folder of `path` for a controller.
  func folder(_ controller: String, _ path: String) -> String? {
    if let v1 = hierarchies.first(where: { $0.controllers.contains(controller) }) { return v1.mountPoint + path }
    guard !isV1, let unified = hierarchies.first(where: \.isUnified) else { return nil }
    return unified.mountPoint + path
  }

  /// The text of a control file, without the newline.
  func value(_ controller: String, _ path: String, v1: String, v2: String) -> String? {
    guard let folder = folder(controller, path) else { return nil }
    return Files.textIfAny("\(folder)/\(isV1 ? v1 : v2)")?.trimmed
  }

  /// Every folder, in every hierarchy, whose name begins with `prefix`, at the top and inside the cgroups of this process.
  func folders(prefix: String) -> [String] {
    var all: [String] = []
    for hierarchy in hierarchies { Self.search(hierarchy.mountPoint, prefix, depth: 3, &all) }
    return all
  }

  private static func search(_ folder: String, _ prefix: String, depth: Int, _ found: inout [String]) {
    for name in Files.names(in: folder) {
      let path = "\(folder)/\(name)"
      guard let status = try? Files.status(path), status.st_mode & S_IFMT == S_IFDIR else { continue }
      if depth > 1 || name.hasPrefix(prefix) { search(path, prefix, depth: depth - 1, &found) }
      if name.hasPrefix(prefix) { found.append(path) }
    }
  }

  /// Kills whatever is in a cgroup folder and removes it.
  static func destroy(_ folder: String) {
    for name in Files.names(in: folder) {
      if let status = try? Files.status("\(folder)/\(name)"), status.st_mode & S_IFMT == S_IFDIR {
        destroy("\(folder)/\(name)")
      }
    }
    _ = becomesTrue(within: 5) {
      try? Files.write("THAWED", to: "\(folder)/freezer.state")
      try? Files.write("0", to: "\(folder)/cgroup.freeze")
      for word in Files.textIfAny("\(folder)/cgroup.procs")?.words ?? [] {
        if let pid = pid_t(word), pid > 1, pid != getpid() { kill(pid, SIGKILL) }
      }
      return rmdir(folder) == 0 || errno == ENOENT
    }
  }
}
