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
      return RuntimeResult(stdout: GoText.table(rows), stderr: complaints)
    default: throw Failure("invalid format option")
    }
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
    guard let interval = GoText.nanoseconds(execution.arguments["interval"] ?? "5s"), interval > 0 else {
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

  // MARK: spec and features

  func spec(_ execution: Execution) throws -> RuntimeResult {
    let bundle = execution.arguments["bundle"].flatMap { $0.isEmpty ? nil : $0 } ?? ""
    let path = bundle + "/config.json"
    guard files.stat(path) == nil else { throw Failure("File config.json exists. Remove it first") }
    let rootless = execution.arguments.has("rootless")
    let json = ExampleSpec.json(
      rootless: rootless, unified: layout(as: execution.pid).version == .unified,
      uid: kernel.info(execution.pid)?.uid ?? 0, gid: kernel.info(execution.pid)?.uid ?? 0)
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
    case .drydock:
      features.annotations = ["io.github.seccomp.libseccomp.version": "2.6.0"]
    case .crun, .railcar:
      features.annotations = ["run.oci.crun.version": "1.29.1"]
    }
    return RuntimeResult(stdout: features.json.pretty() + "\n")
  }
}
