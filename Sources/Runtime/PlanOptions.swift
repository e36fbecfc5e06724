import JSONTree
import OCISpec

/// What a runtime's command line says besides the bundle's `config.json`.
public struct PlanOptions: Sendable, Hashable {
  public var id: String
  /// Absolute.
  public var bundle: String
  /// `--root`: the folder of the containers' state.
  public var stateRoot: String
  /// `--no-pivot`: MS_MOVE and chroot(2) instead of pivot_root(2), for a root on a ramdisk.
  public var noPivot: Bool
  public var noNewKeyring: Bool
  /// `--systemd-cgroup`: cgroupsPath is `slice:prefix:name`.
  public var systemdCgroup: Bool
  /// The runtime is not root.
  public var rootless: Bool
  /// cgroups that cannot be had are done without: the runtime is not the host's root, whatever its uid is in its own
  /// user namespace (`--rootless`).
  public var rootlessCgroups: Bool
  /// The runtime's user namespace does not allow setgroups(2) (`/proc/self/setgroups`).
  public var deniesSetgroups = false
  /// A console socket receives the terminal's other end.
  public var hasConsole: Bool
  /// The runtime's executable: `/usr/bin/runc`.
  public var executable: String
  public var hasSELinux: Bool
  public var hasIntelRdt: Bool

  public init(
    id: String, bundle: String, stateRoot: String = "/run/runc", executable: String = "/usr/bin/runc",
    noPivot: Bool = false, noNewKeyring: Bool = false, systemdCgroup: Bool = false, rootless: Bool = false,
    hasConsole: Bool = false, hasSELinux: Bool = false, hasIntelRdt: Bool = false, rootlessCgroups: Bool? = nil
  ) {
    self.rootlessCgroups = rootlessCgroups ?? rootless
    (self.id, self.bundle, self.stateRoot, self.executable) = (id, bundle, stateRoot, executable)
    (self.noPivot, self.noNewKeyring, self.systemdCgroup) = (noPivot, noNewKeyring, systemdCgroup)
    (self.rootless, self.hasConsole) = (rootless, hasConsole)
    (self.hasSELinux, self.hasIntelRdt) = (hasSELinux, hasIntelRdt)
  }

  /// Where this container's state is kept.
  public var stateDirectory: String { PathText.join(stateRoot, id) }
}

/// Why there is no plan, in the runtime's words, without the verb's own prefix.
public struct PlanError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

/// A container that has been created: what plans of the later verbs need.
public struct ContainerFacts: Sendable, Hashable {
  public var id: String
  public var bundle: String
  /// Absolute.
  public var rootfs: String
  public var stateDirectory: String
  /// The host's number of the container's first process.
  public var pid: Int
  /// The process that becomes the program: another than the first one in railcar, which has an init of its own.
  public var programPID: Int
  public var cgroups: CgroupPaths
  public var config: RuntimeSpec.Config
  public var rootless: Bool
  /// The folder in cgroup v2 in which the first process is now, when it is another than the container's own: below
  /// that one there are cgroups with controllers then, and no process may enter it.
  public var initCgroup: String?

  public init(
    id: String, bundle: String, rootfs: String, stateDirectory: String, pid: Int, programPID: Int? = nil,
    cgroups: CgroupPaths, config: RuntimeSpec.Config, rootless: Bool = false
  ) {
    self.programPID = programPID ?? pid
    (self.id, self.bundle, self.rootfs, self.stateDirectory) = (id, bundle, rootfs, stateDirectory)
    (self.pid, self.cgroups, self.config, self.rootless) = (pid, cgroups, config, rootless)
  }

  /// The FIFO at which the container's process sleeps between `create` and `start`.
  public var execFIFO: String { PathText.join(stateDirectory, "exec.fifo") }
  /// railcar's: a socket in the original.
  public var trigger: String { PathText.join(stateDirectory, "trigger-socket") }
}
