import JSONTree
import OCISpec
import Seams

/// What images, networks, volumes and the system ask of containers.
extension ContainerService {
  public func all() async -> [ContainerSummary] { registry.all.map(summary) }

  public func find(_ nameOrID: String) async throws -> ContainerSummary { summary(try registry.find(nameOrID)) }

  func summary(_ container: Container) -> ContainerSummary {
    let details = container.details
    return ContainerSummary(
      id: details.id, name: details.name, state: details.state.status.rawValue,
      status: details.state.summary(now: world.unixTime, health: details.health?.summary),
      image: details.config.image, imageID: details.imageID ?? ContainerService.noImage,
      labels: details.config.labels, command: details.command, createdAt: details.created,
      networks: details.endpoints.keys, volumes: details.mounts.filter { $0.type == "volume" }.map(\.name), sizeRw: 0)
  }

  /// The id of a container's image when it has none: the digest of nothing.
  private static let noImage = Digest(sha256: [])

  public func sandbox(_ nameOrID: String) async throws -> NetworkSandbox {
    let container = try registry.find(nameOrID)
    let details = container.details
    if details.state.isRemoving || details.state.isDead {
      throw EngineError(
        .conflict,
        "Container \(details.id) is marked for removal and cannot be connected or disconnected to the network")
    }
    return sandbox(details, pid: details.state.isRunning && !details.state.isRestarting ? details.state.pid : 0)
  }

  /// A network was connected or disconnected: that holds for the next start too.
  public func networksChanged(_ id: String, _ state: SandboxState) async {
    guard let container = registry[id] else { return }
    container.update { details in
      details.endpoints = JSONObject(
        state.networks.members.map { member in
          var settings = JSONObject()
          for key in ["IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority"] {
            if let value = member.value[key], !value.isNull { settings[key] = value }
          }
          let old = details.endpoints[member.key]
          if let mac = old?["MacAddress"] { settings["MacAddress"] = mac }
          if let names = member.value["DNSNames"] { settings["DNSNames"] = names }
          if let network = member.value["NetworkID"] { settings["NetworkID"] = network }
          return .init(member.key, .object(settings))
        })
    }
    if !state.sandboxID.isEmpty { takeAddresses(of: container, container.details, state) }
    try? save(container)
  }
}
