import Archive
import JSONTree
import Runtime
import Seams

/// `docker cp` and `docker export`: archives of and into a container (moby's archive.go, export.go).
extension ContainerService {
  private func target(_ request: APIRequest) throws -> (container: Container, path: String) {
    let path = request.query("path") ?? ""
    guard !path.isEmpty else {
      throw EngineError(.invalidArgument, "bad parameter: 'path' cannot be empty")
    }
    return (try registry.find(request.parameters["id"] ?? ""), path)
  }

  func archiveStatResponse(_ request: APIRequest) async throws -> APIResponse {
    let (container, path) = try target(request)
    return try await withRoot(container.id) { root in
      let place = locate(path, in: container.details, root: root)
      let info = try stat(place, name: path, container: request.parameters["id"] ?? "")
      return APIResponse(200, headers: [PathStat.header(DockerPath.base(path), info)])
    }
  }

  func archiveResponse(_ request: APIRequest) async throws -> APIResponse {
    let (container, path) = try target(request)
    return try await withRoot(container.id) { root in
      let place = locate(path, in: container.details, root: root)
      let info = try stat(place, name: path, container: request.parameters["id"] ?? "")
      var archive: [UInt8]
      do throws(Errno) { archive = try daemon.files.archive(place.path, root: place.root) } catch {
        throw EngineError(.unknown, "\(path): \(error.message)")
      }
      let name = DockerPath.clean("/" + path) == "/" ? "/" : DockerPath.base(path)
      // The names begin with what was asked for, whatever a volume calls it on the host.
      let wanted = path.hasSuffix("/.") || name == "/" ? "." : name
      if wanted != DockerPath.base(place.path) { archive = try ArchiveNames.replaceFirst(in: archive, with: wanted) }
      publish(container, "archive-path")
      let channel = ByteChannel(capacity: .max)
      channel.push(archive)
      channel.closeWriting()
      return APIResponse(
        200, .stream(channel),
        headers: [PathStat.header(name, info), NameValue("Content-Type", "application/x-tar")])
    }
  }

  func extractResponse(_ request: APIRequest) async throws -> APIResponse {
    let (container, path) = try target(request)
    var archive = await request.upload?.readAll() ?? []
    if Gzip.isGzip(archive) {
      do { archive = try Gzip.decompress(archive) } catch {
        throw EngineError(.unknown, "Error processing tar file(\(error.description))")
      }
    }
    let mayReplaceFolders =
      request.query("noOverwriteDirNonDir").map { _ in !request.flag("noOverwriteDirNonDir") } ?? true
    let copiesOwner = request.flag("copyUIDGID")
    let content = archive
    try await container.lock.withLock {
      try await withRoot(container.id) { root in
        let details = container.details
        let place = locate(path, in: details, root: root)
        let inside = try daemon.files.resolve(place.path, root: place.root)
        guard let info = daemon.files.stat(inside) else {
          throw EngineError(
            .notFound, "Could not find the file \(path) in container \(request.parameters["id"] ?? "")")
        }
        guard info.kind == .directory else {
          throw EngineError(.invalidArgument, "extraction point is not a directory")
        }
        guard place.isWritable else {
          throw EngineError(
            .invalidArgument,
            place.root == root ? "container rootfs is marked read-only" : "mounted volume is marked read-only")
        }
        let owner = copiesOwner ? try lookUpOwner(details, root) : nil
        let prepared = try prepare(content, into: inside, owner: owner, mayReplaceFolders: mayReplaceFolders)
        do throws(Errno) { try daemon.files.extract(prepared, to: place.path, root: place.root) } catch {
          throw EngineError(.unknown, "Error processing tar file(exit status 1): \(error.message)")
        }
      }
    }
    publish(container, "extract-to-dir")
    return APIResponse(200)
  }

  /// Whom files belong to that are copied with `-a`: the container's user.
  private func lookUpOwner(_ details: ContainerDetails, _ root: String) throws -> UserLookup.User {
    try UserLookup(root: root, files: daemon.files).find(details.config.user)
  }

  /// Refuses to put a file where a folder is, or the other way round, unless that is wanted; sets the owner.
  private func prepare(_ archive: [UInt8], into folder: String, owner: UserLookup.User?, mayReplaceFolders: Bool) throws
    -> [UInt8]
  {
    if owner == nil, mayReplaceFolders { return archive }
    var reader = TarReader(archive)
    var writer = TarWriter(reserving: archive.count)
    do throws(ArchiveError) {
      while var entry = try reader.next() {
        if !mayReplaceFolders, let there = daemon.files.lstat("\(folder)/\(entry.path)"), !entry.path.isEmpty {
          let isFolder = there.kind == .directory
          if isFolder, entry.kind != .directory {
            throw ArchiveError(
              "cannot overwrite directory \"\(folder)/\(entry.path)\" with non-directory \"\(folder)\"")
          }
          if !isFolder, entry.kind == .directory {
            throw ArchiveError(
              "cannot overwrite non-directory \"\(folder)/\(entry.path)\" with directory \"\(folder)\"")
          }
        }
        if let owner { (entry.uid, entry.gid) = (owner.uid, owner.gid) }
        writer.add(entry)
      }
    } catch {
      throw EngineError(.unknown, error.description)
    }
    return writer.finish()
  }

  // MARK: Export

  func exportResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["id"] ?? ""
    let container = try registry.find(name)
    let state = container.state
    if state.isDead {
      throw EngineError(.conflict, "You cannot export container \(container.id) which is Dead")
    }
    if state.isRemoving {
      throw EngineError(.conflict, "You cannot export container \(container.id) which is being removed")
    }
    let archive: [UInt8]
    do {
      archive = try await withRoot(container.id) { root in
        let archive: [UInt8]
        do throws(Errno) { archive = try daemon.files.archive("/", root: root) } catch {
          throw EngineError(.unknown, error.message)
        }
        // The names begin with the root's own name on the host.
        return try ArchiveNames.replaceFirst(in: archive, with: "")
      }
    } catch {
      throw EngineError(
        .unknown, "Error exporting container \(name): \((error as? EngineError)?.message ?? "\(error)")")
    }
    publish(container, "export")
    let channel = ByteChannel(capacity: .max)
    channel.push(archive)
    channel.closeWriting()
    return APIResponse(200, .stream(channel), headers: [NameValue("Content-Type", "application/octet-stream")])
  }
}
