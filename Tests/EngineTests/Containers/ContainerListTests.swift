import JSONTree
import Seams
import Testing

@testable import Engine

@Suite("Lists, inspection and what else is shown")
struct ContainerListTests {
  private func fixture() throws -> ContainersFixture {
    let fixture = try ContainersFixture()
    fixture.addImage("nginx", .init(exposedPorts: ["80/tcp"], cmd: ["nginx"], volumes: []))
    fixture.containerd.script { process in
      process.arguments.first == "false" ? 1 : await ContainersFixture.server(process)
    }
    try fixture.world.run { () async throws in
      let web = try await fixture.create(
        "web", ["Image": "nginx", "Labels": ["tier": "front"]],
        host: ["PortBindings": ["80/tcp": [["HostIp": "0.0.0.0", "HostPort": "8080"]]], "Binds": ["data:/data"]])
      try await fixture.start(web)
      try await fixture.world.sleep(1_000_000_000)
      let job = try await fixture.create("job", ["Cmd": ["false", "a b"], "Labels": ["tier": "back"]])
      try await fixture.start(job)
      try await fixture.world.sleep(1_000_000_000)
      _ = try await fixture.create("new-db", host: ["NetworkMode": "back"])
    }
    return fixture
  }

  private func names(_ fixture: ContainersFixture, _ query: [(String, String)]) throws -> [String] {
    try fixture.world.run { () async throws in
      try await fixture.json("GET /containers/json", query: query).array?.compactMap {
        ($0["Names"]?[0]?.string).map { String($0.dropFirst()) }
      } ?? []
    }
  }

  @Test("Running ones, all, the last ones: newest first")
  func list() throws {
    let fixture = try fixture()
    #expect(try names(fixture, []) == ["web"])
    #expect(try names(fixture, [("all", "1")]) == ["new-db", "job", "web"])
    #expect(try names(fixture, [("limit", "2")]) == ["new-db", "job"])
  }

  @Test(
    "Filters",
    arguments: [
      (#"{"status":["exited"]}"#, ["job"]), (#"{"status":{"created":true}}"#, ["new-db"]),
      (#"{"name":["b"]}"#, ["new-db", "job", "web"]), (#"{"name":["^/?web$"]}"#, ["web"]),
      (#"{"label":["tier"]}"#, ["job", "web"]), (#"{"label":["tier=back"]}"#, ["job"]),
      (#"{"exited":["1"]}"#, ["job"]), (#"{"ancestor":["nginx"]}"#, ["web"]), (#"{"volume":["data"]}"#, ["web"]),
      (#"{"volume":["/data"]}"#, ["web"]), (#"{"network":["back"]}"#, ["new-db"]),
      (#"{"network":["bridge"]}"#, ["job", "web"]),
      (#"{"publish":["8080"]}"#, ["web"]), (#"{"expose":["80/tcp"]}"#, ["web"]), (#"{"before":["job"]}"#, ["web"]),
      (#"{"since":["web"]}"#, ["new-db", "job"]), (#"{"health":["none"]}"#, ["new-db", "job", "web"]),
    ])
  func filters(_ filter: String, _ expected: [String]) throws {
    #expect(try names(try fixture(), [("all", "1"), ("filters", filter)]) == expected)
  }

  @Test("Filters that are none")
  func badFilters() throws {
    let fixture = try fixture()
    try fixture.world.run { () async throws in
      func outcome(_ filter: String) async throws -> String {
        try await fixture.outcome("GET /containers/json", query: [("filters", filter)])
      }
      #expect(try await outcome(#"{"colour":["red"]}"#) == "400 invalid filter 'colour'")
      #expect(
        try await outcome(#"{"status":["asleep"]}"#)
          == "400 invalid filter 'status=asleep': invalid value for state (asleep): must be one of created, running, "
          + "paused, restarting, removing, exited, dead")
      #expect(try await outcome(#"{"exited":["x"]}"#).hasPrefix("400 invalid filter 'exited=x'"))
      #expect(try await outcome(#"{"since":["nobody"]}"#) == "404 No such container: nobody")
    }
  }

  @Test("One entry of the list")
  func entry() throws {
    let fixture = try fixture()
    let items = try fixture.world.run { () async throws in
      try await fixture.json("GET /containers/json", query: [("all", "1"), ("size", "1")]).array ?? []
    }
    let web = items[2]
    #expect(web["Image"] == "nginx" && web["State"] == "running" && web["Status"] == "Up 2 seconds")
    #expect(
      web["Ports"] == [["IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"]])
    #expect(web["NetworkSettings"]?["Networks"]?["bridge"]?["IPAddress"] == "172.17.0.2")
    #expect(web["SizeRw"] == 4096 && web["Mounts"]?[0]?["Name"] == "data")
    #expect(items[1]["Command"] == "false 'a b'")
  }

  @Test("An image whose name means something else now is shown by its id")
  func renamedImage() throws {
    let fixture = try fixture()
    let id = try fixture.world.run { try await fixture.inspect("web")["Image"]?.string }
    fixture.addImage("nginx", .init(cmd: ["other"]))
    let shown = try fixture.world.run { try await fixture.json("GET /containers/json")[0]?["Image"]?.string }
    #expect(shown == id && id?.hasPrefix("sha256:") == true)
  }

  @Test("inspect: the members that docker inspect shows, in its order")
  func inspect() throws {
    let fixture = try fixture()
    let json = try fixture.world.run { try await fixture.inspect("web") }
    #expect(
      json.object?.keys == [
        "Id", "Created", "Path", "Args", "State", "Image", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath",
        "Name", "RestartCount", "Driver", "Platform", "MountLabel", "ProcessLabel", "AppArmorProfile", "ExecIDs",
        "HostConfig", "ImageManifestDescriptor", "Mounts", "Config", "NetworkSettings", "Storage",
      ])
    #expect(json["Created"] == "2026-01-01T00:00:00Z" && json["State"]?["FinishedAt"] == "0001-01-01T00:00:00Z")
    #expect(json["NetworkSettings"]?["Ports"]?["80/tcp"]?[0]?["HostPort"] == "8080")
    #expect(
      json["Mounts"]?[0] == [
        "Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data", "Destination": "/data",
        "Driver": "local", "Mode": "z", "RW": true, "Propagation": "",
      ])
  }

  @Test("What is written down is read back the same")
  func persistence() throws {
    let fixture = try ContainersFixture()
    fixture.files.put("/srv/x", .directory)
    let json = try fixture.world.run { () async throws in
      let id = try await fixture.create(
        "all",
        [
          "Hostname": "h", "Domainname": "d", "User": "www", "Env": ["A=1"], "Labels": ["a": "b"], "Tty": true,
          "OpenStdin": true, "StopSignal": "INT", "StopTimeout": 0, "ExposedPorts": ["80/tcp": [:]],
          "Healthcheck": ["Test": ["CMD", "x"], "Interval": 2_000_000],
        ],
        host: [
          "Binds": ["v:/v:ro", "/srv/x:/x"], "Memory": 67_108_864, "MemorySwappiness": .null, "CapAdd": ["NET_ADMIN"],
          "SecurityOpt": ["no-new-privileges"], "Ulimits": [["Name": "nofile", "Soft": 1, "Hard": 2]],
          "Mounts": [["Type": "tmpfs", "Target": "/t", "TmpfsOptions": ["SizeBytes": 1024]]],
          "Tmpfs": ["/r": "size=1k"],
          "RestartPolicy": ["Name": "on-failure", "MaximumRetryCount": 2], "Init": true, "Privileged": false,
          "PortBindings": ["80/tcp": [["HostIp": "", "HostPort": "8080"]]], "Sysctls": ["net.core.somaxconn": "5"],
          "Devices": [["PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"]],
          "ConsoleSize": [10, 20], "LogConfig": ["Type": "local", "Config": ["max-size": "5m"]],
        ])
      return try await fixture.inspect(id)
    }
    let again = try ContainersFixture(store: fixture.store)
    let restored = try again.world.run { try await again.inspect("all") }
    #expect(restored.text == json.text)
  }

  @Test(
    "top: the columns of ps",
    arguments: [
      (
        "", ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
        ["root", "1001", "1", "0", "00:00", "?", "00:00:00", "sleep 300"]
      ),
      ("-o pid,comm", ["PID", "COMMAND"], ["1001", "sleep"]),
      (
        "aux", ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"],
        ["root", "1001", "0.0", "0.0", "0", "0", "?", "Ss", "00:00", "00:00:00", "sleep 300"]
      ),
    ])
  func top(_ arguments: String, _ titles: [String], _ process: [String]) throws {
    let fixture = try fixture()
    fixture.files.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    let json = try fixture.world.run { () async throws in
      try await fixture.json("GET /containers/{id}/top", "web", query: [("ps_args", arguments)])
    }
    #expect(json["Titles"]?.strings == titles)
    #expect(json["Processes"]?[0]?.strings == process)
  }

  @Test("top without a PID, and with what ps does not know")
  func badTop() throws {
    let fixture = try fixture()
    try fixture.world.run { () async throws in
      func outcome(_ arguments: String) async throws -> String {
        try await fixture.outcome("GET /containers/{id}/top", "web", query: [("ps_args", arguments)])
      }
      #expect(try await outcome("-o comm") == "500 Couldn't find PID field in ps output")
      #expect(
        try await outcome("-o pid,nonsense") == "500 ps: error: unknown user-defined format specifier \"nonsense\"")
    }
  }

  @Test("stats: the counters of the cgroup")
  func stats() throws {
    let fixture = try fixture()
    fixture.containerd.put([
      "cpu": ["usage": ["total": 500, "kernel": 200, "user": 300], "throttling": ["periods": 1]],
      "memory": ["usage": ["usage": 1_048_576, "limit": 67_108_864], "raw": ["anon": 1]],
      "pids": ["current": 3, "limit": 100],
    ])
    let (one, idle) = try fixture.world.run { () async throws in
      let one = try await fixture.json(
        "GET /containers/{id}/stats", "web", query: [("stream", "0"), ("one-shot", "1")])
      let idle = try await fixture.json("GET /containers/{id}/stats", "job", query: [("stream", "0")])
      return (one, idle)
    }
    #expect(one["cpu_stats"]?["cpu_usage"]?["total_usage"] == 500 && one["cpu_stats"]?["online_cpus"] == 4)
    #expect(one["memory_stats"]?["usage"] == 1_048_576 && one["memory_stats"]?["limit"] == 67_108_864)
    #expect(one["pids_stats"] == ["current": 3, "limit": 100])
    #expect(idle["read"] == "0001-01-01T00:00:00Z" && idle["pids_stats"] == [:])
  }

  @Test("prune removes what does not run, by label and time")
  func prune() throws {
    let fixture = try fixture()
    try fixture.world.run { () async throws in
      let query = [("filters", #"{"label":["tier=back"]}"#)]
      let first = try await fixture.json("POST /containers/prune", query: query)
      #expect(first["ContainersDeleted"]?.array?.count == 1 && first["SpaceReclaimed"] == 4096)
      let rest = try await fixture.json("POST /containers/prune")
      #expect(rest["ContainersDeleted"]?.array?.count == 1)
    }
    #expect(try names(fixture, [("all", "1")]) == ["web"])
  }
}
