import JSONTree

extension Command {
  static let containerUpdate = Command(
    "update", usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Update configuration of one or more containers",
    spellings: "docker container update, docker update", rule: .atLeast(1),
    flags: [
      Flag("blkio-weight", .uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
      Flag("cpu-period", .int(0), "Limit CPU CFS (Completely Fair Scheduler) period"),
      Flag("cpu-quota", .int(0), "Limit CPU CFS (Completely Fair Scheduler) quota"),
      Flag("cpu-rt-period", .int(0), "Limit the CPU real-time period in microseconds"),
      Flag("cpu-rt-runtime", .int(0), "Limit the CPU real-time runtime in microseconds"),
      Flag("cpu-shares", "c", .int(0), "CPU shares (relative weight)"),
      Flag("cpus", .decimal, "Number of CPUs"),
      Flag("cpuset-cpus", .string(""), "CPUs in which to allow execution (0-3, 0,1)"),
      Flag("cpuset-mems", .string(""), "MEMs in which to allow execution (0-3, 0,1)"),
      Flag("memory", "m", .bytes, "Memory limit"),
      Flag("memory-reservation", .bytes, "Memory soft limit"),
      Flag("memory-swap", .swapBytes, "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
      Flag("pids-limit", .int(0), "Tune container pids limit (set -1 for unlimited)"),
      Flag(
        "restart", .string(""), "Restart policy to apply when a container exits",
        completes: .words(Words.restartPolicies)),
      Flag("kernel-memory", .bytes, "Kernel memory limit (deprecated)", isHidden: true),
    ], completes: [.containers]
  ) { invocation in
    let flags = invocation.flags
    guard !flags.given.isEmpty else { throw CommandError("you must provide one or more flags when using this command") }
    let restart = try ContainerSettings.restartPolicy(flags.string("restart"))
    let body: JSON = .object(
      JSONObject([
        .init("CpuShares", .int(flags.int("cpu-shares"))), .init("Memory", .int(flags.bytes("memory"))),
        .init("NanoCpus", .int(flags.values("cpus").last.flatMap { try? NanoCPUs.parse($0) } ?? 0)),
        .init("CgroupParent", ""),
        .init("BlkioWeight", .int(flags.values("blkio-weight").last.flatMap { try? GoNumber.parseInt($0) } ?? 0)),
        .init("BlkioWeightDevice", .null), .init("BlkioDeviceReadBps", .null), .init("BlkioDeviceWriteBps", .null),
        .init("BlkioDeviceReadIOps", .null), .init("BlkioDeviceWriteIOps", .null),
        .init("CpuPeriod", .int(flags.int("cpu-period"))), .init("CpuQuota", .int(flags.int("cpu-quota"))),
        .init("CpuRealtimePeriod", .int(flags.int("cpu-rt-period"))),
        .init("CpuRealtimeRuntime", .int(flags.int("cpu-rt-runtime"))),
        .init("CpusetCpus", .string(flags.string("cpuset-cpus"))),
        .init("CpusetMems", .string(flags.string("cpuset-mems"))), .init("Devices", .null),
        .init("DeviceCgroupRules", .null), .init("DeviceRequests", .null),
        .init("MemoryReservation", .int(flags.bytes("memory-reservation"))),
        .init("MemorySwap", .int(flags.bytes("memory-swap"))), .init("MemorySwappiness", .null),
        .init("OomKillDisable", .null),
        .init("PidsLimit", flags.isSet("pids-limit") ? .int(flags.int("pids-limit")) : .null),
        .init("Ulimits", .null), .init("CpuCount", 0), .init("CpuPercent", 0), .init("IOMaximumIOps", 0),
        .init("IOMaximumBandwidth", 0),
        .init("RestartPolicy", ["Name": .string(restart.name), "MaximumRetryCount": .int(restart.retries)]),
      ]))
    var warnings: [String] = []
    var failures: [String] = []
    for name in invocation.arguments {
      do {
        let answer = try await invocation.session.json(
          request("POST", "/containers/{id}/update", ["id": name], body: body))
        try await invocation.line(name)
        warnings += answer["Warnings"]?.strings ?? []
      } catch let error as DaemonError {
        failures.append(error.description)
      }
    }
    for warning in warnings { try await invocation.line(warning) }
    for failure in failures { try await invocation.err(failure + "\n") }
    return failures.isEmpty ? 0 : 1
  }
}
