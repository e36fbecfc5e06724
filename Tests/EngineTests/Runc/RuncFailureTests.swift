import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Testing

@testable import Engine

@Suite("runc: what goes wrong")
struct RuncFailureTests {
  /// Refuses one call after the other: whatever it is, the create either survives it or leaves nothing behind.
  @Test("A create that fails at any call leaves nothing behind", arguments: RuntimeFlavour.allCases)
  func failsAnywhere(_ flavour: RuntimeFlavour) async throws {
    let model = RuncFixture(flavour)
    let config = RuncFixture.config(
      cwd: "/work", mounts: [["destination": "/tmp", "type": "tmpfs", "source": "tmpfs"]],
      linux: ["sysctl": ["net.ipv4.ip_forward": "1"]],
      process: ["rlimits": [["type": "RLIMIT_NOFILE", "soft": 10, "hard": 10]]])
    #expect(try await model.create("c1", config).status == 0)
    let total = model.kernel.calls.count
    var (survived, refused) = (0, 0)
    for index in 0..<total {
      let fixture = RuncFixture(flavour)
      fixture.kernel.state.withLock { $0.refuseAt = (index, .EIO) }
      let result = try await fixture.create("c1", config)
      fixture.kernel.state.withLock { $0.refuseAt = nil }
      let call = model.kernel.calls[index].call.name
      if result.status == 0 {
        survived += 1
        continue
      }
      refused += 1
      #expect(result.status == 1)
      #expect(result.stderr.hasSuffix("\n") && result.stderr.count > 10, "\(call): \(result.stderr)")
      #expect(fixture.kernel.alive().isEmpty, "\(index) \(call) leaves processes")
      #expect(!fixture.kernel.exists(fixture.directory), "\(index) \(call) leaves the state directory")
      #expect(!fixture.kernel.exists(fixture.cgroup), "\(index) \(call) leaves the cgroup")
      #expect(try await fixture.create("c1", config).status == 0, "\(index) \(call) blocks the name")
    }
    #expect(refused > total / 2)
    #expect(survived > 0)
  }

  @Test("runc says what it was doing, to what, and why it failed")
  func words() async throws {
    let prefix = "runc create failed: unable to start container process: "
    let cases: [(String, Errno, String)] = [
      (
        "pivot_root", .EPERM,
        "error during container init: error jailing process inside rootfs: pivot_root .: operation not permitted"
      ),
      (
        "unshare", .EPERM,
        "can't get final child's PID from pipe: EOF; runc init error(s): nsexec-1: failed to unshare remaining namespaces: operation not permitted"
      ),
      ("capset", .EPERM, "error during container init: unable to apply caps: operation not permitted"),
      ("seccomp", .EINVAL, "error during container init: unable to init seccomp: invalid argument"),
      ("setresuid", .EINVAL, "error during container init: setuid failed: invalid argument"),
      ("sethostname", .EPERM, "error during container init: sethostname: operation not permitted"),
      (
        "bpf", .EPERM,
        "error during container init: error setting cgroup config for procHooks process: bpf: operation not permitted"
      ),
      (
        "mount", .EACCES,
        "error during container init: error preparing rootfs: mount dst=/, flags=MS_REC|MS_SLAVE: permission denied"
      ),
    ]
    for (call, errno, message) in cases {
      let fixture = RuncFixture()
      fixture.kernel.state.withLock { $0.refuse[call] = errno }
      #expect(try await fixture.create().stderr == prefix + message + "\n")
    }
  }

  @Test("A mount that is refused is named as in config.json")
  func mountWords() async throws {
    let fixture = RuncFixture()
    let model = RuncFixture()
    _ = try await model.create()
    let index = try #require(
      model.kernel.calls.firstIndex { call in
        if case .mount("/data/file", _, _, let flags, _) = call.call { flags.contains("MS_BIND") } else { false }
      })
    fixture.kernel.state.withLock { $0.refuseAt = (index, .EPERM) }
    #expect(
      try await fixture.create().stderr
        == "runc create failed: unable to start container process: error during container init: error mounting "
        + "\"/data/file\" to rootfs at \"/etc/hosts\": mount src=/data/file, dst=/etc/hosts, flags=MS_BIND|MS_REC: "
        + "operation not permitted\n")
  }

  @Test("A program that is not there fails create, in the words from which dockerd makes 127 and 126")
  func programNotFound() async throws {
    let init_ = "runc create failed: unable to start container process: error during container init: "
    for (args, message) in [
      (["nosuchcmd"], "exec: \"nosuchcmd\": executable file not found in $PATH"),
      (["/bin/nosuch"], "exec: \"/bin/nosuch\": stat /bin/nosuch: no such file or directory"),
      (["/bin/data"], "exec: \"/bin/data\": permission denied"), (["/bin"], "exec: \"/bin\": is a directory"),
      (["data"], "exec: \"data\": executable file not found in $PATH"),
      ([""], "exec: \"\": executable file not found in $PATH"),
    ] {
      let fixture = RuncFixture()
      let result = try await fixture.create("c1", RuncFixture.config(args: args))
      #expect(result.stderr == init_ + message + "\n")
      #expect(result.status == 1)
      #expect(!fixture.kernel.exists(fixture.cgroup))
    }
    let crun = RuncFixture(.crun)
    let result = try await crun.create("c1", RuncFixture.config(args: ["nosuchcmd"]))
    #expect(result.stderr == "executable file `nosuchcmd` not found in $PATH: No such file or directory\n")
  }

  @Test("A script without its interpreter: start succeeds, the process says why it ends")
  func missingInterpreter() async throws {
    let fixture = RuncFixture()
    fixture.kernel.state.withLock { $0.files["/bundle/rootfs/bin/run.sh"] = "#!/bin/nosuch\n" }
    let stderr = ByteChannel()
    let pid = try #require(
      try await fixture.create("c1", RuncFixture.config(args: ["run.sh"]), stdio: ProcessStdio(stderr: stderr)).pid)
    #expect(try await fixture.run("start", ["c1"]).status == 0)
    #expect(
      stderr.tryRead().map { String(decoding: $0, as: UTF8.self) } == "exec /bin/run.sh: no such file or directory\n")
    #expect(await fixture.kernel.wait(pid) == 255)
  }

  @Test("A configuration that is wrong is refused before anything is made")
  func wrongConfiguration() async throws {
    for (config, message) in [
      (RuncFixture.config(cwd: "work"), "Cwd must be an absolute path"),
      (RuncFixture.config(cwd: ""), "Cwd property must not be empty"),
      (RuncFixture.config(args: []), "args must not be empty"),
      (JSON.object(["ociVersion": "1.3.0"]), "process property must not be empty"),
      (JSON.null, "invalid config.json: config cannot be null"),
      (
        RuncFixture.config(linux: ["sysctl": ["kernel.panic": "1"]]),
        "sysctl \"kernel.panic\" is not in a separate kernel namespace"
      ),
      (RuncFixture.config(linux: ["rootfsPropagation": "sideways"]), "rootfsPropagation=sideways is not supported"),
      (
        RuncFixture.config(process: ["terminal": true]),
        "cannot allocate tty if runc will detach without setting console socket"
      ),
      (
        RuncFixture.config(process: ["user": ["uid": "root"]]),
        "invalid config.json: process.user.uid: expected a number, found a string"
      ),
    ] {
      let fixture = RuncFixture()
      let result = try await fixture.create("c1", config)
      #expect(result.stderr == "runc create failed: \(message)\n")
      #expect(fixture.kernel.calls.isEmpty)
    }
    let fixture = RuncFixture()
    #expect(
      try await fixture.run("create", ["--bundle", "/nowhere", "c1"]).stderr
        == "runc create failed: JSON specification file config.json not found\n")
  }

  @Test("Errors go to the log as containerd reads it, and to stderr")
  func log() async throws {
    let fixture = RuncFixture()
    let result = try await fixture.run("start", ["c1"], global: ["--log", "/bundle/log.json", "--log-format", "json"])
    #expect(result.stderr == "container does not exist\n")
    let line = try #require(fixture.kernel.contents("/bundle/log.json"))
    #expect(
      line == "{\"level\":\"error\",\"msg\":\"container does not exist\",\"time\":\"2026-01-01T00:00:00Z\"}\n")
  }

  @Test("A wrong command line")
  func misuse() async throws {
    let fixture = RuncFixture()
    let none = try await fixture.run("create", [])
    #expect(none.stderr == "runc: \"create\" requires exactly 1 argument(s)\n")
    #expect(none.stdout.hasPrefix("Incorrect Usage."))
    #expect(
      try await fixture.run("kill", ["a", "b", "c"]).stderr == "runc: \"kill\" requires a maximum of 2 argument(s)\n")
    #expect(try await fixture.run("create", ["--nosuch", "c1"]).stderr == "flag provided but not defined: -nosuch\n")
    #expect(try await fixture.run("create", ["c1", "--bundle"]).stderr == "flag needs an argument: -bundle\n")
    #expect(
      try await fixture.run("list", [], global: ["--root", "/"]).stderr
        == "Option --root argument should not be set to /\n")
    #expect(
      try await fixture.run("list", [], global: ["--log-format", "xml"]).stderr == "invalid log-format: xml\n")
    #expect(try await fixture.run("dance", []).status == 3)
  }

  @Test("A cgroup with somebody in it is not taken over")
  func foreignCgroup() async throws {
    let fixture = RuncFixture()
    fixture.kernel.state.withLock {
      $0.folders.insert("/sys/fs/cgroup/docker/c1")
      $0.members["/sys/fs/cgroup/docker/c1"] = [1]
    }
    #expect(
      try await fixture.create().stderr
        == "runc create failed: container's cgroup is not empty: 1 process(es) found\n")
    #expect(fixture.kernel.exists(fixture.cgroup))
  }

  @Test("A failing poststart hook ends the container")
  func poststart() async throws {
    let fixture = RuncFixture()
    var config = RuncFixture.config()
    config["hooks"] = ["poststart": [["path": "/bin/hook"]]]
    let pid = try #require(try await fixture.create("c1", config).pid)
    let model = fixture.kernel.calls.count
    // start: readFIFO, unlink, close_range, execve, hook.
    fixture.kernel.state.withLock { $0.refuseAt = (model + 4, .ENOENT) }
    let result = try await fixture.run("start", ["c1"])
    #expect(result.status == 1)
    #expect(result.stderr == "error running poststart hook #0: fork/exec /bin/hook: no such file or directory\n")
    #expect(fixture.kernel.status(of: pid) != .running)
  }

  @Test("Hooks are executed in their order, each by its side, and waited for")
  func hooks() async throws {
    let fixture = RuncFixture()
    var config = RuncFixture.config()
    let hook: JSON = [["path": "/bin/hook"]]
    config["hooks"] = [
      "prestart": hook, "createRuntime": hook, "createContainer": hook, "startContainer": hook, "poststart": hook,
      "poststop": hook,
    ]
    let pid = try #require(try await fixture.create("c1", config).pid)
    #expect(fixture.kernel.state.withLock { $0.hooks } == ["prestart", "createRuntime", "createContainer"])
    _ = try await fixture.run("start", ["c1"])
    _ = try await fixture.run("delete", ["--force", "c1"])
    #expect(
      fixture.kernel.state.withLock { $0.hooks } == [
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
      ])
    let performers = fixture.kernel.calls.compactMap { call -> (String, Bool)? in
      if case .hook(let stage, _, _, _, _) = call.call { (stage, call.pid == pid) } else { nil }
    }
    #expect(performers.filter { $0.1 }.map(\.0) == ["createContainer", "startContainer"])
  }

  @Test("A hook that fails, or takes too long, fails create and leaves nothing behind")
  func failingHook() async throws {
    var config = RuncFixture.config()
    config["hooks"] = ["createRuntime": [["path": "/bin/a"], ["path": "/bin/b", "timeout": 1]]]
    for (status, reason) in [
      (3 as Int?, "#0: exit status 3, stdout: , stderr: "), (137, "#0: signal: 9, stdout: , stderr: "),
    ] {
      let fixture = RuncFixture()
      fixture.kernel.state.withLock { $0.hookStatus = status }
      #expect(
        try await fixture.create("c1", config).stderr
          == "runc create failed: unable to start container process: error during container init: "
          + "error running createRuntime hook \(reason)\n")
      #expect(fixture.kernel.alive().isEmpty)
      #expect(!fixture.kernel.exists(fixture.cgroup))
    }
    let fixture = RuncFixture()
    config["hooks"] = ["createRuntime": [["path": "/bin/b", "timeout": 1]]]
    fixture.kernel.state.withLock { $0.hookStatus = nil }
    #expect(
      try await fixture.create("c1", config).stderr.hasSuffix("hook #0: hook ran past specified timeout of 1.0s\n"))
    #expect(!fixture.kernel.exists(fixture.cgroup))
  }
}
