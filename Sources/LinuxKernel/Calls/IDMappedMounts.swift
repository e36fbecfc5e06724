import CLinux
import Glibc
import Runtime

/// The user namespace that an idmapped mount takes its mapping from (mount_setattr(2) MOUNT_ATTR_IDMAP).
extension LinuxKernel {
  /// A user namespace with these maps and nobody in it.
  ///
  /// A child is made in it for a moment. It shares the table of descriptors, and opens its own folder of procfs there:
  /// so its maps are reached in whichever PID namespace the caller is.
  func userNamespace(_ map: MountIDMap) throws(Errno) -> Descriptor {
    var ends: (Int32, Int32) = (0, 0)
    _ = try withUnsafeMutablePointer(to: &ends) { (pointer) throws(Errno) in
      try system(SYS_pipe2, Int(bitPattern: pointer), Linux.cloexec)
    }
    let reading = Descriptor(ends.0)
    let writing = Descriptor(ends.1)
    // CLONE_NEWUSER | CLONE_FILES
    let child = try checked(clinux_clone3(0x1000_0000 | 0x400, SIGCHLD, -1, nil))
    if child == 0 { clinux_serve_folder(writing.raw) }
    defer {
      _ = clinux_call(Int(SYS_kill), child, Int(SIGKILL), 0, 0, 0, 0)
      while clinux_call(Int(SYS_wait4), child, 0, 0x4000_0000 /* __WALL */, 0, 0, 0) == -Int(EINTR) {}
    }
    var answer: Int32 = -1
    while true {
      let count = read(reading.raw, &answer, 4)
      if count == 4 { break }
      if count < 0, errno == EINTR { continue }
      throw count < 0 ? Errno(number: errno) : .EIO
    }
    if answer < 0 { throw Errno(number: -answer) }
    let folder = Descriptor(answer)
    guard try LinuxKernel.fileSystemType(folder.raw) == Linux.procSuperMagic else { throw .ENOENT }
    for (name, ranges) in [("uid_map", map.uid), ("gid_map", map.gid)] where !ranges.isEmpty {
      let file = try openBelow(
        folder.raw, name, O_WRONLY, resolve: Linux.resolveBeneath | Linux.resolveNoXdev | Linux.resolveNoMagicLinks)
      try write(ranges.map { $0.description + "\n" }.joined(), to: file)
    }
    // The namespace's own file is a magic link.
    return Descriptor(
      Int32(
        try system(with: "ns/user") {
          clinux_call(Int(SYS_openat), Int(folder.raw), $0, Int(O_RDONLY | O_CLOEXEC), 0, 0, 0)
        }))
  }
}
