import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct SystemTests {
  @Test func aPingSaysWhoIsThere() async throws {
    let docker = try await DockerdFixture()
    let head = try await docker.raw("HEAD", "/_ping")
    #expect(head.status == 200)
    #expect(head.header("API-Version") == EngineVersion.api)
    #expect(head.header("OSType") == "linux")
    #expect(head.header("Docker-Experimental") == "false")
    #expect(head.header("Swarm") == "inactive")
    guard case .none = head.body else {
      Issue.record("HEAD has no body")
      return
    }
    #expect(try await docker.send("GET", "/_ping").json == "OK")
  }

  @Test func versionAsksContainerdAndRunC() async throws {
    let docker = try await DockerdFixture()
    let (_, json) = try await docker.send("GET", "/version")
    #expect(docker.containerd.operations == ["Version/Version"])
    let components = try #require(json["Components"]?.array)
    #expect(components.map { $0["Name"]?.string } == ["Engine", "containerd", "runc", "docker-init"])
    #expect(components[1]["Version"] == "v2.2.0")
    #expect(components[1]["Details"]?["GitCommit"] == "abc123")
    #expect(components[2]["Version"] == "1.5.0")
    #expect(components[2]["Details"]?["GitCommit"] == "v1.5.0-0-gdeadbee")
    #expect(json["ApiVersion"]?.string == EngineVersion.api)
  }

  @Test func infoCountsImagesAndContainers() async throws {
    let docker = try await DockerdFixture()
    let web = SampleImage("web")
    web.put(in: docker.containerd, as: ["docker.io/library/web:1", "docker.io/library/web:2"])
    docker.containers.add("a", name: "a")
    docker.containers.add("b", name: "b", state: "paused")
    docker.containers.add("c", name: "c", state: "exited")
    let (_, json) = try await docker.send("GET", "/info")
    #expect(docker.containerd.operations == ["Images/List", "Version/Version"])
    #expect(json["Images"] == 1)
    #expect(json["Containers"] == 3)
    #expect(json["ContainersRunning"] == 1)
    #expect(json["ContainersPaused"] == 1)
    #expect(json["ContainersStopped"] == 1)
    #expect(json["RuncCommit"]?["ID"] == "v1.5.0-0-gdeadbee")
    #expect(json["Driver"] == "overlayfs")
    #expect(json["Architecture"] == "x86_64")
  }

  @Test func theEngineKeepsItsId() async throws {
    let docker = try await DockerdFixture()
    let id = try await docker.send("GET", "/info").json["ID"]
    #expect(id?.string?.count == 36)
    let next = try await DockerdFixture(store: docker.store)
    #expect(try await next.send("GET", "/info").json["ID"] == id)
  }

  @Test func diskUsageCountsWhatIsSharedOnce() async throws {
    let docker = try await DockerdFixture()
    let web = SampleImage("web")
    let twin = SampleImage("web", labels: ["twin": "yes"])
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest"])
    twin.put(in: docker.containerd, as: ["docker.io/library/twin:latest"])
    docker.containers.add("c1", name: "one", state: "exited", imageID: web.target.digest, sizeRw: 77)
    _ = try await docker.send("POST", "/volumes/create", body: ["Name": "data"])
    docker.files.put("/var/lib/docker/volumes/data/_data/file", [1, 2, 3])
    let (_, json) = try await docker.send("GET", "/system/df")
    let twins = Int64(twin.config.count + twin.manifest.count)
    let webs = Int64(web.layer.count + web.config.count + web.manifest.count) + 1000
    #expect(json["LayersSize"] == .int(webs + twins))
    #expect(json["Images"]?.array?.count == 2)
    #expect(json["ImageUsage"]?["Reclaimable"] == .int(twins))
    #expect(json["ImageUsage"]?["ActiveCount"] == 1)
    #expect(json["Containers"]?[0]?["SizeRw"] == 77)
    #expect(json["ContainerUsage"]?["Reclaimable"] == 77)
    #expect(json["Volumes"]?[0]?["UsageData"] == ["RefCount": 0, "Size": 3])
    #expect(json["BuildCache"] == [])
    let some = try await docker.send("GET", "/system/df", query: [("type", "volume")]).json
    #expect(some.object?.keys == ["Volumes", "VolumeUsage"])
    #expect(
      try await docker.send("GET", "/system/df", query: [("type", "dust")]).json["message"]
        == "unknown object type: dust")
  }

  @Test(arguments: [
    ("POST", "/build", 501, "building images is not supported by this engine yet"),
    (
      "GET", "/services", 503,
      "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to "
        + "swarm and try again."
    ), ("POST", "/swarm/init", 501, "swarm mode is not supported by this engine"),
    ("GET", "/nonsense", 404, "page not found"),
  ])
  func whatIsNotDoneIsSaid(_ method: String, _ path: String, _ status: Int, _ message: String) async throws {
    let answer = try await (try await DockerdFixture()).send(method, path)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
  }

  @Test func timesAreThoseOfRFC3339() {
    #expect(RFC3339Time.text(0) == "1970-01-01T00:00:00Z")
    #expect(RFC3339Time.text(1_709_208_000_123_400_000) == "2024-02-29T12:00:00.1234Z")
    for text in ["2024-02-29T12:00:00.1234Z", "2024-02-29T14:00:00.1234+02:00"] {
      #expect(RFC3339Time.parse(text) == 1_709_208_000_123_400_000)
    }
    for text in ["", "2024", "2024-13-01T00:00:00Z", "2024-02-29T12:00:00X", "1969-12-31T23:59:59Z"] {
      #expect(RFC3339Time.parse(text) == nil, "\(text)")
    }
    #expect(RFC3339Time.duration("1h30m") == 5_400_000_000_000)
    #expect(RFC3339Time.duration("1.5s") == 1_500_000_000)
    #expect(RFC3339Time.duration("5") == nil)
    #expect(RFC3339Time.moment("10s", now: 60_000_000_000) == 50_000_000_000)
    #expect(RFC3339Time.moment("1.5", now: 0) == 1_500_000_000)
    #expect(RFC3339Time.moment("99999999999999999999", now: 0) == nil)
  }

  @Test func aClientThatGoesAwayEndsTheWork() async throws {
    let world = DockerdTestWorld()
    let ended = ByteChannel()
    let response = try await MessageStream.answer(world) { out in
      out.status("one")
      while !Task.isCancelled {
        out.status("more")
        await Task.yield()
      }
      ended.closeWriting()
    }
    guard case .stream(let channel) = response.body else {
      Issue.record("a stream")
      return
    }
    channel.closeReading()
    #expect(await ended.read() == nil)
  }
}
