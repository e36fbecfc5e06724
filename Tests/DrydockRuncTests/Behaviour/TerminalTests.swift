import CHarness
import Glibc
import JSONTree
import Testing

@Suite("Terminals", .requireRoot)
struct TerminalTests {
  /// `create` with a console socket; the master that came over it.
  private func terminal(
    _ box: Sandbox, script: String, _ change: (inout Config) -> Void = { _ in }
  ) throws -> Master {
    let listener = try Listener(path: "\(box.folder)/console.sock")
    let bundle = try box.bundle {
      $0["process.terminal"] = true
      $0.script = script
      change(&$0)
    }
    let child = try box.start(["create", "--console-socket", listener.path, "--bundle", bundle.path, box.id()])
    let (_, fd) = try listener.receive()
    let outcome = try child.wait()
    guard outcome.succeeded else { throw Refused(doing: "create", outcome: outcome) }
    return Master(fd: fd)
  }

  @Test("the master comes over the console socket, the slave is the container's terminal")
  func consoleSocket() throws {
    try Sandbox.with { box in
      let master = try terminal(
        box, script: "tty; stat -c '%t:%T' /dev/console; test -t 0 && test -t 1 && test -t 2 && echo three")
      try box.runtime("start", box.id())
      let text = master.read { $0.contains("three") }
      #expect(text.contains("/dev/pts/0\r\n") || text.contains("/dev/console\r\n"), "\(text)")
      #expect(text.contains("three"), "\(text)")
      #expect(text.contains("88:0"), "\(text)")
    }
  }

  @Test("the window has the size of the configuration")
  func windowSize() throws {
    try Sandbox.with { box in
      let master = try terminal(box, script: "stty size") { $0["process.consoleSize"] = ["height": 33, "width": 77] }
      try box.runtime("start", box.id())
      #expect(master.read { $0.contains("\n") }.contains("33 77"), "\(master.text)")
    }
  }

  @Test("a new size reaches the container as SIGWINCH")
  func resize() throws {
    try Sandbox.with { box in
      let master = try terminal(box, script: "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done")
      try box.runtime("start", box.id())
      _ = master.read { $0.contains("ready") }
      #expect(charness_set_window(master.fd, 44, 99) == 0)
      #expect(master.read { $0.contains("44 99") }.contains("44 99"), "\(master.text)")
    }
  }

  @Test("it is the controlling terminal: ^C interrupts the foreground")
  func interrupt() throws {
    try Sandbox.with { box in
      let master = try terminal(box, script: "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done")
      try box.runtime("start", box.id())
      _ = master.read { $0.contains("ready") }
      master.write("\u{3}")
      #expect(master.read { $0.contains("caught") }.contains("caught"), "\(master.text)")
    }
  }

  @Test("what is typed arrives, and is echoed")
  func typing() throws {
    try Sandbox.with { box in
      let master = try terminal(box, script: "read line; echo got:$line")
      try box.runtime("start", box.id())
      master.write("hello\n")
      #expect(master.read { $0.contains("got:hello") }.contains("hello\r\ngot:hello\r\n"), "\(master.text)")
    }
  }

  @Test("run in the foreground passes its own terminal through")
  func foreground() throws {
    try Sandbox.with { box in
      var name = [CChar](repeating: 0, count: 64)
      let fd = charness_open_terminal(&name)
      try #require(fd >= 0)
      charness_set_window(fd, 31, 71)
      let master = Master(fd: fd)
      let slave = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let bundle = try box.bundle {
        $0["process.terminal"] = true
        $0.script = "until stty size 2>&1 | grep '31 71'; do sleep 0.02; done; read line; echo got:$line; exit 3"
      }
      let child = try box.start(["run", "--bundle", bundle.path, box.id()], terminal: slave)
      #expect(master.read { $0.contains("31 71") }.contains("31 71"), "\(master.text)")
      master.write("typed\n")
      #expect(master.read { $0.contains("got:typed") }.contains("got:typed"), "\(master.text)")
      #expect(try child.wait().status == 3)
    }
  }

  @Test("exec --tty with a console socket")
  func exec() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let listener = try Listener(path: "\(box.folder)/exec.sock")
      let child = try box.start([
        "exec", "--tty", "--detach", "--console-socket", listener.path, container.id, "sh", "-c", "tty; sleep 0.3",
      ])
      let master = Master(fd: try listener.receive().fd)
      #expect(try child.wait().succeeded)
      #expect(master.read { $0.contains("\n") }.contains("/dev/"), "\(master.text)")
    }
  }

  @Test("a terminal for a detached container needs a console socket")
  func socketNeeded() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0["process.terminal"] = true }
      let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded)
      #expect(
        outcome.stderr.contains("cannot allocate tty if runc will detach without setting console socket"), "\(outcome)")
    }
  }

  @Test("a console socket without a terminal is refused")
  func socketForNothing() throws {
    try Sandbox.with { box in
      let listener = try Listener(path: "\(box.folder)/console.sock")
      let bundle = try box.bundle()
      let outcome = try box.runtime("create", "--console-socket", listener.path, "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded)
      #expect(
        outcome.stderr.contains("cannot use console socket if runc will not detach or allocate tty"), "\(outcome)")
    }
  }
}
