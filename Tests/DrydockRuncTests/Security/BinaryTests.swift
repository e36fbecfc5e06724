import Glibc
import JSONTree
import Testing

/// CVE-2019-5736: whoever executes /proc/self/exe inside a container has the runtime's own binary there, and may write to it
/// once it is no longer running.
@Suite("Attack: overwriting the runtime's binary", .requireRoot)
struct BinaryTests {
  enum Way: String, CaseIterable, Sendable {
    case entrypoint, entrypointScript, exec, execScript
  }

  /// Runs inside: waits for the runtime's binary to appear as a process, keeps it open, ends the process, writes to the file.
  private let attacker = """
    while :; do
      for p in /proc/[0-9]*; do
        case "$(readlink $p/exe)" in
          */busybox|"") ;;
          *)
            exec 9< $p/exe || continue
            echo found > /found
            kill -9 ${p#/proc/}
            sleep 0.1
            n=0
            while [ $n -lt 20 ]; do
              n=$((n+1))
              (echo pwned > /proc/self/fd/9) 2>> /refusals && echo yes > /overwritten
              (echo pwned >> /proc/self/fd/9) 2>> /refusals && echo yes > /overwritten
              sleep 0.01
            done
            echo done > /done
            exit ;;
        esac
      done
    done
    """

  @Test("from an entry point and from an exec, as /proc/self/exe and by a #! script", arguments: Way.allCases)
  func overwrite(_ way: Way) throws {
    try Sandbox.with { box in
      // A copy of the runtime, lest a success of the attack spoil the one under test.
      let binary = "\(box.folder)/victim"
      try Files.copy(box.runtime.path, to: binary, mode: 0o755)
      let before = try Files.bytes(binary)
      // The runtime's binary, once inside, stands still: its log is a FIFO that nobody reads.
      let direct = ["/proc/self/exe", "--log", "/fifo", "state", "x"]
      let bundle = try box.bundle {
        $0.capabilities(allCapabilities)
        $0["process.noNewPrivileges"] = false
        $0.args = way == .entrypoint ? direct : way == .entrypointScript ? ["/script"] : ["sh", "-c", "sleep 1000"]
      }
      try #require(mkfifo("\(bundle.rootfs)/fifo", 0o666) == 0)
      try Files.write("#!/proc/self/exe --log=/fifo\n", to: "\(bundle.rootfs)/script", mode: 0o755)
      try Files.write(attacker, to: "\(bundle.rootfs)/attacker", mode: 0o755)
      func victim(_ arguments: String...) throws -> Outcome {
        try box.spawn([binary, "--root", box.root] + arguments).wait()
      }
      let created = try victim("create", "--bundle", bundle.path, box.id())
      try #require(created.succeeded, "\(created)")
      let attack = try victim("exec", "--detach", box.id(), "sh", "/attacker")
      try #require(attack.succeeded, "\(attack)")
      _ = try victim("start", box.id())
      switch way {
      case .exec: _ = try victim("exec", "--detach", box.id(), "/proc/self/exe", "--log", "/fifo", "state", "x")
      case .execScript: _ = try victim("exec", "--detach", box.id(), "/script")
      default: break
      }
      // When the entry point has ended, process 1 is gone and the attacker with it: then the attack was over before it began.
      _ = becomesTrue(within: 5) { Files.exists("\(bundle.rootfs)/done") || box.markedProcesses().isEmpty }
      if way == .exec || way == .execScript {
        #expect(Files.exists("\(bundle.rootfs)/found"), "the attack has not taken place")
        #expect(Files.exists("\(bundle.rootfs)/refusals"))
      }
      #expect(!Files.exists("\(bundle.rootfs)/overwritten"), "\(Files.textIfAny("\(bundle.rootfs)/refusals") ?? "")")
      let isSame = try Files.bytes(binary) == before
      #expect(isSame, "the binary has been overwritten")
    }
  }
}
