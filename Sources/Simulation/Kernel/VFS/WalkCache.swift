/// The folders that a walk went through.
struct WalkTrail {
  let isKept: Bool
  fileprivate(set) var passed: [ObjectIdentifier] = []
  private(set) var isStable = true

  init(isKept: Bool = true) {
    self.isKept = isKept
    if isKept { passed.reserveCapacity(16) }
  }

  /// Goes on where a folder lies that is remembered.
  fileprivate init(behind passed: [ObjectIdentifier]) { (isKept, self.passed) = (true, passed) }

  mutating func pass(_ inode: Inode) {
    guard isKept else { return }
    inode.isOnWalks = true
    passed.append(ObjectIdentifier(inode))
    if !inode.fs.isStable, !inode.keepsNames { isStable = false }
  }
}

/// Where the paths of a few folders led lately: runtimes name the same folders in call after call. A path is forgotten
/// as soon as something is mounted on, unmounted from, or happens to the name of a folder that it went through.
struct WalkCache {
  fileprivate struct Entry {
    let path: [UInt8]
    let root: Path
    let place: Path
    let passed: [ObjectIdentifier]
  }
  private var entries: [Entry] = []
  private var next = 0
  private static let size = 32

  func find(_ path: Span<UInt8>, _ root: Path) -> Path? {
    guard let index = index(path, root) else { return nil }
    return entries[index].place
  }

  /// The nearest folder above `path` that is remembered: where it is, the trail that leads there, and how many bytes
  /// of the path it takes.
  func findAbove(_ path: Span<UInt8>, _ root: Path) -> (place: Path, trail: WalkTrail, length: Int)? {
    var end = path.count
    // Further up there is little to gain.
    for _ in 0..<3 {
      end -= 1
      while end > 0, path[end] != 0x2f { end -= 1 }
      guard end > 1 else { return nil }
      if let index = index(path.extracting(0..<end), root) {
        return (entries[index].place, WalkTrail(behind: entries[index].passed), end)
      }
    }
    return nil
  }

  private func index(_ path: Span<UInt8>, _ root: Path) -> Int? {
    for index in entries.indices
    where entries[index].path.count == path.count && entries[index].root.inode === root.inode
      && entries[index].root.mount === root.mount && isSame(entries[index].path, path)
    {
      return index
    }
    return nil
  }

  private func isSame(_ known: [UInt8], _ path: Span<UInt8>) -> Bool {
    known.withUnsafeBytes { a in path.withUnsafeBytes { b in areSame(a, b) } }
  }

  /// The answer is what had to make room: letting go of it may ask for paths to be forgotten.
  fileprivate mutating func keep(_ path: Span<UInt8>, _ root: Path, _ place: Path, _ trail: WalkTrail) -> Entry? {
    let bytes = path.withUnsafeBufferPointer { [UInt8]($0) }
    let entry = Entry(path: bytes, root: root, place: place, passed: trail.passed)
    if entries.count < WalkCache.size {
      entries.append(entry)
      return nil
    }
    defer {
      entries[next] = entry
      next = (next + 1) % WalkCache.size
    }
    return entries[next]
  }

  /// Takes out what `isGone` says, and hands it over for the same reason.
  fileprivate mutating func take(_ isGone: (_ passed: [ObjectIdentifier], _ place: Path, _ root: Path) -> Bool)
    -> [Entry]
  {
    var gone: [Entry] = []
    for index in entries.indices.reversed()
    where isGone(entries[index].passed, entries[index].place, entries[index].root) {
      gone.append(entries.remove(at: index))
    }
    if !gone.isEmpty { next = 0 }
    return gone
  }
}

extension KernelState {
  func rememberWalk(_ path: Span<UInt8>, _ root: Path, _ place: Path, _ trail: WalkTrail) {
    _ = walks.keep(path, root, place, trail)
  }

  func forgetWalks(through inode: Inode) {
    // Most inodes lie on no path that is remembered.
    guard inode.isOnWalks else { return }
    inode.isOnWalks = false
    let inode = ObjectIdentifier(inode)
    _ = walks.take { passed, _, _ in passed.contains(inode) }
  }

  /// Forgets the paths in mount namespaces that are gone.
  func forgetWalksOfNobody() {
    _ = walks.take { _, place, root in place.mount.namespace == nil || root.mount.namespace == nil }
  }

  func forgetWalks() { _ = walks.take { _, _, _ in true } }
}
