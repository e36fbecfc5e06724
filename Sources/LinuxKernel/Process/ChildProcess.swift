import CLinux
import Glibc
import Runtime

/// A process that this one has made, held by a pidfd: its number may be reused, the descriptor means it alone.
public struct ChildProcess: Sendable, Hashable {
  /// As the maker's PID namespace numbers it.
  public var pid: Int
  /// Close-on-exec; -1 when there is none.
  public var descriptor: Int32

  public init(pid: Int, descriptor: Int32) { (self.pid, self.descriptor) = (pid, descriptor) }

  /// How a process ended.
  public enum End: Sendable, Hashable {
    case exited(Int32)
    case killed(signal: Int32)

    /// As a shell counts it: the exit status, or 128 and the signal.
    public var status: Int32 {
      switch self {
      case .exited(let status): status
      case .killed(let signal): 128 &+ signal
      }
    }

    init?(code: Int32, status: Int32) {
      switch code {
      case Int32(CLD_EXITED): self = .exited(status)
      case Int32(CLD_KILLED), Int32(CLD_DUMPED): self = .killed(signal: status)
      default: return nil
      }
    }
  }

  /// waitid(2) P_PIDFD: buries it. Nil when `blocks` is false and it lives.
  public func wait(blocks: Bool = true) throws(Errno) -> End? {
    let (type, id) = descriptor >= 0 ? (ChildProcess.byDescriptor, descriptor) : (Int32(P_PID.rawValue), Int32(pid))
    while true {
      var (code, status): (Int32, Int32) = (0, 0)
      let result = clinux_waitid(type, id, WEXITED | (blocks ? 0 : WNOHANG), &code, &status)
      if result == -Int(EINTR) { continue }
      if try checked(result) == 0 { return nil }
      if let end = End(code: code, status: status) { return end }
    }
  }

  /// pidfd_send_signal(2).
  public func send(signal: Int32) throws(Errno) {
    if descriptor >= 0 {
      try system(SYS_pidfd_send_signal, Int(descriptor), Int(signal))
    } else if Glibc.kill(pid_t(truncatingIfNeeded: pid), signal) != 0 {
      throw Errno(number: errno)
    }
  }

  /// Kills it, if it still lives, and buries it.
  public func destroy() {
    try? send(signal: SIGKILL)
    _ = try? wait()
    close()
  }

  public func close() { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

  /// The number of any child that has ended and is not buried (waitid(2) WNOWAIT); nil when there is none.
  public static func nextEnded() -> Int? {
    var (code, status): (Int32, Int32) = (0, 0)
    let pid = clinux_waitid(Int32(P_ALL.rawValue), 0, WEXITED | WNOHANG | 0x0100_0000, &code, &status)
    return pid > 0 ? pid : nil
  }

  private static let byDescriptor: Int32 = 3
}

extension LinuxKernel {
  /// Who goes on after a fork.
  public enum Fork: Sendable {
    case parent(ChildProcess)
    case child
  }

  /// clone3(2) as fork, with a pidfd. Signals are blocked meanwhile; in the child every signal has its default action
  /// and none is blocked.
  ///
  /// `siblings`: CLONE_PARENT, the child is one of the caller's parent, who can wait for it. `cgroup`: a descriptor of
  /// the cgroup (v2) that it begins in.
  ///
  /// A kernel, or a seccomp filter that somebody has put around this process, may not know clone3(2) or its cgroup: then
  /// it is clone(2), and the child does not begin before it has been moved to its cgroup.
  public static func fork(
    namespaces: [NamespaceKind] = [], siblings: Bool = false, cgroup: Int32 = -1
  ) throws(Errno) -> Fork {
    var flags: UInt64 = clonePIDFD
    for kind in namespaces { flags |= UInt64(kind.bit) }
    if siblings { flags |= cloneParent }
    var before: UInt64 = 0
    _ = clinux_signal_mask(SIG_BLOCK, .max, &before)
    var descriptor: Int32 = -1
    var result = clinux_clone3(
      cgroup >= 0 ? flags | cloneIntoCgroup : flags, siblings ? 0 : SIGCHLD, cgroup, &descriptor)
    // E2BIG: a kernel that knows clone3, and no cgroup in it. The lowest bits are the signal in clone(2), and
    // CLONE_NEWTIME is among them.
    let isUnknown = result == -Int(ENOSYS) || result == -Int(EPERM) || result == -Int(E2BIG)
    var gate: (Int32, Int32) = (-1, -1)
    if isUnknown, flags & 0xff == 0 {
      if cgroup >= 0 {
        let made = withUnsafeMutablePointer(to: &gate) {
          clinux_call(Int(SYS_pipe2), Int(bitPattern: $0), Int(O_CLOEXEC), 0, 0, 0, 0)
        }
        if made < 0 { result = made }
      }
      if cgroup < 0 || gate.0 >= 0 {
        result = withUnsafeMutablePointer(to: &descriptor) {
          clinux_call(Int(SYS_clone), Int(flags) | Int(SIGCHLD), 0, Int(bitPattern: $0), 0, 0, 0)
        }
      }
    }
    if result == 0 {
      clinux_reset_signals()
      if gate.0 >= 0 { passGate(gate) }
      _ = clinux_signal_mask(SIG_SETMASK, 0, nil)
      return .child
    }
    _ = clinux_signal_mask(SIG_SETMASK, before, nil)
    guard gate.0 >= 0 else { return .parent(ChildProcess(pid: try checked(result), descriptor: descriptor)) }
    defer {
      _ = Glibc.close(gate.0)
      _ = Glibc.close(gate.1)
    }
    let child = ChildProcess(pid: try checked(result), descriptor: descriptor)
    do throws(Errno) {
      let members = Descriptor(
        Int32(try checked(clinux_openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0))))
      let text = String(child.pid)
      try checked(text.withCString { Glibc.write(members.raw, $0, text.utf8.count) < 0 ? -Int(errno) : 0 })
      var open: UInt8 = 1
      _ = Glibc.write(gate.1, &open, 1)
    } catch {
      child.destroy()
      throw error
    }
    return .parent(child)
  }

  /// In the child: waits until its parent has moved it. Without a parent it ends.
  private static func passGate(_ gate: (Int32, Int32)) {
    _ = Glibc.close(gate.1)
    var open: UInt8 = 0
    var count = 0
    repeat { count = Glibc.read(gate.0, &open, 1) } while count < 0 && errno == EINTR
    if count != 1 { _exit(1) }
    _ = Glibc.close(gate.0)
  }

  private static let clonePIDFD: UInt64 = 0x1000
  private static let cloneParent: UInt64 = 0x8000
  private static let cloneIntoCgroup: UInt64 = 0x2_0000_0000

  /// pidfd_open(2).
  public static func open(pid: Int) throws(Errno) -> ChildProcess {
    ChildProcess(pid: pid, descriptor: Int32(try system(SYS_pidfd_open, pid, 0)))
  }

  /// setns(2) with a pidfd: all of these namespaces of a process at once, or none.
  public func join(_ process: ChildProcess, _ kinds: [NamespaceKind]) throws(Errno) {
    try system(SYS_setns, Int(process.descriptor), kinds.reduce(0) { $0 | $1.bit })
    forget()
  }

  /// pidfd_getfd(2): a descriptor of another process becomes one of this.
  public static func descriptor(_ number: Int32, of process: ChildProcess) throws(Errno) -> Int32 {
    Int32(try system(SYS_pidfd_getfd, Int(process.descriptor), Int(number), 0))
  }
}
