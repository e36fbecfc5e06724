import Runtime

/// A folder of a generated file system: what is in it is known beforehand and made when it is asked for.
class FixedFolder: Inode {
  typealias Maker = (FixedFolder) -> Inode
  private var made = NameTable<Inode>()
  private(set) var makers: NameTable<Maker>

  /// - Parameter makers: what is in it, when that has been told for another folder of its kind.
  init(
    _ fs: FileSystem, mode: UInt32 = 0o555, uid: UInt32 = 0, gid: UInt32 = 0,
    makers: NameTable<Maker> = NameTable<Maker>()
  ) {
    self.makers = makers
    super.init(fs: fs, kind: .directory, mode: mode, uid: uid, gid: gid, modified: fs.kernel.seconds)
  }

  /// An entry that is made when it is first looked up.
  func add(_ name: String, _ maker: @escaping Maker) { makers.insert(name, maker) }
  /// A folder.
  func addFolder(_ name: String, mode: UInt32 = 0o555, _ fill: @escaping (FixedFolder) -> Void = { _ in }) {
    add(name) { above in
      let folder = FixedFolder(above.fs, mode: mode)
      fill(folder)
      return folder
    }
  }
  /// A file whose text is made when it is read.
  func addFile(_ name: String, mode: UInt32 = 0o444, _ text: @escaping (KernelState) throws(Errno) -> String) {
    add(name) { GeneratedFile($0.fs, mode: mode, text) }
  }
  /// A symbolic link.
  func addLink(_ name: String, _ target: @escaping (KernelState) throws(Errno) -> LinkTarget) {
    add(name) { ProcLink($0.fs, target: target) }
  }

  /// A subclass may have more in it that comes and goes.
  override var keepsNames: Bool { type(of: self) == FixedFolder.self }

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    if let found = made.find(name, hash) { return found }
    guard let maker = makers.find(name, hash) else { return nil }
    let text = nameString(name)
    let inode = maker(self)
    inode.parent = self
    inode.name = text
    made.insert(text, inode)
    return inode
  }

  override func names() throws(Errno) -> [String] { makers.names }
  override func takeChildren() -> [Inode] {
    defer { made.removeAll() }
    return made.entries.map(\.value)
  }
}

/// A file whose content is made when it is read, and which may take orders when it is written.
final class GeneratedFile: Inode {
  private let text: (KernelState) throws(Errno) -> String
  private let store: ((KernelState, String) throws(Errno) -> Void)?

  init(
    _ fs: FileSystem, mode: UInt32, _ text: @escaping (KernelState) throws(Errno) -> String,
    store: ((KernelState, String) throws(Errno) -> Void)? = nil
  ) {
    (self.text, self.store) = (text, store)
    super.init(fs: fs, kind: .file, mode: mode, modified: fs.kernel.seconds)
  }

  override func read() throws(Errno) -> FileData { .bytes(Array(try text(kernel).utf8)) }

  override func write(_ bytes: [UInt8], at offset: Int64?) throws(Errno) {
    guard let store else { throw .EIO }
    var text = String(decoding: bytes, as: UTF8.self)
    while text.utf8.last == 0x0a { text.removeLast() }
    try store(kernel, text)
  }
  override func setMode(_ mode: UInt32) throws(Errno) { throw .EPERM }
  override func setOwner(uid: UInt32, gid: UInt32) throws(Errno) { throw .EPERM }
}

/// A file that only the network stack can fill.
final class NetworkStackFile: Inode {
  private let file: NetworkFile
  private let namespace: () -> Int?
  init(_ fs: FileSystem, _ file: NetworkFile, _ namespace: @escaping () -> Int?) {
    (self.file, self.namespace) = (file, namespace)
    super.init(fs: fs, kind: .file, mode: 0o444, modified: fs.kernel.seconds)
  }
  override func read() throws(Errno) -> FileData {
    guard let id = namespace() else { throw .ENOENT }
    return .network(file, namespace: id)
  }
}

/// A symbolic link of a generated file system.
final class ProcLink: Inode {
  private let target: (KernelState) throws(Errno) -> LinkTarget
  /// Text for readlink(2) where it says something else than the place it jumps to.
  let label: ((KernelState) -> String?)?

  init(
    _ fs: FileSystem, target: @escaping (KernelState) throws(Errno) -> LinkTarget,
    label: ((KernelState) -> String?)? = nil
  ) {
    (self.target, self.label) = (target, label)
    super.init(fs: fs, kind: .symlink, mode: 0o777, modified: fs.kernel.seconds)
  }
  var text: String? { label?(kernel) }
  override func linkTarget() throws(Errno) -> LinkTarget { try target(kernel) }
}
