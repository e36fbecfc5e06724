import OCISpec
import Runtime
import Testing

/// The command line: Go's flags under urfave/cli, as runc has them.
@Suite("drydock-runc: the command line")
struct ArgumentGrammarTests {
  private func read(_ line: String) throws -> RuntimeArguments {
    try RuntimeArguments(line.split(separator: " ").map(String.init), program: "drydock-runc")
  }

  /// The words with which a command line is refused.
  private func refusal(_ line: String) -> RuntimeArguments.Misuse? {
    do throws(RuntimeArguments.Misuse) {
      let arguments = try RuntimeArguments(line.split(separator: " ").map(String.init), program: "drydock-runc")
      try arguments.check()
      return nil
    } catch { return error }
  }

  @Test("What containerd, conmon and docker write")
  func callers() throws {
    let create = try read(
      "--root /run/containerd/runc/moby --log /run/log.json --log-format json --systemd-cgroup create --bundle /b "
        + "--pid-file /b/init.pid --console-socket /tmp/pty.sock abc")
    try create.check()
    #expect(create.verb == "create" && create.operands == ["abc"])
    #expect(try create.root(in: "/x") == "/run/containerd/runc/moby")
    #expect(create.global("log") == "/run/log.json")
    #expect(try create.logsJSON())
    #expect(create.hasGlobal("systemd-cgroup") && !create.hasGlobal("debug"))
    #expect(create["bundle"] == "/b" && create["pid-file"] == "/b/init.pid" && create["console-socket"] != nil)

    let exec = try read(
      "--cgroup-manager=cgroupfs exec --pid-file /p --process /p.json --detach --tty -e A=1 -e B=2 abc")
    #expect(exec["process"] == "/p.json" && exec.has("detach") && exec.has("tty"))
    #expect(exec.all("env") == ["A=1", "B=2"])

    let kill = try read("--root=/r kill --all abc 9")
    #expect(kill.has("all") && kill.operands == ["abc", "9"])
    let update = try read("update --resources - abc")
    #expect(update["resources"] == "-" && update.operands == ["abc"])
  }

  @Test("One dash is as good as two, and flags may follow the container's id")
  func dashes() throws {
    for line in ["run -d -b /b c", "run --d --b=/b c", "run c --detach --bundle /b", "run -bundle /b c -d=true"] {
      let arguments = try read(line)
      #expect(arguments.has("detach") && arguments["bundle"] == "/b" && arguments.operands == ["c"], "\(line)")
      try arguments.check()
    }
    #expect(try read("delete c -f").has("force"))
    #expect(try !read("delete --force=false c").has("force"))
    #expect(try !read("delete -f -f=0 c").has("force"))
  }

  @Test("After the id, exec and ps take all as it stands; -- ends the flags")
  func otherPrograms() throws {
    let exec = try read("exec -t c ls -la --env x -- y")
    #expect(exec.operands == ["c", "ls", "-la", "--env", "x", "--", "y"] && exec.has("tty"))
    #expect(exec.all("env").isEmpty)
    #expect(try read("ps c -o pid,args -f").operands == ["c", "-o", "pid,args", "-f"])
    #expect(try read("exec -- c -x").operands == ["c", "-x"])
    #expect(try read("delete -- -f").operands == ["-f"])
    #expect(try read("kill c -9").operands == ["c", "-9"])
  }

  @Test(
    "What is refused, in runc's words",
    arguments: [
      ("--foo state c", "flag provided but not defined: -foo"),
      ("--root", "flag needs an argument: -root"),
      ("create --foo c", "flag provided but not defined: -foo"),
      ("create c --bundle", "flag needs an argument: -bundle"),
      ("run --detach=maybe c", "invalid boolean value \"maybe\" for -detach: parse error"),
      ("create --preserve-fds x c", "invalid value \"x\" for flag -preserve-fds: parse error"),
      ("events --interval 5 c", "invalid value \"5\" for flag -interval: parse error"),
      ("--trace-fd three list", "invalid value \"three\" for flag -trace-fd: parse error"),
      ("create ---bundle c", "bad flag syntax: ---bundle"),
      ("create --=x c", "bad flag syntax: --=x"),
      ("state", "drydock-runc: \"state\" requires exactly 1 argument(s)"),
      ("state a b", "drydock-runc: \"state\" requires exactly 1 argument(s)"),
      ("create a --bogus", "drydock-runc: \"create\" requires exactly 1 argument(s)"),
      ("exec", "drydock-runc: \"exec\" requires a minimum of 1 argument(s)"),
      ("kill", "drydock-runc: \"kill\" requires a minimum of 1 argument(s)"),
      ("kill a b c", "drydock-runc: \"kill\" requires a maximum of 2 argument(s)"),
      ("list x", "drydock-runc: \"list\" requires exactly 0 argument(s)"),
      ("features x", "drydock-runc: \"features\" requires exactly 0 argument(s)"),
    ])
  func refusals(line: String, words: String) {
    let misuse = refusal(line)
    #expect(misuse?.message == words)
    #expect(misuse?.usage.hasPrefix("Incorrect Usage") == true)
    #expect(misuse?.usage.contains("USAGE:\n   drydock-runc ") == true)
  }

  @Test("A verb's wrong flag leaves the global ones known: the refusal is logged where they say")
  func wrongFlagOfAVerb() throws {
    let arguments = try read("--log /l --log-format json create --nosuch c")
    #expect(arguments.misuse != nil && arguments.global("log") == "/l")
    #expect(try arguments.logsJSON())
  }

  @Test("Help and version are asked for before or after a verb, or without one")
  func questions() throws {
    #expect(try read("--help").wantsHelp && read("-h").wantsHelp && read("create -h").wantsHelp)
    #expect(try read("create c --help").wantsHelp)
    #expect(try !read("exec c --help").wantsHelp)
    #expect(try read("--version").wantsVersion && read("-v").wantsVersion)
    #expect(refusal("create --version c") != nil)
    #expect(try read("").verb == "")
    for name in RuntimeGrammar.names { #expect(RuntimeGrammar.verb(name)?.name == name) }
    #expect(RuntimeGrammar.verb("version") == nil)
  }

  @Test("The root is absolute and never the whole file system")
  func roots() throws {
    #expect(try read("list").root(in: "/w") == nil)
    #expect(try read("--root /a/../b//c/ list").root(in: "/w") == "/b/c")
    #expect(try read("--root x list").root(in: "/w") == "/w/x")
    for root in ["/", "/..", "//", "/a/.."] {
      #expect(throws: RuntimeArguments.Misuse(message: "Option --root argument should not be set to /")) {
        try read("--root \(root) list").root(in: "/w")
      }
    }
    #expect(try read("list").rootless() == nil)
    #expect(try read("--rootless AUTO list").rootless() == nil)
    #expect(try read("--rootless true list").rootless() == true)
    #expect(try read("--rootless=0 list").rootless() == false)
    #expect(throws: RuntimeArguments.Misuse.self) { try read("--rootless perhaps list").rootless() }
    #expect(throws: RuntimeArguments.Misuse(message: "invalid log-format: xml")) {
      try read("--log-format xml list").logsJSON()
    }
  }

  // MARK: update and exec

  @Test("The flags of update are limits")
  func limits() throws {
    let r = try read(
      "update --memory 64m --memory-swap -1 --memory-reservation 1.5k --cpu-quota -1 --cpu-period 100000 "
        + "--cpu-share 512 --cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit 20 --blkio-weight 100 --cpu-idle 1 c"
    ).resources()
    #expect(r.memory.limit == 64 << 20 && r.memory.swap == -1 && r.memory.reservation == 1536)
    #expect(r.cpu.quota == -1 && r.cpu.period == 100_000 && r.cpu.shares == 512 && r.cpu.idle == 1)
    #expect(r.cpu.cpus == "0-1" && r.cpu.mems == "0" && r.pids == 20 && r.blockIO.weight == 100)
    #expect(try read("update c").resources() == RuntimeSpec.Resources())
    #expect(try read("update --pids-limit 0 --blkio-weight 0 --memory= c").resources() == RuntimeSpec.Resources())
  }

  @Test(
    "Limits that are no numbers",
    arguments: [
      ("--memory x", "invalid value for memory: invalid size: 'x'"),
      ("--memory -2", "invalid value for memory: invalid size: '-2'"),
      ("--cpu-period -1", "invalid value for cpu-period: strconv.ParseUint: parsing \"-1\": invalid syntax"),
      ("--cpu-quota 1k", "invalid value for cpu-quota: strconv.ParseInt: parsing \"1k\": invalid syntax"),
      (
        "--cpu-share 99999999999999999999",
        "invalid value for cpu-share: strconv.ParseUint: parsing \"99999999999999999999\": value out of range"
      ),
    ])
  func wrongLimits(flags: String, words: String) throws {
    let arguments = try read("update \(flags) c")
    #expect(throws: PlanError(words)) { try arguments.resources() }
  }

  @Test("exec's flags change the container's own process")
  func execProcess() throws {
    var own = RuntimeSpec.Process(args: ["sh"], env: ["A=1"], cwd: "/", terminal: true)
    own.capabilities = RuntimeSpec.Capabilities(bounding: ["CAP_KILL"])
    let process = try read(
      "exec --cwd /tmp -e B=2 -u 7:8 -g 9 -g 10 -c CAP_CHOWN --no-new-privs --apparmor p c id -u"
    ).process(changing: own)
    #expect(process.args == ["id", "-u"] && process.env == ["A=1", "B=2"] && process.cwd == "/tmp")
    #expect(!process.terminal && process.noNewPrivileges && process.apparmorProfile == "p")
    #expect(process.user == RuntimeSpec.User(uid: 7, gid: 8, additionalGids: [9, 10]))
    #expect(process.capabilities?.bounding == ["CAP_KILL", "CAP_CHOWN"])
    #expect(process.capabilities?.ambient == [])
    for (line, words) in [
      ("exec c", "process args cannot be empty"),
      ("exec -u root c id", "bad uid: strconv.Atoi: parsing \"root\": invalid syntax"),
      ("exec -u 0:wheel c id", "bad gid: strconv.Atoi: parsing \"wheel\": invalid syntax"),
      ("exec -g -1 c id", "additional-gids must be a positive number -1"),
    ] {
      #expect(throws: PlanError(words), "\(line)") { try read(line).process(changing: own) }
    }
  }
}
