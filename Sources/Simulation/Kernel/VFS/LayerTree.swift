import Archive
import Synchronization

/// A file of a layer. Layers are shared by all kernels of the process and never change.
final class LayerNode: Sendable {
  let kind: InodeKind
  let mode: UInt32
  let uid: UInt32
  let gid: UInt32
  let modified: Int64
  let content: [UInt8]
  let declaredSize: Int64?
  let target: String
  let device: DeviceNumber
  let xattrs: [String: [UInt8]]
  let links: Int
  /// A folder that the archive does not name: it takes its attributes from the layer below.
  let isImplied: Bool
  let children: NameTable<LayerNode>
  /// Bytes and inodes of this and all below it.
  let bytes: Int64
  let inodes: Int64

  fileprivate init(_ draft: Draft, children: NameTable<LayerNode>) {
    (kind, mode, uid, gid, modified) = (draft.kind, draft.mode, draft.uid, draft.gid, draft.modified)
    (content, declaredSize, target) = (draft.content, draft.declaredSize, draft.target)
    (device, xattrs, links, isImplied) = (draft.device, draft.xattrs, draft.links, draft.isImplied)
    self.children = children
    var sum: (bytes: Int64, inodes: Int64) = (0, 1)
    for entry in children.entries {
      sum.bytes += entry.value.bytes
      sum.inodes += entry.value.inodes
    }
    let own: Int64 =
      switch kind {
      case .directory: 4096
      case .symlink: Int64(target.utf8.count)
      default: (declaredSize ?? Int64(content.count)) / Int64(max(1, links))
      }
    (bytes, inodes) = (sum.bytes + own, sum.inodes)
  }

  var size: Int64 {
    switch kind {
    case .directory: 4096
    case .symlink: Int64(target.utf8.count)
    default: declaredSize ?? Int64(content.count)
    }
  }

  /// A folder with nothing in it.
  static let empty = LayerNode(Draft(), children: NameTable())

  /// The tree of a layer's archive, as overlayfs keeps it: a whiteout `.wh.NAME` is a character device 0:0, an opaque
  /// folder (`.wh..wh..opq`) carries `trusted.overlay.opaque` (image-spec, layer.md, "Whiteouts").
  static func tree(of archive: [UInt8]) throws(ArchiveError) -> (root: LayerNode, size: Int64) {
    let root = Draft()
    var size: Int64 = 0
    var reader = TarReader(archive)
    while let entry = try reader.next() {
      size += (entry.size + 511) / 512 * 512 + 512
      try root.add(entry)
    }
    var frozen: [ObjectIdentifier: LayerNode] = [:]
    return (root.freeze(&frozen, depth: 0), size + 1024)
  }

  /// A layer while its archive is read.
  fileprivate final class Draft {
    var kind = InodeKind.directory
    var mode: UInt32 = 0o755
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var modified: Int64 = 0
    var content: [UInt8] = []
    var declaredSize: Int64?
    var target = ""
    var device = DeviceNumber.whiteout
    var xattrs: [String: [UInt8]] = [:]
    var links = 1
    var isImplied = true
    var children: [String: Draft] = [:]

    func freeze(_ frozen: inout [ObjectIdentifier: LayerNode], depth: Int) -> LayerNode {
      if links > 1, let known = frozen[ObjectIdentifier(self)] { return known }
      var table = NameTable<LayerNode>()
      if depth < 512 {
        for (name, child) in children.sorted(by: { $0.key < $1.key }) {
          table.insert(name, child.freeze(&frozen, depth: depth + 1))
        }
      }
      let node = LayerNode(self, children: table)
      if links > 1 { frozen[ObjectIdentifier(self)] = node }
      return node
    }

    func add(_ entry: ArchiveEntry) throws(ArchiveError) {
      var parts = entry.path.parts(at: "/").map(String.init)
      if parts.contains("..") { throw ArchiveError("invalid path in layer: \(entry.path)") }
      parts.removeAll { $0 == "." }
      guard let name = parts.popLast() else {
        if entry.kind == .directory { take(entry) }
        return
      }
      let folder = descend(parts)
      if name == ".wh..wh..opq" {
        folder.xattrs["trusted.overlay.opaque"] = [UInt8(ascii: "y")]
        return
      }
      if name.hasPrefix(".wh..wh.") { return }  // aufs's own
      if name.hasPrefix(".wh.") {
        let whiteout = Draft()
        (whiteout.kind, whiteout.mode, whiteout.isImplied) = (.characterDevice, 0, false)
        whiteout.modified = entry.modified
        folder.children[String(name.dropFirst(4))] = whiteout
        return
      }
      if entry.kind == .hardLink {
        guard let target = find(entry.linkTarget), target.kind != .directory else {
          throw ArchiveError("hard link to a file that is not in the layer: \(entry.linkTarget)")
        }
        if folder.children[name] !== target {
          target.links += 1
          folder.children[name] = target
        }
        return
      }
      if entry.kind == .directory, let known = folder.children[name], known.kind == .directory {
        known.take(entry)
        return
      }
      let draft = Draft()
      draft.take(entry)
      folder.children[name] = draft
    }

    private func descend(_ parts: [String]) -> Draft {
      var folder = self
      for part in parts {
        if let known = folder.children[part], known.kind == .directory {
          folder = known
        } else {
          let implied = Draft()
          folder.children[part] = implied
          folder = implied
        }
      }
      return folder
    }

    private func find(_ path: String) -> Draft? {
      var draft = self
      for part in path.parts(at: "/") where part != "." {
        guard let child = draft.children[String(part)] else { return nil }
        draft = child
      }
      return draft
    }

    private func take(_ entry: ArchiveEntry) {
      kind = InodeKind(entry.kind)
      (mode, uid, gid, modified) = (entry.mode & 0o7777, entry.uid, entry.gid, entry.modified)
      (content, declaredSize) = (entry.content, entry.declaredSize)
      target = kind == .symlink ? entry.linkTarget : ""
      device = DeviceNumber(major: entry.deviceMajor, minor: entry.deviceMinor)
      xattrs = xattrs.merging(entry.xattrs) { old, new in new }
      isImplied = false
    }
  }
}

extension InodeKind {
  init(_ kind: ArchiveEntry.Kind) {
    switch kind {
    case .file, .hardLink: self = .file
    case .directory: self = .directory
    case .symlink: self = .symlink
    case .characterDevice: self = .characterDevice
    case .blockDevice: self = .blockDevice
    case .fifo: self = .fifo
    }
  }
}
