import JSONTree
import Seams
import Synchronization
import Testing

@testable import Client

/// What happens when the user interrupts, detaches, resizes; and when nobody reads or nothing answers.
@Suite("Interrupts, terminals, broken ends")
struct InterruptTests {
  private let id = String(repeating: "a", count: 64)

  /// A daemon with a container that runs until it is killed.
  private func running(_ world: ClientTestWorld, isTerminal: Bool = false, stop: OneShot<Int64>) -> ScriptedDaemon {
    let daemon = ScriptedDaemon()
    daemon.on("POST /containers/create", 201, ["Id": .string(id), "Warnings": []])
    daemon.on("POST /containers/\(id)/attach") { _, daemon in
      let duplex = Duplex(input: ByteChannel(capacity: .max), output: ByteChannel(capacity: .max))
      world.spawn {
        await daemon.started.value()
        duplex.input.push(isTerminal ? Array("/ # ".utf8) : frame(1, "working\n"))
        world.spawn {
          while let bytes = await duplex.output.read() { daemon.inputs.withLock { $0.append(bytes) } }
        }
        _ = await stop.value()
        duplex.input.closeWriting()
      }
      return APIResponse(101, .hijacked(duplex))
    }
    daemon.on("POST /containers/\(id)/wait") { _, _ in
      let body = ByteChannel()
      world.spawn {
        body.push(Array("{\"StatusCode\":\(await stop.value())}\n".utf8))
        body.closeWriting()
      }
      return APIResponse(200, .stream(body))
    }
    daemon.on("POST /containers/\(id)/start", 204, .null)
    daemon.on("POST /containers/\(id)/resize", 200, .null)
    daemon.on("POST /containers/\(id)/kill") { request, _ in
      stop.resolve(request.query("signal") == "INT" ? 130 : 137)
      return APIResponse(204)
    }
    return daemon
  }

  @Test func signalsGoToTheContainer() {
    let world = ClientTestWorld()
    let daemon = running(world, stop: OneShot())
    let environment = ClientTestEnvironment(daemon, world: world)
    world.spawn {
      await daemon.started.value()
      for _ in 0..<20 { await Task.yield() }
      environment.interrupt(.signal(2))
    }
    #expect(environment.docker("run alpine sleep 100") == 130)
    #expect(environment.output == "working\n")
    #expect(daemon.lines.last == "POST /containers/\(id)/kill?signal=INT")
  }

  @Test func withoutProxyTheClientLeavesAndTheContainerStays() {
    let world = ClientTestWorld()
    let daemon = running(world, stop: OneShot())
    let environment = ClientTestEnvironment(daemon, world: world)
    world.spawn {
      await daemon.started.value()
      for _ in 0..<20 { await Task.yield() }
      environment.interrupt(.signal(2))
    }
    #expect(environment.docker("run --sig-proxy=false alpine sleep 100") == 130)
    #expect(!daemon.lines.contains { $0.contains("/kill") })
  }

  @Test func aTerminalSendsKeysAndSizes() {
    let world = ClientTestWorld()
    let stop = OneShot<Int64>()
    let daemon = running(world, isTerminal: true, stop: stop)
    let environment = ClientTestEnvironment(daemon, world: world, stdin: nil, isTerminal: true, size: (100, 30))
    world.spawn {
      await daemon.started.value()
      for _ in 0..<20 { await Task.yield() }
      environment.input.push(Array("ls\r\u{3}".utf8))
      environment.interrupt(.resized(columns: 100, rows: 30))
      for _ in 0..<20 { await Task.yield() }
      stop.resolve(7)
    }
    #expect(environment.docker("run -it alpine") == 7)
    #expect(environment.rawTerminals.withLock { $0 } == 1)
    #expect(daemon.inputs.withLock { $0.flatMap { $0 } } == Array("ls\r\u{3}".utf8))
    let resizes = daemon.lines.filter { $0.contains("/resize") }
    #expect(resizes == Array(repeating: "POST /containers/\(id)/resize?h=30&w=100", count: 2))
    #expect(environment.terminal == "/ # ")
  }

  @Test func detachKeysLeaveTheContainerRunning() {
    let world = ClientTestWorld()
    let daemon = running(world, isTerminal: true, stop: OneShot())
    let environment = ClientTestEnvironment(daemon, world: world, stdin: nil, isTerminal: true)
    world.spawn {
      await daemon.started.value()
      for _ in 0..<20 { await Task.yield() }
      environment.input.push([UInt8(ascii: "x"), 16])
      environment.input.push([17])
    }
    #expect(environment.docker("run -it alpine") == 0)
    #expect(environment.error == "read escape sequence\n")
    #expect(daemon.inputs.withLock { $0.flatMap { $0 } } == [UInt8(ascii: "x")])
  }

  @Test func followingEndsWithCtrlC() {
    let world = ClientTestWorld()
    let daemon = ScriptedDaemon()
    let logs = ByteChannel(capacity: .max)
    logs.push(frame(1, "line\n"))
    daemon.on("GET /containers/web/json", 200, ["Id": .string(id), "Config": ["Tty": false]])
    daemon.on("GET /containers/\(id)/logs") { _, _ in APIResponse(200, .stream(logs)) }
    let environment = ClientTestEnvironment(daemon, world: world)
    world.spawn {
      for _ in 0..<50 { await Task.yield() }
      environment.interrupt(.signal(2))
    }
    #expect(environment.docker("logs -f web") == 130)
    #expect(environment.output == "line\n")
    #expect(environment.error == "")
    #expect(!logs.push([1]), "the daemon sees that nobody reads any more")
  }

  @Test func waitingForAnAnswerEndsWithCtrlC() {
    let world = ClientTestWorld()
    let daemon = ScriptedDaemon()
    daemon.on("POST /containers/web/wait") { _, _ in
      APIResponse(200, .json(["StatusCode": .int(await OneShot<Int64>().value())]))
    }
    let environment = ClientTestEnvironment(daemon, world: world)
    world.spawn {
      for _ in 0..<50 { await Task.yield() }
      environment.interrupt(.signal(15))
    }
    #expect(environment.docker("wait web") == 143)
  }

  @Test func statsAreRedrawnUntilCtrlC() {
    let world = ClientTestWorld()
    let daemon = ScriptedDaemon()
    let samples = ByteChannel(capacity: .max)
    samples.push(Array("{\"id\":\"\(id)\",\"name\":\"/web\",\"pids_stats\":{\"current\":3}}\n".utf8))
    daemon.on("GET /containers/web/stats") { _, _ in APIResponse(200, .stream(samples)) }
    let environment = ClientTestEnvironment(daemon, world: world, isTerminal: true)
    world.spawn {
      for _ in 0..<200 { await Task.yield() }
      environment.interrupt(.signal(2))
    }
    #expect(environment.docker("stats web") == 130)
    #expect(environment.terminal.hasPrefix("\u{1b}[HCONTAINER ID   NAME      CPU %"))
    #expect(
      environment.terminal.contains(
        "aaaaaaaaaaaa   web       0.00%     0B / 0B             0.00%     0B / 0B   0B / 0B     3 \u{1b}[K\n"))
    #expect(daemon.lines == ["GET /containers/web/stats?stream=1"])
  }

  @Test func aClosedPipeEndsTheCommand() {
    let daemon = ScriptedDaemon()
    daemon.on("GET /containers/json", 200, [])
    let environment = ClientTestEnvironment(daemon, brokenOutput: true)
    #expect(environment.docker("ps") == 141)
    #expect(environment.error == "")
  }

  @Test func nothingListens() {
    struct Nobody: RemoteAPI {
      func send(_ request: APIRequest) async throws -> APIResponse { throw EngineError(.unavailable, "refused") }
    }
    let words = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    let list = ClientTestEnvironment(Nobody())
    #expect(list.docker("ps") == 1)
    #expect(list.error == words + "\n")
    let run = ClientTestEnvironment(Nobody())
    #expect(run.docker("run x") == 125)
    #expect(run.error == "docker: \(words)\n\nRun 'docker run --help' for more information\n")
    let info = ClientTestEnvironment(Nobody())
    #expect(info.docker("info") == 0)
    #expect(info.error == words + "\n")
    let other = ClientTestEnvironment(Nobody())
    #expect(other.docker("-H tcp://elsewhere:2375 ps") == 1)
    #expect(other.error == words.replacing("unix:///var/run/docker.sock", by: "tcp://elsewhere:2375") + "\n")
  }

  @Test func signInAsksAndHidesThePassword() async {
    let daemon = ScriptedDaemon()
    daemon.on("POST /auth", 200, ["Status": "Login Succeeded", "IdentityToken": ""])
    let configuration = MemoryConfiguration()
    let environment = ClientTestEnvironment(
      daemon, configuration: configuration, stdin: "me\npw\u{7f}w\r", isTerminal: true)
    #expect(environment.docker("login reg.io:5000") == 0)
    #expect(environment.terminal == "Username: Password: \nLogin Succeeded\n")
    #expect(environment.rawTerminals.withLock { $0 } == 1)
    #expect(daemon.requests.last?.body?["password"] == "pw")
    #expect(await configuration.credentials("reg.io:5000") == RegistryCredentials(username: "me", password: "pw"))
    // The next pull from there takes them along.
    daemon.on("POST /images/create", stream: [])
    #expect(environment.docker("pull reg.io:5000/a:b") == 0)
    #expect(daemon.requests.last?.auth == ["username": "me", "password": "pw", "serveraddress": "reg.io:5000"])
    #expect(environment.docker("logout reg.io:5000") == 0)
    #expect(await configuration.credentials("reg.io:5000") == nil)
  }

  @Test func detachKeySequences() throws {
    var keys = try DetachKeys("ctrl-a,b,ctrl-]")
    #expect(keys.keys == [1, 98, 29])
    #expect(keys.pass([1, 98]).bytes == [])
    #expect(keys.pass([99]).bytes == [1, 98, 99])
    let (bytes, isDetached) = keys.pass([1, 1, 98, 29])
    #expect(bytes == [1])
    #expect(isDetached)
    #expect(throws: CommandError.self) { try DetachKeys("foo") }
    #expect(throws: CommandError.self) { try DetachKeys("ctrl-1") }
  }

  @Test func framesComeInPieces() throws {
    var frames = Multiplexed()
    let bytes = frame(1, "abc") + frame(2, "") + frame(2, "de")
    var got: [Multiplexed.Frame] = []
    for byte in bytes { got += try frames.add([byte]) }
    #expect(got.map(\.stream) == [1, 2, 2])
    #expect(got.map { String(decoding: $0.payload, as: UTF8.self) } == ["abc", "", "de"])
    #expect(throws: CommandError("Unrecognized input header: 47")) { try frames.add(Array("/etc/passwd".utf8)) }
  }
}
