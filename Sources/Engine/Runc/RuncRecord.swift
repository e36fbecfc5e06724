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
      "id": .string(facts.id), "init_process_pid": JSON(pid), "created": .string(RFC3339.text(created)),
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
