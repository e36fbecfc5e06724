import JSONTree
import OCISpec
import Testing

@Suite("runtime-spec: config.json")
struct RuntimeSpecTests {
  private func config(_ text: String) throws -> RuntimeSpec.Config { try RuntimeSpec.Config(parsing: Array(text.utf8)) }

  private func complaint(_ text: String) -> String? {
    do {
      _ = try config(text)
      return nil
    } catch { return "\(error)" }
  }

  @Test("Every member of config.json is read")
  func everything() throws {
    let config = try config(
      """
      {"ociVersion":"1.3.0","hostname":"h","domainname":"d","annotations":{"a":"b"},
       "root":{"path":"r","readonly":true},
       "process":{"terminal":true,"consoleSize":{"height":10,"width":20},
        "user":{"uid":1,"gid":2,"umask":18,"additionalGids":[3,4]},"args":["a"],"env":["B=1"],"cwd":"/w",
        "capabilities":{"bounding":["CAP_A"],"effective":["CAP_B"],"permitted":["CAP_C"],"inheritable":["CAP_D"],
         "ambient":["CAP_E"]},
        "rlimits":[{"type":"RLIMIT_CORE","soft":1,"hard":18446744073709551615}],"noNewPrivileges":true,
        "apparmorProfile":"p","selinuxLabel":"l","oomScoreAdj":-5,
        "scheduler":{"policy":"SCHED_DEADLINE","nice":1,"priority":2,"flags":["SCHED_FLAG_RECLAIM"],"runtime":3,
         "deadline":4,"period":5},
        "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":4},"execCPUAffinity":{"initial":"0-1","final":"2"}},
       "mounts":[{"destination":"/m","type":"bind","source":"/s","options":["rbind"],
        "uidMappings":[{"containerID":0,"hostID":1,"size":2}],"gidMappings":[{"containerID":3,"hostID":4,"size":5}]}],
       "hooks":{"prestart":[{"path":"/1"}],"createRuntime":[{"path":"/2","args":["x"],"env":["E=1"],"timeout":7}],
        "createContainer":[{"path":"/3"}],"startContainer":[{"path":"/4"}],"poststart":[{"path":"/5"}],
        "poststop":[{"path":"/6"}]},
       "linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[],
        "sysctl":{"net.ipv4.ip_forward":"1"},"cgroupsPath":"/c","rootfsPropagation":"rslave",
        "namespaces":[{"type":"pid"},{"type":"network","path":"/n"}],
        "devices":[{"path":"/dev/x","type":"c","major":1,"minor":2,"fileMode":438,"uid":1,"gid":2}],
        "netDevices":{"eth1":{"name":"eth0"},"eth2":{}},"maskedPaths":["/a"],"readonlyPaths":["/b"],"mountLabel":"ml",
        "intelRdt":{"closID":"x","schemata":["L3"],"l3CacheSchema":"a","memBwSchema":"b","enableMonitoring":true},
        "memoryPolicy":{"mode":"MPOL_BIND","nodes":"0-1","flags":["MPOL_F_STATIC_NODES"]},
        "personality":{"domain":"LINUX32","flags":[]},"timeOffsets":{"monotonic":{"secs":-1,"nanosecs":2}},
        "resources":{"devices":[{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}],
         "memory":{"limit":1,"reservation":2,"swap":-1,"kernel":4,"kernelTCP":5,"swappiness":6,
          "disableOOMKiller":true,"useHierarchy":true,"checkBeforeUpdate":true},
         "cpu":{"shares":1,"quota":2,"burst":3,"period":4,"realtimeRuntime":5,"realtimePeriod":6,"cpus":"0","mems":"1",
          "idle":1},
         "pids":{"limit":9},
         "blockIO":{"weight":10,"leafWeight":11,"weightDevice":[{"major":8,"minor":0,"weight":12,"leafWeight":13}],
          "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}],"throttleWriteBpsDevice":[{"major":8,"minor":0,"rate":2}],
          "throttleReadIOPSDevice":[{"major":8,"minor":0,"rate":3}],"throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":4}]},
         "hugepageLimits":[{"pageSize":"2MB","limit":5}],"network":{"classID":6,"priorities":[{"name":"eth0","priority":7}]},
         "rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000}},"unified":{"memory.high":"8"}},
        "seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86"],
         "flags":["SECCOMP_FILTER_FLAG_LOG"],"listenerPath":"/l","listenerMetadata":"m",
         "syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","errnoRet":38,
          "args":[{"index":0,"value":2114060288,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}},
       "solaris":{"anything":[1,2]},"unheardOf":null}
      """)
    let process = try #require(config.process)
    #expect(process.user == .init(uid: 1, gid: 2, umask: 18, additionalGids: [3, 4]))
    #expect(process.capabilities?.ambient == ["CAP_E"])
    #expect(process.rlimits == [.init(type: "RLIMIT_CORE", soft: 1, hard: .max)])
    #expect(process.scheduler?.period == 5 && process.ioPriority?.priority == 4)
    #expect(process.oomScoreAdj == -5 && process.execCPUAffinity?.final == "2" && process.consoleSize?.width == 20)
    #expect(config.mounts[0].gidMappings == [.init(containerID: 3, hostID: 4, size: 5)])
    #expect(
      RuntimeSpec.HookStage.allCases.map { config.hooks[$0].first?.path } == ["/1", "/2", "/3", "/4", "/5", "/6"])
    #expect(config.hooks.createRuntime[0].timeout == 7)
    let linux = try #require(config.linux)
    #expect(linux.namespaces == [.init(.pid), .init(.network, path: "/n")])
    #expect(linux.isNew(.pid) && !linux.isNew(.network) && linux.namespace(.user) == nil)
    #expect(linux.netDevices == ["eth1": "eth0", "eth2": ""])
    #expect(linux.devices[0].fileMode == 0o666)
    #expect(linux.timeOffsets["monotonic"] == .init(secs: -1, nanosecs: 2))
    #expect(linux.memoryPolicy?.flags == ["MPOL_F_STATIC_NODES"] && linux.personality?.domain == "LINUX32")
    #expect(linux.intelRdt?.enableMonitoring == true)
    let resources = try #require(linux.resources)
    #expect(resources.memory.swap == -1 && resources.cpu.idle == 1 && resources.pids == 9)
    #expect(resources.blockIO.throttleWriteIOPSDevice == [.init(major: 8, minor: 0, rate: 4)])
    #expect(resources.rdma["mlx5_1"]?.hcaObjects == 10_000 && resources.unified == ["memory.high": "8"])
    #expect(linux.seccomp?.syscalls[0].args[0].op == .maskedEqual)
    #expect(linux.seccomp?.syscalls[0].errnoRet == 38)
  }

  @Test(
    "What is wrong is named by its path",
    arguments: [
      (#"{"process":{"user":{"uid":"root"}}}"#, "process.user.uid: expected a number, found a string"),
      (#"{"process":{"user":{"uid":-1}}}"#, "process.user.uid: -1 is out of range (0 to 4294967295)"),
      (#"{"process":{"user":{"uid":1.5}}}"#, "process.user.uid: 1.5 is not a whole number"),
      (#"{"mounts":[{},{},{},{"destination":7}]}"#, "mounts[3].destination: expected a string, found a number"),
      (#"{"process":{"args":["a",1]}}"#, "process.args[1]: expected a string, found a number"),
      (
        #"{"linux":{"namespaces":[{"type":"pid"},{"type":"space"}]}}"#,
        "linux.namespaces[1].type: namespace \"space\" does not exist"
      ),
      (#"{"linux":{"namespaces":[{"path":"/x"}]}}"#, "linux.namespaces[0].type: namespace \"\" does not exist"),
      (
        #"{"linux":{"resources":{"pids":{"limit":true}}}}"#,
        "linux.resources.pids.limit: expected a number, found a boolean"
      ),
      (
        #"{"linux":{"resources":{"rdma":{"x":{}}}}}"#,
        "linux.resources.rdma.x: at least one of hcaHandles and hcaObjects must be specified"
      ),
      (
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_DANCE"}}}"#,
        "linux.seccomp.defaultAction: string SCMP_ACT_DANCE is not a valid action for seccomp"
      ),
      (
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_Z80"]}}}"#,
        "linux.seccomp.architectures[0]: string SCMP_ARCH_Z80 is not a valid arch for seccomp"
      ),
      (
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":1,"op":"IS"}]}]}}}"#,
        "linux.seccomp.syscalls[0].args[0].op: string IS is not a valid operator for seccomp"
      ),
      (
        #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}}}"#,
        "linux.seccomp.syscalls[0].args[0].index: a system call has six arguments, 0 to 5"
      ),
      (#"{"hooks":{"poststop":{"path":"/x"}}}"#, "hooks.poststop: expected an array, found an object"),
      (#"{"annotations":{"a":1}}"#, "annotations.a: expected a string, found a number"),
      (#"[]"#, "expected an object, found an array"), (#"null"#, "config cannot be null"),
      (#"{"a":"#, "invalid JSON at byte 5: unexpected end of text"),
    ])
  func wrongMembers(_ text: String, _ message: String) { #expect(complaint(text) == message) }

  @Test("Null counts as absent, as in Go")
  func nulls() throws {
    let config = try config(
      #"{"ociVersion":"1.0.0","process":null,"mounts":null,"linux":{"seccomp":null,"resources":null}}"#)
    #expect(config.process == nil && config.mounts.isEmpty && config.linux?.seccomp == nil)
  }

  @Test("An empty seccomp profile means no filter")
  func emptySeccomp() throws {
    #expect(try config(#"{"linux":{"seccomp":{}}}"#).linux?.seccomp == nil)
    #expect(try config(#"{"linux":{"seccomp":{"defaultAction":""}}}"#).linux?.seccomp == nil)
    #expect(complaint(#"{"linux":{"seccomp":{"syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG"}]}}}"#) != nil)
  }

  @Test("A document that is too large or too deep is refused before it is believed")
  func limits() {
    let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
    #expect(complaint(#"{"x":\#(deep)}"#)?.contains("nested deeper than 64 levels") == true)
    let large = [UInt8](repeating: 32, count: RuntimeSpec.Limits.size + 1)
    #expect(throws: RuntimeSpec.Invalid.self) { try RuntimeSpec.Config(parsing: large) }
  }

  @Test("A seccomp profile is read once, however many documents carry it")
  func seccompCache() throws {
    var cache = RuntimeSpec.SeccompCache()
    let profile: JSON = [
      "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [["names": ["read"], "action": "SCMP_ACT_ALLOW"]],
    ]
    let encoded = JSON.encoded(EncodedJSON(profile))
    for seccomp in [profile, encoded, encoded, ["defaultAction": "SCMP_ACT_LOG"]] as [JSON] {
      let config = try RuntimeSpec.Config(["linux": ["seccomp": seccomp]], seccomp: &cache)
      #expect(config.linux?.seccomp?.defaultAction == (seccomp["defaultAction"] == "SCMP_ACT_LOG" ? .log : .errno))
      #expect(config.linux?.seccomp?.syscalls.count == (seccomp["defaultAction"] == "SCMP_ACT_LOG" ? 0 : 1))
    }
  }

  @Test("Mount options: flags, propagation, recursive attributes, and data")
  func mountOptions() {
    let options = RuntimeSpec.MountOptions([
      "rbind", "ro", "nosuid", "rw", "rprivate", "slave", "rro", "rnoatime", "rsuid", "ridmap", "size=64k", "mode=755",
      "defaults", "tmpcopyup",
    ])
    #expect(options.flags == [.bind, .rec, .nosuid])
    #expect(options.cleared == .rdonly)
    #expect(options.propagation == [[.private, .rec], .slave])
    #expect(options.recursiveSet == ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOATIME"])
    #expect(options.recursiveClear == ["MOUNT_ATTR__ATIME", "MOUNT_ATTR_NOSUID"])
    #expect(options.data == "size=64k,mode=755")
    #expect(options.tmpcopyup && options.idmap && options.recursiveIDMap)
    #expect(options.flags.names == ["MS_NOSUID", "MS_BIND", "MS_REC"])
    #expect(RuntimeSpec.MountFlags(names: ["MS_RDONLY", "MS_REC", "?"]) == [.rdonly, .rec])
  }

  @Test("State and features as JSON")
  func documents() {
    let state = RuntimeSpec.State(id: "x", status: .created, pid: 7, bundle: "/b", annotations: ["k": "v"])
    #expect(
      state.json.text
        == #"{"ociVersion":"1.3.0","id":"x","status":"created","pid":7,"bundle":"/b","annotations":{"k":"v"}}"#)
    #expect(RuntimeSpec.State(id: "x", status: .stopped, pid: 0, bundle: "/b").json["pid"] == nil)
    let features = RuntimeSpec.Features(capabilities: ["CAP_CHOWN"]).json
    #expect(features["hooks"]?.strings?.count == 6)
    #expect(
      features["linux"]?["namespaces"]?.strings == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"])
    #expect(features["linux"]?["seccomp"]?["actions"]?.strings?.count == 9)
  }

  @Test("A sysctl is written with dots or slashes (sysctl.d(5))")
  func sysctlNames() {
    #expect(RuntimeSpec.dotted(sysctl: "net/ipv4/conf/eno2.100.rp_filter") == "net.ipv4.conf.eno2/100/rp_filter")
    #expect(RuntimeSpec.path(sysctl: "net.ipv4.ip_forward") == "net/ipv4/ip_forward")
    #expect(RuntimeSpec.path(sysctl: "net/ipv4/conf/eno2.100/rp_filter") == "net/ipv4/conf/eno2.100/rp_filter")
  }

  @Test("Ids through mappings")
  func mappings() {
    let map: [RuntimeSpec.IDMapping] = [
      .init(containerID: 0, hostID: 1000, size: 1), .init(containerID: 1, hostID: 100_000, size: 10),
    ]
    #expect(RuntimeSpec.hostID(0, map) == 1000 && RuntimeSpec.hostID(10, map) == 100_009)
    #expect(RuntimeSpec.hostID(11, map) == nil)
    #expect(map[1].description == "1 100000 10")
  }
}
