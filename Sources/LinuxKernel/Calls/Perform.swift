import CLinux
import Glibc
import JSONTree
import OCISpec
import Runtime

extension LinuxKernel {
  /// Performs `call` as the calling process. The result is what the system call returns.
  ///
  /// ENOSYS for what makes, ends or awaits processes (`clone`, `exit`, `wait`, `hook`, the FIFO, the terminal, …): whoever
  /// performs a plan does that itself (`Process/`).
  @discardableResult
  public func perform(_ call: KernelCall) throws(Errno) -> Int {
    kept.withLock { if $0.detail != nil { $0.detail = nil } }
    switch call {
    case .clone, .exit, .wait, .hook, .openFIFO, .readFIFO, .awaitFIFO, .writeFIFO, .openTerminal,
      .setControllingTerminal, .setWindowSize, .bindTerminal, .runHelper, .sendSeccompListener, .lookUp, .other:
      throw .ENOSYS
    case .unshare(let kinds): try unshare(kinds)
    case .setns(let kind, let path): try setns(kind, path)
    case .writeFile(let path, let contents): try writeFile(path, contents)
    case .mkdir(let path, let mode): try mkdir(path, mode)
    case .rmdir(let path): try remove(path, folder: true)
    case .unlink(let path): try remove(path, folder: false)
    case .mknod(let path, let kind, let mode, let major, let minor):
      try mknod(path, kind, mode, major: major, minor: minor)
    case .symlink(let target, let path): try symlink(target, path)
    case .chown(let path, let uid, let gid): try chown(path, uid, gid)
    case .chmod(let path, let mode): try chmod(path, mode)
    case .createFile(let path, let mode): try createFile(path, mode)
    case .mount(let source, let target, let type, let flags, let data):
      try mount(source: source, target: target, type: type, flags: flags, data: data)
    case .moveMount(let source, let target, let type, let attributes, let data, let recursive, let idMap):
      try moveMount(
        source: source, target: target, type: type, attributes: attributes, data: data, recursive: recursive,
        idMap: idMap)
    case .mountSetattr(let target, let set, let clear, let recursive):
      try mountSetattr(target, set: set, clear: clear, recursive: recursive)
    case .unmount(let target, let flags): try unmount(target, flags)
    case .copyTree(let source, let target): try copyTree(source, target)
    case .pivotRoot(let new, let old): try pivotRoot(new, old)
    case .chroot(let path): try chroot(path)
    case .chdir(let path): try chdir(path)
    case .sethostname(let name): try setHostName(name, SYS_sethostname)
    case .setdomainname(let name): try setHostName(name, SYS_setdomainname)
    case .setsid: return try system(SYS_setsid)
    case .setrlimit(let name, let soft, let hard): try prlimit(0, name, soft: soft, hard: hard)
    case .prlimit(let pid, let name, let soft, let hard): try prlimit(pid, name, soft: soft, hard: hard)
    case .setgroups(let groups): try setgroups(groups)
    // It would mean: no change.
    case .setresgid(.max), .setresuid(.max): throw .EINVAL
    case .setresgid(let id): try system(SYS_setresgid, Int(id), Int(id), Int(id))
    case .setresuid(let id): try system(SYS_setresuid, Int(id), Int(id), Int(id))
    case .dropBounding(let names): try dropBounding(names)
    case .capset(let sets): try capset(sets)
    case .setAmbient(let names): try setAmbient(names)
    case .prctl(let option, let value): try prctl(option, value)
    case .seccomp(let profile): return try seccomp(profile)
    case .deviceProgram(let cgroup, let rules): try deviceProgram(cgroup, rules)
    case .netlink(let operation, let attributes): try netlink(operation, attributes)
    case .execve(let path, let arguments, let environment): try execute(path, arguments, environment)
    case .kill(let pid, let signal): try system(SYS_kill, pid, signal)
    case .closeRange, .umask, .setProcessName, .joinKeyring, .schedSetattr, .ioprioSet, .schedSetaffinity,
      .personality, .setMempolicy:
      try perform(attribute: call)
    case .moveInterface(let old, let name, let pid): try moveInterface(old, name: name, pid: pid)
    case .joinNamespaces(let pid, let kinds): try joinNamespaces(of: pid, kinds)
    case .enterOldRoot: try enterOldRoot()
    case .attach(let attachment): try attach(attachment)
    case .prepareMount(let number, let attachment): try prepareMount(number, attachment)
    case .mask(let path, let label): try mask(path, label: label)
    case .makeReadOnly(let path): try makeReadOnly(path)
    case .makeFolders(let path, let mode): _ = try makeFolders(path, mode)
    case .checkDevice(let path, let kind, let major, let minor):
      try checkDevice(path, kind, major: major, minor: minor)
    }
    return 0
  }

  /// What the calling process changes about itself.
  private func perform(attribute call: KernelCall) throws(Errno) {
    switch call {
    case .closeRange(let first, let cloexec): LinuxKernel.closeDescriptors(from: first, onExecute: cloexec)
    case .umask(let mask): umask(mask)
    case .setProcessName(let name): try setName(name)
    case .joinKeyring(let name):
      try system(with: name) { clinux_call(Int(SYS_keyctl), 1 /* JOIN_SESSION_KEYRING */, $0, 0, 0, 0, 0) }
    case .schedSetattr(let scheduler): try schedSetattr(scheduler)
    case .ioprioSet(let priority): try ioprioSet(priority)
    case .schedSetaffinity(let cpus): try schedSetaffinity(cpus)
    case .personality(let personality): try self.personality(personality)
    case .setMempolicy(let policy): try setMempolicy(policy)
    default: throw .ENOSYS
    }
  }
}
