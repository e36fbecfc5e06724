import Glibc
import JSONTree
import Testing

/// Genuine dockerd with data, state, socket, containerd and cgroups of its own.
final class DockerDaemon {
  let box: Sandbox
  private let daemon: Child
  private var socket: String { "unix://\(box.folder)/docker.sock" }

  init(_ box: Sandbox) throws {
    self.box = box
    daemon = try box.spawn([
      "dockerd", "--data-root", "\(box.folder)/docker", "--exec-root", "\(box.folder)/docker-run", "--host",
      "unix://\(box.folder)/docker.sock", "--pidfile", "\(box.folder)/docker.pid", "--iptables=false",
      "--ip6tables=false",
      "--bridge=none", "--storage-driver", "vfs", "--add-runtime", "drydock=\(box.runtime.path)", "--exec-opt",
      "native.cgroupdriver=cgroupfs", "--cgroup-parent", "/\(box.name)",
    ])
    let daemon = daemon
    guard try becomesTrue(within: 30, { try daemon.hasEnded || self("version").succeeded }), !daemon.hasEnded else {
      throw Refused(doing: "start dockerd", outcome: daemon.outcome)
    }
  }

  /// One command of the docker CLI.
  func callAsFunction(_ arguments: String...) throws -> Outcome {
    let more = ["--runtime", "drydock", "--network", "none", "--env", box.mark]
    let all = arguments[0] == "run" ? ["run"] + more + arguments.dropFirst() : arguments
    return try box.spawn(["docker", "--host", socket, "--config", "\(box.folder)/docker-config"] + all).wait()
  }

  /// Ends the daemon, and with it its containerd.
  func stop() {
    daemon.kill(SIGTERM)
    _ = becomesTrue(within: 20) { daemon.hasEnded }
    box.removeEmptyCgroups()
  }
}

@Suite("Genuine docker", .requireRoot, .requires("dockerd", "docker", "containerd"))
struct DockerTests {
  @Test("docker run --runtime drydock: runs, executes into, pauses, stops and removes containers")
  func life() throws {
    try Sandbox.with { box in
      let docker = try DockerDaemon(box)
      defer { docker.stop() }
      let image = try Image(box)
      let imported = try docker("import", image.layer, Image.reference)
      try #require(imported.succeeded, "\(imported)")

      let run = try docker("run", "--rm", Image.reference, "sh", "-c", "echo ahoy; echo oops >&2; exit 3")
      #expect(run.status == 3, "\(run)")
      #expect(run.stdout == "ahoy\n" && run.stderr == "oops\n", "\(run)")

      let started = try docker(
        "run", "--detach", "--name", "ship", Image.reference, "sh", "-c",
        "trap 'exit 5' TERM; while :; do sleep 0.05; done")
      try #require(started.succeeded, "\(started)")
      #expect(
        try docker("inspect", "--format", "{{.HostConfig.Runtime}} {{.State.Status}}", "ship").stdout
          == "drydock running\n")
      let exec = try docker(
        "exec", "--user", "1000", "--env", "SEA=deep", "ship", "sh", "-c", "id -u; echo $SEA; exit 4")
      #expect(exec.status == 4 && exec.stdout == "1000\ndeep\n", "\(exec)")
      let missing = try docker("exec", "ship", "no-such-program")
      #expect(missing.status == 126 || missing.status == 127, "\(missing)")
      #expect((missing.stdout + missing.stderr).contains("executable file not found in $PATH"), "\(missing)")
      let pause = try docker("pause", "ship")
      #expect(pause.succeeded, "\(pause)")
      #expect(try docker("inspect", "--format", "{{.State.Status}}", "ship").stdout == "paused\n")
      #expect(try docker("unpause", "ship").succeeded)
      let update = try docker("update", "--pids-limit", "50", "ship")
      #expect(update.succeeded, "\(update)")
      let top = try docker("top", "ship")
      #expect(top.stdout.contains("trap"), "\(top)")
      let stats = try docker("stats", "--no-stream", "--format", "{{.PIDs}}", "ship")
      #expect((Int(stats.stdout.trimmed) ?? 0) > 0, "\(stats)")
      let stop = try docker("stop", "--time", "5", "ship")
      #expect(stop.succeeded, "\(stop)")
      #expect(try docker("inspect", "--format", "{{.State.ExitCode}}", "ship").stdout == "5\n")
      #expect(try docker("start", "ship").succeeded)
      #expect(try docker("kill", "ship").succeeded)
      #expect(try docker("rm", "--force", "ship").succeeded)
      #expect(try docker("ps", "--all", "--quiet").stdout.isEmpty)

      let none = try docker("run", "--rm", Image.reference, "no-such-program")
      #expect(none.status == 127, "\(none)")
      #expect(none.stderr.contains("executable file not found in $PATH"), "\(none)")
    }
  }

  @Test("limits, a terminal, volumes, a read-only root, more capabilities")
  func options() throws {
    try Sandbox.with { box in
      let docker = try DockerDaemon(box)
      defer { docker.stop() }
      let image = try Image(box)
      try #require(try docker("import", image.layer, Image.reference).succeeded)
      try Files.makeDirectory("\(box.folder)/volume")
      let outcome = try docker(
        "run", "--rm", "--read-only", "--volume", "\(box.folder)/volume:/v", "--pids-limit", "20", "--memory", "64m",
        "--user", "0:7",
        "--hostname", "anchor", "--tmpfs", "/t", "--cap-drop", "all", "--workdir", "/usr", "--device",
        "/dev/null:/dev/nought", Image.reference, "sh", "-c",
        "hostname; id -g; pwd; echo x > /v/file; touch /no; echo y > /t/f && grep -E 'CapEff|Seccomp:' /proc/self/status; stat -c %t:%T /dev/nought"
      )
      #expect(
        outcome.lines == ["anchor", "7", "/usr", "CapEff:\t0000000000000000", "Seccomp:\t2", "1:3"], "\(outcome)")
      #expect(outcome.stderr.contains("Read-only file system"), "\(outcome)")
      #expect(Files.exists("\(box.folder)/volume/file"))
      let terminal = try docker(
        "run", "--rm", "--tty", Image.reference, "sh", "-c", "tty; stty size >/dev/null; exit 6")
      #expect(terminal.status == 6 && terminal.stdout.contains("/dev/pts/0"), "\(terminal)")
      // Not --privileged: that asks for capabilities that a root without CAP_SYS_RESOURCE does not have.
      let privileged = try docker(
        "run", "--rm", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", Image.reference, "sh", "-c",
        "mount -t tmpfs none /tmp && echo mounted")
      #expect(privileged.stdout == "mounted\n", "\(privileged)")
      let memory = try docker(
        "run", "--memory", "16m", "--memory-swap", "16m", "--name", "big", Image.reference, "tail", "-c", "200000000",
        "/dev/zero")
      #expect(memory.status == 137, "\(memory)")
      #expect(try docker("inspect", "--format", "{{.State.OOMKilled}}", "big").stdout == "true\n")
      #expect(try docker("rm", "big").succeeded)
    }
  }
}
