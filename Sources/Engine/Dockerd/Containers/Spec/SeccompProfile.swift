import JSONTree
import OCISpec
import Seams

/// Docker's default seccomp profile: which system calls a container may make, by its capabilities and architecture
/// (github.com/moby/profiles, seccomp/default.json).
enum SeccompProfile {
  /// One rule, and for whom it holds.
  private struct Rule {
    let json: JSON
    /// GOARCH names; empty: all.
    var architectures: [String] = []
    /// Capabilities that the container must have.
    var capability: String?
    /// Capabilities that the container must not have.
    var withoutCapability: String?
  }

  /// What every process may call.
  private static let always = """
      accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
      clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
      clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create
      epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
      execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir
      fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork
      fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex
      futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64
      getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid
      getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
      get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32
      getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy
      io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill
      landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen
      listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise
      map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2
      mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
      mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall
      munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open
      pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv
      preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink
      readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat
      rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
      rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
      sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
      sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
      sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64
      send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
      setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
      setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address
      setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
      sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink
      symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
      timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
      timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat
      uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
    """

  private static func names(_ text: String) -> JSON {
    JSON(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  private static func allow(
    _ names: String, architectures: [String] = [], capability: String? = nil
  ) -> Rule {
    Rule(
      json: ["names": SeccompProfile.names(names), "action": "SCMP_ACT_ALLOW"], architectures: architectures,
      capability: capability)
  }

  private static func allow(_ name: String, argument value: Int64, _ comparison: String) -> Rule {
    Rule(json: [
      "names": [.string(name)], "action": "SCMP_ACT_ALLOW",
      "args": [["index": 0, "value": .int(value), "op": .string(comparison)]],
    ])
  }

  /// CLONE_NEWNS | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | NEWCGROUP.
  private static let cloneNamespaces: Int64 = 0x7e02_0000

  private static let rules: [Rule] = [
    allow(always),
    allow("process_vm_readv process_vm_writev ptrace"),
    // All address families but AF_ALG (38) and AF_VSOCK (40).
    allow("socket", argument: 38, "SCMP_CMP_LT"),
    allow("socket", argument: 39, "SCMP_CMP_EQ"),
    allow("socket", argument: 40, "SCMP_CMP_GT"),
    allow("personality", argument: 0, "SCMP_CMP_EQ"),
    allow("personality", argument: 0x0008, "SCMP_CMP_EQ"),
    allow("personality", argument: 0x20000, "SCMP_CMP_EQ"),
    allow("personality", argument: 0x20008, "SCMP_CMP_EQ"),
    allow("personality", argument: 0xffff_ffff, "SCMP_CMP_EQ"),
    allow("sync_file_range2 swapcontext", architectures: ["ppc64le"]),
    allow(
      "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
      architectures: ["arm", "arm64"]),
    allow("arch_prctl", architectures: ["amd64"]),
    allow("modify_ldt", architectures: ["amd64", "386"]),
    allow("s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", architectures: ["s390x"]),
    allow("riscv_flush_icache", architectures: ["riscv64"]),
    allow("open_by_handle_at", capability: "CAP_DAC_READ_SEARCH"),
    allow(
      """
      bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
      lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
      sethostname setns syslog umount umount2 unshare
      """, capability: "CAP_SYS_ADMIN"),
    Rule(
      json: [
        "names": ["clone"], "action": "SCMP_ACT_ALLOW",
        "args": [["index": 0, "value": .int(cloneNamespaces), "op": "SCMP_CMP_MASKED_EQ"]],
      ],
      architectures: ["amd64", "386", "arm", "arm64", "ppc64le", "riscv64", "loong64", "mips64le"],
      withoutCapability: "CAP_SYS_ADMIN"),
    Rule(
      json: [
        "names": ["clone"], "action": "SCMP_ACT_ALLOW",
        "args": [["index": 1, "value": .int(cloneNamespaces), "op": "SCMP_CMP_MASKED_EQ"]],
      ],
      // Its parameters come in another order there.
      architectures: ["s390x"], withoutCapability: "CAP_SYS_ADMIN"),
    // ENOSYS, so that the C library falls back to clone, whose flags can be filtered.
    Rule(
      json: ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38], withoutCapability: "CAP_SYS_ADMIN"),
    allow("reboot", capability: "CAP_SYS_BOOT"),
    allow("chroot", capability: "CAP_SYS_CHROOT"),
    allow("delete_module init_module finit_module", capability: "CAP_SYS_MODULE"),
    allow("acct", capability: "CAP_SYS_PACCT"),
    allow(
      "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace", capability: "CAP_SYS_PTRACE"),
    allow("iopl ioperm", capability: "CAP_SYS_RAWIO"),
    allow("settimeofday stime clock_settime clock_settime64", capability: "CAP_SYS_TIME"),
    allow("vhangup", capability: "CAP_SYS_TTY_CONFIG"),
    allow("get_mempolicy mbind set_mempolicy set_mempolicy_home_node", capability: "CAP_SYS_NICE"),
    allow("syslog", capability: "CAP_SYSLOG"),
    allow("bpf", capability: "CAP_BPF"),
    allow("perf_event_open", capability: "CAP_PERFMON"),
  ]

  /// libseccomp's names of an architecture and of those whose programs it also runs.
  private static func architectures(_ name: String) -> [String] {
    switch name {
    case "amd64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    case "arm64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    case "s390x": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"]
    case "riscv64": ["SCMP_ARCH_RISCV64"]
    case "loong64": ["SCMP_ARCH_LOONGARCH64"]
    default: []
    }
  }

  private static func build(capabilities: Set<String>, architecture: String) -> JSON {
    let syscalls = rules.filter { rule in
      (rule.architectures.isEmpty || rule.architectures.contains(architecture))
        && rule.capability.map(capabilities.contains) ?? true
        && !(rule.withoutCapability.map(capabilities.contains) ?? false)
    }
    var profile: JSONObject = ["defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1]
    let names = architectures(architecture)
    if !names.isEmpty { profile["architectures"] = JSON(names) }
    profile["syscalls"] = .array(syscalls.map(\.json))
    return .object(profile)
  }

  /// Encoded once: it is two thirds of every document that it is in.
  private static let ordinary = JSON.encoded(
    EncodedJSON(
      build(capabilities: Set(ContainerCapabilities.defaults), architecture: Platform.host.architecture)))

  /// The default profile for a process with these capabilities.
  static func standard(capabilities: [String], architecture: String) -> JSON {
    // Nearly every container has the default capabilities.
    if capabilities == ContainerCapabilities.defaults, architecture == Platform.host.architecture { return ordinary }
    return build(capabilities: Set(capabilities), architecture: architecture)
  }

  /// A profile of the user's, in the form of default.json: rules with `includes` and `excludes` are chosen, `archMap`
  /// becomes `architectures`. Throws `Decoding seccomp profile failed: …`.
  static func custom(_ text: String, capabilities: [String], architecture: String) throws(EngineError) -> JSON? {
    let json: JSON
    do { json = try JSON(parsing: text) } catch {
      throw EngineError(.unknown, "Decoding seccomp profile failed: \(error)")
    }
    guard let object = json.object else {
      throw EngineError(
        .unknown,
        "Decoding seccomp profile failed: json: cannot unmarshal \(json.kind) into Go value of type seccomp.Seccomp")
    }
    let rules = object["syscalls"]?.array ?? []
    let defaultAction = object["defaultAction"]?.string ?? ""
    if defaultAction.isEmpty, rules.isEmpty { return nil }
    let explicit = object["architectures"]?.array ?? []
    let map = object["archMap"]?.array ?? []
    if !explicit.isEmpty, !map.isEmpty {
      throw EngineError(
        .unknown,
        "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'"
      )
    }
    var profile: JSONObject = ["defaultAction": .string(defaultAction)]
    for name in ["defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"] {
      if let value = object[name], !value.isNull { profile[name] = value }
    }
    var names = explicit
    let native = architectures(architecture).first
    if let entry = map.first(where: { $0["architecture"]?.string == native }), let native {
      names = [.string(native)] + (entry["subArchitectures"]?.array ?? [])
    }
    if !names.isEmpty { profile["architectures"] = .array(names) }
    var syscalls: [JSON] = []
    for rule in rules {
      var names = rule["names"]?.strings ?? []
      if let name = rule["name"]?.string, !name.isEmpty {
        guard names.isEmpty else {
          throw EngineError(
            .unknown, "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")
        }
        names = [name]
      }
      guard holds(rule, capabilities: capabilities, architecture: architecture) else { continue }
      var call: JSONObject = ["names": JSON(names), "action": rule["action"] ?? ""]
      if let errno = rule["errnoRet"], !errno.isNull { call["errnoRet"] = errno }
      if let args = rule["args"], args.array.map({ !$0.isEmpty }) ?? false { call["args"] = args }
      syscalls.append(.object(call))
    }
    profile["syscalls"] = .array(syscalls)
    return .object(profile)
  }

  private static func holds(_ rule: JSON, capabilities: [String], architecture: String) -> Bool {
    if let excludes = rule["excludes"] {
      if excludes["arches"]?.strings?.contains(architecture) ?? false { return false }
      if excludes["caps"]?.strings?.contains(where: capabilities.contains) ?? false { return false }
    }
    if let includes = rule["includes"] {
      if let arches = includes["arches"]?.strings, !arches.isEmpty, !arches.contains(architecture) { return false }
      if let caps = includes["caps"]?.strings, !caps.allSatisfy(capabilities.contains) { return false }
    }
    return true
  }
}
