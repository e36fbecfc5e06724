import Handoff

/// Facts about parties in plain words.
public enum Parties {
  /// What a party is, in one sentence.
  public static func about(_ party: Party) -> String {
    switch party.rawValue {
    case "client": "the docker command line, or anything else that speaks the Docker Engine API"
    case "dockerd": "Docker's daemon: takes requests, and keeps containers' settings, networks, volumes and logs"
    case "containerd": "the daemon that does the work with images, snapshots and containers' life cycle"
    case "shim": "one small process a container: holds its streams, waits for its end"
    case "runc": "the OCI runtime of reference: prepares a container with system calls, and is gone"
    case "crun": "an OCI runtime in C: the same work in less time and memory"
    case "railcar": "an OCI runtime in Rust, by Oracle; archived in 2020"
    case "kernel": "Linux: namespaces, cgroups, mounts, capabilities"
    case "registry": "where images come from and go to"
    case "crictl": "a client of the Kubernetes Container Runtime Interface"
    case "crio": "CRI-O: the daemon that Kubernetes can use in containerd's place"
    case "conmon": "the monitor of a container under CRI-O and podman"
    case "podman": "a container engine without a daemon"
    case "ctr": "containerd's own client"
    case "agent": "the Fargate agent"
    case "libcontainer": "the library inside the old docker daemon that became runC"
    default: "another part of the stack"
    }
  }
}
