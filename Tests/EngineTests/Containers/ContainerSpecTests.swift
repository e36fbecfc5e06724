import JSONTree
import Runtime
import Seams
import Testing

@testable import Engine

@Suite("The OCI spec that dockerd hands down")
struct ContainerSpecTests {
  /// Creates and starts a container as the capture's client did; what reached containerd.
  private func spec(_ request: String, configure: (inout DaemonConfiguration) -> Void = { _ in }) throws -> (
    id: String, spec: JSON
  ) {
    let fixture = try ContainersFixture { configuration in
      // The host of the captures mounts cgroup v1.
      configuration.cgroupVersion = 1
      configure(&configuration)
    }
    fixture.addImage(
      "busybox", .init(env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], cmd: ["sh"]))
    fixture.containerd.script(ContainersFixture.server)
    let body = try JSON(parsing: request)
    return try fixture.world.run { () async throws in
      let created = try await fixture.json("POST /containers/create", body: body)
      let id = try #require(created["Id"]?.string)
      #expect(try await fixture.start(id) == "204")
      let payload = try #require(fixture.containerd.payload("Containers/Create"))
      return (id, payload["container"]?["spec"] ?? .null)
    }
  }

  /// A captured spec with the container's id in the place of the captured one.
  private func captured(_ text: String, id: String) throws -> JSON {
    let path = try JSON(parsing: text)["linux"]?["cgroupsPath"]?.string ?? ""
    let old = String(path.dropFirst("/docker/".count))
    return try JSON(
      parsing: text.replacing(old, with: id).replacing(String(old.prefix(12)), with: String(id.prefix(12))))
  }

  /// The same whatever the order of members.
  private func sorted(_ json: JSON) -> JSON {
    switch json {
    case .object(let object):
      .object(JSONObject(object.members.map { .init($0.key, sorted($0.value)) }.sorted { $0.key < $1.key }))
    case .array(let values): .array(values.map(sorted))
    default: json
    }
  }

  /// Members that differ, by path.
  private func differences(_ a: JSON, _ b: JSON, _ path: String = "") -> [String] {
    guard case .object(let left) = a, case .object(let right) = b else {
      return sorted(a) == sorted(b) ? [] : ["\(path): \(a.text.prefix(300)) != \(b.text.prefix(300))"]
    }
    return Set(left.keys + right.keys).sorted().flatMap { key in
      differences(left[key] ?? "absent", right[key] ?? "absent", path + "/" + key)
    }
  }

  @Test("docker run --rm busybox echo hi: the spec is the captured one, member by member, seccomp included")
  func runRM() throws {
    let (id, spec) = try spec(CapturedSpecs.requestRunRM)
    #expect(differences(try JSON(parsing: spec.text), try captured(CapturedSpecs.configRunRM, id: id)) == [])
  }

  @Test("docker run -d -p 8088:80: published ports leave the spec alone")
  func runD() throws {
    let (id, made) = try spec(CapturedSpecs.requestRunD) { $0.hasSeccomp = false }
    #expect(differences(made, try captured(CapturedSpecs.configRunD, id: id)) == [])
  }

  @Test("A step of docker build: the container of RUN has the same spec as any other")
  func build() throws {
    let request: JSON = [
      "Image": "busybox", "Cmd": ["/bin/sh", "-c", "echo built > /built"], "HostConfig": ["NetworkMode": "default"],
    ]
    let (id, made) = try spec(request.text) { $0.hasSeccomp = false }
    #expect(differences(made, try captured(CapturedSpecs.configBuild, id: id)) == [])
  }

  @Test("On cgroup v2 a container has a cgroup namespace, and the OOM killer's switch is gone")
  func cgroupV2() throws {
    let (_, spec) = try spec(CapturedSpecs.requestRunRM) { $0.cgroupVersion = 2 }
    let kinds = (spec["linux"]?["namespaces"]?.array ?? []).compactMap { $0["type"]?.string }
    #expect(kinds == ["mount", "network", "time", "uts", "pid", "ipc", "cgroup"])
    #expect(spec["linux"]?["resources"]?["memory"] == nil)
  }

  // MARK: What flags change

  private func made(_ host: JSONObject, _ config: JSONObject = [:]) throws -> JSON {
    let fixture = try ContainersFixture()
    fixture.files.put("/dev/sda", .device(HostDevice(type: "b", major: 8, minor: 0)))
    fixture.files.put("/dev/fuse", .device(HostDevice(type: "c", major: 10, minor: 229)))
    fixture.files.put("/srv/data/file", "x")
    fixture.files.put("/dev/shm", .directory)
    fixture.containerd.script(ContainersFixture.server)
    return try fixture.world.run { () async throws in
      let id = try await fixture.create("web", config, host: host)
      #expect(try await fixture.start(id) == "204")
      return fixture.containerd.payload("Containers/Create")?["container"]?["spec"] ?? .null
    }
  }

  private func mount(_ spec: JSON, _ destination: String) -> JSON? {
    spec["mounts"]?.array?.first { $0["destination"]?.string == destination }
  }

  @Test("--cap-add and --cap-drop change the three sets, and with them the seccomp profile")
  func capabilities() throws {
    let spec = try made(["CapAdd": ["SYS_ADMIN"], "CapDrop": ["chown", "CAP_MKNOD"]])
    let bounding = spec["process"]?["capabilities"]?["bounding"]?.strings ?? []
    #expect(bounding.contains("CAP_SYS_ADMIN"))
    #expect(!bounding.contains("CAP_CHOWN") && !bounding.contains("CAP_MKNOD"))
    #expect(spec["process"]?["capabilities"]?["effective"]?.strings == bounding)
    let names = (spec["linux"]?["seccomp"]?["syscalls"]?.array ?? []).map { $0["names"]?.strings ?? [] }
    #expect(names.contains { $0.contains("mount") && $0.contains("setns") })
    #expect(!names.contains(["clone3"]))
    let everything = try made(["CapDrop": ["ALL"], "CapAdd": ["NET_BIND_SERVICE"]])
    #expect(everything["process"]?["capabilities"]?["bounding"]?.strings == ["CAP_NET_BIND_SERVICE"])
  }

  @Test("--privileged: all capabilities and devices, no seccomp, nothing masked, /sys writable")
  func privileged() throws {
    let spec = try made(["Privileged": true])
    #expect(spec["process"]?["capabilities"]?["bounding"]?.strings?.count == 41)
    #expect(spec["linux"]?["seccomp"] == nil)
    #expect(spec["linux"]?["maskedPaths"] == nil && spec["linux"]?["readonlyPaths"] == nil)
    #expect(mount(spec, "/sys")?["options"]?.strings == ["nosuid", "noexec", "nodev"])
    #expect(mount(spec, "/sys/fs/cgroup")?["options"]?.strings == ["nosuid", "noexec", "nodev"])
    #expect(spec["linux"]?["resources"]?["devices"]?.array?.last == ["allow": true, "access": "rwm"])
    #expect((spec["linux"]?["devices"]?.array ?? []).compactMap { $0["path"]?.string } == ["/dev/fuse", "/dev/sda"])
  }

  @Test("--device makes the node and allows it in the cgroup")
  func device() throws {
    let spec = try made([
      "Devices": [["PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"]]
    ])
    #expect(
      spec["linux"]?["devices"]?.array == [
        [
          "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o660, "uid": 0, "gid": 0,
        ]
      ])
    #expect(
      spec["linux"]?["resources"]?["devices"]?.array?.last
        == ["allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"])
  }

  @Test("Limits become resources")
  func resources() throws {
    let spec = try made([
      "Memory": 67_108_864, "NanoCpus": 1_500_000_000, "CpuShares": 512, "PidsLimit": 100, "CpusetCpus": "0-1",
      "BlkioDeviceReadBps": [["Path": "/dev/sda", "Rate": 1024]], "BlkioWeight": 300,
    ])
    let resources = spec["linux"]?["resources"]
    #expect(resources?["memory"] == ["limit": 67_108_864, "swap": 134_217_728])
    #expect(resources?["cpu"] == ["shares": 512, "quota": 150_000, "period": 100_000, "cpus": "0-1"])
    #expect(resources?["pids"] == ["limit": 100])
    #expect(
      resources?["blockIO"]
        == ["weight": 300, "throttleReadBpsDevice": [["major": 8, "minor": 0, "rate": 1024]]])
  }

  @Test("Binds, tmpfs and a read-only root")
  func mounts() throws {
    let spec = try made([
      "Binds": ["/srv/data:/data:ro", "/srv/deep:/a/b/c"], "Tmpfs": ["/run": "size=64m,exec"], "ReadonlyRootfs": true,
    ])
    #expect(spec["root"]?["readonly"] == true)
    #expect(
      mount(spec, "/data") == [
        "destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "rro", "rprivate"],
      ])
    #expect(
      mount(spec, "/run") == [
        "destination": "/run", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "nodev", "rprivate", "size=64m", "exec"],
      ])
    // Writable in a read-only container: what the kernel itself serves. dockerd's own files are not.
    #expect(mount(spec, "/etc/hosts")?["options"]?.strings == ["rbind", "rro", "rprivate"])
    let order = (spec["mounts"]?.array ?? []).compactMap { $0["destination"]?.string }
    #expect(order.firstIndex(of: "/data")! < order.firstIndex(of: "/a/b/c")!)
  }

  @Test("--init, --hostname, --user, --workdir, -e and a terminal")
  func process() throws {
    let spec = try made(
      ["Init": true, "GroupAdd": ["web", "99"], "OomScoreAdj": 100, "ConsoleSize": [24, 80]],
      [
        "Hostname": "box", "Domainname": "example.net", "User": "www", "WorkingDir": "/srv//app/", "Tty": true,
        "Env": ["A=1", "PATH=/bin", "HOME"], "Entrypoint": ["/entry"], "Cmd": ["a", "b"],
      ])
    let process = spec["process"]
    #expect(process?["args"]?.strings == ["/sbin/docker-init", "--", "/entry", "a", "b"])
    #expect(process?["user"] == ["uid": 33, "gid": 34, "additionalGids": [34, 40, 40, 99]])
    #expect(process?["env"]?.strings == ["PATH=/bin", "HOSTNAME=box", "TERM=xterm", "A=1"])
    #expect(process?["cwd"] == "/srv/app")
    #expect(process?["terminal"] == true && process?["consoleSize"] == ["height": 24, "width": 80])
    #expect(process?["oomScoreAdj"] == 100)
    #expect(spec["hostname"] == "box" && spec["linux"]?["sysctl"]?["kernel.domainname"] == "example.net")
    #expect(mount(spec, "/sbin/docker-init")?["options"]?.strings == ["bind", "ro"])
  }

  @Test("Namespaces of the host are not made")
  func hostNamespaces() throws {
    let spec = try made(["NetworkMode": "host", "PidMode": "host", "IpcMode": "host", "UTSMode": "host"])
    #expect(
      (spec["linux"]?["namespaces"]?.array ?? []).compactMap { $0["type"]?.string } == ["mount", "time", "cgroup"])
    #expect(spec["hostname"] == nil && spec["linux"]?["sysctl"] == nil)
  }

  @Test("--security-opt: no-new-privileges, unconfined, and a profile of one's own")
  func security() throws {
    let free = try made(["SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]])
    #expect(free["process"]?["noNewPrivileges"] == true)
    #expect(free["linux"]?["seccomp"] == nil)
    let profile: JSON = [
      "defaultAction": "SCMP_ACT_ERRNO",
      "archMap": [["architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]]],
      "syscalls": [
        ["names": ["read"], "action": "SCMP_ACT_ALLOW"],
        ["names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": ["caps": ["CAP_SYS_ADMIN"]]],
        ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": ["caps": ["CAP_SYS_ADMIN"]]],
      ],
    ]
    let own = try made(["SecurityOpt": [.string("seccomp=" + profile.text)]])
    #expect(
      own["linux"]?["seccomp"] == [
        "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
          ["names": ["read"], "action": "SCMP_ACT_ALLOW"],
          ["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38],
        ],
      ])
  }

  @Test("A user who is not in the image cannot be")
  func unknownUser() throws {
    let fixture = try ContainersFixture()
    let (outcome, state) = try fixture.world.run { () async throws in
      let id = try await fixture.create("web", ["User": "nobody-here"])
      return (try await fixture.start(id), try await fixture.inspect(id))
    }
    #expect(outcome == "500 unable to find user nobody-here: no matching entries in passwd file")
    #expect(state["State"]?["ExitCode"] == 128)
  }
}
