import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams

/// `POST /containers/create`.
extension ContainerService {
  func createResponse(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body?.object
    guard let body, !body.isEmpty else {
      throw EngineError(.invalidArgument, "config cannot be empty in order to create a container")
    }
    var config = try ContainerConfig(body, path: "CreateRequest")
    let go = GoJSON(path: "CreateRequest")
    var host = try HostConfig(
      go.object(body["HostConfig"] ?? .null, "HostConfig", "container.HostConfig"), path: "CreateRequest.HostConfig")
    let networking = try go.object(body["NetworkingConfig"] ?? .null, "NetworkingConfig", "network.NetworkingConfig")
    var endpoints = try go.object(
      networking["EndpointsConfig"] ?? .null, "NetworkingConfig.EndpointsConfig", "map[string]*network.EndpointSettings"
    )

    var validation = ConfigValidation(configuration: configuration, files: daemon.files)
    try validation.checkRequest(config, host)
    normaliseNetworks(&host, &endpoints)
    var platform: Platform?
    if let text = request.query("platform"), !text.isEmpty {
      guard let parsed = Platform(text) else {
        throw EngineError(
          .invalidArgument, "\"\(text)\": unknown operating system or architecture: invalid argument")
      }
      platform = parsed
    }
    if let message = try migrateSysctls(&host) { throw EngineError(.unknown, message) }
    if let limit = host.resources.pidsLimit, limit <= 0 { host.resources.pidsLimit = nil }
    if host.restartPolicy.name.isEmpty { host.restartPolicy.name = "no" }

    try validation.check(&config)
    try validation.check(&host)
    var warnings = validation.warnings
    for member in host.portBindings.members where member.value.array?.isEmpty ?? true {
      warnings.append(
        "Following container port(s) have an empty list of port-bindings: \(member.key). Such bindings will be "
          + "discarded in a future version.")
      host.portBindings[member.key] = [["HostIp": "", "HostPort": ""]]
    }

    var image: LocalImage?
    if !config.image.isEmpty {
      image = try await daemon.images.image(config.image, platform: platform)
      if platform == nil, let own = image?.config.platform, !configuration.platform.accepts(own) {
        warnings.append(
          "The requested image's platform (\(own)) does not match the detected host platform "
            + "(\(configuration.platform)) and no specific platform was requested")
      }
    }
    try checkEndpoints(endpoints)
    try adapt(&host)
    if host.networkMode.isDefault || host.networkMode.isBridge, !(host.links ?? []).isEmpty {
      warnings.append(
        "Links on the default bridge network are deprecated and will be removed in a future release. Use a custom "
          + "network instead.")
    }
    let container = try await create(
      name: request.query("name") ?? "", config: config, host: host, endpoints: endpoints, image: image)
    return APIResponse(201, .json(["Id": .string(container.id), "Warnings": JSON(warnings)]))
  }

  /// `default` is `bridge`; the endpoint of that name goes along.
  private func normaliseNetworks(_ host: inout HostConfig, _ endpoints: inout JSONObject) {
    if host.networkMode.raw.isEmpty || host.networkMode.isDefault {
      host.networkMode = NetworkMode("bridge")
      if let index = endpoints.members.firstIndex(where: { $0.key == "default" }) {
        endpoints.members[index].key = "bridge"
      }
    }
  }

  /// Sysctls of one interface belong to its endpoint.
  private func migrateSysctls(_ host: inout HostConfig) throws -> String? {
    guard host.networkMode.isPrivate else { return nil }
    for name in host.sysctls.keys.sorted() {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      if parts.count >= 5, parts[0] == "net", parts[3].hasPrefix("eth") {
        return "interface specific sysctl setting \"\(name)\" must be supplied using driver option "
          + "'com.docker.network.endpoint.sysctls'"
      }
    }
    return nil
  }

  /// moby's validateEndpointSettings, as far as it needs no network.
  private func checkEndpoints(_ endpoints: JSONObject) throws {
    var refusals: [String] = []
    for member in endpoints.members {
      guard !member.value.isNull else {
        refusals.append("invalid config for network \(member.key): EndpointsConfig is nil")
        continue
      }
      var faults: [String] = []
      let ipam = member.value["IPAMConfig"]
      let (v4, v6) = (ipam?["IPv4Address"]?.string ?? "", ipam?["IPv6Address"]?.string ?? "")
      if !NetworkMode(member.key).isUserDefined {
        if !v4.isEmpty || !v6.isEmpty {
          faults.append("user-specified IP address is supported on user-defined networks only")
        }
        if !(member.value["Aliases"]?.array ?? []).isEmpty {
          faults.append("network-scoped aliases are only supported for user-defined networks")
        }
      }
      if !v4.isEmpty, IPAddress(v4)?.bytes.count != 4 || v4 == "0.0.0.0" {
        faults.append("invalid IPv4 address: \(v4)")
      }
      if !v6.isEmpty, IPAddress(v6)?.bytes.count != 16 || v6 == "::" {
        faults.append("invalid IPv6 address: \(v6)")
      }
      if !faults.isEmpty {
        refusals.append(
          "invalid config for network \(member.key): invalid endpoint settings:\n" + faults.joined(separator: "\n"))
      }
    }
    if !refusals.isEmpty { throw EngineError(.invalidArgument, refusals.joined(separator: "\n")) }
  }

  /// Defaults that depend on the daemon (moby's adaptContainerSettings).
  private func adapt(_ host: inout HostConfig) throws {
    if host.resources.memory > 0, host.resources.memorySwap == 0 {
      // Twice the memory: as much swap again.
      host.resources.memorySwap = host.resources.memory.multipliedReportingOverflow(by: 2).partialValue
      if host.resources.memorySwap < 0 { host.resources.memorySwap = -1 }
    }
    if host.shmSize == 0 { host.shmSize = configuration.defaultShmSize }
    if host.ipcMode.raw.isEmpty { host.ipcMode = IPCMode(configuration.defaultIpcMode) }
    if host.cgroupnsMode.isEmpty { host.cgroupnsMode = configuration.cgroupVersion >= 2 ? "private" : "host" }
    // Names of containers become ids, which outlive a renaming; who is missing is said at the start.
    func resolved(_ name: String?) -> String? { name.flatMap { try? registry.find($0) }.map { "container:\($0.id)" } }
    if let id = resolved(host.pidMode.container) { host.pidMode = PIDMode(id) }
    if let id = resolved(host.ipcMode.container) { host.ipcMode = IPCMode(id) }
    if let id = resolved(host.networkMode.container) { host.networkMode = NetworkMode(id) }
    if host.resources.oomKillDisable == nil { host.resources.oomKillDisable = false }
  }

  // MARK: Creating

  private func create(
    name: String, config: ContainerConfig, host: HostConfig, endpoints: JSONObject, image: LocalImage?
  ) async throws -> Container {
    var (config, host) = (config, host)
    if let defaults = image?.config.config { config.merge(defaults) }
    if config.entrypoint == [""] { config.entrypoint = nil }
    guard !config.arguments.isEmpty else { throw EngineError(.invalidArgument, "no command specified") }
    try mergeLogConfig(&host)
    let id = newID()
    let name = try reserveName(name, for: id)
    do {
      if config.hostname.isEmpty {
        config.hostname = host.networkMode.isHost ? configuration.hostname : String(id.prefix(12))
      }
      var details = ContainerDetails(
        id: id, created: world.unixTime, name: name, config: config, hostConfig: host,
        platform: image?.config.platform ?? configuration.platform)
      details.imageID = image?.id
      details.manifestDescriptor = image?.manifestDescriptor
      details.imageStoreName = image?.storeName ?? ""
      details.security = try SecurityOptions(host.securityOpt ?? [])
      details.links = try registerLinks(host.links ?? [])
      if !host.privileged {
        if details.hostConfig.maskedPaths == nil { details.hostConfig.maskedPaths = ContainerSpec.defaultPaths.masked }
        if details.hostConfig.readonlyPaths == nil {
          details.hostConfig.readonlyPaths = ContainerSpec.defaultPaths.readonly
        }
      }
      details.endpoints = initialEndpoints(host.networkMode, endpoints)
      let container = Container(details)
      try await furnish(container, image)
      registry.add(container)
      try save(container)
      publish(container, "create")
      return container
    } catch {
      registry.release(name: name, of: id)
      throw error
    }
  }

  /// Volumes, layer, folder. What was made is taken back when something fails.
  private func furnish(_ container: Container, _ image: LocalImage?) async throws {
    let id = container.id
    do {
      try await registerMounts(container)
      try await createLayer(id, image: image)
      container.update { $0.hasLayer = true }
      do throws(Errno) { try daemon.files.makeDirectory(folder(id), mode: 0o710) } catch {
        throw EngineError(.unknown, "mkdir \(folder(id)): \(error.message)")
      }
      try await furnishRoot(container)
    } catch {
      if container.read({ $0.hasLayer }) { try? await deleteLayer(id) }
      await releaseMounts(container, removingVolumes: true)
      try? daemon.files.removeAll(folder(id))
      throw error
    }
  }

  /// The endpoints asked for, the network of the mode among them.
  private func initialEndpoints(_ mode: NetworkMode, _ asked: JSONObject) -> JSONObject {
    if mode.isContainer { return JSONObject() }
    var endpoints = asked
    if endpoints[mode.networkName] == nil, endpoints.isEmpty || !mode.isUserDefined {
      endpoints.members.insert(.init(mode.networkName, [:]), at: 0)
    }
    return endpoints
  }

  private func mergeLogConfig(_ host: inout HostConfig) throws {
    if host.logType.isEmpty { host.logType = configuration.defaultLogDriver }
    if host.logType == configuration.defaultLogDriver {
      host.logOptions.merge(configuration.defaultLogOptions) { own, _ in own }
    }
    try LogOptions.check(driver: host.logType, host.logOptions)
  }

  private func newID() -> String {
    while true {
      let id = world.hexID()
      // The first twelve are the default hostname: not all of them digits, or it would be a number.
      if id.utf8.prefix(12).contains(where: { $0 > 0x39 }) { return id }
    }
  }

  /// Takes the name, or makes one up.
  private func reserveName(_ name: String, for id: String) throws -> String {
    guard !name.isEmpty else {
      for retry in 0..<6 {
        let random = ContainerNames.random(world, retry: retry)
        if registry.reserve(name: random, for: id) == nil { return random }
      }
      let short = String(id.prefix(12))
      _ = registry.reserve(name: short, for: id)
      return short
    }
    return try takeName(name, for: id)
  }

  /// Takes `name` for `id`; without the slash.
  func takeName(_ name: String, for id: String) throws -> String {
    let bare = name.hasPrefix("/") ? String(name.dropFirst()) : name
    guard ContainerNames.isValid(bare) else {
      throw EngineError(
        .invalidArgument, "Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    if let owner = registry.reserve(name: bare, for: id) {
      throw EngineError(
        .conflict,
        "Conflict. The container name \"/\(bare)\" is already in use by container \"\(owner)\". You have to remove "
          + "(or rename) that container to be able to reuse that name.")
    }
    return bare
  }

  /// `--link CONTAINER:ALIAS`.
  private func registerLinks(_ links: [String]) throws -> [String: String] {
    var aliases: [String: String] = [:]
    for link in links {
      let parts = link.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard (1...2).contains(parts.count), !parts[0].isEmpty else {
        throw EngineError(.invalidArgument, "bad format for links: \(link)")
      }
      guard let child = try? registry.find(parts[0]) else {
        throw EngineError(.invalidArgument, "could not get container for \(parts[0]): No such container: \(parts[0])")
      }
      let alias = parts.count == 2 ? parts[1] : child.name
      aliases[alias.split(separator: "/").last.map(String.init) ?? alias] = child.id
    }
    return aliases
  }
}
