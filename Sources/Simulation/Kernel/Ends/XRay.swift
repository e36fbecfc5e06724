import JSONTree
import Runtime

extension SimKernel {
  /// Everything that makes a process a container, side by side with the host: its namespaces, its cgroups, its mounts, its
  /// capabilities, its seccomp mode, and the processes below it with both their numbers. Nil when there is none.
  public func xray(pid: Int) -> JSON? {
    look { kernel in
      guard let process = kernel.initPID.processes[pid], process.isAlive else { return nil }
      kernel.current = kernel.initProcess
      return kernel.xray(process)
    }
  }

  /// The processes of the host as a tree, each with its number in its own pid namespace.
  public func processTree() -> JSON {
    look { kernel in
      kernel.current = kernel.initProcess
      return kernel.tree(kernel.initProcess, depth: 0)
    }
  }
}

extension KernelState {
  fileprivate func xray(_ process: LinuxProcess) -> JSON {
    [
      "pid": JSON(process.pid), "pidInNamespace": JSON(process.ownNumber),
      "command": .string(process.arguments.joined(separator: " ")), "namespaces": namespaces(process),
      "user": user(process), "capabilities": capabilities(process),
      "seccomp": [
        "mode": JSON(process.seccomp == nil ? 0 : 2),
        "defaultAction": JSON(process.seccomp?.profile.defaultAction.rawValue),
        "rules": JSON(process.seccomp?.profile.syscalls.count ?? 0),
      ],
      "noNewPrivileges": .bool(process.credentials.noNewPrivileges), "cgroups": cgroups(process),
      "mounts": mounts(process), "root": .string(process.root.map { pathText($0, root: nil) } ?? "/"),
      "limits": limits(process), "processes": tree(process, depth: 0),
    ]
  }

  /// Inode numbers beside the host's: where they differ, the process sees something of its own.
  private func namespaces(_ process: LinuxProcess) -> JSON {
    var object: JSONObject = [:]
    for name in KernelState.namespaceNames where !name.hasSuffix("_for_children") {
      guard let own = namespace(name, of: process) else { continue }
      let host = namespace(name, of: initProcess)
      object.members.append(
        .init(
          name,
          [
            "inode": JSON(own.number), "host": JSON(host?.number ?? 0), "shared": .bool(own === host),
            "members": JSON(initPID.processes.values.reduce(0) { $0 + (namespace(name, of: $1) === own ? 1 : 0) }),
          ]))
    }
    return .object(object)
  }

  private func user(_ process: LinuxProcess) -> JSON {
    let c = process.credentials
    return [
      "uid": JSON(c.userNamespace.user(c.euid)), "gid": JSON(c.userNamespace.group(c.egid)), "hostUid": JSON(c.euid),
      "hostGid": JSON(c.egid), "groups": .array(c.groups.map { JSON(c.userNamespace.group($0)) }),
      "uidMap": .string(c.userNamespace.text(c.userNamespace.uidMap)),
      "gidMap": .string(c.userNamespace.text(c.userNamespace.gidMap)),
    ]
  }

  private func capabilities(_ process: LinuxProcess) -> JSON {
    let c = process.credentials
    return [
      "effective": JSON(c.effective.names), "permitted": JSON(c.permitted.names), "bounding": JSON(c.bounding.names),
      "inheritable": JSON(c.inheritable.names), "ambient": JSON(c.ambient.names),
    ]
  }

  private func cgroups(_ process: LinuxProcess) -> JSON {
    .array(
      process.cgroups.map { cgroup in
        var files: JSONObject = [:]
        for name in (try? cgroup.names()) ?? [] {
          guard let file = try? cgroup.lookup(name) as? CgroupFile, case .bytes(let bytes)? = try? file.read() else {
            continue
          }
          files.members.append(.init(name, .string(String(decoding: bytes, as: UTF8.self))))
        }
        return [
          "hierarchy": .string(cgroup.hierarchy.isUnified ? "unified" : cgroup.hierarchy.name),
          "path": .string(cgroup.path), "files": .object(files),
        ]
      })
  }

  private func mounts(_ process: LinuxProcess) -> JSON {
    .array(
      visibleMounts(process).map { mount, path in
        var propagation = mount.group.map { "shared:\($0.id)" } ?? ""
        if let master = mount.master { propagation += (propagation.isEmpty ? "" : " ") + "master:\(master.id)" }
        if mount.isUnbindable { propagation = "unbindable" }
        return [
          "id": JSON(mount.id), "target": .string(path), "source": .string(mount.source),
          "type": .string(mount.fs.type),
          "options": JSON(mount.flags.names + mount.fs.options),
          "propagation": .string(propagation.isEmpty ? "private" : propagation),
        ]
      })
  }

  private func limits(_ process: LinuxProcess) -> JSON {
    var object: JSONObject = [:]
    for limit in ResourceLimits.all {
      let now = process.limits.get(limit.name) ?? (.max, .max)
      func text(_ value: UInt64) -> JSON { value == .max ? "unlimited" : JSON(value) }
      object.members.append(.init(limit.name, ["soft": text(now.soft), "hard": text(now.hard)]))
    }
    return .object(object)
  }

  fileprivate func tree(_ process: LinuxProcess, depth: Int) -> JSON {
    var children: [JSON] = []
    if depth < 128 {
      for child in process.children.sorted(by: { $0.pid < $1.pid }) { children.append(tree(child, depth: depth + 1)) }
    }
    return [
      "pid": JSON(process.pid), "pidInNamespace": JSON(process.ownNumber), "state": .string(process.letter),
      "comm": .string(process.comm), "command": .string(process.arguments.joined(separator: " ")),
      "memory": JSON(process.memory), "children": .array(children),
    ]
  }
}
