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
    ctr               containerd's own client; what is said to docker here, it says in its words
      │  exec ──▶ cni        plugins that put a container on a network (ctr run --cni)
      │  gRPC         unix:///run/containerd/containerd.sock, namespace default
      ▼
    containerd        content store, snapshots, containers, tasks ── HTTPS ──▶ registry
      │  exec, then ttrpc over unix:///run/containerd/s/ID
      ▼
    shim              one process a container; holds its streams and exit status
      │  exec         RUNTIME --root /run/containerd/runc/default create|start|kill|delete
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let crio = """
    crictl            speaks for the kubelet; what is said to docker here, it says in calls of the CRI
      │  gRPC         unix:///var/run/crio/crio.sock: runtime.v1.RuntimeService, ImageService
      │  HTTP         the streams of Exec and Attach
      ▼
    crio              one process: pods, containers, images, storage ── HTTPS ──▶ registry
      │  exec ──▶ pinns      makes a pod's namespaces and pins them to files: no process holds them
      │  exec ──▶ cni        plugins that put a pod on the network
      │  exec ──▶ RUNTIME    start|kill|delete|exec|state
      │  exec
      ▼
    conmon            one process a container: holds its streams, its log and its exit status
      │  exec         RUNTIME --root=/run/RUNTIME create
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let podman = """
    podman            no daemon: the client itself has images, storage, records ── HTTPS ──▶ registry
      │  exec ──▶ netavark   sets a container's network up
      │  exec ──▶ RUNTIME    start|kill|delete
      │  exec
      ▼
    conmon            one process a container: holds its streams, its log and its exit status;
      │               when the container ends it executes `podman container cleanup`
      │  exec         RUNTIME create|exec
      ▼
    RUNTIME           prepares the container, and is gone
      │  system calls
      ▼
    kernel

    """
  private static let fargate = """
    client            the AWS command line, or docker's words for the same
      │  HTTPS        the ECS API: RegisterTaskDefinition, RunTask, StopTask; logs are in cloudwatch
      ▼
    ecs               the control plane of Amazon's Elastic Container Service
      │  HTTPS        a web socket that the agent keeps open
      ▼
    agent             the Fargate agent, on a micro virtual machine of the task's own
      │  exec ──▶ cni        plugins that put the task's elastic network interface in its namespace
      │  gRPC         unix:///run/containerd/containerd.sock, namespace ecs.fargate
      ▼
    containerd        content store, snapshots, containers, tasks ── HTTPS ──▶ registry (ECR)
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
  private static let docker110 = """
    client            the docker CLI
      │  HTTP/1.1     unix:///var/run/docker.sock
      ▼
    dockerd           `docker daemon`, one process for everything: API, images, networks, logs
      │                                                                   ── HTTPS ──▶ registry
      │  in process ──▶ graphdriver    a library: layers of images and containers
      │  in process
      ▼
    libcontainer      a library inside the daemon, which became runC
      │  system calls
      ▼
    kernel            the containers are the daemon's children: when it ends, they end

    """
}
