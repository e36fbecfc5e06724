import JSONTree
import Seams
import Testing

@testable import Engine

@Suite struct VolumeTests {
  private func create(_ docker: DockerdFixture, _ body: JSON) async throws -> (status: Int, json: JSON) {
    try await docker.send("POST", "/volumes/create", body: body)
  }

  private func names(_ docker: DockerdFixture, _ filters: String = "") async throws -> [String] {
    let answer = try await docker.send("GET", "/volumes", query: [("filters", filters)])
    return (answer.json["Volumes"]?.array ?? []).compactMap { $0["Name"]?.string }
  }

  private func use(_ docker: DockerdFixture, _ name: String, by container: String, _ options: [String: String] = [:])
    async throws -> VolumeUse
  {
    try await docker.volumes.use(name: name, driver: "", labels: [:], options: options, container: container)
  }

  @Test func aVolumeIsAFolderOfTheDaemon() async throws {
    let docker = try await DockerdFixture()
    let (status, json) = try await create(docker, ["Name": "v1", "Driver": "local"])
    #expect(status == 201)
    #expect(
      json == [
        "CreatedAt": "2026-01-01T00:00:00Z", "Driver": "local", "Labels": .null,
        "Mountpoint": "/var/lib/docker/volumes/v1/_data", "Name": "v1", "Options": .null, "Scope": "local",
      ])
    #expect(docker.files.stat("/var/lib/docker/volumes/v1/_data")?.kind == .directory)
    #expect(try await docker.send("GET", "/volumes/{name}", ["name": "v1"]).json == json)
    // Once more is the same volume.
    docker.world.advance(seconds: 60)
    #expect(try await create(docker, ["Name": "v1"]).json == json)
    let events = docker.daemon.events.subscribe { _ in }.past
    #expect(events.count { $0["Type"] == "volume" && $0["Action"] == "create" } == 1)
  }

  @Test func withoutANameItIsAnonymous() async throws {
    let docker = try await DockerdFixture()
    let (_, json) = try await create(docker, [:])
    #expect(json["Name"]?.string?.count == 64)
    #expect(json["Labels"] == ["com.docker.volume.anonymous": ""])
  }

  static let refusals: [(JSON, Int, String)] = [
    (
      ["Name": "a"], 400,
      "create a: volume name is too short, names should be at least two alphanumeric characters"
    ),
    (
      ["Name": "a b"], 400,
      "create a b: \"a b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
        + "allowed. If you intended to pass a host directory, use absolute path"
    ),
    (
      ["Name": "v1", "Driver": "nfs"], 404,
      "create v1: error looking up volume plugin nfs: plugin \"nfs\" not found"
    ),
    (["Name": "v1", "DriverOpts": ["color": "red"]], 400, "create v1: invalid option: \"color\""),
    (["Name": "v1", "DriverOpts": ["type": "nfs"]], 400, "create v1: missing required option: \"device\""),
    (["Name": "v1", "DriverOpts": ["size": "1G"]], 400, "create v1: quota size requested but no quota support"),
    (
      ["Name": "v1", "DriverOpts": ["type": "cifs", "device": "//host:445/x"]], 400,
      "create v1: port not allowed in CIFS device URL, include 'port' in 'o='"
    ),
  ]

  @Test(arguments: refusals)
  func whatCannotBeIsRefused(_ body: JSON, _ status: Int, _ message: String) async throws {
    let docker = try await DockerdFixture()
    let answer = try await create(docker, body)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
    #expect(try await names(docker) == [])
  }

  @Test func aUsedVolumeStays() async throws {
    let docker = try await DockerdFixture()
    let volume = try await use(docker, "v1", by: "c1")
    #expect(volume.mountpoint == "/var/lib/docker/volumes/v1/_data")
    #expect(volume.isNew)
    #expect(!volume.isAnonymous)
    _ = try await use(docker, "v1", by: "c2")
    _ = try await use(docker, "v1", by: "c2")
    let refused = try await docker.send("DELETE", "/volumes/{name}", ["name": "v1"], query: [("force", "1")])
    #expect(refused.status == 409)
    #expect(refused.json["message"] == "remove v1: volume is in use - [c1, c2]")
    await docker.volumes.release(name: "v1", container: "c1")
    await docker.volumes.release(name: "v1", container: "c2")
    #expect(try await docker.send("DELETE", "/volumes/{name}", ["name": "v1"]).status == 204)
    #expect(docker.files.stat("/var/lib/docker/volumes/v1/_data") == nil)
  }

  @Test func aVolumeWithContentIsNotNew() async throws {
    let docker = try await DockerdFixture()
    _ = try await use(docker, "v1", by: "c1")
    docker.files.put("/var/lib/docker/volumes/v1/_data/file", [1, 2, 3])
    #expect(try await !use(docker, "v1", by: "c2").isNew)
  }

  @Test func whatIsNotThereCannotGoButByForce() async throws {
    let docker = try await DockerdFixture()
    let refused = try await docker.send("DELETE", "/volumes/{name}", ["name": "v9"])
    #expect(refused.status == 404)
    #expect(refused.json["message"] == "get v9: no such volume")
    #expect(try await docker.send("DELETE", "/volumes/{name}", ["name": "v9"], query: [("force", "1")]).status == 204)
    #expect(
      try await docker.send("GET", "/volumes/{name}", ["name": "v9"]).json["message"] == "get v9: no such volume")
  }

  @Test func anonymousVolumesGoWithTheirContainer() async throws {
    let docker = try await DockerdFixture()
    let anonymous = try await use(docker, "", by: "c1")
    #expect(anonymous.isAnonymous)
    _ = try await use(docker, "named", by: "c1")
    for name in [anonymous.name, "named"] {
      await docker.volumes.release(name: name, container: "c1")
      await docker.volumes.removeAnonymous(name: name)
    }
    #expect(try await names(docker) == ["named"])
  }

  @Test func filtersLetThrough() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(docker, ["Name": "data", "Labels": ["tier": "db"]])
    _ = try await create(docker, ["Name": "logs"])
    _ = try await use(docker, "logs", by: "c1")
    #expect(try await names(docker) == ["data", "logs"])
    #expect(try await names(docker, #"{"dangling":["true"]}"#) == ["data"])
    #expect(try await names(docker, #"{"dangling":["false"]}"#) == ["logs"])
    #expect(try await names(docker, #"{"label":["tier=db"]}"#) == ["data"])
    #expect(try await names(docker, #"{"name":["lo"]}"#) == ["logs"])
    #expect(try await names(docker, #"{"driver":["nfs"]}"#) == [])
    let refused = try await docker.send("GET", "/volumes", query: [("filters", #"{"size":["1"]}"#)])
    #expect(refused.json["message"] == "invalid filter 'size'")
  }

  @Test func pruneTakesAnonymousVolumesAndAllOfThemOnRequest() async throws {
    let docker = try await DockerdFixture()
    let anonymous = try await create(docker, [:]).json["Name"]?.string ?? ""
    _ = try await create(docker, ["Name": "data", "Labels": ["keep": "yes"]])
    _ = try await create(docker, ["Name": "temp"])
    _ = try await use(docker, "used", by: "c1")
    docker.files.put("/var/lib/docker/volumes/\(anonymous)/_data/file", [1, 2, 3])
    let first = try await docker.send("POST", "/volumes/prune")
    #expect(first.json == ["VolumesDeleted": [.string(anonymous)], "SpaceReclaimed": 3])
    let second = try await docker.send(
      "POST", "/volumes/prune", query: [("filters", #"{"all":["true"],"label!":["keep"]}"#)])
    #expect(second.json == ["VolumesDeleted": ["temp"], "SpaceReclaimed": 0])
    #expect(try await names(docker) == ["data", "used"])
  }

  @Test func aDeviceIsMountedWhileSomebodyUsesIt() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(
      docker,
      [
        "Name": "share", "DriverOpts": ["type": "nfs", "device": ":/export", "o": "addr=10.0.0.1,rw"],
      ])
    #expect(docker.files.mounts == [:])
    _ = try await use(docker, "share", by: "c1")
    _ = try await use(docker, "share", by: "c2")
    #expect(docker.files.mounts == ["/var/lib/docker/volumes/share/_data": "nfs :/export addr=10.0.0.1,rw"])
    await docker.volumes.release(name: "share", container: "c1")
    #expect(docker.files.mounts.count == 1)
    await docker.volumes.release(name: "share", container: "c2")
    #expect(docker.files.mounts == [:])
  }

  @Test func aDeviceThatCannotBeMountedLeavesNoUser() async throws {
    let docker = try await DockerdFixture()
    docker.files.refuseMounts()
    await #expect(
      throws: EngineError(
        .unknown,
        "error while mounting volume '/var/lib/docker/volumes/share/_data': failed to mount local volume: mount "
          + "//host/x:/var/lib/docker/volumes/share/_data, data: password=********: no such file or directory")
    ) {
      try await use(
        docker, "share", by: "c1", ["type": "cifs", "device": "//host/x", "o": "password=secret"])
    }
    #expect(try await docker.send("DELETE", "/volumes/{name}", ["name": "share"]).status == 204)
  }

  @Test func volumesOutliveTheDaemon() async throws {
    let docker = try await DockerdFixture()
    _ = try await create(docker, ["Name": "data", "Labels": ["tier": "db"]])
    let before = try await docker.send("GET", "/volumes").json
    let next = try await DockerdFixture(store: docker.store)
    #expect(try await next.send("GET", "/volumes").json == before)
  }
}
