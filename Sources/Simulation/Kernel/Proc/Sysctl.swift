import Runtime

/// `/proc/sys` (sysctl(8)). Whose each value is decides who may write it: the machine's only root of the initial user
/// namespace, a namespace's own who has power over that namespace.
enum Sysctl {
  /// The machine's.
  static let machine: [String: String] = [
    "kernel/ostype": "Linux", "kernel/osrelease": Machine.release, "kernel/version": Machine.version,
    "kernel/pid_max": "4194304", "kernel/threads-max": "63356", "kernel/cap_last_cap": "40", "kernel/panic": "0",
    "kernel/printk": "4\t4\t1\t7", "kernel/core_pattern": "core", "kernel/randomize_va_space": "2",
    "kernel/unprivileged_userns_clone": "1", "kernel/yama/ptrace_scope": "1", "kernel/ngroups_max": "65536",
    "kernel/random/boot_id": "6a1d0c8e-5b7e-4c0f-9a53-0d7a1b2c3d4e",
    "kernel/seccomp/actions_avail":
      "kill_process kill_thread trap errno user_notif trace log allow", "kernel/kptr_restrict": "1",
    "kernel/dmesg_restrict": "1", "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
    "kernel/sched_rt_runtime_us": "950000",
    "vm/overcommit_memory": "0", "vm/overcommit_ratio": "50", "vm/swappiness": "60", "vm/max_map_count": "1048576",
    "vm/panic_on_oom": "0", "vm/min_free_kbytes": "67584", "vm/dirty_ratio": "20", "vm/drop_caches": "0",
    "fs/file-max": "9223372036854775807", "fs/nr_open": "1073741816", "fs/file-nr": "1024\t0\t9223372036854775807",
    "fs/inotify/max_user_instances": "128", "fs/inotify/max_user_watches": "65536", "fs/may_detach_mounts": "1",
    "fs/mount-max": "100000", "fs/pipe-max-size": "1048576", "fs/suid_dumpable": "0", "fs/protected_hardlinks": "1",
    "fs/protected_symlinks": "1", "fs/aio-max-nr": "65536",
    "user/max_user_namespaces": "31678", "user/max_mnt_namespaces": "31678", "user/max_net_namespaces": "31678",
    "user/max_pid_namespaces": "31678",
  ]
  /// What each network namespace begins with.
  static let network: [String: String] = [
    "net/core/somaxconn": "4096", "net/ipv4/ip_forward": "0", "net/ipv4/ip_unprivileged_port_start": "1024",
    "net/ipv4/ping_group_range": "1\t0", "net/ipv4/ip_local_port_range": "32768\t60999", "net/ipv4/tcp_syncookies": "1",
    "net/ipv4/tcp_keepalive_time": "7200", "net/ipv4/tcp_keepalive_intvl": "75", "net/ipv4/tcp_keepalive_probes": "9",
    "net/ipv4/tcp_fin_timeout": "60", "net/ipv4/tcp_max_syn_backlog": "512", "net/ipv4/tcp_tw_reuse": "2",
    "net/ipv4/tcp_rmem": "4096\t131072\t6291456", "net/ipv4/tcp_wmem": "4096\t16384\t4194304",
    "net/ipv4/tcp_syn_retries": "6", "net/ipv4/tcp_retries2": "15", "net/ipv4/ip_nonlocal_bind": "0",
    "net/ipv4/conf/all/forwarding": "0", "net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/all/route_localnet": "0",
    "net/ipv4/conf/all/accept_redirects": "1", "net/ipv4/conf/all/send_redirects": "1",
    "net/ipv4/conf/all/arp_ignore": "0", "net/ipv4/conf/default/forwarding": "0",
    "net/ipv4/conf/default/rp_filter": "0", "net/ipv4/conf/lo/forwarding": "0",
    "net/ipv4/icmp_echo_ignore_all": "0", "net/ipv4/icmp_echo_ignore_broadcasts": "1",
    "net/ipv6/conf/all/disable_ipv6": "0", "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/lo/disable_ipv6": "0", "net/ipv6/conf/all/forwarding": "0", "net/ipv6/conf/all/accept_ra": "1",
    "net/unix/max_dgram_qlen": "512",
  ]
  static let uts = ["kernel/hostname", "kernel/domainname"]
  static let ipc = [
    "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni",
    "kernel/shm_rmid_forced", "fs/mqueue/msg_default", "fs/mqueue/msg_max", "fs/mqueue/msgsize_default",
    "fs/mqueue/msgsize_max", "fs/mqueue/queues_max",
  ]
  static let readOnly: Set<String> = [
    "kernel/ostype", "kernel/osrelease", "kernel/version", "kernel/cap_last_cap", "kernel/ngroups_max",
    "kernel/random/boot_id", "kernel/seccomp/actions_avail", "fs/file-nr",
  ]
  /// Every name, with folders as `/`.
  static let names: [String] = (Array(machine.keys) + network.keys + uts + ipc).sorted()
}

/// The names of `/proc/sys` as a tree, sorted.
struct SysctlTree: Sendable {
  /// Whole names of the files, by their last components.
  private(set) var files: [String: String] = [:]
  private(set) var folders: [String: SysctlTree] = [:]
  static let root = SysctlTree(below: "")

  private init(below prefix: String) {
    for name in Sysctl.names where name.hasPrefix(prefix) {
      let rest = name.dropFirst(prefix.utf8.count)
      guard let slash = rest.firstIndex(of: "/") else {
        files[String(rest)] = name
        continue
      }
      let part = String(rest[..<slash])
      if folders[part] == nil { folders[part] = SysctlTree(below: prefix + part + "/") }
    }
  }
}

/// A folder of `/proc/sys`: what is in it is made when it is asked for.
final class SysctlFolder: Inode {
  private let tree: SysctlTree
  private var made = NameTable<Inode>()

  init(_ fs: FileSystem, _ tree: SysctlTree = .root) {
    self.tree = tree
    super.init(fs: fs, kind: .directory, mode: 0o555, modified: fs.kernel.seconds)
  }

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    if let found = made.find(name, hash) { return found }
    let text = nameString(name)
    let inode: Inode
    if let folder = tree.folders[text] {
      inode = SysctlFolder(fs, folder)
    } else if let whole = tree.files[text] {
      inode = GeneratedFile(
        fs, mode: Sysctl.readOnly.contains(whole) ? 0o444 : 0o644,
        { kernel throws(Errno) in try kernel.sysctl(whole) + "\n" },
        store: { kernel, value throws(Errno) in try kernel.setSysctl(whole, value) })
    } else {
      return nil
    }
    inode.parent = self
    inode.name = text
    made.insert(text, inode)
    return inode
  }

  override func names() throws(Errno) -> [String] { (Array(tree.files.keys) + tree.folders.keys).sorted() }
  override func takeChildren() -> [Inode] {
    defer { made.removeAll() }
    return made.entries.map(\.value)
  }
}

extension KernelState {
  func sysctl(_ name: String) throws(Errno) -> String {
    guard let set = current?.namespaces ?? hostNamespaces else { throw .ESRCH }
    if name == "kernel/hostname" { return set.uts.hostname }
    if name == "kernel/domainname" { return set.uts.domainname }
    if name.hasPrefix("net/") { return set.network.sysctls[name] ?? Sysctl.network[name] ?? "" }
    if let value = set.ipc.sysctls[name] { return value }
    return sysctls[name] ?? ""
  }

  func setSysctl(_ name: String, _ value: String) throws(Errno) {
    guard let set = current?.namespaces else { throw .ESRCH }
    if Sysctl.uts.contains(name) { return try setHostname(value, domain: name.hasSuffix("domainname")) }
    if name.hasPrefix("net/") {
      guard credentials.has(.netAdmin, in: set.network.owner ?? initUser) else { throw .EPERM }
      set.network.sysctls[name] = try KernelState.numbers(value, like: Sysctl.network[name] ?? "")
      return
    }
    if let old = set.ipc.sysctls[name] {
      guard credentials.has(.sysResource, in: set.ipc.owner ?? initUser) || credentials.euid == 0 else { throw .EPERM }
      set.ipc.sysctls[name] = try KernelState.numbers(value, like: old)
      return
    }
    guard credentials.userNamespace.isInitial, credentials.euid == 0 || credentials.has(.sysAdmin, in: initUser) else {
      throw .EPERM
    }
    guard !Sysctl.readOnly.contains(name) else { throw .EACCES }
    sysctls[name] = try KernelState.numbers(value, like: sysctls[name] ?? "")
  }

  /// A new value of the form of the old one: as many whole numbers. EINVAL for anything else.
  private static func numbers(_ value: String, like old: String) throws(Errno) -> String {
    let fields = old.split(whereSeparator: { $0 == "\t" || $0 == " " })
    guard fields.allSatisfy({ Int64($0) != nil || UInt64($0) != nil }), !fields.isEmpty else { return value }
    let new = value.split(whereSeparator: { $0 == "\t" || $0 == " " })
    guard !new.isEmpty, new.count <= fields.count, new.allSatisfy({ Int64($0) != nil || UInt64($0) != nil }) else {
      throw .EINVAL
    }
    return (new + fields.dropFirst(new.count)).joined(separator: "\t")
  }
}
