import Glibc
import JSONTree
import Testing

@Suite("Mounts", .requireRoot)
struct MountTests {
  private let table = "cat /proc/self/mountinfo"

  /// A folder of the host with a file `hello` in it.
  private func source(_ box: Sandbox, _ name: String = "source") throws -> String {
    let path = "\(box.folder)/\(name)"
    try Files.makeDirectory(path)
    try Files.write("ahoy\n", to: "\(path)/hello")
    return path
  }

  /// The same with a tmpfs mounted at `sub`, which holds the file `deep`.
  private func sourceWithSubmount(_ box: Sandbox) throws -> String {
    let path = try source(box)
    try Files.makeDirectory("\(path)/sub")
    guard mount("tmpfs", "\(path)/sub", "tmpfs", 0, nil) == 0 else { throw SystemError("mount tmpfs") }
    box.atEnd { umount2("\(path)/sub", Int32(MNT_DETACH)) }
    box.expectedMounts.insert("\(path)/sub")
    try Files.write("deep\n", to: "\(path)/sub/deep")
    return path
  }

  @Test("the usual mounts, with their types and options")
  func usual() throws {
    try Sandbox.with { box in
      let outcome = try box.run(table)
      #expect(outcome.succeeded, "\(outcome)")
      for (point, type) in [
        ("/proc", "proc"), ("/dev", "tmpfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"), ("/dev/mqueue", "mqueue"),
        ("/sys", "sysfs"),
      ] {
        #expect(outcome.mount(point)?.type == type, "\(point)")
      }
      #expect(outcome.mount("/sys")?.options.isSuperset(of: ["ro", "nosuid", "nodev", "noexec"]) == true)
      #expect(outcome.mount("/dev")?.options.isSuperset(of: ["rw", "nosuid"]) == true)
      #expect(outcome.mount("/dev")?.options.contains("relatime") == false)
      #expect(outcome.mount("/dev")?.superOptions.isSuperset(of: ["size=65536k", "mode=755"]) == true)
      #expect(outcome.mount("/dev/pts")?.superOptions.isSuperset(of: ["gid=5", "mode=620", "ptmxmode=666"]) == true)
    }
  }

  @Test(
    "mount options become flags",
    arguments: [
      ["ro"], ["nosuid"], ["nodev"], ["noexec"], ["noatime"], ["ro", "nosuid", "nodev", "noexec"], ["nodiratime"],
    ])
  func flags(_ options: [String]) throws {
    try Sandbox.with { box in
      let source = try source(box)
      let outcome = try box.run(table) { $0.bind(source, to: "/mnt", options: options) }
      #expect(outcome.mount("/mnt")?.options.isSuperset(of: options) == true, "\(outcome)")
    }
  }

  @Test("a bind mount shows the host's files, both ways")
  func bind() throws {
    try Sandbox.with { box in
      let source = try source(box)
      let outcome = try box.run("cat /mnt/hello; echo back > /mnt/answer") { $0.bind(source, to: "/mnt") }
      #expect(outcome.stdout == "ahoy\n", "\(outcome)")
      #expect(try Files.text("\(source)/answer") == "back\n")
    }
  }

  @Test("a read-only bind mount cannot be written")
  func readonlyBind() throws {
    try Sandbox.with { box in
      let source = try source(box)
      let outcome = try box.run("echo x > /mnt/answer") { $0.bind(source, to: "/mnt", options: ["ro"]) }
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
      #expect(!Files.exists("\(source)/answer"))
    }
  }

  @Test("bind takes one mount, rbind what is mounted below it too")
  func recursion() throws {
    try Sandbox.with { box in
      let source = try sourceWithSubmount(box)
      let outcome = try box.run("ls /one/sub /all/sub") {
        $0.bind(source, to: "/one")
        $0.bind(source, to: "/all", options: ["rbind"])
      }
      #expect(outcome.lines == ["/all/sub:", "deep", "", "/one/sub:"], "\(outcome)")
    }
  }

  @Test("recursive flags reach what is mounted below")
  func recursiveFlags() throws {
    try Sandbox.with { box in
      let source = try sourceWithSubmount(box)
      let outcome = try box.run("\(table); echo x > /r/sub/x; echo x > /p/sub/x") {
        $0.bind(source, to: "/p", options: ["rbind", "ro"])
        $0.bind(source, to: "/r", options: ["rbind", "rro", "rnosuid", "rnodev", "rnoexec"])
      }
      #expect(outcome.mount("/r")?.options.contains("ro") == true, "\(outcome)")
      #expect(
        outcome.mount("/r/sub")?.options.isSuperset(of: ["ro", "nosuid", "nodev", "noexec"]) == true, "\(outcome)")
      #expect(outcome.mount("/p/sub")?.options.contains("rw") == true)
      #expect(outcome.stderr.contains("/r/sub/x"))
      #expect(!outcome.stderr.contains("/p/sub/x"))
    }
  }

  @Test("the destination and its parents are made: a folder for a folder, a file for a file")
  func missingDestinations() throws {
    try Sandbox.with { box in
      let source = try source(box)
      let outcome = try box.run("cat /a/b/c/hello /d/e/file; stat -c '%F %a' /a/b /d/e") {
        $0.bind(source, to: "/a/b/c")
        $0.bind("\(source)/hello", to: "/d/e/file")
        $0.mount("/f/g", type: "tmpfs", source: "tmpfs", options: [])
      }
      #expect(outcome.lines == ["ahoy", "ahoy", "directory 755", "directory 755"], "\(outcome)")
    }
  }

  @Test("sources are relative to the bundle, destinations to the root")
  func relativePaths() throws {
    try Sandbox.with { box in
      var bundle = try box.bundle()
      try Files.makeDirectory("\(bundle.path)/data")
      try Files.write("mine\n", to: "\(bundle.path)/data/file")
      try bundle.change {
        $0.bind("data", to: "mnt/relative")
        $0.args = ["cat", "/mnt/relative/file"]
      }
      let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
      #expect(outcome.stdout == "mine\n", "\(outcome)")
    }
  }

  @Test("a destination that is a link stays inside the root")
  func linkedDestination() throws {
    try Sandbox.with { box in
      let source = try source(box)
      var bundle = try box.bundle()
      try Files.link("/var/real", at: "\(bundle.rootfs)/link")
      try Files.link("../../../../../etc", at: "\(bundle.rootfs)/var/up")
      try bundle.change {
        $0.bind(source, to: "/link")
        $0.bind("\(source)/hello", to: "/var/up/hello")
        $0.script = "cat /var/real/hello /etc/hello"
      }
      let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
      #expect(outcome.stdout == "ahoy\nahoy\n", "\(outcome)")
      #expect(!Files.exists("/var/real"))
      #expect(!Files.exists("/etc/hello"))
    }
  }

  @Test("tmpfs: data options")
  func tmpfs() throws {
    try Sandbox.with { box in
      let outcome = try box.run("\(table); stat -c %a /t; dd if=/dev/zero of=/t/x bs=1k count=2000") {
        $0.mount("/t", type: "tmpfs", source: "shm", options: ["size=1024k", "mode=1700", "nr_inodes=50"])
      }
      #expect(outcome.mount("/t")?.superOptions.isSuperset(of: ["size=1024k", "nr_inodes=50"]) == true, "\(outcome)")
      #expect(outcome.mount("/t")?.source == "shm")
      #expect(outcome.lines.contains("1700"))
      #expect(outcome.stderr.contains("No space left"), "\(outcome)")
    }
  }

  @Test("tmpcopyup: the tmpfs begins with what the image has there")
  func tmpcopyup() throws {
    try Sandbox.with { box in
      var bundle = try box.bundle()
      try Files.makeDirectory("\(bundle.rootfs)/var/deep", mode: 0o700)
      try Files.write("kept\n", to: "\(bundle.rootfs)/var/deep/file", mode: 0o640)
      try Files.link("deep/file", at: "\(bundle.rootfs)/var/link")
      chown("\(bundle.rootfs)/var/deep/file", 12, 34)
      try bundle.change {
        $0.mount("/var", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "mode=755"])
        $0.script =
          "cat /var/link; stat -c '%a %u %g' /var/deep /var/deep/file; readlink /var/link; echo lost > /var/new"
      }
      let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
      #expect(outcome.lines == ["kept", "700 0 0", "640 12 34", "deep/file"], "\(outcome)")
      #expect(!Files.exists("\(bundle.rootfs)/var/new"))
    }
  }

  @Test(
    "propagation of a mount",
    arguments: [
      ("rprivate", [String]()), ("private", []), ("rshared", ["shared"]), ("shared", ["shared"]),
      ("rslave", ["master"]),
      ("slave", ["master"]), ("unbindable", ["unbindable"]), ("runbindable", ["unbindable"]),
    ])
  func propagation(_ option: String, _ fields: [String]) throws {
    try Sandbox.with { box in
      let source = try source(box)
      guard mount(source, source, nil, UInt(MS_BIND), nil) == 0, mount(nil, source, nil, UInt(MS_SHARED), nil) == 0
      else {
        throw SystemError("share \(source)")
      }
      box.atEnd { umount2(source, Int32(MNT_DETACH)) }
      box.expectedMounts.insert(source)
      let outcome = try box.run(table) {
        $0["linux.rootfsPropagation"] = "rslave"
        $0.bind(source, to: "/mnt", options: [option])
      }
      let found = outcome.mount("/mnt")?.propagation.map { String($0.prefix { $0 != ":" }) }
      // What is shared with the other mounts of this namespace still follows the host's, as the root is a slave.
      #expect(found.map { Array($0.prefix(1)) } == fields, "\(outcome)")
    }
  }

  @Test("with rslave a later mount of the host arrives in the container; with rprivate it does not")
  func laterMounts() throws {
    try Sandbox.with { box in
      let source = try source(box)
      try Files.makeDirectory("\(source)/late")
      guard mount(source, source, nil, UInt(MS_BIND), nil) == 0, mount(nil, source, nil, UInt(MS_SHARED), nil) == 0
      else {
        throw SystemError("share \(source)")
      }
      box.atEnd { umount2(source, Int32(MNT_DETACH)) }
      box.expectedMounts = [source, "\(source)/late"]
      let container = try box.started {
        $0["linux.rootfsPropagation"] = "rslave"
        $0.bind(source, to: "/slave", options: ["rslave"])
        $0.bind(source, to: "/private", options: ["rprivate"])
      }
      guard mount("tmpfs", "\(source)/late", "tmpfs", 0, nil) == 0 else { throw SystemError("mount tmpfs") }
      box.atEnd { umount2("\(source)/late", Int32(MNT_DETACH)) }
      let outcome = try container.exec(table)
      #expect(outcome.mount("/slave/late")?.type == "tmpfs", "\(outcome)")
      #expect(outcome.mount("/private/late") == nil)
    }
  }

  @Test(
    "propagation of the root",
    arguments: [("private", [String]()), ("rprivate", []), ("rslave", [])])
  func rootPropagation(_ value: String, _ fields: [String]) throws {
    try Sandbox.with { box in
      let outcome = try box.run(table) { $0["linux.rootfsPropagation"] = .string(value) }
      let found = outcome.mount("/")?.propagation.map { String($0.prefix { $0 != ":" }) }
      #expect(found?.filter { $0 != "master" } == fields, "\(outcome)")
    }
  }

  @Test("a shared root", .newerThanRunc, arguments: ["shared", "rshared"])
  func sharedRoot(_ value: String) throws {
    try Sandbox.with { box in
      let outcome = try box.run(table) { $0["linux.rootfsPropagation"] = .string(value) }
      #expect(outcome.mount("/")?.propagation.contains { $0.hasPrefix("shared:") } == true, "\(outcome)")
    }
  }

  @Test("idmapped mounts: the owner on disk appears as the mapped id", .newerThanRunc)
  func idmapped() throws {
    try Sandbox.with { box in
      let source = try source(box)
      chown("\(source)/hello", 1000, 1000)
      let outcome = try box.run("stat -c '%u %g' /mnt/hello; echo x > /mnt/new") {
        $0.append(
          "mounts",
          [
            "destination": "/mnt", "source": .string(source), "type": "bind", "options": ["rbind", "idmap"],
            "uidMappings": [
              ["containerID": 0, "hostID": 0, "size": 1], ["containerID": 1000, "hostID": 7000, "size": 1],
            ],
            "gidMappings": [
              ["containerID": 0, "hostID": 0, "size": 1], ["containerID": 1000, "hostID": 8000, "size": 1],
            ],
          ])
      }
      #expect(outcome.lines.first == "7000 8000", "\(outcome)")
      #expect(try Files.status("\(source)/new").st_uid == 0)
    }
  }

  @Test("an idmapped mount in a user namespace gives the container its files", .newerThanRunc)
  func idmappedInUserNamespace() throws {
    try Sandbox.with { box in
      let source = try source(box)
      let map: JSON = [["containerID": 0, "hostID": 100_000, "size": 65536]]
      let outcome = try box.run("stat -c %u /mnt/hello; echo x > /mnt/new; stat -c %u /plain/hello") {
        $0.mapUsers()
        $0.append(
          "mounts",
          [
            "destination": "/mnt", "source": .string(source), "type": "bind", "options": ["bind", "idmap"],
            "uidMappings": map, "gidMappings": map,
          ])
        $0.bind(source, to: "/plain")
      } prepare: {
        Files.own($0.rootfs, by: 100_000)
      }
      #expect(outcome.lines == ["0", "65534"], "\(outcome)")
      #expect(try Files.status("\(source)/new").st_uid == 0)
    }
  }

  @Test("a remount changes what is there")
  func remount() throws {
    try Sandbox.with { box in
      let source = try source(box)
      let outcome = try box.run(table) {
        $0.bind(source, to: "/mnt")
        $0.bind(source, to: "/mnt", options: ["remount", "ro", "nosuid"])
      }
      #expect(outcome.mount("/mnt")?.options.isSuperset(of: ["ro", "nosuid"]) == true, "\(outcome)")
      #expect(outcome.mounts.filter { $0.point == "/mnt" }.count == 1)
    }
  }

  @Test("mounts are made in the order of the list")
  func order() throws {
    try Sandbox.with { box in
      let outcome = try box.run("ls /mnt") {
        $0.mount("/mnt", type: "tmpfs", source: "first", options: [])
        $0.mount("/mnt/inner", type: "tmpfs", source: "second", options: [])
        $0.mount("/mnt/inner/most", type: "tmpfs", source: "third", options: [])
      }
      #expect(outcome.lines == ["inner"], "\(outcome)")
    }
  }

  @Test("cgroup mounts show the container's own cgroup, read-only")
  func cgroup() throws {
    try Sandbox.with { box in
      let file = CgroupFiles.host.isV1 ? "/sys/fs/cgroup/pids/cgroup.procs" : "/sys/fs/cgroup/cgroup.procs"
      let outcome = try box.run("cat \(file); echo 0 > \(file)") {
        $0.namespace("cgroup")
        $0.mount(
          "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"])
      }
      #expect(outcome.lines.contains("1"), "\(outcome)")
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
    }
  }

  @Test("cgroup mounts without a cgroup namespace show only the container's cgroup")
  func cgroupWithoutNamespace() throws {
    try Sandbox.with { box in
      let file = CgroupFiles.host.isV1 ? "/sys/fs/cgroup/pids/cgroup.procs" : "/sys/fs/cgroup/cgroup.procs"
      let outcome = try box.run("cat \(file)") {
        $0.mount(
          "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"])
      }
      #expect(outcome.lines.contains("1"), "\(outcome)")
    }
  }

  @Test("a missing source is named, and nothing is left")
  func missingSource() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.bind("/nowhere/at/all", to: "/mnt") }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("/nowhere/at/all"), "\(outcome)")
      #expect(outcome.stderr.contains("no such file or directory"))
      #expect(Files.names(in: box.root).isEmpty)
    }
  }

  @Test("an unknown file system type is refused with the mount's words")
  func unknownType() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0.mount("/mnt", type: "floppyfs", source: "x", options: []) }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("/mnt"), "\(outcome)")
      #expect(outcome.stderr.contains("no such device"), "\(outcome)")
      #expect(outcome.stderr.lines.count == 1, "\(outcome)")
    }
  }

  @Test("a read-only root")
  func readonlyRoot() throws {
    try Sandbox.with { box in
      let outcome = try box.run("\(table); touch /new; touch /dev/shm/new && echo shm") { $0["root.readonly"] = true }
      #expect(outcome.mount("/")?.options.contains("ro") == true)
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
      #expect(outcome.lines.last == "shm")
    }
  }

  @Test("the root is given relative to the bundle or absolute")
  func absoluteRoot() throws {
    try Sandbox.with { box in
      var bundle = try box.bundle()
      let path = bundle.rootfs
      try Files.write("here\n", to: "\(path)/mark")
      try bundle.change {
        $0["root.path"] = .string(path)
        $0.args = ["cat", "/mark"]
      }
      #expect(try box.runtime("run", "--bundle", bundle.path, box.id()).stdout == "here\n")
    }
  }

  @Test("a root that is not there is refused")
  func missingRoot() throws {
    try Sandbox.with { box in
      let outcome = try box.run("true") { $0["root.path"] = "nothing" }
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("nothing"), "\(outcome)")
    }
  }

  @Test("--no-pivot gives the same view")
  func noPivot() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "ls / | head -3; cat /proc/self/mountinfo" }
      let outcome = try box.runtime("run", "--no-pivot", "--bundle", bundle.path, box.id())
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.lines.starts(with: ["bin", "dev", "etc"]))
    }
  }
}
