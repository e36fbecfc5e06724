import Glibc
import JSONTree
import Testing

/// Configurations that ask for what a container may not have, or that are built to break the reader.
@Suite("Attack: configurations", .requireRoot)
struct RefusalTests {
  @Test(
    "a mount of a wrong type at /proc, and any mount inside it",
    arguments: [
      ("/proc", "tmpfs"), ("/proc", "bind"), ("/proc/sys", "tmpfs"), ("/proc/self", "bind"), ("/proc/1/root", "tmpfs"),
    ])
  func proc(_ destination: String, _ type: String) throws {
    // runc 1.1 does not look at tmpfs.
    if RuntimeUnderTest.current?.kind == .runc, destination == "/proc/sys" { return }
    try Sandbox.with { box in
      let outcome = try box.run("true") {
        $0.mount(
          destination, type: type, source: type == "bind" ? "/tmp" : "tmpfs", options: type == "bind" ? ["bind"] : [])
      }
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(outcome.stderr.contains(destination), "\(outcome)")
    }
  }

  @Test("what lxcfs gives a container may lie inside /proc")
  func lxcfs() throws {
    try Sandbox.with { box in
      try Files.write("1.00 2.00\n", to: "\(box.folder)/uptime")
      let outcome = try box.run("cat /proc/uptime") { $0.bind("\(box.folder)/uptime", to: "/proc/uptime") }
      #expect(outcome.stdout == "1.00 2.00\n", "\(outcome)")
    }
  }

  @Test("a mount of a wrong type at /sys", .ours)
  func sys() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.mount("/sys", type: "proc", source: "proc", options: []) }
      #expect(!outcome.succeeded, "\(outcome)")
    }
  }

  @Test(
    "a sysctl outside the container's namespaces",
    arguments: [
      "kernel.panic", "vm.swappiness", "fs.file-max", "kernel.core_pattern", "net.ipv4/../../kernel/panic",
      "net/../kernel/core_pattern", "kernel.shm_rmid_forced/../core_pattern", "../sys/kernel/panic",
    ])
  func sysctl(_ name: String) throws {
    try Sandbox.with { box in
      let before = Files.textIfAny("/proc/sys/kernel/core_pattern")
      let outcome = try box.run("true") { $0["linux.sysctl"] = .object([name: "1"]) }
      #expect(!outcome.succeeded, "\(outcome)")
      if !name.contains("..") { #expect(outcome.stderr.contains("sysctl"), "\(outcome)") }
      #expect(Files.textIfAny("/proc/sys/kernel/core_pattern") == before)
    }
  }

  @Test(
    "a sysctl of a namespace that is the host's",
    arguments: [("network", "net.ipv4.ip_forward"), ("ipc", "kernel.msgmax"), ("ipc", "fs.mqueue.msg_max")])
  func hostSysctl(_ namespace: String, _ name: String) throws {
    try Sandbox.with { box in
      let file = "/proc/sys/" + name.split(separator: ".").joined(separator: "/")
      let before = try Files.text(file)
      let absent = try box.run("true", "a") {
        $0.removeNamespace(namespace)
        $0["linux.sysctl"] = .object([name: "1"])
      }
      #expect(!absent.succeeded, "\(absent)")
      let joined = try box.run("true", "b") {
        $0.namespace(namespace, path: "/proc/self/ns/\(namespace == "network" ? "net" : namespace)")
        $0["linux.sysctl"] = .object([name: "1"])
      }
      #expect(!joined.succeeded || namespace == "ipc", "\(joined)")
      if joined.succeeded { try Files.write(before, to: file) }
    }
  }

  @Test("seccomp: an errno that is none, an errno for an action that has none", .ours)
  func seccomp() throws {
    try Sandbox.with { box in
      func run(_ short: String, _ rule: JSON) throws -> Outcome {
        try box.run("true", short) { $0["linux.seccomp"] = ["defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]] }
      }
      let kill = try run("a", ["names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 1])
      #expect(!kill.succeeded, "\(kill)")
      let allow = try box.run("true", "b") {
        $0["linux.seccomp"] = ["defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1]
      }
      #expect(!allow.succeeded, "\(allow)")
      let large = try run("c", ["names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 70000])
      #expect(!large.succeeded, "\(large)")
      let negative = try run("d", ["names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": -1])
      #expect(!negative.succeeded, "\(negative)")
    }
  }

  @Test(
    "NULs in arguments, environment, working directory, host name and paths", .ours,
    arguments: [
      "args", "env", "cwd", "hostname", "destination", "source", "masked", "cgroup", "hook", "root",
    ])
  func nul(_ place: String) throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") {
        switch place {
        case "args": $0.args = ["echo", "a\u{0}b"]
        case "env": $0.append("process.env", "A=b\u{0}LD_PRELOAD=/evil")
        case "cwd": $0["process.cwd"] = "/tmp\u{0}/x"
        case "hostname": $0["hostname"] = "a\u{0}b"
        case "destination": $0.bind("/tmp", to: "/mnt\u{0}/x")
        case "source": $0.bind("/tmp\u{0}/x", to: "/mnt")
        case "masked": $0.append("linux.maskedPaths", "/etc\u{0}/x")
        case "cgroup": $0["linux.cgroupsPath"] = .string("/\(box.id())\u{0}x")
        case "hook": $0["hooks.createRuntime"] = [["path": "/bin/true", "args": ["true", "a\u{0}b"]]]
        default: $0["root.path"] = "rootfs\u{0}x"
        }
      }
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(outcome.status < 128, "\(outcome)")
      #expect(!outcome.stderr.isEmpty)
    }
  }

  @Test("NULs in exec's process file", .ours)
  func execNUL() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let process: JSON = [
        "user": ["uid": 0, "gid": 0], "args": ["echo", "a\u{0}b"], "cwd": "/", "env": ["PATH=/bin"],
      ]
      try Files.write(process.pretty(), to: "\(box.folder)/process.json")
      let outcome = try box.runtime("exec", "--process", "\(box.folder)/process.json", container.id)
      #expect(!outcome.succeeded && outcome.status != 139, "\(outcome)")
    }
  }

  @Test("a config.json of 100 MB", .ours)
  func huge() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle()
      var text = Array("{\"ociVersion\":\"1.0.2\",\"annotations\":{\"a\":\"".utf8)
      text += [UInt8](repeating: UInt8(ascii: "x"), count: 100_000_000)
      text += Array("\"}}".utf8)
      try Files.write(text, to: "\(bundle.path)/config.json")
      let outcome = try box.runtime(["create", "--bundle", bundle.path, box.id()], timeout: 20)
      #expect(!outcome.succeeded && outcome.status < 128, "\(outcome)")
      #expect(outcome.stderr.contains("config.json"), "\(outcome)")
      #expect(Files.names(in: box.root).isEmpty)
    }
  }

  @Test("a config.json nested 10,000 deep", arguments: ["[", "{\"a\":"])
  func deep(_ opening: String) throws {
    try Sandbox.with { box in
      let bundle = try box.bundle()
      let closing = opening == "[" ? "]" : "}"
      let text =
        "{\"ociVersion\":\"1.0.2\",\"unknown\":" + String(repeating: opening, count: 10_000) + "1"
        + String(repeating: closing, count: 10_000) + "}"
      try Files.write(text, to: "\(bundle.path)/config.json")
      let outcome = try box.runtime(["create", "--bundle", bundle.path, box.id()], timeout: 20)
      #expect(!outcome.succeeded && outcome.status < 128, "\(outcome)")
      #expect(Files.names(in: box.root).isEmpty)
    }
  }

  private static let wrong: [(String, JSON)] = [
    ("process.user.uid", -1), ("process.user.uid", .int(1 << 40)), ("process.args", "true"),
    ("process.rlimits", [["type": "RLIMIT_NOFILE", "soft": -5, "hard": "x"]]), ("process.oomScoreAdj", 99999),
    ("process.user.umask", .int(1 << 40)), ("linux.resources.memory", ["limit": "much"]),
    ("linux.resources.pids", ["limit": 1e300]), ("linux.namespaces", ["pid"]), ("mounts", [["destination": 5]]),
    ("hooks", []),
  ]

  @Test("numbers and types that no field has", arguments: wrong)
  func wrongTypes(_ path: String, _ value: JSON) throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0[path] = value }
      #expect(!outcome.succeeded && outcome.status < 128, "\(outcome)")
      #expect(!outcome.stderr.isEmpty)
    }
  }

  @Test("devices are denied also where the configuration has no resources")
  func noResources() throws {
    try Sandbox.with { box in
      let outcome = try box.run("mknod /tmp/kmsg c 1 11 && : > /tmp/kmsg") { $0["linux.resources"] = nil }
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(outcome.stderr.contains("Operation not permitted"), "\(outcome)")
    }
  }
}
