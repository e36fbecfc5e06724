import JSONTree
import Seams

extension Command {
  static let containerRun = Command(
    "run", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]", short: "Create and run a new container from an image",
    spellings: "docker container run, docker run", rule: .atLeast(1),
    flags: [
      Flag("add-host", .list(.addHost), "Add a custom host-to-IP mapping (host:ip)"),
      Flag(
        "annotation", .map(.any),
        "Add an annotation to the container (passed through to the OCI runtime) (default map[])"),
      Flag("attach", "a", .list(.attach), "Attach to STDIN, STDOUT or STDERR", completes: .words(Words.streams)),
      Flag("blkio-weight", .uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
      Flag("blkio-weight-device", .list(.weightDevice), "Block IO weight (relative device weight) (default [])"),
      Flag("cap-add", .list(.any), "Add Linux capabilities", completes: .words(Words.capabilities)),
      Flag("cap-drop", .list(.any), "Drop Linux capabilities", completes: .words(Words.capabilities)),
      Flag("cgroup-parent", .string(""), "Optional parent cgroup for the container"),
      Flag(
        "cgroupns", .string(""),
        "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
        completes: .words(Words.cgroupns)),
      Flag("cidfile", .string(""), "Write the container ID to the file", completes: .files),
      Flag("cpu-period", .int(0), "Limit CPU CFS (Completely Fair Scheduler) period"),
      Flag("cpu-quota", .int(0), "Limit CPU CFS (Completely Fair Scheduler) quota"),
      Flag("cpu-rt-period", .int(0), "Limit CPU real-time period in microseconds"),
      Flag("cpu-rt-runtime", .int(0), "Limit CPU real-time runtime in microseconds"),
      Flag("cpu-shares", "c", .int(0), "CPU shares (relative weight)"),
      Flag("cpus", .decimal, "Number of CPUs"),
      Flag("cpuset-cpus", .string(""), "CPUs in which to allow execution (0-3, 0,1)"),
      Flag("cpuset-mems", .string(""), "MEMs in which to allow execution (0-3, 0,1)"),
      Flag("detach", "d", .bool(false), "Run container in background and print container ID"),
      Flag("detach-keys", .string(""), "Override the key sequence for detaching a container"),
      Flag("device", .list(.any), "Add a host device to the container"),
      Flag("device-cgroup-rule", .list(.deviceCgroupRule), "Add a rule to the cgroup allowed devices list"),
      Flag("device-read-bps", .list(.rateDevice), "Limit read rate (bytes per second) from a device (default [])"),
      Flag("device-read-iops", .list(.iopsDevice), "Limit read rate (IO per second) from a device (default [])"),
      Flag("device-write-bps", .list(.rateDevice), "Limit write rate (bytes per second) to a device (default [])"),
      Flag("device-write-iops", .list(.iopsDevice), "Limit write rate (IO per second) to a device (default [])"),
      Flag("disable-content-trust", .bool(true), "Skip image verification (default true)"),
      Flag("dns", .list(.dns), "Set custom DNS servers"),
      Flag("dns-option", .list(.any), "Set DNS options", aliases: ["dns-opt"]),
      Flag("dns-search", .list(.dnsSearch), "Set custom DNS search domains"),
      Flag("domainname", .string(""), "Container NIS domain name"),
      Flag("entrypoint", .string(""), "Overwrite the default ENTRYPOINT of the image"),
      Flag("env", "e", .list(.env), "Set environment variables", completes: .variables),
      Flag("env-file", .list(.any), "Read in a file of environment variables", completes: .files),
      Flag("expose", .list(.any), "Expose a port or a range of ports"),
      Flag("gpus", .gpus, "GPU devices to add to the container ('all' to pass all GPUs)"),
      Flag("group-add", .list(.any), "Add additional groups to join"),
      Flag("health-cmd", .string(""), "Command to run to check health"),
      Flag("health-interval", .duration, "Time between running the check (ms|s|m|h) (default 0s)"),
      Flag("health-retries", .int(0), "Consecutive failures needed to report unhealthy"),
      Flag(
        "health-start-interval", .duration,
        "Time between running the check during the start period (ms|s|m|h) (default 0s)"),
      Flag(
        "health-start-period", .duration,
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)"),
      Flag("health-timeout", .duration, "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
      Flag("help", .bool(false), "Print usage"),
      Flag("hostname", "h", .string(""), "Container host name"),
      Flag("init", .bool(false), "Run an init inside the container that forwards signals and reaps processes"),
      Flag("interactive", "i", .bool(false), "Keep STDIN open even if not attached"),
      Flag("ip", .string(""), "IPv4 address (e.g., 172.30.100.104)"),
      Flag("ip6", .string(""), "IPv6 address (e.g., 2001:db8::33)"),
      Flag("ipc", .string(""), "IPC mode to use", completes: .namespaceModes),
      Flag("isolation", .string(""), "Container isolation technology"),
      Flag("kernel-memory", .bytes, "Kernel memory limit"),
      Flag("label", "l", .list(.label), "Set meta data on a container"),
      Flag("label-file", .list(.any), "Read in a line delimited file of labels", completes: .files),
      Flag("link", .list(.link), "Add link to another container", completes: .containers),
      Flag("link-local-ip", .list(.linkLocal), "Container IPv4/IPv6 link-local addresses"),
      Flag("log-driver", .string(""), "Logging driver for the container", completes: .words(Words.logDrivers)),
      Flag("log-opt", .list(.any), "Log driver options"),
      Flag("mac-address", .string(""), "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
      Flag("memory", "m", .bytes, "Memory limit"),
      Flag("memory-reservation", .bytes, "Memory soft limit"),
      Flag("memory-swap", .swapBytes, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
      Flag("memory-swappiness", .int(-1), "Tune container memory swappiness (0 to 100) (default -1)"),
      Flag("mount", .mount, "Attach a filesystem mount to the container"),
      Flag("name", .string(""), "Assign a name to the container"),
      Flag("network", .network, "Connect a container to a network", aliases: ["net"], completes: .networks),
      Flag("network-alias", .list(.any), "Add network-scoped alias for the container", aliases: ["net-alias"]),
      Flag("no-healthcheck", .bool(false), "Disable any container-specified HEALTHCHECK"),
      Flag("oom-kill-disable", .bool(false), "Disable OOM Killer"),
      Flag("oom-score-adj", .int(0), "Tune host's OOM preferences (-1000 to 1000)"),
      Flag("pid", .string(""), "PID namespace to use", completes: .namespaceModes),
      Flag("pids-limit", .int(0), "Tune container pids limit (set -1 for unlimited)"),
      Flag(
        "platform", .string(""), "Set platform if server is multi-platform capable", completes: .words(Words.platforms)),
      Flag("privileged", .bool(false), "Give extended privileges to this container"),
      Flag("publish", "p", .list(.any), "Publish a container's port(s) to the host"),
      Flag("publish-all", "P", .bool(false), "Publish all exposed ports to random ports"),
      Flag(
        "pull", .string("missing"),
        "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")",
        completes: .words(Words.pullPolicies)),
      Flag("quiet", "q", .bool(false), "Suppress the pull output"),
      Flag("read-only", .bool(false), "Mount the container's root filesystem as read only"),
      Flag(
        "restart", .string("no"), "Restart policy to apply when a container exits (default \"no\")",
        completes: .words(Words.restartPolicies)),
      Flag("rm", .bool(false), "Automatically remove the container and its associated anonymous volumes when it exits"),
      Flag("runtime", .string(""), "Runtime to use for this container", completes: .words(Words.runtimes)),
      Flag("security-opt", .list(.any), "Security Options"),
      Flag("shm-size", .bytes, "Size of /dev/shm"),
      Flag("sig-proxy", .bool(true), "Proxy received signals to the process (default true)"),
      Flag("stop-signal", .string(""), "Signal to stop the container", completes: .words(Words.signals)),
      Flag("stop-timeout", .int(0), "Timeout (in seconds) to stop a container"),
      Flag("storage-opt", .list(.any), "Storage driver options for the container"),
      Flag("sysctl", .map(.sysctl), "Sysctl options (default map[])"),
      Flag("tmpfs", .list(.any), "Mount a tmpfs directory"),
      Flag("tty", "t", .bool(false), "Allocate a pseudo-TTY"),
      Flag("ulimit", .ulimit, "Ulimit options (default [])", completes: .words(Words.ulimits)),
      Flag("use-api-socket", .bool(false), "Bind mount Docker API socket and required auth"),
      Flag("user", "u", .string(""), "Username or UID (format: <name|uid>[:<group|gid>])"),
      Flag("userns", .string(""), "User namespace to use", completes: .words(Words.hostOnly)),
      Flag("uts", .string(""), "UTS namespace to use", completes: .words(Words.hostOnly)),
      Flag("volume", "v", .list(.any), "Bind mount a volume", completes: .volumeMounts),
      Flag("volume-driver", .string(""), "Optional volume driver for the container"),
      Flag("volumes-from", .list(.any), "Mount volumes from the specified container(s)", completes: .containers),
      Flag("workdir", "w", .string(""), "Working directory inside the container"),
    ], interspersed: false, completes: [.images, .files]
  ) { try await ContainerRun($0).run() }
}

/// `docker run`: create (pulling first when it must), attach, wait, start, and carry the streams until the end.
private struct ContainerRun {
  let invocation: Invocation
  let session: Session
  let flags: Flags
  let creation: ContainerCreation

  init(_ invocation: Invocation) {
    self.invocation = invocation
    (session, flags) = (invocation.session, invocation.flags)
    var settings = ContainerSettings(
      flags: flags, image: invocation.arguments[0], command: Array(invocation.arguments.dropFirst()),
      environment: invocation.environment)
    settings.isDetached = flags.bool("detach")
    creation = ContainerCreation(invocation: invocation, settings: settings)
  }

  func run() async throws -> Int32 {
    let isDetached = flags.bool("detach")
    let isTerminal = flags.bool("tty")
    if isDetached {
      guard flags.values("attach").isEmpty else {
        throw CommandError("conflicting options: cannot specify both --attach and --detach")
      }
    } else if creation.settings.attached.input, isTerminal, !session.environment.inputIsTerminal {
      throw CommandError("the input device is not a TTY")
    }
    let keysText = flags.isSet("detach-keys") ? flags.string("detach-keys") : nil
    let keys = DetachKeys.chosen(keysText, session.environment)
    do {
      let created = try await creation.create()
      return try await start(created, isTerminal: isTerminal, keys: keys, keysText: keysText)
    } catch let error as ContainerEnd {
      return error.status
    } catch {
      throw creation.failure(error)
    }
  }

  private func start(
    _ created: ContainerCreation.Created, isTerminal: Bool, keys: DetachKeys, keysText: String?
  ) async throws -> Int32 {
    let (id, attached) = (created.id, created.attached)
    let life = ContainerLife(session: session, id: id)
    let proxies = flags.bool("sig-proxy") && attached.any
    if proxies { life.proxySignals(isTerminal: isTerminal) }
    defer { session.onInterrupt(nil) }
    if !attached.output, !attached.error { try await invocation.line(id) }
    let attachment =
      attached.any
      ? try await life.attach(attached, isTerminal: isTerminal, keys: keys, keysText: keysText) : nil
    let removes = flags.bool("rm")
    let waiting = await life.wait(removes ? "removed" : "next-exit")
    do {
      try await session.send(request("POST", "/containers/{id}/start", ["id": id]))
    } catch {
      attachment?.connection.input.closeReading()
      attachment?.connection.output.closeWriting()
      // The container that never ran is removed before the command ends.
      if removes, error is DaemonError { _ = await waiting.value() }
      throw error
    }
    guard let attachment else { return 0 }
    if isTerminal, session.environment.isTerminal(.output) { await life.resize() }
    if try await attachment.run() == .detached {
      try await session.err("read escape sequence\n")
      return 0
    }
    throw ContainerEnd(status: try await waiting.value().get())
  }
}

/// How a container ended: no failure of the command.
struct ContainerEnd: Error { let status: Int32 }
