import Glibc

/// Removes a name with everything in it. Nothing there is no error. Never enters a mount: what holds one stays and
/// the error says so. Links are removed, not followed.
///
/// Neither depth nor width matters: what lies deeper than descriptors would reach is first moved up, and names are
/// read some at a time.
func removeTree(_ name: FilePath, in parent: OpenFile) throws(FileError) {
  if try !removeUnlessFull(name, in: parent) { return }
  let top = try enter(name, in: parent)
  var levels: [(folder: OpenFile, name: FilePath, names: [FilePath])] = [(top, name, [])]
  var moved = 0
  while !levels.isEmpty {
    // Not as a whole: a second reference to the names would have them copied for each.
    let here = levels[levels.count - 1].folder
    guard let next = levels[levels.count - 1].names.popLast() else {
      // Also what was moved up meanwhile.
      let more = try here.names(atMost: 4096)
      if more.isEmpty {
        let empty = levels.removeLast()
        try (levels.last?.folder ?? parent).unlink(empty.name, isFolder: true)
      } else {
        levels[levels.count - 1].names = more
      }
      continue
    }
    if try !removeUnlessFull(next, in: here) { continue }
    if levels.count < 100 {
      levels.append((try enter(next, in: here), next, []))
    } else {
      moved += 1
      try here.rename(next, to: top, FilePath(".drydock-removed-\(getpid())-\(moved)"))
    }
  }
}

/// A folder to be emptied, open. Whose mode forbids that to its owner gets another one.
private func enter(_ name: FilePath, in parent: OpenFile) throws(FileError) -> OpenFile {
  if geteuid() != 0, let status = try parent.status(of: name), status.st_mode & 0o700 != 0o700 {
    // What cannot be changed says so when it is read or emptied.
    _ = name.withCString { fchmodat(parent.fd, $0, 0o700, 0) }
  }
  return try parent.open(name, OpenFile.folder, .plain)
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
