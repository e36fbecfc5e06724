/// Which OCI runtime's way of asking the kernel a plan follows. They end in the same container and go there
/// differently.
public enum RuntimeFlavour: String, Sendable, Hashable, CaseIterable {
  /// opencontainers/runc: executes itself again as `runc init`, whose C part (nsexec) goes through three processes
  /// before the Go part builds the container.
  case runc
  /// containers/crun: one program in C, no re-exec, one clone where it can be, mounts by the new mount API.
  case crun
  /// oracle/railcar: Rust, of 2018, OCI 1.0 only; an init process of its own is the container's PID 1, and `start`
  /// pulls a trigger over a unix socket.
  case railcar
  /// Ours: no re-exec and one clone where the namespaces allow it, like crun; every mount is made detached and attached
  /// by descriptors, within the root; the runtime and the container's process work beside one another, and wait for one
  /// another only where one needs what the other has done. Linux performs these plans.
  case drydock = "drydock-runc"

  /// The flavour of an executable, by its name: `/usr/bin/crun` is crun; what is unknown is runc.
  public init(executable: String) {
    let name = executable.split(separator: "/").last.map(String.init) ?? executable
    self =
      RuntimeFlavour(rawValue: name) ?? (name.hasPrefix("crun") ? .crun : name.hasPrefix("drydock") ? .drydock : .runc)
  }

  /// Where state is kept without `--root`.
  public var defaultRoot: String { "/run/\(rawValue)" }

  /// The verbs that its command line has.
  public var verbs: [String] {
    switch self {
    case .runc:
      [
        "create", "start", "run", "exec", "kill", "delete", "list", "ps", "pause", "resume", "update", "state",
        "events", "spec", "features", "checkpoint", "restore",
      ]
    case .crun:
      [
        "create", "start", "run", "exec", "kill", "delete", "list", "ps", "pause", "resume", "update", "state", "spec",
        "features", "checkpoint", "restore", "mounts",
      ]
    case .railcar: ["create", "start", "run", "kill", "delete", "ps", "state"]
    case .drydock:
      [
        "create", "start", "run", "exec", "kill", "delete", "list", "ps", "pause", "resume", "update", "state",
        "events", "spec", "features", "plan",
      ]
    }
  }

  /// The files that a container's state directory can hold.
  public var notes: [String] {
    switch self {
    case .runc, .drydock: ["exec.fifo", "state.json"]
    case .crun: ["exec.fifo", "status"]
    case .railcar: ["trigger-socket", "process.pid", "state.json"]
    }
  }
}
