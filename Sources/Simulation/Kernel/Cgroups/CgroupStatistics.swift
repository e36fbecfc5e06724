import JSONTree
import Runtime

extension KernelState {
  /// A cgroup by its path in the hierarchy, or in the host's /sys/fs/cgroup.
  func cgroup(at path: String, _ controller: Controller = .pids) -> Cgroup? {
    guard let hierarchy = hierarchies.first(where: { $0.controllers.contains(controller) }) else { return nil }
    let mountPoint = "/sys/fs/cgroup".utf8
    var path = path[...]
    if path.utf8.starts(with: mountPoint) {
      path = Substring(path.utf8.dropFirst(mountPoint.count))
      if !hierarchy.isUnified, let folder = path.split(separator: "/").first {
        path = path.dropFirst(folder.utf8.count + 1)
      }
    }
    return hierarchy.root.find(String(path))
  }

  /// The counters of a cgroup, as `data` of `runc events --stats`.
  func statistics(of path: String) -> JSON? {
    guard let pids = cgroup(at: path, .pids) else { return nil }
    let memory = cgroup(at: path, .memory) ?? pids
    let cpu = cgroup(at: path, .cpu) ?? pids
    let c = cpu.usage.cpu
    let m = memory.usage.memory
    let limit = memory.settings.memoryMax
    let io = (cgroup(at: path, .io) ?? pids).usage.io
    let disk: [JSON] =
      io.reads + io.writes == 0
      ? []
      : [("read", io.readBytes), ("write", io.writtenBytes)].map {
        ["major": 252, "minor": 0, "op": .string($0.0), "value": JSON($0.1)]
      }
    func entry(_ usage: Int64, _ limit: Int64?, _ peak: Int64) -> JSON {
      [
        "limit": limit.map { JSON($0) } ?? JSON(Int64.max), "usage": JSON(usage), "max": JSON(peak),
        "failcnt": JSON(m.maxEvents),
      ]
    }
    return [
      "cpu": [
        "usage": [
          "total": JSON(c.user + c.system), "kernel": JSON(c.system), "user": JSON(c.user),
        ],
        "throttling": [
          "periods": JSON(c.periods), "throttledPeriods": JSON(c.throttled), "throttledTime": JSON(c.throttledTime),
        ],
      ],
      "cpuset": [:],
      "memory": [
        "cache": JSON(m.shared), "usage": entry(m.total, limit, m.peak), "swap": entry(0, memory.settings.swapMax, 0),
        "kernel": [:], "kernelTCP": [:],
        "raw": [
          "anon": JSON(m.anonymous), "file": JSON(m.shared), "inactive_file": 0, "shmem": JSON(m.shared),
          "pgfault": 0, "oom_kill": JSON(m.oomKills),
        ],
      ],
      "pids": ["current": JSON(pids.usage.pids), "limit": JSON(pids.settings.pidsMax ?? 0)],
      "blkio": ["ioServiceBytesRecursive": .array(disk)],
      "hugetlb": [:],
      "intel_rdt": [:],
    ]
  }
}
