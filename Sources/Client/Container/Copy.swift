import Archive
import Encodings
import JSONTree
import Seams

extension Command {
  static let containerCopy = Command(
    "cp", usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-",
    otherUsage: "docker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    short: "Copy files/folders between a container and the local filesystem",
    long: """
      Copy files/folders between a container and the local filesystem

      Use '-' as the source to read a tar archive from stdin
      and extract it to a directory destination in a container.
      Use '-' as the destination to stream a tar archive of a
      container source to stdout.
      """, spellings: "docker container cp, docker cp", rule: .exactly(2),
    flags: [
      Flag("archive", "a", .bool(false), "Archive mode (copy all uid/gid information)"),
      Flag("follow-link", "L", .bool(false), "Always follow symbol link in SRC_PATH"),
      Flag(
        "quiet", "q", .bool(false),
        "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached"),
    ], completes: [.containerPaths]
  ) { invocation in
    let (source, target) = (CopyPlace(invocation.arguments[0]), CopyPlace(invocation.arguments[1]))
    guard !source.path.isEmpty || source.container != nil else { throw CommandError("source can not be empty") }
    guard !target.path.isEmpty || target.container != nil else { throw CommandError("destination can not be empty") }
    let copy = ContainerCopy(invocation: invocation)
    switch (source.container, target.container) {
    case (let container?, nil):
      return try await copy.fromContainer(container, source.path, to: target.path)
    case (nil, let container?):
      return try await copy.toContainer(container, target.path, from: source.path)
    case (.some, .some): throw CommandError("copying between containers is not supported")
    case (nil, nil): throw CommandError("must specify at least one container source")
    }
  }
}

/// `CONTAINER:PATH`, or a path of the user's. A path that is meant to hold a colon begins with `.` or `/`.
struct CopyPlace: Sendable, Hashable {
  var container: String?
  var path: String

  init(_ text: String) {
    let (name, path) = text.cut(":")
    if Path.isAbsolute(text) || text.hasPrefix(".") || path == nil || name.isEmpty {
      (container, self.path) = (nil, text)
    } else {
      (container, self.path) = (name, path ?? "")
    }
  }
}

/// What the daemon says of a path inside a container (`X-Docker-Container-Path-Stat`).
struct PathStat: Sendable {
  var name: String
  /// Go's os.FileMode: the highest bit is a folder's.
  var mode: Int64
  var linkTarget: String
  var isDirectory: Bool { mode & 1 << 31 != 0 }
  var isLink: Bool { mode & 1 << 27 != 0 }

  init?(_ header: String?) {
    guard let header, let bytes = Base64.decode(header), let json = try? JSON(parsing: bytes) else { return nil }
    (name, mode, linkTarget) = (json.text("name"), json.number("mode"), json.text("linkTarget"))
  }
}

/// The rules of `cp` between two places (docker's pkg/archive): what goes to a new name is renamed.
private struct ContainerCopy {
  let invocation: Invocation
  private var session: Session { invocation.session }
  private var files: any ClientFiles { session.environment.files }

  /// A path that says that it is a folder: it ends in a slash or in `/.`.
  private static func assertsDirectory(_ path: String) -> Bool { path.hasSuffix("/") || namesContents(path) }
  /// Only what is inside: the path ends in `/.`.
  private static func namesContents(_ path: String) -> Bool { path == "." || path.hasSuffix("/.") }

  // MARK: Into a container

  func toContainer(_ container: String, _ path: String, from source: String) async throws -> Int32 {
    var target = path
    var stat = try await self.stat(container, target)
    if let link = stat, link.isLink {
      target = Path.isAbsolute(link.linkTarget) ? link.linkTarget : Path.join(Path.directory(target), link.linkTarget)
      stat = try await self.stat(container, target)
    }
    let content: [UInt8]
    var directory = target
    if source == "-" {
      guard stat?.isDirectory ?? false else {
        throw CommandError("destination \(GoQuote.string("\(container):\(target)")) must be a directory")
      }
      content = await session.environment.input.readAll()
    } else {
      (content, directory) = try rebased(source, target: target, stat: stat)
    }
    let query =
      [("path", directory), ("noOverwriteDirNonDir", "true")]
      + (invocation.flags.bool("archive") ? [("copyUIDGID", "true")] : [])
    let upload = ByteChannel(capacity: .max)
    upload.push(content)
    upload.closeWriting()
    try await session.send(
      request("PUT", "/containers/{id}/archive", ["id": container], query: query, upload: upload))
    try await report(content.count, "\(container):\(path)")
    return 0
  }

  private func stat(_ container: String, _ path: String) async throws -> PathStat? {
    do {
      let response = try await session.send(
        request("HEAD", "/containers/{id}/archive", ["id": container], query: [("path", path)]))
      return PathStat(response.header("X-Docker-Container-Path-Stat"))
    } catch let error as DaemonError where error.isNotFound {
      return nil
    }
  }

  /// The archive of a local path, its entries named as they shall be in the container, and the folder for it.
  private func rebased(
    _ source: String, target: String, stat: PathStat?
  ) throws -> (content: [UInt8], directory: String) {
    let local = ContainerCopy.namesContents(source) ? source : Path.clean(source)
    guard let kind = files.kind(local) else {
      throw CommandError("lstat \(session.environment.absolute(source)): no such file or directory")
    }
    if kind != .directory, ContainerCopy.assertsDirectory(source) { throw CommandError("not a directory") }
    let archive = try files.archive(Path.clean(source))
    let base = Path.base(session.environment.absolute(source))
    if ContainerCopy.namesContents(source) {
      if stat != nil, stat?.isDirectory == false { throw CommandError("cannot copy directory") }
      return (try renamed(archive, from: base, to: "."), target)
    }
    if let stat {
      if stat.isDirectory { return (try renamed(archive, from: base, to: base), target) }
      if kind == .directory { throw CommandError("cannot copy directory") }
      let (directory, name) = split(target)
      return (try renamed(archive, from: base, to: name), directory)
    }
    // The name is new; its folder must be there, which the daemon checks.
    if kind != .directory, ContainerCopy.assertsDirectory(target) { throw CommandError("no such directory") }
    let (directory, name) = split(target)
    return (try renamed(archive, from: base, to: name), directory)
  }

  private func split(_ path: String) -> (directory: String, name: String) {
    var text = path[...]
    while text.count > 1, text.last == "/" { text = text.dropLast() }
    let (directory, name) = Path.split(String(text))
    return (directory.isEmpty ? "." : Path.clean(directory), name)
  }

  /// The same archive with its first component called otherwise; `.` for the folder's contents alone.
  private func renamed(_ archive: [UInt8], from old: String, to new: String) throws -> [UInt8] {
    var reader = TarReader(archive)
    var entries: [ArchiveEntry] = []
    while var entry = try read(&reader) {
      entry.path = rename(entry.path, old, new)
      if entry.kind == .hardLink { entry.linkTarget = rename(entry.linkTarget, old, new) }
      entries.append(entry)
    }
    return TarWriter.archive(entries)
  }

  private func read(_ reader: inout TarReader) throws -> ArchiveEntry? {
    do { return try reader.next() } catch { throw CommandError(error.description) }
  }

  private func rename(_ path: String, _ old: String, _ new: String) -> String {
    if path == old { return new == "." ? "" : new }
    guard path.hasPrefix(old + "/") else { return path }
    let rest = path.dropFirst(old.count + 1)
    return new == "." ? String(rest) : "\(new)/\(rest)"
  }

  // MARK: Out of a container

  func fromContainer(_ container: String, _ source: String, to target: String) async throws -> Int32 {
    let local = target == "-" ? target : session.environment.absolute(target)
    if target != "-" {
      let parent = Path.directory(local)
      guard files.kind(parent) == .directory else {
        throw CommandError("invalid output path: directory \(GoQuote.string(parent)) does not exist")
      }
    }
    var path = source
    var name = Path.base(source)
    if invocation.flags.bool("follow-link"), let link = try await stat(container, source), link.isLink {
      path = Path.isAbsolute(link.linkTarget) ? link.linkTarget : Path.join(Path.directory(source), link.linkTarget)
      name = Path.base(path)
    }
    let response = try await session.send(
      request("GET", "/containers/{id}/archive", ["id": container], query: [("path", path)]))
    let stat = PathStat(response.header("X-Docker-Container-Path-Stat"))
    guard case .stream(let stream) = response.body else { throw CommandError("no archive from the daemon") }
    session.closeOnInterrupt(stream)
    if target == "-" {
      while let bytes = await stream.read() { try await session.write(bytes, to: .output) }
      return 0
    }
    let archive = await stream.readAll()
    let isDirectory = stat?.isDirectory ?? false
    if let stat, !ContainerCopy.namesContents(source) { name = stat.name }
    try unpack(archive, named: name, isDirectory: isDirectory, source: source, to: local, as: target)
    try await report(archive.count, local)
    return 0
  }

  /// Unpacks through the user's files, which let nothing out of the folder given.
  private func unpack(
    _ archive: [UInt8], named name: String, isDirectory: Bool, source: String, to local: String, as target: String
  ) throws {
    let kind = files.kind(local)
    let contentsOnly = ContainerCopy.namesContents(source)
    if kind == .directory {
      let content = contentsOnly ? try renamed(archive, from: name, to: ".") : archive
      return try files.extract(content, into: local)
    }
    if kind != nil, isDirectory { throw CommandError("cannot copy directory") }
    if !isDirectory, ContainerCopy.assertsDirectory(target) { throw CommandError("no such directory") }
    if kind == nil, isDirectory, contentsOnly {
      try files.makeDirectory(local, mode: 0o755)
      return try files.extract(try renamed(archive, from: name, to: "."), into: local)
    }
    try files.extract(try renamed(archive, from: name, to: Path.base(local)), into: Path.directory(local))
  }

  /// Says how much went over, on a terminal.
  private func report(_ bytes: Int, _ target: String) async throws {
    let flags = invocation.flags
    let isQuiet = flags.isSet("quiet") ? flags.bool("quiet") : !session.environment.isTerminal(.output)
    if isQuiet { return }
    try await session.err("Successfully copied \(Sizes.human(Int64(bytes), digits: 3)) to \(target)\n")
  }
}
