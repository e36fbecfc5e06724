import Glibc
import JSONTree
import OCISpec
import Runtime
import Testing

@testable import DrydockRunc

/// `ps`, `update`, `features` and `spec`, as far as no container is needed.
@Suite("drydock-runc: what it tells")
struct QueriesTests {
  @Test("ps: times and terminals")
  func columns() {
    #expect(ProcessTable.time(0) == "00:00:00" && ProcessTable.time(3661) == "01:01:01")
    #expect(ProcessTable.time(90_061) == "1-01:01:01")
    #expect(ProcessTable.terminal(0) == "?" && ProcessTable.terminal(136 << 8 | 3) == "pts/3")
    #expect(ProcessTable.terminal(137 << 8) == "pts/256" && ProcessTable.terminal(4 << 8 | 1) == "tty1")
    #expect(ProcessTable.terminal(4 << 8 | 65) == "ttyS1" && ProcessTable.terminal(5 << 8 | 1) == "console")
  }

  @Test("ps with options: the lines of the container's processes alone")
  func filter() throws {
    let output = "  PID COMMAND\n    1 init\n   12 sh\n  123 ls\n"
    #expect(try ProcessTable.filter(output, [12, 123]) == "  PID COMMAND\n   12 sh\n  123 ls\n")
    #expect(throws: Failure("couldn't find PID field in ps output")) { try ProcessTable.filter("COMMAND\nsh\n", [1]) }
    #expect(throws: Failure.self) { try ProcessTable.filter("", [1]) }
    #expect(throws: Failure("unable to parse pid: sh x")) { try ProcessTable.filter("PID CMD\nsh x\n", [1]) }
  }

  @Test("ps: this process is in its own table, and cannot speak to the reader's terminal")
  func table() throws {
    let pid = Int(getpid())
    let lines = ProcessTable.text([pid, 4_194_304]).split(separator: "\n")
    #expect(
      lines.count == 2 && lines[0].split(separator: " ") == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
    let fields = lines[1].split(separator: " ")
    #expect(fields[1] == "\(pid)" && fields[2] == "\(getppid())")
    #expect(lines[1].utf8.allSatisfy { $0 >= 0x20 })
  }

  // MARK: update

  @Test("What update does not name stays, but for what runc resets")
  func merging() throws {
    let old = try RuntimeSpec.Resources([
      "memory": ["limit": 100, "swap": 200], "cpu": ["quota": 5, "period": 10, "shares": 7, "cpus": "0"],
      "pids": ["limit": 9], "blockIO": ["weightDevice": [["major": 8, "minor": 0, "weight": 10]]],
      "devices": [["allow": false, "access": "rwm"]], "unified": ["a": "b"],
    ])
    let new = try RuntimeSpec.Resources([
      "memory": ["limit": 50], "cpu": ["quota": 6],
      "blockIO": ["weightDevice": [["major": 8, "minor": 0, "weight": 20], ["major": 8, "minor": 16, "weight": 5]]],
    ]).changing(old)
    #expect(new.memory.limit == 50 && new.memory.swap == 200)
    #expect(new.cpu.quota == 6 && new.cpu.period == 10 && new.cpu.shares == 7 && new.cpu.cpus == "")
    #expect(new.pids == nil && new.unified == [:] && new.devices == old.devices)
    #expect(new.blockIO.weightDevice.map(\.weight) == [20, 5])
    #expect(try RuntimeSpec.Resources(["memory": ["limit": -1]]).changing(old).memory.swap == 0)
  }

  @Test("Limits are read back from the JSON they are kept as")
  func limitsAsJSON() throws {
    let text = """
      {"devices":[{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},{"allow":false,"access":"rwm"}],\
      "memory":{"limit":-1,"reservation":2,"swap":3,"kernel":4,"kernelTCP":5,"swappiness":6,"disableOOMKiller":true,\
      "useHierarchy":false,"checkBeforeUpdate":true},"cpu":{"shares":1,"quota":-2,"burst":3,"period":4,\
      "realtimeRuntime":5,"realtimePeriod":6,"cpus":"0-1","mems":"0","idle":1},"pids":{"limit":7},\
      "blockIO":{"weight":10,"leafWeight":20,"weightDevice":[{"major":8,"minor":0,"weight":30,"leafWeight":40}],\
      "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":50}],"throttleWriteIOPSDevice":[{"major":8,"minor":1,\
      "rate":60}]},"hugepageLimits":[{"pageSize":"2MB","limit":70}],"network":{"classID":80,\
      "priorities":[{"name":"eth0","priority":90}]},"rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":4}},\
      "unified":{"memory.high":"1"}}
      """
    let resources = try RuntimeSpec.Resources(JSON(parsing: text))
    #expect(resources.json.text == text)
    var endless = RuntimeSpec.Resources()
    endless.cpu.shares = .max
    #expect(try RuntimeSpec.Resources(JSON(parsing: endless.json.text)) == endless)
    #expect(RuntimeSpec.Resources().json.text == "{}")
  }

  @Test("v1 takes memory before swap or after it, by what is in force")
  func memoryBeforeSwap() throws {
    let folder = VerbsFolder()
    folder.write("memory/c/memory.limit_in_bytes", "100\n")
    let paths = CgroupPaths(
      layout: CgroupLayout(.v1, mountPoint: folder.path, hierarchies: ["memory"]), inner: "/c")
    let facts = ContainerFacts(
      id: "c", bundle: "/b", rootfs: "/b/r", stateDirectory: "/s/c", pid: 1, cgroups: paths,
      config: RuntimeSpec.Config())
    func files(_ limit: Int64, _ swap: Int64) throws -> [String] {
      var resources = RuntimeSpec.Resources()
      resources.memory = RuntimeSpec.Memory(limit: limit, swap: swap)
      return try Plan.update(facts, resources).ordered(for: paths).steps.compactMap { step in
        guard case .writeFile(let path, _) = step.call else { return nil }
        return path.path.split(separator: "/").last.map(String.init)
      }
    }
    #expect(try files(300, 400) == ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"])
    #expect(try files(50, 100) == ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"])
    #expect(try files(50, -1) == ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"])
  }

  // MARK: spec and features

  @Test("The example is a configuration that the runtime takes", arguments: [false, true], [false, true])
  func example(rootless: Bool, unified: Bool) throws {
    let json = ExampleSpec.json(rootless: rootless, unified: unified, uid: 1000, gid: 100)
    let config = try RuntimeSpec.Config(JSON(parsing: json.pretty(indent: "\t")))
    let layout = CgroupLayout(unified ? .unified : .hybrid)
    let plan = try Plan.create(
      config, PlanOptions(id: "c", bundle: "/b", rootless: rootless, hasConsole: true),
      host: AssumedHost(cgroups: layout))
    #expect(plan.count > 20)
    let linux = try #require(config.linux)
    #expect(linux.isNew(.cgroup) == unified && linux.isNew(.user) == rootless && linux.isNew(.network) == !rootless)
    if rootless {
      #expect(linux.uidMappings == [.init(containerID: 0, hostID: 1000, size: 1)])
      #expect(linux.gidMappings == [.init(containerID: 0, hostID: 100, size: 1)])
    }
  }
}
