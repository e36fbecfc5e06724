import Runtime
import Seams
import Testing

@testable import Simulation

/// pty(7), termios(3): what is typed and what is shown.
@Suite struct KernelTerminalTests {
  private struct Session {
    let f: KernelFixture
    let pid: Int
    let keyboard = ByteChannel()
    let display = ByteChannel()

    init(_ body: @escaping @Sendable (any SimProcess) async throws -> Int32) throws {
      f = KernelFixture(["test": body])
      pid = try f.makeContainer()
      f.kernel.attach(ProcessStdio(stdin: keyboard, stdout: display, terminal: true), to: pid)
      let number = try f.perform(.openTerminal(ptmx: "/dev/pts/ptmx"), as: pid)
      #expect(number == 0)
      try f.perform(.setsid, as: pid)
      try f.perform(.setControllingTerminal, as: pid)
      try f.perform(.execve(path: "/usr/local/bin/test", arguments: ["test"], environment: []), as: pid)
      f.settle()
    }

    func type(_ text: String) {
      keyboard.push(Array(text.utf8))
      f.settle()
    }

    /// What the display has shown since the last time.
    func shown() -> String {
      f.settle()
      return String(decoding: display.tryRead() ?? [], as: UTF8.self)
    }
  }

  /// A program that repeats each line in brackets, until the end.
  @Sendable private static func repeats(_ process: any SimProcess) async throws -> Int32 {
    while let bytes = try await process.read(0, 1000) {
      let line = String(decoding: bytes, as: UTF8.self)
      try await process.write(1, Array("[\(line.replacing("\n", with: ""))]\n".utf8))
    }
    return 3
  }

  private func session() throws -> Session { try Session { try await KernelTerminalTests.repeats($0) } }

  @Test func whatIsTypedIsEchoedAndReadByLines() throws {
    let s = try session()
    s.type("he")
    #expect(s.shown() == "he")
    s.type("llo\r")
    #expect(s.shown() == "llo\r\n")
    #expect(s.shown() == "[hello]\r\n")
  }

  @Test func theLineCanBeEdited() throws {
    let s = try session()
    s.type("helpp\u{7f}\u{7f}lo é\u{7f}x\r")
    _ = s.shown()
    #expect(s.shown() == "[hello x]\r\n")
    s.type("one two\u{17}three\u{15}four\r")
    _ = s.shown()
    #expect(s.shown() == "[four]\r\n")
  }

  @Test func controlDIsTheEnd() throws {
    let s = try session()
    s.type("half\u{4}")
    #expect(s.shown() == "half")
    #expect(s.shown() == "[half]\r\n")
    s.type("\u{4}")
    #expect(s.f.status(of: s.pid) == 3)
    #expect(s.display.isWriteClosed)
  }

  @Test func controlCIsSIGINTForTheForegroundGroup() throws {
    let s = try Session { process in
      process.onSignal(2, .handle)
      let signal = try await process.nextSignal()
      return 100 + signal
    }
    s.type("half a line\u{3}")
    #expect(s.f.status(of: s.pid) == 102)
    #expect(s.shown().hasSuffix("^C"))
  }

  @Test func pidOneDoesNotDieOfControlCUnhandled() throws {
    let s = try session()
    s.type("\u{3}")
    #expect(s.f.kernel.status(of: s.pid) == .running)
    s.type("x\r")
    #expect(s.f.kernel.status(of: s.pid) == .running)
  }

  @Test func childrenDieOfControlC() throws {
    let s = try Session { process in
      process.onSignal(2, .handle)
      let child = try process.spawn("/usr/local/bin/sleeper", ["sleeper"], environment: [], stdio: [0, 1, 2])
      while true {
        do { return try await process.wait(child).status } catch { if error as? Errno != .EINTR { throw error } }
      }
    }
    s.type("\u{3}")
    #expect(s.f.status(of: s.pid) == 130)
  }

  @Test func theSizeIsKnownAndChangesAreTold() throws {
    let s = try Session { process in
      process.onSignal(28, .handle)
      _ = try await process.nextSignal()
      let size = process.terminalSize(0)
      return Int32((size?.rows ?? 0) * 100 + (size?.columns ?? 0) == 3100 + 132 ? 7 : 1)
    }
    s.f.kernel.resizeTerminal(of: s.pid, rows: 31, columns: 132)
    #expect(s.f.status(of: s.pid) == 7)
  }

  @Test func devTtyIsTheControllingTerminal() throws {
    let s = try Session { process in
      let fd = try process.open("/dev/pts/0", .write)
      try await process.write(fd, Array("direct\n".utf8))
      #expect(process.isTerminal(fd))
      #expect(process.isTerminal)
      let link = try process.readLink("/proc/self/fd/0")
      #expect(link == "/dev/pts/0")
      return 0
    }
    #expect(s.f.status(of: s.pid) == 0)
    #expect(s.shown() == "direct\r\n")
  }

  @Test func backgroundReadersStop() throws {
    let s = try Session { process in
      let child = try process.fork(stdio: [0, 1, 2]) { child in
        _ = try await child.read(0, 10)
        return 0
      }
      try process.setpgid(child, child)
      try await process.sleep(Duration64.second)
      let state = process.processes().first { $0.pid == child }?.state
      #expect(state == "T")
      try process.setForegroundGroup(child)
      try process.kill(child, 18)
      return try await process.wait(child).status + 5
    }
    s.f.world.advance(2 * Duration64.second)
    s.type("x\r")
    #expect(s.f.status(of: s.pid) == 5)
  }

  @Test func withoutATerminalTheStreamsAreThreeChannels() throws {
    let f = KernelFixture([
      "test": { process in
        #expect(!process.isTerminal)
        try await process.write(1, Array("out\n".utf8))
        try await process.write(2, Array("err\n".utf8))
        let input = try await process.read(0, 100)
        return Int32(input?.count ?? -1)
      }
    ])
    let pid = try f.child()
    let (input, out, err) = (ByteChannel(), ByteChannel(), ByteChannel())
    f.kernel.attach(ProcessStdio(stdin: input, stdout: out, stderr: err), to: pid)
    try f.perform(.execve(path: "/usr/local/bin/test", arguments: ["test"], environment: []), as: pid)
    f.settle()
    input.push([1, 2, 3])
    #expect(f.status(of: pid) == 3)
    #expect(f.world.runBlocking { await out.readAll() } == Array("out\n".utf8))
    #expect(f.world.runBlocking { await err.readAll() } == Array("err\n".utf8))
  }
}
