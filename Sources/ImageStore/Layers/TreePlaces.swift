import Archive
import CLinux
import Glibc

/// Finds folders in a tree that is being unpacked, by the names of an archive, and makes those that are missing.
///
/// A link in a path is followed as if the root of the tree were `/`; no mount is entered. The last few folders stay
/// open: members of a layer come folder by folder.
final class TreePlaces {
  let root: OpenFile
  /// Folders of the layers below, nearest first: what a folder looked like that this layer leaves out.
  private let parents: [FilePath]
  private var openedParents: [OpenFile]?
  private var cache: [(path: FilePath, folder: OpenFile)] = []
  private static let cacheLimit = 16
  /// Told of each folder that was made because a name needed it.
  var noteMade: (FilePath, OpenFile, Times?) throws -> Void = { _, _, _ in }

  struct Times {
    var accessed: TarTime
    var modified: TarTime
  }

  init(root: OpenFile, parents: [FilePath]) { (self.root, self.parents) = (root, parents) }

  /// A folder for `*at` calls, made when it is missing.
  func folder(_ path: FilePath) throws -> OpenFile {
    if path.isEmpty { return root }
    if let index = cache.lastIndex(where: { $0.path == path }) {
      let found = cache[index]
      if index < cache.count - 4 { cache.append(cache.remove(at: index)) }
      return found.folder
    }
    let folder: OpenFile
    do throws(FileError) {
      folder = try root.open(path, OpenFile.place, .inRoot)
    } catch {
      guard error.errno == ENOENT else { throw error }
      folder = try make(path)
    }
    remember(path, folder)
    return folder
  }

  func remember(_ path: FilePath, _ folder: OpenFile) {
    if cache.count >= TreePlaces.cacheLimit { cache.removeFirst() }
    cache.append((path, folder))
  }

  /// A folder or a link has gone: paths may lead elsewhere now.
  func forget() { cache.removeAll(keepingCapacity: true) }

  // MARK: Missing folders

  /// Walks name by name: what is missing is made, also where a link leads to what is missing.
  private func make(_ path: FilePath) throws -> OpenFile {
    var left = Array(path.components.reversed())
    var resolved: [FilePath] = []
    var here = root
    var links = 0
    while let name = left.popLast() {
      if name == ".." {
        _ = resolved.popLast()
        here = try root.open(joined(resolved), OpenFile.place, .plain)
        continue
      }
      guard let status = try here.status(of: name) else {
        resolved.append(name)
        here = try makeFolder(name, in: here, at: joined(resolved))
        continue
      }
      if status.isFolder {
        resolved.append(name)
        here = try here.open(name, OpenFile.place | O_NOFOLLOW, .plain)
      } else if status.isSymlink {
        links += 1
        if links > 255 { throw FileError(ELOOP, "mkdir \(path)") }
        let target = try here.readLink(name)
        if target.first == UInt8(ascii: "/") {
          resolved = []
          here = root
        }
        left += FilePath.components(target).reversed()
      } else {
        throw FileError(ENOTDIR, "mkparent \(path)")
      }
    }
    return here
  }

  private func joined(_ names: [FilePath]) -> FilePath {
    FilePath(Array(names.map { Array($0.bytes) }.joined(separator: [UInt8(ascii: "/")])))
  }

  /// With what the layers below have there: owner, mode, times, xattrs.
  private func makeFolder(_ name: FilePath, in parent: OpenFile, at path: FilePath) throws -> OpenFile {
    try parent.makeFolder(name, mode: 0o755)
    let made = try parent.open(name, OpenFile.folder | O_NOFOLLOW, .plain)
    guard fchmod(made.fd, 0o755) == 0 else { throw FileError(errno, "chmod \(path)") }
    var times: Times?
    for below in try parentFolders() {
      let model: OpenFile
      do throws(FileError) {
        model = try below.open(path, OpenFile.folder, .inRoot)
      } catch {
        switch error.errno {
        case ENOENT: continue
        // Not a folder there: this one is new.
        case ENOTDIR: break
        default: throw error
        }
        break
      }
      let status = try model.status()
      guard fchown(made.fd, status.st_uid, status.st_gid) == 0 || errno == EPERM else {
        throw FileError(errno, "chown \(path)")
      }
      guard fchmod(made.fd, status.st_mode & 0o7777) == 0 else { throw FileError(errno, "chmod \(path)") }
      for (name, value) in try Xattrs.all(of: model) where !name.hasPrefix("trusted.") {
        try Xattrs.set(name, value, on: made, path)
      }
      times = Times(
        accessed: TarTime(seconds: Int64(status.st_atim.tv_sec), nanoseconds: Int64(status.st_atim.tv_nsec)),
        modified: TarTime(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int64(status.st_mtim.tv_nsec)))
      break
    }
    try noteMade(path, made, times)
    return made
  }

  /// The roots of the layers below, nearest first.
  func parentFolders() throws -> [OpenFile] {
    if let openedParents { return openedParents }
    var opened: [OpenFile] = []
    for path in parents { opened.append(try OpenFile.folder(at: path)) }
    openedParents = opened
    return opened
  }
}
