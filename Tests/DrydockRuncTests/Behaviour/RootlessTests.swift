import Glibc
import JSONTree
import Testing

/// An ordinary user with subordinate ids, made for one test.
private struct OrdinaryUser {
  let name: String
  let uid: UInt32

  init(_ box: Sandbox) throws {
    name = "drydock\(getpid())"
    let added = try box.host("useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", name)
    guard added.succeeded else { throw Refused(doing: "useradd", outcome: added) }
    let user = name
    box.atEnd {
      _ = try? box.host("userdel", "--force", user)
    }
    let id = try box.host("id", "-u", name)
    guard let uid = UInt32(id.stdout.trimmed) else { throw Refused(doing: "id", outcome: id) }
    self.uid = uid
    // useradd gives subordinate ids where login.defs says so; elsewhere they are given here.
    for (file, flag) in [("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")]
    where Files.textIfAny(file)?.lines.contains(where: { $0.hasPrefix("\(name):") }) != true {
      _ = try box.host("usermod", flag, "2000000-2065535", name)
    }
  }

  /// The first subordinate id.
  func firstSubordinate(_ file: String) throws -> Int {
    guard let line = try Files.text(file).lines.first(where: { $0.hasPrefix("\(name):") }),
      let first = Int(line.split(separator: ":")[1])
    else { throw Unmet(description: "no subordinate ids in \(file)") }
    return first
  }

  /// A command as this user.
  func command(_ words: [String]) -> [String] {
    ["setpriv", "--reuid", "\(uid)", "--regid", "\(uid)", "--clear-groups", "--inh-caps=-all", "--"] + words
  }
}

@Suite("Rootless", .requireRoot, .requires("newuidmap", "useradd", "setpriv"), .serialized)
struct RootlessTests {
  /// A bundle that belongs to an ordinary user, and the runtime where that user can read it.
  private func prepare(
    _ box: Sandbox, subordinate: Bool, _ change: (inout Config) -> Void
  ) throws -> (user: OrdinaryUser, command: ([String]) -> [String]) {
    let user = try OrdinaryUser(box)
    let binary = "\(box.folder)/\(box.runtime.path.split(separator: "/").last ?? "runtime")"
    try Files.copy(box.runtime.path, to: binary, mode: 0o755)
    let bundle = try box.bundle {
      $0["linux.resources"] = nil
      $0["linux.cgroupsPath"] = nil
      $0.removeNamespace("network")
      $0.namespace("user")
      var uids: [JSON] = [["containerID": 0, "hostID": JSON(Int(user.uid)), "size": 1]]
      var gids = uids
      if subordinate {
        uids.append(["containerID": 1, "hostID": JSON(try user.firstSubordinate("/etc/subuid")), "size": 65535])
        gids.append(["containerID": 1, "hostID": JSON(try user.firstSubordinate("/etc/subgid")), "size": 65535])
      }
      $0["linux.uidMappings"] = .array(uids)
      $0["linux.gidMappings"] = .array(gids)
      // As `runc spec --rootless`: /sys is the host's, and devpts takes no group that is not mapped.
      $0["mounts"] = .array(
        ($0["mounts"]?.array ?? []).compactMap { mount in
          switch mount["destination"]?.string {
          case "/sys":
            return [
              "destination": "/sys", "type": "none", "source": "/sys",
              "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
            ]
          case "/dev/pts":
            var mount = mount
            mount["options"] = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
            return mount
          default: return mount
          }
        })
      change(&$0)
    }
    Files.own(bundle.path, by: user.uid)
    try Files.makeDirectory("\(box.folder)/rootless", mode: 0o700)
    Files.own("\(box.folder)/rootless", by: user.uid)
    return (user, { user.command([binary, "--root", "\(box.folder)/rootless"] + $0) })
  }

  @Test("an ordinary user runs a container as its root")
  func run() throws {
    try Sandbox.with { box in
      let (user, command) = try prepare(box, subordinate: false) {
        $0.script = "id -u; cat /proc/self/uid_map; touch /made; hostname"
      }
      let outcome = try box.spawn(
        command(["run", "--bundle", "\(box.folder)/c", box.id()]),
        environment: ["XDG_RUNTIME_DIR=\(box.folder)/rootless"]
      ).wait()
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.lines.map(\.words) == [["0"], ["0", "\(user.uid)", "1"], ["drydock"]], "\(outcome)")
      #expect(try Files.status("\(box.folder)/c/rootfs/made").st_uid == user.uid)
    }
  }

  @Test("with subordinate ids by newuidmap and newgidmap")
  func subordinate() throws {
    try Sandbox.with { box in
      let (_, command) = try prepare(box, subordinate: true) {
        $0.script = "id -u; id -g; awk '{n += $3} END {print n}' /proc/self/uid_map"
        $0["process.user"] = ["uid": 1000, "gid": 1000]
      }
      let outcome = try box.spawn(command(["run", "--bundle", "\(box.folder)/c", box.id()])).wait()
      #expect(outcome.lines == ["1000", "1000", "65536"], "\(outcome)")
    }
  }

  @Test("create, start, exec, kill and delete")
  func life() throws {
    try Sandbox.with { box in
      let (_, command) = try prepare(box, subordinate: false) { $0.script = "sleep 1000" }
      for (arguments, expected) in [
        (["create", "--bundle", "\(box.folder)/c", box.id()], ""), (["start", box.id()], ""),
        (["exec", box.id(), "sh", "-c", "id -u"], "0\n"), (["kill", box.id(), "KILL"], ""),
      ] {
        let outcome = try box.spawn(command(arguments)).wait()
        #expect(outcome.succeeded, "\(arguments): \(outcome)")
        #expect(outcome.stdout == expected, "\(arguments)")
      }
      #expect(try becomesTrue { try box.spawn(command(["state", box.id()])).wait().stdout.contains("stopped") })
      let deleted = try box.spawn(command(["delete", box.id()])).wait()
      #expect(deleted.succeeded, "\(deleted)")
    }
  }

  @Test("a cgroup of the user's below a /sys that is bound read-only cannot be written (CVE-2023-25809)", .ours)
  func cgroupGap() throws {
    try Sandbox.with { box in
      let folder = try #require(CgroupFiles.host.folder("pids", "/\(box.name)"))
      let (user, command) = try prepare(box, subordinate: false) {
        $0.script = "cat /proc/self/mountinfo; mkdir \(folder)/escape && echo made"
      }
      // As systemd delegates one to each user.
      try Files.makeDirectory(folder)
      box.atEnd { rmdir(folder) }
      Files.own(folder, by: user.uid)
      let outcome = try box.spawn(command(["run", "--bundle", "\(box.folder)/c", box.id()])).wait()
      #expect(!outcome.mounts.isEmpty, "\(outcome)")
      #expect(!outcome.stdout.contains("made"), "\(outcome)")
      #expect(!Files.exists("\(folder)/escape"))
      box.removeEmptyCgroups()
    }
  }

  @Test("a mapping that the user has no right to is refused")
  func wrongMapping() throws {
    try Sandbox.with { box in
      let (_, command) = try prepare(box, subordinate: false) {
        $0["linux.uidMappings"] = [["containerID": 0, "hostID": 0, "size": 1]]
        $0["linux.gidMappings"] = [["containerID": 0, "hostID": 0, "size": 1]]
      }
      let outcome = try box.spawn(command(["run", "--bundle", "\(box.folder)/c", box.id()])).wait()
      #expect(!outcome.succeeded, "\(outcome)")
    }
  }
}
