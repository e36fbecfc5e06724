import DaemonClient
import Foundation
import Handoff
import Seams
import Testing

/// The genuine docker client does to a simulated engine what it does to its own.
@Suite(
  .serialized,
  .enabled("docker is not installed (Debian: docker-cli)") { GenuineDocker.program != nil || GenuineDocker.isCI })
struct GenuineDockerTests {
  @Test("versions, facts, pull, images")
  func images() async throws {
    try await GenuineDocker.with { docker in
      let version = try await docker("version", "--format", "{{.Server.Version}} {{.Server.APIVersion}}")
      #expect(version.output == "29.0.0 1.52\n" && version.status == 0)
      #expect(try await docker("info", "--format", "{{.OSType}} {{.Containers}}").output == "linux 0\n")
      let missing = try await docker("pull", "nosuchimage-x")
      #expect(missing.status == 1 && missing.error.contains("pull access denied for nosuchimage-x"))
      let pulled = try await docker("pull", "alpine")
      #expect(pulled.status == 0 && pulled.output.contains("Status: Downloaded newer image for alpine:latest"))
      #expect(try await docker("images", "--format", "{{.Repository}}:{{.Tag}}").output == "alpine:latest\n")
      #expect(try await docker("tag", "alpine", "localhost:5000/a/b:c").status == 0)
      #expect(try await docker("images", "-q", "localhost:5000/a/b").output.count == 13)
      let inspected = try await docker("image", "inspect", "-f", "{{.Os}}", "localhost:5000/a/b:c")
      #expect(inspected.output == "linux\n")
      let archive = docker.folder + "/a.tar"
      #expect(try await docker("save", "-o", archive, "alpine").status == 0)
      #expect(try await docker("rmi", "localhost:5000/a/b:c", "alpine").output.contains("Untagged: alpine:latest"))
      #expect(try await docker("load", "-i", archive).output == "Loaded image: alpine:latest\n")
      #expect(try await docker("rmi", "nothing").error.contains("No such image: nothing"))
    }
  }

  @Test("run in the foreground: output, errors, statuses, standard input, a terminal")
  func run() async throws {
    try await GenuineDocker.with { docker in
      let hello = try await docker("run", "--rm", "alpine", "echo", "hi")
      #expect(hello.output == "hi\n" && hello.status == 0)
      #expect(hello.error.contains("Unable to find image 'alpine:latest' locally"))
      let both = try await docker("run", "--rm", "alpine", "sh", "-c", "echo out; echo err >&2; exit 7")
      #expect(both.output == "out\n" && both.error == "err\n" && both.status == 7)
      let counted = try await docker("run", "--rm", "-i", "alpine", "wc", "-c", typed: "12345\n")
      #expect(counted.output.trimmingCharacters(in: .whitespacesAndNewlines) == "6" && counted.status == 0)
      let unknown = try await docker("run", "--rm", "alpine", "nosuch")
      #expect(unknown.status == 127 && unknown.error.contains("executable file not found in $PATH"))
      let bad = try await docker("run", "--rm", "--memory", "1", "alpine", "true")
      #expect(bad.status == 125 && bad.error.contains("Minimum memory limit allowed is 6MB"))
      let terminal = try await docker.run(
        "/usr/bin/script", ["-qec", "\(GenuineDocker.program ?? "docker") run --rm -t alpine tty", "/dev/null"])
      // Two terminals, one in the other: each puts a carriage return before the line feed.
      #expect(terminal.output == "/dev/pts/0\r\r\n" && terminal.status == 0)
    }
  }

  @Test("a detached container's life: ps, exec, logs, attach, cp, events, stop, wait, rm")
  func life() async throws {
    try await GenuineDocker.with { docker in
      let id = try await docker(
        "run", "-d", "--name", "web", "alpine", "sh", "-c", "echo begun; trap 'exit 3' TERM; while :; do sleep 1; done")
      #expect(id.output.count == 65 && id.status == 0)
      #expect(try await docker("ps", "--format", "{{.Names}} {{.State}}").output == "web running\n")
      #expect(try await docker("ps", "-q", "--filter", "name=nothing").output == "")
      let exec = try await docker("exec", "-i", "web", "sh", "-c", "cat; exit 4", typed: "typed")
      #expect(exec.output == "typed" && exec.status == 4)
      #expect(try await docker("logs", "web").output == "begun\n")
      try Data("from outside\n".utf8).write(to: URL(fileURLWithPath: docker.folder + "/in.txt"))
      #expect(try await docker("cp", docker.folder + "/in.txt", "web:/tmp/").status == 0)
      #expect(try await docker("exec", "web", "cat", "/tmp/in.txt").output == "from outside\n")
      #expect(try await docker("cp", "web:/tmp/in.txt", docker.folder + "/out.txt").status == 0)
      #expect(try String(contentsOfFile: docker.folder + "/out.txt", encoding: .utf8) == "from outside\n")
      // Who follows the log, waits, is attached: all learn of the end.
      async let followed = docker("logs", "-f", "web")
      async let waited = docker("wait", "web")
      async let attached = docker("attach", "--no-stdin", "web")
      _ = try await docker("exec", "web", "true")
      #expect(try await docker("stop", "web").output == "web\n")
      #expect(try await followed.output == "begun\n")
      #expect(try await waited.output == "3\n")
      _ = try await attached
      let now = docker.engine.live.machine.world.unixTime / 1_000_000_000 + 1
      let events = try await docker(
        "events", "--since", "1", "--until", String(now), "--filter", "container=web", "--format", "{{.Action}}")
      #expect(events.output.hasPrefix("create\nattach\n") || events.output.hasPrefix("create\nstart\n"))
      #expect(events.output.contains("\nkill\n") && events.output.contains("\ndie\n"))
      #expect(try await docker("inspect", "-f", "{{.State.ExitCode}}", "web").output == "3\n")
      #expect(try await docker("rm", "web").output == "web\n")
      let gone = try await docker("inspect", "web")
      #expect(gone.status == 1 && gone.error.contains("No such object: web"))
    }
  }

  @Test("networks and volumes")
  func others() async throws {
    try await GenuineDocker.with { docker in
      #expect(try await docker("network", "create", "n1").output.count == 65)
      let names = try await docker("network", "ls", "--format", "{{.Name}}")
      #expect(names.output.split(separator: "\n").sorted() == ["bridge", "host", "n1", "none"])
      #expect(try await docker("network", "rm", "n1").output == "n1\n")
      #expect(try await docker("volume", "create", "v1").output == "v1\n")
      #expect(
        try await docker("run", "--rm", "-v", "v1:/data", "alpine", "sh", "-c", "echo x > /data/f").status == 0)
      #expect(try await docker("run", "--rm", "-v", "v1:/data", "alpine", "cat", "/data/f").output == "x\n")
      #expect(try await docker("volume", "rm", "v1").output == "v1\n")
      let refused = try await docker("volume", "rm", "v1")
      #expect(refused.status == 1 && refused.error.contains("no such volume"))
    }
  }

  @Test("the engine streams its handoffs: the whole architecture for one run")
  func trace() async throws {
    try await GenuineDocker.with { docker in
      #expect(try await docker("run", "--rm", "--network", "none", "alpine", "true").status == 0)
      let answer = try await DaemonClient(.unix(docker.socket)).send(APIRequest("GET", "/drydock/trace"))
      guard case .stream(let stream) = answer.body else {
        Issue.record("no stream")
        return
      }
      let lines = await stream.readAll().split(separator: 10)
      #expect(try TraceHeader(line: try #require(lines.first)).mode == "trace")
      let records = try lines.dropFirst().map { try TraceRecord(line: $0) }
      #expect(records.map(\.seq) == records.indices.map { UInt64($0 + 1) })
      let calls = records.compactMap { record -> String? in
        if case .call(let call) = record.event { "\(call.from)→\(call.to) \(call.op)" } else { nil }
      }
      for call in [
        "client→dockerd POST /containers/create", "dockerd→containerd containerd.services.tasks.v1.Tasks/Create",
        "containerd→shim containerd.task.v3.Task/Create", "shim→runc runc create",
      ] { #expect(calls.contains(call), "\(call)") }
    }
  }
}
