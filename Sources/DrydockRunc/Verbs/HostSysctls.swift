import Glibc
import LinuxKernel
import OCISpec
import Runtime

extension Creation {
  /// Refuses sysctls of the network that would be the host's: a namespace may be joined by a path, and that path may
  /// lead to the runtime's own. (Which sysctl belongs to which namespace is the plan's to know.)
  static func refuseSysctlsOfTheHost(_ config: RuntimeSpec.Config) throws(Failure) {
    guard let linux = config.linux, let path = linux.namespace(.network)?.path, !path.isEmpty,
      let name = linux.sysctl.map(\.key).sorted().first(where: { $0.hasPrefix("net.") || $0.hasPrefix("net/") })
    else { return }
    var (own, joined) = (stat(), stat())
    // A path that is not there is told when it is joined.
    guard stat("/proc/self/ns/net", &own) == 0, stat(path, &joined) == 0 else { return }
    guard (own.st_dev, own.st_ino) != (joined.st_dev, joined.st_ino) else {
      throw Failure("sysctl \"\(name)\" not allowed in host network namespace")
    }
  }
}
