import JSONTree

/// What a container uses, as `docker stats` works it out from the daemon's counters.
struct StatsRow: Sendable {
  /// As the user or the list named it.
  var container: String
  var id = ""
  var name = ""
  var cpu = 0.0
  var memory = 0.0
  var memoryLimit = 0.0
  var memoryPercent = 0.0
  var received = 0.0
  var sent = 0.0
  var read = 0.0
  var written = 0.0
  var processes: Int64 = 0
  /// False until figures came.
  var isKnown = false
  var truncates = true

  /// Nothing is known yet.
  init(container: String, truncates: Bool) { (self.container, self.truncates) = (container, truncates) }

  /// Takes over a sample of `GET /containers/{id}/stats`.
  mutating func update(_ sample: JSON) {
    isKnown = true
    id = sample.text("id")
    let full = sample.text("name")
    name = full.hasPrefix("/") ? String(full.dropFirst()) : full
    func figure(_ path: String...) -> Double {
      var value: JSON? = sample
      for name in path { value = value?[name] }
      return value?.double ?? 0
    }
    let cpuDelta = figure("cpu_stats", "cpu_usage", "total_usage") - figure("precpu_stats", "cpu_usage", "total_usage")
    let systemDelta = figure("cpu_stats", "system_cpu_usage") - figure("precpu_stats", "system_cpu_usage")
    var online = figure("cpu_stats", "online_cpus")
    if online == 0 { online = Double(sample["cpu_stats"]?["cpu_usage"]?["percpu_usage"]?.array?.count ?? 0) }
    cpu = cpuDelta > 0 && systemDelta > 0 ? cpuDelta / systemDelta * online * 100 : 0
    // The page cache that can be given back counts for nothing (cgroup v1 and v2 name it differently).
    let usage = figure("memory_stats", "usage")
    memory = usage
    for name in ["total_inactive_file", "inactive_file"] {
      let cache = figure("memory_stats", "stats", name)
      if sample["memory_stats"]?["stats"]?[name] != nil, cache < usage {
        memory = usage - cache
        break
      }
    }
    memoryLimit = figure("memory_stats", "limit")
    memoryPercent = memoryLimit > 0 ? memory / memoryLimit * 100 : 0
    (received, sent) = (0, 0)
    for network in sample["networks"]?.object?.members ?? [] {
      received += network.value["rx_bytes"]?.double ?? 0
      sent += network.value["tx_bytes"]?.double ?? 0
    }
    (read, written) = (0, 0)
    for entry in sample["blkio_stats"]?["io_service_bytes_recursive"]?.array ?? [] {
      switch entry.text("op").lowercased().first {
      case "r": read += entry["value"]?.double ?? 0
      case "w": written += entry["value"]?.double ?? 0
      default: continue
      }
    }
    processes = sample.number("pids_stats", "current")
  }
}

extension Table where Source == StatsRow {
  private static func known(_ row: StatsRow, _ text: String, _ unknown: String = "--") -> JSON {
    .string(row.isKnown ? text : unknown)
  }

  static let stats = Table(
    typeName: "*container.statsContext",
    columns: [
      .init("BlockIO", "BLOCK I/O") {
        known($0, "\(Sizes.human($0.read, digits: 3)) / \(Sizes.human($0.written, digits: 3))")
      },
      .init("CPUPerc", "CPU %") { known($0, GoFloat.fixed($0.cpu, 2) + "%") },
      .init("Container", "CONTAINER") { .string($0.container) },
      .init("ID", "CONTAINER ID") { row in
        let id = row.isKnown ? row.id : row.container
        return .string(row.truncates ? Show.shortID(id) : id)
      },
      .init("MemPerc", "MEM %") { known($0, GoFloat.fixed($0.memoryPercent, 2) + "%") },
      .init("MemUsage", "MEM USAGE / LIMIT") {
        known($0, "\(Sizes.binary($0.memory)) / \(Sizes.binary($0.memoryLimit))", "-- / --")
      },
      .init("Name", "NAME") { .string($0.name.isEmpty ? "--" : $0.name) },
      .init("NetIO", "NET I/O") {
        known($0, "\(Sizes.human($0.received, digits: 3)) / \(Sizes.human($0.sent, digits: 3))")
      },
      .init("PIDs", "PIDS") { known($0, String($0.processes)) },
    ])

  static let statsLayout =
    "table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}"
}
