import JSONTree
import Runtime
import Seams

/// A path of a container, found on the host: below its root, or in the volume that is mounted there.
struct ContainerPath: Sendable {
  /// The folder that the path is resolved in.
  var root: String
  /// Within the root.
  var path: String
  var isWritable: Bool
}

extension ContainerService {
  /// Where `path` of the container lies. `mountedRoot` is its root file system.
  func locate(_ path: String, in details: ContainerDetails, root mountedRoot: String) -> ContainerPath {
    let absolute = DockerPath.clean("/" + path)
    // The deepest mount that holds it.
    let mount = details.mounts.filter { mount in
      mount.type != "tmpfs" && (absolute == mount.destination || absolute.hasPrefix(mount.destination + "/"))
    }.max { $0.destination.utf8.count < $1.destination.utf8.count }
    if let mount {
      let rest = String(absolute.dropFirst(mount.destination.count))
      if daemon.files.stat(mount.source)?.kind == .directory {
        return ContainerPath(root: mount.source, path: rest.isEmpty ? "/" : rest, isWritable: mount.isWritable)
      }
      return ContainerPath(
        root: DockerPath.parent(mount.source), path: "/" + DockerPath.base(mount.source), isWritable: mount.isWritable)
    }
    return ContainerPath(root: mountedRoot, path: absolute, isWritable: !details.hostConfig.readonlyRootfs)
  }

  /// lstat of a path of the container; its link target too.
  func stat(_ place: ContainerPath, name: String, container: String) throws -> HostFileInfo {
    // Links on the way are followed, the last one is not.
    let parent = DockerPath.parent(place.path)
    let base = place.path == "/" ? "" : "/" + DockerPath.base(place.path)
    guard let folder = try? daemon.files.resolve(parent, root: place.root),
      let info = daemon.files.lstat(folder == "/" ? base : folder + base)
    else {
      throw EngineError(.notFound, "Could not find the file \(name) in container \(container)")
    }
    return info
  }
}
