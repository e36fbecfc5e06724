import Glibc
import JSONTree
import OCISpec
import Runtime
import Testing

@testable import DrydockRunc

/// The notes on a container between two executions of the runtime.
@Suite("drydock-runc: state directories")
struct StateDirectoryTests {
  private let folder = VerbsFolder()
  private var root: StateRoot { StateRoot(folder.path + "/root") }

  static func record(
    _ id: String = "c1", layout: CgroupLayout = CgroupLayout(.hybrid, own: "/a"), initProcess: ProcessIdentity? = nil
  ) throws -> ContainerRecord {
    let json: JSON = [
      "ociVersion": "1.2.0", "annotations": ["a.b": "c", "empty": ""],
      "linux": ["namespaces": [["type": "pid"], ["type": "network", "path": "/proc/1/ns/net"]]],
    ]
    var record = ContainerRecord(
      id: id, bundle: "/b", rootfs: "/b/rootfs", config: try RuntimeSpec.Config(json),
      cgroups: CgroupPaths(layout: layout, inner: "/docker/c1"), creator: .none, created: 1_795_549_649_709_559_744,
      owner: 1000, rootless: true)
    record.initProcess = initProcess ?? ProcessIdentity(pid: 77, start: 123_456)
    record.progress = .created
    return record
  }

  private func saved(_ record: ContainerRecord) throws -> StateDirectory {
    let directory = try root.create(record.id)
    try directory.save(record)
    return directory
  }

  @Test("What is saved is loaded")
  func roundTrip() throws {
    var layout = CgroupLayout(.v1, hierarchies: ["memory", "cpu,cpuacct"], controllers: [], own: "/x")
    layout.owns = ["memory": "/y/z"]
    var record = try Self.record(layout: layout)
    record.cgroups.relative = "docker/c1"
    let directory = try saved(record)
    #expect(try directory.load() == record)
    #expect(try root.open("c1").load() == record)
    #expect(record.hasOwnPIDs && record.namespaces == [.pid, .network])
    record.progress = .creating
    record.initProcess = .none
    try directory.save(record)
    #expect(try directory.load() == record)
    #expect(HostFile.names(in: directory.path) == ["state.json"])
  }

  @Test("Its names are libcontainer's, so that who reads runc's notes can read these")
  func names() throws {
    let json = try Self.record(layout: CgroupLayout(.hybrid, hierarchies: ["cpu,cpuacct"])).json
    #expect(json["init_process_pid"]?.int == 77 && json["init_process_start"]?.int == 123_456)
    #expect(json["created"]?.string == "2026-11-24T19:47:29.709559744Z")
    #expect(json["cgroup_paths"]?["cpu,cpuacct"]?.string == "/sys/fs/cgroup/cpu,cpuacct/docker/c1")
    #expect(json["cgroup_paths"]?[""]?.string == "/sys/fs/cgroup/unified/docker/c1")
    #expect(json["namespace_paths"]?["NEWPID"]?.string == "/proc/77/ns/pid")
    #expect(json["config"]?["rootfs"]?.string == "/b/rootfs")
    #expect(json["config"]?["labels"]?.strings == ["bundle=/b", "a.b=c", "empty="])
  }

  @Test("A name belongs to whoever makes its folder")
  func taken() throws {
    let first = try root.create("c1")
    #expect(throws: Failure.exists) { try root.create("c1") }
    #expect(try root.open("c1").lock(wait: false) == false)
    first.close()
    let second = try root.open("c1")
    #expect(try second.lock(wait: false))
    #expect(throws: Failure.exists) { try root.create("c1") }
  }

  @Test("What is not there, not yet there, or not a name")
  func missing() throws {
    #expect(throws: Failure.notExist) { try root.open("c1") }
    #expect(throws: Failure.emptyID) { try root.open("") }
    for id in ["../c1", ".", "..", "a/b", "a b"] { #expect(throws: Failure.invalidID) { try root.open(id) } }
    #expect(try root.names() == nil)
    let directory = try root.create("c1")
    #expect(throws: Failure.notExist) { try directory.load() }
    folder.write("root/file", "")
    mkdir(root.path + "/not a name", 0o755)
    #expect(try root.names() == ["c1"])
  }

  @Test("Links and folders that others can write to are refused")
  func foreign() throws {
    let directory = try saved(Self.record())
    symlink(directory.path, root.path + "/link")
    #expect(try refusal { try root.open("link") }.contains("not a directory of this runtime"))
    folder.write("root/file", "")
    #expect(try refusal { try root.open("file") }.contains("not a directory of this runtime"))
    chmod(directory.path, 0o777)
    #expect(try refusal { try root.open("c1") }.contains("writable by others"))
    chmod(directory.path, 0o711)
    // state.json as a link, a FIFO, a folder: never followed, never waited for.
    rename(directory.path + "/state.json", folder.path + "/elsewhere.json")
    symlink(folder.path + "/elsewhere.json", directory.path + "/state.json")
    #expect(try refusal { try directory.load() }.contains("too many levels of symbolic links"))
    unlink(directory.path + "/state.json")
    mkfifo(directory.path + "/state.json", 0o600)
    #expect(try refusal { try directory.load() }.contains("not a regular file"))
    unlink(directory.path + "/state.json")
    mkdir(directory.path + "/state.json", 0o700)
    #expect(try refusal { try directory.load() }.contains("not a regular file"))
    chmod(root.path, 0o777)
    #expect(try refusal { try root.create("c2") }.contains("writable by others"))
  }

  @Test("A state root of somebody else is not used", .enabled(if: geteuid() == 0))
  func foreignOwner() throws {
    let directory = try saved(Self.record())
    chown(directory.path, 4242, 0)
    #expect(try refusal { try root.open("c1") }.contains("owned by uid 4242, not by 0"))
    chown(root.path, 4242, 0)
    #expect(try refusal { try root.create("c2") }.contains("owned by uid 4242"))
  }

  @Test("An empty state.json is that of a create which had made nothing yet: there is no such container")
  func empty() throws {
    let directory = try saved(Self.record())
    folder.write("root/c1/state.json", "")
    #expect(try refusal { try directory.load() } == "container does not exist")
  }

  @Test("A state.json that was cut off anywhere is refused, and says where it is")
  func truncated() throws {
    let directory = try saved(Self.record())
    let whole = try HostFile.read(directory.path + "/state.json")
    for length in stride(from: 1, to: whole.count, by: 5) {
      folder.write("root/c1/state.json", String(decoding: whole[..<length], as: UTF8.self))
      let words = try refusal { try directory.load() }
      #expect(words.hasPrefix("container c1 has a broken state: \(directory.path)/state.json: "), "\(length)")
    }
  }

  @Test("A state.json in which any one member is gone, or of another kind, is refused")
  func tampered() throws {
    let directory = try saved(Self.record())
    let whole = try JSON(parsing: HostFile.read(directory.path + "/state.json"))
    // What only others read may be anything.
    let unread = ["cgroup_paths", "namespace_paths", "config.labels"]
    var count = 0
    for path in Self.paths(whole) where !unread.contains(where: { path.joined(separator: ".").hasPrefix($0) }) {
      // Of maps whose names are the user's no name must be there.
      let isFree = path.starts(with: ["drydock", "annotations"]) && path.count == 3
      for value in [nil, .null, [], -1, "\0"] as [JSON?] {
        if isFree, value == nil || value == "\0" { continue }
        if path == ["drydock", "cgroup", "relative"], value == .null { continue }
        if value == [], case .array = Self.value(whole, path) { continue }
        if value == "\0", Self.value(whole, path)?.string == nil { continue }
        folder.write("root/c1/state.json", Self.replacing(whole, path, value).text)
        #expect(throws: Failure.self, "\(path) := \(value?.text ?? "nothing")") { try directory.load() }
        count += 1
      }
    }
    #expect(count > 60)
  }

  @Test(
    "Values that would lead elsewhere are refused",
    arguments: [
      (["id"], "c2"), (["init_process_pid"], 4_194_305), (["init_process_pid"], 1.5), (["drydock", "version"], 2),
      (["drydock", "bundle"], "b"), (["drydock", "bundle"], "/a/../b"), (["config", "rootfs"], "/x/./y"),
      (["drydock", "cgroup", "path"], "/../../x"), (["drydock", "cgroup", "path"], "/"),
      (["drydock", "cgroup", "path"], "x"), (["drydock", "cgroup", "hierarchies"], ["../../tmp"]),
      (["drydock", "cgroup", "hierarchies"], [".."]), (["drydock", "cgroup", "mount"], "sys"),
      (["drydock", "cgroup", "owns"], ["cpu": "/a/.."]), (["drydock", "cgroup", "relative"], "../x"),
      (["drydock", "status"], "running"), (["drydock", "namespaces"], ["pid", "universe"]), (["created"], "yesterday"),
    ] as [([String], JSON)])
  func misleading(path: [String], value: JSON) throws {
    let directory = try saved(Self.record())
    let whole = try JSON(parsing: HostFile.read(directory.path + "/state.json"))
    folder.write("root/c1/state.json", Self.replacing(whole, path, value).text)
    #expect(try refusal { try directory.load() }.contains("broken state"))
  }

  @Test("A state.json that is too large or too deep costs nothing")
  func excessive() throws {
    let directory = try saved(Self.record())
    truncate(directory.path + "/state.json", 100 << 20)
    #expect(try refusal { try directory.load() }.contains("too large"))
    folder.write("root/c1/state.json", String(repeating: "[", count: 100_000))
    #expect(try refusal { try directory.load() }.contains("nested deeper"))
  }

  @Test("The configuration is kept as it was")
  func config() throws {
    let directory = try saved(Self.record())
    #expect(try refusal { try directory.config() }.contains("config.json: no such file or directory"))
    try directory.saveConfig(Array(#"{"ociVersion":"1.0.2","hostname":"h"}"#.utf8))
    #expect(try directory.config().hostname == "h")
    try directory.saveConfig(Array("{".utf8))
    #expect(try refusal { try directory.config() }.contains("broken state"))
  }

  @Test("A folder goes with all that is in it; who waited for its lock hears that it is gone")
  func removal() throws {
    let directory = try saved(Self.record())
    try directory.saveConfig([])
    mkfifo(directory.execFIFO, 0o622)
    folder.write("root/c1/.state.json.99999", "left by somebody who was killed")
    let other = try root.open("c1")
    try directory.remove()
    directory.close()
    #expect(throws: Failure.notExist) { _ = try other.lock() }
    #expect(throws: Failure.notExist) { try root.open("c1") }
    #expect(try root.names() == [])
    _ = try root.create("c1")
  }

  // MARK: Tools

  private func refusal(_ body: () throws -> some Any) throws -> String {
    let failure = try #require(throws: Failure.self) { _ = try body() }
    return failure.message
  }

  /// Every member of a tree of objects, by its names.
  private static func paths(_ json: JSON, _ above: [String] = []) -> [[String]] {
    (json.object?.members ?? []).flatMap { member in
      [above + [member.key]] + paths(member.value, above + [member.key])
    }
  }
  private static func value(_ json: JSON, _ path: [String]) -> JSON? {
    path.reduce(json) { $0?[$1] }
  }
  private static func replacing(_ json: JSON, _ path: [String], _ value: JSON?) -> JSON {
    guard let name = path.first else { return value ?? .null }
    var json = json
    json[name] = path.count == 1 ? value : replacing(json[name] ?? [:], Array(path.dropFirst()), value)
    return json
  }
}
