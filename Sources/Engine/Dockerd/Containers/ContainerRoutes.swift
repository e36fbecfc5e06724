import Seams

extension ContainerService {
  /// Operations of the Engine API that concern containers.
  public func register(in router: inout Router) {
    router.on("POST /containers/create") { [self] in try await createResponse($0) }
    router.on("GET /containers/json") { [self] in try await listResponse($0) }
    router.on("GET /containers/{id}/json") { [self] in try await inspectResponse($0) }
    router.on("POST /containers/{id}/start") { [self] in try await startResponse($0) }
    router.on("POST /containers/{id}/stop") { [self] in try await stopResponse($0) }
    router.on("POST /containers/{id}/restart") { [self] in try await restartResponse($0) }
    router.on("POST /containers/{id}/kill") { [self] in try await killResponse($0) }
    router.on("POST /containers/{id}/pause") { [self] in try await pauseResponse($0) }
    router.on("POST /containers/{id}/unpause") { [self] in try await unpauseResponse($0) }
    router.on("POST /containers/{id}/wait") { [self] in try await waitResponse($0) }
    router.on("POST /containers/{id}/attach") { [self] in try await attachResponse($0) }
    router.on("GET /containers/{id}/logs") { [self] in try await logsResponse($0) }
    router.on("DELETE /containers/{id}") { [self] in try await removeResponse($0) }
    router.on("POST /containers/prune") { [self] in try await pruneResponse($0) }
    router.on("POST /containers/{id}/exec") { [self] in try await execCreateResponse($0) }
    router.on("POST /exec/{id}/start") { [self] in try await execStartResponse($0) }
    router.on("POST /exec/{id}/resize") { [self] in try await execResizeResponse($0) }
    router.on("GET /exec/{id}/json") { [self] in try await execInspectResponse($0) }
    router.on("POST /containers/{id}/resize") { [self] in try await resizeResponse($0) }
    router.on("POST /containers/{id}/rename") { [self] in try await renameResponse($0) }
    router.on("POST /containers/{id}/update") { [self] in try await updateResponse($0) }
    router.on("GET /containers/{id}/top") { [self] in try await topResponse($0) }
    router.on("GET /containers/{id}/stats") { [self] in try await statsResponse($0) }
    router.on("HEAD /containers/{id}/archive") { [self] in try await archiveStatResponse($0) }
    router.on("GET /containers/{id}/archive") { [self] in try await archiveResponse($0) }
    router.on("PUT /containers/{id}/archive") { [self] in try await extractResponse($0) }
    router.on("GET /containers/{id}/export") { [self] in try await exportResponse($0) }
    router.on("GET /containers/{id}/changes") { [self] in try await changesResponse($0) }
    router.on("POST /commit") { [self] in try await commitResponse($0) }
    router.on("GET /events") { [self] in try await eventsResponse($0) }
  }
}
