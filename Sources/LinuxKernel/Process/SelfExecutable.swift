import CLinux
import Glibc
import Runtime

/// The runtime's own binary, out of a container's reach (CVE-2019-5736): whoever gets hold of `/proc/PID/exe` of a
/// process that is on its way into a container must not be able to write to it.
extension LinuxKernel {
  /// This program's own arguments.
  public static var arguments: [String] {
    guard let values = clinux_arguments() else { return [] }
    var arguments: [String] = []
    for index in 0..<Int(clinux_argument_count()) {
      if let value = values[index] { arguments.append(String(cString: value)) }
    }
    return arguments
  }

  /// Makes sure that `/proc/self/exe` lies on a read-only mount, or is a sealed copy, by executing it once more where
  /// that is not so. To be called before anything else is done; comes back when all is well.
  ///
  /// A read-only clone of the binary's mount (open_tree, mount_setattr), mounted nowhere; without the privilege for
  /// that, a sealed copy in memory. No environment variable or argument decides about it: what the kernel says of the
  /// binary does.
  public static func protectExecutable() throws(Errno) {
    guard let file = open(file: "/proc/self/exe", O_RDONLY | O_CLOEXEC) else { throw Errno(number: errno) }
    defer { _ = Glibc.close(file) }
    if isReadOnly(file) || isSealed(file) { return }
    if let tree = readOnlyClone() {
      _ = executeAgain(tree)
      _ = Glibc.close(tree)
    }
    throw executeAgain(try sealedCopy(of: file))
  }

  /// execveat(2) with this process's own arguments and environment.
  private static func executeAgain(_ file: Int32) -> Errno {
    var empty: CChar = 0
    let result = clinux_call(
      Int(SYS_execveat), Int(file), withUnsafePointer(to: &empty) { Int(bitPattern: $0) },
      Int(bitPattern: clinux_arguments()), Int(bitPattern: clinux_environment()), Linux.atEmptyPath, 0)
    return Errno(number: Int32(truncatingIfNeeded: -result))
  }

  /// fstatvfs(3): ST_RDONLY.
  private static func isReadOnly(_ file: Int32) -> Bool {
    var status = statvfs()
    return fstatvfs(file, &status) == 0 && status.f_flag & 1 != 0
  }

  /// fcntl(2) F_GET_SEALS: nobody can write.
  private static func isSealed(_ file: Int32) -> Bool {
    let seals = fcntl(file, getSeals)
    return seals >= 0 && seals & sealWrite != 0
  }

  private static func readOnlyClone() -> Int32? {
    let tree = "/proc/self/exe".withCString {
      clinux_call(
        Int(SYS_open_tree), Linux.atFDCWD, Int(bitPattern: $0), openTreeClone | Int(O_CLOEXEC), 0, 0, 0)
    }
    if tree < 0 { return nil }
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    var attributes: (UInt64, UInt64, UInt64, UInt64) = (mountReadOnly, 0, 0, 0)
    var empty: CChar = 0
    let result = withUnsafeMutablePointer(to: &attributes) { attributes in
      withUnsafePointer(to: &empty) {
        clinux_call(
          Int(SYS_mount_setattr), tree, Int(bitPattern: $0), Linux.atEmptyPath, Int(bitPattern: attributes), 32, 0)
      }
    }
    guard result == 0, isReadOnly(Int32(tree)) else {
      _ = Glibc.close(Int32(tree))
      return nil
    }
    return Int32(tree)
  }

  private static func sealedCopy(of file: Int32) throws(Errno) -> Int32 {
    let name = "drydock-runc"
    var copy = name.withCString {
      clinux_call(Int(SYS_memfd_create), Int(bitPattern: $0), memfdFlags | memfdExecutable, 0, 0, 0, 0)
    }
    if copy == -Int(EINVAL) {  // MFD_EXEC is of Linux 6.3.
      copy = name.withCString {
        clinux_call(Int(SYS_memfd_create), Int(bitPattern: $0), memfdFlags, 0, 0, 0, 0)
      }
    }
    let memory = Int32(try checked(copy))
    while true {
      let count = try system(SYS_sendfile, Int(memory), Int(file), 0, 1 << 26)
      if count == 0 { break }
    }
    if fcntl(memory, addSeals, allSeals) != 0 { throw Errno(number: errno) }
    return memory
  }

  private static let openTreeClone = 1
  private static let mountReadOnly: UInt64 = 1
  private static let memfdFlags = 3  // MFD_CLOEXEC | MFD_ALLOW_SEALING
  private static let memfdExecutable = 0x10
  private static let getSeals: Int32 = 1034
  private static let addSeals: Int32 = 1033
  private static let sealWrite: Int32 = 8
  private static let allSeals: Int32 = 0xf
}
