import Glibc
import OCISpec
import Runtime
import Testing

@testable import DrydockRunc

/// Where a container is in its life.
@Suite("drydock-runc: status")
struct StatusTests {
  private let folder = VerbsFolder()

  private func status(_ change: (inout ContainerRecord) throws -> Void) throws -> RuntimeSpec.Status {
    let own = try #require(ProcessIdentity(pid: Int(getpid())))
    let layout = CgroupLayout(.v1, mountPoint: folder.path + "/cgroup", hierarchies: ["freezer"])
    var record = try StateDirectoryTests.record(layout: layout, initProcess: own)
    try change(&record)
    let root = StateRoot(folder.path + "/root")
    let directory = try (try? root.open("c1")) ?? root.create("c1")
    return record.status(in: directory)
  }

  @Test("The process decides, and the FIFO it sleeps at")
  func life() throws {
    #expect(try status { _ in } == .running)
    mkfifo(folder.path + "/root/c1/exec.fifo", 0o622)
    #expect(try status { _ in } == .created)
    #expect(try status { $0.initProcess = .none } == .stopped)
    // Its number was given to another process.
    #expect(try status { $0.initProcess.start += 1 } == .stopped)
    #expect(try status { $0.initProcess.pid = 4_194_304 } == .stopped)
  }

  @Test("Only a creator that lives is still creating")
  func creating() throws {
    let own = try #require(ProcessIdentity(pid: Int(getpid())))
    #expect(
      try status {
        ($0.progress, $0.creator) = (.creating, own)
        $0.initProcess = .none
      } == .creating)
    #expect(try status { ($0.progress, $0.creator) = (.creating, .none) } == .stopped)
  }

  @Test("A frozen cgroup is paused, also on its way there; a dead container is not")
  func paused() throws {
    folder.write("cgroup/freezer/docker/c1/freezer.state", "FROZEN\n")
    #expect(try status { _ in } == .paused)
    #expect(try status { $0.initProcess = .none } == .stopped)
    folder.write("cgroup/freezer/docker/c1/freezer.state", "FREEZING\n")
    #expect(try status { _ in } == .paused)
    folder.write("cgroup/freezer/docker/c1/freezer.state", "THAWED\n")
    #expect(try status { _ in } == .running)
    folder.write("cgroup/docker/c1/cgroup.freeze", "1\n")
    let unified = CgroupLayout(.unified, mountPoint: folder.path + "/cgroup")
    #expect(try status { $0.cgroups = CgroupPaths(layout: unified, inner: "/docker/c1") } == .paused)
  }

  @Test("The processes of all cgroups below count")
  func members() {
    folder.write("cg/cgroup.procs", "7\n3\n")
    folder.write("cg/a/cgroup.procs", "12\n")
    folder.write("cg/a/b/cgroup.procs", "1\n7\n")
    #expect(CgroupMembers.all(below: folder.path + "/cg") == [1, 3, 7, 12])
    #expect(CgroupMembers.all(below: folder.path + "/none") == [])
  }

  @Test("A process's name can hold anything")
  func stat() throws {
    let line =
      "42 (a) b) (c) S 7 42 42 34817 42 4194560 100 0 0 0 150 50 0 0 20 0 1 0 987654 1 2 3\n"
    let stat = try #require(ProcessStat(Array(line.utf8)))
    #expect(stat.pid == 42 && stat.command == "a) b) (c" && stat.state == "S" && stat.parent == 7)
    #expect(stat.terminal == 34817 && stat.ticks == 200 && stat.start == 987_654)
    for line in ["", "42", "42 (x", "42 (x) S", "x (y) S 1 1 1 0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", ") 1 ("] {
      #expect(ProcessStat(Array(line.utf8)) == nil, "\(line)")
    }
  }
}

/// `config.json` of a bundle, whoever wrote it.
@Suite("drydock-runc: reading config.json")
struct BundleConfigTests {
  private let folder = VerbsFolder()

  private func refusal() throws -> String {
    try #require(throws: Failure.self) { _ = try BundleConfig.read(folder.path) }.message
  }

  @Test("A configuration, and its bytes to be kept")
  func whole() throws {
    folder.write("config.json", #" {"ociVersion": "1.0.2", "unknown": 1} "#)
    let (bytes, config) = try BundleConfig.read(folder.path)
    #expect(config.ociVersion == "1.0.2" && bytes.first == UInt8(ascii: " "))
  }

  @Test("What is no configuration is refused at once")
  func wrong() throws {
    #expect(try refusal() == "JSON specification file config.json not found")
    folder.write("config.json", "")
    truncate(folder.path + "/config.json", 100 << 20)
    #expect(try refusal().contains("larger than"))
    for (text, words) in [
      (String(repeating: "{\"a\":", count: 10_000), "nested deeper than"),
      (String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000), "nested deeper than"),
      ("[" + String(repeating: "0,", count: 300_000) + "0]", "more than 200000 values"),
      ("", "unexpected end"), ("null", "cannot be null"), ("[]", "expected an object"),
      (#"{"ociVersion":1}"#, "ociVersion: expected a string"), ("{} {}", "text after the value"),
    ] {
      folder.write("config.json", text)
      #expect(try refusal().contains(words), "\(text.prefix(20))")
    }
    unlink(folder.path + "/config.json")
    mkfifo(folder.path + "/config.json", 0o600)
    #expect(try refusal().contains("not a regular file"))
    unlink(folder.path + "/config.json")
    symlink("/dev/zero", folder.path + "/config.json")
    #expect(try refusal().contains("not a regular file"))
  }
}
