import Glibc
import Runtime

extension Creation {
  /// Refuses cgroups that are somebody else's already. What fails, or is deleted, takes whoever is in its cgroups along:
  /// they have to be its own.
  static func refuseOthersCgroups(_ cgroups: CgroupPaths) throws(Failure) {
    for path in cgroups.all where access(path, F_OK) == 0 {
      let strangers = CgroupRemoval.allMembers(of: path).count
      if strangers > 0 { throw Failure("container's cgroup is not empty: \(strangers) process(es) found") }
    }
    // Whoever comes into a frozen cgroup stands still before it can say anything.
    if Freezer(cgroups).isFrozen { throw Failure("container's cgroup unexpectedly frozen") }
  }
}
