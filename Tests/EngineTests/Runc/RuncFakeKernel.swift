import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

/// A kernel that keeps just enough to see what a runtime leaves behind: a flat table of files, processes with parents,
/// roots and cgroups, and a switch that refuses one call.
final class RuncFakeKernel: ContainerKernel, HostFiles {
  struct Process {
    var parent: Int
    var root = "/"
    var cwd = "/"
    var status = KernelProcessStatus.running
    var exit: Int?
    var isPart = false
    var sleepsAt: String?
    var program: String?
    var environment: [String] = []
    var joinsPIDNamespace = false
  }
  struct State {
    var folders: Set<String> = [
      "/", "/proc", "/dev", "/run", "/run/runc", "/run/crun", "/run/railcar", "/bundle", "/bundle/rootfs",
      "/bundle/rootfs/bin", "/bundle/rootfs/proc", "/bundle/rootfs/proc/sys", "/sys", "/sys/fs", "/sys/fs/cgroup",
      "/data",
    ]
    var files: [String: String] = [
      "/sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n", "/data/file": "x", "/bundle/rootfs/bin/true": "ELF",
      "/bundle/rootfs/bin/data": "not executable", "/bundle/rootfs/proc/kcore": "",
      "/bundle/rootfs/etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
    ]
    var processes: [Int: Process] = [1: Process(parent: 0)]
    var next = 100
    var members: [String: Set<Int>] = [:]
    var calls: [(call: KernelCall, pid: Int)] = []
    /// The call of this number (from 0) is refused.
    var refuseAt: (index: Int, errno: Errno)?
    /// Calls of this name are refused.
    var refuse: [String: Errno] = [:]
    var waiters: [Int: [CheckedContinuation<Int, Never>]] = [:]
    var stdio: [Int: ProcessStdio] = [:]
    var diesOnExec = false
    /// How hooks end; nil: they go on until they are killed.
    var hookStatus: Int? = 0
    var hooks: [String] = []
  }
  let state = Mutex(State())

  var calls: [(call: KernelCall, pid: Int)] { state.withLock { $0.calls } }
  func clearCalls() { state.withLock { $0.calls = [] } }
  func alive() -> [Int] {
    state.withLock { state in
      state.processes.filter { $0.key != 1 && !$0.value.isPart && $0.value.status != .zombie }.keys.sorted()
    }
  }
  func exists(_ path: String) -> Bool { state.withLock { $0.folders.contains(path) || $0.files[path] != nil } }
  func contents(_ path: String) -> String? { state.withLock { $0.files[path] } }

  // MARK: Kernel

  func perform(_ call: KernelCall, as pid: Int) throws(Errno) -> Int {
    let result: Result<Int, Errno> = state.withLock { state in
      let index = state.calls.count
      state.calls.append((call, pid))
      if let refusal = state.refuseAt, refusal.index == index { return .failure(refusal.errno) }
      if let errno = state.refuse[call.name] { return .failure(errno) }
      guard state.processes[pid] != nil else { return .failure(.ESRCH) }
      return RuncFakeKernel.perform(call, pid, &state)
    }
    for (waiter, status) in due() { waiter.resume(returning: status) }
    return try result.get()
  }

  private func due() -> [(CheckedContinuation<Int, Never>, Int)] {
    state.withLock { state in
      var due: [(CheckedContinuation<Int, Never>, Int)] = []
      for pid in state.waiters.keys.sorted() {
        guard let exit = state.processes[pid]?.exit ?? (state.processes[pid] == nil ? 0 : nil) else { continue }
        for waiter in state.waiters.removeValue(forKey: pid) ?? [] { due.append((waiter, exit)) }
        state.processes[pid] = nil
      }
      return due
    }
  }

  private static func path(_ path: KernelPath, _ pid: Int, _ state: State) -> String {
    host((path.root.map { $0 == "/" ? "" : $0 } ?? "") + path.path, pid, state)
  }

  private static func host(_ path: String, _ pid: Int, _ state: State) -> String {
    let process = state.processes[pid]
    let absolute = path.hasPrefix("/") ? path : (process?.cwd ?? "/") + "/" + path
    var text = (process?.root ?? "/") == "/" ? absolute : (process?.root ?? "") + absolute
    while text.count > 1, text.hasSuffix("/") { text.removeLast() }
    return text
  }

  private static func end(_ pid: Int, _ status: Int, _ state: inout State) {
    state.processes[pid]?.status = .zombie
    state.processes[pid]?.exit = status
    for folder in state.members.keys { state.members[folder]?.remove(pid) }
    state.stdio[pid]?.stdout?.closeWriting()
  }

  private static func perform(_ call: KernelCall, _ pid: Int, _ state: inout State) -> Result<Int, Errno> {
    switch call {
    case .clone(_, let siblings, let cgroup):
      state.next += 1
      let parent = siblings ? state.processes[pid]?.parent ?? 1 : pid
      var child = state.processes[pid] ?? Process(parent: parent)
      (child.parent, child.isPart) = (parent, false)
      state.processes[state.next] = child
      for folder in state.members.keys.sorted() where state.members[folder]?.contains(pid) == true {
        state.members[folder]?.insert(state.next)
      }
      if let cgroup {
        guard state.folders.contains(cgroup) else { return .failure(.ENOENT) }
        for folder in state.members.keys { state.members[folder]?.remove(state.next) }
        state.members[cgroup, default: []].insert(state.next)
      }
      return .success(state.next)
    case .mkdir(let path, _):
      let path = self.path(path, pid, state)
      if state.folders.contains(path) || state.files[path] != nil { return .failure(.EEXIST) }
      state.folders.insert(path)
      if path.hasPrefix("/sys/fs/cgroup/") { state.files[path + "/cgroup.freeze"] = "0\n" }
    case .rmdir(let path):
      let path = self.path(path, pid, state)
      if !(state.members[path] ?? []).isEmpty { return .failure(.EBUSY) }
      guard state.folders.remove(path) != nil else { return .failure(.ENOENT) }
      if path.hasPrefix("/sys/fs/cgroup/") {
        state.files = state.files.filter { !$0.key.hasPrefix(path + "/") }
      } else if state.files.keys.contains(where: { $0.hasPrefix(path + "/") }) {
        state.folders.insert(path)
        return .failure(.ENOTEMPTY)
      }
    case .unlink(let path):
      guard state.files.removeValue(forKey: self.path(path, pid, state)) != nil else { return .failure(.ENOENT) }
    case .writeFile(let path, let contents):
      let path = self.path(path, pid, state)
      if path.hasSuffix("/cgroup.procs"), let member = Int(contents) {
        let folder = String(path.dropLast("/cgroup.procs".count))
        guard state.folders.contains(folder) else { return .failure(.ENOENT) }
        for other in state.members.keys { state.members[other]?.remove(member) }
        state.members[folder, default: []].insert(member)
      } else if path.hasSuffix("/cgroup.kill") {
        for member in state.members[String(path.dropLast("/cgroup.kill".count))] ?? [] { end(member, 137, &state) }
      } else {
        state.files[path] = contents
      }
    case .mknod(let path, _, _, _, _), .createFile(let path, _), .symlink(_, let path):
      let path = self.path(path, pid, state)
      if state.files[path] != nil { return .failure(.EEXIST) }
      state.files[path] = ""
    case .setns(.mount, let path):
      let target = path.split(separator: "/").dropFirst().first.flatMap { Int($0) } ?? 1
      let root = state.processes[target]?.root ?? "/"
      state.processes[pid]?.root = root
    case .chdir(let path): state.processes[pid]?.cwd = path
    case .pivotRoot(let new, _):
      let cwd = state.processes[pid]?.cwd ?? "/"
      state.processes[pid]?.root = new == "." ? cwd : new
    case .chroot:
      let cwd = state.processes[pid]?.cwd ?? "/"
      state.processes[pid]?.root = cwd
    case .hook(let stage, _, _, _, _):
      state.next += 1
      state.hooks.append(stage)
      state.processes[state.next] = Process(parent: pid, isPart: true)
      if let status = state.hookStatus { end(state.next, status, &state) }
      return .success(state.next)
    case .exit(let status): end(pid, Int(status), &state)
    case .wait(let child):
      guard let process = state.processes[child], process.parent == pid, process.exit != nil else {
        return .failure(.ECHILD)
      }
      state.processes[child] = nil
    case .kill(let target, let signal):
      guard let process = state.processes[target], process.status != .zombie else { return .failure(.ESRCH) }
      if signal == 9 || (signal == 15 && process.program != nil) { end(target, 128 + signal, &state) }
      // PID 1 takes along whoever is in its namespace: here, the eldest with a root and those with the same one.
      let family = state.processes.filter { $0.value.root == process.root && $0.value.root != "/" }.keys.sorted()
      if signal == 9, family.first == target { for other in family.dropFirst() { end(other, 137, &state) } }
    case .openFIFO(let path), .awaitFIFO(let path):
      let place = host(path, 1, state)
      state.processes[pid]?.sleepsAt = place
    case .readFIFO(let path), .writeFIFO(let path):
      guard state.processes.contains(where: { $0.value.sleepsAt == path && $0.value.status != .zombie }) else {
        return .failure(.EAGAIN)
      }
    case .execve(let path, _, let environment):
      let file = host(path, pid, state)
      guard let contents = state.files[file] else { return .failure(.ENOENT) }
      if contents == "not executable" { return .failure(.EACCES) }
      if contents.hasPrefix("#!") { return .failure(.ENOENT) }
      state.processes[pid]?.program = path
      state.processes[pid]?.environment = environment
      state.processes[pid]?.sleepsAt = nil
      if state.diesOnExec { end(pid, 7, &state) }
    default: break
    }
    return .success(0)
  }

  func attach(_ stdio: ProcessStdio, to pid: Int) { state.withLock { $0.stdio[pid] = stdio } }
  func status(of pid: Int) -> KernelProcessStatus? { state.withLock { $0.processes[pid]?.status } }

  func stat(_ path: String, as pid: Int) -> HostFileInfo? {
    state.withLock { state in
      let path = RuncFakeKernel.host(path, pid, state)
      if state.folders.contains(path) { return HostFileInfo(kind: .directory, mode: 0o755, size: 0) }
      return state.files[path].map { HostFileInfo(kind: .file, mode: 0o644, size: Int64($0.utf8.count)) }
    }
  }
  func resolve(_ path: String, inRoot root: String, as pid: Int) throws(Errno) -> String { root + path }
  func checkExecutable(_ path: String, as pid: Int) throws(Errno) {
    let result: Errno? = state.withLock { state in
      let path = RuncFakeKernel.host(path, pid, state)
      if state.folders.contains(path) { return .EISDIR }
      guard let contents = state.files[path] else { return .ENOENT }
      return contents == "not executable" ? .EACCES : nil
    }
    if let result { throw result }
  }
  func readFile(_ path: String, as pid: Int) throws(Errno) -> String {
    guard let text = state.withLock({ $0.files[RuncFakeKernel.host(path, pid, $0)] }) else { throw .ENOENT }
    return text
  }
  func statistics(cgroup path: String) -> JSON? {
    state.withLock { $0.folders.contains(path) ? ["pids": ["current": JSON($0.members[path]?.count ?? 0)]] : nil }
  }

  // MARK: Processes

  func wait(_ pid: Int) async -> Int {
    await withCheckedContinuation { continuation in
      state.withLock { $0.waiters[pid, default: []].append(continuation) }
      for (waiter, status) in due() { waiter.resume(returning: status) }
    }
  }
  func wasOOMKilled(_ pid: Int) -> Bool { false }
  func members(cgroup path: String) -> [Int] { state.withLock { ($0.members[path] ?? []).sorted() } }
  func info(_ pid: Int) -> HostProcessInfo? {
    state.withLock { state in
      state.processes[pid].map {
        HostProcessInfo(
          pid: pid, ppid: $0.parent, uid: 0, started: 0, cpu: 0, tty: "?", command: $0.program ?? "runc init")
      }
    }
  }
  func spawnPart(_ name: String, arguments: [String]) -> Int {
    state.withLock { state in
      state.next += 1
      state.processes[state.next] = Process(parent: 1, isPart: true)
      return state.next
    }
  }
  func endPart(_ pid: Int) { state.withLock { $0.processes[pid] = nil } }

  // MARK: HostFiles

  func stat(_ path: String) -> HostFileInfo? { stat(path, as: 1) }
  func read(_ path: String) throws(Errno) -> [UInt8] { Array(try readFile(path, as: 1).utf8) }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) {
    state.withLock { $0.files[path] = String(decoding: bytes, as: UTF8.self) }
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    state.withLock { $0.files[path, default: ""] += String(decoding: bytes, as: UTF8.self) }
  }
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno) { state.withLock { _ = $0.folders.insert(path) } }
  func list(_ path: String) throws(Errno) -> [String] {
    let names: [String]? = state.withLock { state in
      guard state.folders.contains(path) else { return nil }
      return (Array(state.folders) + Array(state.files.keys)).filter { $0.hasPrefix(path + "/") }
        .map { String($0.dropFirst(path.count + 1)) }.filter { !$0.contains("/") }.sorted()
    }
    guard let names else { throw .ENOENT }
    return names
  }
  func removeAll(_ path: String) throws(Errno) {
    state.withLock { state in
      state.folders = state.folders.filter { $0 != path && !$0.hasPrefix(path + "/") }
      state.files = state.files.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
    }
  }
  func rename(_ path: String, to: String) throws(Errno) {}
  func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {}
  func unmount(_ path: String) throws(Errno) {}
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8] { [] }
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) {}
  func usage(_ path: String) -> Int64 { 0 }
  func symlink(target: String, _ path: String) throws(Errno) {}
}

/// A clock that passes only when somebody sleeps.
final class RuncTestWorld: World {
  private let time = Mutex<UInt64>(0)
  var now: UInt64 { time.withLock { $0 } }
  var unixTime: UInt64 { 1_767_225_600_000_000_000 + now }
  func sleep(_ nanoseconds: UInt64) async throws { time.withLock { $0 += nanoseconds } }
  func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> { Task { await body() } }
  func randomBytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 7, count: count) }
}
