import JSONTree
import Seams

/// `DELETE /containers/{id}` and pruning (moby's delete.go).
extension ContainerService {
  func removeResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["id"] ?? ""
    if request.flag("link") {
      try removeLink(name)
      return APIResponse(204)
    }
    let container = try registry.find(name)
    try await remove(container, name: name, force: request.flag("force"), removeVolumes: request.flag("v"))
    return APIResponse(204)
  }

  /// Removes a container; `name` as the user typed it, for the refusal.
  func remove(_ container: Container, name: String? = nil, force: Bool, removeVolumes: Bool) async throws {
    let shown = name ?? container.id
    let isOurs = container.update { details -> Bool in
      if details.state.isRemoving { return false }
      details.state.isRemoving = true
      return true
    }
    guard isOurs else {
      throw EngineError(.conflict, "removal of container \(shown) is already in progress")
    }
    defer { container.update { $0.state.isRemoving = false } }
    guard registry[container.id] != nil else { return }
    do {
      try await takeDown(container, force: force, removeVolumes: removeVolumes)
    } catch let error as EngineError {
      throw EngineError(error.code, "cannot remove container \"\(shown)\": \(error.message)")
    }
  }

  private func takeDown(_ container: Container, force: Bool, removeVolumes: Bool) async throws {
    if let refusal = container.state.refusalToRemove() {
      guard force else { throw refusal }
      do { try await kill(container) } catch let error as EngineError {
        if container.state.isRunning { throw EngineError(error.code, "could not kill container: \(error.message)") }
      }
    }
    // Somebody may have started it again meanwhile.
    try await stop(container, signal: nil, timeout: 3)
    let hadLayer = await container.lock.withLock {
      await abandonPrepared(container)
      return container.update { details -> Bool in
        details.state.setDead()
        defer { details.hasLayer = false }
        return details.hasLayer
      }
    }
    try? save(container)
    if hadLayer {
      do { try await deleteLayer(container.id) } catch {
        container.update { $0.hasLayer = true }
        let message = (error as? EngineError)?.message ?? "\(error)"
        container.setRemovalError(message)
        throw EngineError(.unknown, message)
      }
    }
    do { try daemon.files.removeAll(folder(container.id)) } catch {
      let message = "unable to remove filesystem: unlinkat \(folder(container.id)): \(error.message)"
      container.setRemovalError(message)
      throw EngineError(.unknown, message)
    }
    try? daemon.files.removeAll(bundle(container.id))
    registry.remove(container.id)
    try? daemon.store.remove(ContainerService.bucket, container.id)
    await releaseMounts(container, removingVolumes: removeVolumes)
    registry.release(name: container.name, of: container.id)
    for exec in container.withRunning({ $0.endedExecs }) { execs.remove(exec) }
    container.output.close()
    container.setRemoved()
    publish(container, "destroy")
  }

  /// `rm --link /PARENT/ALIAS`.
  private func removeLink(_ name: String) throws {
    let parts = name.split(separator: "/").map(String.init)
    guard parts.count == 2 else {
      throw EngineError(.unknown, "Conflict, cannot remove the default link name of the container")
    }
    guard let parent = try? registry.find(parts[0]) else {
      throw EngineError(.unknown, "Cannot get parent /\(parts[0]) for link name /\(parts.joined(separator: "/"))")
    }
    let removed = parent.update { $0.links.removeValue(forKey: parts[1]) }
    guard removed != nil else { throw EngineError(.notFound, "No such container: \(name)") }
    try save(parent)
  }

  // MARK: Pruning

  public func prune(_ accept: @Sendable (ContainerSummary) -> Bool) async throws -> (ids: [String], bytes: Int64) {
    var ids: [String] = []
    var bytes: Int64 = 0
    for container in registry.all where !container.state.isRunning {
      var summary = summary(container)
      guard accept(summary) else { continue }
      summary.sizeRw = await writableSize(container)
      do {
        try await remove(container, force: false, removeVolumes: false)
        ids.append(container.id)
        bytes += max(0, summary.sizeRw)
      } catch {
        // One that is being used or removed by somebody else stays.
      }
    }
    return (ids, bytes)
  }

  func pruneResponse(_ request: APIRequest) async throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["label", "label!", "until"])
    let until = try filters.until(now: world.unixTime)
    let (ids, bytes) = try await prune { summary in
      (until.map { summary.createdAt <= $0 } ?? true) && filters.matchesLabels(summary.labels)
    }
    if !ids.isEmpty {
      daemon.events.publish(
        type: "container", action: "prune", id: "", attributes: ["reclaimed": String(bytes)])
    }
    return APIResponse(
      200, .json(["ContainersDeleted": ids.isEmpty ? .null : JSON(ids), "SpaceReclaimed": .int(bytes)]))
  }
}
