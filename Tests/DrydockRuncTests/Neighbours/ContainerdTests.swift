import Glibc
import JSONTree
import Testing

@Suite("Genuine containerd", .requireRoot, .requires("containerd", "ctr"))
struct ContainerdTests {
  @Test("ctr run --runc-binary: runs, executes into, pauses, measures, stops and removes containers")
  func life() throws {
    try Sandbox.with { box in
      let socket = "\(box.folder)/containerd.sock"
      try Files.write(
        """
        version = 2
        root = "\(box.folder)/containerd"
        state = "\(box.folder)/containerd-run"
        disabled_plugins = ["io.containerd.grpc.v1.cri"]
        [grpc]
          address = "\(socket)"
        [ttrpc]
          address = "\(socket).ttrpc"
        """, to: "\(box.folder)/containerd.toml")
      let daemon = try box.spawn(["containerd", "--config", "\(box.folder)/containerd.toml"])
      // The namespace's name is that of the cgroup above the containers'.
      func ctr(_ arguments: String...) throws -> Outcome {
        try box.spawn(["ctr", "--address", socket, "--namespace", box.name] + arguments).wait()
      }
      func run(_ arguments: String...) throws -> Outcome {
        try box.spawn(
          [
            "ctr", "--address", socket, "--namespace", box.name, "run", "--snapshotter", "native", "--runc-binary",
            box.runtime.path,
          ]
            + ["--env", box.mark] + arguments
        ).wait()
      }
      defer {
        daemon.kill(SIGTERM)
        _ = becomesTrue(within: 20) { daemon.hasEnded }
        box.removeEmptyCgroups()
      }
      try #require(try becomesTrue(within: 30) { try ctr("version").succeeded }, "\(daemon.outcome)")
      let image = try Image(box)
      let imported = try ctr("image", "import", "--snapshotter", "native", image.archive)
      try #require(imported.succeeded, "\(imported)")

      let first = try run("--rm", Image.reference, "one", "sh", "-c", "echo ahoy; exit 3")
      #expect(first.status == 3 && first.stdout == "ahoy\n", "\(first)")

      let started = try run("--detach", Image.reference, "two", "sleep", "1000")
      try #require(started.succeeded, "\(started)")
      let exec = try ctr("task", "exec", "--exec-id", "e1", "two", "sh", "-c", "echo inside; exit 4")
      #expect(exec.status == 4 && exec.stdout == "inside\n", "\(exec)")
      #expect(try ctr("task", "pause", "two").succeeded)
      #expect(try ctr("task", "ls").stdout.contains("PAUSED"))
      #expect(try ctr("task", "resume", "two").succeeded)
      #expect(try ctr("task", "metrics", "two").stdout.contains("memory"))
      let processes = try ctr("task", "ps", "two")
      #expect(processes.lines.count == 2, "\(processes)")
      #expect(try ctr("task", "kill", "--signal", "SIGKILL", "two").succeeded)
      #expect(try becomesTrue { try ctr("task", "ls").stdout.contains("STOPPED") })
      _ = try ctr("task", "rm", "two")
      #expect(try ctr("container", "rm", "two").succeeded)
      #expect(try ctr("container", "ls", "--quiet").stdout.isEmpty)

      let none = try run("--rm", Image.reference, "three", "no-such-program")
      #expect(!none.succeeded)
      #expect(none.stderr.contains("executable file not found in $PATH"), "\(none)")
    }
  }
}
