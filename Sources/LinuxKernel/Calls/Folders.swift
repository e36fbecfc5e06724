import CLinux
import Glibc
import Runtime

/// Making what is missing on the way to a place. Within a root each folder is made below the descriptor of the one
/// above; a link on the way, also one that leads nowhere yet, is followed within the root.
extension LinuxKernel {
  /// The folder at `path`, made with those above it where they are missing.
  func makeFolders(_ path: KernelPath, _ mode: UInt32) throws(Errno) -> Descriptor {
    do throws(Errno) { return try open(path, Linux.oPath | O_DIRECTORY) } catch {
      guard error == .ENOENT else { throw error }
    }
    return try make(path, .directory, mode)
  }

  /// What is at `path`; when nothing is, it is made (`isNew`).
  func place(
    _ path: KernelPath, makes missing: Attachment.Missing, ordinary: Bool, isNew: inout Bool
  ) throws(Errno) -> Descriptor {
    do throws(Errno) { return try open(path, ordinary: ordinary) } catch {
      guard error == .ENOENT, missing != .nothing else { throw error }
    }
    let made = try make(path, missing, missing == .directory ? 0o755 : 0o644)
    isNew = true
    if missing == .directory, !ordinary { return made }
    // Opened anew: the rules for what may be on the way are the same as if it had been there before.
    return try open(path, ordinary: ordinary)
  }

  /// `ordinary`: a folder, and reached without links: ELOOP, ENOTDIR.
  private func open(_ path: KernelPath, ordinary: Bool) throws(Errno) -> Descriptor {
    guard ordinary else { return try open(path, Linux.oPath) }
    let root = try self.root(path.root ?? "/")
    return try openBelow(
      root, path.path, Linux.oPath | O_DIRECTORY,
      resolve: Linux.resolveInRoot | Linux.resolveNoMagicLinks | Linux.resolveNoSymlinks)
  }

  /// Makes what is missing. Usually that is only the last one.
  private func make(_ path: KernelPath, _ kind: Attachment.Missing, _ mode: UInt32) throws(Errno) -> Descriptor {
    let utf8 = path.path.utf8
    if let root = path.root, let slash = utf8.lastIndex(of: UInt8(ascii: "/")), !utf8.contains(0) {
      let name = String(path.path[utf8.index(after: slash)...])
      if !name.isEmpty, name != ".", name != "..",
        let folder = try? open(KernelPath(root: root, String(path.path[..<slash])), Linux.oPath | O_DIRECTORY),
        let made = try? make(name, in: folder, kind, mode)
      {
        return made
      }
    }
    return try walk(path, kind, mode)
  }

  /// Makes one name in a folder. EEXIST when something is there, be it a link that leads nowhere.
  private func make(
    _ name: String, in folder: borrowing Descriptor, _ kind: Attachment.Missing, _ mode: UInt32
  ) throws(Errno) -> Descriptor {
    if kind == .file {
      // O_EXCL: nothing that has come meanwhile is opened.
      return try openBelow(
        folder.raw, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode: mode, resolve: Linux.resolveBeneath)
    }
    let number = Int(folder.raw)
    try system(with: name) { clinux_call(Int(SYS_mkdirat), number, $0, Int(mode), 0, 0, 0) }
    return try openBelow(
      folder.raw, name, Linux.oPath | O_DIRECTORY | O_NOFOLLOW,
      resolve: Linux.resolveBeneath | Linux.resolveNoSymlinks)
  }

  /// Walks through `path`, component by component. What has been walked through holds no links.
  private func walk(_ path: KernelPath, _ kind: Attachment.Missing, _ mode: UInt32) throws(Errno) -> Descriptor {
    if path.path.utf8.contains(0) { throw .EINVAL }
    let root = try self.root(path.root ?? "/")
    var ahead = LinuxKernel.components(path.path)
    if path.root == nil, path.path.utf8.first != UInt8(ascii: "/") {
      // From the working directory, by its name.
      ahead = LinuxKernel.components(try workingDirectory()) + ahead
    }
    ahead.reverse()
    var walked: [String] = []
    var links = 0
    while let component = ahead.popLast() {
      if component == ".." {
        _ = walked.popLast()
        continue
      }
      let folder = try openWalked(walked, below: root, Linux.oPath | O_DIRECTORY)
      let isLast = ahead.isEmpty
      // Most of it is there.
      if let found = try status(of: component, in: folder.raw) {
        switch FileKind(mode: found.st_mode) {
        case .link:
          links += 1
          if links > 40 { throw .ELOOP }
          let target = try readLink(component, in: folder.raw)
          if target.utf8.first == UInt8(ascii: "/") { walked = [] }
          ahead += LinuxKernel.components(target).reversed()
        case .directory: walked.append(component)
        default:
          guard isLast, kind == .file else { throw .ENOTDIR }
          walked.append(component)
        }
        continue
      }
      do throws(Errno) {
        _ = try make(component, in: folder, isLast ? kind : .directory, isLast ? mode : 0o755)
      } catch {
        // Somebody else was quicker: it is looked at again.
        guard error == .EEXIST else { throw error }
        links += 1
        if links > 40 { throw .ELOOP }
        ahead.append(component)
        continue
      }
      walked.append(component)
    }
    return try openWalked(walked, below: root, Linux.oPath)
  }

  private func openWalked(_ path: [String], below root: Int32, _ flags: Int32) throws(Errno) -> Descriptor {
    try openBelow(
      root, path.joined(separator: "/"), flags,
      resolve: Linux.resolveInRoot | Linux.resolveNoMagicLinks | Linux.resolveNoSymlinks)
  }

  private static func components(_ path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }.filter { $0 != "." }
  }

  /// lstat(2) of a name in a folder; nil when nothing is there.
  func status(of name: String, in folder: Int32) throws(Errno) -> stat? {
    var status = stat()
    do throws(Errno) {
      try system(with: name) { name in
        withUnsafeMutablePointer(to: &status) {
          clinux_call(
            Int(SYS_newfstatat), Int(folder), name, Int(bitPattern: $0), Int(AT_SYMLINK_NOFOLLOW), 0, 0)
        }
      }
    } catch {
      if error == .ENOENT { return nil }
      throw error
    }
    return status
  }

  /// readlinkat(2).
  func readLink(_ name: String, in folder: Int32) throws(Errno) -> String {
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { (buffer) throws(Errno) in
      let address = Int(bitPattern: buffer.baseAddress)
      let count = try system(with: name) { clinux_call(Int(SYS_readlinkat), Int(folder), $0, address, 4096, 0, 0) }
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  /// getcwd(2): ENOENT when it cannot be reached from the root, or is gone.
  func workingDirectory() throws(Errno) -> String {
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { (buffer) throws(Errno) in
      let count = try system(SYS_getcwd, Int(bitPattern: buffer.baseAddress), 4096)
      // The kernel says `(unreachable)` before a path outside the root.
      guard count > 1, buffer[0] == UInt8(ascii: "/") else { throw .ENOENT }
      return String(decoding: buffer[..<(count - 1)], as: UTF8.self)
    }
  }
}
