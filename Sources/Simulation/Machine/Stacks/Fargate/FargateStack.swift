import Encodings
import Engine
import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams

/// The stack `fargate`, platform version 1.4: the control plane of ECS hands tasks to the Fargate agent, on a micro
/// virtual machine of the task's own, and the agent is a client of containerd.
///
/// Neither dockerd nor the old ECS agent's Docker API takes part ("Under the hood: AWS Fargate data plane", AWS
/// Containers Blog, 2020). What the docker client says becomes what `aws ecs` would: `docker run` runs a task.
public final class FargateStack: SimStack {
  public let name = "fargate"
  public let clientNames: [String] = []
  public let daemon: any RemoteAPI
  public let untraced: any RemoteAPI
  private let engine: LibraryEngine
  private let kernel: SimKernel

  public var parties: [String] {
    ["client", "ecs", "agent", "cni", "containerd", "shim"] + SimMachine.runtimes + [
      "kernel", "registry", "cloudwatch",
    ]
  }
  public var breakable: [String] { ["ecs", "agent", "cni", "containerd", "shim", "runc", "registry"] }
  static let namespace = "ecs.fargate"

  public init(_ parts: SimParts) {
    kernel = parts.kernel
    let kernel = parts.kernel
    let tap = parts.tap(.agent, .containerd, .grpc)
    let shims = TracedShimLauncher(
      ShimFactory(
        world: parts.world, runtime: RuntimeTable(parts, caller: .shim), files: SimHostFiles(kernel),
        fifos: SimFIFOs(kernel), processes: kernel),
      exec: parts.tap(.containerd, .shim, .exec), ttrpc: parts.tap(.containerd, .shim, .ttrpc))
    let pins = PinnedNamespaces(kernel: kernel, tap: parts.tap(.agent, .kernel, .syscall))
    let network = LazyBridge(
      TracedNetworkHost(
        SimNetworkHost(network: parts.network, namespaceOf: { pins.network($0) }),
        tap: parts.tap(.cni, .kernel, .syscall)), bridge: "fargate-bridge")
    let plugin = parts.tap(.agent, .cni, .exec)
    let registry = ElasticRegistryLogin(parts)
    var plan = LibraryEngine.Plan(
      registry: TracedDistributionAPI(parts.registries, tap: parts.tap(.containerd, .registry, .https)), shims: shims,
      runtime: RuntimeTable(parts, caller: .agent), network: network, snapshots: SimSnapshotDriver(kernel),
      files: SimHostFiles(kernel))
    plan.seam = { next in
      ClientSeam(
        next, tap: tap, world: parts.world, createsAtStart: true,
        spec: { id, spec in
          spec.change("linux") { $0["cgroupsPath"] = .string("/ecs/\(id.prefix(32))/\(id)") }
          if let path = pins[id]?.paths[.network] { spec.join(namespace: "network", path: path) }
        }, credentials: { try await registry.credentials($0) })
    }
    plan.networks = { next in
      NetworkPlugins(
        next: next, tap: plugin, setup: "cni ADD", teardown: "cni DEL",
        arguments: { verb, id in
          [
            "argv": ["/usr/local/bin/vpc-branch-eni"],
            "env": [
              "CNI_COMMAND": .string(String(verb.dropFirst(4))), "CNI_CONTAINERID": .string(id),
              "CNI_NETNS": .string(pins[id]?.paths[.network] ?? ""), "CNI_IFNAME": "eth1",
            ], "mode": "awsvpc",
          ]
        })
    }
    plan.daemon = { (configuration: inout DaemonConfiguration) in
      configuration.dataRoot = "/var/lib/fargate"
      configuration.execRoot = "/run/fargate"
      configuration.namespace = FargateStack.namespace
      configuration.bridgeName = "fargate-bridge"
      configuration.bridgeSubnet = "10.0.0.0/16"
      configuration.hostname = "fargate"
    }
    engine = LibraryEngine(parts, plan)
    engine.daemon.use(namespaces: TaskNamespaces(kernel: kernel, pins: pins))
    untraced = engine.dockerd
    daemon = ECSFront(parts, engine: engine).api
  }

  public func start() async throws {
    _ = kernel.spawnPart("containerd", arguments: ["/usr/bin/containerd"])
    _ = kernel.spawnPart("fargate-agent", arguments: ["/usr/bin/fargate-agent"])
    try await engine.start()
  }
  public var runtime: String { engine.runtime }
  public func use(runtime: String) -> String? {
    engine.use(runtime: runtime)
    return nil
  }
}

/// A task's network namespace, in which its elastic network interface is, exists before its containers.
private struct TaskNamespaces: NetworkNamespaces {
  let kernel: SimKernel
  let pins: PinnedNamespaces
  func make(for containerID: String) async throws -> Int? {
    try pins.make(
      for: containerID, [(.network, "/var/run/netns/\(containerID.prefix(32))")], program: ["fargate-agent"]
    ).handle
  }
  /// The task's cgroup goes along, in which its container's was.
  func remove(for containerID: String) async {
    pins.remove(for: containerID)
    _ = try? kernel.perform(.rmdir(path: KernelPath("/sys/fs/cgroup/ecs/\(containerID.prefix(32))")), as: 1)
  }
}

/// The task's execution role signs in to ECR: the agent asks for a token, and nobody has to log in.
private struct ElasticRegistryLogin: Sendable {
  private let api: any DistributionAPI

  init(_ parts: SimParts) {
    api = TracedDistributionAPI(parts.registries, tap: parts.tap(.agent, .registry, .https))
  }

  /// The credentials for a registry of ECR; nil for any other. Throws when ECR does not give a token.
  func credentials(_ host: String) async throws -> RegistryCredentials? {
    let labels = host.split(separator: ".").map(String.init)
    guard labels.count == 6, labels[1] == "dkr", labels[2] == "ecr", host.hasSuffix(".amazonaws.com") else {
      return nil
    }
    let response = try await api.send(
      RegistryRequest(
        "POST", host: "api.ecr.\(labels[3]).amazonaws.com", "/",
        headers: [
          NameValue("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"),
          NameValue("Content-Type", "application/x-amz-json-1.1"),
          NameValue("Authorization", "AWS4-HMAC-SHA256 Credential=ecsTaskExecutionRole/\(labels[3])/ecr/aws4_request"),
        ], body: Array("{}".utf8)))
    guard response.status == 200, let answer = try? JSON(parsing: response.body),
      let token = answer["authorizationData"]?[0]?["authorizationToken"]?.string, let pair = Base64.decode(token)
    else {
      throw EngineError(
        .unauthenticated,
        "CannotPullContainerError: unable to retrieve ecr registry auth: service call has been retried 1 time(s)")
    }
    let parts = String(decoding: pair, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
    return parts.count == 2 ? RegistryCredentials(username: parts[0], password: parts[1]) : nil
  }
}
