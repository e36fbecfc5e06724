import Glibc
import OCISpec
import Seams

/// The folders of snapshots, `snapshots/<id>/{fs,work}`: what both drivers do with them. Everything here blocks.
///
/// A folder appears whole, by a rename, and leaves by one; what a process that died left under other names goes when
/// the folders are opened again.
struct SnapshotFolders: Sendable {
  /// Absolute; what mounts name.
  let path: String
  let folder: OpenFile
  let marks: UnsyncedMarks

  init(_ root: String) throws(FileError) {
    path = root + "/snapshots"
    folder = try OpenFile.folder(at: FilePath(path), making: 0o700)
    for name in try folder.names()
    where name.bytes.starts(with: Array("new-".utf8)) || name.bytes.starts(with: Array("rm-".utf8)) {
      try removeTree(name, in: folder)
    }
    marks = try UnsyncedMarks(folder)
  }

  /// The tree of a snapshot, as a path for mounts.
  func tree(_ id: Int) -> String { "\(path)/\(id)/fs" }

  /// The tree, open.
  func open(_ id: Int) throws -> OpenFile {
    do {
      return try folder.open(FilePath("\(id)/fs"), OpenFile.folder, .plain)
    } catch {
      if error.errno == ENOENT { throw EngineError(.notFound, "snapshot folder \(id): not found") }
      throw error
    }
  }

  /// Makes `<id>`, whose contents `fill` makes in a folder with `fs` in it.
  func create(_ id: Int, fill: (_ made: OpenFile, _ fs: OpenFile) throws -> Void) throws {
    let temporary = FilePath("new-\(id)-\(getpid())")
    do {
      try removeTree(temporary, in: folder)
      try folder.makeFolder(temporary, mode: 0o700)
      let made = try folder.open(temporary, OpenFile.folder, .plain)
      try made.makeFolder("fs", mode: 0o755)
      let fs = try made.open("fs", OpenFile.folder, .plain)
      guard fchmod(fs.fd, 0o755) == 0 else { throw FileError(errno, "chmod") }
      try fill(made, fs)
      try folder.rename(temporary, to: folder, FilePath("\(id)"))
    } catch {
      try? removeTree(temporary, in: folder)
      guard let error = error as? FileError, error.errno == ENOTEMPTY || error.errno == EEXIST else { throw error }
      throw EngineError(.alreadyExists, "snapshot folder \(id): already exists")
    }
  }

  func remove(_ id: Int) throws {
    let leaving = FilePath("rm-\(id)-\(getpid())-\(UInt32.random(in: .min ... .max))")
    do {
      try folder.rename(FilePath("\(id)"), to: folder, leaving)
    } catch {
      if error.errno == ENOENT { return }
      throw error
    }
    try removeTree(leaving, in: folder)
  }

  /// The ids that have a folder.
  func ids() throws(FileError) -> [Int] { try folder.names().compactMap { Int($0.description) }.sorted() }

  /// Bytes on the disk and inodes of a tree, each inode once.
  static func usage(of root: OpenFile) throws -> (bytes: Int64, inodes: Int64) {
    var linked: Set<UInt64> = []
    var (bytes, inodes): (Int64, Int64) = (0, 0)
    func count(_ status: stat) {
      if !status.isFolder, status.st_nlink > 1, !linked.insert(UInt64(status.st_ino)).inserted { return }
      bytes += Int64(status.st_blocks) * 512
      inodes += 1
    }
    count(try root.status())
    var left: [FilePath] = [""]
    while let path = left.popLast() {
      let folder = try root.open(path, OpenFile.folder, .plain)
      for name in try folder.names() {
        guard let status = try folder.status(of: name) else { continue }
        count(status)
        if status.isFolder { left.append(path.appending(name)) }
      }
    }
    return (bytes, inodes)
  }
}
