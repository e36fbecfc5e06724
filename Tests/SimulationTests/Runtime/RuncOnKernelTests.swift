import Engine
import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization
import Testing

@testable import Simulation

/// The runtimes' plans, performed by the kernel model.
@Suite("runc on the simulated kernel")
struct RuncOnKernelTests {
  struct Machine {
    let fixture: KernelFixture
    let runc: Runc
    let rootfs: String
    let flavour: RuntimeFlavour
    let trace = Trace()

    init(
      _ flavour: RuntimeFlavour = .runc, cgroupVersion: Int = 2,
      _ programs: [String: @Sendable (any SimProcess) async throws -> Int32] = [:]
    ) throws {
      fixture = KernelFixture(programs, cgroupVersion: cgroupVersion)
      rootfs = try fixture.makeRootfs("c1")
      self.flavour = flavour
      let world = fixture.world
      let recorder = Recorder(clock: { world.now })
      recorder.attach(trace)
      runc = Runc(
        flavour: flavour, kernel: fixture.kernel, files: fixture.files, world: world,
        kernelTap: Tap(from: Party(flavour.rawValue), to: .kernel, via: .syscall, recorder: recorder))
      try fixture.files.makeDirectory("/data", mode: 0o755)
      try fixture.files.write("/data/hosts", Array("1.2.3.4 x\n".utf8), mode: 0o644)
    }

    /// Docker's configuration of the capture, for this root and program.
    func config(_ args: [String], _ change: (inout JSON) -> Void = { _ in }) throws -> JSON {
      var config = RuncOnKernelTests.docker
      config["root"] = ["path": .string(rootfs)]
      config["process"]?["args"] = JSON(args)
      config["process"]?["env"] = ["PATH=/usr/local/bin:/bin", "HOSTNAME=c1"]
      config["hostname"] = "c1"
      change(&config)
      return config
    }

    func run(_ verb: String, _ arguments: [String], document: JSON? = nil, stdio: ProcessStdio = .init())
      -> RuntimeResult
    {
      let (runc, flavour, caller) = (runc, flavour, fixture.runtime)
      let result = fixture.world.runBlocking { () -> RuntimeResult in
        let command = RuntimeCommand(
          runtime: flavour.rawValue, verb: verb, globalArguments: [], arguments: arguments, document: document,
          stdio: stdio, caller: caller)
        do { return try await runc.execute(command) } catch { return RuntimeResult(status: -1, stderr: "\(error)") }
      }
      return result ?? RuntimeResult(status: -1, stderr: "it never ends")
    }
  }

  final class Trace: TraceSink {
    private let kept = Mutex<[String]>([])
    var refused: [String] { kept.withLock { $0 } }
    private let ops = Mutex<[Int: String]>([:])
    func receive(_ record: TraceRecord) {
      switch record.event {
      case .call(let call): ops.withLock { $0[call.id] = "\(call.op) \(call.args.json.text)" }
      case .return(let answer):
        if case .failure(_, let message) = answer.outcome {
          let op = ops.withLock { $0[answer.id] ?? "" }
          kept.withLock { $0.append("\(op): \(message)") }
        }
      default: break
      }
    }
  }

  /// What dockerd writes for `docker run busybox`, in short.
  static let docker: JSON = {
    let capabilities: JSON = [
      "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
      "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
      "CAP_AUDIT_WRITE",
    ]
    func mount(_ destination: String, _ type: String, _ source: String, _ options: [String]) -> JSON {
      [
        "destination": .string(destination), "type": .string(type), "source": .string(source),
        "options": JSON(options),
      ]
    }
    return [
      "ociVersion": "1.3.0",
      "process": [
        "user": ["uid": 0, "gid": 0, "additionalGids": [0]], "cwd": "/", "oomScoreAdj": 0,
        "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
      ],
      "mounts": [
        mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
          "/dev/pts", "devpts", "devpts",
          ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"]),
        mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]),
        mount("/etc/hosts", "bind", "/data/hosts", ["rbind", "rprivate"]),
      ],
      "linux": [
        "sysctl": ["net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"],
        "resources": [
          "devices": [["allow": false, "access": "rwm"]], "memory": ["limit": 67_108_864], "pids": ["limit": 50],
        ],
        "cgroupsPath": "/docker/c1",
        "namespaces": [
          ["type": "mount"], ["type": "network"], ["type": "time"], ["type": "uts"], ["type": "pid"], ["type": "ipc"],
          ["type": "cgroup"],
        ],
        "seccomp": ["defaultAction": "SCMP_ACT_ALLOW"],
        "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      ],
    ]
  }()

  @Test(
    "Docker's container lives, sees what it should, and leaves nothing", arguments: RuntimeFlavour.allCases, [1, 2])
  func wholeLife(_ flavour: RuntimeFlavour, _ cgroupVersion: Int) throws {
    let seen = Mutex<[String]>([])
    let machine = try Machine(
      flavour, cgroupVersion: cgroupVersion,
      [
        "look": { process in
          let hosts = String(decoding: try process.readFile("/etc/hosts"), as: UTF8.self)
          let status = String(decoding: try process.readFile("/proc/self/status"), as: UTF8.self)
          let kcore = (try? process.readFile("/proc/kcore").count) ?? -1
          let proc = (try? process.touch("/proc/sys/kernel/x")) == nil
          let targets = process.mounts().map(\.target)
          seen.withLock {
            $0 = [
              "\(process.pid)", process.hostname, hosts, "\(kcore)", "\(proc)",
              status.split(separator: "\n").first { $0.hasPrefix("CapEff") }.map(String.init) ?? "",
              "\(targets.contains("/dev/shm") && targets.contains("/sys/fs/cgroup"))",
              process.interfaces().map { "\($0.name)\($0.isUp)" }.joined(), process.environment.joined(separator: " "),
            ]
          }
          return 5
        }
      ])
    let before = machine.fixture.mounts()
    let created = machine.run("create", ["--bundle", "/data", "c1"], document: try machine.config(["look"]))
    #expect(created.status == 0, "\(created.stderr)")
    let pid = try #require(created.pid)
    #expect(machine.fixture.kernel.status(of: pid) == .running)
    #expect(machine.fixture.mounts() == before, "nothing may leak to the host")
    #expect(seen.withLock { $0.isEmpty })
    let started = machine.run("start", ["c1"])
    #expect(started.status == 0, "\(started.stderr)")
    #expect(machine.fixture.status(of: pid) == 5)
    let expected = [
      flavour == .railcar ? "2" : "1", "c1", "1.2.3.4 x\n", "0", "true", "CapEff:\t00000000a80425fb", "true",
      // railcar leaves lo as a new namespace has it.
      flavour == .railcar ? "lofalse" : "lotrue",
      "PATH=/usr/local/bin:/bin HOSTNAME=c1 HOME=/",
    ]
    #expect(seen.withLock { $0 } == expected)
    let deleted = machine.run("delete", ["c1"])
    #expect(deleted.status == 0, "\(deleted.stderr)")
    #expect(machine.fixture.mounts() == before)
    let left = (try? machine.fixture.files.list("/run/\(flavour.rawValue)")) ?? []
    #expect(left.isEmpty)
    #expect(machine.fixture.files.stat("/sys/fs/cgroup/docker/c1") == nil)
    #expect(machine.fixture.files.stat("/sys/fs/cgroup/memory/docker/c1") == nil)
    // drydock-runc asks to hide what may not be there, and is told.
    let refused = machine.trace.refused.filter { flavour != .drydock || !$0.hasSuffix("no such file or directory") }
    #expect(refused.isEmpty)
  }

  @Test("exec, pause, kill and delete --force", arguments: [RuntimeFlavour.runc, .crun, .drydock])
  func execAndKill(_ flavour: RuntimeFlavour) throws {
    let machine = try Machine(flavour)
    _ = machine.run("create", ["--bundle", "/data", "c1"], document: try machine.config(["sleeper"]))
    #expect(machine.run("start", ["c1"]).status == 0)
    let output = ByteChannel()
    let process: JSON = [
      "args": ["args", "hello"], "cwd": "/", "env": ["PATH=/usr/local/bin"], "user": ["uid": 1000, "gid": 1000],
      "capabilities": ["bounding": [], "effective": [], "permitted": []],
    ]
    let exec = machine.run("exec", ["c1"], document: process, stdio: ProcessStdio(stdout: output))
    #expect(exec.status == 0, "\(exec.stderr)")
    #expect(output.tryRead().map { String(decoding: $0, as: UTF8.self) } == "args hello\n")
    let missing = machine.run(
      "exec", ["c1"],
      document: ["args": ["nosuch"], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0]])
    #expect(missing.status != 0 && missing.stderr.contains("not found in $PATH"), "\(missing.stderr)")
    #expect(machine.run("pause", ["c1"]).status == 0)
    #expect(try JSON(parsing: machine.run("state", ["c1"]).stdout)["status"] == "paused")
    #expect(machine.run("resume", ["c1"]).status == 0)
    #expect(machine.run("update", ["--memory", "32m", "c1"]).status == 0)
    #expect(machine.fixture.read("/sys/fs/cgroup/docker/c1/memory.max") == "33554432\n")
    if flavour == .runc {
      let events = machine.run("events", ["--stats", "c1"])
      #expect(events.stdout.hasPrefix("{\"type\":\"stats\",\"id\":\"c1\",\"data\":{"), "\(events)")
    }
    #expect(machine.run("delete", ["c1"]).status == 1)
    let deleted = machine.run("delete", ["--force", "c1"])
    #expect(deleted.status == 0, "\(deleted.stderr)")
    #expect(machine.fixture.files.stat("/sys/fs/cgroup/docker/c1") == nil)
  }

  @Test(
    "A user namespace, a terminal, a read-only root, tmpfs, another user",
    arguments: [RuntimeFlavour.runc, .crun, .drydock])
  func variations(_ flavour: RuntimeFlavour) throws {
    let seen = Mutex("")
    let machine = try Machine(
      flavour,
      [
        "look": { process in
          let map = String(decoding: (try? process.readFile("/proc/self/uid_map")) ?? [], as: UTF8.self)
          let canWrite = (try? process.touch("/x")) != nil
          let canTemp = (try? process.touch("/tmp/x")) != nil
          seen.withLock {
            $0 =
              "\(process.uid) \(process.gid) \(process.groups) \(map.split { $0 == " " || $0 == "\n" }.joined(separator: " ")) "
              + "\(canWrite) \(canTemp) \(process.isTerminal) \(process.workingDirectory)"
          }
          return 0
        }
      ])
    let config = try machine.config(["look"]) {
      $0["root"]?["readonly"] = true
      $0["process"]?["user"] = ["uid": 1000, "gid": 50, "additionalGids": [7]]
      $0["process"]?["terminal"] = true
      $0["process"]?["cwd"] = "/work/deep"
      $0["process"]?["noNewPrivileges"] = true
      var mounts = $0["mounts"]?.array ?? []
      mounts.append(["destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]])
      $0["mounts"] = .array(mounts)
      var namespaces = $0["linux"]?["namespaces"]?.array ?? []
      namespaces.append(["type": "user"])
      $0["linux"]?["namespaces"] = .array(namespaces)
      let map: JSON = [["containerID": 0, "hostID": 0, "size": 65_536]]
      $0["linux"]?["uidMappings"] = map
      $0["linux"]?["gidMappings"] = map
    }
    let created = machine.run(
      "create", ["--bundle", "/data", "--console-socket", "/run/console", "c1"], document: config,
      stdio: ProcessStdio(stdin: ByteChannel(), stdout: ByteChannel(), terminal: true))
    #expect(created.status == 0, "\(created.stderr) \(machine.trace.refused)")
    guard created.status == 0 else { return }
    _ = machine.run("start", ["c1"])
    #expect(machine.fixture.status(of: try #require(created.pid)) == 0)
    #expect(seen.withLock { $0 } == "1000 50 [7] 0 0 65536 false true true /work/deep")
    #expect(machine.run("delete", ["c1"]).status == 0)
  }

  @Test("drydock-runc: mapped ids, shifted clocks and namespaces of others, on cgroup v1 and v2", arguments: [1, 2])
  func namespaces(_ cgroupVersion: Int) throws {
    let seen = Mutex<[String]>([])
    let machine = try Machine(
      .drydock, cgroupVersion: cgroupVersion,
      [
        "look": { process in
          func text(_ path: String) -> String {
            String(decoding: (try? process.readFile(path)) ?? [], as: UTF8.self)
              .split { $0 == " " || $0 == "\n" }.joined(separator: " ")
          }
          seen.withLock {
            $0.append(
              "\(process.pid) \(process.uid) \(text("/proc/self/uid_map")) \(text("/proc/self/timens_offsets"))")
          }
          return 0
        }
      ])
    let map: JSON = [["containerID": 0, "hostID": 100_000, "size": 65_536]]
    let config = try machine.config(["look"]) {
      $0["linux"]?["namespaces"] = [
        ["type": "mount"], ["type": "network"], ["type": "time"], ["type": "uts"], ["type": "pid"], ["type": "ipc"],
        ["type": "cgroup"], ["type": "user"],
      ]
      // Whose root owns nothing of the image cannot make places in it.
      $0["mounts"] = .array(($0["mounts"]?.array ?? []).filter { $0["destination"] != "/etc/hosts" })
      $0["linux"]?["sysctl"] = [:]
      $0["linux"]?["timeOffsets"] = ["monotonic": ["secs": 100, "nanosecs": 0]]
      $0["linux"]?["uidMappings"] = map
      $0["linux"]?["gidMappings"] = map
    }
    let created = machine.run("create", ["--bundle", "/data", "c1"], document: config)
    #expect(created.status == 0, "\(created.stderr) \(machine.trace.refused)")
    guard created.status == 0 else { return }
    let pid = try #require(created.pid)
    let group =
      cgroupVersion == 1 ? "/sys/fs/cgroup/memory/docker/c1/cgroup.procs" : "/sys/fs/cgroup/docker/c1/cgroup.procs"
    #expect(machine.fixture.read(group) == "\(pid)\n")
    #expect(machine.run("start", ["c1"]).status == 0)
    #expect(machine.fixture.status(of: pid) == 0)
    #expect(seen.withLock { $0 } == ["1 0 0 100000 65536 monotonic 100 0 boottime 0 0"])
    #expect(machine.run("delete", ["c1"]).status == 0)
  }
}
