import Archive

/// The files of one layer of the catalogue, in the order in which they enter its tar. Folders on the way are made
/// (0755, root) when they are first needed.
struct FileSet {
  private(set) var entries: [ArchiveEntry] = []
  private var folders: Set<String> = []
  private let modified: Int64

  init(modified: Int64) { self.modified = modified }

  mutating func folder(_ path: String, mode: UInt32 = 0o755, uid: UInt32 = 0, gid: UInt32 = 0) {
    parents(of: path)
    guard folders.insert(path).inserted else { return }
    entries.append(
      ArchiveEntry(path: path, kind: .directory, mode: mode, uid: uid, gid: gid, modified: modified))
  }

  /// Several folders, separated by blanks.
  mutating func folders(_ paths: String) { for path in paths.split(separator: " ") { folder(String(path)) } }

  /// A text file.
  mutating func text(_ path: String, _ content: String, mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0) {
    add(path, Array(content.utf8), mode: mode, uid: uid, gid: gid)
  }

  /// An executable that the program table knows as `program`. `size` is what it claims to have, in bytes.
  mutating func program(_ path: String, _ program: String, size: Int64, mode: UInt32 = 0o755) {
    add(path, ProgramTable.executable(program), mode: mode, declaredSize: size)
  }

  /// Executables of one multi-call program, by the names that it is called by.
  mutating func programs(_ folder: String, _ names: String, _ program: String, size: Int64) {
    for name in names.split(separator: " ") { self.program(folder + "/" + name, program, size: size) }
  }

  /// A file whose content nobody reads here: a library, a table. It claims `size` bytes.
  mutating func opaque(_ path: String, size: Int64, mode: UInt32 = 0o644) {
    add(path, [0x7f, 0x45, 0x4c, 0x46], mode: mode, declaredSize: size)
  }

  mutating func symlink(_ path: String, _ target: String) {
    parents(of: path)
    entries.append(
      ArchiveEntry(path: path, kind: .symlink, mode: 0o777, modified: modified, linkTarget: target))
  }

  /// Symbolic links of several names in one folder to the same target.
  mutating func symlinks(_ folder: String, _ names: String, _ target: String) {
    for name in names.split(separator: " ") { symlink(folder + "/" + name, target) }
  }

  mutating func hardLink(_ path: String, _ target: String, mode: UInt32) {
    parents(of: path)
    entries.append(
      ArchiveEntry(path: path, kind: .hardLink, mode: mode, modified: modified, linkTarget: target))
  }

  private mutating func add(
    _ path: String, _ content: [UInt8], mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, declaredSize: Int64? = nil
  ) {
    parents(of: path)
    entries.append(
      ArchiveEntry(
        path: path, mode: mode, uid: uid, gid: gid, modified: modified, content: content, declaredSize: declaredSize))
  }

  private mutating func parents(of path: String) {
    guard let slash = path.lastIndex(of: "/") else { return }
    let parent = String(path[..<slash])
    if !folders.contains(parent) { folder(parent) }
  }
}
