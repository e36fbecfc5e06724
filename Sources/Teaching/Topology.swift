/// The stacks drawn: parts, sockets, protocols, and which process holds what.
public enum Topology {
  /// The names for `stack use`.
  public static let stacks = ["docker", "cri-o", "containerd", "podman", "fargate", "docker-1.10"]

  /// The drawing of a stack with a runtime; nil for a stack that nobody knows.
  public static func drawing(stack: String, runtime: String) -> String? {
    let text: String? =
      switch stack {
      case "docker": docker
      case "containerd": containerd
      case "cri-o": crio
      case "podman": podman
      case "fargate": fargate
      case "docker-1.10": docker110
      default: nil
      }
    return text?.replacing("RUNTIME  ", with: runtime + String(repeating: " ", count: max(2, 9 - runtime.count)))
      .replacing("RUNTIME", with: runtime)
  }

  private static let docker = """
    client            the docker CLI: one process a command
      │  HTTP/1.1     unix:///var/run/docker.sock, or tcp://HOST:2376 with TLS
      ▼
    dockerd           one process: API, images' names, networks, volumes, logs, restart policies
      │  gRPC         unix:///run/containerd/containerd.sock, namespace moby
      ▼
    containerd        one process: content store, snapshots, containers, tasks ── HTTPS ──▶ registry
      │  exec, then ttrpc over unix:///run/containerd/s/ID
      ▼
    shim              one process a container: holds stdin, stdout, stderr and the exit status;
      │               it lives on when dockerd or containerd die
      │  exec         RUNTIME --root /run/docker/runtime-runc/moby create|start|kill|delete
      ▼
    RUNTIME           runs for milliseconds, prepares the container, and is gone
      │  system calls clone3 mount pivot_root capset seccomp execve
      ▼
    kernel            namespaces, cgroups, mounts: what a container is

    """
  private static let containerd = """
    ctr               containerd's own client
      │  gRPC         unix:///run/containerd/containerd.sock, namespace default
      ▼
    containerd        content store, snapshots, containers, tasks ── HTTPS ──▶ registry
      │  exec, then ttrpc
      ▼
    shim              one process a container; holds its streams and exit status
      │  exec
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let crio = """
    crictl            speaks for the kubelet
      │  gRPC (CRI)   unix:///var/run/crio/crio.sock: runtime.v1.RuntimeService, ImageService
      ▼
    crio              one process: pods, containers, images (containers/image, containers/storage) ── HTTPS ──▶ registry
      │  exec
      ▼
    conmon            one process a container: holds its streams, its log and its exit status
      │  exec
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let podman = """
    podman            no daemon: the client itself has images, storage and networks ── HTTPS ──▶ registry
      │  exec
      ▼
    conmon            one process a container: holds its streams, its log and its exit status
      │  exec
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let fargate = """
    agent             the Fargate agent: takes tasks from the ECS control plane
      │  gRPC         containerd's socket, on a micro virtual machine of the task's own
      ▼
    containerd        content store, snapshots, containers, tasks ── HTTPS ──▶ registry (ECR)
      │  exec, then ttrpc
      ▼
    shim              one process a container
      │  exec
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let docker110 = """
    client            the docker CLI
      │  HTTP/1.1     unix:///var/run/docker.sock
      ▼
    docker daemon     one process for everything: API, images, layers, networks, logs ── HTTPS ──▶ registry
      │  libcontainer, a library inside the daemon, calls the kernel itself
      │  system calls
      ▼
    kernel            the containers are the daemon's children: when it ends, they end

    """
}
