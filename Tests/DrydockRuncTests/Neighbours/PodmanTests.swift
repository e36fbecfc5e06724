import Glibc
import JSONTree
import Testing

@Suite("Genuine podman", .requireRoot, .requires("podman", "conmon"))
struct PodmanTests {
  /// podman with storage, state and cgroups of its own.
  private struct Podman {
    let box: Sandbox
    let command: [String]

    init(_ box: Sandbox) throws {
      self.box = box
      command = [
        "podman", "--root", "\(box.folder)/podman", "--runroot", "\(box.folder)/podman-run", "--tmpdir",
        "\(box.folder)/podman-tmp", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver",
        "vfs",
        "--runtime", box.runtime.path,
      ]
      try Files.write("", to: "\(box.folder)/containers.conf")
    }

    func callAsFunction(_ arguments: String...) throws -> Outcome {
      // The machine's own limits, as podman's defaults are higher than a root without CAP_SYS_RESOURCE may ask for.
      let limits = [
        "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--network", "none", "--env", box.mark,
        "--cgroup-parent", "/\(box.name)",
      ]
      let more = ["run", "create"].contains(arguments[0]) ? [arguments[0]] + limits + arguments.dropFirst() : arguments
      return try box.spawn(command + more, environment: ["CONTAINERS_CONF=\(box.folder)/containers.conf"]).wait()
    }
  }

  @Test("runs, executes into, pauses, stops and removes containers")
  func life() throws {
    try Sandbox.with { box in
      let podman = try Podman(box)
      let image = try Image(box)
      let imported = try podman("import", image.layer, Image.reference)
      try #require(imported.succeeded, "\(imported)")

      let run = try podman("run", "--rm", Image.reference, "sh", "-c", "echo ahoy; echo oops >&2; exit 3")
      #expect(run.status == 3, "\(run)")
      #expect(run.stdout == "ahoy\n" && run.stderr == "oops\n", "\(run)")

      let started = try podman(
        "run", "--detach", "--name", "ship", Image.reference, "sh", "-c",
        "trap 'exit 5' TERM; while :; do sleep 0.05; done")
      try #require(started.succeeded, "\(started)")
      let exec = try podman(
        "exec", "--user", "1000", "--env", "SEA=deep", "ship", "sh", "-c", "id -u; echo $SEA; exit 4")
      #expect(exec.status == 4 && exec.stdout == "1000\ndeep\n", "\(exec)")
      let missing = try podman("exec", "ship", "no-such-program")
      #expect(missing.status == 127, "\(missing)")
      let pause = try podman("pause", "ship")
      #expect(pause.succeeded, "\(pause)")
      #expect(try podman("ps", "--all", "--format", "{{.Status}}").stdout.lowercased().contains("paused"))
      #expect(try podman("unpause", "ship").succeeded)
      let top = try podman("top", "ship", "pid", "comm")
      #expect(top.succeeded, "\(top)")
      let stop = try podman("stop", "--time", "5", "ship")
      #expect(stop.succeeded, "\(stop)")
      #expect(try podman("inspect", "--format", "{{.State.ExitCode}}", "ship").stdout == "5\n")
      #expect(try podman("rm", "ship").succeeded)
      #expect(try podman("ps", "--all", "--quiet").stdout.isEmpty)

      let none = try podman("run", "--rm", Image.reference, "no-such-program")
      #expect(none.status == 127, "\(none)")
      #expect(none.stderr.contains("executable file"), "\(none)")
      box.removeEmptyCgroups()
    }
  }

  @Test("limits, a terminal, a volume, a read-only root and another user")
  func options() throws {
    try Sandbox.with { box in
      let podman = try Podman(box)
      let image = try Image(box)
      try #require(try podman("import", image.layer, Image.reference).succeeded)
      try Files.makeDirectory("\(box.folder)/volume")
      let outcome = try podman(
        "run", "--rm", "--read-only", "--volume", "\(box.folder)/volume:/v", "--pids-limit", "20", "--memory", "64m",
        "--user", "0:7",
        "--hostname", "anchor", "--tmpfs", "/t", "--cap-drop", "all", "--workdir", "/usr", "--device",
        "/dev/null:/dev/nought", Image.reference, "sh", "-c",
        "hostname; id -g; pwd; echo x > /v/file; touch /no; echo y > /t/f && grep CapEff /proc/self/status; stat -c %t:%T /dev/nought"
      )
      #expect(outcome.lines == ["anchor", "7", "/usr", "CapEff:\t0000000000000000", "1:3"], "\(outcome)")
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
      #expect(Files.exists("\(box.folder)/volume/file"))
      let terminal = try podman("run", "--rm", "--tty", Image.reference, "sh", "-c", "tty")
      #expect(terminal.stdout.contains("/dev/"), "\(terminal)")
      box.removeEmptyCgroups()
    }
  }
}
