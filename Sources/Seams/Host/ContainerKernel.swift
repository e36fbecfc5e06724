import JSONTree
import Runtime

/// The kernel as an OCI runtime meets it where it is no process of its own: the system calls, and besides them what a
/// real runtime has for nothing (descriptors that a child inherits) or reads from `/proc`, `/sys` and files.
///
/// The questions are not recorded as handoffs; only `perform` is. `pid` is always the host's number of the process
/// on whose behalf the kernel answers: its root, its mounts, its credentials count.
/// `Processes.spawnPart` and `endPart` make and end the process of the runtime itself; `perform(.clone, as:)` its children.
public protocol ContainerKernel: Kernel, Processes {
  /// Gives `pid`, a child that has not executed its program yet, its descriptors 0, 1 and 2 (with `terminal`, a
  /// pseudo-terminal whose other end they are). They are closed when the process and those that inherited them end.
  func attach(_ stdio: ProcessStdio, to pid: Int)
  /// What `/proc/PID/stat` says; nil when there is no such process any more.
  func status(of pid: Int) -> KernelProcessStatus?
  /// stat(2) as `pid`, following links; nil when there is nothing to be found.
  func stat(_ path: String, as pid: Int) -> HostFileInfo?
  /// The same within a root: links are resolved as if `path.root` were `/`.
  func stat(_ path: KernelPath, as pid: Int) -> HostFileInfo?
  /// openat2(2) with RESOLVE_IN_ROOT as `pid`: `path` within `root` with every link resolved as if `root` were `/`.
  /// The answer begins with `root`. Components that do not exist (yet) stay as they are.
  func resolve(_ path: String, inRoot root: String, as pid: Int) throws(Errno) -> String
  /// Whether `pid` could execute the file `path` (relative: from its working directory), as a look-up in PATH asks:
  /// ENOENT, ENOTDIR, EISDIR for a folder, EACCES without the permission.
  func checkExecutable(_ path: String, as pid: Int) throws(Errno)
  /// The bytes of a file of `/proc`, `/sys/fs/cgroup` or of the container, as `pid` sees it.
  func readFile(_ path: String, as pid: Int) throws(Errno) -> String
}

extension ContainerKernel {
  public func stat(_ path: KernelPath, as pid: Int) -> HostFileInfo? {
    guard let root = path.root else { return stat(path.path, as: pid) }
    guard let resolved = try? resolve(path.path, inRoot: root, as: pid) else { return nil }
    return stat(resolved, as: pid)
  }

  public func kill(_ pid: Int, signal: Int, by part: Int) throws(Errno) {
    _ = try perform(.kill(pid: pid, signal: signal), as: part)
  }
}

/// What the process table says of a process.
public enum KernelProcessStatus: Sendable, Hashable {
  /// Running or sleeping.
  case running
  /// Stopped by a signal, or frozen by its cgroup.
  case stopped
  /// Ended; its parent has not waited for it yet.
  case zombie
}
