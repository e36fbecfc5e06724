import Glibc
import LinuxKernel
import OCISpec
import Runtime

/// How a process that is to make others, and to be in a container's reach, prepares itself.
enum Surroundings {
  /// Before anything else: the binary out of reach, stdio, no core dumps or looks into this process and its children.
  ///
  /// `preserved`: how many descriptors from 3 on are for the program; all other inherited ones are for nobody, and are
  /// the result.
  static func prepare(preserved: Int) throws(Failure) -> [Int32] {
    LinuxKernel.openStdio()
    do { try LinuxKernel.protectExecutable() } catch {
      throw Failure("cannot keep the runtime's binary out of the container's reach: \(error)")
    }
    LinuxKernel.closeDescriptors(from: 3 + preserved, onExecute: true)
    LinuxKernel.settleSignals()
    // Without root, the files of a process that is not dumpable are not its own: it could not be mapped.
    if geteuid() == 0 { LinuxKernel.setDumpable(false) }
    // The folder that is read is among them, and is closed then.
    return LinuxKernel.openDescriptors().filter { $0 >= 3 + preserved && fcntl($0, F_GETFD) >= 0 }
  }

  /// `--preserve-fds` and what systemd's socket activation hands over (sd_listen_fds(3)): how many descriptors from 3
  /// on the program gets, and what its environment says of them.
  static func preserved(_ invocation: Invocation) throws(Failure) -> (count: Int, environment: [String]) {
    var (count, environment) = (0, [String]())
    if let pid = variable("LISTEN_PID"), Int(pid) == Int(getpid()), let text = variable("LISTEN_FDS"),
      let number = Int(text), (1...1024).contains(number)
    {
      count = number
      environment = ["LISTEN_FDS=\(number)", "LISTEN_PID=1"]
    }
    let extra = invocation.arguments.integer("preserve-fds") ?? 0
    guard (0...65_536).contains(extra) else { throw Failure("invalid value for preserve-fds: \(extra)") }
    for index in 0..<extra where fcntl(Int32(3 + count + index), F_GETFD) < 0 {
      throw Failure("unable to stat preserved-fd \(index) (of \(extra)): \(Errno.last)")
    }
    return (count + extra, environment)
  }

  /// The user namespace that this process is in does not allow setgroups(2) (user_namespaces(7)).
  static var deniesSetgroups: Bool {
    Caller.isInUserNamespace && HostFile.text("/proc/self/setgroups")?.hasPrefix("deny") ?? false
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// A process's number in a file, all or nothing.
  static func write(pid: Int, to path: String) throws(Failure) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { path[...$0] } ?? ""
    let name = slash.map { path[path.utf8.index(after: $0)...] } ?? path[...]
    let temporary = "\(folder).\(name)"
    var file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if file < 0, Glibc.errno == EEXIST {
      unlink(temporary)
      file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    }
    guard file >= 0 else { throw Failure("open \(temporary): \(Errno.last)") }
    do throws(Errno) {
      defer { close(file) }
      try HostFile.write(String(pid).utf8, to: file)
      guard rename(temporary, path) == 0 else { throw Errno.last }
    } catch {
      unlink(temporary)
      throw Failure("write \(path): \(error)")
    }
  }
}

extension Invocation {
  /// The record of calls that was asked for.
  func trace(started: UInt64) throws(Failure) -> CallTrace? {
    guard let traceDescriptor else { return nil }
    do { return try CallTrace(traceDescriptor, start: started) } catch {
      throw Failure("trace-fd \(traceDescriptor): \(error)")
    }
  }

  /// A console socket that was asked for: only whoever detaches hands a terminal over.
  func consoleSocket(terminal: Bool, detaches: Bool) throws(Failure) -> HandoverSocket? {
    let path = arguments["console-socket"] ?? ""
    if detaches, terminal, path.isEmpty {
      throw Failure("cannot allocate tty if runc will detach without setting console socket")
    }
    if (!detaches || !terminal), !path.isEmpty {
      throw Failure("cannot use console socket if runc will not detach or allocate tty")
    }
    return try handoverSocket(path)
  }

  /// `--pidfd-socket`.
  func pidfdSocket() throws(Failure) -> HandoverSocket? { try handoverSocket(arguments["pidfd-socket"] ?? "") }

  private func handoverSocket(_ path: String) throws(Failure) -> HandoverSocket? {
    if path.isEmpty { return nil }
    do { return try HandoverSocket(path) } catch { throw Failure("dial unix \(path): connect: \(error)") }
  }

  /// The process is there: its number goes to a file, and a descriptor of it over a socket, as far as that was asked for.
  func announce(_ process: ChildProcess, over socket: HandoverSocket?, name: String) throws(Failure) {
    if let path = arguments["pid-file"], !path.isEmpty { try Surroundings.write(pid: process.pid, to: path) }
    do throws(Errno) { try socket?.send(process.descriptor, name: name) } catch {
      throw Failure("failed to send pidfd on socket: \(error)")
    }
  }
}

extension ProcessIdentity {
  /// The process by a descriptor that cannot come to mean another; nil when it has ended.
  func open() -> ChildProcess? {
    guard pid > 0, let process = try? LinuxKernel.open(pid: pid) else { return nil }
    // The number may have been given away before it was opened, and cannot be afterwards.
    guard isAlive else {
      process.close()
      return nil
    }
    return process
  }
}
