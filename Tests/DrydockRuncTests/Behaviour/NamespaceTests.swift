import Glibc
import JSONTree
import Testing

@Suite("Namespaces", .requireRoot)
struct NamespaceTests {
  private static let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]

  /// Kind → what /proc/self/ns says.
  private func links(_ outcome: Outcome) -> [String: String] {
    Dictionary(outcome.lines.map { ($0.words[0], $0.words[1]) }) { first, _ in first }
  }

  private let show = "for n in cgroup ipc mnt net pid user uts; do echo $n $(readlink /proc/self/ns/$n); done"

  @Test("those of the list are new, the others are the host's")
  func newOnes() throws {
    try Sandbox.with { box in
      let inside = links(try box.run(show))
      for kind in Self.kinds {
        let host = try Files.target(ofLink: "/proc/self/ns/\(kind)")
        let isNew = ["ipc", "mnt", "net", "pid", "uts"].contains(kind)
        #expect((inside[kind] != host) == isNew, "\(kind)")
      }
    }
  }

  @Test("a cgroup namespace shows the container's cgroup as the root")
  func cgroup() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/cgroup") { $0.namespace("cgroup") }
      #expect(outcome.succeeded, "\(outcome)")
      let paths = outcome.lines.compactMap {
        $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).last
      }
      #expect(paths.contains("/"), "\(outcome)")
      #expect(!outcome.stdout.contains(box.name), "\(outcome)")
    }
  }

  @Test("namespaces with a path are joined")
  func joined() throws {
    try Sandbox.with { box in
      let other = try box.started("a")
      let pid = try other.pid()
      let inside = links(
        try box.run(show, "b") {
          for (type, file) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
            $0.namespace(type, path: "/proc/\(pid)/ns/\(file)")
          }
          $0["hostname"] = nil
        })
      for kind in ["net", "ipc", "uts"] {
        #expect(inside[kind] == (try Files.target(ofLink: "/proc/\(pid)/ns/\(kind)")), "\(kind)")
      }
      #expect(inside["mnt"] != (try Files.target(ofLink: "/proc/\(pid)/ns/mnt")))
    }
  }

  @Test("in a joined PID namespace the other container's processes are seen")
  func joinedPID() throws {
    try Sandbox.with { box in
      let other = try box.started("a", script: "exec sleep 4321")
      let outcome = try box.run("cat /proc/1/cmdline | tr '\\0' ' '; echo; echo $$", "b") {
        $0.namespace("pid", path: "/proc/\((try? other.pid()) ?? 0)/ns/pid")
      }
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.stdout.contains("sleep 4321"))
      #expect(outcome.lines.last != "1")
      #expect(try other.status() == "running")
    }
  }

  @Test("the first process of a new PID namespace is 1")
  func firstProcess() throws {
    try Sandbox.with { box in
      let outcome = try box.run("echo $$")
      #expect(outcome.lines == ["1"])
    }
  }

  @Test("host name and domain name are the container's")
  func names() throws {
    try Sandbox.with { box in
      let outcome = try box.run("hostname") { $0["hostname"] = "anchor" }
      #expect(outcome.lines == ["anchor"])
    }
  }

  @Test("the domain name is the container's", .newerThanRunc)
  func domainName() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/sys/kernel/domainname") { $0["domainname"] = "sea.example" }
      #expect(outcome.lines == ["sea.example"])
    }
  }

  @Test("a user namespace maps ids")
  func userNamespace() throws {
    try Sandbox.with { box in
      let container = try box.started { $0.mapUsers() }
      let pid = try container.pid()
      let status = try Files.text("/proc/\(pid)/status").lines
      #expect(status.contains("Uid:\t100000\t100000\t100000\t100000"))
      #expect(status.contains("Gid:\t100000\t100000\t100000\t100000"))
      let map = try container.exec("id -u; cat /proc/self/uid_map /proc/self/gid_map")
      #expect(map.lines.map(\.words) == [["0"], ["0", "100000", "65536"], ["0", "100000", "65536"]], "\(map)")
    }
  }

  @Test("a user namespace with several lines of mappings and another user")
  func userNamespaceLines() throws {
    try Sandbox.with { box in
      let outcome = try box.run("id -u; id -g; cat /proc/self/uid_map") {
        $0.namespace("user")
        $0["linux.uidMappings"] = [
          ["containerID": 0, "hostID": 200_000, "size": 1000], ["containerID": 1000, "hostID": 300_000, "size": 10],
        ]
        $0["linux.gidMappings"] = [["containerID": 0, "hostID": 200_000, "size": 5000]]
        $0["process.user"] = ["uid": 1000, "gid": 1000]
      }
      #expect(
        outcome.lines.map(\.words) == [["1000"], ["1000"], ["0", "200000", "1000"], ["1000", "300000", "10"]],
        "\(outcome)")
    }
  }

  @Test("a user namespace is joined by path")
  func joinedUserNamespace() throws {
    try Sandbox.with { box in
      let other = try box.started("a") { $0.mapUsers() }
      let pid = try other.pid()
      let outcome = try box.run("readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map", "b") {
        // runc 1.1 wants the mappings said again.
        if box.runtime.kind == .runc { $0.mapUsers() }
        $0.namespace("user", path: "/proc/\(pid)/ns/user")
      }
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.lines.first == (try Files.target(ofLink: "/proc/\(pid)/ns/user")))
      #expect(outcome.lines.dropFirst().first == "0")
    }
  }

  @Test("a time namespace with offsets", .newerThanRunc)
  func timeOffsets() throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/uptime; readlink /proc/self/ns/time") {
        $0.namespace("time")
        $0["linux.timeOffsets"] = ["boottime": ["secs": 1_000_000, "nanosecs": 0], "monotonic": ["secs": 500]]
      }
      #expect(outcome.succeeded, "\(outcome)")
      let host = Double(try Files.text("/proc/uptime").words[0]) ?? 0
      let inside = Double(outcome.stdout.words.first ?? "") ?? 0
      #expect(abs(inside - host - 1_000_000) < 60, "host \(host), inside \(inside)")
      #expect(outcome.lines.last != (try Files.target(ofLink: "/proc/self/ns/time")))
    }
  }

  @Test("a namespace of an unknown type is refused")
  func unknownType() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.append("linux.namespaces", ["type": "weather"]) }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("weather"), "\(outcome)")
    }
  }

  @Test("a namespace path of another kind is refused")
  func wrongKind() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.namespace("network", path: "/proc/self/ns/uts") }
      #expect(!outcome.succeeded, "\(outcome)")
    }
  }

  @Test("a namespace path that is not there is refused")
  func missingPath() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.namespace("network", path: "/proc/self/ns/nothing") }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("no such file or directory"), "\(outcome)")
    }
  }
}
