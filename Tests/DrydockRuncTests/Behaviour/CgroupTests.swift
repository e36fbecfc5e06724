import Glibc
import JSONTree
import Testing

@Suite("Cgroups", .requireRoot)
struct CgroupTests {
  @Test("limits are written")
  func written() throws {
    try Sandbox.with { box in
      let container = try box.started {
        $0["linux.resources.pids"] = ["limit": 37]
        $0["linux.resources.memory"] = ["limit": 67_108_864, "reservation": 33_554_432]
        $0["linux.resources.cpu"] = ["shares": 512, "quota": 50000, "period": 100_000, "cpus": "0", "mems": "0"]
      }
      #expect(container.cgroup("pids", v1: "pids.max", v2: "pids.max") == "37")
      #expect(container.cgroup("memory", v1: "memory.limit_in_bytes", v2: "memory.max") == "67108864")
      #expect(container.cgroup("memory", v1: "memory.soft_limit_in_bytes", v2: "memory.low") == "33554432")
      if CgroupFiles.host.isV1 {
        #expect(container.cgroup("cpu", v1: "cpu.shares", v2: "") == "512")
        #expect(container.cgroup("cpu", v1: "cpu.cfs_quota_us", v2: "") == "50000")
        #expect(container.cgroup("cpu", v1: "cpu.cfs_period_us", v2: "") == "100000")
      } else {
        #expect(container.cgroup("cpu", v1: "", v2: "cpu.max") == "50000 100000")
        #expect(container.cgroup("cpu", v1: "", v2: "cpu.weight") == "20")
      }
      #expect(container.cgroup("cpuset", v1: "cpuset.cpus", v2: "cpuset.cpus") == "0")
      #expect(try container.exec("grep Cpus_allowed_list /proc/1/status").stdout.words.last == "0")
    }
  }

  @Test("the process is in its cgroup of every hierarchy before it runs")
  func membership() throws {
    try Sandbox.with { box in
      let container = try box.started()
      #expect(Set(try container.memberships()) == ["/\(container.id)"])
    }
  }

  @Test("behind a filter that does not know clone3, too")
  func withoutClone3() throws {
    try Sandbox.with { box in
      let bundle = try box.bundle { $0.script = "cat /proc/self/cgroup; echo pid $$" }
      let child = try box.spawn(
        [box.runtime.path, "--root", box.root, "run", "--bundle", bundle.path, box.id()], hidesClone3: true)
      let outcome = try child.wait()
      #expect(outcome.succeeded && outcome.lines.last == "pid 1", "\(outcome)")
      let text = outcome.lines.dropLast().joined(separator: "\n")
      #expect(Set(Container.memberships(in: text)) == ["/\(box.id())"], "\(outcome)")
    }
  }

  @Test("pids.max is felt")
  func pids() throws {
    try Sandbox.with { box in
      let outcome = try box.run("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; echo all") {
        $0["linux.resources.pids"] = ["limit": 5]
      }
      #expect(outcome.stderr.contains("can't fork"), "\(outcome)")
    }
  }

  @Test("the memory limit is felt: the process is killed, 137")
  func memory() throws {
    try Sandbox.with { box in
      let outcome = try box.run("") {
        $0["linux.resources.memory"] = ["limit": 16_777_216, "swap": 16_777_216]
        $0.args = ["sh", "-c", "tail -c 64m /dev/zero | wc -c; true"]
        $0.args = ["tail", "-c", "200000000", "/dev/zero"]
      }
      #expect(outcome.status == 137, "\(outcome)")
    }
  }

  @Test("the CPU quota is felt: periods in which the container was throttled")
  func cpu() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "while :; do :; done") {
        $0["linux.resources.cpu"] = ["quota": 2000, "period": 20000]
      }
      #expect(
        becomesTrue {
          guard
            let line = container.cgroup("cpu", v1: "cpu.stat", v2: "cpu.stat")?.lines.first(where: {
              $0.hasPrefix("nr_throttled")
            })
          else { return false }
          return (Int(line.words[1]) ?? 0) > 2
        })
      try box.runtime("kill", container.id, "KILL")
    }
  }

  @Test("block I/O limits are written")
  func blockIO() throws {
    try Sandbox.with { box in
      // The disk that the tests' folder lies on.
      guard let device = (Files.textIfAny("/proc/partitions")?.lines.dropFirst(2).first?.words).map({ ($0[0], $0[1]) }),
        let major = Int(device.0), let minor = Int(device.1)
      else { return }
      let container = try box.started {
        $0["linux.resources.blockIO"] = [
          "throttleReadBpsDevice": [["major": JSON(major), "minor": JSON(minor), "rate": 1_048_576]],
          "throttleWriteIOPSDevice": [["major": JSON(major), "minor": JSON(minor), "rate": 500]],
        ]
      }
      if CgroupFiles.host.isV1 {
        #expect(container.cgroup("blkio", v1: "blkio.throttle.read_bps_device", v2: "") == "\(major):\(minor) 1048576")
        #expect(container.cgroup("blkio", v1: "blkio.throttle.write_iops_device", v2: "") == "\(major):\(minor) 500")
      } else {
        #expect(container.cgroup("io", v1: "", v2: "io.max")?.contains("rbps=1048576") == true)
      }
    }
  }

  @Test("without cgroupsPath the cgroup has the container's id")
  func defaultPath() throws {
    try Sandbox.with { box in
      let container = try box.started { $0["linux.cgroupsPath"] = nil }
      // Beside the runtime's own cgroup or at the top.
      let names = try container.memberships().map { $0.split(separator: "/").last.map(String.init) }
      #expect(Set(names) == [container.id])
    }
  }

  @Test("a cgroupsPath of several parts, and a relative one", arguments: ["/NAME/inner/most", "NAME/relative"])
  func deepPath(_ pattern: String) throws {
    try Sandbox.with { box in
      let path = pattern.split(separator: "NAME", omittingEmptySubsequences: false).joined(separator: box.name)
      let container = try box.started { $0["linux.cgroupsPath"] = .string(path) }
      let ending = path.hasPrefix("/") ? path : "/\(path)"
      let others = try container.memberships().filter { !$0.hasSuffix(ending) }
      #expect(others.isEmpty)
      try box.runtime("delete", "--force", container.id)
      #expect(CgroupFiles.host.folders(prefix: path.split(separator: "/").last.map(String.init) ?? "").isEmpty)
      // Whose the folder above is, nobody knows: the runtime leaves it.
      for folder in CgroupFiles.host.folders(prefix: box.name) { CgroupFiles.destroy(folder) }
    }
  }

  @Test("delete removes the cgroup in every hierarchy, also what the container made below it")
  func removal() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let folder = try #require(CgroupFiles.host.folder("pids", "/\(container.id)"))
      try Files.makeDirectory("\(folder)/child")
      try Files.makeDirectory("\(folder)/child/grandchild")
      #expect(!CgroupFiles.host.folders(prefix: container.id).isEmpty)
      let outcome = try box.runtime("delete", "--force", container.id)
      #expect(outcome.succeeded, "\(outcome)")
      #expect(CgroupFiles.host.folders(prefix: box.name).isEmpty)
    }
  }

  @Test("pause stops everything in the cgroup, resume lets it go on")
  func freezer() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.01; done")
      let count = { Files.textIfAny("\(container.bundle.rootfs)/count")?.trimmed ?? "" }
      #expect(becomesTrue { !count().isEmpty })
      #expect(try box.runtime("pause", container.id).succeeded)
      #expect(try container.status() == "paused")
      let paused = count()
      usleep(100_000)
      #expect(count() == paused)
      #expect(try !box.runtime("exec", container.id, "true").succeeded)
      #expect(try box.runtime("resume", container.id).succeeded)
      #expect(try container.status() == "running")
      #expect(becomesTrue { count() != paused })
    }
  }

  @Test("pausing what is not running, resuming what is not paused")
  func wrongFreezer() throws {
    try Sandbox.with { box in
      let container = try box.started()
      #expect(try !box.runtime("resume", container.id).succeeded)
      try box.runtime("kill", container.id, "KILL")
      #expect(try container.becomes("stopped"))
      #expect(try !box.runtime("pause", container.id).succeeded)
    }
  }

  @Test("a paused container can be killed and deleted by force")
  func killPaused() throws {
    try Sandbox.with { box in
      let container = try box.started()
      try box.runtime("pause", container.id)
      #expect(try box.runtime("delete", "--force", container.id).succeeded)
      #expect(try !box.runtime("state", container.id).succeeded)
    }
  }

  @Test("update changes what is named, by flags and by a file, and keeps the rest")
  func update() throws {
    try Sandbox.with { box in
      let container = try box.started {
        $0["linux.resources.pids"] = ["limit": 37]
        $0["linux.resources.memory"] = ["limit": 67_108_864]
      }
      let flags = try box.runtime(
        "update", "--memory", "33554432", "--cpu-quota", "30000", "--cpu-period", "100000", container.id)
      #expect(flags.succeeded, "\(flags)")
      #expect(container.cgroup("memory", v1: "memory.limit_in_bytes", v2: "memory.max") == "33554432")
      if CgroupFiles.host.isV1 { #expect(container.cgroup("cpu", v1: "cpu.cfs_quota_us", v2: "") == "30000") }
      #expect(container.cgroup("pids", v1: "pids.max", v2: "pids.max") == "37")
      try Files.write(
        "{\"pids\": {\"limit\": 55}, \"memory\": {\"limit\": 50331648}}", to: "\(box.folder)/resources.json")
      let file = try box.runtime("update", "--resources", "\(box.folder)/resources.json", container.id)
      #expect(file.succeeded, "\(file)")
      #expect(container.cgroup("pids", v1: "pids.max", v2: "pids.max") == "55")
      #expect(container.cgroup("memory", v1: "memory.limit_in_bytes", v2: "memory.max") == "50331648")
      let stdin = try box.runtime(["update", "--resources", "-", container.id], stdin: "{\"pids\": {\"limit\": 66}}")
      #expect(stdin.succeeded, "\(stdin)")
      #expect(container.cgroup("pids", v1: "pids.max", v2: "pids.max") == "66")
      let pids = try box.runtime("update", "--pids-limit", "77", container.id)
      #expect(pids.succeeded, "\(pids)")
      #expect(container.cgroup("pids", v1: "pids.max", v2: "pids.max") == "77")
    }
  }

  @Test("events --stats prints the usage once")
  func stats() throws {
    try Sandbox.with { box in
      let container = try box.started { $0["linux.resources.pids"] = ["limit": 37] }
      let outcome = try box.runtime("events", "--stats", container.id)
      let event = try JSON(parsing: outcome.stdout)
      #expect(event["type"]?.string == "stats", "\(outcome)")
      #expect(event["id"]?.string == container.id)
      let data = try #require(event["data"])
      #expect(data["pids"]?["current"]?.int == 1, "\(outcome)")
      #expect(data["pids"]?["limit"]?.int == 37)
      #expect((data["cpu"]?["usage"]?["total"]?.int ?? 0) > 0)
      #expect((data["memory"]?["usage"]?["usage"]?.int ?? 0) > 0)
      #expect((data["memory"]?["raw"]?.object?.members.count ?? 0) > 5)
    }
  }

  @Test("events goes on at its interval until the container is gone, and reports an OOM")
  func events() throws {
    try Sandbox.with { box in
      let container = try box.started(
        script: "while ! test -e /go; do sleep 0.05; done; tail -c 200000000 /dev/zero; sleep 0.5"
      ) {
        $0["linux.resources.memory"] = ["limit": 33_554_432, "swap": 33_554_432]
      }
      let child = try box.start(["events", "--interval", "100ms", container.id])
      #expect(becomesTrue { child.outcome.lines.count >= 2 }, "\(child.outcome)")
      try Files.write("", to: "\(container.bundle.rootfs)/go")
      #expect(becomesTrue { child.outcome.stdout.contains("\"type\":\"oom\"") }, "\(child.outcome)")
      #expect(try container.becomes("stopped"))
      try box.runtime("delete", container.id)
      let outcome = try child.wait(timeout: 10)
      #expect(outcome.lines.allSatisfy { (try? JSON(parsing: $0)["type"]?.string) != nil }, "\(outcome)")
    }
  }

  @Test("ps lists the processes of the container")
  func ps() throws {
    try Sandbox.with { box in
      let container = try box.started(script: "sleep 1001 & exec sleep 1002")
      #expect(
        becomesTrue {
          (try? box.runtime("ps", "--format", "json", container.id).stdout.split(separator: ",").count) == 2
        })
      let json = try box.runtime("ps", "--format", "json", container.id)
      let pids = try #require(try JSON(parsing: json.stdout).array?.compactMap(\.int))
      #expect(pids.contains(Int(try container.pid())), "\(json)")
      let table = try box.runtime("ps", container.id)
      #expect(table.lines.first?.contains("PID") == true, "\(table)")
      #expect(table.stdout.contains("sleep 1001") && table.stdout.contains("sleep 1002"), "\(table)")
      #expect(table.lines.count == 3)
      let options = try box.runtime("ps", container.id, "-o", "pid,comm")
      #expect(options.lines.first?.words == ["PID", "COMMAND"], "\(options)")
    }
  }
}
