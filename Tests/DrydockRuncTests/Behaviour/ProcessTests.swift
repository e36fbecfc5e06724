import Glibc
import JSONTree
import Testing

@Suite("The container's process", .requireRoot)
struct ProcessTests {
  /// Capability numbers (linux/capability.h).
  private let chown: UInt64 = 1 << 0, kill: UInt64 = 1 << 5, netRaw: UInt64 = 1 << 13, sysChroot: UInt64 = 1 << 18

  private func sets(_ outcome: Outcome) -> [String: UInt64] {
    var sets: [String: UInt64] = [:]
    for line in outcome.lines where line.hasPrefix("Cap") {
      sets[String(line.words[0].dropLast())] = UInt64(line.words[1], radix: 16)
    }
    return sets
  }

  @Test("capabilities in five sets")
  func capabilities() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/status") {
        $0["process.capabilities"] = [
          "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT"],
          "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "effective": ["CAP_CHOWN", "CAP_KILL"],
          "inheritable": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_KILL"],
        ]
        $0["process.user"] = ["uid": 1000, "gid": 1000]
        $0.args = ["cat", "/proc/self/status"]
      }
      // A program that is run by another user than root keeps what is ambient: permitted and effective follow from execve.
      #expect(
        sets(outcome) == [
          "CapBnd": chown | kill | netRaw | sysChroot, "CapInh": chown | kill, "CapPrm": kill, "CapEff": kill,
          "CapAmb": kill,
        ], "\(outcome)")
    }
  }

  @Test("root has what the bounding set leaves it")
  func rootCapabilities() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/status") {
        $0["process.capabilities"] = [
          "bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
          "effective": ["CAP_CHOWN", "CAP_KILL"],
        ]
      }
      #expect(
        sets(outcome) == [
          "CapBnd": chown | kill, "CapInh": 0, "CapPrm": chown | kill, "CapEff": chown | kill, "CapAmb": 0,
        ],
        "\(outcome)")
    }
  }

  @Test("without capabilities there are none")
  func noCapabilities() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/status") { $0["process.capabilities"] = nil }
      #expect(Set(sets(outcome).values) == [0], "\(outcome)")
    }
  }

  @Test("an unknown capability is a warning, not a failure")
  func unknownCapability() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.append("process.capabilities.bounding", "CAP_WALK_ON_WATER") }
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.stderr.contains("CAP_WALK_ON_WATER"), "\(outcome)")
    }
  }

  @Test("no_new_privs", arguments: [true, false])
  func noNewPrivileges(_ value: Bool) throws {
    try Sandbox.with { box in
      let outcome = try box.run("grep NoNewPrivs /proc/self/status") { $0["process.noNewPrivileges"] = .bool(value) }
      #expect(outcome.stdout.words.last == (value ? "1" : "0"), "\(outcome)")
    }
  }

  @Test("rlimits")
  func rlimits() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/limits") {
        $0["process.rlimits"] = [
          ["type": "RLIMIT_NOFILE", "soft": 100, "hard": 200], ["type": "RLIMIT_CORE", "soft": 0, "hard": 0],
          ["type": "RLIMIT_FSIZE", "soft": 1_000_000, "hard": 2_000_000],
          ["type": "RLIMIT_STACK", "soft": 4_000_000, "hard": 4_000_000],
        ]
      }
      func limit(_ name: String) -> [String] {
        outcome.lines.first { $0.hasPrefix(name) }.map { Array(String($0.dropFirst(26)).words.prefix(2)) } ?? []
      }
      #expect(limit("Max open files") == ["100", "200"], "\(outcome)")
      #expect(limit("Max core file size") == ["0", "0"])
      #expect(limit("Max file size") == ["1000000", "2000000"])
      #expect(limit("Max stack size") == ["4000000", "4000000"])
    }
  }

  @Test("an unknown rlimit is refused")
  func unknownRlimit() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0["process.rlimits"] = [["type": "RLIMIT_RUM", "soft": 1, "hard": 1]] }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("RLIMIT_RUM"), "\(outcome)")
    }
  }

  @Test("user, group, additional groups and umask")
  func user() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "id -u; id -g; grep Groups /proc/self/status; umask; touch /tmp/f; stat -c '%a %u %g' /tmp/f"
      ) {
        $0["process.user"] = ["uid": 1000, "gid": 1001, "additionalGids": [10, 20, 3000], "umask": 0o027]
      }
      #expect(outcome.lines == ["1000", "1001", "Groups:\t10 20 3000 ", "0027", "640 1000 1001"], "\(outcome)")
    }
  }

  @Test("without additional groups there are none, not the caller's")
  func noGroups() throws {
    try Sandbox.with { box in
      let outcome = try box.run("grep Groups /proc/self/status")
      #expect(outcome.stdout.words == ["Groups:"] || outcome.stdout.words == ["Groups:", "0"], "\(outcome)")
    }
  }

  @Test("the environment is the configuration's and nothing else")
  func environment() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle {
        $0["process.env"] = ["PATH=/bin", "SEA=deep blue", "EMPTY=", "TWICE=1", "TWICE=2"]
        $0.args = ["env"]
      }
      let outcome = try box.runtime(["run", "--bundle", bundle.path, box.id()], environment: ["LEAK=yes"])
      // HOME is added when it is not given.
      #expect(outcome.lines == ["PATH=/bin", "SEA=deep blue", "EMPTY=", "TWICE=2", "HOME=/root"], "\(outcome)")
    }
  }

  @Test("the working directory; a missing one is made")
  func workingDirectory() throws {
    try Sandbox.with { box in
      let there = try box.run("pwd", "a") { $0["process.cwd"] = "/usr" }
      #expect(there.lines == ["/usr"])
      let made = try box.run("pwd; stat -c %a .", "b") { $0["process.cwd"] = "/not/yet/here" }
      #expect(made.lines == ["/not/yet/here", "755"])
    }
  }

  @Test("a working directory must be absolute")
  func relativeWorkingDirectory() throws {
    try Sandbox.with { box in
      let outcome = try box.run("pwd") { $0["process.cwd"] = "usr" }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("absolute"), "\(outcome)")
    }
  }

  @Test("the program is looked for in the container's PATH")
  func path() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") {
        $0["process.env"] = ["PATH=/nowhere:/opt/tools"]
        $0.args = ["tool", "a b", ""]
      } prepare: {
        try Files.makeDirectory("\($0.rootfs)/opt")
        try Files.makeDirectory("\($0.rootfs)/opt/tools")
        try Files.write("#!/bin/sh\necho \"$0|$1|$2|$#\"\n", to: "\($0.rootfs)/opt/tools/tool", mode: 0o755)
      }
      #expect(outcome.stdout == "/opt/tools/tool|a b||2\n", "\(outcome)")
    }
  }

  @Test("a program that is not in PATH")
  func notInPath() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") { $0.args = ["no-such-program"] }
      #expect(!outcome.succeeded)
      #expect(
        outcome.stderr.contains("exec: \\\"no-such-program\\\": executable file not found in $PATH"), "\(outcome)")
    }
  }

  @Test("a program that is not there")
  func notThere() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") { $0.args = ["/no/such/program"] }
      #expect(!outcome.succeeded)
      #expect(
        outcome.stderr.contains("exec: \\\"/no/such/program\\\": stat /no/such/program: no such file or directory"),
        "\(outcome)")
    }
  }

  @Test("a program that may not be executed")
  func notExecutable() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") { $0.args = ["/etc/passwd"] }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("permission denied"), "\(outcome)")
    }
  }

  @Test("stdin reaches the process, stdout and stderr are apart")
  func streams() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "cat; echo oops >&2" }
      let outcome = try box.runtime(["run", "--bundle", bundle.path, box.id()], stdin: "from afar\n")
      #expect(outcome.stdout == "from afar\n", "\(outcome)")
      #expect(outcome.stderr == "oops\n")
    }
  }

  @Test(
    "the exit status is the process's own; 128+n when signal n ended it",
    arguments: [
      ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$; sleep 5", 143), ("kill -KILL $$; sleep 5", 137),
    ])
  func exitStatus(_ script: String, _ status: Int32) throws {
    try Sandbox.with { box in
      // Not process 1, which no signal of its own ends.
      let outcome = try box.run("") {
        $0.removeNamespace("pid")
        $0.script = script
      }
      #expect(outcome.status == status, "\(outcome)")
    }
  }

  @Test("a signal sent to run is passed on to the process")
  func forwardedSignal() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle {
        $0.script = "trap 'echo hup; exit 9' HUP; touch /ready; while :; do sleep 0.02; done"
      }
      let child = try box.start(["run", "--bundle", bundle.path, box.id()])
      #expect(becomesTrue { Files.exists("\(bundle.rootfs)/ready") })
      child.kill(SIGHUP)
      let outcome = try child.wait()
      #expect(outcome.stdout == "hup\n", "\(outcome)")
      #expect(outcome.status == 9)
    }
  }

  @Test("oom_score_adj")
  func oomScore() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/oom_score_adj") { $0["process.oomScoreAdj"] = 321 }
      #expect(outcome.lines == ["321"], "\(outcome)")
    }
  }

  @Test("scheduler", .ours)
  func scheduler() throws {
    try Sandbox.with { box in
      // Fields 19 and 41: nice value, policy (3: SCHED_BATCH).
      let outcome = try box.run("awk '{print $19, $41}' /proc/self/stat") {
        $0["process.scheduler"] = ["policy": "SCHED_BATCH", "nice": 5]
      }
      #expect(outcome.lines == ["5 3"], "\(outcome)")
    }
  }

  @Test("I/O priority", .ours)
  func ioPriority() throws {
    try Sandbox.with { box in
      let outcome = try box.run("ionice -p $$") {
        $0["process.ioPriority"] = ["class": "IOPRIO_CLASS_BE", "priority": 6]
      }
      #expect(outcome.stdout.contains("best-effort: prio 6"), "\(outcome)")
    }
  }

  @Test("personality", .newerThanRunc)
  func personality() throws {
    try Sandbox.with { box in
      let outcome = try box.run("uname -m; cat /proc/self/personality") {
        $0["linux.personality"] = ["domain": "LINUX32"]
      }
      #expect(outcome.lines.first == "i686", "\(outcome)")
      #expect(outcome.lines.last == "00000008")
    }
  }

  @Test("CPU affinity of an exec: first the initial, then the final set", .ours)
  func affinity() throws {
    try Sandbox.with { box in
      let container = try box.started { $0["process.execCPUAffinity"] = ["initial": "0", "final": "0"] }
      let outcome = try container.exec("grep Cpus_allowed_list /proc/self/status")
      #expect(outcome.stdout.words.last == "0", "\(outcome)")
    }
  }

  @Test("sysctls of the container's own namespaces")
  func sysctls() throws {
    try Sandbox.with { box in
      let host = try Files.text("/proc/sys/kernel/msgmax")
      let outcome = try box.run(
        "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward /proc/sys/fs/mqueue/msg_max /proc/sys/net/ipv4/ip_unprivileged_port_start"
      ) {
        $0["linux.sysctl"] = [
          "kernel.msgmax": "12345", "net.ipv4.ip_forward": "1", "fs.mqueue.msg_max": "15",
          "net/ipv4/ip_unprivileged_port_start": "80",
        ]
      }
      #expect(outcome.lines == ["12345", "1", "15", "80"], "\(outcome)")
      #expect(try Files.text("/proc/sys/kernel/msgmax") == host)
    }
  }

  @Test("the loopback interface of a new network namespace is up")
  func loopback() throws {
    try Sandbox.with { box in
      let outcome = try box.run("ifconfig lo; ip -o link | wc -l")
      #expect(outcome.stdout.contains("UP"), "\(outcome)")
      #expect(outcome.stdout.contains("127.0.0.1"))
    }
  }

  @Test("no descriptor but 0 to 2 reaches the process; --preserve-fds adds the next")
  func descriptors() throws {
    try Sandbox.with { box in
      try Files.write("three", to: "\(box.folder)/3")
      try Files.write("four", to: "\(box.folder)/4")
      let fds = [open("\(box.folder)/3", O_RDONLY | O_CLOEXEC), open("\(box.folder)/4", O_RDONLY | O_CLOEXEC)]
      defer { for fd in fds { close(fd) } }
      let script = "ls /proc/$$/fd; cat <&3"
      let bundle = try box.bundle { $0.script = script }
      let without = try box.runtime(["run", "--bundle", bundle.path, box.id()], extra: fds)
      #expect(Set(without.lines).subtracting(["0", "1", "2", "10"]).isEmpty, "\(without)")
      let with = try box.runtime(["run", "--preserve-fds", "1", "--bundle", bundle.path, box.id()], extra: fds)
      #expect(Set(with.lines).subtracting(["0", "1", "2", "10"]) == ["3", "three"], "\(with)")
    }
  }

  @Test("/.dockerenv and the caller's session keyring do not leak: the process has a keyring of its own")
  func keyring() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/keys") { $0["linux.maskedPaths"] = [] }
      #expect(outcome.stdout.contains("_ses.\(box.id())"), "\(outcome)")
    }
  }

  @Test("annotations do not change the process")
  func annotations() throws {
    try Sandbox.with { box in
      let container = try box.started {
        $0["annotations"] = ["a.b": "c", "long": .string(String(repeating: "x", count: 10000))]
      }
      #expect(try container.state()["annotations"]?["a.b"]?.string == "c")
    }
  }
}
