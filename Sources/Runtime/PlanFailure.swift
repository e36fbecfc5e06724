import JSONTree
import OCISpec

/// What a refusal means: the runtime's own words, made only when something was refused.
extension Plan {
  /// The message with which the runtime ends when step `index` is refused with `errno`, without the prefix of its verb.
  public func message(_ index: Int, _ errno: Errno) -> String {
    let step = steps[index]
    if case .message(let text) = step.failure { return text }
    switch flavour {
    case .runc, .drydock: return runcMessage(step, errno)
    case .crun: return crunMessage(step, errno)
    case .railcar:
      if case .context(let context) = step.failure { return "\(context): \(errno)" }
      return Plan.error(step.call, errno)
    }
  }

  /// The message when hook `index` was executed and ended as `reason` says.
  public func message(_ index: Int, hook reason: String) -> String {
    guard case .context(let context) = steps[index].failure else { return reason }
    return flavour == .runc || flavour == .drydock
      ? framed(steps[index], "\(context): \(reason)") : "\(context): \(reason)"
  }

  private func runcMessage(_ step: Step, _ errno: Errno) -> String {
    var text = Plan.error(step.call, errno)
    switch step.failure {
    case .plain, .message: break
    case .context(let context):
      text =
        flavour == .runc && Plan.isNsexec(step)
        ? context + ": \(errno)" : "\(context): \(Plan.contextual(step, errno) ?? text)"
    case .mounting(let source, let destination):
      text = "error mounting \"\(source)\" to rootfs at \"\(destination)\": \(text)"
    }
    return framed(step, text)
  }

  /// What runc puts around an error, by the process that met it.
  private func framed(_ step: Step, _ error: String) -> String {
    var text = error
    guard operation == .create || operation == .exec else { return text }
    switch step.role {
    case .runtime where step.phase == .limits || step.phase == .hooks:
      if operation == .create { text = "error during container init: \(text)" }
    case .runtime where step.phase == .state:
      return step.failure == .plain ? text : "unable to start container process: \(text)"
    case .runtime: break
    case .parent where flavour == .runc, .child where flavour == .runc:
      let stage = step.role == .parent ? 0 : 1
      text = "can't get final child's PID from pipe: EOF; runc init error(s): nsexec-\(stage): \(text)"
    case .container, .parent, .child: text = "error during container init: \(text)"
    case .exec: break
    }
    return "unable to start container process: \(text)"
  }

  private func crunMessage(_ step: Step, _ errno: Errno) -> String {
    // crun's errors end in strerror's words, which begin with a capital.
    let reason = errno.message.prefix(1).uppercased() + errno.message.dropFirst()
    switch step.failure {
    case .context(let context): return "\(context): \(reason)"
    case .mounting(let source, let destination): return "mount `\(source)` to `\(destination.dropFirst())`: \(reason)"
    default: return "\(step.call.name): \(reason)"
    }
  }

  /// nsexec's messages come from C, and say only what it tried.
  private static func isNsexec(_ step: Step) -> Bool { step.role == .parent || step.role == .child }

  /// Where the context already names the call, only the errno follows.
  private static func contextual(_ step: Step, _ errno: Errno) -> String? {
    switch step.call {
    case .chdir, .setgroups, .capset, .prctl, .dropBounding, .setresuid, .setresgid, .prlimit, .setrlimit, .seccomp,
      .setControllingTerminal, .other, .closeRange, .umask, .setProcessName, .joinKeyring, .schedSetattr, .ioprioSet,
      .schedSetaffinity, .personality, .setMempolicy, .setWindowSize, .lookUp, .sendSeccompListener, .enterOldRoot:
      errno.message
    case .writeFile(let path, let contents) where step.phase == .cgroup || step.phase == .limits:
      path.path.hasSuffix("/cgroup.procs")
        ? "failed to write \(contents): write \(path): \(errno)"
        : "failed to write \"\(contents)\": write \(path): \(errno)"
    default: nil
    }
  }

  /// A call's error as Go's standard library and runc write it.
  static func error(_ call: KernelCall, _ errno: Errno) -> String {
    switch call {
    case .writeFile(let path, let contents):
      let verb = errno == .ENOENT || errno == .EACCES ? "open" : "write"
      return path.path.hasPrefix("/sys/fs/cgroup/")
        ? "failed to write \"\(contents)\": \(verb) \(path): \(errno)" : "\(verb) \(path): \(errno)"
    case .mkdir(let path, _): return "mkdir \(path): \(errno)"
    case .rmdir(let path): return "rmdir \(path): \(errno)"
    case .unlink(let path): return "unlink \(path): \(errno)"
    case .mknod(let path, let kind, _, _, _): return "\(kind == "p" ? "mkfifo" : "mknodat") \(path): \(errno)"
    case .symlink(let target, let path): return "symlink \(target) \(path): \(errno)"
    case .chown(let path, _, _): return "chown \(path): \(errno)"
    case .chmod(let path, _): return "chmod \(path): \(errno)"
    case .createFile(let path, _): return "open \(path): \(errno)"
    case .mount(let source, let target, _, let flags, let data):
      var text = "mount "
      if !source.isEmpty { text += "src=\(source), " }
      text += "dst=\(target.path)"
      if !flags.isEmpty { text += ", flags=" + flags.joined(separator: "|") }
      if !data.isEmpty { text += ", data=" + data }
      return "\(text): \(errno)"
    case .attach(let attachment): return Plan.error(attachment, errno)
    case .prepareMount(_, let attachment): return "open_tree \(attachment.source): \(errno)"
    case .mask(let path, _), .makeReadOnly(let path), .bindTerminal(let path): return "mount dst=\(path.path): \(errno)"
    case .makeFolders(let path, _): return "mkdir \(path): \(errno)"
    case .checkDevice(let path, let kind, let major, let minor):
      return "\(path) is there and is not the device \(kind) \(major):\(minor): \(errno)"
    case .runHelper(let program, let arguments):
      return "\(program) \(arguments.joined(separator: " ")): \(errno)"
    case .moveMount(_, let target, _, _, _, _, _): return "move_mount \(target): \(errno)"
    case .unmount(let target, let flags):
      return "unmount dst=\(target.path), flags=\(flags.joined(separator: "|")): \(errno)"
    case .chdir(let path): return "chdir \(path): \(errno)"
    case .chroot(let path): return "chroot \(path): \(errno)"
    case .pivotRoot(let new, _): return "pivot_root \(new): \(errno)"
    case .openFIFO(let path), .readFIFO(let path), .awaitFIFO(let path), .writeFIFO(let path):
      return "open \(path): \(errno)"
    case .openTerminal(let path): return "open \(path): \(errno)"
    case .execve(let path, _, _): return "exec \(path): \(errno)"
    case .hook(_, let path, _, _, _): return "fork/exec \(path): \(errno)"
    default: return "\(call.name): \(errno)"
    }
  }

  private static func error(_ attachment: Attachment, _ errno: Errno) -> String {
    let (path, type) = (attachment.target.path, attachment.type)
    if errno == .EXDEV, !attachment.mayCoverProc {
      return "check proc-safety of \(path) mount: \"\(path)\" cannot be mounted because it is inside /proc"
    }
    if attachment.ordinary, errno == .ELOOP || errno == .ENOTDIR {
      return "filesystem \"\(type)\" must be mounted on ordinary directory"
    }
    var text = "mount src=\(attachment.source), dst=\(path)"
    if !type.isEmpty { text += ", type=\(type)" }
    let attributes = attachment.attributes + attachment.recursiveSet
    if !attributes.isEmpty { text += ", flags=" + attributes.joined(separator: "|") }
    if !attachment.data.isEmpty { text += ", data=" + attachment.data }
    return "\(text): \(errno)"
  }

  /// What the container's process says on its own stderr when its program cannot be executed after all: by then the
  /// runtime has gone.
  public func cannotExecute(_ path: String, _ errno: Errno) -> String {
    guard flavour == .crun else { return "exec \(path): \(errno)" }
    let hint = errno == .ENOENT ? " (missing dynamic library?)" : ""
    return
      "exec container process\(hint) `\(path)`: \(errno.message.prefix(1).uppercased() + errno.message.dropFirst())"
  }

  /// Why a program was not found, in the runtime's words.
  public func notFound(_ file: String, _ errno: Errno, inPath: Bool) -> String {
    switch flavour {
    case .runc, .railcar, .drydock:
      let reason =
        inPath
        ? "executable file not found in $PATH"
        : errno == .EACCES || errno == .EISDIR ? errno.message : "stat \(file): \(errno)"
      let text = "exec: \"\(file)\": \(reason)"
      if operation == .create { return "unable to start container process: error during container init: \(text)" }
      return "unable to start container process: \(text)"
    case .crun:
      switch errno {
      case .ENOENT:
        return "executable file `\(file)` not found\(inPath ? " in $PATH" : ""): No such file or directory"
      case .EACCES: return "the path `\(file)` exists but it is not executable: Operation not permitted"
      case .EISDIR: return "the path `\(file)` is not a regular file: Operation not permitted"
      default: return "open `\(file)`: \(errno.message.prefix(1).uppercased() + errno.message.dropFirst())"
      }
    }
  }
}
