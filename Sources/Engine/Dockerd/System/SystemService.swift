import JSONTree
import OCISpec
import Seams
import Synchronization

/// What concerns the daemon as a whole (Engine API, "System"), and what it does not do.
public final class SystemService: DockerdService {
  let daemon: Daemon
  private let engineID = Mutex("")
  private static let bucket = "engine"

  public init(daemon: Daemon) { self.daemon = daemon }

  public func register(in router: inout Router) {
    router.on("HEAD /_ping") { [self] _ in ping(.none) }
    router.on("GET /_ping") { [self] _ in ping(.text("OK")) }
    router.on("GET /version") { [self] _ in try await versionResponse() }
    router.on("GET /info") { [self] _ in try await infoResponse() }
    router.on("GET /system/df") { [self] in try await diskUsageResponse($0) }
    router.on("GET /plugins") { _ in APIResponse(200, .json([])) }
    for op in ["POST /build", "POST /build/cancel", "POST /session", "POST /grpc"] {
      router.on(op) { _ in throw EngineError(.notImplemented, "building images is not supported by this engine yet") }
    }
    router.on("POST /build/prune") { _ in APIResponse(200, .json(["CachesDeleted": .null, "SpaceReclaimed": 0])) }
    for op in Self.swarmOperations {
      router.on(op) { _ in
        throw EngineError(
          .unavailable,
          "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node "
            + "to swarm and try again.")
      }
    }
    for op in ["POST /swarm/init", "POST /swarm/join"] {
      router.on(op) { _ in throw EngineError(.notImplemented, "swarm mode is not supported by this engine") }
    }
  }

  private static let swarmOperations = [
    "GET /swarm", "POST /swarm/leave", "POST /swarm/update", "GET /swarm/unlockkey", "POST /swarm/unlock",
    "GET /nodes", "GET /nodes/{id}", "DELETE /nodes/{id}", "POST /nodes/{id}/update", "GET /services",
    "POST /services/create", "GET /services/{id}", "DELETE /services/{id}", "POST /services/{id}/update",
    "GET /services/{id}/logs", "GET /tasks", "GET /tasks/{id}", "GET /tasks/{id}/logs", "GET /secrets",
    "POST /secrets/create", "GET /secrets/{id}", "DELETE /secrets/{id}", "POST /secrets/{id}/update",
    "GET /configs", "POST /configs/create", "GET /configs/{id}", "DELETE /configs/{id}", "POST /configs/{id}/update",
  ]

  /// The engine's id stays the same for as long as its state does.
  public func start() async throws {
    var id = try daemon.store.load(Self.bucket).first { $0.key == "id" }?.value.string ?? ""
    if id.isEmpty {
      id = Self.uuid(daemon.world.randomBytes(16))
      try daemon.store.put(Self.bucket, "id", JSON.string(id))
    }
    engineID.withLock { [id] in $0 = id }
  }

  public func shutdown() async {
    daemon.events.publish(
      type: "daemon", action: "shutdown", id: engineID.withLock { $0 },
      attributes: ["name": daemon.configuration.hostname])
  }

  /// RFC 9562, version 4.
  private static func uuid(_ random: [UInt8]) -> String {
    var text = ""
    for (index, byte) in random.enumerated() {
      let byte = index == 6 ? byte & 0x0f | 0x40 : index == 8 ? byte & 0x3f | 0x80 : byte
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
  }

  private func ping(_ body: APIResponse.Body) -> APIResponse {
    APIResponse(
      200, body,
      headers: [
        NameValue("Api-Version", EngineVersion.api), NameValue("Docker-Experimental", "false"),
        NameValue("Ostype", daemon.configuration.platform.os), NameValue("Server", "Docker/\(EngineVersion.version)"),
        NameValue("Cache-Control", "no-cache, no-store, must-revalidate"), NameValue("Pragma", "no-cache"),
        NameValue("Builder-Version", "2"), NameValue("Swarm", "inactive"),
        NameValue("Content-Type", "text/plain; charset=utf-8"),
      ])
  }

  // MARK: Versions

  private func versionResponse() async throws -> APIResponse {
    let configuration = daemon.configuration
    let containerd = await containerdVersion()
    let runtime = await runtimeVersion()
    let details: JSON = [
      "ApiVersion": .string(EngineVersion.api), "Arch": .string(configuration.platform.architecture),
      "BuildTime": .string(EngineVersion.built), "Experimental": "false", "GitCommit": .string(EngineVersion.commit),
      "GoVersion": .string(EngineVersion.language), "KernelVersion": .string(configuration.kernelVersion),
      "MinAPIVersion": .string(EngineVersion.minimumAPI), "Os": .string(configuration.platform.os),
    ]
    func component(_ name: String, _ version: String, _ details: JSON) -> JSON {
      ["Name": .string(name), "Version": .string(version), "Details": details]
    }
    return APIResponse(
      200,
      .json([
        "Platform": ["Name": .string(EngineVersion.platformName)], "Version": .string(EngineVersion.version),
        "ApiVersion": .string(EngineVersion.api), "MinAPIVersion": .string(EngineVersion.minimumAPI),
        "Os": .string(configuration.platform.os), "Arch": .string(configuration.platform.architecture),
        "Components": .array([
          component("Engine", EngineVersion.version, details),
          component("containerd", containerd.version, ["GitCommit": .string(containerd.revision)]),
          component(
            configuration.defaultRuntime, runtime.version, ["GitCommit": .string(runtime.commit)]),
          component(
            "docker-init", EngineVersion.initVersion, ["GitCommit": .string(EngineVersion.initCommit)]),
        ]),
        "GitCommit": .string(EngineVersion.commit), "GoVersion": .string(EngineVersion.language),
        "KernelVersion": .string(configuration.kernelVersion), "BuildTime": .string(EngineVersion.built),
      ]))
  }

  /// `N/A` when it cannot be had: these are facts for people, and no reason to fail.
  private func containerdVersion() async -> ContainerdVersion.Version.Answer {
    do {
      return try await daemon.containerd.call(
        ContainerdVersion.Version(), namespace: daemon.configuration.namespace)
    } catch { return .init(version: "N/A", revision: "N/A") }
  }

  /// What `runc --version` prints: the first line ends with the version, another one names the commit.
  private func runtimeVersion() async -> (version: String, commit: String) {
    let configuration = daemon.configuration
    let executable = configuration.runtimes[configuration.defaultRuntime] ?? configuration.defaultRuntime
    let result = try? await daemon.runtime.execute(
      RuntimeCommand(runtime: executable, verb: "--version", globalArguments: [], arguments: []))
    guard let result, result.status == 0 else { return ("N/A", "N/A") }
    let lines = result.stdout.split(whereSeparator: \.isNewline)
    let version = lines.first?.split(separator: " ").last.map(String.init) ?? "N/A"
    let commit = lines.first { $0.hasPrefix("commit:") }?.dropFirst(7).drop { $0 == " " }
    return (version, commit.map(String.init) ?? "N/A")
  }

  // MARK: Info

  private func infoResponse() async throws -> APIResponse {
    let images = try await daemon.containerd.call(Images.List(), namespace: daemon.configuration.namespace).images
    let runtime = await runtimeVersion()
    let containerd = await containerdVersion()
    let states = await daemon.containers.all().map(\.state)
    return APIResponse(
      200,
      .json(
        info(
          states: states, images: Set(images.map(\.target.digest)).count, runtimeCommit: runtime.commit,
          containerd: containerd)))
  }

  /// Engine API `SystemInfo`.
  private func info(
    states: [String], images: Int, runtimeCommit: String, containerd: ContainerdVersion.Version.Answer
  ) -> JSON {
    let configuration = daemon.configuration
    let (running, paused) = (states.count { $0 == "running" || $0 == "restarting" }, states.count { $0 == "paused" })
    var security: [String] = []
    if configuration.hasAppArmor { security.append("name=apparmor") }
    if configuration.hasSeccomp { security.append("name=seccomp,profile=builtin") }
    if configuration.cgroupVersion == 2 { security.append("name=cgroupns") }
    let runtimes = JSONObject(
      configuration.runtimes.sorted { $0.key < $1.key }.map { .init($0.key, ["path": .string($0.value)]) })
    let registries = Self.registryConfiguration(configuration.insecureRegistries, configuration.mirrors)
    let limits = configuration.limits
    let isVersion1 = configuration.cgroupVersion == 1
    let oomKillDisable = limits.oomKillDisable ?? isVersion1
    let warnings = [
      (limits.memory, "No memory limit support"), (limits.swap, "No swap limit support"),
      (oomKillDisable || !isVersion1, "No oom kill disable support"), (limits.cpuQuota, "No cpu cfs quota support"),
      (limits.cpuQuota, "No cpu cfs period support"), (limits.cpuShares, "No cpu shares support"),
      (limits.cpuset, "No cpuset support"), (limits.forwardsIPv4, "IPv4 forwarding is disabled"),
    ].filter { !$0.0 }.map { "WARNING: " + $0.1 }
    var info: JSONObject = [
      "ID": .string(engineID.withLock { $0 }), "Containers": .int(Int64(states.count)),
      "ContainersRunning": .int(Int64(running)), "ContainersPaused": .int(Int64(paused)),
      "ContainersStopped": .int(Int64(states.count - running - paused)), "Images": .int(Int64(images)),
      "Driver": .string(configuration.snapshotter),
      "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
      "Plugins": [
        "Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": .null,
        "Log": JSON(configuration.logDrivers),
      ],
      "MemoryLimit": .bool(limits.memory), "SwapLimit": .bool(limits.swap), "CpuCfsPeriod": .bool(limits.cpuQuota),
      "CpuCfsQuota": .bool(limits.cpuQuota), "CPUShares": .bool(limits.cpuShares), "CPUSet": .bool(limits.cpuset),
      "PidsLimit": .bool(limits.pids), "IPv4Forwarding": .bool(limits.forwardsIPv4), "Debug": false, "NFd": 0,
      "OomKillDisable": .bool(oomKillDisable), "NGoroutines": 0,
      "SystemTime": .string(RFC3339Time.text(daemon.world.unixTime)),
      "LoggingDriver": .string(configuration.defaultLogDriver), "CgroupDriver": "cgroupfs",
      "CgroupVersion": .string(String(configuration.cgroupVersion)), "NEventsListener": 0,
      "KernelVersion": .string(configuration.kernelVersion),
      "OperatingSystem": .string(configuration.operatingSystem), "OSVersion": .string(configuration.osVersion),
      "OSType": .string(configuration.platform.os),
      "Architecture": .string(
        configuration.machine.isEmpty ? Self.machine(configuration.platform) : configuration.machine),
      "IndexServerAddress": "https://index.docker.io/v1/", "RegistryConfig": registries,
      "NCPU": .int(Int64(configuration.cpus)), "MemTotal": .int(configuration.memory), "GenericResources": .null,
      "DockerRootDir": .string(configuration.dataRoot),
      "HttpProxy": .string(configuration.proxies.http), "HttpsProxy": .string(configuration.proxies.https),
      "NoProxy": .string(configuration.proxies.no),
      "Name": .string(configuration.hostname), "Labels": JSON(configuration.labels), "ExperimentalBuild": false,
      "ServerVersion": .string(EngineVersion.version), "Runtimes": .object(runtimes),
      "DefaultRuntime": .string(configuration.defaultRuntime),
      "Swarm": [
        "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
        "RemoteManagers": .null,
      ],
      "LiveRestoreEnabled": .bool(configuration.liveRestore), "Isolation": "", "InitBinary": "docker-init",
      "ContainerdCommit": ["ID": .string(containerd.revision)], "RuncCommit": ["ID": .string(runtimeCommit)],
      "InitCommit": ["ID": .string(EngineVersion.initCommit)], "SecurityOptions": JSON(security),
      "FirewallBackend": ["Driver": "nftables"], "CDISpecDirs": [],
    ]
    if !configuration.containerdAddress.isEmpty {
      info["Containerd"] = [
        "Address": .string(configuration.containerdAddress),
        "Namespaces": ["Containers": .string(configuration.namespace), "Plugins": "plugins.moby"],
      ]
    }
    info["Warnings"] = warnings.isEmpty ? .null : JSON(warnings)
    return .object(info)
  }

  private static func registryConfiguration(_ insecure: [String], _ mirrors: [String]) -> JSON {
    let networks = insecure.filter { $0.contains("/") }
    let mirrors = mirrors.map { $0.hasSuffix("/") ? $0 : $0 + "/" }
    var hosts: JSONObject = [
      "docker.io": ["Name": "docker.io", "Mirrors": JSON(mirrors), "Secure": true, "Official": true]
    ]
    for host in insecure where !host.contains("/") {
      hosts[host] = ["Name": .string(host), "Mirrors": [], "Secure": false, "Official": false]
    }
    return [
      "InsecureRegistryCIDRs": JSON((["::1/128"] + networks).sorted()), "IndexConfigs": .object(hosts),
      "Mirrors": mirrors.isEmpty ? .null : JSON(mirrors),
    ]
  }

  /// The machine's name as uname(1) has it.
  private static func machine(_ platform: Platform) -> String {
    switch platform.architecture {
    case "amd64": "x86_64"
    case "arm64": "aarch64"
    case "386": "i686"
    default: platform.architecture
    }
  }

  // MARK: Disk usage

  private func diskUsageResponse(_ request: APIRequest) async throws -> APIResponse {
    let types = request.query.filter { $0.name == "type" }.map(\.value)
    for type in types where !["container", "image", "volume", "build-cache"].contains(type) {
      throw EngineError(.invalidArgument, "unknown object type: \(type)")
    }
    func isWanted(_ type: String) -> Bool { types.isEmpty || types.contains(type) }
    let isVerbose = request.flag("verbose")
    var old: JSONObject = [:]
    var new: JSONObject = [:]
    if isWanted("image"), let source = daemon.images as? any DiskUsageSource {
      let usage = try await source.diskUsage()
      old["LayersSize"] = .int(usage.totalSize)
      old["Images"] = .array(usage.items)
      new["ImageUsage"] = usage.json(withItems: true)
    }
    if isWanted("container") {
      let usage = try await containerUsage()
      old["Containers"] = .array(usage.items)
      new["ContainerUsage"] = usage.json(withItems: true)
    }
    if isWanted("volume"), let source = daemon.volumes as? any DiskUsageSource {
      let usage = try await source.diskUsage()
      old["Volumes"] = .array(usage.items)
      new["VolumeUsage"] = usage.json(withItems: true)
    }
    if isWanted("build-cache") {
      old["BuildCache"] = []
      new["BuildCacheUsage"] = [:]
    }
    // Who asks for details knows the newer form; others may still read the old one.
    return APIResponse(200, .json(.object(JSONObject((isVerbose ? [] : old.members) + new.members))))
  }

  private func containerUsage() async throws -> DiskUsage {
    if let source = daemon.containers as? any DiskUsageSource { return try await source.diskUsage() }
    var usage = DiskUsage()
    for container in await daemon.containers.all() {
      let isActive = ["running", "paused", "restarting"].contains(container.state)
      usage.totalSize += container.sizeRw
      if isActive { usage.activeCount += 1 } else { usage.reclaimable += container.sizeRw }
      usage.items.append([
        "Id": .string(container.id), "Names": [.string("/" + container.name)], "Image": .string(container.image),
        "ImageID": .string(container.imageID.description), "Command": .string(container.command),
        "Created": .int(Int64(container.createdAt / 1_000_000_000)), "Ports": [],
        "SizeRw": .int(container.sizeRw), "Labels": JSON(container.labels), "State": .string(container.state),
        "Status": .string(container.status),
        "HostConfig": ["NetworkMode": .string(container.networks.first ?? "none")],
        "NetworkSettings": ["Networks": .object(JSONObject(container.networks.map { .init($0, [:]) }))],
        "Mounts": .array(
          container.volumes.map { ["Type": "volume", "Name": .string($0), "Driver": "local", "RW": true] }),
      ])
    }
    return usage
  }
}
