import Glibc
import OCISpec
import Runtime

extension ContainerRecord {
  /// Where the container is in its life: the notes say how far `create` came, the kernel what became of the process,
  /// the FIFO whether it was started, the freezer whether it goes on.
  func status(in directory: StateDirectory) -> RuntimeSpec.Status {
    if progress == .creating, creator.isAlive { return .creating }
    guard initProcess.isAlive else { return .stopped }
    if progress == .creating { return .stopped }
    if Freezer(cgroups).isFrozen { return .paused }
    return faccessat(directory.descriptor, "exec.fifo", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? .created : .running
  }
}

/// The freezer of a container's cgroup (cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst).
struct Freezer {
  let paths: CgroupPaths
  init(_ paths: CgroupPaths) { self.paths = paths }

  /// The file that says and changes the state; nil where the host has no freezer.
  var file: String? {
    if paths.layout.version == .unified { return paths.unified.map { $0 + "/cgroup.freeze" } }
    return paths.path(of: "freezer").map { $0 + "/freezer.state" }
  }

  /// FROZEN or on the way there. False where there is no cgroup.
  var isFrozen: Bool {
    guard let file, let text = HostFile.text(file) else { return false }
    return paths.layout.version == .unified ? text.hasPrefix("1") : text.hasPrefix("FR")
  }
}
