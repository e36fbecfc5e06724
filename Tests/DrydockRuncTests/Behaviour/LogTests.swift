import Glibc
import JSONTree
import Testing

@Suite("Log, plan and trace", .requireRoot)
struct LogTests {
  @Test("an error is one line on stderr that says what failed and why")
  func plain() throws {
    try Sandbox.with { box in
      let outcome = try box.runtime("state", "nobody")
      #expect(outcome.stderr.lines.count == 1, "\(outcome)")
      #expect(outcome.stderr.contains("container does not exist"))
      #expect(outcome.status == 1)
    }
  }

  @Test("capabilities that cannot be ambient are not worth a word, as with runc, except with --debug")
  func ambient() throws {
    try Sandbox.with { box in
      func run(_ short: String) throws -> Outcome {
        try box.run("true", short) { $0["process.capabilities"] = ["bounding": ["CAP_KILL"], "ambient": ["CAP_KILL"]] }
      }
      let outcome = try run("quiet")
      #expect(outcome.succeeded && outcome.stderr.isEmpty, "\(outcome)")
      box.globals = ["--debug"]
      #expect(try run("loud").stderr.contains("[CAP_KILL]"))
    }
  }

  @Test(
    "--systemd-cgroup where systemd is not there, in runc's words",
    .enabled(if: access("/run/systemd/system", F_OK) != 0))
  func systemd() throws {
    try Sandbox.with { box in
      box.globals = ["--systemd-cgroup"]
      let outcome = try box.run("true")
      #expect(outcome.status == 1)
      #expect(
        outcome.stderr.contains(
          "runc run failed: systemd not running on this host, cannot use systemd cgroups manager"), "\(outcome)")
    }
  }

  @Test("--log and --log-format json: what containerd and podman read")
  func json() throws {
    try Sandbox.with { box in
      let log = "\(box.folder)/log.json"
      box.globals = ["--log", log, "--log-format", "json"]
      let outcome = try box.run("") { $0.args = ["no-such-program"] }
      #expect(!outcome.succeeded)
      let lines = try Files.text(log).lines
      let last = try JSON(parsing: try #require(lines.last))
      #expect(last["level"]?.string == "error", "\(lines)")
      #expect(last["msg"]?.string?.contains("executable file not found in $PATH") == true, "\(lines)")
      #expect(last["time"]?.string?.contains("T") == true)
    }
  }

  @Test("--log text")
  func text() throws {
    try Sandbox.with { box in
      let log = "\(box.folder)/log"
      box.globals = ["--log", log]
      try box.runtime("state", "nobody")
      let text = try Files.text(log)
      #expect(text.contains("level=error msg=\"container does not exist\""), "\(text)")
    }
  }

  @Test("--debug says more")
  func debug() throws {
    try Sandbox.with { box in
      let log = "\(box.folder)/log.json"
      box.globals = ["--debug", "--log", log, "--log-format", "json"]
      #expect(try box.run("true").succeeded)
      let lines = try Files.text(log).lines
      #expect(try lines.contains { try JSON(parsing: $0)["level"]?.string == "debug" }, "\(lines)")
    }
  }

  @Test("plan prints what would be asked of the kernel, and does nothing", .ours)
  func plan() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "touch /ran" }
      let outcome = try box.runtime("plan", "--bundle", bundle.path)
      #expect(outcome.succeeded, "\(outcome)")
      var rest = outcome.lines[...]
      // In this order, among others.
      for word in ["clone", "mount", "pivot_root", "capset", "execve"] {
        let index = rest.firstIndex { $0.contains(word) }
        #expect(index != nil, "\(word): \(outcome)")
        if let index { rest = rest[index...] }
      }
      #expect(!Files.exists("\(bundle.rootfs)/ran"))
      #expect(Files.names(in: box.root).isEmpty)
      #expect(CgroupFiles.host.folders(prefix: box.name).isEmpty)
    }
  }

  @Test("plan as JSON", .ours)
  func planJSON() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle()
      let outcome = try box.runtime("plan", "--json", "--bundle", bundle.path)
      #expect(outcome.succeeded, "\(outcome)")
      #expect(
        (try? JSON(parsing: outcome.stdout)) != nil || outcome.lines.allSatisfy { (try? JSON(parsing: $0)) != nil })
    }
  }

  @Test("--trace-fd: a record for every call, with result and time, in the order of their numbers", .ours)
  func trace() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "exit 5" }
      let file = "\(box.folder)/trace.jsonl"
      let fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      defer { close(fd) }
      box.globals = ["--trace-fd", "3"]
      let outcome = try box.runtime(["run", "--bundle", bundle.path, box.id()], extra: [fd])
      #expect(outcome.status == 5, "\(outcome)")
      let records = try Files.text(file).lines.map { try JSON(parsing: $0) }
      #expect(records.count > 20)
      #expect(records.compactMap { $0["seq"]?.int }.sorted() == Array(1...max(records.count, 1)))
      for record in records {
        #expect(record["ev"]?.string == "call")
        #expect(record["from"]?.string == "runc")
        #expect(record["to"]?.string == "kernel")
        #expect(record["via"]?.string == "syscall")
        #expect(record["op"]?.string?.isEmpty == false)
        #expect((record["took"]?.int ?? -1) >= 0)
        #expect(record["ok"]?.bool != nil)
        if record["ok"]?.bool == false { #expect((record["error"]?["code"]?.int ?? 0) > 0) }
      }
      let names = Set(records.compactMap { $0["op"]?.string })
      for name in ["clone3", "execve"] { #expect(names.contains(name), "\(names.sorted())") }
      let roles = Set(records.compactMap { $0["role"]?.string })
      #expect(roles.isSuperset(of: ["runtime", "container"]), "\(roles)")
    }
  }

  @Test("the trace's descriptor does not reach the container", .ours)
  func traceDoesNotLeak() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "ls /proc/$$/fd; true" }
      let fd = open("\(box.folder)/trace.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      defer { close(fd) }
      box.globals = ["--trace-fd", "3"]
      let outcome = try box.runtime(["run", "--bundle", bundle.path, box.id()], extra: [fd])
      #expect(Set(outcome.lines).subtracting(["0", "1", "2", "10"]).isEmpty, "\(outcome)")
    }
  }
}
