import JSONTree
import OCISpec
import Runtime
import Seams

/// What the runtime remembers of a container between two executions: the contents of `state.json`, and what a real
/// `runc init` holds in its own memory.
struct RuncRecord: Sendable {
  var facts: ContainerFacts
  /// Nanoseconds since 1970.
  var created: UInt64
  /// The program and its environment, looked up by `create`; nil when the record was read from `state.json`.
  var program: PlanPerformance.Program?
  /// Where `runc init` complains when execve is refused after `start` has returned.
  var stderr: ByteChannel?

  var id: String { facts.id }

  /// `state.json`, with libcontainer's names. The configuration is not repeated: it is in the bundle.
  static func stateJSON(_ facts: ContainerFacts, created: UInt64, flavour: RuntimeFlavour, pid: Int) -> String {
    var cgroups: JSONObject = [:]
    for path in facts.cgroups.all { cgroups.members.append(.init(name(of: path, facts.cgroups), .string(path))) }
    var namespaces: JSONObject = [:]
    for namespace in facts.config.linux?.namespaces ?? [] {
      namespaces.members.append(
        .init(String(namespace.type.flag.dropFirst(6)), .string("/proc/\(pid)/ns/\(namespace.type.procName)")))
    }
    let json: JSON = [
      "id": .string(facts.id), "init_process_pid": JSON(pid), "created": .string(RuncTime.rfc3339(created)),
      "rootless": .bool(facts.rootless), "cgroup_paths": .object(cgroups), "namespace_paths": .object(namespaces),
      "config": ["rootfs": .string(facts.rootfs), "labels": [.string("bundle=" + facts.bundle)]],
    ]
    return json.text
  }

  private static func name(of path: String, _ cgroups: CgroupPaths) -> String {
    if path == cgroups.unified { return "" }
    return String(path.dropFirst(cgroups.layout.mountPoint.utf8.count + 1).prefix { $0 != "/" })
  }
}

/// Times as the runtimes write them.
enum RuncTime {
  /// RFC 3339 in UTC with nanoseconds, trailing zeros left out.
  static func rfc3339(_ nanoseconds: UInt64, fraction: Bool = true) -> String {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
    let days = Int(seconds / 86_400)
    let (year, month, day) = date(days)
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    var text = "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(Int(h), 2)):\(pad(Int(m), 2)):\(pad(Int(s), 2))"
    if fraction, rest != 0 {
      var digits = pad(Int(rest), 9)
      while digits.utf8.last == UInt8(ascii: "0") { digits.removeLast() }
      text += "." + digits
    }
    return text + "Z"
  }

  /// Nanoseconds since 1970 of what `rfc3339` writes; 0 for anything else.
  static func parse(_ text: String) -> UInt64 {
    let fields = text.split { !("0"..."9").contains($0) }.compactMap { Int($0) }
    guard fields.count >= 6, (1...12).contains(fields[1]), (1970...9999).contains(fields[0]) else { return 0 }
    let year = fields[1] <= 2 ? fields[0] - 1 : fields[0]
    let era = year / 400
    let yearOfEra = year - era * 400
    let month = fields[1] > 2 ? fields[1] - 3 : fields[1] + 9
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + (153 * month + 2) / 5 + fields[2] - 1
    let seconds = (era * 146_097 + dayOfEra - 719_468) * 86_400 + fields[3] * 3600 + fields[4] * 60 + fields[5]
    var nanoseconds = UInt64(max(0, seconds)) &* 1_000_000_000
    if let dot = text.firstIndex(of: ".") {
      let digits = text[text.index(after: dot)...].prefix { ("0"..."9").contains($0) }.prefix(9)
      let padded = digits + String(repeating: "0", count: 9 - digits.count)
      nanoseconds += UInt64(padded) ?? 0
    }
    return nanoseconds
  }

  private static func pad(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  /// The civil date of a day counted from 1970 (Howard Hinnant's algorithm).
  private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let z = days + 719_468
    let era = z / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let mp = (5 * dayOfYear + 2) / 153
    let month = mp < 10 ? mp + 3 : mp - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
  }
}
