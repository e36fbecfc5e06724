import Glibc
import JSONTree
import Testing

@Suite("Life of a container", .requireRoot)
struct LifecycleTests {
  @Test("created, running, stopped, gone: the state at each step")
  func life() throws {
    try Sandbox.with { box in
      let container = try box.created(script: "while ! test -e /end; do sleep 0.02; done")
      let created = try container.state()
      #expect(created["ociVersion"]?.string?.hasPrefix("1.") == true)
      #expect(created["id"]?.string == container.id)
      #expect(created["status"]?.string == "created")
      #expect(created["bundle"]?.string == container.bundle.path)
      #expect(created["rootfs"]?.string == container.bundle.rootfs)
      #expect(created["owner"]?.string != nil)
      let time = try #require(created["created"]?.string)
      #expect(time.hasSuffix("Z") && time.contains("T"), "\(time)")
      let pid = try #require(created["pid"]?.int)
      #expect(Glibc.kill(pid_t(pid), 0) == 0)

      #expect(try box.runtime("start", container.id).succeeded)
      let running = try container.state()
      #expect(running["status"]?.string == "running")
      #expect(running["pid"]?.int == pid)
      #expect(running["created"]?.string == time)

      try Files.write("", to: "\(container.bundle.rootfs)/end")
      #expect(try container.becomes("stopped"))
      #expect(try container.state()["pid"]?.int == 0)

      #expect(try box.runtime("delete", container.id).succeeded)
      let gone = try box.runtime("state", container.id)
      #expect(!gone.succeeded)
      #expect(gone.stderr.contains("container does not exist"), "\(gone)")
    }
  }

  @Test("create does not run the program; start does")
  func createdOnly() throws {
    try Sandbox.with { box in
      let container = try box.created(script: "touch /ran")
      usleep(50_000)
      #expect(!Files.exists("\(container.bundle.rootfs)/ran"))
      #expect(try box.runtime("start", container.id).succeeded)
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ran") })
    }
  }

  @Test("a change of config.json after create has no effect")
  func changedConfig() throws {
    try Sandbox.with { box in
      var container = try box.created(script: "echo first")
      var bundle = container.bundle
      try bundle.change { $0.script = "echo second" }
      container = Container(sandbox: box, id: container.id, bundle: bundle, creator: container.creator)
      try box.runtime("start", container.id)
      #expect(try container.becomes("stopped"))
      #expect(container.output == "first\n")
    }
  }

  @Test("start twice, and start of what has stopped")
  func startTwice() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let again = try box.runtime("start", container.id)
      #expect(!again.succeeded)
      #expect(
        again.stderr.contains("cannot start a container that is not in the created state")
          || again.stderr.contains("already running"), "\(again)")
      try box.runtime("kill", container.id, "KILL")
      #expect(try container.becomes("stopped"))
      let stopped = try box.runtime("start", container.id)
      #expect(!stopped.succeeded)
      #expect(stopped.stderr.contains("cannot start a container that has stopped"), "\(stopped)")
    }
  }

  @Test("kill sends the signal, by name, by short name or by number", arguments: ["SIGTERM", "TERM", "15"])
  func kill(_ signal: String) throws {
    try Sandbox.with { box in
      let container = try box.started(
        script: "trap 'echo term; exit 0' TERM; touch /ready; while :; do sleep 0.02; done")
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ready") })
      #expect(try box.runtime("kill", container.id, signal).succeeded)
      #expect(try container.becomes("stopped"))
      #expect(container.output == "term\n")
    }
  }

  @Test("kill without a signal is TERM; an unknown one is refused")
  func killDefault() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "trap 'exit 0' TERM; touch /ready; while :; do sleep 0.02; done")
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ready") })
      let unknown = try box.runtime("kill", container.id, "SIGSALT")
      #expect(!unknown.succeeded)
      #expect(unknown.stderr.contains("unknown signal"), "\(unknown)")
      #expect(try box.runtime("kill", container.id).succeeded)
      #expect(try container.becomes("stopped"))
    }
  }

  @Test("kill of what has stopped is refused; with --all too, as nothing is there")
  func killStopped() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "true")
      #expect(try container.becomes("stopped"))
      let outcome = try box.runtime("kill", container.id, "KILL")
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("container not running"), "\(outcome)")
    }
  }

  @Test("kill --all reaches every process of the cgroup")
  func killAll() throws {
    try Sandbox.with { box in
      // In the host's PID namespace the death of process 1 of the container does not end the others.
      let container = try box.started(script: "sleep 1234 & sleep 1235 & wait") { $0.removeNamespace("pid") }
      let pids = {
        Files.textIfAny((CgroupFiles.host.folder("pids", "/\(container.id)") ?? "") + "/cgroup.procs")?.words ?? []
      }
      #expect(becomesTrue { pids().count == 3 })
      #expect(try box.runtime("kill", "--all", container.id, "KILL").succeeded)
      #expect(becomesTrue { pids().isEmpty })
    }
  }

  @Test("delete --force of a container without a PID namespace leaves none of its processes")
  func deleteAll() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "sleep 1234 & sleep 1235 & wait") { $0.removeNamespace("pid") }
      #expect(becomesTrue { box.markedProcesses().count == 3 })
      #expect(try box.runtime("delete", "--force", container.id).succeeded)
      #expect(becomesTrue { box.markedProcesses().isEmpty })
    }
  }

  @Test("delete of what is created or running is refused without --force")
  func deleteRunning() throws {
    try Sandbox.with { box in
      let created = try box.created("a")
      // runc kills what was only created; the specification demands that delete of what is not stopped is an error.
      if box.runtime.kind != .runc {
        let refused = try box.runtime("delete", created.id)
        #expect(!refused.succeeded || (try? created.status()) == nil, "\(refused)")
      }
      let running = try box.started("b")
      let outcome = try box.runtime("delete", running.id)
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("is not stopped: running"), "\(outcome)")
      #expect(try running.status() == "running")
      #expect(try box.runtime("delete", "--force", running.id).succeeded)
    }
  }

  @Test("whatever is asked of a container that is not there")
  func unknownContainer() throws {
    try Sandbox.with { box in
      for verb in [
        ["start"], ["state"], ["kill"], ["delete"], ["pause"], ["resume"], ["ps"], ["update"], ["events", "--stats"],
      ] {
        let outcome = try box.runtime(verb + ["no-such-container"])
        #expect(!outcome.succeeded, "\(verb)")
        #expect(outcome.stderr.contains("container does not exist"), "\(verb): \(outcome)")
      }
      let exec = try box.runtime("exec", "no-such-container", "true")
      #expect(exec.stderr.contains("container does not exist"), "\(exec)")
      #expect(exec.status == 255 || exec.status == 1)
      #expect(try box.runtime("delete", "--force", "no-such-container").succeeded)
    }
  }

  @Test("an id that is taken")
  func duplicate() throws {
    try Sandbox.with { box in
      let container = try box.created()
      let outcome = try box.runtime("create", "--bundle", container.bundle.path, container.id)
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("container with given ID already exists"), "\(outcome)")
      #expect(try container.status() == "created")
      let run = try box.runtime("run", "--bundle", container.bundle.path, container.id)
      #expect(!run.succeeded)
      #expect(try container.status() == "created")
    }
  }

  @Test(
    "ids that are none",
    arguments: ["", ".", "..", "../up", "a/b", "/abs", "with space", "ä", "semi;colon", "new\nline"])
  func wrongIDs(_ id: String) throws {
    try Sandbox.with { box in
      let bundle = try box.bundle()
      let outcome = try box.runtime("create", "--bundle", bundle.path, id)
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(Files.names(in: box.root).isEmpty)
      for verb in ["state", "start", "kill", "delete"] {
        #expect(try !box.runtime(verb, id).succeeded, "\(verb)")
      }
    }
  }

  @Test("ids with every character that is allowed")
  func rightIDs() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "echo up" }
      let outcome = try box.runtime("run", "--bundle", bundle.path, "\(box.name)-aZ09_+.-x")
      #expect(outcome.stdout == "up\n", "\(outcome)")
    }
  }

  @Test("--pid-file holds the process's id, as the host sees it")
  func pidFile() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "sleep 1000" }
      let file = "\(box.folder)/pid"
      #expect(try box.runtime("create", "--pid-file", file, "--bundle", bundle.path, box.id()).succeeded)
      let text = try Files.text(file)
      #expect(pid_t(text) == pid_t(try JSON(parsing: box.runtime("state", box.id()).stdout)["pid"]?.int ?? 0))
      let exec = "\(box.folder)/exec-pid"
      try box.runtime("start", box.id())
      #expect(try box.runtime("exec", "--detach", "--pid-file", exec, box.id(), "sleep", "999").succeeded)
      let pid = try #require(pid_t(try Files.text(exec)))
      #expect(try Files.text("/proc/\(pid)/cmdline") == "sleep\u{0}999\u{0}")
    }
  }

  @Test("run --detach comes back while the container runs")
  func detach() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "sleep 1000" }
      let outcome = try box.runtime("run", "--detach", "--bundle", bundle.path, box.id())
      #expect(outcome.succeeded, "\(outcome)")
      #expect(try JSON(parsing: box.runtime("state", box.id()).stdout)["status"]?.string == "running")
    }
  }

  @Test("run removes the container at the end, --keep keeps it")
  func keep() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "exit 4" }
      #expect(try box.runtime("run", "--bundle", bundle.path, box.id()).status == 4)
      #expect(try !box.runtime("state", box.id()).succeeded)
      guard box.runtime.kind != .crun else { return }
      #expect(try box.runtime("run", "--keep", "--bundle", bundle.path, box.id()).status == 4)
      #expect(try JSON(parsing: box.runtime("state", box.id()).stdout)["status"]?.string == "stopped")
    }
  }

  @Test("the bundle is the working directory unless it is named")
  func bundleHere() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "echo here" }
      #expect(try box.runtime(["run", box.id()], cwd: bundle.path).stdout == "here\n")
    }
  }

  @Test(
    "configurations that cannot be run are refused, and nothing is left",
    arguments: [
      "{", "", "[]", "{\"ociVersion\":\"1.0.2\"}",
      "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[],\"cwd\":\"/\"}}",
      "{\"ociVersion\":7}",
    ])
  func badConfig(_ text: String) throws {
    try Sandbox.with { box in
      let bundle = try box.bundle()
      try Files.write(text, to: "\(bundle.path)/config.json")
      let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(outcome.status < 128, "\(outcome)")
      #expect(!outcome.stderr.isEmpty)
      #expect(Files.names(in: box.root).isEmpty)
    }
  }

  @Test("a bundle without config.json is refused by that name")
  func noConfig() throws {
    try Sandbox.with { box in
      try Files.makeDirectory("\(box.folder)/empty")
      let outcome = try box.runtime("create", "--bundle", "\(box.folder)/empty", box.id())
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("config.json"), "\(outcome)")
    }
  }

  @Test(
    "versions of the specification",
    arguments: [
      ("1.0.0", true), ("1.0.2-dev", true), ("1.1.0", true), ("1.2.1", true), ("1.3.0", true), ("2.0.0", false),
      ("0.1.0", false), ("x", false),
    ])
  func versions(_ version: String, _ accepted: Bool) throws {
    // runc 1.1 does not look.
    if RuntimeUnderTest.current?.kind != .drydock, !accepted { return }
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0["ociVersion"] = .string(version) }
      #expect(outcome.succeeded == accepted, "\(outcome)")
    }
  }

  @Test("list: a table, ids alone, JSON")
  func list() throws {
    try Sandbox.with { box in
      #expect(try box.runtime("list", "--quiet").stdout.isEmpty)
      let first = try box.created("a")
      let second = try box.started("b")
      #expect(try box.runtime("list", "--quiet").lines.sorted() == [first.id, second.id])
      let table = try box.runtime("list")
      #expect(table.lines.first?.words == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], "\(table)")
      let row = try #require(table.lines.first { $0.hasPrefix(first.id) }).words
      #expect(row[1] == String(try first.pid()))
      #expect(row[2] == "created")
      #expect(row[3] == first.bundle.path)
      let json = try JSON(parsing: try box.runtime("list", "--format", "json").stdout)
      #expect(json.array?.count == 2)
      #expect(json.array?.compactMap { $0["status"]?.string }.sorted() == ["created", "running"])
      #expect(try !box.runtime("list", "--format", "xml").succeeded)
    }
  }

  @Test("--root keeps containers apart")
  func roots() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let other = try box.host(box.runtime.path, "--root", "\(box.folder)/other", "state", container.id)
      #expect(!other.succeeded)
    }
  }

  @Test("spec writes a configuration that runs")
  func spec() throws {
    try Sandbox.with { box in
      var bundle = try box.bundle()
      unlink("\(bundle.path)/config.json")
      #expect(try box.runtime(["spec"], cwd: bundle.path).succeeded)
      #expect(try !box.runtime(["spec"], cwd: bundle.path).succeeded, "an existing file is kept")
      bundle.config.json = try JSON(parsing: try Files.text("\(bundle.path)/config.json"))
      #expect(bundle.config["process.terminal"]?.bool == true)
      #expect(bundle.config.args == ["sh"])
      try bundle.change {
        $0["process.terminal"] = false
        $0["linux.cgroupsPath"] = .string("/\(box.id())")
        $0.script = "echo made by spec"
      }
      let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
      #expect(outcome.stdout == "made by spec\n", "\(outcome)")
    }
  }

  @Test("features describes itself")
  func features() throws {
    try Sandbox.with { box in
      let outcome = try box.runtime("features")
      let features = try JSON(parsing: outcome.stdout)
      #expect(features["ociVersionMin"]?.string == "1.0.0", "\(outcome)")
      #expect(features["hooks"]?.strings?.contains("startContainer") == true)
      #expect(features["mountOptions"]?.strings?.contains("rro") == true)
      #expect(features["linux"]?["namespaces"]?.strings?.contains("cgroup") == true)
      #expect(features["linux"]?["capabilities"]?.strings?.contains("CAP_CHOWN") == true)
      #expect(features["linux"]?["seccomp"]?["enabled"]?.bool == true)
      #expect(features["linux"]?["cgroup"]?["v1"]?.bool == true)
    }
  }

  @Test("--version and --help")
  func version() throws {
    try Sandbox.with { box in
      let version = try box.host(box.runtime.path, "--version")
      #expect(version.succeeded)
      #expect(version.stdout.contains("version ") && version.stdout.contains("spec: 1."), "\(version)")
      let help = try box.host(box.runtime.path, "--help")
      #expect(help.succeeded)
      for verb in [
        "create", "start", "run", "exec", "state", "kill", "delete", "list", "ps", "pause", "resume", "update",
        "events", "spec", "features",
      ] {
        #expect(help.stdout.contains(verb), "\(verb)")
      }
    }
  }

  @Test("an unknown verb or flag, a missing argument")
  func usage() throws {
    try Sandbox.with { box in
      for arguments in [
        ["sail"], ["create", "--anchor", "x"], ["create"], ["state"], ["delete"], ["kill"], ["state", "a", "b"],
      ] {
        let outcome = try box.runtime(arguments)
        #expect(!outcome.succeeded || arguments == ["sail"], "\(arguments): \(outcome)")
        #expect(!(outcome.stderr + outcome.stdout).isEmpty, "\(arguments)")
      }
    }
  }
}
