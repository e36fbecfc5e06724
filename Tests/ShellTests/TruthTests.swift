import Handoff
import Testing

@testable import Shell

/// The rule that makes the teaching honest: the spine of a command in trace mode is that of the genuine Docker.
///
/// For `pull` the capture of Docker 29 shows dockerd downloading through containerd's pieces; Drydock does and teaches
/// the pull that is all containerd's, captured with `ctr` (traces/captures/ctr-pull.jsonl, party `ctr` read as `dockerd`).
@Suite("The spine of each command is the genuine Docker's", .serialized)
struct TruthTests {
  struct Scenario: Sendable, CustomTestStringConvertible {
    var capture: String
    var before: [String] = []
    var command: String
    var testDescription: String { capture }
  }

  private static let image = ["docker pull -q busybox"]
  private static let web = image + ["docker run -d --name web -p 8088:80 busybox sleep 300"]
  private static let hub =
    image + ["docker tag busybox localhost:5000/lib/busybox", "docker push -q localhost:5000/lib/busybox"]

  static let scenarios: [Scenario] = [
    Scenario(capture: "run-rm", before: image, command: "docker run --rm busybox echo hi"),
    Scenario(capture: "run-d", before: image, command: "docker run -d --name web -p 8088:80 busybox sleep 300"),
    Scenario(capture: "run-badcmd", before: image, command: "docker run --rm busybox nosuchcmd"),
    Scenario(capture: "exec", before: web, command: "docker exec web echo inside"),
    Scenario(capture: "logs", before: web, command: "docker logs web"),
    Scenario(capture: "top", before: web, command: "docker top web"),
    Scenario(capture: "inspect", before: web, command: "docker inspect web"),
    Scenario(capture: "ps-running", before: web, command: "docker ps"),
    Scenario(capture: "ps", before: image, command: "docker ps"),
    Scenario(capture: "stop", before: web, command: "docker stop -t 1 web"),
    Scenario(capture: "rm", before: web + ["docker stop -t 1 web"], command: "docker rm web"),
    Scenario(capture: "images", before: image, command: "docker images"),
    Scenario(capture: "info", before: image, command: "docker info"),
    Scenario(capture: "version", command: "docker version"),
    Scenario(capture: "network-create", command: "docker network create n1"),
    Scenario(capture: "network-rm", before: ["docker network create n1"], command: "docker network rm n1"),
    Scenario(capture: "volume-create", command: "docker volume create v1"),
    Scenario(capture: "volume-rm", before: ["docker volume create v1"], command: "docker volume rm v1"),
    Scenario(capture: "push", before: hub, command: "docker push localhost:5000/lib/busybox"),
  ]

  @Test("as captured", arguments: scenarios)
  func captured(scenario: Scenario) throws {
    #expect(try spine(scenario) == captureSpine(scenario.capture))
  }

  @Test("pull: dockerd asks, containerd does it all")
  func pull() throws {
    let scenario = Scenario(
      capture: "pull", before: Self.hub + ["docker rmi localhost:5000/lib/busybox busybox"],
      command: "docker pull localhost:5000/lib/busybox")
    #expect(try spine(scenario) == (try pullSpine("pull")))
  }

  @Test(
    "pull of what is here, or of what is not there: one question",
    arguments: [
      ("pull-again", "docker pull localhost:5000/lib/busybox"), ("pull-missing", "docker pull localhost:5000/lib/nope"),
    ])
  func question(capture: String, command: String) throws {
    let before = Self.hub + ["docker pull -q localhost:5000/lib/busybox"]
    let expected = try pullSpine(capture).filter { !$0.contains("GET /v2/") }
    #expect(try spine(Scenario(capture: capture, before: before, command: command)) == expected)
  }

  private func spine(_ scenario: Scenario) throws -> [String] {
    var options = SessionOptions()
    options.showsHandoffs = false
    let session = try Session(options)
    session.output.mute(true)
    for line in scenario.before {
      #expect(session.execute(line) == 0, "\(line)")
    }
    return try #require(session.spines(of: [.init(line: scenario.command, time: 0)]).first).spine
  }

  private func captureSpine(_ name: String) throws -> [String] {
    let reader = try TraceReader(path: Repository.root + "/traces/captures/\(name).jsonl")
    var builder = Spine.Builder()
    var lines: [String] = []
    while let record = reader.next() { if let line = builder.add(record) { lines.append(line) } }
    return lines
  }

  private func pullSpine(_ name: String) throws -> [String] {
    try captureSpine(name).filter { $0.hasPrefix("client") }
      + captureSpine("ctr-pull").map { $0.replacing("ctr        >", with: "dockerd    >") }
  }
}

/// Where this repository is.
enum Repository {
  static let root: String = {
    var parts = #filePath.split(separator: "/")
    parts.removeLast(3)
    return "/" + parts.joined(separator: "/")
  }()
}
