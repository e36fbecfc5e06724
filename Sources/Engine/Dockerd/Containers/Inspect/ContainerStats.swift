import JSONTree
import Seams

/// `GET /containers/{id}/stats`: the counters of the container's cgroup, by Tasks/Metrics.
extension ContainerService {
  func statsResponse(_ request: APIRequest) async throws -> APIResponse {
    let streams = request.query("stream").map { _ in request.flag("stream") } ?? true
    let oneShot = request.flag("one-shot")
    if streams, oneShot {
      throw EngineError(.invalidArgument, "cannot have stream=true and one-shot=true")
    }
    let container = try registry.find(request.parameters["id"] ?? "")
    let channel = ByteChannel(capacity: .max)
    world.spawn { [self] in
      await sendStats(of: container, to: channel, streams: streams, oneShot: oneShot)
      channel.closeWriting()
    }
    return APIResponse(200, .stream(channel), headers: [NameValue("Content-Type", "application/json")])
  }

  private func sendStats(of container: Container, to channel: ByteChannel, streams: Bool, oneShot: Bool) async {
    // Without two samples there is no rate: a client that wants one answer waits for the second sample.
    var previous: ContainerSample?
    if !streams, !oneShot, container.state.isRunning {
      previous = await sample(container)
      guard (try? await world.sleep(Duration64.second)) != nil else { return }
    }
    while true {
      let current = await sample(container)
      let json = statistics(container, current, previous)
      guard channel.push(Array(json.text.utf8) + [0x0a]), streams else { return }
      previous = current
      guard (try? await world.sleep(Duration64.second)) != nil else { return }
      if registry[container.id] == nil { return }
    }
  }

  private func sample(_ container: Container) async -> ContainerSample? {
    guard container.state.isRunning, !container.state.isRestarting else { return nil }
    guard
      let metrics = try? await call(Tasks.Metrics(filters: ["id==\(container.id)"])).metrics.first
    else { return nil }
    let cpus = configuration.cpus
    return ContainerSample(
      time: metrics.timestamp, data: metrics.data,
      systemCPU: world.now.multipliedReportingOverflow(by: UInt64(cpus))
        .partialValue, interfaces: interfaces(container))
  }

  /// The counters of the container's interfaces (`/proc/PID/net/dev`).
  private func interfaces(_ container: Container) -> [(name: String, counters: [UInt64])] {
    let pid = container.state.pid
    guard pid > 0, container.read({ $0.hostConfig.networkMode.isPrivate }),
      let bytes = try? daemon.files.read("/proc/\(pid)/net/dev")
    else { return [] }
    var interfaces: [(name: String, counters: [UInt64])] = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst(2) {
      let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { continue }
      let name = parts[0].filter { $0 != " " }
      let counters = parts[1].split(separator: " ").compactMap { UInt64($0) }
      if name != "lo", counters.count >= 12 { interfaces.append((name, counters)) }
    }
    return interfaces
  }

  /// Engine API `StatsResponse`.
  private func statistics(_ container: Container, _ now: ContainerSample?, _ before: ContainerSample?) -> JSON {
    let cpus = configuration.cpus
    var json: JSONObject = [
      "id": .string(container.id), "name": .string("/" + container.name), "os_type": "linux",
      "read": .string(now.map { DockerTime.rfc3339($0.time) } ?? RFC3339Time.zero),
      "preread": .string(before.map { DockerTime.rfc3339($0.time) } ?? RFC3339Time.zero),
      "pids_stats": now?.pids ?? [:], "blkio_stats": now?.blkio ?? ContainerSample.emptyBlkio,
      "num_procs": 0, "storage_stats": [:],
      "cpu_stats": now?.cpu(cpus) ?? ContainerSample.emptyCPU,
      "precpu_stats": before?.cpu(cpus) ?? ContainerSample.emptyCPU,
      "memory_stats": now?.memory(configuration.memory) ?? [:],
    ]
    if let networks = now?.networks { json.members.append(.init("networks", networks)) }
    return .object(json)
  }
}

/// The counters of a container at one moment.
struct ContainerSample: Sendable {
  /// Nanoseconds since 1970.
  var time: UInt64
  /// As runc's `events --stats` has them.
  var data: JSON
  /// Nanoseconds of all CPUs since the host started.
  var systemCPU: UInt64
  var interfaces: [(name: String, counters: [UInt64])]

  static let emptyCPU: JSON = [
    "cpu_usage": ["total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0],
    "throttling_data": ["periods": 0, "throttled_periods": 0, "throttled_time": 0],
  ]
  static let emptyBlkio: JSON = [
    "io_service_bytes_recursive": .null, "io_serviced_recursive": .null, "io_queue_recursive": .null,
    "io_service_time_recursive": .null, "io_wait_time_recursive": .null, "io_merged_recursive": .null,
    "io_time_recursive": .null, "sectors_recursive": .null,
  ]

  private func number(_ path: String...) -> JSON {
    var value: JSON? = data
    for name in path { value = value?[name] }
    return value.flatMap { $0.double == nil ? nil : $0 } ?? 0
  }

  func cpu(_ online: Int) -> JSON {
    [
      "cpu_usage": [
        "total_usage": number("cpu", "usage", "total"), "usage_in_kernelmode": number("cpu", "usage", "kernel"),
        "usage_in_usermode": number("cpu", "usage", "user"),
      ],
      "system_cpu_usage": JSON(systemCPU), "online_cpus": JSON(online),
      "throttling_data": [
        "periods": number("cpu", "throttling", "periods"),
        "throttled_periods": number("cpu", "throttling", "throttledPeriods"),
        "throttled_time": number("cpu", "throttling", "throttledTime"),
      ],
    ]
  }

  /// A limit above the machine's memory is none.
  func memory(_ total: Int64) -> JSON {
    let limit = number("memory", "usage", "limit").double ?? 0
    var json: JSONObject = ["usage": number("memory", "usage", "usage")]
    let failures = number("memory", "usage", "failcnt")
    if failures != 0 { json["failcnt"] = failures }
    if let raw = data["memory"]?["raw"], raw.object != nil { json["stats"] = raw }
    json["limit"] = limit <= 0 || limit >= Double(total) ? .int(total) : .int(Int64(limit))
    return .object(json)
  }

  var pids: JSON {
    var json: JSONObject = ["current": number("pids", "current")]
    let limit = number("pids", "limit")
    // Unlimited is said as the largest number.
    json["limit"] = limit == 0 ? .double(Double(UInt64.max)) : limit
    return .object(json)
  }

  var blkio: JSON {
    var json = ContainerSample.emptyBlkio
    func entries(_ name: String) -> JSON {
      .array(
        (data["blkio"]?[name]?.array ?? []).map { entry in
          [
            "major": entry["major"] ?? 0, "minor": entry["minor"] ?? 0,
            "op": .string((entry["op"]?.string ?? "").lowercased()), "value": entry["value"] ?? 0,
          ]
        })
    }
    json["io_service_bytes_recursive"] = entries("ioServiceBytesRecursive")
    return json
  }

  var networks: JSON? {
    guard !interfaces.isEmpty else { return nil }
    return .object(
      JSONObject(
        interfaces.map { interface in
          let c = interface.counters
          return .init(
            interface.name,
            [
              "rx_bytes": JSON(c[0]), "rx_packets": JSON(c[1]), "rx_errors": JSON(c[2]), "rx_dropped": JSON(c[3]),
              "tx_bytes": JSON(c[8]), "tx_packets": JSON(c[9]), "tx_errors": JSON(c[10]), "tx_dropped": JSON(c[11]),
            ])
        }))
  }
}
