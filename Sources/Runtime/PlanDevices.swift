import JSONTree
import OCISpec

/// The device controller: which device nodes a container may make, read and write.
extension PlanBuilder {
  /// What every container may have, besides what config.json says, and after it.
  static let defaultRules: [DeviceRule] = [
    DeviceRule(allow: true, type: "c", major: nil, minor: nil, access: "m"),
    DeviceRule(allow: true, type: "b", major: nil, minor: nil, access: "m"),
    DeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 1, minor: 8, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 1, minor: 7, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 5, minor: 0, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 1, minor: 5, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 1, minor: 9, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 136, minor: nil, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 5, minor: 2, access: "rwm"),
    DeviceRule(allow: true, type: "c", major: 10, minor: 200, access: "rwm"),
  ]

  /// The nodes that every container has in /dev.
  static let defaultDevices: [RuntimeSpec.Device] = [
    .init(path: "/dev/null", type: "c", major: 1, minor: 3), .init(path: "/dev/random", type: "c", major: 1, minor: 8),
    .init(path: "/dev/full", type: "c", major: 1, minor: 7), .init(path: "/dev/tty", type: "c", major: 5, minor: 0),
    .init(path: "/dev/zero", type: "c", major: 1, minor: 5), .init(path: "/dev/urandom", type: "c", major: 1, minor: 9),
  ]

  mutating func setDevices(_ rules: [RuntimeSpec.DeviceCgroup], _ failing: Step.Failure) {
    // libcontainer leaves them alone in a user namespace of v1; there is no need to.
    if options.rootless || flavour != .drydock && has(.user) && cgroups.layout.version != .unified { return }
    if flavour == .drydock, options.rootlessCgroups { return }
    var list = DeviceList()
    for rule in rules {
      list.apply(
        DeviceRule(
          allow: rule.allow, type: rule.type.isEmpty ? "a" : rule.type, major: rule.major, minor: rule.minor,
          access: rule.access))
    }
    for rule in PlanBuilder.defaultRules { list.apply(rule) }
    let result = list.rules
    if cgroups.layout.version == .unified {
      guard let path = cgroups.unified else { return }
      add(
        .deviceProgram(cgroup: path, rules: result),
        "cgroup v2 has no list of devices: an eBPF program is asked at each access, and compiled from the rules",
        failing: failing)
      return
    }
    guard let path = cgroups.path(of: "devices") else { return }
    for rule in result {
      let file = rule.allow ? "devices.allow" : "devices.deny"
      add(
        .writeFile(path: KernelPath("\(path)/\(file)"), contents: rule.text),
        rule.type == "a" ? "First everything is denied or allowed …" : "… then come the exceptions", failing: failing)
    }
  }
}

/// The state of a device controller: a default, and exceptions from it.
struct DeviceList {
  private(set) var allowsByDefault = false
  private var exceptions: [(key: Key, access: UInt8)] = []

  private struct Key: Hashable {
    var type: String
    var major: Int64?
    var minor: Int64?
    var order: (Int, Int64, Int64) { (type == "b" ? 0 : 1, major ?? -1, minor ?? -1) }
  }

  private static func bits(_ access: String) -> UInt8 {
    access.utf8.reduce(0) {
      $0 | ($1 == UInt8(ascii: "r") ? 1 : $1 == UInt8(ascii: "w") ? 2 : $1 == UInt8(ascii: "m") ? 4 : 0)
    }
  }

  /// As the kernel (v1) takes one line after the other: a rule for every device sets the default and forgets the
  /// exceptions; the others add to or take from them.
  mutating func apply(_ rule: DeviceRule) {
    if rule.type == "a" {
      (allowsByDefault, exceptions) = (rule.allow, [])
      return
    }
    let key = Key(type: rule.type, major: rule.major, minor: rule.minor)
    let access = DeviceList.bits(rule.access)
    let index = exceptions.firstIndex { $0.key == key }
    if rule.allow != allowsByDefault {
      if let index { exceptions[index].access |= access } else { exceptions.append((key, access)) }
    } else if let index {
      exceptions[index].access &= ~access
      if exceptions[index].access == 0 { exceptions.remove(at: index) }
    }
  }

  /// The default, then the exceptions by type and number.
  var rules: [DeviceRule] {
    var rules = [DeviceRule(allow: allowsByDefault, type: "a", major: nil, minor: nil, access: "rwm")]
    for (key, access) in exceptions.sorted(by: { $0.key.order < $1.key.order }) {
      rules.append(
        DeviceRule(
          allow: !allowsByDefault, type: key.type, major: key.major, minor: key.minor,
          access: DeviceList.text[Int(access & 7)]))
    }
    return rules
  }

  private static let text = ["", "r", "w", "rw", "m", "rm", "wm", "rwm"]
}
