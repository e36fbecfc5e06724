import Glibc
import JSONTree
import Testing

@Suite("Attack: state directories", .requireRoot)
struct StateTests {
  private func stateFile(_ box: Sandbox) throws -> String {
    let path = "\(box.root)/\(box.id())/state.json"
    try #require(Files.exists(path))
    return path
  }

  @Test(
    "state that is empty, broken, huge, of a wrong type or a link is refused, and never crashes", .ours,
    arguments: [
      "", "{", "null", "[]", "{\"id\":1}", "{}", String(repeating: "[", count: 20000),
    ])
  func broken(_ text: String) throws {
    try Sandbox.with { box in
      let container = try box.started()
      let file = try stateFile(box)
      let original = try Files.bytes(file)
      try Files.write(text, to: file)
      for verb in [["state"], ["kill"], ["start"], ["exec"], ["pause"], ["ps"]] {
        let outcome = try box.runtime(verb + [container.id] + (verb == ["exec"] ? ["true"] : []))
        #expect(
          !outcome.succeeded && outcome.status != 139 && outcome.status != 132 && outcome.status != 134,
          "\(verb): \(outcome)")
      }
      let list = try box.runtime("list")
      #expect(list.status < 128, "\(list)")
      try Files.write(original, to: file)
      #expect(try container.status() == "running")
    }
  }

  @Test("a state file that is a link to a file of the host is not followed into anything written")
  func linkedFile() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let file = try stateFile(box)
      try Files.write("host\n", to: "\(box.folder)/victim")
      let original = try Files.bytes(file)
      unlink(file)
      try Files.link("\(box.folder)/victim", at: file)
      _ = try box.runtime("kill", container.id, "TERM")
      _ = try box.runtime("pause", container.id)
      _ = try box.runtime("update", "--pids-limit", "10", container.id)
      #expect(try Files.text("\(box.folder)/victim") == "host\n")
      unlink(file)
      try Files.write(original, to: file)
    }
  }

  @Test("a state directory that is a link: delete removes nothing behind it")
  func linkedFolder() throws {
    try Sandbox.with { box in
      try Files.makeDirectory(box.root)
      try Files.makeDirectory("\(box.folder)/precious")
      try Files.write("keep\n", to: "\(box.folder)/precious/file")
      try Files.write("{}", to: "\(box.folder)/precious/state.json")
      try Files.link("\(box.folder)/precious", at: "\(box.root)/\(box.id())")
      _ = try box.runtime("delete", "--force", box.id())
      #expect(try Files.text("\(box.folder)/precious/file") == "keep\n")
      unlink("\(box.root)/\(box.id())")
    }
  }

  @Test("the id of an innocent process written into the state: it is not killed")
  func foreignProcess() throws {
    try Sandbox.with { box in
      let innocent = try box.spawn(["sleep", "1000"])
      let container = try box.started()
      let pid = try container.pid()
      let file = try stateFile(box)
      let original = try Files.text(file)
      let changed = original.split(separator: ":", omittingEmptySubsequences: false).map { part -> String in
        let number = part.prefix { $0.isNumber || $0 == " " }
        return number.trimmingBlanks == String(pid) ? "\(innocent.pid)" + part.dropFirst(number.count) : String(part)
      }.joined(separator: ":")
      #expect(changed != original)
      try Files.write(changed, to: file)
      _ = try box.runtime("kill", container.id, "KILL")
      _ = try box.runtime("kill", "--all", container.id, "KILL")
      usleep(50_000)
      #expect(!innocent.hasEnded)
      try Files.write(original, to: file)
      try box.runtime("delete", "--force", container.id)
      #expect(!innocent.hasEnded)
    }
  }

  @Test(
    "the exec FIFO replaced by a file, a link or nothing: start fails or starts, and writes nothing elsewhere",
    arguments: ["file", "link", "nothing"])
  func fifo(_ kind: String) throws {
    try Sandbox.with { box in
      let container = try box.created()
      let folder = "\(box.root)/\(container.id)"
      try Files.write("host\n", to: "\(box.folder)/victim")
      let fifo = try #require(
        Files.names(in: folder).first {
          (try? Files.status("\(folder)/\($0)"))?.st_mode ?? 0 & S_IFMT == S_IFIFO || $0.contains("fifo")
        })
      unlink("\(folder)/\(fifo)")
      if kind == "file" { try Files.write("", to: "\(folder)/\(fifo)") }
      if kind == "link" { try Files.link("\(box.folder)/victim", at: "\(folder)/\(fifo)") }
      let child = try box.start(["start", container.id])
      _ = becomesTrue(within: 2) { child.hasEnded }
      child.kill(SIGKILL)
      #expect(try Files.text("\(box.folder)/victim") == "host\n")
      #expect(try box.runtime("delete", "--force", container.id).succeeded)
    }
  }

  @Test("a folder without any state is no container, and delete --force removes it")
  func emptyFolder() throws {
    try Sandbox.with { box in
      try Files.makeDirectory(box.root)
      try Files.makeDirectory("\(box.root)/\(box.id())")
      #expect(try !box.runtime("state", box.id()).succeeded)
      #expect(try box.runtime("list", "--quiet").stdout.isEmpty)
      #expect(try box.runtime("delete", "--force", box.id()).succeeded)
      if box.runtime.kind == .drydock { #expect(Files.names(in: box.root).isEmpty) }
      rmdir("\(box.root)/\(box.id())")
    }
  }

  /// Genuine runc 1.1 does not pass this one.
  @Test("three creates of one id at once, 20 times: one wins, and its container lives", .ours)
  func twoCreates() throws {
    try Sandbox.with { box in
      let bundles = try ["a", "b", "c"].map { short in
        try box.bundle(short) {
          $0["linux.cgroupsPath"] = .string("/\(box.id())")
          $0.args = ["sleep", "1000"]
        }
      }
      for round in 0..<20 {
        let children = try bundles.map { try box.start(["create", "--bundle", $0.path, box.id()]) }
        let outcomes = try children.map { try $0.wait() }
        #expect(outcomes.filter(\.succeeded).count == 1, "\(round): \(outcomes)")
        for outcome in outcomes where !outcome.succeeded {
          #expect(outcome.stderr.contains("already exists"), "\(round): \(outcome)")
        }
        #expect(try box.runtime("start", box.id()).succeeded, "\(round)")
        #expect(try box.runtime("delete", "--force", box.id()).succeeded, "\(round)")
      }
    }
  }
}

extension Substring {
  fileprivate var trimmingBlanks: String { String(filter { $0 != " " }) }
}
