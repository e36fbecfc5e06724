import Glibc
import JSONTree
import Runtime

/// What a container uses, from the files of its cgroup, in the form of runc's `events --stats`: v2's numbers are given
/// the names that v1 has for them. A file that is not there is a controller that the host does not have.
struct Statistics {
  let cgroups: CgroupPaths

  private var isUnified: Bool { cgroups.layout.version == .unified }

  /// The member `data` of the event.
  var json: JSON {
    [
      "cpu": cpu, "cpuset": cpuset, "memory": memory, "pids": pids, "blkio": blkio, "hugetlb": hugetlb,
      "intel_rdt": [:], "network_interfaces": nil,
    ]
  }

  // MARK: Reading

  private func text(_ controller: String, _ file: String) -> String? {
    cgroups.path(of: controller).flatMap { HostFile.text("\($0)/\(file)") }
  }

  /// One number; `max` is `UInt64.max`.
  private func number(_ controller: String, _ file: String) -> UInt64? {
    guard let word = text(controller, file)?.prefix(while: { $0 != "\n" }) else { return nil }
    return word == "max" ? .max : UInt64(word)
  }

  /// Lines `NAME NUMBER`.
  private func table(_ controller: String, _ file: String) -> [(name: String, value: UInt64)] {
    Statistics.table(text(controller, file) ?? "")
  }

  static func table(_ text: String) -> [(name: String, value: UInt64)] {
    text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count == 2, let value = UInt64(Substring(fields[1])) else { return nil }
      return (String(Substring(fields[0])), value)
    }
  }

  // MARK: CPU

  private var cpu: JSON {
    var (usage, throttling): (JSONObject, JSONObject) = ([:], [:])
    let stat = table("cpu", "cpu.stat")
    func value(_ name: String) -> UInt64 { stat.first { $0.name == name }?.value ?? 0 }
    if isUnified {
      usage.set("total", value("usage_usec") &* 1000)
      usage["kernel"] = JSON(value("system_usec") &* 1000)
      usage["user"] = JSON(value("user_usec") &* 1000)
    } else {
      usage.set("total", number("cpuacct", "cpuacct.usage") ?? 0)
      let perCPU = (text("cpuacct", "cpuacct.usage_percpu") ?? "").split(whereSeparator: \.isWhitespace)
        .compactMap { UInt64($0) }
      if !perCPU.isEmpty { usage["percpu"] = JSON.array(perCPU.map { JSON($0) }) }
      // Lines `CPU USER SYSTEM` below a heading.
      let all = (text("cpuacct", "cpuacct.usage_all") ?? "").split(separator: "\n").dropFirst().map {
        $0.split(separator: " ").compactMap { UInt64($0) }
      }.filter { $0.count == 3 }
      if !all.isEmpty {
        usage["percpu_kernel"] = .array(all.map { JSON($0[2]) })
        usage["percpu_user"] = .array(all.map { JSON($0[1]) })
      }
      let ticks = table("cpuacct", "cpuacct.stat")
      let nanoseconds = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
      usage["kernel"] = JSON((ticks.first { $0.name == "system" }?.value ?? 0) &* nanoseconds)
      usage["user"] = JSON((ticks.first { $0.name == "user" }?.value ?? 0) &* nanoseconds)
    }
    throttling.set("periods", value("nr_periods"))
    throttling.set("throttledPeriods", value("nr_throttled"))
    throttling.set("throttledTime", isUnified ? value("throttled_usec") &* 1000 : value("throttled_time"))
    return .object(withPressure("cpu", ["usage": .object(usage), "throttling": .object(throttling)]))
  }

  /// Pressure stall information, which only v2 has for a cgroup.
  private func withPressure(_ kind: String, _ object: JSONObject) -> JSONObject {
    guard isUnified, let text = text(kind, "\(kind).pressure"), let psi = Statistics.pressure(text) else {
      return object
    }
    var object = object
    object["psi"] = psi
    return object
  }

  /// Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
  static func pressure(_ text: String) -> JSON? {
    var object: JSONObject = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count == 5, fields[0] == "some" || fields[0] == "full" else { continue }
      var values: JSONObject = [:]
      for field in fields.dropFirst() {
        let parts = field.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let value = Double(parts[1]) else { return nil }
        values[String(parts[0])] = parts[0] == "total" ? JSON(UInt64(parts[1]) ?? 0) : .double(value)
      }
      object[String(fields[0])] = .object(values)
    }
    return object.isEmpty ? nil : .object(object)
  }

  private var cpuset: JSON {
    var object: JSONObject = [:]
    let (cpus, mems) =
      isUnified ? ("cpuset.cpus.effective", "cpuset.mems.effective") : ("cpuset.cpus", "cpuset.mems")
    let list = Statistics.list(text("cpuset", cpus) ?? "")
    if !list.isEmpty { object["cpus"] = .array(list.map { JSON($0) }) }
    func flag(_ name: String) { object[name] = JSON(isUnified ? 0 : number("cpuset", "cpuset." + name) ?? 0) }
    flag("cpu_exclusive")
    let nodes = Statistics.list(text("cpuset", mems) ?? "")
    if !nodes.isEmpty { object["mems"] = .array(nodes.map { JSON($0) }) }
    for name in [
      "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab",
      "memory_pressure", "sched_load_balance",
    ] { flag(name) }
    let level = text("cpuset", "cpuset.sched_relax_domain_level").flatMap { Int($0.prefix { $0 != "\n" }) }
    object["sched_relax_domain_level"] = JSON(level ?? 0)
    return .object(object)
  }

  /// `0-2,7`; at most 65536 numbers.
  static func list(_ text: String) -> [Int] {
    var numbers: [Int] = []
    for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) ?? -1 }
      guard let first = ends.first, let last = ends.last, first >= 0, last >= first, last < 65536 else { continue }
      numbers += first...last
    }
    return numbers
  }

  // MARK: Memory

  private var memory: JSON {
    let stat = table("memory", "memory.stat").sorted { $0.name < $1.name }
    var object: JSONObject = [:]
    if let cache = stat.first(where: { $0.name == (isUnified ? "file" : "cache") }) { object.set("cache", cache.value) }
    if isUnified {
      let (usage, limit) = (number("memory", "memory.current") ?? 0, number("memory", "memory.max") ?? 0)
      let failures = table("memory", "memory.events").first { $0.name == "max" }?.value ?? 0
      object["usage"] = Statistics.entry(limit, usage, number("memory", "memory.peak") ?? 0, failures)
      // v1 counts memory and swap together.
      let swapLimit = number("memory", "memory.swap.max") ?? 0
      let both = limit == .max || swapLimit == .max ? .max : limit &+ swapLimit
      object["swap"] = Statistics.entry(both, (number("memory", "memory.swap.current") ?? 0) &+ usage, 0, 0)
      object["kernel"] = Statistics.entry(0, number("memory", "memory.kernel") ?? 0, 0, 0)
      object["kernelTCP"] = Statistics.entry(0, 0, 0, 0)
    } else {
      for (name, prefix) in [
        ("usage", "memory"), ("swap", "memory.memsw"), ("kernel", "memory.kmem"), ("kernelTCP", "memory.kmem.tcp"),
      ] {
        object[name] = Statistics.entry(
          number("memory", prefix + ".limit_in_bytes") ?? 0, number("memory", prefix + ".usage_in_bytes") ?? 0,
          number("memory", prefix + ".max_usage_in_bytes") ?? 0, number("memory", prefix + ".failcnt") ?? 0)
      }
    }
    if !stat.isEmpty {
      object["raw"] = .object(JSONObject(stat.map { .init($0.name, JSON(unsigned: $0.value)) }))
    }
    return .object(withPressure("memory", object))
  }

  private static func entry(_ limit: UInt64, _ usage: UInt64, _ most: UInt64, _ failures: UInt64) -> JSON {
    var object: JSONObject = ["limit": JSON(unsigned: limit)]
    object.set("usage", usage)
    object.set("max", most)
    object["failcnt"] = JSON(unsigned: failures)
    return .object(object)
  }

  // MARK: The others

  private var pids: JSON {
    var object: JSONObject = [:]
    object.set("current", number("pids", "pids.current") ?? 0)
    let limit = number("pids", "pids.max") ?? 0
    object.set("limit", limit == .max ? 0 : limit)
    return .object(object)
  }

  private var blkio: JSON {
    var object: JSONObject = [:]
    if isUnified {
      let (bytes, operations) = Statistics.unifiedIO(text("io", "io.stat") ?? "")
      if !bytes.isEmpty { object["ioServiceBytesRecursive"] = .array(bytes) }
      if !operations.isEmpty { object["ioServicedRecursive"] = .array(operations) }
      return .object(withPressure("io", object))
    }
    // The schedulers' own numbers where one is at work, the throttle's otherwise.
    for prefix in ["blkio.", "blkio.bfq.", "blkio.throttle."] {
      for (name, file) in [
        ("ioServiceBytesRecursive", "io_service_bytes"), ("ioServicedRecursive", "io_serviced"),
        ("ioQueueRecursive", "io_queued"), ("ioServiceTimeRecursive", "io_service_time"),
        ("ioWaitTimeRecursive", "io_wait_time"), ("ioMergedRecursive", "io_merged"), ("ioTimeRecursive", "time"),
        ("sectorsRecursive", "sectors"),
      ] {
        let entries = Statistics.blockEntries(text("blkio", "\(prefix)\(file)_recursive") ?? "")
        if !entries.isEmpty { object[name] = .array(entries) }
      }
      if object["ioServicedRecursive"] != nil { break }
    }
    return .object(object)
  }

  /// Lines `MAJOR:MINOR [OPERATION] NUMBER`; the sums over all devices are left out.
  static func blockEntries(_ text: String) -> [JSON] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split { $0 == " " || $0 == ":" }
      guard fields.count == 3 || fields.count == 4, let major = UInt64(fields[0]), let minor = UInt64(fields[1]),
        let value = UInt64(fields[fields.count - 1])
      else { return nil }
      return entry(major, minor, fields.count == 4 ? String(fields[2]) : "", value)
    }
  }

  /// Lines `MAJOR:MINOR rbytes=… wbytes=… rios=… wios=… …`, as v1's two tables.
  static func unifiedIO(_ text: String) -> (bytes: [JSON], operations: [JSON]) {
    var (bytes, operations): ([JSON], [JSON]) = ([], [])
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      let numbers = (fields.first ?? "").split(separator: ":").compactMap { UInt64($0) }
      guard numbers.count == 2 else { continue }
      for field in fields.dropFirst() {
        let parts = field.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
        switch parts[0] {
        case "rbytes": bytes.append(entry(numbers[0], numbers[1], "Read", value))
        case "wbytes": bytes.append(entry(numbers[0], numbers[1], "Write", value))
        case "rios": operations.append(entry(numbers[0], numbers[1], "Read", value))
        case "wios": operations.append(entry(numbers[0], numbers[1], "Write", value))
        default: continue
        }
      }
    }
    return (bytes, operations)
  }

  private static func entry(_ major: UInt64, _ minor: UInt64, _ operation: String, _ value: UInt64) -> JSON {
    var object: JSONObject = [:]
    object.set("major", major)
    object.set("minor", minor)
    if !operation.isEmpty { object["op"] = .string(operation) }
    object.set("value", value)
    return .object(object)
  }

  private var hugetlb: JSON {
    guard let folder = cgroups.path(of: "hugetlb") else { return [:] }
    let suffix = isUnified ? ".current" : ".usage_in_bytes"
    var sizes: JSONObject = [:]
    for file in HostFile.names(in: folder) ?? [] where file.hasPrefix("hugetlb.") && file.hasSuffix(suffix) {
      let size = String(file.dropFirst(8).dropLast(suffix.count))
      guard !size.contains(".") else { continue }
      var object: JSONObject = [:]
      object.set("usage", number("hugetlb", file) ?? 0)
      if isUnified {
        let failures = table("hugetlb", "hugetlb.\(size).events").first { $0.name == "max" }?.value ?? 0
        object["failcnt"] = JSON(unsigned: failures)
      } else {
        object.set("max", number("hugetlb", "hugetlb.\(size).max_usage_in_bytes") ?? 0)
        object["failcnt"] = JSON(unsigned: number("hugetlb", "hugetlb.\(size).failcnt") ?? 0)
      }
      sizes[size] = .object(object)
    }
    return .object(sizes)
  }
}

extension JSONObject {
  /// Sets a number; 0 is left out, as Go's `omitempty` does.
  fileprivate mutating func set(_ name: String, _ value: UInt64) {
    if value != 0 { self[name] = JSON(unsigned: value) }
  }
}

extension JSON {
  /// A number of 64 bits without a sign, in all its digits: readers in Go take it as uint64.
  fileprivate init(unsigned value: UInt64) {
    self = Int64(exactly: value).map(JSON.int) ?? .encoded(EncodedJSON(digits: value))
  }
}
