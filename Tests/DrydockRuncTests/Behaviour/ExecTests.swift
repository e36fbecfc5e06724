import Glibc
import JSONTree
import Testing

@Suite("exec", .requireRoot)
struct ExecTests {
  @Test("a process in the namespaces and the root of the container")
  func namespaces() throws {
    try Sandbox.with { box in
      let container = try box.started {
        $0.namespace("cgroup")
        $0["hostname"] = "anchor"
      }
      let script = "for n in cgroup ipc mnt net pid uts; do readlink /proc/self/ns/$n; done"
      let inside = try container.exec("\(script); hostname; echo $PPID")
      let pid = try container.pid()
      let expected = try ["cgroup", "ipc", "mnt", "net", "pid", "uts"].map {
        try Files.target(ofLink: "/proc/\(pid)/ns/\($0)")
      }
      #expect(Array(inside.lines.prefix(6)) == expected, "\(inside)")
      #expect(inside.lines.suffix(2) == ["anchor", "0"])
    }
  }

  @Test("it is in the container's cgroup")
  func cgroup() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try container.exec("cat /proc/self/cgroup")
      #expect(Set(Container.memberships(in: outcome.stdout)) == ["/\(container.id)"], "\(outcome)")
    }
  }

  @Test("in a user namespace")
  func userNamespace() throws {
    try Sandbox.with { box in
      let container = try box.started { $0.mapUsers() }
      let outcome = try container.exec("id -u; readlink /proc/self/ns/user; cat /proc/self/status")
      #expect(outcome.lines.first == "0", "\(outcome)")
      #expect(outcome.lines[1] == (try Files.target(ofLink: "/proc/\(try container.pid())/ns/user")))
    }
  }

  @Test(
    "its exit status, 128+n when a signal ended it", arguments: [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137)])
  func exitStatus(_ script: String, _ status: Int32) throws {
    try Sandbox.with { box in
      let container = try box.started()
      #expect(try container.exec(script).status == status)
    }
  }

  @Test("--user, --cwd, --env, --additional-gids")
  func flags() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try container.exec(
        "id -u; id -g; pwd; echo $SEA; grep Groups /proc/self/status",
        flags: ["--user", "1000:1001", "--cwd", "/usr", "--env", "SEA=deep", "--additional-gids", "20"])
      #expect(outcome.lines.prefix(4) == ["1000", "1001", "/usr", "deep"], "\(outcome)")
      #expect(outcome.lines.last?.words.contains("20") == true)
    }
  }

  @Test("--cap adds to what the container has; --no-new-privs")
  func capabilities() throws {
    try Sandbox.with { box in
      let container = try box.started { $0["process.noNewPrivileges"] = false }
      let plain = try container.exec("grep -E 'CapEff|NoNewPrivs' /proc/self/status")
      let added = try container.exec(
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status", flags: ["--cap", "CAP_NET_ADMIN", "--no-new-privs"])
      func effective(_ outcome: Outcome) -> UInt64 {
        UInt64(outcome.lines.last { $0.hasPrefix("CapEff") }?.words.last ?? "", radix: 16) ?? 0
      }
      #expect(effective(plain) & (1 << 12) == 0, "\(plain)")
      #expect(effective(added) == effective(plain) | (1 << 12), "\(added)")
      #expect(plain.stdout.contains("NoNewPrivs:\t0"))
      #expect(added.stdout.contains("NoNewPrivs:\t1"))
    }
  }

  @Test("--process: everything from a file")
  func processFile() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let process: JSON = [
        "terminal": false, "user": ["uid": 12, "gid": 34, "umask": 0o77],
        "args": ["sh", "-c", "id -u; id -g; pwd; echo $A; umask; ulimit -n"],
        "env": ["PATH=/bin", "A=b"], "cwd": "/tmp", "rlimits": [["type": "RLIMIT_NOFILE", "soft": 99, "hard": 99]],
      ]
      try Files.write(process.pretty(), to: "\(box.folder)/process.json")
      let outcome = try box.runtime("exec", "--process", "\(box.folder)/process.json", container.id)
      // runc 1.1 passes the umask over.
      #expect(
        outcome.lines == ["12", "34", "/tmp", "b", box.runtime.kind == .runc ? "0022" : "0077", "99"], "\(outcome)")
    }
  }

  @Test("stdin, stdout and stderr")
  func streams() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try box.runtime(["exec", container.id, "sh", "-c", "cat; echo err >&2"], stdin: "in\n")
      #expect(outcome.stdout == "in\n")
      #expect(outcome.stderr == "err\n")
    }
  }

  @Test("--detach comes back at once")
  func detach() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try box.runtime("exec", "--detach", container.id, "sh", "-c", "touch /ran; sleep 1000")
      #expect(outcome.succeeded, "\(outcome)")
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ran") })
    }
  }

  @Test("--preserve-fds")
  func preservedDescriptors() throws {
    try Sandbox.with { box in
      let container = try box.started()
      try Files.write("three", to: "\(box.folder)/3")
      let fd = open("\(box.folder)/3", O_RDONLY | O_CLOEXEC)
      defer { close(fd) }
      let outcome = try box.runtime(["exec", "--preserve-fds", "1", container.id, "sh", "-c", "cat <&3"], extra: [fd])
      #expect(outcome.stdout == "three", "\(outcome)")
    }
  }

  @Test("into a created container, but not into a stopped one")
  func states() throws {
    try Sandbox.with { box in
      let created = try box.created("a")
      #expect(try created.exec("echo in").stdout == "in\n")
      let stopped = try box.started("b", script: "true")
      #expect(try stopped.becomes("stopped"))
      let outcome = try stopped.exec("true")
      #expect(!outcome.succeeded)
      #expect(outcome.status == 255 || box.runtime.kind != .runc)
      #expect(
        outcome.stderr.contains("cannot exec in a stopped container")
          || outcome.stderr.contains("cannot exec a container that has stopped"), "\(outcome)")
    }
  }

  @Test("a program that is not there, with runc's words and status")
  func missingProgram() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try box.runtime("exec", container.id, "no-such-program")
      #expect(outcome.status == 255, "\(outcome)")
      #expect(outcome.stderr.contains("executable file not found in $PATH"), "\(outcome)")
      #expect(try container.status() == "running")
    }
  }

  @Test("nothing of it is left when it ends, and the container goes on")
  func ends() throws {
    try Sandbox.with { box in
      let container = try box.started()
      for _ in 0..<5 { try container.exec("true") }
      #expect(becomesTrue { container.cgroup("pids", v1: "cgroup.procs", v2: "cgroup.procs")?.lines.count == 1 })
      #expect(try container.status() == "running")
    }
  }

  @Test("a signal sent to exec is passed on")
  func forwardedSignal() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let child = try box.start([
        "exec", container.id, "sh", "-c", "trap 'echo usr1; exit 9' USR1; touch /ready; while :; do sleep 0.02; done",
      ])
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ready") })
      child.kill(SIGUSR1)
      let outcome = try child.wait()
      #expect(outcome.stdout == "usr1\n", "\(outcome)")
      #expect(outcome.status == 9)
    }
  }
}
