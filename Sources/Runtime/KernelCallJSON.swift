import JSONTree
import OCISpec

extension KernelCall: JSONWritable {
  /// The arguments, by name.
  public var json: JSON {
    switch self {
    case .clone(let kinds, let siblings, let cgroup):
      object(
        [
          "flags": JSON(
            kinds.map(\.flag) + (siblings ? ["CLONE_PARENT"] : []) + (cgroup == nil ? [] : ["CLONE_INTO_CGROUP"]))
        ],
        ("cgroup", cgroup))
    case .unshare(let kinds): ["flags": JSON(kinds.map(\.flag))]
    case .setns(let kind, let path): ["path": .string(path), "nstype": .string(kind.flag)]
    case .writeFile(let path, let contents): at(path, ["data": .string(contents)])
    case .mkdir(let path, let mode): at(path, ["mode": octal(mode)])
    case .rmdir(let path): at(path, ["flags": "AT_REMOVEDIR"])
    case .unlink(let path): at(path, [:])
    case .mknod(let path, let kind, let mode, let major, let minor):
      at(path, ["kind": .string(kind), "mode": octal(mode), "dev": .string("\(major):\(minor)")])
    case .symlink(let target, let path): at(path, ["target": .string(target)])
    case .chown(let path, let uid, let gid): at(path, ["uid": JSON(uid), "gid": JSON(gid)])
    case .chmod(let path, let mode): at(path, ["mode": octal(mode)])
    case .createFile(let path, let mode): at(path, ["flags": "O_CREAT|O_CLOEXEC", "mode": octal(mode)])
    case .mount(let source, let target, let type, let flags, let data):
      at(
        target, name: "target", before: ["source": .string(source)],
        ["type": .string(type), "flags": JSON(flags), "data": .string(data)])
    case .moveMount(let source, let target, let type, let attributes, let data, let recursive, let idMap):
      at(
        target, name: "to", before: ["from": .string(source)],
        moved(type: type, attributes: attributes, data: data, recursive: recursive, idMap: idMap))
    case .mountSetattr(let target, let set, let clear, let recursive):
      at(target, ["flags": recursive ? "AT_RECURSIVE" : "", "attr_set": JSON(set), "attr_clr": JSON(clear)])
    case .unmount(let target, let flags): at(target, name: "target", ["flags": JSON(flags)])
    case .copyTree(let source, let target): ["from": .string(source.description), "to": .string(target.description)]
    case .pivotRoot(let new, let old): ["new_root": .string(new), "put_old": .string(old)]
    case .chroot(let path), .chdir(let path): ["path": .string(path)]
    case .sethostname(let name), .setdomainname(let name): ["name": .string(name)]
    case .setsid: [:]
    case .setControllingTerminal: ["request": "TIOCSCTTY"]
    case .openTerminal(let path): ["path": .string(path), "flags": "O_RDWR|O_NOCTTY|O_CLOEXEC"]
    case .setrlimit(let name, let soft, let hard):
      ["resource": .string(name), "rlim_cur": limit(soft), "rlim_max": limit(hard)]
    case .prlimit(let pid, let name, let soft, let hard):
      ["pid": JSON(pid), "resource": .string(name), "rlim_cur": limit(soft), "rlim_max": limit(hard)]
    case .setgroups(let groups): ["list": .array(groups.map { JSON($0) })]
    case .setresgid(let id): ["gid": JSON(id)]
    case .setresuid(let id): ["uid": JSON(id)]
    case .dropBounding(let names): ["option": "PR_CAPBSET_DROP", "arg2": JSON(names)]
    case .capset(let sets):
      [
        "effective": JSON(sets.effective), "permitted": JSON(sets.permitted), "inheritable": JSON(sets.inheritable),
      ]
    case .setAmbient(let names): ["option": "PR_CAP_AMBIENT", "arg2": "PR_CAP_AMBIENT_RAISE", "arg3": JSON(names)]
    case .prctl(let option, let value): ["option": .string(option), "arg2": JSON(value)]
    case .seccomp(let profile):
      [
        "operation": "SECCOMP_SET_MODE_FILTER", "flags": JSON(profile.flags),
        "defaultAction": .string(profile.defaultAction.rawValue), "architectures": JSON(profile.architectures),
        "rules": JSON(profile.syscalls.count),
        "syscalls": JSON(profile.syscalls.reduce(0) { $0 + $1.names.count }),
      ]
    case .deviceProgram(let cgroup, let rules):
      [
        "cmd": "BPF_PROG_ATTACH", "attach_type": "BPF_CGROUP_DEVICE", "cgroup": .string(cgroup),
        "rules": JSON(rules.map { ($0.allow ? "allow " : "deny ") + $0.text }),
      ]
    case .exit(let status): ["status": JSON(status)]
    case .wait(let pid): ["pid": JSON(pid)]
    case .netlink(let operation, let attributes):
      ["type": .string(operation), "attributes": JSON(attributes)]
    case .openFIFO(let path): ["path": .string(path), "flags": "O_WRONLY|O_CLOEXEC"]
    case .readFIFO(let path): ["path": .string(path), "flags": "O_RDONLY|O_CLOEXEC"]
    case .awaitFIFO(let path), .writeFIFO(let path): ["path": .string(path)]
    case .execve(let path, let arguments, let environment):
      ["path": .string(path), "argv": JSON(arguments), "envp": JSON(environment)]
    case .kill(let pid, let signal): ["pid": JSON(pid), "sig": JSON(signal)]
    case .hook(let stage, let path, let arguments, let environment, let timeout):
      [
        "hook": .string(stage), "path": .string(path), "argv": JSON(arguments), "envp": JSON(environment),
        "timeout": timeout.map { JSON($0) } ?? nil,
      ]
    case .closeRange, .umask, .setProcessName, .joinKeyring, .schedSetattr, .ioprioSet, .schedSetaffinity,
      .personality, .setMempolicy, .setWindowSize, .lookUp, .sendSeccompListener:
      attributeJSON
    case .moveInterface(let old, let name, let pid):
      [
        "type": "RTM_SETLINK",
        "attributes": [
          "IFLA_IFNAME": .string(name), "IFLA_NET_NS_FD": .string("/proc/\(pid)/ns/net"), "name": .string(old),
        ],
      ]
    case .joinNamespaces(let pid, let kinds): ["pidfd": JSON(pid), "nstype": JSON(kinds.map(\.flag))]
    case .runHelper(let program, let arguments): ["path": .string(program), "argv": JSON(arguments)]
    case .enterOldRoot: ["fd": "the old root, opened before"]
    case .attach(let attachment), .prepareMount(_, let attachment): attachment.json
    case .mask(let path, let label): at(path, name: "to", label.isEmpty ? [:] : ["context": .string(label)])
    case .makeReadOnly(let path): at(path, name: "to", ["attr_set": ["MOUNT_ATTR_RDONLY"], "flags": "AT_RECURSIVE"])
    case .bindTerminal(let path): at(path, name: "to", before: ["from": "the terminal"], [:])
    case .makeFolders(let path, let mode): at(path, ["mode": octal(mode)])
    case .checkDevice(let path, let kind, let major, let minor):
      at(path, ["kind": .string(kind), "dev": .string("\(major):\(minor)")])
    case .other(_, let arguments): arguments
    }
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }

  /// Of the calls with which a process changes itself.
  private var attributeJSON: JSON {
    switch self {
    case .closeRange(let first, let cloexec): ["first": JSON(first), "flags": cloexec ? "CLOSE_RANGE_CLOEXEC" : ""]
    case .umask(let mask): ["mask": octal(mask)]
    case .setProcessName(let name): ["option": "PR_SET_NAME", "name": .string(name)]
    case .joinKeyring(let name): ["operation": "KEYCTL_JOIN_SESSION_KEYRING", "name": .string(name)]
    case .schedSetattr(let scheduler):
      [
        "policy": .string(scheduler.policy), "nice": JSON(scheduler.nice), "priority": JSON(scheduler.priority),
        "flags": JSON(scheduler.flags), "runtime": JSON(scheduler.runtime), "deadline": JSON(scheduler.deadline),
        "period": JSON(scheduler.period),
      ]
    case .ioprioSet(let priority):
      ["which": "IOPRIO_WHO_PGRP", "class": .string(priority.type), "priority": JSON(priority.priority)]
    case .schedSetaffinity(let cpus): ["cpus": .string(cpus)]
    case .personality(let personality):
      ["persona": personality.domain == "LINUX32" ? "PER_LINUX32" : "PER_LINUX"]
    case .setMempolicy(let policy):
      ["mode": .string(policy.mode), "nodes": .string(policy.nodes), "flags": JSON(policy.flags)]
    case .setWindowSize(let rows, let columns):
      ["request": "TIOCSWINSZ", "rows": JSON(rows), "columns": JSON(columns)]
    case .lookUp(let file, let path): ["path": .string(file), "mode": "X_OK", "PATH": .string(path)]
    case .sendSeccompListener(let socket, _):
      ["socket": .string(socket), "rights": "the notify descriptor (pidfd_getfd)"]
    default: [:]
    }
  }
}

/// The members of a call on `path`, with its root when it has one.
private func at(
  _ path: KernelPath, name: String = "path", before: JSONObject = [:], _ members: JSONObject
) -> JSON {
  var object = before
  if let root = path.root { object.members.append(.init("root", .string(root))) }
  object.members.append(.init(name, .string(path.path)))
  object.members += members.members
  return .object(object)
}
private func object(_ members: JSONObject, _ optional: (String, String?)) -> JSON {
  var members = members
  if let value = optional.1 { members.members.append(.init(optional.0, .string(value))) }
  return .object(members)
}
private func moved(
  type: String, attributes: [String], data: String, recursive: Bool, idMap: MountIDMap?
) -> JSONObject {
  var members: JSONObject = ["type": .string(type), "attr_set": JSON(attributes), "data": .string(data)]
  if recursive { members.members.append(.init("flags", "AT_RECURSIVE")) }
  if let idMap {
    members.members.append(.init("uid_map", JSON(idMap.uid.map(\.description))))
    members.members.append(.init("gid_map", JSON(idMap.gid.map(\.description))))
  }
  return members
}
private func octal(_ mode: UInt32) -> JSON { .string("0" + String(mode, radix: 8)) }
private func limit(_ value: UInt64) -> JSON { value == .max ? "RLIM_INFINITY" : .int(Int64(clamping: value)) }
