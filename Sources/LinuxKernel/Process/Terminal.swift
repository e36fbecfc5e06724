import CLinux
import Glibc
import OCISpec
import Runtime

/// A pseudo-terminal: both ends, close-on-exec.
public struct Terminal: Sendable, Hashable {
  /// The end at which somebody types and reads.
  public var near: Int32
  /// The end that programs have as stdin, stdout and stderr.
  public var far: Int32
  /// `/dev/pts/{number}` in the container.
  public var number: Int

  public init(near: Int32, far: Int32, number: Int) { (self.near, self.far, self.number) = (near, far, number) }

  /// A new terminal of the devpts at `ptmx`. The far end is opened through the near one (TIOCGPTPEER): no path, which
  /// somebody could have exchanged, is opened for it.
  ///
  /// ENODEV when what is at `ptmx` is not the ptmx device of a devpts.
  public static func open(ptmx: String) throws(Errno) -> Terminal {
    guard let near = LinuxKernel.open(file: ptmx, O_RDWR | O_NOCTTY | O_CLOEXEC) else { throw Errno(number: errno) }
    do throws(Errno) {
      var status = stat()
      if fstat(near, &status) != 0 { throw Errno(number: errno) }
      guard status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == LinuxKernel.ptmxDevice,
        try LinuxKernel.fileSystemType(near) == devptsMagic
      else { throw .ENODEV }
      var (lock, number): (Int32, UInt32) = (0, 0)
      try control(near, setLock, &lock)
      try control(near, getNumber, &number)
      let far = try system(SYS_ioctl, Int(near), getPeer, Int(O_RDWR | O_NOCTTY | O_CLOEXEC))
      return Terminal(near: near, far: Int32(far), number: Int(number))
    } catch {
      _ = close(near)
      throw error
    }
  }

  /// The far end becomes stdin, stdout and stderr of this process.
  public func becomeStdio() throws(Errno) {
    for descriptor: Int32 in 0...2 where dup2(far, descriptor) < 0 { throw Errno(number: errno) }
  }

  /// TIOCSWINSZ.
  public static func resize(_ terminal: Int32, rows: UInt16, columns: UInt16) throws(Errno) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try control(terminal, setSize, &size)
  }

  /// The size of one terminal becomes that of another.
  public static func copySize(from: Int32, to: Int32) {
    var size = winsize()
    do throws(Errno) {
      try control(from, getSize, &size)
      try control(to, setSize, &size)
    } catch { /* One of them is no terminal: there is no size to copy. */  }
  }

  /// Newlines are not turned into two characters: the terminal at which the user sits does that already.
  public static func keepNewlines(_ terminal: Int32) {
    var attributes = termios()
    guard tcgetattr(terminal, &attributes) == 0 else { return }
    attributes.c_oflag &= ~tcflag_t(ONLCR)
    tcsetattr(terminal, TCSANOW, &attributes)
  }

  private static func control<T>(_ terminal: Int32, _ request: Int, _ value: inout T) throws(Errno) {
    let result = withUnsafeMutablePointer(to: &value) {
      clinux_call(Int(SYS_ioctl), Int(terminal), request, Int(bitPattern: $0), 0, 0, 0)
    }
    try checked(result)
  }

  private static let devptsMagic = 0x1cd1
  private static let getPeer = 0x5441
  private static let setLock = 0x4004_5431
  private static let getNumber = 0x8004_5430
  private static let getSize = 0x5413
  private static let setSize = 0x5414
}

extension LinuxKernel {
  fileprivate static let ptmxDevice = dev_t(5 << 8 | 2)
}

/// The user's own terminal while it passes every key on.
public final class RawTerminal {
  public let descriptor: Int32
  private var before = termios()

  /// Nil when `descriptor` is no terminal.
  public init?(_ descriptor: Int32) {
    self.descriptor = descriptor
    guard tcgetattr(descriptor, &before) == 0 else { return nil }
    var raw = before
    cfmakeraw(&raw)
    raw.c_oflag |= tcflag_t(OPOST)
    tcsetattr(descriptor, TCSANOW, &raw)
  }

  public func restore() { tcsetattr(descriptor, TCSANOW, &before) }
}

/// A socket over which a descriptor goes to who asked for the container: a terminal's near end (`--console-socket`), or a
/// pidfd of the process (`--pidfd-socket`).
public struct HandoverSocket: Sendable {
  let descriptor: Int32

  /// connect(2) to a unix socket.
  public init(_ path: String) throws(Errno) { descriptor = try LinuxKernel.connect(unix: path) }

  /// A descriptor, and beside it the name that runc sends.
  public func send(_ passed: Int32, name: String) throws(Errno) {
    try LinuxKernel.send(Array(name.utf8), descriptor: passed, over: descriptor)
  }

  public func close() { _ = Glibc.close(descriptor) }
}

extension LinuxKernel {
  /// A stream socket connected to a unix socket's path, close-on-exec. A path that is too long for an address is
  /// reached through its folder's descriptor.
  public static func connect(unix path: String) throws(Errno) -> Int32 {
    let longest = 107
    var name = path
    var folder: Int32 = -1
    defer { if folder >= 0 { _ = Glibc.close(folder) } }
    if name.utf8.count > longest {
      guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")),
        let opened = open(file: String(name[..<slash]), Linux.oPath | O_DIRECTORY | O_CLOEXEC)
      else { throw .ENAMETOOLONG }
      folder = opened
      name = "/proc/self/fd/\(folder)/" + name[name.utf8.index(after: slash)...]
    }
    guard name.utf8.count <= longest, !name.utf8.contains(0) else { throw .ENAMETOOLONG }
    let socket = Int32(
      try system(SYS_socket, Int(AF_UNIX), Int(SOCK_STREAM.rawValue) | Int(O_CLOEXEC), 0))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
    let result = withUnsafePointer(to: &address) {
      clinux_call(
        Int(SYS_connect), Int(socket), Int(bitPattern: $0), MemoryLayout<sockaddr_un>.size, 0, 0, 0)
    }
    if result < 0 {
      _ = Glibc.close(socket)
      throw Errno(number: Int32(truncatingIfNeeded: -result))
    }
    return socket
  }

  /// One message with a descriptor over a socket that is connected.
  public static func send(_ bytes: [UInt8], descriptor: Int32, over socket: Int32) throws(Errno) {
    try checked(bytes.withUnsafeBytes { clinux_send(socket, $0.baseAddress, $0.count, descriptor) })
  }

  /// Whoever is called without stdin, stdout or stderr gets /dev/null there, so that nothing else lands on 0, 1 or 2.
  public static func openStdio() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
      let null = Glibc.open("/dev/null", O_RDWR)
      if null >= 0, null != descriptor {
        _ = dup2(null, descriptor)
        _ = Glibc.close(null)
      }
    }
  }
}

extension LinuxKernel {
  /// The terminal is bound to `path` by its descriptor (CVE-2025-52565): what is mounted is what was opened, and what it
  /// is mounted on is a file (made when missing), never what a link leads to (ELOOP).
  public func bindTerminal(_ terminal: Terminal, to path: KernelPath) throws(Errno) {
    do throws(Errno) { try createFile(path, 0o600) } catch { if error != .EEXIST { throw error } }
    let target = try open(path, Linux.oPath | O_NOFOLLOW)
    let kind = FileKind(mode: try status(of: target.raw).st_mode)
    if kind == .link { throw .ELOOP }
    if kind == .directory { throw .EISDIR }
    let tree = Descriptor(
      Int32(
        try withEmptyPath { (empty) throws(Errno) in
          try system(SYS_open_tree, Int(terminal.far), empty, Linux.atEmptyPath | 1 | Int(O_CLOEXEC))
        }))
    try withEmptyPath { (empty) throws(Errno) in
      // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
      try system(SYS_move_mount, Int(tree.raw), empty, Int(target.raw), empty, 0x4 | 0x40)
    }
  }
}
