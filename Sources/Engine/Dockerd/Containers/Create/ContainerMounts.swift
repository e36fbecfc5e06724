import Archive
import JSONTree
import OCISpec
import Runtime
import Seams

/// Volumes and binds of a container (moby's registerMountPoints and createContainerVolumesOS).
extension ContainerService {
  /// Binds, `--volumes-from` and `--mount`, in that order of precedence from the last.
  func registerMounts(_ container: Container) async throws {
    let host = container.read { $0.hostConfig }
    for from in host.volumesFrom ?? [] {
      let (name, isWritable) = try MountParser.parse(volumesFrom: from)
      let other: Container
      do { other = try registry.find(name) } catch { throw EngineError(.invalidArgument, error.message) }
      for mount in other.read({ $0.mounts }) {
        var mount = mount
        mount.isWritable = mount.isWritable && isWritable
        mount.copiesUp = false
        if mount.type == "volume" { _ = try await use(mount, for: container.id) }
        await put(mount, in: container)
      }
    }
    var taken: Set<String> = []
    func duplicate(_ path: String) -> EngineError {
      EngineError(.invalidArgument, "Duplicate mount point: \(path)")
    }
    for raw in host.binds ?? [] {
      var mount = try MountParser.parse(bind: raw, volumeDriver: host.volumeDriver)
      guard !taken.contains(mount.destination), host.tmpfs[mount.destination] == nil else {
        throw duplicate(mount.destination)
      }
      if mount.type == "volume" { mount = try await use(mount, for: container.id) }
      taken.insert(mount.destination)
      await put(mount, in: container)
    }
    for spec in host.mounts {
      var mount = try MountParser.mountPoint(of: spec, checkingSource: daemon.files)
      guard !taken.contains(mount.destination) else { throw duplicate(spec.target) }
      switch mount.type {
      case "volume": mount = try await use(mount, for: container.id)
      case "bind": mount.skipsCreation = !(spec.bind?.createMountpoint ?? false)
      case "image": mount = try await useImage(mount, for: container.id)
      default: break
      }
      taken.insert(mount.destination)
      await put(mount, in: container)
    }
  }

  private func put(_ mount: MountPoint, in container: Container) async {
    if let old = container.update({ $0.addMount(mount) }), old.type == "volume", old.name != mount.name {
      await daemon.volumes.release(name: old.name, container: container.id)
    }
  }

  /// Counts the container among the users of the volume, which is made when it is missing.
  private func use(_ mount: MountPoint, for container: String) async throws -> MountPoint {
    let use = try await daemon.volumes.use(
      name: mount.name, driver: mount.driver.isEmpty ? "local" : mount.driver, labels: mount.spec.volume?.labels ?? [:],
      options: mount.spec.volume?.driverOptions ?? [:], container: container)
    var mount = mount
    mount.name = use.name
    mount.source = use.mountpoint
    mount.driver = use.driver
    mount.isAnonymous = use.isAnonymous
    if mount.driver == "local", mount.mode.isEmpty { mount.mode = "z" }
    return mount
  }

  /// `--mount type=image`: a snapshot of the image's, mounted read-only in the container.
  private func useImage(_ mount: MountPoint, for container: String) async throws -> MountPoint {
    let image = try await daemon.images.image(mount.source)
    let key = Digest(sha256: Array("\(container)-src=\(mount.source)-dst=\(mount.destination)".utf8)).encoded
    let lease = try await call(Leases.Create(id: key)).id
    let mounts = try await ContainerdLease.$current.withValue(lease) {
      try await call(
        Snapshots.Prepare(snapshotter: snapshotter, key: key, parent: image.chainID?.description ?? "")
      ).mounts
    }
    var mount = mount
    mount.name = mount.spec.source
    mount.spec.source = image.id.description
    mount.source = rootPath(key)
    mount.isWritable = false
    try self.mount(mounts, at: mount.source)
    return mount
  }

  /// The working directory, anonymous volumes of the image, and what the image has at the mount points of new volumes.
  func furnishRoot(_ container: Container) async throws {
    let details = container.details
    let workingDirectory = details.config.workingDir
    let needsRoot =
      !(workingDirectory.isEmpty || workingDirectory == "/") || !details.config.volumes.isEmpty
      || details.mounts.contains { $0.type == "volume" && $0.copiesUp }
    guard needsRoot else {
      // moby asks for the mounts in any case, though nothing is done with them here.
      _ = try await call(Snapshots.Mounts(snapshotter: snapshotter, key: container.id))
      return
    }
    try await withRoot(container.id) { root in
      try makeWorkingDirectory(details, root)
      for path in details.config.volumes {
        let destination = DockerPath.clean(path)
        guard !container.read({ $0.mounts.contains { $0.destination == destination } }) else { continue }
        let inside = try daemon.files.resolve(destination, root: root)
        if let there = daemon.files.stat(inside), there.kind != .directory {
          throw EngineError(.unknown, "cannot mount volume over existing file, file exists \(inside)")
        }
        var mount = MountPoint()
        mount.type = "volume"
        mount.destination = destination
        mount.driver = details.hostConfig.volumeDriver
        mount.copiesUp = true
        mount.isAnonymous = true
        mount = try await use(mount, for: container.id)
        mount.mode = ""
        await put(mount, in: container)
      }
      for mount in container.read({ $0.mounts }) where mount.type == "volume" && mount.copiesUp {
        try copyUp(mount, root)
      }
    }
  }

  /// Creates the working directory where the image has none.
  func makeWorkingDirectory(_ details: ContainerDetails, _ root: String) throws {
    let path = details.config.workingDir
    guard !path.isEmpty, path != "/" else { return }
    let inside: String
    do throws(Errno) {
      inside = try daemon.files.resolve(path, root: root)
      if let there = daemon.files.stat(inside) {
        guard there.kind != .directory else { return }
      } else {
        try daemon.files.makeDirectory(inside, mode: 0o755)
        return
      }
    } catch {
      throw EngineError(.unknown, "mkdir \(path): \(error.message)")
    }
    throw EngineError(.unknown, "Cannot mkdir: \(path) is not a directory")
  }

  /// An empty volume gets what the image has at its mount point.
  private func copyUp(_ mount: MountPoint, _ root: String) throws {
    guard let inside = try? daemon.files.resolve(mount.destination, root: root),
      daemon.files.stat(inside)?.kind == .directory,
      let there = try? daemon.files.list(mount.source), there.isEmpty,
      let content = try? daemon.files.list(inside), !content.isEmpty
    else { return }
    do {
      let archive = try daemon.files.archive(mount.destination, root: root)
      let stripped = try ArchiveNames.replaceFirst(in: archive, with: "")
      try daemon.files.extract(stripped, to: "/", root: mount.source)
    } catch {
      throw EngineError(.unknown, "failed to populate volume: \(error)")
    }
  }

  /// The container no longer uses its volumes; anonymous ones go with it when that is wanted.
  func releaseMounts(_ container: Container, removingVolumes: Bool) async {
    for mount in container.read({ $0.mounts }) {
      switch mount.type {
      case "volume":
        await daemon.volumes.release(name: mount.name, container: container.id)
        if removingVolumes, mount.isAnonymous { await daemon.volumes.removeAnonymous(name: mount.name) }
      case "image":
        unmount(mount.source)
        try? await deleteLayer(DockerPath.base(mount.source))
      default: break
      }
    }
  }
}

/// Names in tar archives.
enum ArchiveNames {
  /// The archive with the first component of every name replaced; an empty one is taken out.
  static func replaceFirst(in archive: [UInt8], with name: String) throws -> [UInt8] {
    func renamed(_ path: String) -> String {
      let rest = path.firstIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? ""
      return [name, rest].filter { !$0.isEmpty }.joined(separator: "/")
    }
    var reader = TarReader(archive)
    var writer = TarWriter(reserving: archive.count)
    while var entry = try reader.next() {
      entry.path = renamed(entry.path)
      if entry.kind == .hardLink { entry.linkTarget = renamed(entry.linkTarget) }
      if !entry.path.isEmpty { writer.add(entry) }
    }
    return writer.finish()
  }
}
