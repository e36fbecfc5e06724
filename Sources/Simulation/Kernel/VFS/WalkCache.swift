/// The folders that a walk went through.
struct WalkTrail {
  let isKept: Bool
  fileprivate(set) var passed: [ObjectIdentifier] = []
  private(set) var isStable = true

  init(isKept: Bool = true) {
    self.isKept = isKept
    if isKept { passed.reserveCapacity(16) }
  }

  mutating func pass(_ inode: Inode) {
    guard isKept else { return }
    passed.append(ObjectIdentifier(inode))
    if !inode.fs.isStable, !inode.keepsNames { isStable = false }
  }
}

/// Where the paths of a few folders led lately: runtimes name the same folders in call after call. A path is forgotten
/// as soon as something is mounted on, unmounted from, or happens to the name of a folder that it went through.
struct WalkCache {
  private struct Entry {
    let path: [UInt8]
    let root: Path
    let place: Path
    let passed: [ObjectIdentifier]
  }
  private var entries: [Entry] = []
  private var next = 0
  private static let size = 24

  func find(_ path: Span<UInt8>, _ root: Path) -> Path? {
    for index in entries.indices
    where entries[index].path.count == path.count && entries[index].root.inode === root.inode
      && entries[index].root.mount === root.mount && isSame(entries[index].path, path)
    {
      return entries[index].place
    }
    return nil
  }

  private func isSame(_ known: [UInt8], _ path: Span<UInt8>) -> Bool {
    known.withUnsafeBytes { a in
      path.withUnsafeBytes { b in
        var offset = 0
        while offset + 8 <= a.count {
          if a.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            != b.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          {
            return false
          }
          offset += 8
        }
        while offset < a.count {
          if a[offset] != b[offset] { return false }
          offset += 1
        }
        return true
      }
    }
  }

  mutating func keep(_ path: Span<UInt8>, _ root: Path, _ place: Path, _ trail: WalkTrail) {
    let bytes = path.withUnsafeBufferPointer { [UInt8]($0) }
    let entry = Entry(path: bytes, root: root, place: place, passed: trail.passed)
    if entries.count < WalkCache.size {
      entries.append(entry)
    } else {
      entries[next] = entry
      next = (next + 1) % WalkCache.size
    }
  }

  mutating func forget(through inode: Inode) {
    let passed = ObjectIdentifier(inode)
    for index in entries.indices where entries[index].passed.contains(passed) {
      entries.removeAll { $0.passed.contains(passed) }
      next = 0
      return
    }
  }

  mutating func forgetAll() {
    entries.removeAll()
    next = 0
  }
}

extension KernelState {
  func forgetWalks(through inode: Inode) { walks.forget(through: inode) }
  func forgetWalks() { walks.forgetAll() }
}
