import Runtime

/// A file system whose files are in memory: tmpfs and ramfs, the disk of the host (ext4), devtmpfs, mqueue.
final class MemoryFileSystem: FileSystem {
  /// Bytes; nil is no limit.
  var limit: Int64?
  var inodeLimit: Int?
  fileprivate(set) var used: Int64 = 0
  fileprivate(set) var inodes = 0
  /// tmpfs: its pages are memory of the cgroup that writes them.
  let isMemory: Bool
  /// Bytes that statfs(2) calls the whole where there is no limit.
  let capacity: Int64

  init(
    _ kernel: KernelState, type: String, limit: Int64? = nil, isMemory: Bool = true, capacity: Int64 = 0,
    userNamespace: UserNamespace? = nil, firstInode: UInt64 = 1
  ) {
    (self.limit, self.isMemory, self.capacity) = (limit, isMemory, capacity)
    super.init(kernel, type: type, userNamespace: userNamespace, firstInode: firstInode)
  }

  override var isStable: Bool { true }
  override func usage() -> (total: Int64, used: Int64) { (limit ?? capacity, used) }

  override func remount(_ options: [String]) throws(Errno) {
    for option in options where option.hasPrefix("size=") {
      let size = try TmpfsOptions.size(option.dropFirst(5), memory: kernel.memory)
      if size < used { throw .EINVAL }
      limit = size
    }
  }

  /// A root folder for a new instance.
  func makeRoot(mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) -> MemoryInode {
    MemoryInode(
      self, NewInode(kind: .directory, mode: mode, uid: uid, gid: gid, modified: kernel.seconds))
  }
}

/// An inode of a file system in memory. A folder can stand on a layer that is shared with others and never changes:
/// then its children are made when they are asked for.
final class MemoryInode: Inode {
  private var table = NameTable<MemoryInode>()
  /// What has not been made into inodes yet.
  private var backing: LayerNode?
  private var instance: LayerInstance?
  private(set) var content: [UInt8]
  private(set) var declaredSize: Int64?
  private let target: String
  private var attributes: [String: [UInt8]]
  private let impliedByLayer: Bool
  /// The cgroup that pays for its pages, and how many bytes.
  private var payer: Cgroup?
  private var charged: Int64 = 0
  private var pipe: FIFO?
  /// It has been read from the disk: from now on it is in the page cache.
  private var isCached = false

  init(_ fs: MemoryFileSystem, _ new: NewInode) {
    (content, declaredSize, target, attributes) = (new.content, new.declaredSize, new.target, new.xattrs)
    (backing, instance, impliedByLayer) = (nil, nil, false)
    super.init(fs: fs, kind: new.kind, mode: new.mode, uid: new.uid, gid: new.gid, modified: new.modified)
    device = new.device
    fs.inodes += 1
  }

  /// An inode that shows `node` of a layer.
  init(_ fs: MemoryFileSystem, _ node: LayerNode, _ instance: LayerInstance) {
    (content, declaredSize, target, attributes) = (node.content, node.declaredSize, node.target, node.xattrs)
    backing = node.kind == .directory && !node.children.isEmpty ? node : nil
    (self.instance, impliedByLayer) = (instance, node.isImplied)
    super.init(fs: fs, kind: node.kind, mode: node.mode, uid: node.uid, gid: node.gid, modified: node.modified)
    device = node.device
    if node.kind != .directory { links = node.links }
    fs.inodes += 1
  }

  deinit {
    memory.inodes -= 1
    if charged > 0 {
      memory.used -= charged
      payer?.uncharge(charged, .sharedMemory)
    }
  }

  private var memory: MemoryFileSystem { unsafeDowncast(fs, to: MemoryFileSystem.self) }

  override var size: Int64 {
    switch kind {
    case .directory: 4096
    case .symlink: Int64(target.utf8.count)
    default: declaredSize ?? Int64(content.count)
    }
  }
  override var isImplied: Bool { impliedByLayer }

  /// Makes this folder, which is empty, show a layer.
  func stand(on layer: LayerNode) {
    (backing, instance) = (layer.children.isEmpty ? nil : layer, LayerInstance())
    attributes = layer.xattrs
    // An archive that does not name its root leaves it as it is.
    if !layer.isImplied { (mode, uid, gid, modified) = (layer.mode, layer.uid, layer.gid, layer.modified) }
  }

  /// Lays a layer over what is here already, as unpacking its archive would.
  func merge(_ layer: LayerNode, depth: Int = 0) throws(Errno) {
    guard depth < 512 else { throw .ELOOP }
    materialiseAll()
    let instance = LayerInstance()
    for entry in layer.children.entries {
      if let old = table[entry.name] {
        if old.isDirectory, entry.value.kind == .directory {
          if !entry.value.isImplied {
            (old.mode, old.uid, old.gid, old.modified) = (
              entry.value.mode, entry.value.uid, entry.value.gid, entry.value.modified
            )
          }
          for (name, value) in entry.value.xattrs { old.attributes[name] = value }
          try old.merge(entry.value, depth: depth + 1)
          continue
        }
        table.remove(entry.name)
        old.parent = nil
      }
      _ = materialise(entry.name, entry.value, instance)
    }
  }

  @discardableResult
  private func adopt(_ name: String, _ child: MemoryInode) -> MemoryInode {
    child.parent = self
    child.name = name
    table.insert(name, child)
    return child
  }

  private func materialise(_ name: String, _ node: LayerNode, _ instance: LayerInstance) -> MemoryInode {
    if node.links > 1, node.kind != .directory {
      if let known = instance.linked[ObjectIdentifier(node)] { return adopt(name, known) }
      let inode = MemoryInode(memory, node, instance)
      instance.linked[ObjectIdentifier(node)] = inode
      return adopt(name, inode)
    }
    return adopt(name, MemoryInode(memory, node, instance))
  }

  /// Makes inodes of all that the layer has, before a change.
  private func materialiseAll() {
    guard let backing, let instance else { return }
    self.backing = nil
    for entry in backing.children.entries where table[entry.name] == nil {
      _ = materialise(entry.name, entry.value, instance)
    }
  }

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    guard kind == .directory else { throw .ENOTDIR }
    if let found = table.find(name, hash) { return found }
    guard let backing, let instance, let node = backing.children.find(name, hash) else { return nil }
    return materialise(nameString(name), node, instance)
  }

  override func names() throws(Errno) -> [String] {
    guard kind == .directory else { throw .ENOTDIR }
    materialiseAll()
    return table.names
  }

  override func isEmpty() throws(Errno) -> Bool {
    guard kind == .directory else { throw .ENOTDIR }
    return backing == nil && table.isEmpty
  }

  override func create(_ name: String, _ new: NewInode) throws(Errno) -> Inode {
    if let limit = memory.inodeLimit, memory.inodes >= limit { throw .ENOSPC }
    materialiseAll()
    let inode = MemoryInode(memory, new)
    if !new.content.isEmpty || new.declaredSize != nil { try inode.account(inode.size) }
    if new.kind == .directory { links += 1 }
    modified = new.modified
    return adopt(name, inode)
  }

  override func link(_ name: String, _ inode: Inode) throws(Errno) {
    guard let inode = inode as? MemoryInode, inode.fs === fs else { throw .EXDEV }
    materialiseAll()
    inode.links += 1
    adopt(name, inode)
  }

  override func remove(_ name: String, _ child: Inode) throws(Errno) {
    materialiseAll()
    table.remove(name)
    detach(child, named: name)
    modified = kernel.seconds
  }

  private func detach(_ child: Inode, named name: String) {
    child.links -= child.isDirectory ? 2 : 1
    if child.isDirectory { links -= 1 }
    if child.links <= 0 || (child.parent === self && child.name == name) { child.parent = nil }
  }

  override func rename(
    _ name: String, _ child: Inode, to folder: Inode, as newName: String, replacing: Inode?
  ) throws(Errno) {
    guard let target = folder as? MemoryInode, let child = child as? MemoryInode, target.fs === fs else { throw .EXDEV }
    materialiseAll()
    target.materialiseAll()
    if let replacing {
      target.table.remove(newName)
      target.detach(replacing, named: newName)
    }
    table.remove(name)
    target.adopt(newName, child)
    if child.isDirectory, target !== self {
      links -= 1
      target.links += 1
    }
    modified = kernel.seconds
    target.modified = modified
  }

  /// Takes everything out at once: `rm -rf` of a host folder.
  func removeAll() {
    FileSystem.drop(self)
    links = 2
  }

  override func takeChildren() -> [Inode] {
    backing = nil
    if table.isEmpty { return [] }
    defer { table.removeAll() }
    return table.entries.map(\.value)
  }

  // MARK: Files

  override func read() throws(Errno) -> FileData {
    guard kind == .file else { throw kind == .directory ? .EISDIR : .EINVAL }
    if !isCached, !memory.isMemory {
      isCached = true
      if size > 0 { kernel.current?.cgroup(.io)?.countRead((size &+ 4095) / 4096 * 4096) }
    }
    return .bytes(content)
  }

  override func write(_ bytes: [UInt8], at offset: Int64?) throws(Errno) {
    let start = offset ?? size
    guard start >= 0, start <= 1 << 40 else { throw .EFBIG }
    let end = start + Int64(bytes.count)
    if !memory.isMemory, !bytes.isEmpty {
      isCached = true
      kernel.current?.cgroup(.io)?.countWrite((Int64(bytes.count) + 4095) / 4096 * 4096)
    }
    if end > size { try account(end) }
    if let declared = declaredSize {
      // A model's bytes end before its size: what is written behind them counts, what is written within replaces.
      if start < Int64(content.count) { overwrite(bytes, at: Int(start)) } else { content += bytes }
      declaredSize = max(declared, end)
    } else if start == Int64(content.count) {
      content += bytes
    } else {
      guard start <= 1 << 28 else { throw .EFBIG }
      overwrite(bytes, at: Int(start))
    }
    modified = kernel.seconds
  }

  private func overwrite(_ bytes: [UInt8], at start: Int) {
    if start > content.count { content += [UInt8](repeating: 0, count: start - content.count) }
    let end = min(content.count, start + bytes.count)
    content.replaceSubrange(start..<end, with: bytes)
  }

  override func truncate() throws(Errno) {
    guard kind == .file else { return }
    try account(0)
    content = []
    declaredSize = nil
    modified = kernel.seconds
  }

  /// Pays for a file that is to have `size` bytes: whole pages, of the file system's limit and of the cgroup's memory.
  private func account(_ size: Int64) throws(Errno) {
    let pages = (size &+ 4095) / 4096 * 4096
    let more = pages - charged
    if more == 0 { return }
    if more > 0, let limit = memory.limit, memory.used + more > limit { throw .ENOSPC }
    if memory.isMemory {
      if more > 0 {
        let cgroup = payer ?? kernel.current?.memoryCgroup ?? kernel.rootCgroup
        try kernel.charge(cgroup, more, .sharedMemory)
        payer = cgroup
      } else {
        payer?.uncharge(-more, .sharedMemory)
      }
    }
    memory.used += more
    charged = pages
  }

  override var fifo: FIFO? {
    guard kind == .fifo else { return nil }
    if let pipe, !pipe.isSpent { return pipe }
    let new = FIFO(number: kernel.nextPipeNumber())
    pipe = new
    return new
  }

  override func linkTarget() throws(Errno) -> LinkTarget {
    guard kind == .symlink else { throw .EINVAL }
    return .path(target)
  }

  override func xattr(_ name: String) -> [UInt8]? { attributes.isEmpty ? nil : attributes[name] }
  override func setXattr(_ name: String, _ value: [UInt8]?) throws(Errno) { attributes[name] = value }
  override var xattrs: [String: [UInt8]] { attributes }

  /// Bytes and inodes of this and all below it.
  func total() -> (bytes: Int64, inodes: Int64) {
    var bytes: Int64 = 0
    var inodes: Int64 = 0
    var counted: Set<ObjectIdentifier> = []
    var pending = [self]
    while let inode = pending.popLast() {
      if inode.links > 1, !inode.isDirectory, !counted.insert(ObjectIdentifier(inode)).inserted { continue }
      inodes += 1
      bytes += inode.isDirectory ? 4096 : inode.size
      for entry in inode.table.entries { pending.append(entry.value) }
      if let backing = inode.backing {
        for entry in backing.children.entries where inode.table[entry.name] == nil {
          bytes += entry.value.bytes
          inodes += entry.value.inodes
        }
      }
    }
    return (bytes, inodes)
  }
}

/// What belongs together in one place where a layer is shown: the inodes that have more than one name.
final class LayerInstance {
  fileprivate var linked: [ObjectIdentifier: MemoryInode] = [:]
}

/// The options of tmpfs(5).
struct TmpfsOptions {
  var size: Int64?
  var isSizeGiven = false
  var inodes: Int?
  var mode: UInt32 = 0o1777
  var uid: UInt32?
  var gid: UInt32?

  init(_ data: String, memory: Int64) throws(Errno) {
    for option in data.parts(at: ",") {
      let parts = option.parts(at: "=", omittingEmpty: false, most: 1)
      let value = parts.count == 2 ? parts[1] : ""
      switch parts[0] {
      case "size": size = try TmpfsOptions.size(value, memory: memory)
      case "nr_blocks": size = try TmpfsOptions.size(value, memory: memory, page: 1) &* 4096
      case "nr_inodes": inodes = Int(clamping: try TmpfsOptions.size(value, memory: memory, page: 1))
      case "mode":
        guard let parsed = UInt32(value, radix: 8), parsed <= 0o7777 else { throw .EINVAL }
        mode = parsed
      case "uid":
        guard let parsed = UInt32(value) else { throw .EINVAL }
        uid = parsed
      case "gid":
        guard let parsed = UInt32(value) else { throw .EINVAL }
        gid = parsed
      case "huge", "mpol", "inode32", "inode64", "noswap", "seclabel": break
      default: throw .EINVAL
      }
    }
    isSizeGiven = size != nil
    if size == nil { size = memory / 2 }
    if size == 0 { size = nil }
  }

  /// `65536k`, `64m`, `50%`, in bytes; up to whole pages.
  static func size(_ text: Substring, memory: Int64, page: Int64 = 4096) throws(Errno) -> Int64 {
    var digits = text
    var factor: Int64 = 1
    switch text.last {
    case "k", "K": factor = 1 << 10
    case "m", "M": factor = 1 << 20
    case "g", "G": factor = 1 << 30
    case "%": factor = 0
    default: factor = 1
    }
    if factor != 1 { digits = digits.dropLast() }
    guard let number = Int64(digits), number >= 0 else { throw .EINVAL }
    if factor == 0 { return memory / 100 &* min(number, 1_000_000) }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    if overflow { throw .EINVAL }
    return (product &+ page - 1) / page * page
  }
}
