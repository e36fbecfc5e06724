import Glibc
import JSONTree
import Testing

/// CVE-2024-21626 and CVE-2016-9962: what the runtime has open, or where it stands, must not lead a container to the host.
@Suite("Attack: leaked descriptors and working directories", .requireRoot)
struct LeakTests {
  /// Climbs out of the working directory as far as it goes.
  private func climb(to path: String) -> String { "cat " + String(repeating: "../", count: 20) + path.dropFirst() }

  @Test("a working directory of /proc/self/fd/N, for every N, with a folder of the host open in the caller")
  func workingDirectory() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(fd) }
      for number in 3...16 {
        let bundle = try box.bundle("n\(number)") {
          $0["process.cwd"] = .string("/proc/self/fd/\(number)")
          $0.script = climb(to: secret.path)
        }
        let outcome = try box.runtime(["run", "--bundle", bundle.path, box.id("n\(number)")], extra: [fd])
        #expect(!outcome.stdout.contains(secret.text), "/proc/self/fd/\(number): \(outcome)")
      }
    }
  }

  @Test("the same where the caller preserves the descriptor")
  func preserved() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(fd) }
      let bundle = try box.bundle {
        $0["process.cwd"] = "/proc/self/fd/3"
        $0.script = climb(to: secret.path)
      }
      let outcome = try box.runtime(["run", "--preserve-fds", "1", "--bundle", bundle.path, box.id()], extra: [fd])
      #expect(!outcome.succeeded, "\(outcome)")
      #expect(!outcome.stdout.contains(secret.text), "\(outcome)")
    }
  }

  @Test("the same by exec --cwd")
  func execWorkingDirectory() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(fd) }
      let container = try box.started()
      for number in 3...16 {
        let outcome = try box.runtime(
          ["exec", "--cwd", "/proc/self/fd/\(number)", container.id, "sh", "-c", climb(to: secret.path)], extra: [fd])
        #expect(!outcome.stdout.contains(secret.text), "/proc/self/fd/\(number): \(outcome)")
      }
    }
  }

  @Test("a working directory that is a link to /proc/self/fd/N")
  func linkedWorkingDirectory() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      for number in 3...12 {
        let outcome = try box.run(climb(to: secret.path), "n\(number)") {
          $0["process.cwd"] = "/cwd"
        } prepare: {
          try Files.link("/proc/self/fd/\(number)", at: "\($0.rootfs)/cwd")
        }
        #expect(!outcome.stdout.contains(secret.text), "\(number): \(outcome)")
      }
    }
  }

  @Test("the process of a created container, looked at from inside")
  func created() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let container = try box.created { $0.capabilities(allCapabilities) }
      let path = String(secret.path.dropFirst())
      let outcome = try container.exec(
        "for f in /proc/1/fd/* /proc/1/cwd /proc/1/root; do cat $f/\(path) $f/../../../../../../../../\(path); done")
      #expect(!outcome.stdout.contains(secret.text), "\(outcome)")
    }
  }

  @Test("processes that enter a container, caught by a privileged attacker while they enter (CVE-2016-9962)")
  func entering() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let path = String(secret.path.dropFirst())
      let attacker = """
        touch /ready
        while ! test -e /stop; do
          for p in /proc/[0-9]*; do
            case $p in /proc/1|/proc/$$) continue;; esac
            for f in $p/cwd $p/root $p/fd/*; do
              test -e $f/\(path) && echo "$f $(readlink $f)" >> /escaped
            done
          done
        done
        """
      let container = try box.started(script: "sleep 1000") { $0.capabilities(allCapabilities) }
      try Files.write(attacker, to: "\(container.bundle.rootfs)/attacker")
      try box.runtime("exec", "--detach", container.id, "sh", "/attacker")
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ready") })
      for _ in 0..<40 { try container.exec("true") }
      try Files.write("", to: "\(container.bundle.rootfs)/stop")
      #expect(
        !Files.exists("\(container.bundle.rootfs)/escaped"),
        "\(Files.textIfAny("\(container.bundle.rootfs)/escaped") ?? "")")
    }
  }

  @Test("a container that joins another's PID namespace, caught by that one while it is being made")
  func joining() throws {
    try Sandbox.with { box in
      let secret = try box.secret()
      let path = String(secret.path.dropFirst())
      let attacker = """
        touch /ready
        while ! test -e /stop; do
          for p in /proc/[0-9]*; do
            case $p in /proc/1|/proc/$$) continue;; esac
            for f in $p/cwd $p/root $p/fd/*; do
              test -e $f/\(path) && echo "$f $(readlink $f)" >> /escaped
            done
          done
        done
        """
      // Without CAP_SYS_PTRACE: with it, and without a user namespace, a container that shares its PID namespace trusts all in it.
      let container = try box.started("a", script: "sleep 1000")
      try Files.write(attacker, to: "\(container.bundle.rootfs)/attacker")
      try box.runtime("exec", "--detach", container.id, "sh", "/attacker")
      #expect(becomesTrue { Files.exists("\(container.bundle.rootfs)/ready") })
      let pid = try container.pid()
      let bundle = try box.bundle("b") {
        $0.namespace("pid", path: "/proc/\(pid)/ns/pid")
        $0.args = ["true"]
      }
      for _ in 0..<20 {
        let outcome = try box.runtime("run", "--bundle", bundle.path, box.id("b"))
        #expect(outcome.succeeded, "\(outcome)")
      }
      try Files.write("", to: "\(container.bundle.rootfs)/stop")
      #expect(
        !Files.exists("\(container.bundle.rootfs)/escaped"),
        "\(Files.textIfAny("\(container.bundle.rootfs)/escaped") ?? "")")
    }
  }

  @Test("exec --cap gives no inheritable capabilities (CVE-2022-29162), nor does the specification's template")
  func inheritable() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let outcome = try container.exec("grep CapInh /proc/self/status", flags: ["--cap", "CAP_NET_ADMIN"])
      #expect(outcome.stdout.words.last == "0000000000000000", "\(outcome)")
      try Files.makeDirectory("\(box.folder)/template")
      try box.runtime(["spec"], cwd: "\(box.folder)/template")
      let template = try JSON(parsing: try Files.text("\(box.folder)/template/config.json"))
      #expect(template["process"]?["capabilities"]?["inheritable"]?.array?.isEmpty != false)
    }
  }
}
