import Glibc

/// Removes a name with everything in it. Nothing there is no error. Never enters a mount: what holds one stays and
/// the error says so. Links are removed, not followed.
///
/// Depth is no matter: what lies deeper than descriptors would reach is first moved up.
func removeTree(_ name: FilePath, in parent: OpenFile) throws(FileError) {
  if try !removeUnlessFull(name, in: parent) { return }
  let top = try parent.open(name, OpenFile.folder, .plain)
  var levels: [(folder: OpenFile, name: FilePath, names: [FilePath])] = [(top, name, try top.names())]
  var moved = 0
  while let level = levels.last {
    guard let next = levels[levels.count - 1].names.popLast() else {
      levels.removeLast()
      // What was moved up meanwhile lies in the top folder.
      if levels.isEmpty, moved > 0 {
        let rest = try top.names()
        if !rest.isEmpty {
          levels.append((top, name, rest))
          continue
        }
      }
      try (levels.last?.folder ?? parent).unlink(level.name, isFolder: true)
      continue
    }
    if try !removeUnlessFull(next, in: level.folder) { continue }
    if levels.count < 100 {
      let folder = try level.folder.open(next, OpenFile.folder, .plain)
      levels.append((folder, next, try folder.names()))
    } else {
      moved += 1
      try level.folder.rename(next, to: top, FilePath(".drydock-removed-\(getpid())-\(moved)"))
    }
  }
}

/// Removes anything but a folder with something in it: true when it is one.
private func removeUnlessFull(_ name: FilePath, in parent: OpenFile) throws(FileError) -> Bool {
  do {
    try parent.unlink(name)
    return false
  } catch {
    switch error.errno {
    case ENOENT: return false
    case EISDIR, EPERM: break
    default: throw error
    }
  }
  do {
    try parent.unlink(name, isFolder: true)
    return false
  } catch {
    switch error.errno {
    case ENOENT: return false
    case ENOTEMPTY, EEXIST: return true
    default: throw error
    }
  }
}
