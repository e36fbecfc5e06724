import Glibc
import JSONTree
import Testing

@Suite("Seccomp", .requireRoot)
struct SeccompTests {
  /// A filter that allows everything but the rules.
  private func filter(_ rules: [JSON], more: [String: JSON] = [:]) -> JSON {
    var filter: JSON = [
      "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      "syscalls": .array(rules),
    ]
    for (key, value) in more.sorted(by: { $0.key < $1.key }) { filter[key] = value }
    return filter
  }

  private func rule(_ action: String, _ names: [String] = ["mkdir", "mkdirat"]) -> JSON {
    ["names": JSON(names), "action": .string(action)]
  }

  /// mkdir under a filter; the outcome of the container.
  private func makeDirectory(_ rule: JSON, script: String = "mkdir /tmp/x; echo $?") throws -> Outcome {
    var outcome: Outcome?
    try Sandbox.with { box in
      outcome = try box.run(script) { $0["linux.seccomp"] = filter([rule]) }
    }
    return try #require(outcome)
  }

  @Test("the filter is loaded")
  func loaded() throws {
    let outcome = try makeDirectory(rule("SCMP_ACT_ERRNO"), script: "grep ^Seccomp: /proc/self/status")
    #expect(outcome.stdout.words.last == "2", "\(outcome)")
  }

  @Test("ERRNO is EPERM unless the rule says another")
  func errno() throws {
    let plain = try makeDirectory(rule("SCMP_ACT_ERRNO"))
    #expect(plain.stderr.contains("Operation not permitted"), "\(plain)")
    var other = rule("SCMP_ACT_ERRNO")
    other["errnoRet"] = 28
    let full = try makeDirectory(other)
    #expect(full.stderr.contains("No space left on device"), "\(full)")
  }

  @Test(
    "KILL, KILL_THREAD, KILL_PROCESS and TRAP end the caller with SIGSYS",
    arguments: ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
  func kill(_ action: String) throws {
    let outcome = try makeDirectory(rule(action))
    #expect(outcome.lines == ["159"], "\(outcome)")
  }

  @Test("TRACE without a tracer is ENOSYS, LOG and ALLOW let it pass")
  func others() throws {
    let trace = try makeDirectory(rule("SCMP_ACT_TRACE"))
    #expect(trace.stderr.contains("Function not implemented"), "\(trace)")
    for action in ["SCMP_ACT_LOG", "SCMP_ACT_ALLOW"] {
      let outcome = try makeDirectory(rule(action))
      #expect(outcome.lines == ["0"], "\(outcome)")
    }
  }

  @Test(
    "rules on arguments",
    arguments: [
      ("SCMP_CMP_EQ", 15, "EPERM"), ("SCMP_CMP_EQ", 16, "ok"), ("SCMP_CMP_NE", 15, "ok"), ("SCMP_CMP_NE", 16, "EPERM"),
      ("SCMP_CMP_LT", 16, "EPERM"), ("SCMP_CMP_LE", 15, "EPERM"), ("SCMP_CMP_GT", 15, "ok"),
      ("SCMP_CMP_GE", 15, "EPERM"),
    ])
  func arguments(_ comparison: String, _ value: Int, _ expected: String) throws {
    // kill(pid, SIGTERM = 15)
    var rule = rule("SCMP_ACT_ERRNO", ["kill"])
    rule["args"] = [["index": 1, "value": JSON(value), "op": .string(comparison)]]
    let outcome = try makeDirectory(rule, script: "sleep 5 & kill -15 $! && echo ok || echo EPERM")
    #expect(outcome.lines == [expected], "\(outcome)")
  }

  @Test("masked comparison")
  func masked() throws {
    // chmod(path, mode): refuse whatever has the set-user-id bit.
    var rule = rule("SCMP_ACT_ERRNO", ["chmod"])
    rule["args"] = [["index": 1, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"]]
    let outcome = try makeDirectory(
      rule, script: "touch /tmp/f; chmod 755 /tmp/f && echo ok; chmod 4755 /tmp/f || echo refused")
    #expect(outcome.lines == ["ok", "refused"], "\(outcome)")
  }

  @Test("a default action refuses what no rule names, with its own errno")
  func defaultAction() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") {
        $0.args = ["mkdir", "/tmp/x"]
        $0["linux.seccomp"] = [
          "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 28,
          "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
          "syscalls": [
            [
              "names": [
                "access", "arch_prctl", "brk", "capset", "chdir", "close", "close_range", "dup", "dup2", "dup3",
                "execve",
                "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fchdir", "fchown", "fcntl", "fstat",
                "fstatfs",
                "futex", "getcwd", "getdents64", "geteuid", "getgid", "getpgrp", "getpid", "getppid", "getrandom",
                "gettid",
                "getuid", "ioctl", "kill", "lseek", "madvise", "mmap", "mprotect", "mremap", "munmap", "nanosleep",
                "newfstatat", "open", "openat", "openat2", "pipe2", "poll", "ppoll", "prctl", "pread64", "prlimit64",
                "read",
                "readlink", "readlinkat", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity",
                "sched_yield", "sendmsg", "set_robust_list", "set_tid_address", "setgid", "setgroups", "setresgid",
                "setresuid", "setuid", "sigaltstack", "stat", "statfs", "statx", "sysinfo", "tgkill", "umask", "uname",
                "wait4", "waitid", "write", "writev", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2",
              ], "action": "SCMP_ACT_ALLOW",
            ]
          ],
        ]
      }
      #expect(outcome.stderr.contains("No space left on device"), "\(outcome)")
    }
  }

  @Test(
    "flags", .newerThanRunc,
    arguments: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"])
  func flags(_ flag: String) throws {
    try Sandbox.with { box in
      let outcome = try box.run("mkdir /tmp/x") {
        $0["linux.seccomp"] = filter([rule("SCMP_ACT_ERRNO")], more: ["flags": [.string(flag)]])
      }
      #expect(outcome.stderr.contains("Operation not permitted"), "\(outcome)")
    }
  }

  @Test("it also holds for exec")
  func exec() throws {
    try Sandbox.with { box in
      let container = try box.started { $0["linux.seccomp"] = filter([rule("SCMP_ACT_ERRNO")]) }
      #expect(try container.exec("mkdir /tmp/x").stderr.contains("Operation not permitted"))
    }
  }

  @Test("without no_new_privs it is loaded too, while the runtime still may")
  func withoutNoNewPrivileges() throws {
    try Sandbox.with { box in
      let outcome = try box.run("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status") {
        $0["process.noNewPrivileges"] = false
        $0["linux.seccomp"] = filter([rule("SCMP_ACT_ERRNO")])
      }
      #expect(outcome.lines.map { $0.words.last } == ["0", "2"], "\(outcome)")
    }
  }

  @Test("NOTIFY: the descriptor goes to the listener, with the container's state")
  func notify() throws {
    try Sandbox.with { box in
      let listener = try Listener(path: "\(box.folder)/notify.sock")
      let bundle = try box.bundle {
        $0.script = "mkdir /tmp/x; echo $?"
        $0["linux.seccomp"] = filter(
          [rule("SCMP_ACT_NOTIFY")],
          more: ["listenerPath": .string(listener.path), "listenerMetadata": "harbour master"])
      }
      let child = try box.start(["run", "--bundle", bundle.path, box.id()])
      let (message, fd) = try listener.receive()
      let state = try JSON(parsing: message)
      #expect(state["fds"]?.strings == ["seccompFd"], "\(state)")
      #expect(state["metadata"]?.string == "harbour master")
      #expect(state["state"]?["id"]?.string == box.id())
      #expect((state["pid"]?.int ?? 0) > 0)
      // A call waits for an answer; when the descriptor is closed there will be none.
      #expect(poll(fd, 10))
      #expect(!child.hasEnded)
      close(fd)
      let outcome = try child.wait()
      #expect(outcome.stderr.contains("Function not implemented"), "\(outcome)")
    }
  }

  @Test("NOTIFY needs a listener")
  func notifyWithoutListener() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0["linux.seccomp"] = filter([rule("SCMP_ACT_NOTIFY")]) }
      #expect(!outcome.succeeded, "\(outcome)")
    }
  }

  @Test("a syscall that nobody knows is passed over")
  func unknownName() throws {
    let outcome = try makeDirectory(rule("SCMP_ACT_ERRNO", ["mkdir", "mkdirat", "swim"]))
    #expect(outcome.stderr.contains("Operation not permitted"), "\(outcome)")
  }

  @Test("an unknown action, operator or architecture is refused by its name")
  func unknownWords() throws {
    try Sandbox.with { box in
      let action = try box.run("true", "a") { $0["linux.seccomp"] = filter([rule("SCMP_ACT_DROWN")]) }
      #expect(!action.succeeded)
      #expect(action.stderr.contains("SCMP_ACT_DROWN"), "\(action)")
      let arch = try box.run("true", "b") {
        $0["linux.seccomp"] = filter([], more: ["architectures": ["SCMP_ARCH_PDP11"]])
      }
      #expect(!arch.succeeded)
      #expect(arch.stderr.contains("SCMP_ARCH_PDP11"), "\(arch)")
      var operation = rule("SCMP_ACT_ERRNO")
      operation["args"] = [["index": 0, "value": 1, "op": "SCMP_CMP_SOMEHOW"]]
      let comparison = try box.run("true", "c") { $0["linux.seccomp"] = filter([operation]) }
      #expect(!comparison.succeeded)
      #expect(comparison.stderr.contains("SCMP_CMP_SOMEHOW"), "\(comparison)")
    }
  }
}
