import JSONTree
import Seams

/// rename, resize and update (moby's rename.go, resize.go, update.go).
extension ContainerService {
  // MARK: Rename

  func renameResponse(_ request: APIRequest) async throws -> APIResponse {
    let old = request.parameters["id"] ?? ""
    let new = Self.trimmed(request.query("name") ?? "")
    guard Self.bare(old) != "", Self.bare(new) != "" else {
      throw EngineError(.invalidArgument, "Neither old nor new names may be empty")
    }
    let container = try registry.find(old)
    await container.lock.lock()
    defer { container.lock.unlock() }
    let before = container.name
    guard Self.bare(new) != before else {
      throw EngineError(.invalidArgument, "Renaming a container with the same name as its current name")
    }
    let name: String
    do { name = try takeName(new, for: container.id) } catch let error as EngineError {
      throw EngineError(error.code, "Error when allocating new name: \(error.message)")
    }
    container.update { $0.name = name }
    do { try save(container) } catch {
      container.update { $0.name = before }
      registry.release(name: name, of: container.id)
      throw error
    }
    registry.release(name: before, of: container.id)
    publish(container, "rename", ["oldName": "/" + before])
    return APIResponse(204)
  }

  private static func trimmed(_ text: String) -> String {
    String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }

  private static func bare(_ name: String) -> String { name.hasPrefix("/") ? String(name.dropFirst()) : name }

  // MARK: Resize

  /// `h` and `w` of a resize request.
  func terminalSize(_ request: APIRequest) throws -> (height: Int, width: Int) {
    func number(_ key: String, _ what: String) throws -> Int {
      let text = request.query(key) ?? ""
      guard let value = UInt32(text) else {
        throw EngineError(
          .invalidArgument,
          "invalid resize \(what) \"\(text)\": strconv.ParseUint: parsing \"\(text)\": invalid syntax")
      }
      return Int(value)
    }
    return (try number("h", "height"), try number("w", "width"))
  }

  func resizeResponse(_ request: APIRequest) async throws -> APIResponse {
    let (height, width) = try terminalSize(request)
    let container = try registry.find(request.parameters["id"] ?? "")
    if let refusal = container.state.refusalWhenNotRunning(container.id) { throw refusal }
    _ = try await call(Tasks.ResizePty(containerId: container.id, width: width, height: height))
    publish(container, "resize", ["height": String(height), "width": String(width)])
    return APIResponse(200)
  }

  // MARK: Update

  func updateResponse(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body?.object ?? JSONObject()
    var change = HostConfig()
    change.resources = try ContainerResources(body, path: "UpdateConfig")
    if let policy = body["RestartPolicy"] {
      change.restartPolicy = try RestartPolicy(policy, GoJSON(path: "UpdateConfig"))
    }
    if let limit = change.resources.pidsLimit, limit <= 0 { change.resources.pidsLimit = 0 }
    var validation = ConfigValidation(configuration: configuration, files: daemon.files)
    try validation.check(&change, isUpdate: true)
    let container = try registry.find(request.parameters["id"] ?? "")
    do { try await update(container, change) } catch let error as EngineError {
      throw EngineError(error.code, "Cannot update container \(container.id): \(error.message)")
    }
    return APIResponse(200, .json(["Warnings": validation.warnings.isEmpty ? .null : JSON(validation.warnings)]))
  }

  private func update(_ container: Container, _ change: HostConfig) async throws {
    await container.lock.lock()
    defer { container.lock.unlock() }
    let state = container.state
    if state.isRemoving || state.isDead {
      throw EngineError(.unknown, "container is marked for removal and cannot be \"update\"")
    }
    let before = container.read { $0.hostConfig }
    var host = before
    try host.apply(change)
    container.update { $0.hostConfig = host }
    do {
      if state.isRunning, !state.isRestarting {
        var devices: [String: HostDevice] = [:]
        for path in change.resources.limitedDevices { devices[path] = daemon.files.stat(path)?.device }
        _ = try await call(
          Tasks.Update(containerId: container.id, resources: change.resources.updateMember(devices)))
      }
      try save(container)
    } catch {
      container.update { $0.hostConfig = before }
      throw error
    }
    publish(container, "update")
  }
}

extension HostConfig {
  /// Takes over what `change` says (moby's UpdateContainer).
  fileprivate mutating func apply(_ change: HostConfig) throws(EngineError) {
    func conflict(_ message: String) -> EngineError { EngineError(.conflict, message) }
    let new = change.resources
    if new.nanoCPUs > 0, resources.cpuPeriod > 0 {
      throw conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
    }
    if new.nanoCPUs > 0, resources.cpuQuota > 0 {
      throw conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set")
    }
    if new.cpuPeriod > 0, resources.nanoCPUs > 0 {
      throw conflict("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set")
    }
    if new.cpuQuota > 0, resources.nanoCPUs > 0 {
      throw conflict("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set")
    }
    if new.blkioWeight != 0 { resources.blkioWeight = new.blkioWeight }
    if !new.blkioWeightDevice.isEmpty { resources.blkioWeightDevice = new.blkioWeightDevice }
    if !new.blkioDeviceReadBps.isEmpty { resources.blkioDeviceReadBps = new.blkioDeviceReadBps }
    if !new.blkioDeviceWriteBps.isEmpty { resources.blkioDeviceWriteBps = new.blkioDeviceWriteBps }
    if !new.blkioDeviceReadIOps.isEmpty { resources.blkioDeviceReadIOps = new.blkioDeviceReadIOps }
    if !new.blkioDeviceWriteIOps.isEmpty { resources.blkioDeviceWriteIOps = new.blkioDeviceWriteIOps }
    if new.cpuShares != 0 { resources.cpuShares = new.cpuShares }
    if new.nanoCPUs != 0 { resources.nanoCPUs = new.nanoCPUs }
    if new.cpuPeriod != 0 { resources.cpuPeriod = new.cpuPeriod }
    if new.cpuQuota != 0 { resources.cpuQuota = new.cpuQuota }
    if !new.cpusetCpus.isEmpty { resources.cpusetCpus = new.cpusetCpus }
    if !new.cpusetMems.isEmpty { resources.cpusetMems = new.cpusetMems }
    if new.memory != 0 {
      if new.memory > resources.memorySwap, new.memorySwap == 0 {
        throw conflict(
          "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
      }
      resources.memory = new.memory
    }
    if new.memorySwap != 0 { resources.memorySwap = new.memorySwap }
    if new.memoryReservation != 0 { resources.memoryReservation = new.memoryReservation }
    if let limit = new.pidsLimit { resources.pidsLimit = limit }
    if !change.restartPolicy.name.isEmpty {
      if autoRemove, !change.restartPolicy.isNone {
        throw conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
      }
      restartPolicy = change.restartPolicy
    }
  }
}
