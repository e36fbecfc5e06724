import JSONTree
import OCISpec
import Seams

/// `GET /containers/json` (moby's list.go).
extension ContainerService {
  private static let acceptedFilters: Set<String> = [
    "ancestor", "before", "exited", "id", "isolation", "label", "name", "status", "health", "since", "volume",
    "network", "is-task", "publish", "expose",
  ]

  func listResponse(_ request: APIRequest) async throws -> APIResponse {
    var limit = 0
    if let text = request.query("limit"), !text.isEmpty {
      guard let number = Int(text) else {
        throw EngineError(.invalidArgument, "strconv.Atoi: parsing \"\(text)\": invalid syntax")
      }
      limit = number
    }
    let filter = try await ContainerFilter(
      APIFilters(request.query("filters")), accepted: Self.acceptedFilters, all: request.flag("all"), limit: limit,
      service: self)
    var items: [JSON] = []
    for container in try await select(filter) {
      var item = await listItem(container)
      if request.flag("size") {
        let (writable, total) = await sizes(container)
        if writable > 0 { item.members.append(.init("SizeRw", .int(writable))) }
        item.members.append(.init("SizeRootFs", .int(total)))
      }
      items.append(.object(item))
    }
    return APIResponse(200, .json(.array(items)))
  }

  /// Those that a filter lets through, newest first.
  private func select(_ filter: ContainerFilter) async throws -> [Container] {
    var selected: [Container] = []
    var isPastBefore = filter.before == nil
    for container in registry.all {
      if !isPastBefore {
        isPastBefore = container.id == filter.before
        continue
      }
      if container.id == filter.since { break }
      let details = container.details
      if filter.limit > 0, selected.count == filter.limit { break }
      guard filter.accepts(details) else { continue }
      if filter.needsNetworks {
        let state = details.state.isRunning ? await daemon.networks.state(container.id) : nil
        guard filter.accepts(networks: state?.networks ?? configuredNetworks(details), ports: state?.ports) else {
          continue
        }
      }
      selected.append(container)
    }
    return selected
  }

  private func listItem(_ container: Container) async -> JSONObject {
    let details = container.details
    let state = details.state.isRunning ? await daemon.networks.state(container.id) : nil
    var image = details.config.image
    // A name that now means another image is shown as the image's id.
    if let id = details.imageID, !image.isEmpty, image != id.description {
      let current = try? await daemon.images.image(image)
      if current?.id != id { image = id.description }
    }
    var item: JSONObject = [
      "Id": .string(details.id), "Names": [.string("/" + details.name)], "Image": .string(image),
      "ImageID": .string(details.imageID?.description ?? ""),
    ]
    func add(_ key: String, _ value: JSON) { item.members.append(.init(key, value)) }
    if let descriptor = details.manifestDescriptor {
      var descriptor = descriptor
      if descriptor.platform == nil { descriptor.platform = details.imagePlatform }
      add("ImageManifestDescriptor", descriptor.json)
    }
    add("Command", .string(details.command))
    add("Created", JSON(details.created / Duration64.second))
    add("Ports", .array(Self.ports(state?.ports ?? JSONObject())))
    add("Labels", JSON(details.config.labels))
    add("State", .string(details.state.status.rawValue))
    add("Status", .string(details.state.summary(now: world.unixTime, health: details.health?.summary)))
    var host: JSONObject = ["NetworkMode": .string(details.hostConfig.networkMode.raw)]
    if !details.hostConfig.annotations.isEmpty { host["Annotations"] = JSON(details.hostConfig.annotations) }
    add("HostConfig", .object(host))
    if let health = details.health {
      add("Health", ["Status": .string(health.status.rawValue), "FailingStreak": JSON(health.failingStreak)])
    }
    add("NetworkSettings", ["Networks": .object(state?.networks ?? configuredNetworks(details))])
    add("Mounts", .array(details.mounts.map(\.json)))
    return item
  }

  /// Engine API `Ports` of the list: one entry for each address a port is published at.
  static func ports(_ ports: JSONObject) -> [JSON] {
    var entries: [JSON] = []
    for member in ports.members {
      guard let port = PortSpec.parse(member.key) else { continue }
      let bindings = member.value.array ?? []
      if bindings.isEmpty {
        entries.append(["PrivatePort": JSON(port.number), "Type": .string(port.proto)])
      }
      for binding in bindings {
        entries.append([
          "IP": binding["HostIp"] ?? "", "PrivatePort": JSON(port.number),
          "PublicPort": JSON(binding["HostPort"]?.string.flatMap { Int($0) } ?? 0), "Type": .string(port.proto),
        ])
      }
    }
    return entries
  }
}

extension ContainerService: DiskUsageSource {
  /// What the writable layers hold.
  func diskUsage() async throws -> DiskUsage {
    var usage = DiskUsage()
    for container in registry.all {
      let (writable, total) = await sizes(container)
      var item = await listItem(container)
      item.members.append(.init("SizeRw", .int(max(0, writable))))
      item.members.append(.init("SizeRootFs", .int(total)))
      usage.items.append(.object(item))
      usage.totalSize += max(0, writable)
      if container.state.isRunning { usage.activeCount += 1 } else { usage.reclaimable += max(0, writable) }
    }
    return usage
  }
}

extension ContainerDetails {
  /// The command as lists show it: arguments with spaces are quoted.
  var command: String {
    let quoted = args.map { $0.contains(" ") ? "'\($0)'" : $0 }
    return ([path] + quoted).joined(separator: " ")
  }
}
