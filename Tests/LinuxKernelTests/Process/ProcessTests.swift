import Glibc
import LinuxKernel
import Runtime
import Testing

/// How processes are made, awaited and told things.
@Suite struct ProcessTests {
  /// A child that does nothing but end. (Beside the threads of a test nothing else is safe in a forked child.)
  private func child(_ body: () -> Never) throws -> ChildProcess {
    switch try LinuxKernel.fork() {
    case .child: body()
    case .parent(let process): return process
    }
  }

  @Test func aChildsExitStatusIsKnown() throws {
    let process = try child { _exit(7) }
    #expect(try process.wait() == .exited(7))
    process.close()
  }

  @Test func whoWasKilledCounts128AndTheSignal() throws {
    let process = try child { while true { pause() } }
    #expect(try process.wait(blocks: false) == nil)
    try process.send(signal: SIGTERM)
    let end = try process.wait()
    #expect(end == .killed(signal: SIGTERM))
    #expect(end?.status == 143)
    process.close()
  }

  @Test func aChildHasNoSignalBlockedOrIgnored() throws {
    _ = signal(SIGUSR1, SIG_IGN)
    defer { _ = signal(SIGUSR1, SIG_DFL) }
    let process = try child { while true { pause() } }
    try process.send(signal: SIGUSR1)
    #expect(try process.wait() == .killed(signal: SIGUSR1))
    process.close()
  }

  @Test func whoIsBuriedCannotBeSignalled() throws {
    let process = try child { _exit(0) }
    _ = try process.wait()
    #expect(throws: Errno.ESRCH) { try process.send(signal: SIGTERM) }
    process.close()
  }

  // MARK: Sockets

  @Test func messagesArriveWholeWithTheirDescriptor() throws {
    var (a, b) = try SyncSocket.pair()
    defer {
      a.close()
      b.close()
    }
    let first = SyncMessage(.refused, role: 3, step: 41, value: 2, text: "mount proc to /proc: no such file")
    try a.send(first)
    try a.send(SyncMessage(.terminal, role: 3, step: 42, value: 0), descriptor: 0)
    let one = try #require(try b.receive())
    #expect(one.message == first)
    #expect(one.descriptor == -1)
    let two = try #require(try b.receive())
    #expect(two.message.kind == .terminal)
    #expect(two.descriptor > 2)
    #expect(fcntl(two.descriptor, F_GETFD) == FD_CLOEXEC)
    close(two.descriptor)
    #expect(throws: Errno.EAGAIN) { try b.receive(blocks: false) }
  }

  @Test func theDeathOfTheOtherSideIsTheEndOfFile() throws {
    LinuxKernel.settleSignals()
    var (a, b) = try SyncSocket.pair()
    a.close()
    #expect(try b.receive() == nil)
    #expect(throws: Errno.EPIPE) { try b.send(SyncMessage(.done, role: 0, step: 0)) }
    b.close()
  }

  // MARK: Hooks

  @Test func aHookReadsItsInputAndHasItsEnvironment() throws {
    try Hook(
      "/bin/sh", ["sh", "-c", #"test "$(cat)" = hello && test "$A" = b && test "$(pwd)" = /usr"#],
      environment: ["A=b"], input: Array("hello".utf8), directory: "/usr"
    ).run()
  }

  @Test func aHookThatFailsSaysWhatItSaid() {
    let hook = Hook("/bin/sh", ["sh", "-c", "echo out; echo bad >&2; exit 3"])
    #expect(throws: Hook.Failure.ended(.exited(3), stdout: "out", stderr: "bad")) { try hook.run() }
    #expect(
      Hook.Failure.ended(.exited(3), stdout: "out", stderr: "bad").message
        == "exit status 3, stdout: out, stderr: bad")
  }

  @Test func aHookThatIsNotThereWasNotExecuted() {
    #expect(throws: Hook.Failure.notExecuted(.ENOENT)) { try Hook("/no/such/hook", ["x"]).run() }
  }

  @Test func aHookIsKilledWhenItsTimeIsOver() {
    let hook = Hook("/bin/sleep", ["sleep", "1000"], timeout: 0)
    #expect(throws: Hook.Failure.timedOut(seconds: 0)) { try hook.run() }
  }

  @Test func aHookNeedNotReadItsInput() throws {
    LinuxKernel.settleSignals()
    try Hook("/bin/true", ["true"], input: Array(repeating: 65, count: 1 << 20)).run()
  }

  @Test func aHookInheritsNothingAboveStderr() throws {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let list = #"for fd in /proc/self/fd/*; do case ${fd##*/} in 0|1|2) ;; *) readlink $fd && exit 1 ;; esac; done; :"#
    // What the shell itself has open is the folder that it reads.
    do { try Hook("/bin/sh", ["sh", "-c", list]).run() } catch {
      guard case .ended(_, let stdout, _) = error else { throw error }
      #expect(!stdout.contains("pipe:"))
    }
  }

  // MARK: The FIFO

  private func folder() -> String {
    let path = "/tmp/drydock-fifo-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    #expect(mkdir(path, 0o700) == 0)
    return path
  }

  @Test func startHearsFromWhoSleepsAtTheFIFO() throws {
    let folder = folder()
    let path = folder + "/exec.fifo"
    #expect(mkfifo(path, 0o600) == 0)
    defer {
      unlink(path)
      rmdir(folder)
    }
    var pid: pid_t = 0
    let words: [String] = ["sh", "-c", "printf 0 > \(path)"]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    #expect(posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, nil) == 0)
    let sleeper = try LinuxKernel.open(pid: Int(pid))
    try ExecFIFO.release(path, sleeper: sleeper)
    #expect(try sleeper.wait() == .exited(0))
  }

  @Test func startNoticesThatTheSleeperIsDead() throws {
    let folder = folder()
    let path = folder + "/exec.fifo"
    #expect(mkfifo(path, 0o600) == 0)
    defer {
      unlink(path)
      rmdir(folder)
    }
    let sleeper = try child { _exit(0) }
    #expect(throws: Errno.EAGAIN) { try ExecFIFO.release(path, sleeper: sleeper) }
    _ = try sleeper.wait()
  }

  @Test func onlyAFIFOIsAFIFO() {
    #expect(throws: Errno.EINVAL) { _ = try ExecFIFO("/dev/null") }
  }

  // MARK: Terminals

  @Test func whatIsNoPtmxOfADevptsIsRefused() {
    #expect(throws: Errno.ENODEV) { _ = try Terminal.open(ptmx: "/dev/null") }
    #expect(throws: Errno.ENODEV) { _ = try Terminal.open(ptmx: "/etc/passwd") }
  }

  @Test func executableFilesOnly() {
    #expect(throws: Never.self) { try LinuxKernel.checkExecutable("/bin/sh") }
    #expect(throws: Errno.EISDIR) { try LinuxKernel.checkExecutable("/bin") }
    #expect(throws: Errno.EACCES) { try LinuxKernel.checkExecutable("/etc/passwd") }
    #expect(throws: Errno.EACCES) { try LinuxKernel.checkExecutable("/dev/null") }
    #expect(throws: Errno.ENOENT) { try LinuxKernel.checkExecutable("/no/such/program") }
    #expect(throws: Errno.EINVAL) { try LinuxKernel.checkExecutable("/bin/sh\0x") }
  }
}
