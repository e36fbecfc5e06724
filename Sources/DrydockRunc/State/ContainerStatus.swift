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

  /// Every process of the container, those of cgroups within its own included, sorted; the first process alone where it
  /// has no cgroup.
  var members: [Int] {
    let found = CgroupMembers.all(below: cgroups.members)
    if found.isEmpty, initProcess.isAlive { return [initProcess.pid] }
    return found
  }
}

/// The processes of cgroups.
enum CgroupMembers {
  /// Those of a cgroup and of all below it, sorted; empty where there is none.
  static func all(below folder: String) -> [Int] {
    var (pids, folders): (Set<Int>, [String]) = ([], [folder])
    while let folder = folders.popLast() {
      guard let text = HostFile.text(folder + "/cgroup.procs") else { continue }
      for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
        if let pid = Int(Substring(line)), pid > 0 { pids.insert(pid) }
      }
      folders += HostFile.folders(in: folder)
    }
    return pids.sorted()
  }
}
