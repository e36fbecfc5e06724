import Archive
import Encodings
import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite("Copying, differences, commits, events")
struct ContainerFileTests {
  private func members(_ archive: [UInt8]) throws -> [String: String] {
    var reader = TarReader(archive)
    var members: [String: String] = [:]
    while let entry = try reader.next() { members[entry.path] = String(decoding: entry.content, as: UTF8.self) }
    return members
  }

  @Test("docker cp out: what it is in the header, a tar in the body")
  func copyOut() throws {
    let fixture = try ContainersFixture()
    fixture.files.putInImage("/etc/app/conf", "x=1")
    try fixture.world.run { () async throws in
      let id = try await fixture.create()
      let head = try await fixture.send("HEAD /containers/{id}/archive", id, query: [("path", "/etc/app/conf")])
      #expect(
        head.header("X-Docker-Container-Path-Stat").flatMap { Base64.decode($0) }
          == Array(#"{"name":"conf","size":3,"mode":420,"mtime":"1970-01-01T00:00:00Z","linkTarget":""}"#.utf8))
      let response = try await fixture.send("GET /containers/{id}/archive", id, query: [("path", "/etc/app")])
      guard case .stream(let channel) = response.body else { throw ContainersTestWorld.Stuck() }
      #expect(try members(await channel.readAll()) == ["app": "", "app/conf": "x=1"])
      #expect(
        try await fixture.outcome("GET /containers/{id}/archive", "web", query: [("path", "/nope")])
          == "404 Could not find the file /nope in container web")
    }
    #expect(fixture.files.mounts.isEmpty)
  }

  @Test("docker cp in: into the layer, into a volume, and not into what is read-only")
  func copyIn() throws {
    let fixture = try ContainersFixture()
    fixture.files.putInImage("/srv/a", "old")
    let archive = TarWriter.archive([ArchiveEntry(path: "new", content: Array("hello".utf8))])
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web", host: ["Binds": ["v:/v", "r:/r:ro"]])
      func put(_ path: String) async throws -> String {
        let response = try await fixture.send(
          "PUT /containers/{id}/archive", id, query: [("path", path)], upload: archive)
        return response.errorMessage.map { "\(response.status) \($0)" } ?? "\(response.status)"
      }
      #expect(try await put("/srv") == "200")
      #expect(
        try await fixture.text("GET /containers/{id}/archive", id, query: [("path", "/srv/new")]).contains("hello"))
      #expect(try await put("/v") == "200")
      #expect(fixture.files.text("/var/lib/docker/volumes/v/_data/new") == "hello")
      #expect(try await put("/r") == "400 mounted volume is marked read-only")
      #expect(try await put("/srv/a") == "400 extraction point is not a directory")
      #expect(try await put("/gone") == "404 Could not find the file /gone in container \(id)")
    }
  }

  @Test("docker diff: added, changed, deleted, and the folders above")
  func changes() throws {
    let files = ContainersFakeFiles()
    for root in ["/upper", "/lower"] {
      files.put("\(root)/etc/same", "1")
      files.put("\(root)/etc/edit", "1")
      files.put("\(root)/tmp/x", "1")
    }
    files.put("/lower/var/gone", "1")
    files.put("/upper/var", .directory)
    files.put("/upper/etc/edit", "2")
    files.put("/upper/new/deep", "1")
    let changes = TreeComparison(files: files, upper: "/upper", lower: "/lower").changes
    #expect(
      changes.map { "\("CAD".dropFirst($0.kind).first!) \($0.path)" } == [
        "C /etc", "C /etc/edit", "A /new", "A /new/deep", "C /var", "D /var/gone",
      ])
  }

  @Test("docker commit: the handoffs of the capture, and an image on top of the container's")
  func commit() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.put(diff: TarWriter.archive([ArchiveEntry(path: "built", content: Array("x".utf8))]))
    fixture.containerd.script(ContainersFixture.server)
    let id = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Labels": ["a": "b"]])
      try await fixture.start(id)
      fixture.containerd.clear()
      let json = try await fixture.json(
        "POST /commit", "",
        query: [
          ("container", "web"), ("repo", "me/app"), ("tag", "1"), ("author", "me"), ("comment", "done"),
          ("changes", "CMD [\"run\"]"),
        ])
      return json["Id"]?.string ?? ""
    }
    let changing = fixture.containerd.operations.filter {
      !["Content/Info", "Content/Read", "Snapshots/Stat", "Snapshots/Mounts", "Images/Get"].contains($0)
    }
    #expect(
      changing == [
        "Tasks/Pause", "Leases/Create", "Snapshots/View", "Diff/Diff", "Snapshots/Remove", "Snapshots/Prepare",
        "Diff/Apply", "Snapshots/Commit", "Content/Write", "Content/Write", "Images/Create", "Leases/Delete",
        "Images/Create", "Images/Delete", "Tasks/Resume",
      ])
    let record = try #require(fixture.containerd.images["docker.io/me/app:1"])
    #expect(record.target.digest.description == id)
    let manifest = try JSON(parsing: fixture.containerd.blob(record.target.digest) ?? []).decode(ImageManifest.self)
    #expect(manifest.layers.count == 2)
    let config = try JSON(parsing: fixture.containerd.blob(manifest.config.digest) ?? []).decode(ImageConfig.self)
    #expect(config.rootfs.diffIDs.count == 2 && config.author == "me")
    #expect(config.config?.cmd == ["run"] && config.config?.labels == ["a": "b"])
    #expect(config.history?.last?.comment == "done" && config.history?.last?.createdBy == "sleep 300")
    #expect(fixture.events.actions.suffix(3) == ["pause", "unpause", "commit"])
  }

  @Test("events: those since, those to come, until, and filters")
  func events() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script { _ in 0 }
    let start = ContainersTestWorld.epoch / 1_000_000_000
    let (past, live) = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["Labels": ["tier": "x"]])
      try await fixture.world.sleep(1_000_000_000)
      let stream = try await fixture.send(
        "GET /events",
        query: [
          ("until", "\(start + 10)"), ("since", "\(start)"),
          ("filters", #"{"event":["start","die"],"container":["web"]}"#),
        ])
      try await fixture.start(id)
      _ = try await fixture.create("other")
      guard case .stream(let channel) = stream.body else { throw ContainersTestWorld.Stuck() }
      let live = String(decoding: await channel.readAll(), as: UTF8.self)
      let past = try await fixture.text(
        "GET /events", "",
        query: [("since", "\(start)"), ("until", "\(start + 2)"), ("filters", #"{"label":["tier=x"]}"#)])
      return (past, live)
    }
    func actions(_ text: String) -> [String] {
      text.split(separator: "\n").compactMap { (try? JSON(parsing: String($0)))?["Action"]?.string }
    }
    #expect(actions(live) == ["start", "die"])
    #expect(actions(past) == ["create", "start", "die"])
    let event = try JSON(parsing: String(past.split(separator: "\n")[0]))
    #expect(event["Actor"]?["Attributes"] == ["image": "alpine", "name": "web", "tier": "x"])
    #expect(event["scope"] == "local" && event["time"]?.int == Int(start))
  }

  @Test("Two streams in one, and back")
  func multiplexing() {
    let framed =
      StreamMultiplexer.frame(.stdout, Array("out".utf8)) + StreamMultiplexer.frame(.stderr, Array("error".utf8))
    #expect(Array(framed.prefix(11)) == [1, 0, 0, 0, 0, 0, 0, 3] + Array("out".utf8))
    #expect(demultiplexed(framed).map(\.text) == ["out", "error"])
  }

  @Test("Detach keys: over chunks, begun and not ended, and as they are written")
  func detachKeys() throws {
    var keys = DetachKeys([])
    #expect(keys.pass([1, 16, 17, 5]) == (output: [1], isDetached: true))
    var split = DetachKeys([16, 17])
    #expect(split.pass([16]) == (output: [], isDetached: false))
    #expect(split.pass([16]) == (output: [16], isDetached: false))
    #expect(split.pass([65]) == (output: [16, 65], isDetached: false))
    #expect(split.pass([16]) == (output: [], isDetached: false))
    #expect(split.pass([17]) == (output: [], isDetached: true))
    #expect(DetachKeys.parse("ctrl-p,ctrl-q") == [16, 17])
    #expect(DetachKeys.parse("a,ctrl-[,ctrl-@") == [97, 27, 0])
    #expect(DetachKeys.parse("ctrl-") == nil && DetachKeys.parse("hello") == nil)
  }

  @Test("update: limits reach the runtime, contradictions do not")
  func update() throws {
    let fixture = try ContainersFixture()
    fixture.containerd.script(ContainersFixture.server)
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web", host: ["Memory": 67_108_864, "NanoCpus": 1_000_000_000])
      try await fixture.start(id)
      func update(_ body: JSON) async throws -> String {
        try await fixture.outcome("POST /containers/{id}/update", "web", body: body)
      }
      #expect(try await update(["Memory": 33_554_432, "PidsLimit": 10, "CpuShares": 100]) == "200")
      #expect(
        fixture.containerd.payload("Tasks/Update")?["resources"]
          == ["memory": ["limit": 33_554_432], "cpu": ["shares": 100], "pids": ["limit": 10]])
      #expect(try await fixture.inspect(id)["HostConfig"]?["Memory"] == 33_554_432)
      #expect(
        try await update(["Memory": 268_435_456])
          == "409 Cannot update container \(id): Memory limit should be smaller than already set memoryswap limit, update "
          + "the memoryswap at the same time")
      #expect(
        try await update(["CpuQuota": 50_000])
          == "409 Cannot update container \(id): Conflicting options: CPU Quota cannot be updated as NanoCPUs has already "
          + "been set")
      #expect(try await update(["Memory": 1]) == "400 Minimum memory limit allowed is 6MB")
    }
  }
}
