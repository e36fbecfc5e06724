import JSONTree
import Seams
import Testing

@testable import Client

@Suite("The command line itself")
struct CommandLineTests {
  private func run(_ line: String, _ daemon: ScriptedDaemon = ScriptedDaemon()) -> (Int32?, String, String) {
    let environment = ClientTestEnvironment(daemon)
    let status = environment.docker(line)
    return (status, environment.output, environment.error)
  }

  @Test func unknownCommandsGetSuggestions() {
    #expect(
      run("rum -it x")
        == (
          1, "",
          "docker: unknown command: docker rum\n\nDid you mean this?\n\tdocker rm\n\tdocker run\n\nRun 'docker "
            + "--help' for more information\n"
        ))
    #expect(
      run("network lss")
        == (
          1, "",
          "docker: unknown command: docker network lss\n\nDid you mean this?\n\tdocker network ls\n\nUsage:  "
            + "docker network\n\nRun 'docker network --help' for more information\n"
        ))
    #expect(run("qqqqqq").2 == "docker: unknown command: docker qqqqqq\n\nRun 'docker --help' for more information\n")
  }

  @Test(arguments: ["build .", "buildx ls", "compose up", "swarm init", "stack deploy", "context ls"])
  func whatComesLaterSaysSo(_ line: String) {
    let (status, output, error) = run(line)
    #expect(status == 1)
    #expect(output == "")
    #expect(error.hasPrefix("docker: 'docker \(line.split(separator: " ")[0])' is not part of Drydock yet"))
  }

  @Test func theVersion() {
    #expect(run("--version") == (0, "Docker version 28.2.2, build e6534b4\n", ""))
    #expect(run("-v") == (0, "Docker version 28.2.2, build e6534b4\n", ""))
  }

  @Test func helpNamesEveryCommand() {
    let (status, output, _) = run("--help")
    #expect(status == 0)
    #expect(run("help").1 == output)
    #expect(run("").2 == output, "without a command it goes to standard error")
    for command in CommandTree.root.subcommands { #expect(output.contains("\n  \(command.name.padded(to: 11)) ")) }
    #expect(output.contains("  -H, --host list          Daemon socket to connect to\n"))
  }

  @Test func optionsOfDocker() {
    #expect(
      run("--nope ps").2
        == "unknown flag: --nope\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more "
        + "information\n"
    )
    #expect(run("-x ps").0 == 125)
    #expect(run("--log-level foo ps") == (1, "", "Unable to parse logging level: foo\n"))
    #expect(run("-c nope ps").0 == 1)
    let daemon = ScriptedDaemon()
    daemon.on("GET /containers/json", 200, [])
    #expect(run("-D -l debug -H unix:///var/run/docker.sock --context default ps -q", daemon) == (0, "", ""))
  }

  @Test func everyCommandHasHelpAndGrammar() {
    func visit(_ command: Command, _ path: [String]) {
      let (status, output, error) = run((path + ["--help"]).joined(separator: " "))
      #expect(status == 0)
      #expect(error == "")
      #expect(output.hasPrefix("Usage:  docker \(path.joined(separator: " "))"))
      #expect(Set(command.flags.map(\.name)).count == command.flags.count, "\(path)")
      #expect(Set(command.flags.compactMap(\.short)).count == command.flags.compactMap(\.short).count, "\(path)")
      #expect((command.body == nil) != command.subcommands.isEmpty)
      for sub in command.subcommands { visit(sub, path + [sub.name]) }
    }
    for command in CommandTree.root.subcommands { visit(command, [command.name]) }
  }

  @Test(arguments: [20, 30, 40, 60, 80, 200])
  func helpFitsItsTerminal(_ columns: Int) {
    let text = Help.text(.containerRun, path: "docker run", columns: columns)
    // Below pflag's least width lines stay as they are.
    if columns >= 80 { for line in text.split(separator: "\n") { #expect(line.count <= columns, "\(line)") } }
    #expect(text.contains("--name"))
  }

  @Test func badInputNeverCrashes() {
    let daemon = ScriptedDaemon()
    for line in [
      "run -m 99999999999999999999g x", "run --cpus 99999999999999999999 x", "run -p 1-65535:1-65535 x",
      "run --ulimit nofile=99999999999999999999 x", "run --health-interval 9999999999999h x", "run -p :::::: x",
      "run -v ::::: x", "run --mount ,,,= x", "run --network =,= x", "run --restart on-failure:99999999999999999999 x",
      "run --gpus ,,, x", "run --device ::: x", "logs --since 99999999999999h x", "events --since 9999-99-99",
      "ps -n 99999999999999999999", "stop -t 99999999999999999999 x", "run --sysctl = x", "run --env-file / x",
      "network create --subnet 1.2.3.4/999 --gateway 1.2.3.4 n", "network create --subnet ::/0 --ip-range ::/129 n",
      "cp : :", "cp a: b", "tag : :", "pull @sha256:", "search \u{0}", "run \u{0}\u{1} \u{7f}", "--=x", "-= x", "run -",
    ] {
      let (status, _, _) = run(line, daemon)
      #expect(status != nil && status != 0, "\(line)")
    }
    #expect(run(String(repeating: "x", count: 1_000_000)).0 == 1)
    #expect(run("run " + String(repeating: "-", count: 100_000) + " x").0 == 125)
  }

  @Test func brokenAnswersOfADaemonAreErrors() {
    for body in [APIResponse.Body.text("{"), .text("not json"), .json("a string"), .json(.null), .none] {
      for line in [
        "ps", "images", "network ls", "volume ls", "info", "version", "system df", "inspect x", "history x", "top x",
        "port x", "diff x", "search x", "stats --no-stream x", "events", "logs x", "start -a x", "attach x", "exec x y",
        "run x", "create x", "container prune -f", "image prune -f", "system prune -f", "update -m 5m x", "commit x",
        "rmi x", "cp x:/y z", "pull x", "push x", "load", "save x", "export x",
      ] {
        let daemon = BrokenDaemon(body: body)
        let environment = ClientTestEnvironment(daemon)
        #expect(environment.docker(line) != nil, "\(line)")
      }
    }
  }

  /// Answers everything with the same nonsense.
  private struct BrokenDaemon: RemoteAPI {
    let body: APIResponse.Body
    func send(_ request: APIRequest) async throws -> APIResponse { APIResponse(200, body) }
  }
}
