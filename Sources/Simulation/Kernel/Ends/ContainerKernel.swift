import JSONTree
import Runtime
import Seams

/// The kernel as runtimes and shims meet it.
extension SimKernel: ContainerKernel {
  public func attach(_ stdio: ProcessStdio, to pid: Int) {
    look { kernel in
      guard let process = kernel.initPID.processes[pid], process.isAlive else { return }
      if stdio.terminal {
        if let terminal = process.files[0]?.terminal {
          kernel.connect(terminal, to: stdio)
        } else {
          process.consoleStreams = stdio
        }
        return
      }
      kernel.install(stdio, in: process)
    }
  }

  public func resizeTerminal(of pid: Int, rows: Int, columns: Int) {
    look { kernel in
      guard let process = kernel.initPID.processes[pid] else { return }
      guard let terminal = process.files[0]?.terminal ?? process.terminal else { return }
      kernel.resize(terminal, rows: max(0, min(rows, 65_535)), columns: max(0, min(columns, 65_535)))
    }
  }

  public func status(of pid: Int) -> KernelProcessStatus? {
    look { kernel in
      guard let process = kernel.initPID.processes[pid] else { return nil }
      if !process.isAlive { return .zombie }
      return process.isHeld ? .stopped : .running
    }
  }

  public func stat(_ path: String, as pid: Int) -> HostFileInfo? {
    try? locked(as: pid) { kernel, _ throws(Errno) in kernel.info(try kernel.resolve(path).inode) }
  }

  public func stat(_ path: KernelPath, as pid: Int) -> HostFileInfo? {
    try? locked(as: pid) { kernel, _ throws(Errno) in kernel.info(try kernel.resolve(path, jumping: true).inode) }
  }

  public func resolve(_ path: String, inRoot root: String, as pid: Int) throws(Errno) -> String {
    try locked(as: pid) { kernel, _ throws(Errno) in try kernel.resolveText(path, inRoot: root) }
  }

  public func checkExecutable(_ path: String, as pid: Int) throws(Errno) {
    try locked(as: pid) { kernel, _ throws(Errno) in
      let place = try kernel.resolve(path)
      if place.inode.isDirectory { throw .EISDIR }
      try kernel.checkExecutable(path)
    }
  }

  public func readFile(_ path: String, as pid: Int) throws(Errno) -> String {
    let data = try locked(as: pid) { kernel, _ throws(Errno) in try kernel.readFile(path) }
    return String(decoding: try bytes(of: data), as: UTF8.self)
  }

  public func statistics(cgroup path: String) -> JSON? { look { $0.statistics(of: path) } }

  // MARK: Processes

  public func wait(_ pid: Int) async -> Int {
    while true {
      let known = look { kernel -> Int? in
        if let process = kernel.initPID.processes[pid] {
          if process.isAlive { return nil }
          let status = Int(process.exitStatus)
          kernel.reap(process)
          return status
        }
        return kernel.endings[pid]?.status ?? 255
      }
      if let known { return known }
      await withCheckedContinuation { continuation in
        let isOver = look { kernel -> Bool in
          guard let process = kernel.initPID.processes[pid], process.isAlive else { return true }
          process.exitWaiters.append(continuation)
          return false
        }
        if isOver { continuation.resume() }
      }
    }
  }

  public func wasOOMKilled(_ pid: Int) -> Bool {
    look { kernel in
      if let process = kernel.initPID.processes[pid], process.isAlive { return process.sawOOMKill }
      return kernel.endings[pid]?.wasOOMKilled ?? false
    }
  }

  public func members(cgroup path: String) -> [Int] {
    look { kernel in kernel.cgroup(at: path)?.allMembers.map(\.pid) ?? [] }
  }

  public func info(_ pid: Int) -> HostProcessInfo? {
    look { kernel in
      guard let process = kernel.initPID.processes[pid] else { return nil }
      let command = process.arguments.joined(separator: " ")
      return HostProcessInfo(
        pid: pid, ppid: process.parent?.pid ?? 0, uid: process.credentials.ruid,
        started: (world.started + process.startedAt) / Duration64.second, cpu: process.cpuTime,
        tty: process.terminal.map { "pts/\($0.number)" } ?? "?",
        command: process.isAlive ? command : "[\(process.comm)] <defunct>")
    }
  }

  public func spawnPart(_ name: String, arguments: [String]) -> Int { spawnPart(name, arguments: arguments, parent: 1) }

  public func spawnPart(_ name: String, arguments: [String], parent: Int) -> Int {
    look { kernel in
      let above = kernel.initPID.processes[parent].flatMap { $0.isAlive ? $0 : nil } ?? kernel.initProcess!
      let part = kernel.makePart(name, arguments: arguments, parent: above, driver: .part)
      // Shims take over what their runtimes leave behind; the docker daemon of before 1.11 has its containers itself.
      part.isSubreaper = name.mentions("shim") || name.mentions("conmon") || name == "docker"
      return part.pid
    }
  }

  public func endPart(_ pid: Int) {
    look { kernel in
      guard let process = kernel.initPID.processes[pid], process !== kernel.initProcess else { return }
      kernel.exit(process, status: 0)
      kernel.reap(process)
    }
  }

  /// The number in `SimNetwork` of the network namespace that a process is in; nil when there is no such process.
  public func networkNamespace(of pid: Int) -> Int? {
    look { kernel in kernel.initPID.processes[pid]?.namespaces?.network.id }
  }

  /// Switches the machine off: every process is killed, pid 1 last. Who drops a kernel calls this first and lets the
  /// world settle, since waiting programs hold it.
  public func powerOff() {
    look { kernel in
      for process in kernel.initPID.sorted.reversed() where process.isAlive && process !== kernel.initProcess {
        kernel.terminate(process, Signal.kill)
      }
    }
  }

  // MARK: The host's own programs

  /// Runs a program of the host as root would in a login shell, with the PATH of one, until it ends.
  ///
  /// - Returns: its status; 127 when there is no such program, 126 when it cannot be executed.
  public func runOnHost(arguments: [String], stdio: ProcessStdio = ProcessStdio()) async -> Int {
    let environment = [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LOGNAME=root",
      "TERM=xterm", "PWD=/root",
    ]
    let started = look { kernel -> (pid: Int?, status: Int) in
      kernel.current = kernel.initProcess
      do throws(Errno) {
        let child = try kernel.fork(kernel.initProcess, descriptors: [], driver: .runtime)
        kernel.current = child
        do throws(Errno) {
          try kernel.chdir("/root")
          try kernel.setsid(child)
          if stdio.terminal {
            child.consoleStreams = stdio
            try kernel.openTerminal(nil, for: child)
            try kernel.setControllingTerminal(child)
          } else {
            kernel.install(stdio, in: child)
          }
          let path = try kernel.search(arguments.first ?? "", environment)
          let executable = try kernel.findExecutable(path, arguments, environment: environment)
          kernel.become(executable, environment: environment, child)
          kernel.deferred.append(.start(pid: child.pid))
          return (child.pid, 0)
        } catch {
          let status = error == .ENOENT ? 127 : 126
          kernel.exit(child, status: Int32(status))
          kernel.reap(child)
          return (nil, status)
        }
      } catch {
        return (nil, 126)
      }
    }
    guard let pid = started.pid else { return started.status }
    return await wait(pid)
  }
}

extension KernelState {
  /// Standard streams from outside.
  func install(_ stdio: ProcessStdio, in process: LinuxProcess) {
    install(OpenFile(stdio.stdin.map { .input($0) } ?? .null, .read), at: 0, in: process)
    install(OpenFile(stdio.stdout.map { .output($0) } ?? .null, .write), at: 1, in: process)
    install(OpenFile(stdio.stderr.map { .output($0) } ?? .null, .write), at: 2, in: process)
  }

  /// execvp(3): the first file of that name in PATH which can be executed.
  func search(_ name: String, _ environment: [String]) throws(Errno) -> String {
    if name.isEmpty { throw .ENOENT }
    if name.contains("/") { return name }
    let path = environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/bin:/usr/bin"
    var failure = Errno.ENOENT
    for folder in path.parts(at: ":") {
      do throws(Errno) {
        try checkExecutable("\(folder)/\(name)")
        return "\(folder)/\(name)"
      } catch { if error == .EACCES { failure = error } }
    }
    throw failure
  }

  func info(_ inode: Inode) -> HostFileInfo {
    let kind: HostFileInfo.Kind =
      switch inode.kind {
      case .file: .file
      case .directory: .directory
      case .symlink: .symlink
      default: .other
      }
    var info = HostFileInfo(
      kind: kind, mode: inode.mode, size: inode.size, uid: inode.uid, gid: inode.gid, modified: inode.modified)
    switch inode.kind {
    case .characterDevice, .blockDevice, .fifo:
      info.device = HostDevice(
        type: inode.kind == .fifo ? "p" : inode.kind == .blockDevice ? "b" : "c", major: Int64(inode.device.major),
        minor: Int64(inode.device.minor))
    case .symlink: if case .path(let text)? = try? inode.linkTarget() { info.linkTarget = text }
    default: break
    }
    return info
  }

  /// The path of `path` in `root` with every link resolved as if `root` were `/`; what does not exist stays as it is.
  func resolveText(_ path: String, inRoot rootPath: String) throws(Errno) -> String {
    let root = try resolve(rootPath)
    guard root.inode.isDirectory else { throw .ENOTDIR }
    if isPlain(path, in: root) {
      let base = rootPath == "/" ? "" : rootPath
      return path.utf8.first == 0x2f ? base + path : "\(base)/\(path)"
    }
    var parts: [String] = []
    var here: Path? = root
    var pending = Array(path.parts(at: "/").reversed().map(String.init))
    var links = 0
    while let part = pending.popLast() {
      if part == "." { continue }
      if part == ".." {
        if !parts.isEmpty { parts.removeLast() }
        here = parts.isEmpty ? root : try? resolve("/" + parts.joined(separator: "/"), from: root, root: root, .follow)
        continue
      }
      guard let folder = here, folder.inode.isDirectory else {
        parts.append(part)
        continue
      }
      let found = try? resolve(part, from: folder, root: root, [])
      if let found, found.inode.kind == .symlink, case .path(let target) = try found.inode.linkTarget() {
        links += 1
        if links > KernelState.maximumLinks { throw .ELOOP }
        if target.utf8.first == 0x2f {
          parts = []
          here = root
        }
        pending += target.parts(at: "/").reversed().map(String.init)
        continue
      }
      here = found
      parts.append(part)
    }
    if parts.isEmpty { return rootPath }
    return (rootPath == "/" ? "" : rootPath) + "/" + parts.joined(separator: "/")
  }
}
