import Glibc
import JSONTree
import Testing

/// Links where the runtime mounts, masks and writes, planted beforehand or swapped in while it works.
@Suite("Attack: links", .requireRoot)
struct LinkTests {
  private let rounds = 40

  /// A volume of the host that the attacker can write, and a folder of the host where nothing may ever appear.
  private func volume(_ box: Sandbox) throws -> (volume: String, outside: String) {
    let volume = "\(box.folder)/volume"
    let outside = "\(box.folder)/outside"
    try Files.makeDirectory(volume)
    try Files.makeDirectory(outside)
    return (volume, outside)
  }

  @Test("mount destinations swapped for links to the host (CVE-2021-30465)")
  func destinations() throws {
    try Sandbox.with { box in
      let (volume, outside) = try volume(box)
      let secret = try box.secret()
      try Files.makeDirectory("\(volume)/here")
      // From the root it climbs to the host's own root, should anybody follow it there.
      try Files.link(String(repeating: "../", count: 20) + outside.dropFirst(), at: "\(volume)/link")
      let bundle = try box.bundle {
        $0.bind(volume, to: "/volume")
        $0.mount("/volume/here/made", type: "tmpfs", source: "tmpfs", options: [])
        $0.bind("\(box.folder)/secret", to: "/volume/here/file")
        $0.script = "cat /proc/self/mountinfo"
      }
      let swapper = try Swapper("\(volume)/here", "\(volume)/link")
      for round in 0..<rounds {
        let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
        let points = outcome.mounts.map(\.point)
        #expect(
          points.filter { $0.contains("made") || $0.contains("file") }.allSatisfy { !$0.hasPrefix("/..") },
          "\(round): \(outcome)")
        #expect(Files.names(in: outside).isEmpty, "\(round): \(outcome)")
      }
      swapper.stop()
      #expect(swapper.count > 100)
      #expect(try Files.text(secret.path) == secret.text)
    }
  }

  @Test("absolute links on the way to a destination stay inside the root")
  func absoluteLinks() throws {
    try Sandbox.with { box in
      let (volume, outside) = try volume(box)
      let outcome = try box.run("cat /proc/self/mountinfo") {
        $0.bind(volume, to: "/away/made")
        $0.mount("/away/tmp", type: "tmpfs", source: "tmpfs", options: [])
      } prepare: {
        try Files.link(outside, at: "\($0.rootfs)/away")
      }
      #expect(Files.names(in: outside).isEmpty)
      if outcome.succeeded { #expect(outcome.mount("\(outside)/made") != nil, "\(outcome)") }
    }
  }

  @Test("/proc and /sys of the image are links (CVE-2019-19921, CVE-2023-27561)", arguments: ["proc", "sys"])
  func pseudo(_ name: String) throws {
    try Sandbox.with { box in
      let outcome = try box.run("cat /proc/self/mountinfo") { _ in
      } prepare: {
        rmdir("\($0.rootfs)/\(name)")
        try Files.makeDirectory("\($0.rootfs)/fake")
        try Files.makeDirectory("\($0.rootfs)/fake/self")
        try Files.link("fake", at: "\($0.rootfs)/\(name)")
      }
      #expect(!outcome.succeeded, "\(outcome)")
    }
  }

  @Test("/proc is a link that leads into a volume where it is swapped")
  func procThroughVolume() throws {
    try Sandbox.with { box in
      let (volume, _) = try volume(box)
      try Files.makeDirectory("\(volume)/real")
      try Files.makeDirectory("\(volume)/other")
      let bundle = try box.bundle {
        var mounts = $0["mounts"]?.array ?? []
        mounts.insert(
          ["destination": "/volume", "type": "bind", "source": .string(volume), "options": ["rbind"]], at: 0)
        $0["mounts"] = .array(mounts)
        $0.script = "cat /proc/self/mountinfo"
      }
      rmdir("\(bundle.rootfs)/proc")
      try Files.link("/volume/real", at: "\(bundle.rootfs)/proc")
      let swapper = try Swapper("\(volume)/real", "\(volume)/other")
      defer { swapper.stop() }
      for _ in 0..<rounds / 4 {
        let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
        #expect(!outcome.succeeded, "\(outcome)")
      }
    }
  }

  @Test("masked paths while /dev/null is a link, planted or swapped (CVE-2025-31133)", .ours, arguments: [false, true])
  func maskedPaths(_ isRace: Bool) throws {
    try Sandbox.with { box in
      let (volume, _) = try volume(box)
      try Files.write("evil\n", to: "\(box.folder)/evil")
      // The image's /dev is the attacker's volume.
      for (name, minor) in [("zero", 5), ("full", 7), ("random", 8), ("urandom", 9), ("tty", 0)] {
        mknod("\(volume)/\(name)", S_IFCHR | 0o666, dev_t((name == "tty" ? 5 : 1) << 8 | minor))
      }
      mknod("\(volume)/real", S_IFCHR | 0o666, dev_t(1 << 8 | 3))
      try Files.link("/etc/evil", at: "\(volume)/null")
      let bundle = try box.bundle {
        $0["mounts"] = .array(
          ($0["mounts"]?.array ?? []).filter { $0["destination"]?.string?.hasPrefix("/dev") != true })
        $0.bind(volume, to: "/dev")
        $0["linux.maskedPaths"] = ["/etc/secret"]
        $0.script = "cat /etc/secret; stat -c %t:%T /etc/secret"
      }
      try Files.write("evil\n", to: "\(bundle.rootfs)/etc/evil")
      try Files.write("secret\n", to: "\(bundle.rootfs)/etc/secret")
      let swapper = isRace ? try Swapper("\(volume)/null", "\(volume)/real") : nil
      for round in 0..<(isRace ? rounds : 1) {
        let outcome = try box.runtime("run", "--bundle", bundle.path, box.id())
        #expect(!outcome.stdout.contains("evil") && !outcome.stdout.contains("secret"), "\(round): \(outcome)")
        if outcome.succeeded { #expect(outcome.lines == ["1:3"], "\(round): \(outcome)") }
      }
      swapper?.stop()
    }
  }

  @Test(
    "the console while /dev/console and /dev/pts are the attacker's (CVE-2025-52565)", .ours, arguments: [false, true])
  func console(_ isRace: Bool) throws {
    try Sandbox.with { box in
      let (volume, outside) = try volume(box)
      try Files.write("", to: "\(volume)/plain")
      try Files.write("target\n", to: "\(outside)/target")
      try Files.link(
        isRace ? String(repeating: "../", count: 20) + outside.dropFirst() + "/target" : "/etc/target",
        at: "\(volume)/console")
      for (name, minor) in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)] {
        mknod("\(volume)/\(name)", S_IFCHR | 0o666, dev_t(1 << 8 | minor))
      }
      try Files.makeDirectory("\(volume)/pts")
      let listener = try Listener(path: "\(box.folder)/console.sock")
      let bundle = try box.bundle {
        $0["process.terminal"] = true
        $0["mounts"] = .array(
          [["destination": "/dev", "type": "bind", "source": .string(volume), "options": ["bind"]]]
            + ($0["mounts"]?.array ?? []).filter {
              $0["destination"]?.string != "/dev" && $0["destination"]?.string != "/dev/shm"
                && $0["destination"]?.string != "/dev/mqueue"
            })
        $0.script = "grep -c ' /etc/target ' /proc/self/mountinfo; cat /etc/target; exit 0"
      }
      try Files.write("target\n", to: "\(bundle.rootfs)/etc/target")
      let swapper = isRace ? try Swapper("\(volume)/console", "\(volume)/plain") : nil
      for round in 0..<(isRace ? rounds : 1) {
        let child = try box.start(["create", "--console-socket", listener.path, "--bundle", bundle.path, box.id()])
        let created = try child.wait()
        if created.succeeded {
          let master = Master(fd: try listener.receive().fd)
          let pid = try JSON(parsing: box.runtime("state", box.id()).stdout)["pid"]?.int ?? 0
          let table = MountLine.parse(try Files.text("/proc/\(pid)/mountinfo"))
          #expect(!table.contains { $0.point.hasSuffix("/target") && $0.type == "devpts" }, "\(round)")
          _ = master
        } else if (try? listener.receive(within: 0.01)) != nil {
          // A terminal was offered and then given up: nothing else.
        }
        try box.runtime("delete", "--force", box.id())
        #expect(try Files.text("\(outside)/target") == "target\n")
        #expect(try Files.text("\(bundle.rootfs)/etc/target") == "target\n")
      }
      swapper?.stop()
    }
  }

  @Test("procfs writes led astray: a file of the attacker's where a sysctl is (CVE-2025-52881)")
  func procfsWrites() throws {
    try Sandbox.with { box in
      let (volume, outside) = try volume(box)
      try Files.write("untouched\n", to: "\(outside)/victim")
      try Files.makeDirectory("\(volume)/kernel")
      try Files.link("\(outside)/victim", at: "\(volume)/kernel/msgmax")
      let victim = "\(outside)/victim"
      let attempts: [(inout Config) -> Void] = [
        { $0.bind(victim, to: "/proc/sys/kernel/msgmax") },
        { $0.bind(volume, to: "/proc/sys") },
        { $0.mount("/proc/sys", type: "tmpfs", source: "tmpfs", options: []) },
        { $0.bind(victim, to: "/proc/self/attr/exec") },
      ]
      for (number, change) in attempts.enumerated() {
        let outcome = try box.run("true", "c\(number)") {
          $0["linux.sysctl"] = ["kernel.msgmax": "4321"]
          change(&$0)
        }
        #expect(!outcome.succeeded, "\(number): \(outcome)")
        #expect(try Files.text("\(outside)/victim") == "untouched\n", "\(number)")
      }
    }
  }

  @Test("a masked or read-only path that is a link changes nothing of the host's")
  func guardedLinks() throws {
    try Sandbox.with { box in
      let (_, outside) = try volume(box)
      try Files.write("host\n", to: "\(outside)/file")
      let outcome = try box.run("true") {
        $0["linux.maskedPaths"] = ["/link/file", "/up/file"]
        $0["linux.readonlyPaths"] = ["/link", "/up"]
      } prepare: {
        try Files.link(outside, at: "\($0.rootfs)/link")
        try Files.link(String(repeating: "../", count: 20) + outside.dropFirst(), at: "\($0.rootfs)/up")
      }
      _ = outcome
      #expect(try Files.text("\(outside)/file") == "host\n")
      try Files.write("still writable\n", to: "\(outside)/file")
    }
  }

  @Test("a device's path that is a link makes nothing on the host")
  func deviceLinks() throws {
    try Sandbox.with { box in
      let (_, outside) = try volume(box)
      _ = try box.run("true") {
        $0["linux.devices"] = [["path": "/away/dev", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666]]
      } prepare: {
        try Files.link(String(repeating: "../", count: 20) + outside.dropFirst(), at: "\($0.rootfs)/away")
      }
      #expect(Files.names(in: outside).isEmpty)
    }
  }
}
