import Glibc
import JSONTree
import Testing

@Suite("Hooks", .requireRoot)
struct HookTests {
  private static let onHost = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]

  /// A hook that writes its name into `order` and the state that it is given into a file of its name.
  private func recorder(_ name: String, in folder: String) -> JSON {
    [
      "path": "/bin/sh",
      "args": ["sh", "-c", .string("cat > \(folder)/\(name).json; echo \(name) >> \(folder)/order")],
      "env": ["PATH=/usr/bin:/bin"],
    ]
  }

  /// A hook that runs a line of shell.
  private func shell(_ line: String, timeout: Int? = nil) -> JSON {
    var hook: JSON = ["path": "/bin/sh", "args": ["sh", "-c", .string(line)], "env": ["PATH=/usr/bin:/bin"]]
    if let timeout { hook["timeout"] = JSON(timeout) }
    return hook
  }

  private func order(_ box: Sandbox) -> [String] { Files.textIfAny("\(box.folder)/record/order")?.lines ?? [] }

  /// A created container whose hooks all record; `record` is seen inside at the same path.
  private func recording(_ box: Sandbox) throws -> Container {
    let record = "\(box.folder)/record"
    try Files.makeDirectory(record, mode: 0o777)
    return try box.created {
      for name in Self.onHost + ["startContainer"] { $0["hooks.\(name)"] = [recorder(name, in: record)] }
      $0["annotations"] = ["org.example.anchor": "iron"]
      $0.bind(record, to: record)
    }
  }

  @Test("each runs at its time")
  func order() throws {
    try Sandbox.with { box in
      let container = try recording(box)
      // runc 1.1 runs poststart at the end of create already; the specification says after start.
      #expect(
        order(box).filter { box.runtime.kind != .runc || $0 != "poststart" } == [
          "prestart", "createRuntime", "createContainer",
        ])
      try box.runtime("start", container.id)
      #expect(becomesTrue { order(box).count == 5 })
      #expect(Set(order(box).dropFirst(3)) == ["startContainer", "poststart"])
      if box.runtime.kind != .runc { #expect(order(box).last == "poststart") }
      try box.runtime("delete", "--force", container.id)
      #expect(order(box).last == "poststop")
      #expect(order(box).count == 6)
    }
  }

  @Test("each is given the state on stdin")
  func state() throws {
    try Sandbox.with { box in
      let container = try recording(box)
      let pid = try container.pid()
      try box.runtime("start", container.id)
      #expect(becomesTrue { order(box).count == 5 })
      try box.runtime("delete", "--force", container.id)
      for name in Self.onHost + ["startContainer"] {
        let state = try JSON(parsing: try Files.text("\(box.folder)/record/\(name).json"))
        #expect(state["id"]?.string == container.id, "\(name)")
        #expect(state["ociVersion"]?.string?.hasPrefix("1.") == true, "\(name)")
        #expect(state["bundle"]?.string == container.bundle.path, "\(name)")
        #expect(state["annotations"]?["org.example.anchor"]?.string == "iron", "\(name)")
        let allowed: Set<String> =
          switch name {
          case "poststart": box.runtime.kind == .runc ? ["created"] : ["running"]
          case "poststop": ["stopped"]
          case "startContainer": ["created", "creating"]
          default: ["creating", "created"]
          }
        #expect(allowed.contains(state["status"]?.string ?? ""), "\(name): \(state["status"] ?? .null)")
        // As seen from where the hook runs.
        let seen = name == "createContainer" || name == "startContainer" ? 1 : Int(pid)
        if name != "poststop" { #expect(state["pid"]?.int == seen, "\(name)") }
      }
    }
  }

  @Test("several of one kind run in the order of the list")
  func several() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") {
        $0["hooks.createRuntime"] = [
          shell("sleep 0.2; echo one >> \(box.folder)/list"), shell("echo two >> \(box.folder)/list"),
          shell("echo three >> \(box.folder)/list"),
        ]
      }
      #expect(outcome.succeeded, "\(outcome)")
      #expect(try Files.text("\(box.folder)/list").lines == ["one", "two", "three"])
    }
  }

  @Test("the environment is the hook's own and nothing else")
  func environment() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle {
        $0["hooks.createRuntime"] = [
          ["path": .string(Files.program("env") ?? ""), "args": ["env"], "env": ["SEA=deep", "PATH=/x"]]
        ]
        $0["hooks.prestart"] = [
          [
            "path": "/bin/sh", "args": ["sh", "-c", .string("env > \(box.folder)/env")],
            "env": ["SEA=deep", "PATH=/usr/bin:/bin"],
          ]
        ]
      }
      let outcome = try box.runtime(
        ["run", "--bundle", bundle.path, box.id()], environment: ["LEAK=yes"])
      #expect(outcome.succeeded, "\(outcome)")
      let variables = try Files.text("\(box.folder)/env").lines.filter {
        !$0.hasPrefix("PWD=") && !$0.hasPrefix("_=") && !$0.hasPrefix("SHLVL=") && !$0.hasPrefix("OLDPWD=")
      }
      #expect(variables.sorted() == ["PATH=/usr/bin:/bin", "SEA=deep"])
    }
  }

  @Test(
    "createRuntime runs in the runtime's namespaces, createContainer in the container's, startContainer in its root")
  func places() throws {
    try Sandbox.with { box in
      let record = "\(box.folder)/record"
      try Files.makeDirectory(record, mode: 0o777)
      let container = try box.started {
        for name in ["createRuntime", "createContainer", "startContainer"] {
          $0["hooks.\(name)"] = [
            shell(
              "readlink /proc/self/ns/mnt > \(record)/\(name); readlink /proc/self/ns/uts >> \(record)/\(name); test -e /bin/busybox && echo inside >> \(record)/\(name)"
            )
          ]
        }
        $0.bind(record, to: record)
      }
      let host = [try Files.target(ofLink: "/proc/self/ns/mnt"), try Files.target(ofLink: "/proc/self/ns/uts")]
      let pid = try container.pid()
      let inside = [try Files.target(ofLink: "/proc/\(pid)/ns/mnt"), try Files.target(ofLink: "/proc/\(pid)/ns/uts")]
      #expect(Array(try Files.text("\(record)/createRuntime").lines.prefix(2)) == host)
      #expect(Array(try Files.text("\(record)/createContainer").lines.prefix(2)) == inside)
      #expect(try Files.text("\(record)/startContainer").lines == inside + ["inside"])
    }
  }

  @Test(
    "a hook that fails before the start fails the verb, and nothing is left",
    arguments: ["prestart", "createRuntime", "createContainer"])
  func failing(_ name: String) throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0["hooks.\(name)"] = [shell("echo sunk >&2; exit 3")] }
      let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("hook"), "\(outcome)")
      #expect(outcome.stderr.contains("sunk"), "\(outcome)")
      #expect(outcome.stderr.contains("exit status 3"), "\(outcome)")
      #expect(try !box.runtime("state", box.id()).succeeded)
      #expect(CgroupFiles.host.folders(prefix: box.name).isEmpty)
    }
  }

  @Test("a failing startContainer hook ends the container before its program runs")
  func failingStart() throws {
    try Sandbox.with { box in
      let outcome = try box.run("echo sailed") { $0["hooks.startContainer"] = [shell("exit 3")] }
      #expect(!outcome.succeeded)
      #expect(!outcome.stdout.contains("sailed"), "\(outcome)")
    }
  }

  @Test("a failing poststop hook is a warning: the container is deleted and the next hook runs", .ours)
  func failingStop() throws {
    try Sandbox.with { box in
      let container = try box.started {
        $0["hooks.poststop"] = [shell("exit 3"), shell("echo ran > \(box.folder)/second")]
      }
      let outcome = try box.runtime("delete", "--force", container.id)
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.stderr.contains("hook"), "\(outcome)")
      #expect(Files.exists("\(box.folder)/second"))
      #expect(try !box.runtime("state", container.id).succeeded)
    }
  }

  @Test("a hook that takes longer than its timeout is killed and fails")
  func timeout() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0["hooks.createRuntime"] = [shell("exec sleep 100", timeout: 1)] }
      let began = monotonic()
      let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded)
      #expect(monotonic() - began < 30_000_000_000)
      #expect(outcome.stderr.contains("hook"), "\(outcome)")
    }
  }

  @Test("a hook's program that is not there is named")
  func missing() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0["hooks.createRuntime"] = [["path": "/no/such/hook"]] }
      let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("/no/such/hook"), "\(outcome)")
    }
  }
}
