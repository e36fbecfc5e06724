import JSONTree
import OCISpec

/// The folders of a container's cgroup.
public struct CgroupPaths: Sendable, Hashable {
  public var layout: CgroupLayout
  /// The cgroup within its hierarchies: `/docker/0123…`.
  public var inner: String
  /// v1: the path below the runtime's own cgroup, which can be another in each hierarchy; nil when `inner` counts
  /// everywhere.
  public var relative: String?

  public init(layout: CgroupLayout, inner: String, relative: String? = nil) {
    (self.layout, self.inner, self.relative) = (layout, inner, relative)
  }

  /// From `cgroupsPath` of config.json. Absolute: below the hierarchies' roots. Relative: below the runtime's own
  /// cgroup (v1) or beside it (v2). Empty: named after the container.
  init(_ cgroupsPath: String, id: String, layout: CgroupLayout, systemd: Bool) throws(PlanError) {
    self.layout = layout
    if systemd {
      inner = CgroupPaths.ofSystemd(cgroupsPath, id: id)
      return
    }
    let path = PathText.confined(cgroupsPath.isEmpty ? id : cgroupsPath)
    guard !path.isEmpty, path != "/" else { throw PlanError("cgroupsPath \"\(cgroupsPath)\" names the root cgroup") }
    if path.utf8.first == UInt8(ascii: "/") {
      inner = path
    } else {
      let own = layout.version == .unified ? PathText.parent(layout.own) : layout.own
      inner = PathText.join(own, path)
      if layout.version != .unified, !layout.owns.isEmpty { relative = path }
    }
    if inner.utf8.first != UInt8(ascii: "/") { inner = "/" + inner }
  }

  /// `slice:prefix:name`: a scope unit in a slice, whose folders are `a.slice/a-b.slice`.
  private static func ofSystemd(_ text: String, id: String) -> String {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let (slice, prefix, name) = parts.count == 3 ? (parts[0], parts[1], parts[2]) : ("", "runc", id)
    var folders = ""
    var prefixes = ""
    for part in (slice.isEmpty ? "system.slice" : slice).replacingSuffix(".slice").split(separator: "-") {
      prefixes += prefixes.isEmpty ? String(part) : "-\(part)"
      folders += "/\(prefixes).slice"
    }
    return "\(folders)/\(prefix.isEmpty ? name : "\(prefix)-\(name)").scope"
  }

  /// The folder in a hierarchy of v1 (or hybrid's `unified`), by the hierarchy's own folder.
  public func folder(in hierarchy: String) -> String {
    let root = PathText.join(layout.mountPoint, hierarchy)
    guard let relative else { return PathText.join(root, inner) }
    return PathText.join(PathText.join(root, layout.own(in: hierarchy)), relative)
  }

  /// The folder in v2 (alone or hybrid); nil when there is none.
  public var unified: String? {
    switch layout.version {
    case .unified: PathText.join(layout.mountPoint, inner)
    case .hybrid: folder(in: "unified")
    case .v1: nil
    }
  }

  /// Every folder, in the order in which runc enters them.
  public var all: [String] {
    var paths = layout.hierarchies.map(folder(in:))
    if let unified { paths.append(unified) }
    return paths
  }

  /// The folder in which a controller's files are; nil when the host does not have it.
  public func path(of controller: String) -> String? {
    if layout.version == .unified { return unified }
    return layout.hierarchy(of: controller).map(folder(in:))
  }

  /// The folder whose members are the container's processes.
  public var members: String { unified ?? path(of: "devices") ?? all.first ?? "" }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}

extension PlanBuilder {
  /// Makes the container's cgroup and puts the process of `member` in; its children will follow.
  mutating func enterCgroups(_ member: Role, joins: Bool = true) {
    phase = .cgroup
    let failing = Step.Failure.context("unable to apply cgroup configuration")
    if cgroups.layout.version != .unified { enterHierarchies(member, failing) }
    makeUnified(failing)
    guard joins, let path = cgroups.unified else { return }
    add(
      .writeFile(path: KernelPath(path + "/cgroup.procs"), contents: "{pid}"),
      "The first process enters its cgroup before it has children, so that none can escape the limits",
      tolerating: cgroupTolerance, failing: failing, binding: .pidOf(member))
  }

  /// The container's cgroup in v2 (alone or hybrid), without members.
  mutating func makeUnified(_ failing: Step.Failure = .context("unable to apply cgroup configuration")) {
    phase = .cgroup
    guard let path = cgroups.unified else { return }
    let root =
      cgroups.layout.version == .hybrid
      ? PathText.join(cgroups.layout.mountPoint, "unified")
      : cgroups.layout.mountPoint
    let unified = cgroups.layout.version == .unified
    let enable = unified ? "+" + cgroups.layout.controllers.joined(separator: " +") : ""
    var folders = PathText.parents(path).filter { $0.utf8.count > root.utf8.count }
    if unified { delegate(root, enable) }
    for folder in folders {
      add(
        .mkdir(path: KernelPath(folder), mode: 0o755), "The cgroups above the container's", if: .missing(.init(folder)),
        tolerating: cgroupTolerance.union(.exists), failing: failing)
      if unified { delegate(folder, enable) }
    }
    folders.removeAll()
    add(
      .mkdir(path: KernelPath(path), mode: 0o755), "A cgroup of the container's own",
      tolerating: cgroupTolerance.union(.exists), failing: failing)
  }

  /// Without root, cgroups that cannot be had are done without.
  var cgroupTolerance: Step.Tolerance {
    options.rootlessCgroups && linux.cgroupsPath.isEmpty ? [.permission, .missing] : []
  }

  private mutating func delegate(_ folder: String, _ controllers: String) {
    add(
      .writeFile(path: KernelPath(folder + "/cgroup.subtree_control"), contents: controllers),
      "A cgroup has the controllers that its parent hands down", tolerating: .any)
    guard flavour == .drydock else { return }
    let refused = steps.count - 1
    for controller in controllers.split(separator: " ") {
      add(
        .writeFile(path: KernelPath(folder + "/cgroup.subtree_control"), contents: String(controller)),
        "Not all of them at once: then each one that can be had", if: .refused(refused), tolerating: .any)
    }
  }

  /// The container's cgroup in every hierarchy of v1, without members: see `enterHierarchiesItself`.
  mutating func makeHierarchies() {
    phase = .cgroup
    makeHierarchies(joinedBy: nil, .context("unable to apply cgroup configuration"))
  }

  /// The process of the current role enters the container's cgroup in every hierarchy of v1.
  ///
  /// A process that has one thread and moves itself (`0` into `tasks`) spares the kernel the lock that keeps all other
  /// threads from forking and ending, and with it the wait for an RCU grace period that a write of another's pid into
  /// `cgroup.procs` takes: 0.3 ms for ten hierarchies instead of 2 to 8. The container's process has opened the files
  /// before it can be in a user namespace (the kernel looks at who opened them).
  mutating func enterHierarchiesItself() {
    phase = .cgroup
    for hierarchy in cgroups.layout.hierarchies {
      let path = cgroups.folder(in: hierarchy)
      add(
        .writeFile(path: KernelPath(path + "/tasks"), contents: "0"),
        "The first process enters its cgroup by itself, which is ten times faster, and before it has children",
        tolerating: cgroupTolerance, failing: .context("unable to apply cgroup configuration"))
    }
  }

  private mutating func enterHierarchies(_ member: Role, _ failing: Step.Failure) {
    makeHierarchies(joinedBy: member, failing)
  }

  private mutating func makeHierarchies(joinedBy member: Role?, _ failing: Step.Failure) {
    for hierarchy in cgroups.layout.hierarchies {
      let root = PathText.join(cgroups.layout.mountPoint, hierarchy)
      let path = cgroups.folder(in: hierarchy)
      for folder in PathText.parents(path) where folder.utf8.count > root.utf8.count {
        add(
          .mkdir(path: KernelPath(folder), mode: 0o755), "The cgroups above the container's",
          if: .missing(.init(folder)), tolerating: cgroupTolerance.union(.exists), failing: failing)
        if hierarchy == "cpuset" { inheritCpuset(folder, failing, if: .previousDone) }
      }
      add(
        .mkdir(path: KernelPath(path), mode: 0o755), "A cgroup of the container's own in each hierarchy of v1",
        tolerating: cgroupTolerance.union(.exists), failing: failing)
      if hierarchy == "cpuset" { inheritCpuset(path, failing, if: .always) }
      guard let member else { continue }
      add(
        .writeFile(path: KernelPath(path + "/cgroup.procs"), contents: "{pid}"),
        "The first process enters its cgroup before it has children, so that none can escape the limits",
        tolerating: cgroupTolerance, failing: failing, binding: .pidOf(member))
    }
  }

  private mutating func inheritCpuset(_ folder: String, _ failing: Step.Failure, if condition: Step.Condition) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
      let own = file == "cpuset.cpus" ? linux.resources?.cpu.cpus : linux.resources?.cpu.mems
      let path = KernelPath("\(folder)/\(file)")
      let isContainers = folder == cgroups.path(of: "cpuset")
      if isContainers, let own, !own.isEmpty {
        add(
          .writeFile(path: path, contents: own), "An empty cpuset takes no process", if: condition, failing: failing)
      } else {
        add(
          .writeFile(path: path, contents: ""), "An empty cpuset takes no process: what the parent has is taken over",
          if: condition, tolerating: cgroupTolerance, failing: failing, binding: .inherited)
      }
    }
  }

  /// rmdir of every folder of the cgroup.
  mutating func leaveCgroups() {
    phase = .cleanup
    for path in cgroups.all {
      add(
        .rmdir(path: KernelPath(path)), "A cgroup without processes can be removed like a folder",
        tolerating: options.rootless || options.rootlessCgroups ? [.missing, .permission] : .missing,
        failing: .context("unable to remove container's cgroup"))
    }
  }

  /// Freezes or thaws.
  mutating func freeze(_ frozen: Bool) {
    phase = .cgroup
    let reason =
      frozen
      ? "The freezer stops every process of the cgroup at once, and none of them can tell"
      : "The frozen processes go on where they were"
    if cgroups.layout.version == .unified, let path = cgroups.unified {
      add(
        .writeFile(path: KernelPath(path + "/cgroup.freeze"), contents: frozen ? "1" : "0"), reason,
        failing: .context("freezer not supported"))
    } else if let path = cgroups.path(of: "freezer") {
      add(
        .writeFile(path: KernelPath(path + "/freezer.state"), contents: frozen ? "FROZEN" : "THAWED"), reason,
        failing: .plain)
    }
  }
}
