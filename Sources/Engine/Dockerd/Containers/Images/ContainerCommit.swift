import Archive
import JSONTree
import OCISpec
import Seams

/// `POST /commit`: an image of a container's writable layer (moby's commit.go and containerd/image_commit.go).
extension ContainerService {
  func commitResponse(_ request: APIRequest) async throws -> APIResponse {
    var config: ContainerConfig?
    if let body = request.body?.object, !body.isEmpty { config = try ContainerConfig(body, path: "commitRequest") }
    let reference = try ImageService.repoTag(request.query("repo") ?? "", request.query("tag") ?? "")
    let container = try registry.find(request.query("container") ?? "")
    let state = container.state
    if state.isDead { throw EngineError(.conflict, "You cannot commit container \(container.id) which is Dead") }
    if state.isRemoving {
      throw EngineError(.conflict, "You cannot commit container \(container.id) which is being removed")
    }
    let pauses = request.query("pause").map { _ in request.flag("pause") } ?? true
    // Writes meanwhile would make a layer that never was.
    let isPausedByUs = pauses && !state.isPaused ? (try? await pause(container)) != nil : false
    let result: Result<Digest, any Error>
    do {
      result = .success(
        try await commit(
          container, config: config, changes: request.query.filter { $0.name == "changes" }.map(\.value),
          author: request.query("author") ?? "", comment: request.query("comment") ?? "", reference: reference))
    } catch { result = .failure(error) }
    if isPausedByUs { try? await unpause(container) }
    let id = try result.get()
    publish(
      container, "commit",
      [
        "comment": request.query("comment") ?? "", "imageID": id.description,
        "imageRef": reference?.familiar ?? "",
      ])
    return APIResponse(201, .json(["Id": .string(id.description)]))
  }

  private func commit(
    _ container: Container, config: ContainerConfig?, changes: [String], author: String, comment: String,
    reference: ImageReference?
  ) async throws -> Digest {
    let details = container.details
    var execution = (config ?? details.config).execution
    try DockerfileChanges.apply(changes, to: &execution)
    var merged = ContainerConfig(execution)
    merged.merge(details.config.execution)
    let store = ImageStore(daemon: daemon)
    let (parentManifest, parentConfig) = try await parent(details, store)
    let id = try await store.leased { _ in
      let layer: (descriptor: Descriptor, diffID: Digest)?
      do { layer = try await diff(container.id, store) } catch {
        throw EngineError(.unknown, "failed to export layer: \((error as? EngineError)?.message ?? "\(error)")")
      }
      let image = imageConfig(
        parentConfig, details: details, execution: merged.execution, diffID: layer?.diffID, author: author,
        comment: comment)
      var layers = parentManifest?.layers ?? []
      if let layer {
        do { try await apply(layer.descriptor, of: container.id, as: image.rootfs.diffIDs) } catch {
          throw EngineError(.unknown, "failed to apply diff: \((error as? EngineError)?.message ?? "\(error)")")
        }
        layers.append(layer.descriptor)
      }
      return try await write(image, layers, parent: details.imageID, store)
    }
    if let reference { try await tag(id, reference, store) }
    return id
  }

  private func parent(_ details: ContainerDetails, _ store: ImageStore) async throws
    -> (ImageManifest?, ImageConfig?)
  {
    guard let descriptor = details.manifestDescriptor else { return (nil, nil) }
    let manifest = try await store.manifest(descriptor.digest)
    return (manifest, try await store.config(manifest.config.digest).config)
  }

  /// What the container changed, as a layer; nil when that is nothing.
  private func diff(_ id: String, _ store: ImageStore) async throws -> (descriptor: Descriptor, diffID: Digest)? {
    let parent = try await call(Snapshots.Stat(snapshotter: snapshotter, key: id)).info.parent
    let upper = try await call(Snapshots.Mounts(snapshotter: snapshotter, key: id)).mounts
    let viewKey = "\(parent)-parent-view-\(world.hexID(12))"
    let lower = try await call(Snapshots.View(snapshotter: snapshotter, key: viewKey, parent: parent)).mounts
    let result: Result<(descriptor: Descriptor, diffID: Digest)?, any Error>
    do {
      let made = try await call(
        Diff.Diff(left: lower, right: upper, mediaType: MediaType.ociLayerGzip, ref: "commit-\(id)")
      ).diff
      result = .success(try await layer(made, store))
    } catch { result = .failure(error) }
    _ = try? await call(Snapshots.Remove(snapshotter: snapshotter, key: viewKey))
    return try result.get()
  }

  private func layer(_ made: Descriptor, _ store: ImageStore) async throws -> (descriptor: Descriptor, diffID: Digest)?
  {
    // An archive of nothing is small, however it is packed; one that is not need not be held to be looked at.
    if made.size <= smallArchive {
      let bytes = try await store.read(made.digest)
      let plain = Gzip.isGzip(bytes) ? try? Gzip.decompress(bytes, limit: 4 * smallArchive) : bytes
      if let plain {
        var reader = TarReader(plain)
        if (try? reader.next()) == .some(nil) { return nil }
      }
    }
    guard let info = try await store.info(made.digest) else {
      throw EngineError(.unknown, "failed to get content info: content \(made.digest): not found")
    }
    guard let diffID = info.labels["containerd.io/uncompressed"].flatMap(Digest.init) else {
      throw EngineError(.unknown, "invalid differ response with no diffID")
    }
    return (Descriptor(mediaType: MediaType.ociLayerGzip, digest: made.digest, size: info.size), diffID)
  }

  /// Makes the snapshot that containers of the new image start from.
  private func apply(_ layer: Descriptor, of id: String, as diffIDs: [Digest]) async throws {
    let name = chainID(of: diffIDs)?.description ?? ""
    // Below the container's layer lies its init layer, below that the image.
    let initLayer = try await call(Snapshots.Stat(snapshotter: snapshotter, key: id)).info.parent
    let parent = try await call(Snapshots.Stat(snapshotter: snapshotter, key: initLayer)).info.parent
    let key = "extract-\(world.hexID(12))-\(name)"
    let mounts = try await call(Snapshots.Prepare(snapshotter: snapshotter, key: key, parent: parent)).mounts
    do {
      _ = try await call(Diff.Apply(diff: layer, mounts: mounts))
      _ = try await call(Snapshots.Commit(snapshotter: snapshotter, name: name, key: key))
    } catch let error as EngineError {
      _ = try? await call(Snapshots.Remove(snapshotter: snapshotter, key: key))
      if error.code != .alreadyExists { throw error }
    }
  }

  private func imageConfig(
    _ parent: ImageConfig?, details: ContainerDetails, execution: ImageConfig.Execution, diffID: Digest?,
    author: String, comment: String
  ) -> ImageConfig {
    let created = RFC3339Time.text(world.unixTime)
    let author = author.isEmpty ? parent?.author ?? "" : author
    var config = ImageConfig(
      created: created, author: author.isEmpty ? nil : author, platform: details.imagePlatform, config: execution,
      rootfs: .init(diffIDs: (parent?.rootfs.diffIDs ?? []) + (diffID.map { [$0] } ?? [])))
    config.history =
      (parent?.history ?? [])
      + [
        ImageConfig.History(
          created: created, createdBy: (details.config.cmd ?? []).joined(separator: " "),
          author: author.isEmpty ? nil : author, comment: comment.isEmpty ? nil : comment,
          emptyLayer: diffID == nil ? true : nil)
      ]
    return config
  }

  /// Config, manifest and the image's record, without a name at first.
  private func write(_ config: ImageConfig, _ layers: [Descriptor], parent: Digest?, _ store: ImageStore) async throws
    -> Digest
  {
    func put(_ document: some JSONWritable, _ mediaType: String, _ labels: [String: String]) async throws -> Descriptor
    {
      var writer = JSONWriter(reserving: 2048)
      document.write(to: &writer)
      let digest = Digest(sha256: writer.bytes)
      try await store.write(writer.bytes, digest: digest, ref: "commit-\(digest)", labels: labels)
      return Descriptor(mediaType: mediaType, digest: digest, size: Int64(writer.bytes.count))
    }
    var configLabels: [String: String] = [:]
    if let chain = chainID(of: config.rootfs.diffIDs) {
      configLabels["containerd.io/gc.ref.snapshot.\(snapshotter)"] = chain.description
    }
    let configDescriptor = try await put(config, MediaType.ociConfig, configLabels)
    let manifest = ImageManifest(config: configDescriptor, layers: layers)
    var labels = ["containerd.io/gc.ref.content.0": configDescriptor.digest.description]
    for (index, layer) in layers.enumerated() {
      labels["containerd.io/gc.ref.content.\(index + 1)"] = layer.digest.description
    }
    let target = try await put(manifest, MediaType.ociManifest, labels)
    var record = ImageRecord(name: ImageStore.danglingName(target.digest), target: target)
    if let parent { record.labels["org.mobyproject.image.parent"] = parent.description }
    _ = try await store.create(record)
    daemon.events.publish(
      type: "image", action: "create", id: target.digest.description, attributes: ["name": target.digest.description])
    return target.digest
  }

  private func tag(_ id: Digest, _ reference: ImageReference, _ store: ImageStore) async throws {
    let dangling = ImageStore.danglingName(id)
    guard var record = try await store.get(dangling) else { return }
    record.name = reference.tagged.description
    if try await !store.create(record) { try await store.update(record) }
    _ = try await store.delete(dangling)
    daemon.events.publish(
      type: "image", action: "tag", id: id.description, attributes: ["name": reference.tagged.familiar])
  }
}

extension ContainerConfig {
  /// The part that goes into an image.
  var execution: ImageConfig.Execution {
    var execution = ImageConfig.Execution(
      user: user.isEmpty ? nil : user, exposedPorts: exposedPorts.isEmpty ? nil : exposedPorts, env: env,
      entrypoint: entrypoint, cmd: cmd, volumes: volumes.isEmpty ? nil : volumes,
      workingDir: workingDir.isEmpty ? nil : workingDir, labels: labels.isEmpty ? nil : labels,
      stopSignal: stopSignal.isEmpty ? nil : stopSignal, healthcheck: healthcheck)
    execution.shell = shell
    execution.onBuild = onBuild
    return execution
  }

  init(_ execution: ImageConfig.Execution) {
    self.init()
    user = execution.user ?? ""
    exposedPorts = (execution.exposedPorts ?? [:]).keys.sorted()
    env = execution.env
    entrypoint = execution.entrypoint
    cmd = execution.cmd
    volumes = (execution.volumes ?? [:]).keys.sorted()
    workingDir = execution.workingDir ?? ""
    labels = execution.labels ?? [:]
    stopSignal = execution.stopSignal ?? ""
    healthcheck = execution.healthcheck
    shell = execution.shell
    onBuild = execution.onBuild
  }
}
