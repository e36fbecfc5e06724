import Runtime
import Seams

/// `/proc/PID`.
final class ProcessFolder: FixedFolder {
  private(set) weak var process: LinuxProcess?

  init(_ fs: FileSystem, _ process: LinuxProcess, isTask: Bool = false) {
    self.process = process
    let kernel = fs.kernel
    super.init(
      fs, uid: process.credentials.euid, gid: process.credentials.egid,
      makers: isTask ? NameTable() : kernel.processMakers ?? NameTable())
    if isTask || kernel.processMakers == nil {
      fill(isTask: isTask)
      if !isTask { kernel.processMakers = makers }
    }
  }

  private func own(
    _ name: String, mode: UInt32 = 0o444, _ text: @escaping (KernelState, LinuxProcess) throws(Errno) -> String
  ) {
    add(name) { folder in
      let file = GeneratedFile(folder.fs, mode: mode) {
        [weak process = (folder as? ProcessFolder)?.process] kernel throws(Errno) in
        guard let process, process.state != .gone else { throw .ESRCH }
        return try text(kernel, process)
      }
      (file.uid, file.gid) = (folder.uid, folder.gid)
      return file
    }
  }

  private func own(
    _ name: String, mode: UInt32 = 0o644, _ text: @escaping (KernelState, LinuxProcess) throws(Errno) -> String,
    store: @escaping (KernelState, LinuxProcess, String) throws(Errno) -> Void
  ) {
    add(name) { folder in
      let process = (folder as? ProcessFolder)?.process
      let file = GeneratedFile(
        folder.fs, mode: mode,
        { [weak process] kernel throws(Errno) in
          guard let process, process.state != .gone else { throw .ESRCH }
          return try text(kernel, process)
        },
        store: { [weak process] kernel, value throws(Errno) in
          guard let process, process.isAlive else { throw .ESRCH }
          try store(kernel, process, value)
        })
      (file.uid, file.gid) = (folder.uid, folder.gid)
      return file
    }
  }

  private func jump(_ name: String, _ place: @escaping (LinuxProcess) -> Path?) {
    add(name) { folder in
      let process = (folder as? ProcessFolder)?.process
      return ProcLink(folder.fs) { [weak process] kernel throws(Errno) in
        guard let process, process.isAlive, let path = place(process) else { throw .ENOENT }
        try kernel.mayTrace(process)
        return .jump(path)
      }
    }
  }

  private func fill(isTask: Bool) {
    own("cmdline") { _, process in process.isAlive ? process.arguments.map { $0 + "\0" }.joined() : "" }
    own("comm", mode: 0o644, { _, process in process.comm + "\n" }) { _, process, value in
      process.comm = String(value.prefix(15))
    }
    own("environ", mode: 0o400) { kernel, process throws(Errno) in
      try kernel.mayTrace(process)
      return process.environment.map { $0 + "\0" }.joined()
    }
    own("status") { kernel, process in kernel.statusText(process) }
    own("stat") { kernel, process in kernel.statText(process) }
    own("statm") { _, process in "\(process.memory / 4096 + 200) \(process.memory / 4096) 0 0 0 0 0\n" }
    own("mounts") { kernel, process in kernel.mountsText(process) }
    own("mountinfo") { kernel, process in kernel.mountInfo(process) }
    own("mountstats", mode: 0o400) { _, _ in "" }
    own("cgroup") { kernel, process in kernel.cgroupText(process) }
    own("limits") { _, process in process.limits.text }
    own("maps") { _, _ in "" }
    own("wchan") { _, _ in "0" }
    own("sessionid") { _, _ in "4294967295" }
    own("loginuid", mode: 0o644, { _, _ in "4294967295" }) { _, _, _ in }
    own("oom_score") { kernel, process in
      "\(max(0, Int(process.memory * 1000 / max(1, kernel.memory)) + process.oomScoreAdjust))\n"
    }
    own("oom_score_adj", { _, process in "\(process.oomScoreAdjust)\n" }) { kernel, process, value throws(Errno) in
      guard let number = Int(value), (-1000...1000).contains(number) else { throw .EINVAL }
      if number < process.oomScoreAdjust, !kernel.credentials.has(.sysResource, in: kernel.initUser) { throw .EACCES }
      process.oomScoreAdjust = number
    }
    own(
      "uid_map",
      { _, process in
        let users = process.credentials.userNamespace
        return users.text(users.uidMap)
      }
    ) { kernel, process, value throws(Errno) in
      guard let writer = kernel.current else { throw .ESRCH }
      try process.credentials.userNamespace.setMap(value, groups: false, by: writer)
    }
    own(
      "gid_map",
      { _, process in
        let users = process.credentials.userNamespace
        return users.text(users.gidMap)
      }
    ) { kernel, process, value throws(Errno) in
      guard let writer = kernel.current else { throw .ESRCH }
      try process.credentials.userNamespace.setMap(value, groups: true, by: writer)
    }
    own("setgroups", { _, process in process.credentials.userNamespace.allowsSetgroups ? "allow\n" : "deny\n" }) {
      _, process, value throws(Errno) in
      let users = process.credentials.userNamespace
      switch value {
      case "deny":
        guard users.gidMap.isEmpty else { throw .EPERM }
        users.allowsSetgroups = false
      case "allow": guard users.allowsSetgroups else { throw .EPERM }
      default: throw .EINVAL
      }
    }
    own(
      "timens_offsets",
      { _, process in
        let time = process.namespaces?.timeForChildren
        return
          "monotonic  \(pad(time?.monotonic ?? 0, 10))         0\nboottime   \(pad(time?.boottime ?? 0, 10))         0\n"
      }
    ) { _, process, value throws(Errno) in
      guard let time = process.namespaces?.timeForChildren else { throw .ESRCH }
      for line in value.split(separator: "\n") {
        let fields = line.split(separator: " ")
        guard fields.count == 3, let offset = Int64(fields[1]) else { throw .EINVAL }
        switch fields[0] {
        case "monotonic", "1": time.monotonic = offset
        case "boottime", "7": time.boottime = offset
        default: throw .EINVAL
        }
      }
    }
    for folder in ["attr", "fdinfo", "map_files"] {
      addFolder(folder, mode: 0o555) { attributes in
        guard folder == "attr" else { return }
        for name in ["current", "exec", "prev", "keycreate"] {
          attributes.add(name) { GeneratedFile($0.fs, mode: 0o666, { _ in "" }, store: { _, _ in }) }
        }
      }
    }
    jump("cwd") { $0.cwd }
    jump("root") { $0.root }
    jump("exe") { $0.executable }
    add("ns") { NamespaceFolder($0.fs, ($0 as? ProcessFolder)?.process) }
    add("fd") { DescriptorFolder($0.fs, ($0 as? ProcessFolder)?.process) }
    add("net") { above in
      let net = FixedFolder(above.fs)
      let process = (above as? ProcessFolder)?.process
      let files: [(String, NetworkFile)] = [
        ("dev", .dev), ("route", .route), ("if_inet6", .ifInet6), ("tcp", .sockets), ("tcp6", .sockets),
        ("udp", .sockets), ("udp6", .sockets), ("raw", .sockets), ("unix", .sockets),
      ]
      for (name, file) in files {
        net.add(name) { folder in
          NetworkStackFile(folder.fs, file) { [weak process] in process?.namespaces?.network.id }
        }
      }
      return net
    }
    if !isTask {
      add("task") { folder in
        let tasks = FixedFolder(folder.fs)
        if let process = (folder as? ProcessFolder)?.process {
          tasks.add(folder.name) { [weak process] above in
            if let process { return ProcessFolder(above.fs, process, isTask: true) }
            return FixedFolder(above.fs)
          }
        }
        return tasks
      }
    }
  }
}

/// `/proc/PID/ns`.
private final class NamespaceFolder: FixedFolder {
  init(_ fs: FileSystem, _ process: LinuxProcess?) {
    super.init(fs, mode: 0o511)
    for name in KernelState.namespaceNames {
      add(name) { [weak process] folder in
        ProcLink(folder.fs) { [weak process] kernel throws(Errno) in
          guard let process, let namespace = kernel.namespace(name, of: process) else { throw .ENOENT }
          try kernel.mayTrace(process)
          return .jump(Path(mount: kernel.nsfsMount, inode: namespace.inode(kernel)))
        }
      }
    }
  }
}

/// `/proc/PID/fd`.
private final class DescriptorFolder: Inode {
  private weak var process: LinuxProcess?
  init(_ fs: FileSystem, _ process: LinuxProcess?) {
    self.process = process
    super.init(
      fs: fs, kind: .directory, mode: 0o500, uid: process?.credentials.euid ?? 0, gid: process?.credentials.egid ?? 0,
      modified: fs.kernel.seconds)
  }
  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    guard let fd = Int(nameString(name)), let file = process?.files[fd] else { return nil }
    let link = ProcLink(
      fs,
      target: { kernel throws(Errno) in
        if let path = file.path { return .jump(path) }
        return .path(file.text(kernel, root: kernel.current?.root))
      },
      label: { kernel in file.text(kernel, root: kernel.current?.root) })
    link.parent = self
    link.name = String(fd)
    return link
  }
  override func names() throws(Errno) -> [String] { (process?.files.keys.sorted() ?? []).map(String.init) }
}

extension KernelState {
  /// ptrace_may_access(): the same user, or CAP_SYS_PTRACE over the other's user namespace.
  func mayTrace(_ process: LinuxProcess) throws(Errno) {
    guard let current, current !== process else { return }
    let (a, b) = (current.credentials, process.credentials)
    if a.has(.sysPtrace, in: b.userNamespace) { return }
    let isSame = a.euid == b.euid && a.euid == b.ruid && a.euid == b.suid && a.egid == b.egid && a.egid == b.rgid
    guard isSame, process.isDumpable, b.permitted.isSubset(of: a.permitted), b.userNamespace === a.userNamespace else {
      throw .EACCES
    }
  }

  func statusText(_ process: LinuxProcess) -> String {
    let c = process.credentials
    let users = current?.credentials.userNamespace ?? initUser!
    let pids = current?.pidNamespace ?? initPID!
    let state: String =
      switch process.letter {
      case "R": "R (running)"
      case "T": "T (stopped)"
      case "Z": "Z (zombie)"
      default: "S (sleeping)"
      }
    let numbers = process.pids.dropFirst(pids.level).map(String.init).joined(separator: "\t")
    let group = initPID.processes[process.groupID].map { $0.number(in: pids) } ?? 0
    let session = initPID.processes[process.sessionID].map { $0.number(in: pids) } ?? 0
    var text =
      "Name:\t\(process.comm)\nUmask:\t\(pad4(process.umask))\nState:\t\(state)\nTgid:\t\(process.number(in: pids))\n"
    text +=
      "Ngid:\t0\nPid:\t\(process.number(in: pids))\nPPid:\t\(process.parent?.number(in: pids) ?? 0)\nTracerPid:\t0\n"
    text += "Uid:\t\(users.user(c.ruid))\t\(users.user(c.euid))\t\(users.user(c.suid))\t\(users.user(c.euid))\n"
    text += "Gid:\t\(users.group(c.rgid))\t\(users.group(c.egid))\t\(users.group(c.sgid))\t\(users.group(c.egid))\n"
    text += "FDSize:\t64\nGroups:\t\(c.groups.map { "\(users.group($0)) " }.joined())\n"
    text += "NStgid:\t\(numbers)\nNSpid:\t\(numbers)\nNSpgid:\t\(group)\nNSsid:\t\(session)\n"
    if process.isAlive {
      text += "VmPeak:\t\(pad(process.memory / 1024 + 800, 8)) kB\nVmSize:\t\(pad(process.memory / 1024 + 800, 8)) kB\n"
      text += "VmRSS:\t\(pad(process.memory / 1024, 8)) kB\n"
    }
    text += "Threads:\t\(process.threads)\nSigQ:\t0/31678\n"
    text += "SigIgn:\t\(mask(process, .ignore))\nSigCgt:\t\(mask(process, .handle))\n"
    text += "CapInh:\t\(c.inheritable.hex)\nCapPrm:\t\(c.permitted.hex)\nCapEff:\t\(c.effective.hex)\n"
    text += "CapBnd:\t\(c.bounding.hex)\nCapAmb:\t\(c.ambient.hex)\nNoNewPrivs:\t\(c.noNewPrivileges ? 1 : 0)\n"
    text += "Seccomp:\t\(process.seccomp == nil ? 0 : 2)\nSeccomp_filters:\t\(process.seccomp == nil ? 0 : 1)\n"
    text += "Cpus_allowed_list:\t\(process.cgroup(.cpuset)?.effectiveCPUs ?? "0")\nMems_allowed_list:\t0\n"
    return text
  }

  private func pad4(_ mask: UInt32) -> String {
    let digits = String(mask, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
  }
  private func mask(_ process: LinuxProcess, _ action: SignalAction) -> String {
    var bits: UInt64 = 0
    for (number, what) in process.dispositions where what == action && (1...64).contains(number) {
      bits |= 1 << UInt64(number - 1)
    }
    return CapabilityMask(bits: bits).hex
  }

  /// proc_pid_stat(5).
  func statText(_ process: LinuxProcess) -> String {
    let pids = current?.pidNamespace ?? initPID!
    let group = initPID.processes[process.groupID].map { $0.number(in: pids) } ?? 0
    let session = initPID.processes[process.sessionID].map { $0.number(in: pids) } ?? 0
    let tty = process.terminal.map { 136 << 8 | $0.number } ?? 0
    let ticks = process.cpuTime / 10_000_000
    let start = (process.startedAt &+ KernelState.bootedBefore) / 10_000_000
    return
      "\(process.number(in: pids)) (\(process.comm)) \(process.letter) \(process.parent?.number(in: pids) ?? 0) \(group) "
      + "\(session) \(tty) \(tty == 0 ? -1 : group) 4194304 0 0 0 0 \(ticks) 0 0 0 20 0 \(process.threads) 0 \(start) "
      + "\(process.memory + 819_200) \(process.memory / 4096) 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"
  }

  /// `/proc/PID/cgroup`, as the reader's cgroup namespace shows it.
  func cgroupText(_ process: LinuxProcess) -> String {
    let namespace = current?.namespaces?.cgroup ?? hostNamespaces.cgroup
    var text = ""
    for cgroup in process.cgroups.reversed() {
      let hierarchy = cgroup.hierarchy
      text += "\(hierarchy.number):\(hierarchy.name):\(cgroup.path(in: namespace))\n"
    }
    return text
  }
}

extension ResourceLimits {
  /// `/proc/PID/limits`.
  var text: String {
    func column(_ value: String, _ width: Int) -> String {
      value + String(repeating: " ", count: max(0, width - value.utf8.count))
    }
    func number(_ value: UInt64) -> String { value == .max ? "unlimited" : String(value) }
    var text = column("Limit", 26) + column("Soft Limit", 21) + column("Hard Limit", 21) + "Units     \n"
    for limit in ResourceLimits.all {
      let now = get(limit.name) ?? (limit.soft, limit.hard)
      text +=
        column(limit.title, 26) + column(number(now.soft), 21) + column(number(now.hard), 21) + column(limit.unit, 10)
      text += "\n"
    }
    return text
  }
}
