import OCISpec
import Runtime

/// What the simulated host has on its disk, and what its init has mounted.
extension KernelState {
  /// Names under which the host's busybox stands in /bin.
  static let applets = [
    "[", "ash", "awk", "base64", "basename", "cat", "chgrp", "chmod", "chown", "clear", "cmp", "cp", "cut", "date",
    "dd",
    "df", "diff", "dirname", "dmesg", "du", "echo", "egrep", "env", "expr", "false", "fgrep", "find", "free", "grep",
    "groups", "gunzip", "gzip", "head", "hexdump", "hostname", "id", "ifconfig", "ip", "kill", "killall", "less", "ln",
    "ls", "lsof", "md5sum", "mkdir", "mkfifo", "mknod", "mktemp", "more", "mount", "mv", "nc", "netstat", "nice",
    "nohup", "nproc", "nslookup", "pgrep", "pidof", "ping", "pkill", "printenv", "printf", "ps", "pwd", "readlink",
    "realpath", "renice", "rm", "rmdir", "route", "sed", "seq", "sh", "sha256sum", "sleep", "sort", "stat", "stty",
    "su", "sync", "tail", "tar", "tee", "test", "time", "timeout", "top", "touch", "tr", "traceroute", "true",
    "truncate",
    "tty", "umount", "uname", "uniq", "unlink", "uptime", "usleep", "vi", "watch", "wc", "wget", "which", "who",
    "whoami",
    "xargs", "yes", "zcat",
  ]

  /// Fills the disk and mounts what init mounts. Every step is one that Linux could take; none can fail on a new host.
  func furnish(hostname: String) {
    do throws(Errno) {
      try makeFolders()
      try makeFiles(hostname: hostname)
      try mountVirtual()
      try makeDevices()
      try makeCgroups()
    } catch {
      preconditionFailure("the simulated host does not boot: \(error.name)")
    }
  }

  private func makeFolders() throws(Errno) {
    for path in [
      "/boot", "/dev", "/etc/docker", "/home", "/media", "/mnt", "/opt", "/proc", "/run", "/srv", "/sys", "/usr/bin",
      "/usr/sbin", "/usr/lib", "/usr/share", "/usr/local/bin", "/usr/local/sbin", "/var/lib/docker",
      "/var/lib/containerd",
      "/var/log", "/var/cache", "/opt/containerd",
    ] {
      try mkdirs(path, mode: 0o755)
    }
    try mkdir("/root", mode: 0o700)
    for path in ["/tmp", "/var/tmp"] as [KernelPath] {
      try mkdir(path, mode: 0o777)
      try chmod(path, mode: 0o1777)
    }
    for (target, link) in [
      ("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("/run", "/var/run"), ("usr/lib", "/lib64"),
    ] {
      try symlink(target, KernelPath(link))
    }
  }

  /// A file with its content; `size` is what it claims to have.
  func put(_ path: String, _ content: [UInt8], mode: UInt32, size: Int64? = nil) throws(Errno) {
    let (folder, name) = try resolveParent(path)
    var new = NewInode(kind: .file, mode: mode, modified: seconds, content: content)
    new.declaredSize = size
    _ = try folder.inode.create(name, new)
  }

  private func makeFiles(hostname: String) throws(Errno) {
    let texts: [(String, String)] = [
      ("/etc/hostname", hostname + "\n"),
      ("/etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\t\(hostname)\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
      ("/etc/resolv.conf", "nameserver \(SimNetwork.hostResolver)\n"),
      ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
      (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
          + "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
          + "learner:x:1000:1000:learner:/home/learner:/bin/sh\n"
      ),
      (
        "/etc/group",
        "root:x:0:\ndaemon:x:1:\ntty:x:5:\ndocker:x:999:learner\nnogroup:x:65534:\nlearner:x:1000:\n"
      ),
      ("/etc/subuid", "dockremap:100000:65536\nlearner:165536:65536\n"),
      ("/etc/subgid", "dockremap:100000:65536\nlearner:165536:65536\n"),
      (
        "/etc/os-release",
        "PRETTY_NAME=\"Drydock OS (simulated)\"\nNAME=\"Drydock OS\"\nID=drydock\nVERSION_ID=\"1\"\n"
      ),
      ("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n"),
      ("/etc/shells", "/bin/sh\n"),
      ("/etc/profile", "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"),
    ]
    for (path, text) in texts { try put(path, Array(text.utf8), mode: 0o644) }
    try mkdir("/home/learner", mode: 0o755)
    try chown("/home/learner", uid: 1000, gid: 1000)
    try put("/usr/bin/busybox", ProgramTable.executable("busybox"), mode: 0o755, size: 1_131_168)
    for name in KernelState.applets { try symlink("busybox", KernelPath("/usr/bin/\(name)")) }
    let parts: [(String, Int64)] = [
      ("/usr/sbin/init", 1_731_400), ("/usr/bin/docker", 43_128_864), ("/usr/bin/dockerd", 107_415_776),
      ("/usr/bin/containerd", 44_093_264), ("/usr/bin/containerd-shim-runc-v2", 13_389_976),
      ("/usr/bin/ctr", 23_191_704), ("/usr/bin/docker-proxy", 2_091_248), ("/usr/bin/docker-init", 708_808),
      ("/usr/sbin/runc", 14_418_168), ("/usr/bin/crun", 412_176), ("/usr/bin/nft", 26_872),
      ("/usr/bin/curl", 331_808), ("/usr/local/bin/aws", 6_840_712),
    ]
    for (path, size) in parts {
      let name = String(path.split(separator: "/").last ?? "")
      try put(path, ProgramTable.executable(name), mode: 0o755, size: size)
    }
    try symlink("/usr/sbin/runc", "/usr/bin/runc")
  }

  private func mountVirtual() throws(Errno) {
    let safe = ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC", "MS_RELATIME"]
    try mount(source: "proc", target: "/proc", type: "proc", flags: safe, data: "")
    try mount(source: "sysfs", target: "/sys", type: "sysfs", flags: safe, data: "")
    try mount(source: "udev", target: "/dev", type: "devtmpfs", flags: ["MS_NOSUID", "MS_RELATIME"], data: "")
    for folder in ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/net", "/dev/hugepages"] {
      try mkdir(KernelPath(folder), mode: 0o755)
    }
    try mount(
      source: "devpts", target: "/dev/pts", type: "devpts", flags: ["MS_NOSUID", "MS_NOEXEC", "MS_RELATIME"],
      data: "gid=5,mode=620,ptmxmode=000")
    try mount(source: "tmpfs", target: "/dev/shm", type: "tmpfs", flags: ["MS_NOSUID", "MS_NODEV"], data: "")
    try mount(source: "mqueue", target: "/dev/mqueue", type: "mqueue", flags: safe, data: "")
    try mount(
      source: "tmpfs", target: "/run", type: "tmpfs", flags: ["MS_NOSUID", "MS_NODEV"],
      data: "size=\(memory / 5120)k,mode=755")
    for folder in ["/run/docker", "/run/containerd", "/run/lock", "/run/netns"] { try mkdirs(folder, mode: 0o755) }
    try mknod("/run/docker.sock", kind: .socket, mode: 0o660, .whiteout)
    try chmod("/run/docker.sock", mode: 0o660)
    try chown("/run/docker.sock", uid: 0, gid: 999)
    if hierarchies.contains(where: { !$0.isUnified }) {
      try mount(
        source: "tmpfs", target: "/sys/fs/cgroup", type: "tmpfs", flags: ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"],
        data: "mode=755")
      for hierarchy in hierarchies where !hierarchy.isUnified {
        let folder = KernelPath("/sys/fs/cgroup/\(hierarchy.name)")
        try mkdir(folder, mode: 0o755)
        try mount(source: "cgroup", target: folder, type: "cgroup", flags: safe, data: hierarchy.name)
        let names = hierarchy.name.split(separator: ",")
        if names.count > 1 { for name in names { try symlink(hierarchy.name, KernelPath("/sys/fs/cgroup/\(name)")) } }
      }
      try mkdir("/sys/fs/cgroup/unified", mode: 0o755)
      try mount(source: "cgroup2", target: "/sys/fs/cgroup/unified", type: "cgroup2", flags: safe, data: "")
    } else {
      try mount(source: "cgroup2", target: "/sys/fs/cgroup", type: "cgroup2", flags: safe, data: "")
    }
    // As systemd does: everything is shared, unless somebody says otherwise.
    try mount(source: "", target: "/", type: "", flags: ["MS_REC", "MS_SHARED"], data: "")
  }

  private func makeDevices() throws(Errno) {
    let devices: [(String, InodeKind, UInt32, UInt32, UInt32, UInt32)] = [
      ("null", .characterDevice, 0o666, 0, 1, 3), ("zero", .characterDevice, 0o666, 0, 1, 5),
      ("full", .characterDevice, 0o666, 0, 1, 7), ("random", .characterDevice, 0o666, 0, 1, 8),
      ("urandom", .characterDevice, 0o666, 0, 1, 9), ("kmsg", .characterDevice, 0o644, 0, 1, 11),
      ("tty", .characterDevice, 0o666, 5, 5, 0), ("console", .characterDevice, 0o600, 5, 5, 1),
      ("ptmx", .characterDevice, 0o666, 5, 5, 2), ("fuse", .characterDevice, 0o666, 0, 10, 229),
      ("net/tun", .characterDevice, 0o666, 0, 10, 200), ("kvm", .characterDevice, 0o660, 0, 10, 232),
      ("rtc0", .characterDevice, 0o600, 0, 252, 0), ("snd", .directory, 0o755, 0, 0, 0),
      ("vda", .blockDevice, 0o660, 6, 252, 0), ("vda1", .blockDevice, 0o660, 6, 252, 1),
      ("loop0", .blockDevice, 0o660, 6, 7, 0), ("ttyS0", .characterDevice, 0o620, 5, 4, 64),
    ]
    for (name, kind, mode, group, major, minor) in devices {
      let path = KernelPath("/dev/\(name)")
      if kind == .directory {
        try mkdir(path, mode: mode)
        continue
      }
      try mknod(path, kind: kind, mode: mode, DeviceNumber(major: major, minor: minor))
      try chmod(path, mode: mode)
      if group != 0 { try chown(path, uid: 0, gid: group) }
    }
    for (target, link) in [
      ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"), ("/proc/self/fd/1", "/dev/stdout"),
      ("/proc/self/fd/2", "/dev/stderr"),
    ] {
      try symlink(target, KernelPath(link))
    }
  }

  /// init.scope for pid 1, system.slice for services, and the controllers handed down to them.
  private func makeCgroups() throws(Errno) {
    for hierarchy in hierarchies {
      let root = hierarchy.root!
      if hierarchy.isUnified { root.subtree = hierarchy.controllers.intersection(Controller.handedDown) }
      for name in ["init.scope", "system.slice", "user.slice"] { _ = try root.create(name, folder) }
      if let slice = root.find("system.slice") {
        if hierarchy.isUnified { slice.subtree = root.subtree }
        for name in ["docker.service", "containerd.service"] { _ = try slice.create(name, folder) }
      }
      if let scope = root.find("init.scope") { try move(initProcess, to: scope) }
    }
  }

  private var folder: NewInode { NewInode(kind: .directory, mode: 0o755, modified: seconds) }
}

extension Controller {
  /// What version 2's root hands down.
  static let handedDown: Controller = [.cpuset, .cpu, .io, .memory, .hugetlb, .pids, .rdma, .misc]
}
