import JSONTree
import Testing

@Suite("Devices and guarded paths", .requireRoot)
struct DeviceTests {
  @Test("the default devices and links")
  func defaults() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        """
        stat -c '%n %t:%T %a %F' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
        for l in fd stdin stdout stderr ptmx core; do echo $l $(readlink /dev/$l); done
        """)
      #expect(
        outcome.lines.prefix(6) == [
          "/dev/null 1:3 666 character special file", "/dev/zero 1:5 666 character special file",
          "/dev/full 1:7 666 character special file", "/dev/random 1:8 666 character special file",
          "/dev/urandom 1:9 666 character special file", "/dev/tty 5:0 666 character special file",
        ], "\(outcome)")
      #expect(
        outcome.lines.dropFirst(6).prefix(4) == [
          "fd /proc/self/fd", "stdin /proc/self/fd/0", "stdout /proc/self/fd/1", "stderr /proc/self/fd/2",
        ])
      #expect(outcome.lines.contains("ptmx pts/ptmx"))
    }
  }

  @Test("the default devices work")
  func work() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "echo x > /dev/null; head -c 4 /dev/zero | od -An -tx1; head -c 3 /dev/urandom | wc -c; echo > /dev/full")
      #expect(outcome.lines.map(\.trimmed) == ["00 00 00 00", "3"], "\(outcome)")
      #expect(outcome.stderr.contains("No space left"))
    }
  }

  @Test("extra devices with their mode and owner, folders on the way made")
  func extra() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "stat -c '%n %t:%T %a %u:%g' /dev/fuse /dev/net/tun /opt/disk; stat -c %F /opt/pipe /opt/disk"
      ) {
        $0["linux.devices"] = [
          ["path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 5, "gid": 6],
          ["path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o666],
          ["path": "/opt/disk", "type": "b", "major": 7, "minor": 3, "fileMode": 0o660, "uid": 0, "gid": 6],
          ["path": "/opt/pipe", "type": "p", "fileMode": 0o600],
        ]
      }
      #expect(
        outcome.lines == [
          "/dev/fuse a:e5 640 5:6", "/dev/net/tun a:c8 666 0:0", "/opt/disk 7:3 660 0:6", "fifo", "block special file",
        ], "\(outcome)")
    }
  }

  @Test("in a user namespace devices are the host's, bound")
  func inUserNamespace() throws {
    try Sandbox.with { box in
      let outcome = try box.run("stat -c '%t:%T' /dev/null; echo x > /dev/null && head -c 2 /dev/zero | wc -c") {
        $0.mapUsers()
      } prepare: {
        Files.own($0.rootfs, by: 100_000)
      }
      #expect(outcome.lines == ["1:3", "2"], "\(outcome)")
    }
  }

  @Test("what the device list does not allow cannot be opened, though it can be made")
  func denied() throws {
    try Sandbox.with { box in
      let outcome = try box.run("mknod /tmp/kmsg c 1 11 && : > /tmp/kmsg")
      #expect(!outcome.succeeded)
      #expect(outcome.stderr.contains("Operation not permitted"), "\(outcome)")
      #expect(!outcome.stderr.contains("mknod"), "\(outcome)")
    }
  }

  @Test("a rule allows one device and one kind of access")
  func allowed() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "mknod /tmp/kmsg c 1 11; : > /tmp/kmsg && echo written; head -c 1 /tmp/kmsg && echo read"
      ) {
        $0.append("linux.resources.devices", ["allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"])
      }
      #expect(outcome.lines == ["written"], "\(outcome)")
      #expect(outcome.stderr.contains("Operation not permitted"), "\(outcome)")
    }
  }

  @Test("masked files are empty, masked folders too, missing ones do not matter")
  func masked() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "cat /etc/secret | wc -c; ls -A /var/private | wc -l; stat -c '%t:%T' /etc/secret; touch /var/private/x; cat /proc/self/mountinfo"
      ) {
        $0["linux.maskedPaths"] = ["/etc/secret", "/var/private", "/not/there", "/proc/keys"]
      } prepare: {
        try Files.write("hush", to: "\($0.rootfs)/etc/secret")
        try Files.makeDirectory("\($0.rootfs)/var/private")
        try Files.write("hush", to: "\($0.rootfs)/var/private/x")
      }
      #expect(outcome.lines.prefix(3) == ["0", "0", "1:3"], "\(outcome)")
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
      #expect(outcome.mount("/var/private")?.type == "tmpfs")
      #expect(outcome.mount("/proc/keys") != nil)
    }
  }

  @Test("read-only paths cannot be written, their neighbours can")
  func readonly() throws {
    try Sandbox.with { box in
      let outcome = try box.run(
        "echo 1 > /proc/sys/kernel/hostname; touch /var/x; touch /var/sub/x; touch /etc/x && echo etc"
      ) {
        $0["linux.readonlyPaths"] = ["/proc/sys", "/var", "/not/there"]
      } prepare: {
        try Files.makeDirectory("\($0.rootfs)/var/sub")
      }
      #expect(outcome.stderr.lines.filter { $0.contains("Read-only file system") }.count == 3, "\(outcome)")
      #expect(outcome.lines == ["etc"])
    }
  }
}
