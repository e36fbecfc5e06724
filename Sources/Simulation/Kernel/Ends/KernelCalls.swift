import JSONTree
import Runtime
import Seams

/// The runC → kernel seam: one system call after the other.
extension SimKernel: Kernel {
  public func perform(_ call: KernelCall, as pid: Int) throws(Errno) -> Int {
    switch call {
    case .clone(let kinds, _, _), .unshare(let kinds):
      // The network stack makes its part before the kernel's lock is taken.
      guard kinds.contains(.network) else { return try performLocked(call, as: pid, network: nil) }
      let id = network.makeNamespace()
      do throws(Errno) { return try performLocked(call, as: pid, network: id) } catch {
        // A namespace object that came so far removes it itself; the second time does nothing.
        network.removeNamespace(id)
        throw error
      }
    case .moveInterface(let old, let name, _):
      return try perform(.netlink(operation: "RTM_SETLINK", attributes: ["IFLA_IFNAME": old, "name": name]), as: pid)
    case .netlink(let operation, let attributes):
      let id = try locked(as: pid) { kernel, process throws(Errno) -> Int in
        guard let stack = process.namespaces?.network else { throw .ESRCH }
        guard process.credentials.has(.netAdmin, in: stack.owner ?? kernel.initUser) else { throw .EPERM }
        return stack.id
      }
      try network.netlink(operation, attributes, in: id)
      return 0
    default: return try performLocked(call, as: pid, network: nil)
    }
  }

  private func performLocked(_ call: KernelCall, as pid: Int, network: Int?) throws(Errno) -> Int {
    try locked(as: pid) { kernel, process throws(Errno) -> Int in
      switch call {
      case .clone(let kinds, let siblings, let cgroup):
        var group: Cgroup?
        if let cgroup {
          group = try kernel.resolve(cgroup).inode as? Cgroup
          if group == nil { throw .EBADF }
        }
        let child = try kernel.fork(
          process, namespaces: kinds, network: network, siblings: siblings, cgroup: group, driver: .runtime)
        return child.pid
      case .unshare(let kinds): try kernel.makeNamespaces(kinds, for: process, network: network, isClone: false)
      case .setns(let kind, let path): try kernel.setns(kind, path: path)
      case .execve(let path, let arguments, let environment):
        try kernel.execute(path, arguments, environment: environment)
        kernel.deferred.append(.start(pid: pid))
      case .exit(let status): kernel.exit(process, status: status & 0xff)
      case .wait(let child): return try kernel.waitForRuntime(process, child)
      case .hook(_, let path, let arguments, let environment, _):
        return try kernel.startHook(process, path, arguments, environment: environment)
      case .kill(let target, let signal): try kernel.kill(target, Int32(clamping: signal))
      case .openFIFO(let path): try kernel.sleep(process, at: path, reading: false)
      case .awaitFIFO(let path): try kernel.sleep(process, at: path, reading: true)
      case .readFIFO(let path): try kernel.wakeSleeper(at: path, reading: false)
      case .writeFIFO(let path): try kernel.wakeSleeper(at: path, reading: true)
      case .openTerminal(let path):
        let place = try kernel.resolve(path)
        guard place.inode.device == DeviceNumber(major: 5, minor: 2) else { throw .ENXIO }
        guard let devpts = place.inode.fs as? DeviceTerminals else { throw .ENODEV }
        return try kernel.openTerminal(devpts, for: process).number
      case .setControllingTerminal: try kernel.setControllingTerminal(process)
      case .setsid: try kernel.setsid(process)
      case .seccomp(let profile):
        guard
          process.credentials.noNewPrivileges
            || process.credentials.has(.sysAdmin, in: process.credentials.userNamespace)
        else { throw .EACCES }
        process.seccomp = kernel.seccompFilter(profile)
      case .deviceProgram(let path, let rules):
        guard let cgroup = try kernel.resolve(path).inode as? Cgroup else { throw .EBADF }
        guard
          process.credentials.has(.sysAdmin, in: kernel.initUser) || process.credentials.has(.bpf, in: kernel.initUser)
        else { throw .EPERM }
        cgroup.deviceRules = rules
      case .other, .closeRange, .joinKeyring, .schedSetattr, .ioprioSet, .schedSetaffinity, .personality,
        .setMempolicy, .setWindowSize, .lookUp, .sendSeccompListener, .enterOldRoot, .prepareMount:
        break
      case .runHelper(let program, let arguments): try kernel.writeIDMap(program, arguments)
      case .attach, .mask, .makeReadOnly, .bindTerminal, .makeFolders, .checkDevice, .joinNamespaces, .umask,
        .setProcessName:
        try kernel.performComposite(call, process)
      default: try kernel.performOnFiles(call, process)
      }
      return 0
    }
  }
}

extension KernelState {
  /// The calls on files, mounts and credentials.
  fileprivate func performOnFiles(_ call: KernelCall, _ process: LinuxProcess) throws(Errno) {
    switch call {
    case .writeFile(let path, let contents): try writeFile(path, Array(contents.utf8))
    case .mkdir(let path, let mode): try mkdir(path, mode: mode)
    case .rmdir(let path): try unlink(path, folder: true)
    case .unlink(let path): try unlink(path, folder: false)
    case .mknod(let path, let kind, let mode, let major, let minor):
      let inode: InodeKind
      switch kind {
      case "c", "u": inode = .characterDevice
      case "b": inode = .blockDevice
      case "p": inode = .fifo
      default: throw .EINVAL
      }
      try mknod(path, kind: inode, mode: mode, DeviceNumber(major: major, minor: minor))
    case .symlink(let target, let path): try symlink(target, path)
    case .chown(let path, let uid, let gid): try chown(path, uid: uid, gid: gid)
    case .chmod(let path, let mode): try chmod(path, mode: mode)
    case .createFile(let path, let mode): try createFile(path, mode: mode)
    case .copyTree(let source, let target): try copyTree(source, target)
    case .mount(let source, let target, let type, let flags, let data):
      try mount(source: source, target: target, type: type, flags: flags, data: data)
    case .moveMount(let source, let target, let type, let attributes, let data, let recursive, let idMap):
      try moveMount(
        source: source, target: target, type: type, attributes: attributes, data: data, recursive: recursive,
        idMap: idMap)
    case .mountSetattr(let target, let set, let clear, let recursive):
      try setMountAttributes(target, set: set, clear: clear, recursive: recursive)
    case .unmount(let target, let flags): try unmount(target, flags: flags)
    case .pivotRoot(let new, let old): try pivotRoot(new: new, old: old)
    case .chroot(let path): try chroot(path)
    case .chdir(let path): try chdir(path)
    case .sethostname(let name): try setHostname(name)
    case .setdomainname(let name): try setHostname(name, domain: true)
    default: try performOnCredentials(call, process)
    }
  }

  private func performOnCredentials(_ call: KernelCall, _ process: LinuxProcess) throws(Errno) {
    switch call {
    case .setrlimit(let name, let soft, let hard):
      let mayRaise = process.credentials.has(.sysResource, in: initUser)
      try process.limits.set(name, soft: soft, hard: hard, mayRaise: mayRaise)
    case .prlimit(let target, let name, let soft, let hard):
      guard let other = target == 0 ? process : process.pidNamespace.processes[target] else { throw .ESRCH }
      let (a, b) = (process.credentials, other.credentials)
      guard
        other === process || a.has(.sysResource, in: b.userNamespace)
          || (a.ruid == b.ruid && a.ruid == b.euid && a.ruid == b.suid)
      else { throw .EPERM }
      try other.limits.set(name, soft: soft, hard: hard, mayRaise: a.has(.sysResource, in: initUser))
    case .setgroups(let groups): try setGroups(groups, process)
    case .setresgid(let id): try setGroup(id, process)
    case .setresuid(let id): try setUser(id, process)
    case .dropBounding(let names): try process.credentials.dropBounding(names)
    case .capset(let sets): try process.credentials.capset(sets)
    case .setAmbient(let names): try process.credentials.setAmbient(names)
    case .prctl(let option, let value): try prctl(option, value, process)
    default: throw .ENOSYS
    }
  }

  func setGroups(_ groups: [UInt32], _ process: LinuxProcess) throws(Errno) {
    let users = process.credentials.userNamespace
    guard process.credentials.has(.setgid, in: users), users.allowsSetgroups, !users.gidMap.isEmpty else {
      throw .EPERM
    }
    guard groups.count <= 65_536 else { throw .EINVAL }
    var new: [UInt32] = []
    for group in groups {
      guard let id = users.kernelGroup(group) else { throw .EINVAL }
      new.append(id)
    }
    process.credentials.groups = new
  }

  func setGroup(_ id: UInt32, _ process: LinuxProcess) throws(Errno) {
    let users = process.credentials.userNamespace
    guard let id = users.kernelGroup(id) else { throw .EINVAL }
    let c = process.credentials
    guard c.has(.setgid, in: users) || [c.rgid, c.egid, c.sgid].contains(id) else { throw .EPERM }
    process.credentials.setGroup(id)
  }

  func setUser(_ id: UInt32, _ process: LinuxProcess) throws(Errno) {
    let users = process.credentials.userNamespace
    guard let id = users.kernelUser(id) else { throw .EINVAL }
    let c = process.credentials
    guard c.has(.setuid, in: users) || [c.ruid, c.euid, c.suid].contains(id) else { throw .EPERM }
    if id != c.ruid {
      processesOfUser[c.ruid, default: 1] -= 1
      processesOfUser[id, default: 0] += 1
    }
    process.credentials.setUser(id)
  }

  private func prctl(_ option: String, _ value: UInt64, _ process: LinuxProcess) throws(Errno) {
    switch option {
    case "PR_SET_NO_NEW_PRIVS":
      guard value == 1 else { throw .EINVAL }
      process.credentials.noNewPrivileges = true
    case "PR_SET_KEEPCAPS":
      guard value <= 1 else { throw .EINVAL }
      process.credentials.keepsCapabilities = value == 1
    case "PR_SET_DUMPABLE":
      guard value <= 1 else { throw .EINVAL }
      process.isDumpable = value == 1
    case "PR_SET_CHILD_SUBREAPER": process.isSubreaper = value != 0
    case "PR_SET_PDEATHSIG": guard value <= UInt64(Signal.maximum) else { throw .EINVAL }
    default: if !option.hasPrefix("PR_") { throw .EINVAL }
    }
  }

  /// newuidmap(1) and newgidmap(1), of a host whose /etc/subuid allows what is asked for.
  fileprivate func writeIDMap(_ program: String, _ arguments: [String]) throws(Errno) {
    let file = program == "newuidmap" ? "uid_map" : "gid_map"
    guard let pid = arguments.first else { throw .EPERM }
    var lines = ""
    var rest = arguments.dropFirst()
    while rest.count >= 3 {
      lines += rest.prefix(3).joined(separator: " ") + "\n"
      rest = rest.dropFirst(3)
    }
    let before = current
    current = initProcess
    defer { current = before }
    try writeFile(KernelPath("/proc/\(pid)/\(file)"), Array(lines.utf8))
  }

  // MARK: Waiting and starting

  /// wait4(2) of a runtime. What nobody else drives has nothing left to do: it ends now.
  fileprivate func waitForRuntime(_ process: LinuxProcess, _ number: Int) throws(Errno) -> Int {
    guard let child = process.children.first(where: { $0.number(in: process.pidNamespace) == number }) else {
      throw .ECHILD
    }
    if child.isAlive {
      guard case .runtime = child.driver else { throw .EAGAIN }
      exit(child, status: 0)
    }
    reap(child)
    return number
  }

  /// A hook: a child of the runtime, in its namespaces, with nothing to read and nowhere to write.
  fileprivate func startHook(
    _ process: LinuxProcess, _ path: String, _ arguments: [String], environment: [String]
  ) throws(Errno) -> Int {
    let executable = try findExecutable(path, arguments, environment: environment)
    let child = try fork(process, descriptors: [], driver: .runtime)
    for fd in 0...2 { install(OpenFile(.null, .write), at: fd, in: child) }
    become(executable, environment: environment, child)
    deferred.append(.start(pid: child.pid))
    return child.pid
  }

  /// Opens the exec FIFO and sleeps there.
  fileprivate func sleep(_ process: LinuxProcess, at path: String, reading: Bool) throws(Errno) {
    // The path is the host's, whatever the process's root is by now: it has inherited a descriptor.
    current = initProcess
    defer { current = process }
    let place = try resolve(path)
    guard let fifo = place.inode.fifo else { throw .EINVAL }
    current = process
    // An O_PATH descriptor is opened again (runc); crun's has been open for reading since the runtime made it.
    if !reading { try mayRead(place.inode, .write) }
    process.sleepsAt = (fifo, reading)
    fifo.sleepers.append(process.pid)
  }

  fileprivate func wakeSleeper(at path: String, reading: Bool) throws(Errno) {
    let place = try resolve(path)
    guard let fifo = place.inode.fifo else { throw .EINVAL }
    try mayRead(place.inode, reading ? .write : .read)
    guard let pid = fifo.sleepers.first(where: { initPID.processes[$0]?.sleepsAt?.reading == reading }) else {
      throw .EAGAIN
    }
    fifo.sleepers.removeAll { $0 == pid }
    initPID.processes[pid]?.sleepsAt = nil
  }

  /// What is below one folder, into another: owners, modes, times and links as they are.
  func copyTree(_ source: KernelPath, _ target: KernelPath) throws(Errno) {
    let from = try resolve(source)
    let to = try resolve(target)
    guard from.inode.isDirectory, to.inode.isDirectory else { throw .ENOTDIR }
    if to.mount.isReadOnly { throw .EROFS }
    try copyChildren(from.inode, to.inode, depth: 0)
  }

  func copyChildren(_ from: Inode, _ to: Inode, depth: Int) throws(Errno) {
    guard depth < 256 else { throw .ELOOP }
    for name in try from.names() {
      guard let child = try from.lookup(name) else { continue }
      var new = NewInode(
        kind: child.kind, mode: child.mode, uid: child.uid, gid: child.gid, modified: child.modified,
        device: child.device)
      new.xattrs = child.xattrs
      if child.kind == .symlink, case .path(let text) = try child.linkTarget() { new.target = text }
      if child.kind == .file {
        if case .bytes(let bytes) = try child.read() { new.content = bytes }
        if child.size != Int64(new.content.count) { new.declaredSize = child.size }
      }
      if let existing = try to.lookup(name) {
        if child.isDirectory, existing.isDirectory { try copyChildren(child, existing, depth: depth + 1) }
        continue
      }
      let made = try to.create(name, new)
      if child.isDirectory { try copyChildren(child, made, depth: depth + 1) }
    }
  }
}
