import CLinux
import Glibc
import Runtime

/// Copying a tree of files as it is: modes, owners, times, extended attributes, links, devices. By descriptors: nobody
/// can lead it out of either tree.
extension LinuxKernel {
  func copyTree(_ source: KernelPath, _ target: KernelPath) throws(Errno) {
    let source = try open(source, O_RDONLY | O_DIRECTORY)
    let target = try open(target, O_RDONLY | O_DIRECTORY)
    try copyTree(from: source, to: target)
  }

  func copyTree(from source: borrowing Descriptor, to target: borrowing Descriptor) throws(Errno) {
    var copy = TreeCopy(kernel: self, root: target.raw)
    try copy.contents(of: source.raw, to: target.raw, path: "", depth: 0)
    try copy.attributes(of: source.raw, to: target.raw)
  }
}

private struct TreeCopy {
  let kernel: LinuxKernel
  let root: Int32
  /// Where files with several names were copied to, by device and inode.
  private var copied: [Inode: String] = [:]

  private struct Inode: Hashable {
    var device: UInt
    var number: UInt
  }
  /// Each level holds two descriptors.
  private static let deepest = 200

  init(kernel: LinuxKernel, root: Int32) { (self.kernel, self.root) = (kernel, root) }

  mutating func contents(of source: Int32, to target: Int32, path: String, depth: Int) throws(Errno) {
    if depth > TreeCopy.deepest { throw .ELOOP }
    for name in try names(in: source) {
      guard let status = try kernel.status(of: name, in: source) else { continue }
      try entry(name, status, source, target, path: path.isEmpty ? name : path + "/" + name, depth: depth)
    }
  }

  private mutating func entry(
    _ name: String, _ status: stat, _ source: Int32, _ target: Int32, path: String, depth: Int
  ) throws(Errno) {
    let kind = status.st_mode & S_IFMT
    if kind == S_IFDIR {
      try ignoringExisting { () throws(Errno) in
        try system(with: name) { clinux_call(Int(SYS_mkdirat), Int(target), $0, 0o700, 0, 0, 0) }
      }
      let from = try open(name, in: source, O_RDONLY | O_DIRECTORY)
      let to = try open(name, in: target, O_RDONLY | O_DIRECTORY)
      try contents(of: from.raw, to: to.raw, path: path, depth: depth + 1)
      return try attributes(of: from.raw, to: to.raw)
    }
    if status.st_nlink > 1 {
      let inode = Inode(device: UInt(status.st_dev), number: UInt(status.st_ino))
      if let first = copied[inode] {
        let root = Int(self.root)
        try system(with: first) { first in
          name.withCString { clinux_call(Int(SYS_linkat), root, first, Int(target), Int(bitPattern: $0), 0, 0) }
        }
        return
      }
      copied[inode] = path
    }
    switch kind {
    case S_IFREG:
      let from = try open(name, in: source, O_RDONLY | O_NONBLOCK)
      let to = try kernel.openBelow(
        target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600, resolve: Linux.resolveBeneath)
      try bytes(of: from.raw, to: to.raw)
      try attributes(of: from.raw, to: to.raw)
    case S_IFLNK:
      let link = try kernel.readLink(name, in: source)
      try system(with: name) { name in
        link.withCString { clinux_call(Int(SYS_symlinkat), Int(bitPattern: $0), Int(target), name, 0, 0, 0) }
      }
      try owner(status, name, target)
      times(status, name, target)
    default:
      // Devices, FIFOs, sockets. In a user namespace devices cannot be made: they are left out.
      let made = try? system(with: name) {
        clinux_call(Int(SYS_mknodat), Int(target), $0, Int(status.st_mode), Int(status.st_rdev), 0, 0)
      }
      guard made != nil else { return }
      try owner(status, name, target)
      try system(with: name) {
        clinux_call(Int(SYS_fchmodat), Int(target), $0, Int(status.st_mode & 0o7777), 0, 0, 0)
      }
      times(status, name, target)
    }
  }

  private func open(_ name: String, in folder: Int32, _ flags: Int32) throws(Errno) -> Descriptor {
    try kernel.openBelow(folder, name, flags | O_NOFOLLOW, resolve: Linux.resolveBeneath | Linux.resolveNoSymlinks)
  }

  private func ignoringExisting(_ body: () throws(Errno) -> Void) throws(Errno) {
    do throws(Errno) { try body() } catch { guard error == .EEXIST else { throw error } }
  }

  /// getdents64(2), all at once: the folder may change while it is copied.
  private func names(in folder: Int32) throws(Errno) -> [String] {
    var names: [String] = []
    try withUnsafeTemporaryAllocation(byteCount: 32768, alignment: 8) { (buffer) throws(Errno) in
      while true {
        let count = try system(SYS_getdents64, Int(folder), Int(bitPattern: buffer.baseAddress), buffer.count)
        if count == 0 { return }
        var offset = 0
        while offset + 19 < count {
          // struct linux_dirent64: inode, offset, length (16 bits), type (8 bits), name.
          let length = Int(buffer.load(fromByteOffset: offset + 16, as: UInt16.self))
          guard length > 19, offset + length <= count else { throw .EIO }
          let bytes = buffer[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
          let name = String(decoding: bytes, as: UTF8.self)
          if name != ".", name != ".." { names.append(name) }
          offset += length
        }
      }
    }
    return names
  }

  private func bytes(of source: Int32, to target: Int32) throws(Errno) {
    while true {
      let count = clinux_call(Int(SYS_copy_file_range), Int(source), 0, Int(target), 0, 1 << 30, 0)
      if count == 0 { return }
      if count > 0 || count == -Int(EINTR) { continue }
      // Between file systems, or of a file that has no bytes of its own: through the page cache.
      break
    }
    while true {
      let count = clinux_call(Int(SYS_sendfile), Int(target), Int(source), 0, 1 << 30, 0, 0)
      if count == 0 { return }
      if count == -Int(EINTR) { continue }
      try checked(count)
    }
  }

  /// Of an open file or folder.
  func attributes(of source: Int32, to target: Int32) throws(Errno) {
    let status = try kernel.status(of: source)
    try system(SYS_fchown, Int(target), Int(status.st_uid), Int(status.st_gid))
    try system(SYS_fchmod, Int(target), Int(status.st_mode & 0o7777))
    extendedAttributes(of: source, to: target)
    withTimes(status) { _ = clinux_call(Int(SYS_utimensat), Int(target), 0, $0, 0, 0, 0) }
  }

  private func owner(_ status: stat, _ name: String, _ folder: Int32) throws(Errno) {
    try system(with: name) {
      clinux_call(
        Int(SYS_fchownat), Int(folder), $0, Int(status.st_uid), Int(status.st_gid), Int(AT_SYMLINK_NOFOLLOW), 0)
    }
  }

  private func times(_ status: stat, _ name: String, _ folder: Int32) {
    withTimes(status) { times in
      _ = name.withCString {
        clinux_call(
          Int(SYS_utimensat), Int(folder), Int(bitPattern: $0), times, Int(AT_SYMLINK_NOFOLLOW), 0, 0)
      }
    }
  }

  private func withTimes(_ status: stat, _ body: (Int) -> Void) {
    var times = (status.st_atim, status.st_mtim)
    withUnsafeMutablePointer(to: &times) { body(Int(bitPattern: $0)) }
  }

  /// Those that the target's file system takes, and that the process may set.
  private func extendedAttributes(of source: Int32, to target: Int32) {
    withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 8) { list in
      let names = Int(bitPattern: list.baseAddress)
      let count = clinux_call(Int(SYS_flistxattr), Int(source), names, 65536, 0, 0, 0)
      if count <= 0 { return }
      withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 8) { value in
        let bytes = Int(bitPattern: value.baseAddress)
        var start = 0
        while start < count, let end = list[start..<count].firstIndex(of: 0) {
          let size = clinux_call(Int(SYS_fgetxattr), Int(source), names + start, bytes, 65536, 0, 0)
          if size >= 0 { _ = clinux_call(Int(SYS_fsetxattr), Int(target), names + start, bytes, size, 0, 0) }
          start = end + 1
        }
      }
    }
  }
}
