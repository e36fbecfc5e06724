import JSONTree
import Runtime
import Testing

@testable import DrydockRunc

/// What `events --stats` says, from the files of a cgroup.
@Suite("drydock-runc: statistics")
struct StatisticsTests {
  private let folder = VerbsFolder()

  @Test("v1: the files of each hierarchy")
  func hierarchies() {
    for (name, contents) in [
      ("cpu/c/cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 300\nnr_bursts 0\n"),
      ("cpuacct/c/cpuacct.usage", "11137023\n"), ("cpuacct/c/cpuacct.usage_percpu", "1406705 9730318 \n"),
      ("cpuacct/c/cpuacct.usage_all", "cpu user system\n0 1 2\n1 3 4\n"),
      ("cpuacct/c/cpuacct.stat", "user 1\nsystem 2\n"), ("cpuset/c/cpuset.cpus", "0-1,4\n"),
      ("cpuset/c/cpuset.mems", "0\n"), ("cpuset/c/cpuset.sched_load_balance", "1\n"),
      ("cpuset/c/cpuset.sched_relax_domain_level", "-1\n"), ("memory/c/memory.usage_in_bytes", "2269184\n"),
      ("memory/c/memory.limit_in_bytes", "9223372036854771712\n"), ("memory/c/memory.failcnt", "3\n"),
      ("memory/c/memory.max_usage_in_bytes", "3000000\n"), ("memory/c/memory.memsw.limit_in_bytes", "64\n"),
      ("memory/c/memory.stat", "cache 16384\nrss 1\nodd line here\nhierarchical_memory_limit 18446744073709551615\n"),
      ("pids/c/pids.current", "1\n"), ("pids/c/pids.max", "max\n"),
      ("blkio/c/blkio.throttle.io_service_bytes_recursive", "254:0 Read 7\n254:0 Write 0\nTotal 7\n"),
      ("blkio/c/blkio.throttle.io_serviced_recursive", "254:0 Read 1\nTotal 1\n"),
      ("hugetlb/c/hugetlb.2MB.usage_in_bytes", "4\n"), ("hugetlb/c/hugetlb.2MB.max_usage_in_bytes", "8\n"),
      ("hugetlb/c/hugetlb.2MB.failcnt", "0\n"), ("hugetlb/c/hugetlb.2MB.rsvd.usage_in_bytes", "9\n"),
    ] { folder.write(name, contents) }
    let layout = CgroupLayout(
      .v1, mountPoint: folder.path,
      hierarchies: ["cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "hugetlb"])
    let json = Statistics(cgroups: CgroupPaths(layout: layout, inner: "/c")).json
    let expected: [(String, String)] = [
      (
        "cpu",
        #"{"usage":{"total":11137023,"percpu":[1406705,9730318],"percpu_kernel":[2,4],"percpu_user":[1,3],"#
          + #""kernel":20000000,"user":10000000},"#
          + #""throttling":{"periods":5,"throttledPeriods":2,"throttledTime":300}}"#
      ),
      (
        "cpuset",
        #"{"cpus":[0,1,4],"cpu_exclusive":0,"mems":[0],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"#
          + #""memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,"#
          + #""sched_relax_domain_level":-1}"#
      ),
      (
        "memory",
        #"{"cache":16384,"usage":{"limit":9223372036854771712,"usage":2269184,"max":3000000,"failcnt":3},"#
          + #""swap":{"limit":64,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0},"#
          + #""raw":{"cache":16384,"hierarchical_memory_limit":18446744073709551615,"rss":1}}"#
      ),
      ("pids", #"{"current":1}"#),
      (
        "blkio",
        #"{"ioServiceBytesRecursive":[{"major":254,"op":"Read","value":7},{"major":254,"op":"Write"}],"#
          + #""ioServicedRecursive":[{"major":254,"op":"Read","value":1}]}"#
      ),
      ("hugetlb", #"{"2MB":{"usage":4,"max":8,"failcnt":0}}"#),
      ("intel_rdt", "{}"), ("network_interfaces", "null"),
    ]
    #expect(json.object?.keys == expected.map(\.0))
    for (name, text) in expected { #expect(json[name]?.text == text, "\(name)") }
  }

  @Test("v2: the same names, and pressure")
  func unified() {
    let pressure = "some avg10=0.50 avg60=0.00 avg300=0.00 total=99\nfull avg10=0.00 avg60=1.25 avg300=0.00 total=7\n"
    for (name, contents) in [
      (
        "cpu.stat",
        "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 1\nthrottled_usec 5\n"
      ),
      ("cpu.pressure", pressure), ("memory.current", "1000\n"), ("memory.max", "max\n"), ("memory.peak", "2000\n"),
      ("memory.swap.current", "24\n"), ("memory.swap.max", "0\n"), ("memory.stat", "anon 1\nfile 2\n"),
      ("memory.events", "low 0\nhigh 0\nmax 6\noom 1\noom_kill 1\n"), ("pids.current", "3\n"), ("pids.max", "20\n"),
      ("io.stat", "254:0 rbytes=10 wbytes=0 rios=2 wios=0 dbytes=0 dios=0\n8:16 \n"),
      ("cpuset.cpus.effective", "0-1\n"), ("cpuset.mems.effective", "0\n"), ("hugetlb.2MB.current", "2\n"),
      ("hugetlb.2MB.events", "max 1\n"),
    ] { folder.write("c/" + name, contents) }
    let layout = CgroupLayout(.unified, mountPoint: folder.path)
    let json = Statistics(cgroups: CgroupPaths(layout: layout, inner: "/c")).json
    #expect(
      json["cpu"]?.text
        == #"{"usage":{"total":30000,"kernel":10000,"user":20000},"#
        + #""throttling":{"periods":4,"throttledPeriods":1,"throttledTime":5000},"#
        + #""psi":{"some":{"avg10":0.5,"avg60":0,"avg300":0,"total":99},"#
        + #""full":{"avg10":0,"avg60":1.25,"avg300":0,"total":7}}}"#)
    #expect(
      json["memory"]?["usage"]?.text == #"{"limit":18446744073709551615,"usage":1000,"max":2000,"failcnt":6}"#)
    #expect(json["memory"]?["swap"]?.text == #"{"limit":18446744073709551615,"usage":1024,"failcnt":0}"#)
    #expect(json["memory"]?["cache"]?.int == 2 && json["memory"]?["raw"]?.text == #"{"anon":1,"file":2}"#)
    #expect(json["pids"]?.text == #"{"current":3,"limit":20}"#)
    #expect(
      json["blkio"]?.text
        == #"{"ioServiceBytesRecursive":[{"major":254,"op":"Read","value":10},{"major":254,"op":"Write"}],"#
        + #""ioServicedRecursive":[{"major":254,"op":"Read","value":2},{"major":254,"op":"Write"}]}"#)
    #expect(json["cpuset"]?["cpus"]?.text == "[0,1]")
    #expect(json["hugetlb"]?.text == #"{"2MB":{"usage":2,"failcnt":1}}"#)
  }

  @Test("A host without controllers has nothing to tell, and says so in the same form")
  func none() throws {
    let json = Statistics(cgroups: CgroupPaths(layout: CgroupLayout(.v1, hierarchies: []), inner: "/c")).json
    #expect(json["pids"]?.text == "{}" && json["hugetlb"]?.text == "{}" && json["blkio"]?.text == "{}")
    #expect(json["cpu"]?["usage"]?["kernel"]?.int == 0)
  }

  @Test("Lists of numbers, whatever stands in them")
  func lists() {
    #expect(Statistics.list("0-2,7\n") == [0, 1, 2, 7] && Statistics.list("\n") == [])
    #expect(Statistics.list("3-1,x,-4,0-99999999999,5") == [5])
  }
}
