import JSONTree
import OCISpec
import Runtime
import Seams

/// `state`, `list`, `ps`, `events`, `spec`, `features`: what the runtime tells.
extension Runc {
  // MARK: state and list

  func state(_ execution: Execution) throws -> RuntimeResult {
    let record = try container(execution)
    return RuntimeResult(
      stdout: stateJSON(record, execution, owner: "").pretty(indent: "  ") + (flavour == .runc ? "" : "\n"))
  }

  private func stateJSON(_ record: RuncRecord, _ execution: Execution, owner: String?) -> JSON {
    let status = status(record, as: execution.pid)
    var object: JSONObject = [
      "ociVersion": .string(flavour == .railcar ? "0.2.0" : RuntimeSpec.version), "id": .string(record.id),
      "pid": JSON(status == .stopped ? 0 : record.facts.pid), "status": .string(status.rawValue),
      "bundle": .string(record.facts.bundle), "rootfs": .string(record.facts.rootfs),
      "created": .string(RFC3339.text(record.created)),
    ]
    let annotations = record.facts.config.annotations
    if !annotations.isEmpty { object["annotations"] = JSON(annotations) }
    if let owner { object["owner"] = .string(owner) }
    return .object(object)
  }

  func list(_ execution: Execution) throws -> RuntimeResult {
    let (arguments, root) = (execution.arguments, execution.arguments.root)
    var names = Set(remembered(below: root))
    if let listed = try? files.list(root) {
      names.formUnion(listed)
    } else if names.isEmpty, arguments.isRootGiven, kernel.stat(root, as: execution.pid) == nil {
      throw Failure("open \(root): no such file or directory")
    }
    var (records, complaints): ([RuncRecord], String) = ([], "")
    for name in names.sorted() where ContainerID.isValid(name) {
      do { records.append(try container(execution, name)) } catch {
        complaints += "load container \(name): \(error.message)\n"
      }
    }
    let owner = "root"
    if arguments.has("quiet") {
      return RuntimeResult(stdout: records.map { $0.id + "\n" }.joined(), stderr: complaints)
    }
    switch arguments["format"] ?? "table" {
    case "json":
      let json = records.isEmpty ? JSON.null : .array(records.map { stateJSON($0, execution, owner: owner) })
      return RuntimeResult(stdout: json.text + "\n", stderr: complaints)
    case "table":
      var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
      for record in records {
        let status = status(record, as: execution.pid)
        rows.append([
          record.id, String(status == .stopped ? 0 : record.facts.pid), status.rawValue, record.facts.bundle,
          RFC3339.text(record.created), owner,
        ])
      }
      return RuntimeResult(stdout: Runc.table(rows), stderr: complaints)
    default: throw Failure("invalid format option")
    }
  }

  /// Columns of at least twelve characters, three between them.
  private static func table(_ rows: [[String]]) -> String {
    var widths: [Int] = []
    for row in rows {
      for (index, cell) in row.enumerated() {
        if index == widths.count { widths.append(0) }
        widths[index] = max(widths[index], cell.count + 3, 12)
      }
    }
    return rows.map { row in
      row.enumerated().map { index, cell in
        index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
      }.joined() + "\n"
    }.joined()
  }

  // MARK: ps

  func ps(_ execution: Execution) throws -> RuntimeResult {
    let record = try container(execution)
    let pids = members(record)
    switch execution.arguments["format"] ?? "table" {
    case "json": return RuntimeResult(stdout: JSON.array(pids.map { JSON($0) }).text + "\n")
    case "table": break
    default: throw Failure("invalid format option")
    }
    var out = "UID          PID    PPID  C STIME TTY          TIME CMD\n"
    for pid in pids {
      guard let info = kernel.info(pid) else { continue }
      let user = info.uid == 0 ? "root" : String(info.uid)
      let seconds = info.cpu / 1_000_000_000
      let time = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : String($0) }
        .joined(separator: ":")
      let started = RFC3339.text(info.started * 1_000_000_000).dropFirst(11).prefix(5)
      out += user + String(repeating: " ", count: max(1, 9 - user.count))
      out += left(String(info.pid), 7) + left(String(info.ppid), 8) + "  0 \(started) "
      out += right(info.tty, 8) + " " + time + " " + info.command + "\n"
    }
    return RuntimeResult(stdout: out)
  }

  private func left(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
  private func right(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  // MARK: events

  func events(_ execution: Execution) async throws -> RuntimeResult {
    let record = try container(execution)
    guard let interval = Runc.duration(execution.arguments["interval"] ?? "5s"), interval > 0 else {
      throw Failure("duration interval must be greater than 0")
    }
    guard status(record, as: execution.pid) != .stopped else {
      throw Failure("container with id \(record.id) is not running")
    }
    if execution.arguments.has("stats") { return RuntimeResult(stdout: try stats(record)) }
    var out = ""
    while hasInit(record) {
      try await world.sleep(interval)
      if kernel.wasOOMKilled(record.facts.pid) {
        out += JSON.object(["type": "oom", "id": .string(record.id)]).text + "\n"
      }
      if hasInit(record) { out += try stats(record) }
    }
    return RuntimeResult(stdout: out)
  }

  private func stats(_ record: RuncRecord) throws(Failure) -> String {
    let cgroups = record.facts.cgroups
    let path = cgroups.unified ?? cgroups.path(of: "memory") ?? cgroups.members
    guard let data = kernel.statistics(cgroup: path) else { throw Failure("unable to get container cgroup stats") }
    return JSON.object(["type": "stats", "id": .string(record.id), "data": data]).text + "\n"
  }

  /// A duration as Go writes it: `5s`, `100ms`, `1m30s`; nanoseconds, nil when malformed.
  static func duration(_ text: String) -> UInt64? {
    let units: [String: Double] = ["ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12]
    var rest = Substring(text)
    var total = 0.0
    while !rest.isEmpty {
      let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
      rest = rest.dropFirst(unit.count)
      guard let value = Double(number), let factor = units[String(unit)] else { return nil }
      total += value * factor
    }
    return total < 9e18 ? UInt64(total) : nil
  }

  // MARK: spec and features

  func spec(_ execution: Execution) throws -> RuntimeResult {
    let bundle = execution.arguments["bundle"].flatMap { $0.isEmpty ? nil : $0 } ?? ""
    let path = bundle + "/config.json"
    guard files.stat(path) == nil else { throw Failure("File config.json exists. Remove it first") }
    let rootless = execution.arguments.has("rootless")
    let json = ExampleSpec.json(
      rootless: rootless, unified: layout(as: execution.pid).version == .unified,
      uid: kernel.info(execution.pid)?.uid ?? 0)
    do { try files.write(path, Array(json.pretty(indent: "\t").utf8), mode: 0o666) } catch {
      throw Failure("open config.json: \(error)")
    }
    return RuntimeResult()
  }

  func features() -> RuntimeResult {
    var features = RuntimeSpec.Features(capabilities: CapabilityNames.all)
    switch flavour {
    case .runc:
      features.annotations = [
        "org.opencontainers.runc.version": "1.5.0", "org.opencontainers.runc.checkpoint.enabled": "true",
        "io.github.seccomp.libseccomp.version": "2.6.0",
      ]
    default:
      features.annotations = ["run.oci.crun.version": "1.29.1"]
    }
    return RuntimeResult(stdout: features.json.pretty() + "\n")
  }
}

/// What `spec` writes: a bundle to begin with.
enum ExampleSpec {
  static func json(rootless: Bool, unified: Bool, uid: UInt32) -> JSON {
    let capabilities: JSON = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    let process: JSON = [
      "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
      "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
      "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
      "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
    ]
    var linux: JSONObject = [:]
    if rootless {
      linux["uidMappings"] = [["containerID": 0, "hostID": JSON(uid), "size": 1]]
      linux["gidMappings"] = [["containerID": 0, "hostID": JSON(uid), "size": 1]]
    } else {
      linux["resources"] = ["devices": [["allow": false, "access": "rwm"]]]
    }
    var namespaces = ["pid", rootless ? nil : "network", "ipc", "uts", "mount", unified ? "cgroup" : nil].compactMap {
      $0
    }
    if rootless { namespaces.append("user") }
    linux["namespaces"] = .array(namespaces.map { ["type": .string($0)] })
    linux["maskedPaths"] = [
      "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
      "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
    ]
    linux["readonlyPaths"] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    return [
      "ociVersion": .string(RuntimeSpec.version), "process": process, "root": ["path": "rootfs", "readonly": true],
      "hostname": "runc", "mounts": mounts(rootless), "linux": .object(linux),
    ]
  }

  private static func mounts(_ rootless: Bool) -> JSON {
    var pts: [JSON] = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if !rootless { pts.append("gid=5") }
    let sys: JSON =
      rootless
      ? [
        "destination": "/sys", "type": "none", "source": "/sys",
        "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
      ]
      : [
        "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"],
      ]
    return [
      ["destination": "/proc", "type": "proc", "source": "proc"],
      [
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
      ],
      ["destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": .array(pts)],
      [
        "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      ],
      [
        "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"],
      ],
      sys,
      [
        "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
      ],
    ]
  }
}
