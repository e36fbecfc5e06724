import CLinux
import Glibc
import Runtime

/// The host as a plan's compiler asks for it, by stat(2) and two small files of procfs.
struct Host: HostFacts, Sendable {
  let cgroups: CgroupLayout

  init() { cgroups = Host.layout() }
  init(cgroups: CgroupLayout) { self.cgroups = cgroups }

  func kind(of path: String) -> HostFileKind? {
    // The kernel would see another, shorter path.
    path.utf8.contains(0) ? nil : HostFile.kind(path)
  }

  /// SELinux is there and decides.
  static var hasSELinux: Bool { access("/sys/fs/selinux/enforce", F_OK) == 0 }
  /// Intel RDT's file system is mounted where it belongs.
  static var hasIntelRdt: Bool { access("/sys/fs/resctrl/schemata", F_OK) == 0 }

  /// systemd is this host's init system (sd_booted(3)).
  static var runsSystemd: Bool { HostFile.kind("/run/systemd/system") == .directory }

  // MARK: cgroups

  static let mountPoint = "/sys/fs/cgroup"

  /// The way that is on each start: /proc/self/cgroup and a statfs(2) for each hierarchy. `mountinfo` can be long, and
  /// is read only where something is not where it usually is.
  static func layout() -> CgroupLayout {
    let text = HostFile.text("/proc/self/cgroup") ?? ""
    if let layout = usual(text) { return layout }
    let layout = CgroupLayout(
      mountinfo: (try? HostFile.read("/proc/self/mountinfo", limit: 16 << 20)).map {
        String(decoding: $0, as: UTF8.self)
      } ?? "",
      cgroup: text, controllers: { HostFile.text($0 + "/cgroup.controllers") })
    // Without any cgroup file system there is no hierarchy to enter.
    return layout ?? CgroupLayout(.v1, hierarchies: [], controllers: [])
  }

  private static func usual(_ text: String) -> CgroupLayout? {
    let memberships = CgroupLayout.memberships(text)
    if fileSystem(mountPoint) == .unified {
      let path = memberships.first { $0.controllers.isEmpty }?.path ?? "/"
      guard path == "/" || exists(mountPoint + path),
        let controllers = HostFile.text(mountPoint + "/cgroup.controllers")
      else { return nil }
      return CgroupLayout(
        .unified, controllers: controllers.split(whereSeparator: \.isWhitespace).map(String.init),
        own: CgroupLayout.own(path, root: "/"))
    }
    var found: [CgroupLayout.Own] = []
    var unified: String?
    for membership in memberships {
      let name: String
      if membership.controllers.isEmpty {
        guard fileSystem(mountPoint + "/unified") == .unified else { continue }
        name = "unified"
      } else {
        var text = ""
        for controller in membership.controllers {
          if !text.isEmpty { text += "," }
          if controller.utf8.starts(with: "name=".utf8) { text += controller.dropFirst(5) } else { text += controller }
        }
        name = text
        guard fileSystem("\(mountPoint)/\(name)") == .hierarchy else { return nil }
      }
      guard membership.path == "/" || exists("\(mountPoint)/\(name)\(membership.path)") else { return nil }
      let own = CgroupLayout.own(membership.path, root: "/")
      if membership.controllers.isEmpty { unified = own } else { found.append(CgroupLayout.Own(name: name, own: own)) }
    }
    return found.isEmpty ? nil : CgroupLayout(mountPoint: mountPoint, hierarchies: found, unified: unified)
  }

  private enum FileSystem { case unified, hierarchy, other }

  private static func fileSystem(_ path: String) -> FileSystem {
    // struct statfs: 15 words, of which f_type is the first.
    let type = withUnsafeTemporaryAllocation(of: Int.self, capacity: 32) { buffer in
      path.withCString { path in
        let result = clinux_call(
          Int(SYS_statfs), Int(bitPattern: path), Int(bitPattern: buffer.baseAddress), 0, 0, 0, 0)
        return result < 0 ? 0 : buffer[0]
      }
    }
    switch type {
    case 0x6367_7270: return .unified
    case 0x27_e0eb: return .hierarchy
    default: return .other
    }
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
