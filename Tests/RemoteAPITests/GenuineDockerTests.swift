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
}
