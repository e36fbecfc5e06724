import JSONTree
import OCISpec
import Testing

@Suite("runtime-spec: what a configuration must not say")
struct RuntimeSpecValidationTests {
  /// A valid configuration, changed.
  private func complaint(
    _ around: RuntimeSpec.Surroundings = .init(), _ change: (inout RuntimeSpec.Config) -> Void
  ) -> String? {
    var linux = RuntimeSpec.Linux()
    linux.namespaces = [.init(.pid), .init(.mount), .init(.uts), .init(.ipc), .init(.network)]
    var config = RuntimeSpec.Config(
      process: .init(args: ["true"]), root: .init(path: "rootfs"), linux: linux)
    change(&config)
    do {
      try config.validate(around)
      return nil
    } catch { return "\(error)" }
  }
  private func process(_ change: (inout RuntimeSpec.Process) -> Void) -> String? {
    complaint {
      var process = $0.process ?? .init(args: [])
      change(&process)
      $0.process = process
    }
  }
  private func linux(_ around: RuntimeSpec.Surroundings = .init(), _ change: (inout RuntimeSpec.Linux) -> Void)
    -> String?
  {
    complaint(around) {
      var linux = $0.linux ?? .init()
      change(&linux)
      $0.linux = linux
    }
  }
  private func mount(_ mount: RuntimeSpec.Mount, _ around: RuntimeSpec.Surroundings = .init()) -> String? {
    complaint(around) { $0.mounts = [mount] }
  }

  @Test("The small configuration is valid")
  func valid() { #expect(complaint { _ in } == nil) }

  @Test("Process, in runc's words")
  func processRules() {
    #expect(complaint { $0.process = nil } == "process property must not be empty")
    #expect(process { $0.cwd = "" } == "Cwd property must not be empty")
    #expect(process { $0.cwd = "work" } == "Cwd must be an absolute path")
    #expect(process { $0.args = [] } == "args must not be empty")
    #expect(
      process { $0.selinuxLabel = "x" }
        == "selinux label is specified in config, but selinux is disabled or not supported")
    #expect(process { $0.rlimits = [.init(type: "RLIMIT_X", soft: 1, hard: 1)] } == "wrong rlimit value: RLIMIT_X")
    let limit = RuntimeSpec.Rlimit(type: "RLIMIT_CORE", soft: 1, hard: 1)
    #expect(process { $0.rlimits = [limit, limit] } == "duplicated rlimit RLIMIT_CORE")
    #expect(process { $0.args = ["a\0b"] } == "process.args[0]: invalid argument: contains nul byte (\\x00)")
    #expect(process { $0.scheduler = .init(policy: "") } == "scheduler policy is required")
    #expect(
      process { $0.scheduler = .init(policy: "SCHED_OTHER", nice: 20) }
        == "invalid scheduler.nice: 20 when scheduler.policy is SCHED_OTHER")
    #expect(
      process { $0.scheduler = .init(policy: "SCHED_OTHER", priority: 1) }
        == "scheduler.priority can only be specified for SchedFIFO or SchedRR policy")
    #expect(
      process { $0.scheduler = .init(policy: "SCHED_RR", runtime: 1) }
        == "scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
    #expect(process { $0.ioPriority = .init(type: "IOPRIO_CLASS_RT", priority: 8) } == "invalid ioPriority.Priority: 8")
    #expect(process { $0.ioPriority = .init(type: "X", priority: 0) } == "invalid ioPriority.Class: \"X\"")
    #expect(
      process { $0.execCPUAffinity = .init(initial: "3-1") } == "bad CPUAffinity.initial: invalid CPU list 3-1")
  }

  @Test("The id that means no change is nobody's")
  func ids() {
    #expect(process { $0.user.uid = .max } == "process.user.uid: 4294967295 is nobody's id")
    #expect(process { $0.user.gid = .max } == "process.user.gid: 4294967295 is nobody's id")
    #expect(process { $0.user.uid = .max - 1 } == nil)
  }

  @Test("The environment, and bytes that no string of the kernel's can hold")
  func strings() {
    #expect(process { $0.env = ["A=1", "B=", "C==x"] } == nil)
    #expect(process { $0.env = ["A"] } == "invalid environment variable: missing '='")
    #expect(process { $0.env = ["=1"] } == "invalid environment variable: name cannot be empty")
    #expect(process { $0.env = ["A=x\0y"] } == "invalid environment variable \"A\": contains nul byte (\\x00)")
    let nul = "invalid argument: contains nul byte (\\x00)"
    #expect(process { $0.cwd = "/a\0b" } == "process: " + nul)
    #expect(complaint { $0.hostname = "a\0" } == "hostname: " + nul)
    #expect(complaint { $0.root = .init(path: "a\0") } == "root.path: " + nul)
    #expect(
      complaint { $0.hooks.poststop = [.init(path: "/h", args: ["h", "\0"])] } == "hooks.poststop[0]: " + nul)
    #expect(linux { $0.devices = [.init(path: "/dev/a\0", type: "p")] } == "linux.devices[0].path: " + nul)
    #expect(linux { $0.namespaces[0].path = "/n\0" } == "linux.namespaces[0].path: " + nul)
    #expect(mount(.init(destination: "/a", type: "tmpfs", options: ["size=1\0"]))?.contains("null byte") == true)
  }

  @Test("Every mount option that features lists is understood, and is not taken for the file system's")
  func mountOptions() {
    let names = RuntimeSpec.MountOptions.knownNames
    #expect(names.count == 60 && names == Array(Set(names)).sorted())
    for name in names { #expect(RuntimeSpec.MountOptions([name]).data.isEmpty, "\(name)") }
    #expect(RuntimeSpec.MountOptions(["size=1m", "ro", "newinstance"]).data == "size=1m,newinstance")
    #expect(RuntimeSpec.MountOptions(["noexec", "exec", "rnosymfollow"]).cleared == .noexec)
  }

  @Test("seccomp: what cannot be asked of it")
  func seccomp() {
    typealias Profile = RuntimeSpec.Seccomp
    func complaint(_ profile: Profile) -> String? { linux { $0.seccomp = profile } }
    #expect(complaint(Profile(defaultAction: .errno, defaultErrnoRet: 38)) == nil)
    #expect(
      complaint(Profile(defaultAction: .allow, defaultErrnoRet: 38))
        == "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW does not return an errno")
    #expect(
      complaint(Profile(defaultAction: .allow, syscalls: [.init(names: ["a"], action: .killProcess, errnoRet: 1)]))
        == "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL_PROCESS does not return an errno")
    #expect(
      complaint(Profile(defaultAction: .allow, syscalls: [.init(names: ["a"], action: .trace, errnoRet: 1)])) == nil)
    #expect(complaint(Profile(defaultAction: .notify)) == "SCMP_ACT_NOTIFY cannot be used as default action")
    #expect(
      complaint(
        Profile(
          defaultAction: .allow, listenerPath: "/s", syscalls: [.init(names: ["read", "write"], action: .notify)]))
        == "SCMP_ACT_NOTIFY cannot be used for the write syscall")
    #expect(
      complaint(Profile(defaultAction: .allow, listenerMetadata: "m"))
        == "linux.seccomp.listenerMetadata: must not be set without listenerPath")
  }

  @Test(
    "ociVersion is a version",
    arguments: [
      ("1.0.0", true), ("1.3.0+dev", true), ("1.0.0-rc.1+a-b.7", true), ("1.0", false), ("1", false), ("v1.0.0", false),
      ("1.0.x", false), ("1.00.0", false), ("1.0.0-", false), ("1.0.0-a..b", false), ("1.0.0.0", false),
    ])
  func versions(_ text: String, _ isVersion: Bool) {
    let found = complaint { $0.ociVersion = text }
    #expect(isVersion ? found == nil : found?.hasSuffix("is not in SemVer v2.0.0 format") == true)
  }

  @Test("Root, version, hooks, annotations")
  func topRules() {
    #expect(complaint { $0.root = nil } == "root must be specified")
    #expect(complaint { $0.ociVersion = "" } == "ociVersion: must be specified")
    #expect(complaint { $0.ociVersion = "2.0.0" }?.contains("is not supported") == true)
    #expect(complaint { $0.ociVersion = "1.0.2-dev" } == nil)
    #expect(complaint { $0.annotations = ["": "x"] } == "annotations: keys must not be an empty string")
    #expect(
      complaint { $0.hooks.poststop = [.init(path: "bin/x")] }
        == "hooks.poststop[0].path: must be an absolute path, not \"bin/x\"")
    #expect(
      complaint { $0.hooks.prestart = [.init(path: "/x", timeout: 0)] }
        == "hooks.prestart[0].timeout: must be greater than zero")
    #expect(
      complaint {
        $0.linux?.namespaces = []; $0.hostname = "h"
      } == "unable to set hostname without a private UTS namespace")
    #expect(
      complaint {
        $0.linux?.namespaces = []; $0.domainname = "h"
      } == "unable to set domainname without a private UTS namespace")
  }

  @Test("Mounts")
  func mountRules() {
    #expect(mount(.init(destination: "")) == "mounts[0].destination: must be specified")
    #expect(
      mount(.init(destination: "/a", source: "/b", options: ["bind", "size=1"]))
        == "invalid mount /a: bind mounts cannot have any filesystem-specific options applied")
    #expect(mount(.init(destination: "/a\0b")) == "invalid mount /a\0b: mount field contains null byte")
    #expect(
      mount(.init(destination: "/a", type: "tmpfs", uidMappings: [.init(containerID: 0, hostID: 0, size: 1)]))
        == "invalid mount /a: id-mapped mounts are only supported for bind-mounts")
    #expect(
      mount(.init(destination: "/a", source: "/b", options: ["bind", "idmap"]))
        == "invalid mount /a: id-mapped mounts must have both uid and gid mappings specified")
    #expect(
      mount(.init(destination: "/a", type: "bind", source: "/b", options: ["tmpcopyup", "bind"]))
        == "invalid mount /a: tmpcopyup can be used only with tmpfs")
  }

  @Test("Namespaces and what needs them")
  func namespaceRules() {
    #expect(linux { $0.namespaces.append(.init(.pid)) } == "malformed spec file: duplicated ns \"pid\"")
    #expect(
      linux { $0.namespaces = [.init(.pid, path: "proc")] }
        == "linux.namespaces[0].path: must be an absolute path, not \"proc\"")
    #expect(
      linux { $0.namespaces.append(.init(.user)) }
        == "user namespaces enabled, but no namespace path to join nor mappings to apply specified")
    #expect(
      linux { $0.uidMappings = [.init(containerID: 0, hostID: 0, size: 1)] }
        == "user namespace mappings specified, but user namespace isn't enabled in the config")
    #expect(
      linux { $0.timeOffsets = ["monotonic": .init()] }
        == "time namespace offsets specified, but time namespace isn't enabled in the config")
    #expect(
      linux {
        $0.timeOffsets = ["monotonic": .init()]
        $0.namespaces.append(.init(.time, path: "/x"))
      } == "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one")
    #expect(
      linux {
        $0.namespaces = []
        $0.maskedPaths = ["/proc/kcore"]
      } == "unable to restrict sys entries without a private MNT namespace")
    #expect(
      linux {
        $0.namespaces = []
        $0.netDevices = ["eth0": ""]
      } == "unable to move network devices without a NET namespace")
    #expect(linux { $0.netDevices = ["a/b": ""] } == "invalid network device name \"a/b\"")
  }

  @Test("A sysctl must belong to one of the container's own namespaces")
  func sysctls() {
    #expect(
      linux { $0.sysctl = ["kernel.shmmax": "1", "net.ipv4.ip_forward": "1", "fs.mqueue.queues_max": "1"] } == nil)
    #expect(linux { $0.sysctl = ["net/ipv4/ip_forward": "1"] } == nil)
    #expect(
      linux { $0.sysctl = ["kernel.panic": "1"] } == "sysctl \"kernel.panic\" is not in a separate kernel namespace")
    #expect(
      linux { $0.sysctl = ["vm.swappiness": "1"] } == "sysctl \"vm.swappiness\" is not in a separate kernel namespace")
    #expect(
      linux { $0.sysctl = ["kernel.hostname": "x"] }
        == "sysctl \"kernel.hostname\" is not allowed as it conflicts with the OCI \"hostname\" field")
    #expect(
      linux {
        $0.namespaces.removeAll { $0.type == .ipc }
        $0.sysctl = ["kernel.shmmax": "1"]
      } == "sysctl \"kernel.shmmax\" is not allowed in the hosts ipc namespace")
    #expect(
      linux {
        $0.namespaces.removeAll { $0.type == .network }
        $0.sysctl = ["net.ipv4.ip_forward": "1"]
      } == "sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace")
    #expect(
      linux { $0.sysctl = ["user.max_user_namespaces": "1"] }
        == "setting ucounts without a user namespace not allowed: user.max_user_namespaces")
    #expect(linux { $0.sysctl = ["net/../kernel/panic": "1"] } != nil)
  }

  @Test("Paths, devices, propagation, personality, memory policy, RDT, seccomp")
  func otherRules() {
    #expect(linux { $0.maskedPaths = ["a"] } == "linux.maskedPaths[0]: must be an absolute path, not \"a\"")
    #expect(linux { $0.readonlyPaths = ["/a", "b"] } == "linux.readonlyPaths[1]: must be an absolute path, not \"b\"")
    #expect(linux { $0.rootfsPropagation = "x" } == "rootfsPropagation=x is not supported")
    #expect(
      linux(.init(noPivot: true)) { $0.rootfsPropagation = "rprivate" }
        == "rootfsPropagation of [r]private is not safe without pivot_root")
    #expect(linux { $0.devices = [.init(path: "/dev/x", type: "z")] } == "invalid device type \"z\"")
    #expect(
      linux { $0.devices = [.init(path: "/dev/x", type: "c", major: -1)] }
        == "linux.devices[0]: -1:0 is no device number")
    let device = RuntimeSpec.Device(path: "/dev/x", type: "c")
    #expect(linux { $0.devices = [device, device] } == "linux.devices[1].path: \"/dev/x\" is given twice")
    #expect(linux { $0.personality = .init(domain: "BSD") } == "invalid personality domain BSD")
    #expect(linux { $0.memoryPolicy = .init(mode: "MPOL_X") } == "invalid memory policy mode \"MPOL_X\"")
    #expect(
      linux { $0.memoryPolicy = .init(mode: "MPOL_BIND") } == "memory policy mode requires at least one node but got 0")
    #expect(
      linux { $0.intelRdt = .init() } == "intelRdt is specified in config, but Intel RDT is not enabled")
    #expect(
      linux { $0.seccomp = .init(defaultAction: .allow, syscalls: [.init(names: ["a"], action: .notify)]) }
        == "listenerPath is not set and at least one action is SCMP_ACT_NOTIFY")
    #expect(
      linux(.init(systemdCgroup: true)) { $0.cgroupsPath = "/docker/x" }
        == "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/docker/x\" instead")
  }

  @Test("Resources")
  func resources() {
    func resources(_ around: RuntimeSpec.Surroundings = .init(), _ change: (inout RuntimeSpec.Resources) -> Void)
      -> String?
    {
      linux(around) {
        var resources = RuntimeSpec.Resources()
        change(&resources)
        $0.resources = resources
      }
    }
    #expect(resources { $0.devices = [.init(allow: true, access: "")] } == "device access at 0 field cannot be empty")
    #expect(
      resources { $0.devices = [.init(allow: true, type: "x", access: "r")] } == "invalid cgroup device type \"x\"")
    #expect(resources { $0.memory = .init(limit: 10, swap: 5) } == "memory+swap limit should be >= memory limit")
    #expect(resources { $0.memory = .init(swap: 5) } == "unable to set swap limit without memory limit")
    #expect(resources(.init(unifiedCgroups: false)) { $0.memory = .init(swap: 5) } == nil)
    #expect(
      resources(.init(unifiedCgroups: false)) { $0.unified = ["memory.max": "1"] }
        == "invalid configuration: cannot use unified on cgroup v1")
    #expect(
      resources { $0.unified = ["a/b.c": "1"] } == "unified resource \"a/b.c\" must be a file name (no slashes)")
    #expect(
      resources(.init(unifiedCgroups: false)) { $0.memory.swappiness = 101 }
        == "invalid memory swappiness value: 101 (valid range is 0-100)")
  }

  @Test("Without root")
  func rootless() {
    let rootless = RuntimeSpec.Surroundings(rootless: true)
    #expect(complaint(rootless) { _ in } == "rootless container requires user namespaces")
    let user: (inout RuntimeSpec.Linux) -> Void = {
      $0.namespaces.append(.init(.user))
      $0.gidMappings = [.init(containerID: 0, hostID: 1000, size: 1)]
    }
    #expect(linux(rootless) { user(&$0) } == "rootless containers requires at least one UID mapping")
    let mapped: (inout RuntimeSpec.Config) -> Void = {
      $0.linux?.namespaces.append(.init(.user))
      $0.linux?.uidMappings = [.init(containerID: 0, hostID: 1000, size: 1)]
      $0.linux?.gidMappings = [.init(containerID: 0, hostID: 1000, size: 1)]
    }
    #expect(complaint(rootless) { mapped(&$0) } == nil)
    #expect(
      complaint(rootless) {
        mapped(&$0)
        $0.mounts = [.init(destination: "/dev/pts", type: "devpts", options: ["gid=5"])]
      } == "cannot specify gid=5 mount option for rootless container: container id 5 cannot be mapped to a host id")
    #expect(
      complaint(rootless) {
        mapped(&$0)
        $0.process?.user.additionalGids = [5]
      } == "cannot set any additional groups in a rootless container")
  }

  @Test("Swap of cgroup v2 is what memory and swap together leave to swap")
  func swap() throws {
    #expect(try RuntimeSpec.Memory(limit: 100, swap: 300).swapOfV2() == 200)
    #expect(try RuntimeSpec.Memory(limit: 100, swap: 100).swapOfV2() == 0)
    #expect(try RuntimeSpec.Memory(limit: 100, swap: -1).swapOfV2() == -1)
    #expect(try RuntimeSpec.Memory(limit: -1).swapOfV2() == -1)
    #expect(try RuntimeSpec.Memory(limit: 100).swapOfV2() == nil)
  }
}
