import CLinux
import Glibc
import OCISpec
import Runtime

extension RuntimeSpec.NamespaceKind {
  /// The bit of `flag` (sched.h).
  public var bit: Int {
    switch self {
    case .time: 0x80
    case .mount: 0x2_0000
    case .cgroup: 0x200_0000
    case .uts: 0x400_0000
    case .ipc: 0x800_0000
    case .user: 0x1000_0000
    case .pid: 0x2000_0000
    case .network: 0x4000_0000
    }
  }
}

/// Namespaces of the calling process. (Its PID and time namespaces change for its children only.)
extension LinuxKernel {
  func unshare(_ kinds: [NamespaceKind]) throws(Errno) {
    try system(SYS_unshare, kinds.reduce(0) { $0 | $1.bit })
    kept.withLock { $0.forget() }
  }

  /// EINVAL when `path` is a namespace of another kind.
  func setns(_ kind: NamespaceKind, _ path: String) throws(Errno) {
    let namespace = try open(KernelPath(path), O_RDONLY)
    try system(SYS_setns, Int(namespace.raw), kind.bit)
    kept.withLock { $0.forget() }
  }

  /// Several of a process's namespaces at once (pidfd_open(2), setns(2)): all or none.
  func joinNamespaces(of pid: Int, _ kinds: [NamespaceKind]) throws(Errno) {
    let process = Descriptor(Int32(try system(SYS_pidfd_open, pid, 0)))
    try system(SYS_setns, Int(process.raw), kinds.reduce(0) { $0 | $1.bit })
    kept.withLock { $0.forget() }
  }

  func setHostName(_ name: String, _ call: Int32) throws(Errno) {
    try system(with: name) { clinux_call(Int(call), $0, name.utf8.count, 0, 0, 0, 0) }
  }
}
