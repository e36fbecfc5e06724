import Runtime
import Seams

extension KernelState {
  /// clone3(2): a child of `parent` (or, as a sibling, of its parent), which nobody drives yet.
  ///
  /// - Parameter descriptors: those of the parent that become the child's 0, 1, 2, the others being close-on-exec; nil
  ///   gives it all, as they are.
  func fork(
    _ parent: LinuxProcess, namespaces kinds: [NamespaceKind] = [], network: Int? = nil, siblings: Bool = false,
    cgroup: Cgroup? = nil, descriptors: [Int]? = nil, driver: LinuxProcess.Driver
  ) throws(Errno) -> LinuxProcess {
    guard let set = parent.namespaces else { throw .ESRCH }
    if kinds.contains(.pid), set.pidForChildren !== set.pid { throw .EINVAL }
    if siblings, parent.isNamespaceInit { throw .EINVAL }
    var pids = set.pidForChildren
    if pids.isDead { throw .ENOMEM }
    let user = parent.credentials.ruid
    if let limit = parent.limits.get("RLIMIT_NPROC")?.soft, UInt64(processesOfUser[user] ?? 0) >= limit, user != 0,
      !parent.credentials.has(.sysResource, in: initUser), !parent.credentials.has(.sysAdmin, in: initUser)
    {
      throw .EAGAIN
    }
    if kinds.contains(.pid) {
      // The capability counts in the user namespace that is to be made, where the caller has all.
      if !kinds.contains(.user), !parent.credentials.has(.sysAdmin, in: parent.credentials.userNamespace) {
        throw .EPERM
      }
      pids = try makePIDNamespace(pids, owner: parent.credentials.userNamespace)
    }
    var cgroups = parent.cgroups
    if let cgroup {
      try cgroup.mayTakeProcesses()
      if let index = cgroups.firstIndex(where: { $0.hierarchy === cgroup.hierarchy }) { cgroups[index] = cgroup }
    }
    let pidCgroup = cgroups.first { $0.hierarchy.controllers.contains(.pids) }
    try pidCgroup?.chargeProcess()
    let child = LinuxProcess(
      self, driver: driver, pidNamespace: pids, credentials: parent.credentials, comm: parent.comm,
      arguments: parent.arguments, environment: parent.environment)
    var childSet = set
    (childSet.pid, childSet.pidForChildren) = (pids, pids)
    childSet.time = set.timeForChildren
    child.namespaces = childSet
    (child.root, child.cwd, child.umask, child.executable) = (parent.root, parent.cwd, parent.umask, parent.executable)
    child.namespaces?.mount.members[child.pid] = child
    child.cgroups = cgroups
    do throws(Errno) {
      try makeNamespaces(kinds, for: child, network: network, isClone: true)
    } catch {
      child.namespaces?.mount.members[child.pid] = nil
      child.release()
      child.leave()
      pidCgroup?.unchargeProcess()
      throw error
    }
    // The user namespace is made first, and owns the others.
    if kinds.contains(.pid), kinds.contains(.user) { pids.owner = child.credentials.userNamespace }
    (child.sessionID, child.groupID, child.terminal) = (parent.sessionID, parent.groupID, parent.terminal)
    (child.limits, child.seccomp, child.oomScoreAdjust) = (parent.limits, parent.seccomp, parent.oomScoreAdjust)
    child.dispositions = parent.dispositions
    child.isDumpable = parent.isDumpable
    if let descriptors {
      for (fd, old) in descriptors.prefix(3).enumerated() {
        guard let file = parent.files[old] else { continue }
        file.references += 1
        child.files[fd] = file
      }
    } else {
      for (fd, file) in parent.files {
        file.references += 1
        child.files[fd] = file
      }
    }
    for cgroup in cgroups { cgroup.adopt(child) }
    child.oomKillsBefore = child.memoryCgroup?.oomKills ?? 0
    let above = siblings ? parent.parent ?? initProcess! : parent
    child.parent = above
    above.children.append(child)
    processesOfUser[user, default: 0] += 1
    forks += 1
    return child
  }

  /// A process of the host, child of init or of `parent`, that is there without a program: a part of the engine.
  func makePart(_ name: String, arguments: [String], parent: LinuxProcess, driver: LinuxProcess.Driver) -> LinuxProcess
  {
    let process = LinuxProcess(
      self, driver: driver, pidNamespace: initPID, credentials: Credentials(userNamespace: initUser),
      comm: String(name.prefix(15)), arguments: arguments, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    process.namespaces = hostNamespaces
    hostNamespaces.mount.members[process.pid] = process
    (process.root, process.cwd) = (initProcess.root, initProcess.cwd)
    let service = name.hasPrefix("docker") ? "docker.service" : "containerd.service"
    process.cgroups = hierarchies.map { $0.root.find("system.slice/\(service)") ?? $0.root }
    for cgroup in process.cgroups { cgroup.adopt(process) }
    process.cgroup(.pids)?.chargeProcessAnyway()
    process.parent = parent
    parent.children.append(process)
    processesOfUser[0, default: 0] += 1
    return process
  }
}
