import Engine
import JSONTree
import OCISpec
import Seams
import Testing

@Suite("POST /containers/create: what is refused, in Docker's words")
struct ContainerCreateTests {
  private func check(_ expected: String, _ body: JSONObject = [:], host: JSONObject = [:]) throws {
    let fixture = try ContainersFixture()
    let outcome = try fixture.world.run { try await fixture.creation(body, host: host) }
    #expect(outcome == expected)
  }

  @Test("Nothing to create, no image, no command")
  func basics() throws {
    let fixture = try ContainersFixture()
    fixture.addImage("scratch", .init())
    try fixture.world.run { () async throws in
      #expect(
        try await fixture.outcome("POST /containers/create")
          == "400 config cannot be empty in order to create a container")
      #expect(try await fixture.creation(image: "nginx") == "404 No such image: nginx:latest")
      #expect(try await fixture.creation(["Cmd": .null], image: "scratch") == "400 no command specified")
      #expect(
        try await fixture.creation(["Entrypoint": [""], "Cmd": []], image: "scratch") == "400 no command specified")
    }
  }

  @Test("A name in use, and names that are none")
  func names() throws {
    let fixture = try ContainersFixture()
    try fixture.world.run { () async throws in
      let id = try await fixture.create("web")
      #expect(
        try await fixture.creation()
          == "409 Conflict. The container name \"/web\" is already in use by container \"\(id)\". You have to remove (or "
          + "rename) that container to be able to reuse that name.")
      for name in ["-web", "a", "we b", "web/x"] {
        #expect(
          try await fixture.creation(name: name)
            == "400 Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
      }
      // A refused creation leaves the name free and nothing behind.
      #expect(try await fixture.creation(host: ["Memory": 1], name: "db").hasPrefix("400"))
      #expect(try await fixture.creation(name: "db") == "201")
      // Without a name Docker makes one up.
      let made = try await fixture.inspect(try await fixture.create(""))["Name"]?.string ?? ""
      #expect(made.contains("_") && made.hasPrefix("/"))
    }
  }

  @Test("JSON of the wrong kind, in Go's words")
  func json() throws {
    try check(
      "400 invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64",
      host: ["Memory": "6m"])
    try check(
      "400 invalid JSON: json: cannot unmarshal object into Go struct field CreateRequest.Env of type []string",
      ["Env": ["A": "1"]])
  }

  @Test(
    "Memory",
    arguments: [
      (["Memory": 4_194_304], "400 Minimum memory limit allowed is 6MB"),
      (
        ["Memory": 67_108_864, "MemorySwap": 6_291_456],
        "400 Minimum memoryswap limit should be larger than memory limit, see usage"
      ),
      (
        ["MemorySwap": 67_108_864], "400 You should always set the Memory limit when using Memoryswap limit, see usage"
      ),
      (["MemoryReservation": 1], "400 Minimum memory reservation allowed is 6MB"),
      (
        ["Memory": 67_108_864, "MemoryReservation": 134_217_728],
        "400 Minimum memory limit can not be less than memory reservation limit, see usage"
      ),
      (["ShmSize": -1], "400 SHM size can not be less than 0"),
      (["OomScoreAdj": 2000], "400 Invalid value 2000, range for oom score adj is [-1000, 1000]"),
      (["Memory": 6_291_456, "MemorySwap": -1], "201"),
    ] as [(JSONObject, String)])
  func memory(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test(
    "CPUs",
    arguments: [
      (
        ["NanoCpus": 5_000_000_000], "400 range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"
      ),
      (
        ["NanoCpus": 1_000_000_000, "CpuPeriod": 10_000],
        "400 Conflicting options: Nano CPUs and CPU Period cannot both be set"
      ),
      (
        ["NanoCpus": 1_000_000_000, "CpuQuota": 10_000],
        "400 Conflicting options: Nano CPUs and CPU Quota cannot both be set"
      ),
      (
        ["CpuPeriod": 100],
        "400 CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
      ),
      (["CpuQuota": 100], "400 CPU cfs quota can not be less than 1ms (i.e. 1000)"),
      (["CpuShares": -1], "400 invalid CPU shares (-1): value must be a positive integer"),
      (["CpusetCpus": "0,7"], "400 Requested CPUs are not available - requested 0,7, available: 0-3"),
      (["CpusetCpus": "a"], "400 Invalid value a for cpuset cpus: invalid format: a"),
      (["CpusetMems": "1"], "400 Requested memory nodes are not available - requested 1, available: 0"),
      (["BlkioWeight": 5], "400 Range of blkio weight is from 10 to 1000"),
      (["CpuRealtimePeriod": 1000], "400 kernel does not support CPU real-time scheduler"),
    ] as [(JSONObject, String)])
  func cpus(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test(
    "Restart policies",
    arguments: [
      (
        ["AutoRemove": true, "RestartPolicy": ["Name": "always"]],
        "400 can't create 'AutoRemove' container with restart policy"
      ),
      (
        ["RestartPolicy": ["Name": "always", "MaximumRetryCount": 3]],
        "400 invalid restart policy: maximum retry count can only be used with 'on-failure'"
      ),
      (
        ["RestartPolicy": ["Name": "on-failure", "MaximumRetryCount": -1]],
        "400 invalid restart policy: maximum retry count cannot be negative"
      ),
      (
        ["RestartPolicy": ["Name": "sometimes"]],
        "400 invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or "
          + "'unless-stopped'"
      ),
      (["AutoRemove": true, "RestartPolicy": ["Name": "no"]], "201"),
    ] as [(JSONObject, String)])
  func restartPolicies(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test(
    "Networks that contradict other options",
    arguments: [
      (["NetworkMode": "container:"], "400 invalid network mode: invalid container format container:<name|id>"),
      (["NetworkMode": "container:x", "Dns": ["1.1.1.1"]], "400 conflicting options: dns and the network mode"),
      (
        ["NetworkMode": "container:x", "ExtraHosts": ["a:1.1.1.1"]],
        "400 conflicting options: custom host-to-IP mapping and the network mode"
      ),
      (
        ["NetworkMode": "container:x", "PublishAllPorts": true],
        "400 conflicting options: port publishing and the container type network mode"
      ),
      (
        ["NetworkMode": "container:x", "Links": ["db"]],
        "400 conflicting options: container type network can't be used with links. This would result in undefined behavior"
      ),
      (
        ["NetworkMode": "host", "Links": ["db"]],
        "400 conflicting options: host type networking can't be used with links. This would result in undefined behavior"
      ),
      (["ExtraHosts": ["db"]], "400 bad format for add-host: \"db\""),
      (["ExtraHosts": ["db:1.2.3"]], "400 invalid IP address in add-host: \"1.2.3\""),
      (["PortBindings": ["80/http": []]], "400 invalid port specification: \"80/http\""),
      (["PortBindings": ["0/tcp": []]], "400 invalid port specification: \"0/tcp\""),
      (["PortBindings": ["80/tcp": [["HostPort": "99999"]]]], "400 invalid port specification: \"99999\""),
      (["PortBindings": ["80/tcp": [["HostPort": "8000-8010"]]]], "201"),
      (["Links": ["nobody:db"]], "400 could not get container for nobody: No such container: nobody"),
    ] as [(JSONObject, String)])
  func networks(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test("Hostnames with shared namespaces")
  func hostnames() throws {
    try check(
      "400 conflicting options: hostname and the network mode", ["Hostname": "a"], host: ["NetworkMode": "container:x"])
    try check("400 conflicting options: hostname and the UTS mode", ["Hostname": "a"], host: ["UTSMode": "host"])
    let long = String(repeating: "h", count: 65)
    try check("400 hostname \"\(long)\" is too long (maximum 64 bytes)", ["Hostname": .string(long)])
    let exposed =
      "400 conflicting options: port exposing and the container type network mode"
    try check(exposed, ["ExposedPorts": ["80/tcp": [:]]], host: ["NetworkMode": "container:x"])
  }

  @Test(
    "Volumes and mounts",
    arguments: [
      (["Binds": ["/a:/b:rw:x"]], "400 invalid volume specification: '/a:/b:rw:x'"),
      (
        ["Binds": ["/a:b"]],
        "400 invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid "
          + "mount path: 'b' mount path must be absolute"
      ),
      (
        ["Binds": ["/a:/"]],
        "400 invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid "
          + "specification: destination can't be '/'"
      ),
      (["Binds": ["/a:/b:fast"]], "400 invalid mode: fast"),
      (["Binds": ["/a:/c", "/b:/c"]], "400 Duplicate mount point: /c"),
      (
        ["Mounts": [["Type": "bind", "Source": "/missing", "Target": "/x"]]],
        "400 invalid mount config for type \"bind\": bind source path does not exist: /missing"
      ),
      (
        ["Mounts": [["Type": "bind", "Target": "/x"]]],
        "400 invalid mount config for type \"bind\": field Source must not be empty"
      ),
      (
        ["Mounts": [["Type": "volume", "Source": "v"]]],
        "400 invalid mount config for type \"volume\": field Target must not be empty"
      ),
      (
        ["Mounts": [["Type": "tmpfs", "Source": "x", "Target": "/x"]]],
        "400 invalid mount config for type \"tmpfs\": field Source must not be specified"
      ),
      (
        ["Mounts": [["Type": "disk", "Target": "/x"]]], "400 invalid mount config for type \"disk\": mount type unknown"
      ),
      (
        ["Mounts": [["Type": "bind", "Source": "/etc", "Target": "/x", "TmpfsOptions": ["SizeBytes": 1]]]],
        "400 TmpfsOptions must not be specified on mount type \"bind\""
      ),
      (["Tmpfs": ["run": ""]], "400 invalid mount path: 'run' mount path must be absolute"),
      (["VolumesFrom": ["nobody"]], "400 No such container: nobody"),
    ] as [(JSONObject, String)])
  func mounts(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test(
    "Security, namespaces, runtime, logging",
    arguments: [
      (["CapAdd": ["FLY"]], "400 invalid CapAdd: unknown capability: \"CAP_FLY\""),
      (["CapDrop": ["cap_swim"]], "400 invalid CapDrop: unknown capability: \"CAP_SWIM\""),
      (["SecurityOpt": ["nonsense"]], "500 invalid --security-opt 1: \"nonsense\""),
      (["SecurityOpt": ["a=b"]], "500 invalid --security-opt 2: \"a=b\""),
      (["IpcMode": "mine"], "400 invalid IPC mode: mine"),
      (["PidMode": "container:"], "400 invalid PID mode: container:"),
      (["UTSMode": "mine"], "400 invalid UTS mode: mine"),
      (["CgroupnsMode": "mine"], "400 invalid cgroup namespace mode: mine"),
      (["Runtime": "kata"], "400 unknown or invalid runtime name: kata"),
      (["LogConfig": ["Type": "paper"]], "400 logger: no log driver named 'paper' is registered"),
      (
        ["LogConfig": ["Type": "json-file", "Config": ["speed": "1"]]],
        "400 unknown log opt 'speed' for json-file log driver"
      ),
      (["LogConfig": ["Config": ["mode": "fast"]]], "400 logger: logging mode not supported: fast"),
    ] as [(JSONObject, String)])
  func security(_ host: JSONObject, _ expected: String) throws { try check(expected, host: host) }

  @Test("Environment, working directory, stop signal, health check")
  func config() throws {
    try check("400 invalid environment variable: =x", ["Env": ["A=1", "=x"]])
    try check(
      "400 the working directory 'srv' is invalid, it needs to be an absolute path", ["WorkingDir": "srv"])
    try check("400 invalid signal: SIGNONE", ["StopSignal": "SIGNONE"])
    try check(
      "400 Interval in Healthcheck cannot be less than 1ms", ["Healthcheck": ["Test": ["CMD", "x"], "Interval": 30]])
    try check("400 Retries in Healthcheck cannot be negative", ["Healthcheck": ["Test": ["CMD", "x"], "Retries": -1]])
  }

  @Test("Endpoint settings that the default bridge does not have")
  func endpoints() throws {
    let fixture = try ContainersFixture()
    let outcome = try fixture.world.run { () async throws in
      try await fixture.creation([
        "NetworkingConfig": [
          "EndpointsConfig": ["default": ["Aliases": ["a"], "IPAMConfig": ["IPv4Address": "172.17.0.9"]]]
        ]
      ])
    }
    #expect(
      outcome
        == "400 invalid config for network bridge: invalid endpoint settings:\nuser-specified IP address is supported on "
        + "user-defined networks only\nnetwork-scoped aliases are only supported for user-defined networks")
  }

  @Test("Warnings: another platform, what the kernel has not, ports without a host")
  func warnings() throws {
    let fixture = try ContainersFixture()
    fixture.addImage("arm", .init(cmd: ["x"]), platform: Platform(architecture: "arm64"))
    let warnings = try fixture.world.run { () async throws in
      let body: JSON = [
        "Image": "arm",
        "HostConfig": [
          "NetworkMode": "host", "OomKillDisable": true, "MemorySwappiness": 10,
          "PortBindings": ["80/tcp": [["HostPort": "80"]]],
        ],
      ]
      return try await fixture.json("POST /containers/create", body: body)["Warnings"]?.strings ?? []
    }
    #expect(
      warnings == [
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness "
          + "discarded.",
        "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
        "Published ports are discarded when using host network mode",
        "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64) and no "
          + "specific platform was requested",
      ])
  }

  @Test("What the image says and what the user says are merged")
  func merge() throws {
    let fixture = try ContainersFixture()
    fixture.addImage(
      "app",
      .init(
        user: "www", exposedPorts: ["80/tcp"], env: ["PATH=/app", "MODE=prod"], entrypoint: ["/entry"], cmd: ["serve"],
        workingDir: "/app", labels: ["a": "image", "b": "image"], stopSignal: "SIGINT",
        healthcheck: .init(test: ["CMD", "check"], interval: 5_000_000_000)))
    let (plain, own, override) = try fixture.world.run { () async throws in
      let plain = try await fixture.inspect(try await fixture.create("plain", ["Image": "app", "Cmd": .null]))
      let own = try await fixture.inspect(
        try await fixture.create(
          "own",
          [
            "Image": "app", "Cmd": ["test"], "Env": ["MODE=dev", "X=1"], "Labels": ["b": "user"],
            "ExposedPorts": ["443/tcp": [:]], "Healthcheck": ["Retries": 2],
          ]))
      let override = try await fixture.inspect(
        try await fixture.create("override", ["Image": "app", "Entrypoint": ["/sh"], "Cmd": .null]))
      return (plain, own, override)
    }
    #expect(plain["Path"] == "/entry" && plain["Args"]?.strings == ["serve"])
    #expect(plain["Config"]?["User"] == "www" && plain["Config"]?["WorkingDir"] == "/app")
    #expect(plain["Config"]?["StopSignal"] == "SIGINT")
    #expect(own["Args"]?.strings == ["test"])
    #expect(own["Config"]?["Env"]?.strings == ["MODE=dev", "X=1", "PATH=/app"])
    #expect(own["Config"]?["Labels"] == ["a": "image", "b": "user"])
    #expect(own["Config"]?["ExposedPorts"] == ["443/tcp": [:], "80/tcp": [:]])
    #expect(
      own["Config"]?["Healthcheck"] == ["Test": ["CMD", "check"], "Interval": 5_000_000_000, "Retries": 2])
    // An entrypoint of one's own drops the image's command.
    #expect(override["Path"] == "/sh" && override["Args"]?.strings == [])
  }

  @Test("Defaults that depend on the daemon")
  func defaults() throws {
    let fixture = try ContainersFixture()
    let host = try fixture.world.run { () async throws in
      try await fixture.inspect(try await fixture.create(host: ["Memory": 67_108_864]))["HostConfig"]
    }
    #expect(host?["MemorySwap"] == 134_217_728)
    #expect(host?["ShmSize"] == 67_108_864 && host?["IpcMode"] == "private" && host?["CgroupnsMode"] == "private")
    #expect(host?["NetworkMode"] == "bridge" && host?["Runtime"] == "runc")
    #expect(host?["RestartPolicy"] == ["Name": "no", "MaximumRetryCount": 0])
    #expect(host?["LogConfig"] == ["Type": "json-file", "Config": [:]])
  }
}
