import JSONTree
import Seams

/// `GET /containers/{id}/json` (moby's inspect.go).
extension ContainerService {
  func inspectResponse(_ request: APIRequest) async throws -> APIResponse {
    let container = try registry.find(request.parameters["id"] ?? "")
    var json = await inspect(container)
    if request.flag("size") {
      let (writable, total) = await sizes(container)
      json.members.append(.init("SizeRw", .int(writable)))
      json.members.append(.init("SizeRootFs", .int(total)))
    }
    return APIResponse(200, .json(.object(json)))
  }

  /// Everything there is to show of a container.
  func inspect(_ container: Container) async -> JSONObject {
    let details = container.details
    let networks = await networkSettings(container, details)
    let execIDs = container.withRunning { $0.execs.map(\.id) }
    let files = folder(details.networkFilesOf ?? details.id)
    let hasFiles = details.hasBeenStarted && !details.config.networkDisabled
    var json: JSONObject = [
      "Id": .string(details.id), "Created": .string(DockerTime.rfc3339(details.created)),
      "Path": .string(details.path), "Args": JSON(details.args), "State": state(details),
      "Image": .string(details.imageID?.description ?? ""),
      "ResolvConfPath": .string(hasFiles ? "\(files)/resolv.conf" : ""),
      "HostnamePath": .string(hasFiles ? "\(files)/hostname" : ""),
      "HostsPath": .string(hasFiles ? "\(files)/hosts" : ""),
      "LogPath": .string(details.hasBeenStarted && details.hostConfig.logType == "json-file" ? logPath(details) : ""),
      "Name": .string("/" + details.name), "RestartCount": JSON(details.restartCount), "Driver": .string(snapshotter),
      "Platform": .string(details.imagePlatform.os), "MountLabel": "", "ProcessLabel": "",
      "AppArmorProfile": .string(configuration.hasAppArmor && details.hasBeenStarted ? appArmor(details) : ""),
      "ExecIDs": execIDs.isEmpty ? .null : JSON(execIDs),
      "HostConfig": hostConfig(details),
    ]
    if let manifest = details.manifestDescriptor {
      var descriptor = manifest
      if descriptor.platform == nil { descriptor.platform = details.imagePlatform }
      json.members.append(.init("ImageManifestDescriptor", descriptor.json))
    }
    json.members.append(.init("Mounts", .array(details.mounts.map(\.json))))
    json.members.append(.init("Config", details.config.json))
    json.members.append(.init("NetworkSettings", networks))
    json.members.append(.init("Storage", ["RootFS": ["Snapshot": ["Name": .string(snapshotter)]]]))
    return json
  }

  private func appArmor(_ details: ContainerDetails) -> String {
    ContainerSpec(details: details, configuration: configuration, root: "").appArmorProfile
  }

  private func state(_ details: ContainerDetails) -> JSON {
    let state = details.state
    var json: JSONObject = [
      "Status": .string(state.status.rawValue), "Running": .bool(state.isRunning), "Paused": .bool(state.isPaused),
      "Restarting": .bool(state.isRestarting), "OOMKilled": .bool(state.oomKilled), "Dead": .bool(state.isDead),
      "Pid": JSON(state.pid), "ExitCode": JSON(state.exitCode), "Error": .string(state.error),
      "StartedAt": .string(DockerTime.rfc3339(state.startedAt)),
      "FinishedAt": .string(DockerTime.rfc3339(state.finishedAt)),
    ]
    if let health = details.health { json.members.append(.init("Health", health.json)) }
    return .object(json)
  }

  /// Links are shown as they were asked for: `/db:/web/alias`.
  private func hostConfig(_ details: ContainerDetails) -> JSON {
    var host = details.hostConfig
    host.links =
      details.links.isEmpty
      ? nil
      : details.links.sorted { $0.key < $1.key }.compactMap { alias, id in
        registry[id].map { "/\($0.name):/\(details.name)/\(alias)" }
      }
    return host.json
  }

  private func networkSettings(_ container: Container, _ details: ContainerDetails) async -> JSON {
    var sandbox: SandboxState?
    if details.state.isRunning { sandbox = await daemon.networks.state(container.id) }
    return [
      "SandboxID": .string(sandbox?.sandboxID ?? ""),
      "SandboxKey": .string(sandbox.map { "/var/run/docker/netns/\($0.sandboxID.prefix(12))" } ?? ""),
      "Ports": .object(sandbox?.ports ?? JSONObject()),
      "Networks": .object(sandbox?.networks ?? configuredNetworks(details)),
    ]
  }

  /// The networks of a container that does not run: what was asked for, without addresses.
  func configuredNetworks(_ details: ContainerDetails) -> JSONObject {
    JSONObject(
      details.endpoints.members.map { member in
        var settings: JSONObject = [
          "IPAMConfig": member.value["IPAMConfig"] ?? .null, "Links": member.value["Links"] ?? .null,
          "Aliases": member.value["Aliases"] ?? .null, "DriverOpts": member.value["DriverOpts"] ?? .null,
          "GwPriority": member.value["GwPriority"] ?? 0, "NetworkID": member.value["NetworkID"] ?? "",
          "EndpointID": "", "Gateway": "", "IPAddress": "", "MacAddress": member.value["MacAddress"] ?? "",
          "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        ]
        settings.members.append(.init("DNSNames", member.value["DNSNames"] ?? .null))
        return .init(member.key, .object(settings))
      })
  }

  /// Bytes of the writable layer, and of all layers.
  func sizes(_ container: Container) async -> (writable: Int64, total: Int64) {
    let writable = await writableSize(container)
    var total = max(0, writable)
    var key = container.id
    // Down the chain of parents.
    for _ in 0..<256 {
      guard let parent = try? await call(Snapshots.Stat(snapshotter: snapshotter, key: key)).info.parent,
        !parent.isEmpty
      else { break }
      total += (try? await call(Snapshots.Usage(snapshotter: snapshotter, key: parent)).size) ?? 0
      key = parent
    }
    return (writable, total)
  }

  /// Bytes of the writable layer; -1 when they cannot be told.
  func writableSize(_ container: Container) async -> Int64 {
    guard container.read({ $0.hasLayer }) else { return 0 }
    return (try? await call(Snapshots.Usage(snapshotter: snapshotter, key: container.id)).size) ?? -1
  }
}
