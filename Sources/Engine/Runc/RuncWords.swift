import Runtime

/// What the runtimes say when they refuse: each in its own words.
struct RuncWords {
  let flavour: RuntimeFlavour

  func notExist(_ id: String) -> String {
    switch flavour {
    case .runc, .drydock: "container does not exist"
    case .crun: "container `\(id)` does not exist"
    case .railcar: "instance \(id) doesn't exist"
    }
  }
  func exists(_ id: String) -> String {
    switch flavour {
    case .runc, .drydock: "container with given ID already exists"
    case .crun: "container `\(id)` already exists"
    case .railcar: "Container with id \(id) already exists"
    }
  }
  func notRunning(_ id: String) -> String {
    flavour == .crun ? "the container `\(id)` is not running" : "container not running"
  }
  func notPaused(_ id: String) -> String {
    flavour == .crun ? "the container `\(id)` is not paused" : "container not paused"
  }
  func notStopped(_ id: String, _ status: String) -> String {
    switch flavour {
    case .runc, .drydock: "cannot delete container \(id) that is not stopped: \(status)"
    case .crun: "the container `\(id)` is not in `created` or `stopped` state"
    case .railcar: "container process is still running"
    }
  }
  func cannotStart(_ id: String, _ status: String) -> String {
    switch (flavour, status) {
    case (.crun, "stopped"): "container `\(id)` is not running"
    case (.crun, _): "cannot open `exec.fifo`: No such file or directory"
    case (_, "stopped"): "cannot start a container that has stopped"
    case (_, "running"): "cannot start an already running container"
    default: "cannot start a container in the \(status) state"
    }
  }
  func execInStopped(_ id: String) -> String {
    flavour == .crun ? "the container `\(id)` is not running" : "cannot exec in a stopped container"
  }
  func execInPaused(_ id: String) -> String {
    flavour == .crun
      ? "the container `\(id)` is paused" : "cannot exec in a paused container (use --ignore-paused to override)"
  }

  /// What a verb puts before its error.
  func prefix(_ verb: String) -> String {
    guard flavour == .runc || flavour == .drydock else { return "" }
    switch verb {
    case "create", "run": return "\(flavour.rawValue) \(verb) failed: "
    case "exec": return "exec failed: "
    default: return ""
    }
  }
  /// The exit status of a refusal.
  func status(_ verb: String) -> Int {
    (flavour == .runc || flavour == .drydock) && verb == "exec" ? 255 : 1
  }

  /// What `--version` prints.
  var version: String {
    switch flavour {
    case .runc: "runc version 1.5.0\nspec: 1.3.0\ngo: go1.26.0\nlibseccomp: 2.6.0\n"
    case .crun:
      "crun version 1.29.1\nspec: 1.0.0\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU +YAJL\n"
    case .railcar: "Railcar 1.0.4\n"
    case .drydock: "drydock-runc version 0.1.0\nspec: 1.3.0\nlibseccomp: 2.6.0\n"
    }
  }
}
