import JSONTree
import Seams
import Testing

@testable import Client

@Suite("Completion")
struct CompletionTests {
  private func candidates(_ line: String) -> [String]? {
    let daemon = ScriptedDaemon()
    daemon.on("GET /containers/json") { request, _ in
      let stopped: [JSON] = request.query("all") == "1" ? [["Names": ["/old"], "Id": "b"]] : []
      return APIResponse(200, .json(.array([["Names": ["/web", "/db/alias"], "Id": "a"]] + stopped)))
    }
    daemon.on("GET /images/json", 200, [["RepoTags": ["alpine:latest", "nginx:1.27"]], ["RepoTags": .null]])
    daemon.on("GET /networks", 200, [["Name": "bridge"], ["Name": "front"]])
    daemon.on("GET /volumes", 200, ["Volumes": [["Name": "data"]]])
    let files = MemoryFiles(["/home/user/vars.env": "", "/home/user/.hidden": ""], folders: ["/home/user/src"])
    let environment = ClientTestEnvironment(daemon, files: files)
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    return environment.testWorld.run { await Completion.candidates(for: words, in: environment) }
  }

  @Test func commands() {
    #expect(candidates("ru") == ["run"])
    #expect(candidates("st") == ["start", "stats", "stop"])
    #expect(candidates("network con") == ["connect"])
    #expect(candidates("help net") == ["network"])
    #expect(candidates("-D ru") == ["run"])
    #expect(candidates("nope ") == [])
  }

  @Test func flags() {
    #expect(candidates("run --net") == ["--network", "--network-alias"])
    #expect(candidates("ps --no") == ["--no-trunc"])
    #expect(candidates("run alpine --net") == [], "the container's own words")
    #expect(candidates("run --tty=") == ["--tty=false", "--tty=true"])
    #expect(candidates("-")?.contains("--host") == true)
  }

  @Test func valuesOfFlags() {
    #expect(candidates("run --network ") == ["bridge", "front"])
    #expect(candidates("run --network=f") == ["--network=front"])
    #expect(candidates("run --restart un") == ["unless-stopped"])
    #expect(candidates("run --cap-add CAP_NET_R") == ["CAP_NET_RAW"])
    #expect(candidates("run --env-file v") == ["vars.env"])
    #expect(candidates("run -v da") == ["data:"])
    #expect(candidates("run --pid ") == ["container:old", "container:web", "host"])
    #expect(candidates("kill -s US") == ["USR1", "USR2"])
    #expect(candidates("run --name ") == [])
    #expect(candidates("run -itv da") == ["data:"])
    #expect(candidates("inspect --type im") == ["image"])
  }

  @Test func names() {
    #expect(candidates("stop ") == ["web"])
    #expect(candidates("rm ") == ["old", "web"])
    #expect(candidates("rm web o") == ["old"])
    #expect(candidates("run ") == ["alpine", "alpine:latest", "nginx:1.27"])
    #expect(candidates("run -d --name x ng") == ["nginx:1.27"])
    #expect(candidates("exec -it w") == ["web"])
    #expect(candidates("network connect ") == ["bridge", "front"])
    #expect(candidates("network connect front w") == ["web"])
    #expect(candidates("network connect front web ") == [])
    #expect(candidates("volume rm ") == ["data"])
    #expect(
      candidates("inspect ") == ["alpine", "alpine:latest", "bridge", "data", "front", "nginx:1.27", "old", "web"])
    #expect(candidates("cp w") == ["web:"])
    #expect(candidates("import ") == ["src/", "vars.env"])
    #expect(candidates("import .h") == [".hidden"])
    #expect(candidates("logs web ") == [])
  }
}
