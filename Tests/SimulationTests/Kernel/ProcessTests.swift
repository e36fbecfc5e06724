import OCISpec
import Runtime
import Seams
import Testing

@testable import Simulation

/// fork, execve, exit, wait, signals, sessions.
@Suite struct KernelProcessTests {
  // MARK: execve

  @Test func execveFindsProgramsAndScripts() throws {
    let f = KernelFixture()
    try f.files.write("/script", Array("#!/usr/local/bin/args -x  y\nbody\n".utf8), mode: 0o755)
    let pid = try f.child()
    let out = ByteChannel()
    f.kernel.attach(ProcessStdio(stdout: out), to: pid)
    try f.perform(.execve(path: "/script", arguments: ["script", "one"], environment: []), as: pid)
    #expect(f.status(of: pid) == 0)
    let text = f.world.runBlocking { await out.readAll() }
    #expect(text.map { String(decoding: $0, as: UTF8.self) } == "/usr/local/bin/args -x  y /script one\n")
  }

  @Test func execveRefuses() throws {
    let f = KernelFixture()
    try f.files.write("/plain", Array("echo hi\n".utf8), mode: 0o755)
    try f.files.write("/noexec", ProgramTable.executable("true"), mode: 0o644)
    try f.files.write("/orphan", Array("#!/no/such/interpreter\n".utf8), mode: 0o755)
    try f.files.write("/self", Array("#!/self\n".utf8), mode: 0o755)
    try f.files.write("/unknown", ProgramTable.executable("unheard-of"), mode: 0o755)
    let pid = try f.child()
    func errno(_ path: String, _ arguments: [String] = ["x"]) -> Errno? {
      f.errno(.execve(path: path, arguments: arguments, environment: []), as: pid)
    }
    #expect(errno("/plain") == .ENOEXEC)
    #expect(errno("/noexec") == .EACCES)
    #expect(errno("/etc") == .EACCES)
    #expect(errno("/nothing") == .ENOENT)
    #expect(errno("/orphan") == .ENOENT)
    #expect(errno("/self") == .ELOOP)
    #expect(errno("/unknown") == .ENOEXEC)
    #expect(errno("/usr/local/bin/true", [String(repeating: "x", count: 131_072)]) == .E2BIG)
    #expect(throws: Errno.EISDIR) { try f.kernel.checkExecutable("/etc", as: pid) }
    #expect(throws: Errno.EACCES) { try f.kernel.checkExecutable("/noexec", as: pid) }
  }

  @Test func aProgramCanBecomeAnother() throws {
    let f = KernelFixture([
      "becomes": { process in
        try process.exec("/usr/local/bin/status", ["status"], environment: ["A=b"])
        return 1
      },
      "status": { process in
        #expect(process.environment == ["A=b"])
        #expect(process.arguments == ["status"])
        return 42
      },
    ])
    #expect(try f.run("becomes", as: try f.child()) == 42)
  }

  // MARK: Children

  @Test func childrenAreWaitedFor() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let parent = process.pid
      let child = try process.fork(stdio: [0, 1, 2]) { child in
        #expect(child.parentPID == parent)
        try await child.sleep(Duration64.second)
        return 5
      }
      let early = try process.tryWait(child)
      #expect(early == nil)
      let ended = try await process.wait(child)
      #expect(ended.pid == child)
      #expect(ended.status == 5)
      do { _ = try await process.wait(nil) } catch { #expect(error as? Errno == .ECHILD) }
      return 0
    }
    #expect(status == 0)
  }

  @Test func endedChildrenAreZombiesUntilThen() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let child = try process.spawn("/usr/local/bin/true", ["true"], environment: [], stdio: [0, 1, 2])
      try await process.sleep(Duration64.second)
      let state = process.processes().first { $0.pid == child }?.state
      #expect(state == "Z")
      _ = try await process.wait(child)
      #expect(!process.processes().contains { $0.pid == child })
      return 0
    }
    #expect(status == 0)
  }

  @Test func orphansGoToInitOrTheSubreaper() throws {
    let f = KernelFixture([
      "spawner": { process in
        _ = try process.spawn("/usr/local/bin/sleeper", ["sleeper"], environment: [], stdio: [0, 1, 2])
        return 0
      }
    ])
    let shim = f.kernel.spawnPart("containerd-shim-runc-v2", arguments: ["containerd-shim-runc-v2"])
    let runc = f.kernel.spawnPart("runc", arguments: ["runc"], parent: shim)
    let pid = try f.perform(.clone(namespaces: []), as: runc)
    f.kernel.endPart(runc)
    #expect(f.kernel.info(pid)?.ppid == shim)
    // On the host, what nobody wants goes to pid 1.
    let child = try f.child()
    try f.perform(.execve(path: "/usr/local/bin/spawner", arguments: ["spawner"], environment: []), as: child)
    f.settle()
    #expect(f.status(of: child) == 0)
    #expect(f.kernel.info(child + 1)?.ppid == 1)
  }

  @Test func pipesJoinProcesses() throws {
    let f = KernelFixture([
      "producer": { process in
        for _ in 0..<3 { try await process.write(1, Array("line\n".utf8)) }
        return 0
      }
    ])
    let (_, status) = try KernelFixture.hosted { process in
      let (reader, writer) = try process.pipe()
      _ = try process.fork(stdio: [0, writer, 2]) { child in
        try await child.write(1, Array("hello ".utf8))
        try await child.write(1, Array("pipe".utf8))
        return 0
      }
      process.close(writer)
      var text: [UInt8] = []
      while let bytes = try await process.read(reader, 100) { text += bytes }
      #expect(String(decoding: text, as: UTF8.self) == "hello pipe")
      return 0
    }
    #expect(status == 0)
    _ = f
  }

  @Test func writingWithoutAReaderIsSIGPIPE() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let (reader, writer) = try process.pipe()
      process.close(reader)
      try await process.write(writer, [1])
      return 0
    }
    #expect(status == 128 + 13)
  }

  @Test func ignoringSIGPIPEGivesEPIPE() throws {
    let (_, status) = try KernelFixture.hosted { process in
      process.onSignal(13, .ignore)
      let (reader, writer) = try process.pipe()
      process.close(reader)
      do { try await process.write(writer, [1]) } catch { return error as? Errno == .EPIPE ? 0 : 1 }
      return 2
    }
    #expect(status == 0)
  }

  @Test func descriptorsHaveALimit() throws {
    let (_, status) = try KernelFixture.hosted { process in
      var opened = 0
      do { while true { _ = try process.open("/etc/hostname", .read); opened += 1 } } catch {
        #expect(error as? Errno == .EMFILE)
      }
      #expect(opened == 1024)
      return 0
    }
    #expect(status == 0)
  }

  @Test func dup2ClosesWhatWasThere() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let (reader, writer) = try process.pipe()
      try process.dup2(writer, 9)
      process.close(writer)
      try await process.write(9, Array("x".utf8))
      let null = try process.open("/dev/null", .write)
      try process.dup2(null, 9)
      let first = try await process.read(reader, 10)
      #expect(first == Array("x".utf8))
      let end = try await process.read(reader, 10)
      #expect(end == nil)
      return 0
    }
    #expect(status == 0)
  }

  // MARK: Signals

  @Test func pidOneOnlyGetsWhatItHandles() throws {
    let f = KernelFixture([
      "handler": { process in
        process.onSignal(15, .handle)
        let signal = try await process.nextSignal()
        return signal
      }
    ])
    let deaf = try f.child([.pid])
    try f.perform(.execve(path: "/usr/local/bin/sleeper", arguments: ["sleeper"], environment: []), as: deaf)
    f.settle()
    try f.perform(.kill(pid: deaf, signal: 15))
    f.settle()
    #expect(f.kernel.status(of: deaf) == .running)
    try f.perform(.kill(pid: deaf, signal: 9))
    #expect(f.status(of: deaf) == 137)
    let handling = try f.child([.pid])
    try f.perform(.execve(path: "/usr/local/bin/handler", arguments: ["handler"], environment: []), as: handling)
    f.settle()
    try f.perform(.kill(pid: handling, signal: 15))
    #expect(f.status(of: handling) == 15)
  }

  @Test func pidOneCannotBeKilledFromWithin() throws {
    let f = KernelFixture([
      "killer": { process in
        try process.kill(1, 9)
        try await process.sleep(Duration64.second)
        return 0
      },
      "waiter": { process in
        _ = try process.spawn("/usr/local/bin/killer", ["killer"], environment: [], stdio: [0, 1, 2])
        let ended = try await process.wait(nil)
        return ended.status + 3
      },
    ])
    #expect(try f.run("waiter", as: try f.child([.pid])) == 3)
  }

  @Test func theDefaultOfSIGTERMIsDeath() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.execve(path: "/usr/local/bin/sleeper", arguments: ["sleeper"], environment: []), as: pid)
    f.settle()
    try f.perform(.kill(pid: pid, signal: 15))
    #expect(f.status(of: pid) == 143)
    #expect(f.errno(.kill(pid: pid, signal: 15)) == .ESRCH)
    #expect(f.errno(.kill(pid: f.runtime, signal: 99)) == .EINVAL)
  }

  @Test func handledSignalsInterruptWithEINTR() throws {
    let f = KernelFixture([
      "interrupted": { process in
        process.onSignal(10, .handle)
        do {
          try await process.sleep(100 * Duration64.second)
        } catch { #expect(error as? Errno == .EINTR) }
        #expect(process.takeSignal() == 10)
        #expect(process.unixTime < SimWorld.epoch + 2 * Duration64.second)
        return 9
      }
    ])
    let pid = try f.child()
    try f.perform(.execve(path: "/usr/local/bin/interrupted", arguments: ["interrupted"], environment: []), as: pid)
    f.settle()
    f.world.advance(Duration64.second)
    try f.perform(.kill(pid: pid, signal: 10))
    #expect(f.status(of: pid) == 9)
  }

  @Test func stoppedProcessesGoOnWithSIGCONT() throws {
    let f = KernelFixture([
      "counter": { process in
        for _ in 0..<3 { try await process.sleep(Duration64.second) }
        return 0
      }
    ])
    let pid = try f.child()
    try f.perform(.execve(path: "/usr/local/bin/counter", arguments: ["counter"], environment: []), as: pid)
    f.settle()
    try f.perform(.kill(pid: pid, signal: 19))
    #expect(f.kernel.status(of: pid) == .stopped)
    f.world.advance(60 * Duration64.second)
    #expect(f.kernel.status(of: pid) == .stopped)
    try f.perform(.kill(pid: pid, signal: 18))
    #expect(f.status(of: pid) == 0)
    #expect(f.world.now < 63 * Duration64.second)
  }

  @Test func strangersMayNotSignal() throws {
    let f = KernelFixture()
    let a = try f.child()
    let b = try f.child()
    try f.perform(.setresuid(1000), as: a)
    try f.perform(.setresuid(1001), as: b)
    #expect(f.errno(.kill(pid: b, signal: 15), as: a) == .EPERM)
    #expect(f.errno(.kill(pid: 1, signal: 0), as: a) == .EPERM)
    try f.perform(.kill(pid: a, signal: 15), as: a)
    #expect(f.status(of: a) == 143)
  }

  @Test func aSignalToAGroupReachesAll() throws {
    let f = KernelFixture()
    let leader = try f.child()
    try f.perform(.setsid, as: leader)
    let member = try f.perform(.clone(namespaces: []), as: leader)
    #expect(f.errno(.setsid, as: leader) == .EPERM)
    try f.perform(.kill(pid: -leader, signal: 15))
    #expect(f.kernel.status(of: member) != .running)
    #expect(f.status(of: leader) == 143)
  }

  // MARK: What runtimes ask

  @Test func theExecFIFOHoldsAProcessUntilStart() throws {
    let f = KernelFixture()
    try f.perform(.mknod(path: "/run/exec.fifo", kind: "p", mode: 0o622, major: 0, minor: 0))
    let pid = try f.child()
    #expect(f.errno(.readFIFO(path: "/run/exec.fifo")) == .EAGAIN)
    try f.perform(.openFIFO(path: "/run/exec.fifo"), as: pid)
    #expect(f.kernel.status(of: pid) == .running)
    try f.perform(.readFIFO(path: "/run/exec.fifo"))
    #expect(f.errno(.readFIFO(path: "/run/exec.fifo")) == .EAGAIN)
    #expect(try f.run("true", as: pid) == 0)
  }

  @Test func aRuntimeWaitsForItsOwnSteps() throws {
    let f = KernelFixture()
    let stage = try f.child()
    let sibling = try f.perform(.clone(namespaces: [], siblings: true), as: stage)
    #expect(f.kernel.info(sibling)?.ppid == f.runtime)
    try f.perform(.exit(status: 0), as: stage)
    #expect(f.kernel.status(of: stage) == .zombie)
    #expect(try f.perform(.wait(pid: stage)) == stage)
    #expect(f.kernel.status(of: stage) == nil)
    #expect(f.errno(.wait(pid: stage)) == .ECHILD)
  }

  @Test func aHookRunsAsAChild() throws {
    let f = KernelFixture()
    let pid = try f.perform(
      .hook(stage: "prestart", path: "/usr/local/bin/true", arguments: ["true"], environment: [], timeout: nil))
    #expect(f.status(of: pid) == 0)
    #expect(
      f.errno(.hook(stage: "prestart", path: "/none", arguments: ["none"], environment: [], timeout: nil)) == .ENOENT)
  }

  @Test func theEndOfAProcessIsKnownAfterwards() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.exit(status: 4), as: pid)
    #expect(f.status(of: pid) == 4)
    #expect(f.status(of: pid) == 4)
    #expect(f.status(of: 99_999) == 255)
  }

  // MARK: Rights

  @Test func rootGivesItsCapabilitiesUpWithItsUser() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.prctl(option: "PR_SET_KEEPCAPS", value: 1), as: pid)
    try f.perform(.setresuid(1000), as: pid)
    let status = f.read("/proc/self/status", as: pid) ?? ""
    #expect(status.contains("CapPrm:\t000001ffffffffff"))
    #expect(status.contains("CapEff:\t0000000000000000"))
    try f.perform(.capset(CapabilitySets(effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"])), as: pid)
    #expect(f.errno(.capset(CapabilitySets(effective: ["CAP_KILL"], permitted: ["CAP_KILL"])), as: pid) == .EPERM)
    let other = try f.child()
    try f.perform(.setresuid(1000), as: other)
    #expect(f.read("/proc/self/status", as: other)?.contains("CapPrm:\t0000000000000000") == true)
    #expect(f.errno(.setresuid(0), as: other) == .EPERM)
    #expect(f.errno(.setgroups([1]), as: other) == .EPERM)
  }

  @Test func executingAsRootGivesTheBoundingSet() throws {
    let f = KernelFixture([
      "caps": { process in
        #expect(process.hasCapability("CAP_CHOWN"))
        #expect(!process.hasCapability("CAP_SYS_ADMIN"))
        return 0
      }
    ])
    let pid = try f.child()
    try f.perform(.dropBounding(["CAP_SYS_ADMIN"]), as: pid)
    #expect(try f.run("caps", as: pid) == 0)
  }

  @Test func executingAsAUserLosesAllButTheAmbientSet() throws {
    let f = KernelFixture([
      "ambient": { process in
        #expect(process.hasCapability("CAP_NET_BIND_SERVICE"))
        #expect(!process.hasCapability("CAP_CHOWN"))
        return 0
      }
    ])
    let pid = try f.child()
    try f.perform(.prctl(option: "PR_SET_KEEPCAPS", value: 1), as: pid)
    try f.perform(.setresuid(1000), as: pid)
    let both = ["CAP_NET_BIND_SERVICE", "CAP_CHOWN"]
    try f.perform(
      .capset(CapabilitySets(effective: both, permitted: both, inheritable: ["CAP_NET_BIND_SERVICE"])), as: pid)
    #expect(f.errno(.setAmbient(["CAP_CHOWN"]), as: pid) == .EPERM)  // not inheritable
    try f.perform(.setAmbient(["CAP_NET_BIND_SERVICE"]), as: pid)
    #expect(try f.run("ambient", as: pid) == 0)
  }

  @Test func setuidProgramsCountUnlessForbidden() throws {
    let f = KernelFixture(["who": { process in Int32(process.uid == 0 ? 0 : 1) }])
    try f.perform(.chmod(path: "/usr/local/bin/who", mode: 0o4755))
    let pid = try f.child()
    try f.perform(.setresuid(1000), as: pid)
    #expect(try f.run("who", as: pid) == 0)
    let held = try f.child()
    try f.perform(.setresuid(1000), as: held)
    try f.perform(.prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1), as: held)
    #expect(try f.run("who", as: held) == 1)
  }

  @Test func fileCapabilitiesAreRead() throws {
    // vfs_cap_data, revision 2: effective; CAP_NET_RAW (13) permitted.
    let bytes: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let file = try #require(FileCapabilities(bytes))
    #expect(file.effective)
    #expect(file.permitted.names == ["CAP_NET_RAW"])
    let f = KernelFixture()
    f.kernel.look { kernel in
      var credentials = Credentials(userNamespace: kernel.initUser)
      credentials.setUser(1000)
      credentials.executed(setuid: nil, setgid: nil, file: file)
      #expect(credentials.effective.names == ["CAP_NET_RAW"])
      credentials.bounding = .none
      credentials.executed(setuid: nil, setgid: nil, file: file)
      #expect(credentials.effective.names == [])
    }
  }

  @Test func seccompGivesTheProfilesErrno() throws {
    let f = KernelFixture([
      "filtered": { process in
        func errno(_ body: () throws -> Void) -> Errno? {
          do { try body() } catch { return error as? Errno }
          return nil
        }
        #expect(errno { try process.makeDirectory("/tmp/x", mode: 0o755) } == .EPERM)
        #expect(errno { try process.sethostname("x") } == .ENOSYS)
        #expect(errno { _ = try process.list("/tmp") } == nil)
        return 0
      }
    ])
    let profile = RuntimeSpec.Seccomp(
      defaultAction: .allow,
      syscalls: [
        .init(names: ["mkdir"], action: .errno), .init(names: ["sethostname"], action: .errno, errnoRet: 38),
      ])
    let pid = try f.child()
    try f.perform(.setresuid(1000), as: pid)
    #expect(f.errno(.seccomp(profile), as: pid) == .EACCES)
    try f.perform(.prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1), as: pid)
    try f.perform(.seccomp(profile), as: pid)
    #expect(f.read("/proc/self/status", as: pid)?.contains("Seccomp:\t2") == true)
    #expect(try f.run("filtered", as: pid) == 0)
  }

  @Test func seccompCanKill() throws {
    let f = KernelFixture([
      "doomed": { process in
        try process.makeDirectory("/tmp/x", mode: 0o755)
        return 0
      }
    ])
    let pid = try f.child()
    try f.perform(
      .seccomp(RuntimeSpec.Seccomp(defaultAction: .allow, syscalls: [.init(names: ["mkdir"], action: .killProcess)])),
      as: pid)
    #expect(try f.run("doomed", as: pid) == 128 + 31)
  }

  @Test func limitsAreKept() throws {
    let f = KernelFixture([
      "limits": { process in
        let limit = process.resourceLimit("RLIMIT_NOFILE")
        #expect(limit.soft == 10)
        #expect(limit.hard == 20)
        return 0
      }
    ])
    let pid = try f.child()
    try f.perform(.setrlimit(name: "RLIMIT_NOFILE", soft: 10, hard: 20), as: pid)
    #expect(f.errno(.setrlimit(name: "RLIMIT_NOFILE", soft: 30, hard: 20), as: pid) == .EINVAL)
    #expect(f.errno(.setrlimit(name: "RLIMIT_LUCK", soft: 1, hard: 1), as: pid) == .EINVAL)
    #expect(f.read("/proc/self/limits", as: pid)?.contains("Max open files            10                   20") == true)
    let user = try f.child()
    try f.perform(.prlimit(pid: user, name: "RLIMIT_CORE", soft: 0, hard: 0))
    try f.perform(.setresuid(1000), as: user)
    #expect(f.errno(.setrlimit(name: "RLIMIT_CORE", soft: 0, hard: 1), as: user) == .EPERM)
    #expect(try f.run("limits", as: pid) == 0)
  }
}
