/// What a file of the host is, as far as a plan depends on it.
public enum HostFileKind: Sendable, Hashable { case file, directory, other }

/// What a plan must know of the host. Asked while compiling, never afterwards.
public protocol HostFacts {
  var cgroups: CgroupLayout { get }
  /// What is at `path`, links followed, as the runtime sees it; nil when nothing is.
  func kind(of path: String) -> HostFileKind?
}

/// A host that is known beforehand: for `explain`, tests, and comparing plans.
public struct AssumedHost: HostFacts, Sendable {
  public var cgroups: CgroupLayout
  /// What is said of these paths; the others are taken for files when their last component has a dot or is one of
  /// `hostname` and `hosts` (what Docker binds), and for folders otherwise.
  public var kinds: [String: HostFileKind]
  /// Paths below which nothing exists.
  public var missing: Set<String>
  public init(
    cgroups: CgroupLayout = CgroupLayout(.unified), kinds: [String: HostFileKind] = [:], missing: Set<String> = []
  ) {
    (self.cgroups, self.kinds, self.missing) = (cgroups, kinds, missing)
  }

  public func kind(of path: String) -> HostFileKind? {
    if missing.contains(path) { return nil }
    if let kind = kinds[path] { return kind }
    let name = path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }
    let isFile = name.contains(UInt8(ascii: ".")) || path.hasSuffix("/hostname") || path.hasSuffix("/hosts")
    return isFile ? .file : .directory
  }
}

/// How a host's cgroups are mounted.
public struct CgroupLayout: Sendable, Hashable {
  /// cgroups(7): v1 has a hierarchy a controller, `unified` is v2, `hybrid` is v1 with an additional v2 without
  /// controllers.
  public enum Version: String, Sendable, Hashable { case v1, hybrid, unified }
  public var version: Version
  /// `/sys/fs/cgroup`.
  public var mountPoint: String
  /// v1: the folder names below `mountPoint`; co-mounted controllers are `cpu,cpuacct`.
  public var hierarchies: [String]
  /// v2: what `cgroup.controllers` of the root lists.
  public var controllers: [String]
  /// The runtime's own cgroup, to which a relative `cgroupsPath` belongs: `/system.slice/docker.service`.
  public var own: String
  /// v1: where the own cgroup is another in some hierarchies, by their folder names. Empty: `own` everywhere.
  public var owns: [String: String] = [:]

  /// The runtime's own cgroup in a hierarchy.
  public func own(in hierarchy: String) -> String { owns[hierarchy] ?? own }

  public init(
    _ version: Version, mountPoint: String = "/sys/fs/cgroup", hierarchies: [String]? = nil,
    controllers: [String]? = nil, own: String = "/"
  ) {
    (self.version, self.mountPoint, self.own) = (version, mountPoint, own)
    self.hierarchies = version == .unified ? [] : hierarchies ?? CgroupLayout.usualHierarchies
    self.controllers = controllers ?? CgroupLayout.usualControllers
  }

  public static let usualControllers = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"]
  public static let usualHierarchies = [
    "cpuset", "devices", "memory", "cpu,cpuacct", "pids", "blkio", "hugetlb", "net_cls,net_prio", "perf_event",
    "freezer", "rdma", "systemd",
  ]

  /// The folder of the v1 hierarchy that has a controller.
  func hierarchy(of controller: String) -> String? {
    if hierarchies.contains(controller) { return controller }
    // Splitting costs, and few names are lists.
    return hierarchies.first { name in
      name.utf8.contains(UInt8(ascii: ",")) && name.split(separator: ",").contains { $0 == controller }
    }
  }
}
